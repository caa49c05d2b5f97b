# SPDX-License-Identifier: GPL-2.0-only
"""The command line from outside: exit codes, messages, JSON, digests."""

import json
import signal
import subprocess
import time
import unittest

from program import BUILD, MINTSIM, SCENARIOS, ProgramTest, leave, multiboot, say

PARALLEL2 = (SCENARIOS / "parallel2.toml").read_text()


class GoodInput(ProgramTest):
    def test_every_scenario_passes_the_check(self):
        for scenario in sorted(SCENARIOS.glob("*.toml")):
            with self.subTest(scenario.name):
                done = self.mintsim("check", scenario)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_help_ends_with_0(self):
        done = self.mintsim("run", "--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("--seed", done.stdout)

    def test_the_images_are_listed(self):
        done = self.mintsim("images", "list")
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in ("linux-mint64", "initrd-follower32", "kexec-x86_64"):
            self.assertIn(name, done.stdout)


class BadInput(ProgramTest):
    """Exit code 2, a message that names the place, and nothing started."""

    def expect(self, done, *parts):
        self.assertEqual(done.returncode, 2, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)
        self.assertFalse((self.folder / "out").exists(), "something was started")

    def expect_of(self, old, new, *parts, text=PARALLEL2):
        """parallel2 with `old` replaced by `new`: check and run must say `parts`."""
        self.assertIn(old, text)
        self.write("bad.toml", text.replace(old, new, 1))
        for verb in ("check", "run"):
            with self.subTest(verb):
                self.expect(self.mintsim(verb, "bad.toml"), "bad.toml:", "remedy: ", *parts)

    def test_no_command(self):
        self.assertEqual(self.mintsim().returncode, 2)

    def test_unknown_option(self):
        self.expect(self.mintsim("run", "x.toml", "--sed", "2"), "--sed")

    def test_option_of_the_wrong_type(self):
        self.expect(self.mintsim("run", "x.toml", "--seed", "two"), "two")

    def test_no_such_timing_level(self):
        self.write("good.toml", PARALLEL2)
        self.expect(self.mintsim("run", "good.toml", "--timing", "fast"), "--timing", "count, block, cache")
        self.expect_of("[machine]", '[machine]\ntiming = "fast"', "machine.timing", "count")

    def test_no_such_scenario(self):
        self.expect(self.mintsim("run", "nowhere.toml"), "nowhere.toml", "remedy")

    def test_no_toml(self):
        self.write("bad.toml", "name = [\n")
        self.expect(self.mintsim("run", "bad.toml"), "bad.toml:1:")

    def test_unknown_key(self):
        self.expect_of("uart = 2", "urat = 2", "'urat'", "did you mean 'uart'?")

    def test_wrong_type(self):
        self.expect_of("cores = [1]", 'cores = "1"', "'os[1].cores' is a string")

    def test_overlapping_memory(self):
        self.expect_of("512M-768M", "500M-768M", "'f1'", "'f2'", "memory")

    def test_overlapping_cores(self):
        self.expect_of("cores = [2]", "cores = [1]", "'f1'", "'f2'", "core 1")

    def test_one_serial_port_for_two(self):
        self.expect_of("uart = 3", "uart = 2", "'f1'", "'f2'")

    def test_pins_of_another(self):
        self.expect_of("uart = 3", "uart = 3\npins = [3]", "'f1'", "'f2'", "pin")

    def test_purgatory_in_the_legacy_hole(self):
        self.expect_of(
            "cores = [2]",
            "cores = [17]",
            "'f2'",
            "17",
            text=PARALLEL2.replace('profile = "core-i7-860"', 'profile = "core-i7-860"\ncores = 20'),
        )

    def test_more_cores_than_a_profile_can_have(self):
        self.expect_of(
            'profile = "core-i7-860"', 'profile = "core-i7-860"\ncores = 65', "machine.cores"
        )

    def test_a_core_that_the_machine_lacks(self):
        self.expect_of("cores = [2]", "cores = [7]", "7")

    def test_unknown_profile(self):
        self.expect_of("core-i7-860", "core-i9", "'core-i9'")

    def test_unknown_image(self):
        self.expect_of("@linux-mint64", "@linux-mint46", "linux-mint46")

    def test_kernel_missing(self):
        self.expect_of("@linux-mint64", "vmlinuz", "vmlinuz")

    def test_kernel_is_no_bzimage(self):
        self.write("vmlinuz", bytes(100_000))
        self.expect_of("@linux-mint64", "vmlinuz", "vmlinuz", "bzImage")

    def test_initrd_that_does_not_fit(self):
        self.write("huge", b"")
        with (self.folder / "huge").open("wb") as file:
            file.truncate(400 << 20)
        self.expect_of("@initrd-follower64", "huge", "'f1'", "huge")

    def test_program_missing(self):
        self.expect(self.mintsim("run", "program.elf"), "program.elf", "remedy")

    def test_program_is_no_elf(self):
        self.write("program.elf", "#!/bin/sh\n")
        self.expect(self.mintsim("run", "program.elf"), "program.elf")

    def test_program_where_no_ram_is(self):
        self.write("program.elf", multiboot(leave(0), address=0xA0000))
        done = self.mintsim("run", "program.elf")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("a0000", done.stderr)

    def test_module_missing(self):
        self.write("program.elf", multiboot(leave(0)))
        self.expect(self.mintsim("run", "program.elf", "--module", "data"), "data")

    def test_options_of_programs_with_a_scenario(self):
        self.expect(self.mintsim("run", SCENARIOS / "single.toml", "--cores", "2"), "--cores")

    def test_too_many_cores_for_a_program(self):
        self.write("program.elf", multiboot(leave(0)))
        self.expect(self.mintsim("run", "program.elf", "--cores", "65"), "--cores")

    def test_json_that_cannot_be_written(self):
        self.write("program.elf", multiboot(leave(0)))
        done = self.mintsim("run", "program.elf", "--json", "no/such/folder.json")
        self.expect(done, "no/such/folder.json")


class BareMetal(ProgramTest):
    def test_goal_met(self):
        self.write("program.elf", multiboot(say("hello\n") + leave(0)))
        done = self.mintsim("run", "program.elf", "--json", "result.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("hello", done.stdout)
        result = json.loads((self.folder / "result.json").read_text())
        self.assertEqual(result["schema"], 1)
        self.assertTrue(result["goal_met"])
        self.assertEqual(result["exit_code"], 0)
        self.assertGreater(result["instructions"], 0)
        self.assertGreater(result["simulated_s"], 0)
        self.assertEqual((result["seed"], result["os"]), (1, []))
        for key in ("scenario", "reason", "digest", "wall_s", "peak_rss_mb"):
            self.assertIn(key, result)

    def test_64_bit_elf(self):
        self.write("program.elf", multiboot(say("wide\n") + leave(0), wide=True))
        self.assertIn("wide", self.mintsim("run", "program.elf").stdout)

    def test_information_keeps_clear_of_a_low_program(self):
        code = bytes([0xE9]) + (0x1800 - 5).to_bytes(4, "little")  # jmp behind 9000h
        code = code.ljust(0x1800, b"\x90") + say("whole\n") + leave(0)
        self.write("program.elf", multiboot(code, address=0x8000))
        self.assertEqual(self.mintsim("run", "program.elf", "--quiet").stdout.strip(), "whole")

    def test_goal_missed(self):
        self.write("program.elf", multiboot(leave(7)))
        result = self.run_json("program.elf", code=1)
        self.assertFalse(result["goal_met"])
        self.assertEqual(result["exit_code"], 7)
        self.assertIn("7", result["reason"])

    def until(self, program, end, code=0):
        """Runs it as a scenario that ends so."""
        self.write("program.elf", multiboot(program))
        self.write(
            "until.toml",
            'name = "until"\n[machine]\nprofile = "core-i7-860"\ncores = 2\n'
            f'[bare_metal]\nprogram = "program.elf"\n[end]\n{end}\ntime_limit_s = 0.5\n',
        )
        return self.run_json("until.toml", code=code)

    def test_the_goal_that_it_halts(self):
        result = self.until(b"\xfa\xf4", 'when = "power-off"')  # cli; hlt
        self.assertEqual(result["reason"], "every core has halted")
        self.assertLess(result["simulated_s"], 0.1)
        # An interrupt could go on with this one, although none comes.
        code = b"\xb0\xff\xe6\x21\xe6\xa1"  # mov al, FFh; out 21h, al; out A1h, al
        code += b"\xfb\xf4\xeb\xfd"  # sti; 1: hlt; jmp 1b
        result = self.until(code, 'when = "power-off"', code=1)
        self.assertIn("time limit", result["reason"])

    def test_the_goal_that_it_prints(self):
        endless = say("all is well\n") + b"\xeb\xfe"
        result = self.until(endless, 'when = "console-text"\ntext = "is well"')
        self.assertEqual(result["reason"], '"is well" printed')
        result = self.until(endless, 'when = "console-text"\ntext = "is ill"', code=1)
        self.assertIn("time limit", result["reason"])

    def test_quiet_prints_the_guest_and_nothing_else(self):
        self.write("program.elf", multiboot(say("only this\n") + leave(0)))
        done = self.mintsim("run", "program.elf", "--quiet")
        self.assertEqual((done.stdout.replace("\r", ""), done.stderr), ("only this\n", ""))

    def test_console_file(self):
        self.write("program.elf", multiboot(say("kept\n") + leave(0)))
        self.mintsim("run", "program.elf", "--out", "here")
        texts = [file.read_text() for file in (self.folder / "here").glob("*.console.log")]
        self.assertTrue(any("kept" in text for text in texts), texts)

    def test_a_hang_is_explained(self):
        self.write("program.elf", multiboot(b"\xfa\xf4"))  # cli; hlt
        done = self.mintsim("run", "program.elf", "--json", "result.json")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("core 0", json.loads((self.folder / "result.json").read_text())["watchdog"])

    def test_a_triple_fault_is_no_fault_of_ours(self):
        # lidt with limit 0, then an exception
        self.write("program.elf", multiboot(b"\x0f\x01\x1d\x00\x00\x00\x00\x0f\x0b"))
        result = self.run_json("program.elf", code=1)
        self.assertIsNone(result["exit_code"])


    def test_a_full_disk_is_told(self):
        self.write("program.elf", multiboot(say("lost\n") + leave(0)))
        (self.folder / "here").mkdir()
        (self.folder / "here" / "serial.console.log").symlink_to("/dev/full")
        result = self.run_json("program.elf", "--out", "here", code=1)
        self.assertIn("here cannot be written", result["reason"])

    def endless(self, *arguments):
        """A run that is under way, and would be for ever."""
        self.write("program.elf", multiboot(b"\xeb\xfe"))  # jmp to itself
        process = subprocess.Popen(
            [str(MINTSIM), "run", "program.elf", "--no-record", *arguments],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        while not (self.folder / "out" / "program" / "serial.console.log").exists():
            self.assertIsNone(process.poll(), "it has ended before it was interrupted")
            time.sleep(0.02)
        return process

    def test_a_folder_is_one_runs_at_a_time(self):
        first = self.endless()
        second = self.mintsim("run", "program.elf", "--no-record")
        self.assertEqual(second.returncode, 2)
        self.assertRegex(second.stderr, r"^mintsim: another run .* out/program; remedy: .*--out DIR\n$")
        self.assertIsNone(first.poll(), "the first goes on")
        # However it ends, the folder is free again.
        first.kill()
        first.wait()
        self.write("program.elf", multiboot(leave(0)))
        third = self.mintsim("run", "program.elf", "--no-record")
        self.assertEqual(third.returncode, 0, third.stderr)

    def test_a_folder_that_cannot_be_locked(self):
        self.write("program.elf", multiboot(leave(0)))
        (self.folder / "here" / ".lock").mkdir(parents=True)
        done = self.mintsim("run", "program.elf", "--out", "here")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^mintsim: the output folder here cannot .*--out DIR\n$")

    def test_interrupted_it_still_reports(self):
        process = self.endless("--json", "result.json")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=60), 1)
        result = json.loads((self.folder / "result.json").read_text())
        self.assertEqual(result["reason"], "interrupted by the user")
        self.assertIn("core 0", result["watchdog"])


class Digest(ProgramTest):
    program = BUILD / "tests" / "guest" / "smp64.elf"

    def digest(self, *arguments):
        return self.run_json(self.program, "--cores", 4, *arguments)["digest"]

    def test_same_seed_same_run(self):
        self.assertEqual(self.digest(), self.digest("--seed", 1))

    def test_another_seed_is_another_run(self):
        self.assertNotEqual(self.digest(), self.digest("--seed", 2))


if __name__ == "__main__":
    unittest.main()
