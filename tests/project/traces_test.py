# SPDX-License-Identifier: GPL-2.0-only
"""Recorded runs from outside: the store, its errors, and what a killed program leaves."""

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest
from pathlib import Path

from browser import CHROMIUM, Browser
from program import BUILD, MINTSIM, ROOT, ProgramTest, leave, multiboot, say


def busy(lines: int) -> bytes:
    """A program that prints a line so many times, and exits with 0."""
    body = say("a line of text\n")
    code = b"\xbd" + lines.to_bytes(4, "little")  # mov ebp, lines
    back = -(len(body) + 1 + 6)
    code += body + b"\x4d" + b"\x0f\x85" + back.to_bytes(4, "little", signed=True)  # dec; jnz
    return multiboot(code + leave(0))


class StoreTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.store = self.folder / "runs.db"

    def record(self, program: bytes, *arguments: object) -> dict:
        self.write("p.elf", program)
        return self.run_json("p.elf", "--store", self.store, *arguments)

    def runs(self) -> list:
        done = self.mintsim("runs", "--store", self.store, "--json", "-")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def expect_error(self, done, *parts):
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, "one line: " + done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)


class Recording(StoreTest):
    def test_a_run_is_recorded_and_told(self):
        self.write("p.elf", multiboot(say("hello\n") + leave(0)))
        done = self.mintsim("run", "p.elf", "--store", self.store)
        self.assertIn("recorded as run 1", done.stdout)
        (run,) = self.runs()
        self.assertEqual((run["id"], run["state"], run["goal_met"]), (1, "finished", True))
        done = self.mintsim("show", "1", "--store", self.store, "--json", "-")
        self.assertEqual(json.loads(done.stdout)["digest"], run["digest"])

    def test_recording_does_not_change_the_digest(self):
        program = busy(500)
        digests = {self.record(program, "--no-record")["digest"]}
        for level in ("stages", "events", "blocks", "full"):
            digests.add(self.record(program, "--level", level)["digest"])
        self.assertEqual(len(digests), 1)
        self.assertEqual(len(self.runs()), 4, "--no-record records nothing")

    def test_without_store_it_goes_to_the_users_data_folder(self):
        self.write("p.elf", multiboot(leave(0)))
        self.run_json("p.elf")
        self.assertTrue((self.folder / "data" / "mintsim" / "runs.db").exists())
        self.assertEqual(self.mintsim("runs").returncode, 0)

    def test_the_store_is_plain_sql(self):
        self.record(multiboot(say("first\nsecond\n") + leave(0)))
        db = sqlite3.connect(self.store)
        lines = [row[0] for row in db.execute("SELECT line FROM v_console ORDER BY at_s")]
        self.assertEqual(lines, ["first", "second"])
        ((name, digest),) = db.execute("SELECT scenario, digest FROM v_run").fetchall()
        self.assertEqual((name, digest), ("p", self.runs()[0]["digest"]))

    def test_the_examples_of_sql(self):
        self.record(multiboot(say("first\n") + leave(0)))
        text = (ROOT / "docs" / "traces.md").read_text()
        lines = [line[4:] for line in text.splitlines() if re.match(r"    (--|SELECT|FROM|WHERE)", line)]
        statements = [s for s in "\n".join(lines).split(";") if s.strip()]
        self.assertGreaterEqual(len(statements), 4)
        db = sqlite3.connect(self.store)
        for statement in statements:
            db.execute(statement)

    def test_export_of_every_table(self):
        self.record(multiboot(say("one\n") + leave(0)))
        done = self.mintsim("export", "last", "--store", self.store)
        tables = json.loads(done.stdout)["tables"]
        self.assertEqual(tables["console"][0]["line"], "one")
        self.assertIn("exit", [event["kind"] for event in tables["events"]])
        done = self.mintsim(
            "export", "last", "--store", self.store, "--format", "csv", "--table", "v_console"
        )
        self.assertEqual(done.stdout.splitlines()[0], "run,os,at_s,line")

    def test_prune(self):
        for _ in range(3):
            self.record(multiboot(leave(0)))
        done = self.mintsim("prune", "--keep", "1", "--store", self.store)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([run["id"] for run in self.runs()], [3])


class Killed(StoreTest):
    """A recording program is killed at any moment: what was finished is whole."""

    def test_at_many_points(self):
        self.record(multiboot(leave(0)))
        program = self.write("busy.elf", busy(100_000))
        rng = random.Random(1)
        killed = 0
        for turn in range(20):
            child = subprocess.Popen(
                [str(MINTSIM), "run", str(program), "--quiet", "--store", str(self.store)],
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(rng.uniform(0, 0.6) if turn % 2 else rng.uniform(0.02, 0.15))
            child.send_signal(signal.SIGKILL)
            killed += child.wait() == -signal.SIGKILL
            db = sqlite3.connect(self.store)
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchone()[0], "ok")
            finished = db.execute(
                "SELECT id, digest IS NOT NULL, result IS NOT NULL FROM run "
                "WHERE state = 'finished'"
            ).fetchall()
            self.assertIn((1, 1, 1), finished)
            self.assertTrue(all(row[1] and row[2] for row in finished))
            db.close()
        self.assertGreater(killed, 10, "the program was too fast to be killed")
        unfinished = [run for run in self.runs() if run["state"] == "unfinished"]
        self.assertGreater(len(unfinished), 3)
        # The store goes on working, and what was recorded of a killed run can be read.
        self.record(multiboot(leave(0)))
        for run in unfinished:
            done = self.mintsim("export", run["id"], "--store", self.store, "--table", "events")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(len(json.loads(done.stdout)), run["events"])
        self.mintsim("prune", "--unfinished", "--store", self.store)
        self.assertEqual([r["state"] for r in self.runs()].count("unfinished"), 0)


    def test_of_a_diff_and_a_replay_nothing_is_left(self):
        """Neither in the folder for what is temporary, nor a process."""
        # A second's loop; then CMOS 34h, which tells how much memory there is.
        code = b"\xb9" + (400_000_000).to_bytes(4, "little") + b"\x49\x75\xfd"
        code += b"\xb0\x34\xe6\x70\xe4\x71\x3c\x00\x74\x02\x90\x90" + say("x") + leave(0)
        for memory in (17, 18):
            self.record(multiboot(code), "--memory", memory)
        place = self.folder / "temporary"
        place.mkdir()
        for arguments in (("diff", "1", "2"), ("replay", "1")):
            with self.subTest(arguments[0]):
                child = subprocess.Popen(
                    [str(MINTSIM), *arguments, "--store", str(self.store)],
                    cwd=self.folder,
                    env={**os.environ, "TMPDIR": str(place)},
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )
                while not any(place.iterdir()):
                    self.assertIsNone(child.poll(), "it has ended before it was killed")
                    time.sleep(0.01)
                time.sleep(0.2)
                child.send_signal(signal.SIGKILL)
                self.assertEqual(child.wait(), -signal.SIGKILL, "it was too fast to be killed")
                self.wait_until(lambda: not any(place.iterdir()))
                self.wait_until(lambda: not self.processes_of(child.pid))

    def wait_until(self, condition):
        deadline = time.monotonic() + 10
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    @staticmethod
    def processes_of(group: int) -> list[str]:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, group_of_it = stat.read_text().rsplit(")", 1)[1].split()[:3]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(group_of_it) == group and state != "Z":
                found.append(stat.parent.name)
        return found


class Errors(StoreTest):
    def test_no_store(self):
        self.expect_error(self.mintsim("runs", "--store", "none.db"), "none.db", "remedy")
        self.assertFalse((self.folder / "none.db").exists())

    def test_no_such_run(self):
        self.record(multiboot(leave(0)))
        for verb in ("show", "export"):
            self.expect_error(self.mintsim(verb, "9", "--store", self.store), "no run 9", "remedy")

    def test_no_store_file(self):
        self.write("p.elf", multiboot(leave(0)))
        store = self.write("text.db", "this is no database, but a text of some length\n" * 5)
        self.expect_error(self.mintsim("run", "p.elf", "--store", store), "no run store")
        self.assertTrue(store.read_text().startswith("this is no database"), "left alone")

    def test_locked(self):
        self.record(multiboot(leave(0)))
        db = sqlite3.connect(self.store, isolation_level=None)
        db.execute("BEGIN EXCLUSIVE")
        self.expect_error(self.mintsim("run", "p.elf", "--store", self.store), "locked")
        db.execute("ROLLBACK")
        self.assertEqual(len(self.runs()), 1)

    def test_newer_version(self):
        self.record(multiboot(leave(0)))
        db = sqlite3.connect(self.store)
        db.execute("PRAGMA user_version = 77")
        db.close()
        for command in (("runs",), ("show", "1"), ("run", "p.elf")):
            self.expect_error(self.mintsim(*command, "--store", self.store), "version 77")

    # Every sub-command that reads a store, and those that write to it.
    READ = (("runs",), ("show", "1"), ("diff", "1", "2"), ("replay", "1"), ("report", "1"),
            ("export", "1"), ("baseline", "check"))  # fmt: skip
    WRITE = (("run", "p.elf"), ("prune", "1"), ("baseline", "save", "1"))

    def damage(self, spoil) -> None:
        """All sub-commands refuse a store that `spoil` has spoiled, and leave it alone."""
        for _ in range(2):
            self.record(multiboot(say("x\n" * 50) + leave(0)))
        spoil()
        before = self.store.read_bytes()
        for command in self.READ + self.WRITE:
            with self.subTest(command):
                self.expect_error(self.mintsim(*command, "--store", self.store), "remedy")
                self.assertEqual(self.store.read_bytes(), before)

    def test_of_another_version_for_every_command(self):
        def spoil():
            db = sqlite3.connect(self.store)
            db.execute("PRAGMA user_version = 77")
            db.close()

        self.damage(spoil)

    def test_truncated_for_every_command(self):
        self.damage(lambda: os.truncate(self.store, self.store.stat().st_size // 2))

    def make_older(self) -> None:
        db = sqlite3.connect(self.store)
        db.executescript(
            "DROP TABLE baseline; ALTER TABLE run DROP COLUMN timing; PRAGMA user_version = 1"
        )
        db.close()

    def test_older_version_is_brought_up_to_date_by_every_command(self):
        for _ in range(2):
            self.record(multiboot(leave(0)))
        self.make_older()
        before = self.store.read_bytes()
        for command in (("runs",), ("show", "1"), ("export", "1"), ("diff", "1", "2"),
                        ("report", "1", "-o", "r.html"), ("prune", "1")):  # fmt: skip
            with self.subTest(command):
                self.store.write_bytes(before)
                done = self.mintsim(*command, "--store", self.store)
                self.assertEqual(done.returncode, 0, done.stderr)
        self.store.write_bytes(before)
        # It did not say yet at which timing level a run had been made.
        self.expect_error(self.mintsim("replay", "1", "--store", self.store), "timing level")

    def read_only_store(self):
        """What runs a command on a copy of the store that nobody may write."""
        before = self.store.read_bytes()
        store = self.folder / "closed" / "runs.db"
        store.parent.mkdir()
        store.write_bytes(before)
        store.chmod(0o444)
        store.parent.chmod(0o555)
        self.addCleanup(store.parent.chmod, 0o755)
        nobody = {}
        if os.geteuid() == 0:  # who may write everything
            self.folder.chmod(0o755)
            if subprocess.run(["true"], user=65534, check=False).returncode:
                self.skipTest("needs another user")
            nobody = {"user": 65534, "group": 65534, "extra_groups": []}
        readable = subprocess.run(["test", "-x", str(MINTSIM)], **nobody, check=False)
        if readable.returncode:
            self.skipTest("the program is in a folder that is root's own")

        def as_nobody(*command: str) -> subprocess.CompletedProcess:
            return subprocess.run(
                [str(MINTSIM), *command, "--store", str(store)],
                cwd=self.folder, capture_output=True, text=True, check=False, timeout=120, **nobody,
            )  # fmt: skip

        return store, as_nobody

    def test_read_only_and_older(self):
        self.record(multiboot(leave(0)))
        self.make_older()
        store, as_nobody = self.read_only_store()
        before = store.read_bytes()
        for command in (("runs",), ("show", "1"), ("diff", "1", "1"), ("export", "1")):
            self.expect_error(as_nobody(*command), "schema version 1", "remedy: copy it")
        self.assertEqual(store.read_bytes(), before)

    def test_read_only(self):
        """It can be read all the same; what would write says that it cannot."""
        for _ in range(2):
            self.record(multiboot(leave(0)))
        store, as_nobody = self.read_only_store()
        before = store.read_bytes()
        for command in (("runs",), ("show", "1"), ("diff", "1", "2"), ("export", "1")):
            self.assertEqual(as_nobody(*command).returncode, 0, command)
        for command in (("prune", "1"), ("baseline", "save", "1")):
            self.expect_error(as_nobody(*command), "cannot be written", "remedy")
        self.assertEqual(store.read_bytes(), before)

    def test_runs_that_cannot_be_aligned(self):
        self.record(multiboot(leave(0)))
        db = sqlite3.connect(self.store)
        self.record(multiboot(say("x") + leave(0)))
        db.execute("UPDATE run SET scenario = 'other', digest = 'x' WHERE id = 2")
        db.execute("INSERT INTO os VALUES (2, 0, 'leader', 'leader', 0, '0')")
        db.commit()
        db.close()
        diff = self.mintsim("diff", "1", "2", "--store", self.store)
        self.expect_error(diff, "cannot be aligned", "no follower", "remedy")
        diff = self.mintsim("diff", "1", "2", "--os", "f9", "--store", self.store)
        self.expect_error(diff, "no operating system 'f9'", "remedy")

    def test_truncated(self):
        self.record(multiboot(say("x\n" * 50) + leave(0)))
        os.truncate(self.store, self.store.stat().st_size // 2)
        self.expect_error(self.mintsim("show", "1", "--store", self.store), "truncated")

    def test_disk_full_while_it_runs(self):
        """A file system of a few pages: the run ends with 2, and what was there is whole."""
        self.record(multiboot(leave(0)))
        self.write("busy.elf", busy(60_000))
        limit = self.store.stat().st_size + 64 * 1024
        done = subprocess.run(
            ["bash", "-c", f"trap '' XFSZ; ulimit -f {limit // 1024}; exec \"$@\"", "-",
             str(MINTSIM), "run", "busy.elf", "--quiet", "--store", str(self.store)],
            cwd=self.folder, capture_output=True, text=True, timeout=120, check=False,
        )
        self.expect_error(done, str(self.store), "remedy")
        runs = self.runs()
        self.assertEqual(runs[0]["state"], "finished")
        self.assertEqual([r["state"] for r in runs[1:]], ["unfinished"] * len(runs[1:]))


class Diff(StoreTest):
    """One difference is planted, and the diff names exactly that."""

    def diff(self, code: int, *arguments: object) -> dict:
        done = self.mintsim("diff", "1", "2", "--store", self.store, "--json", "-", *arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def record_as(self, name: str, program: bytes, *arguments: object) -> None:
        self.write(name, program)
        self.run_json(name, "--store", self.store, *arguments)

    def test_the_same_run_twice(self):
        for _ in range(2):
            self.record_as("p.elf", busy(20))
        self.assertEqual(self.diff(0)["outcome"], "identical")

    def test_a_byte_of_the_program(self):
        """The 1,001st line's second letter is another one: a comparison of a counter."""
        # mov ecx, 2000; loop: mov eax, [counter]; ...; the constant decides what is printed.
        def program(constant: int) -> bytes:
            loop = b"\x81\xf9" + constant.to_bytes(4, "little")  # cmp ecx, constant
            loop += b"\xb0\x41"  # mov al, 'A'
            loop += b"\x75\x02"  # jne +2
            loop += b"\xb0\x42"  # mov al, 'B'
            loop += b"\xee"  # out dx, al
            loop += b"\x49"  # dec ecx
            back = -(len(loop) + 2)
            loop += b"\x75" + back.to_bytes(1, "little", signed=True)
            return multiboot(say("") + b"\xb9\xd0\x07\x00\x00" + loop + leave(0))

        self.record_as("a.elf", program(1000))
        self.record_as("b.elf", program(1001))
        diff = self.diff(1)
        self.assertEqual(diff["outcome"], "diverged")
        (image,) = [i for i in diff["inputs"] if i["what"] == "program" and i["detail"]]
        self.assertIn("1 byte differs", image["detail"])
        self.assertIn("e8h / e9h", image["detail"])
        first = diff["first"]
        self.assertTrue(first["exact"])
        self.assertEqual(first["cause"], "memory")
        # The flags differ when ECX is 1001, in the 1,000th turn of the loop.
        self.assertIn("(B has other code here)", "\n".join(first["code"]))
        self.assertIn("cmp ecx, 0x3e8", "\n".join(first["code"]))
        registers = {r["name"]: (r["a"], r["b"]) for r in first["registers"]}
        self.assertNotIn("RCX", registers)

    def test_a_device_value(self):
        # CMOS 34h: memory above 16 MB in units of 64 KB.
        code = b"\xb0\x34\xe6\x70\xe4\x71\x3c\x00\x74\x02\x90\x90" + say("x") + leave(0)
        self.write("p.elf", multiboot(code))
        self.run_json("p.elf", "--store", self.store, "--memory", "17")
        self.run_json("p.elf", "--store", self.store, "--memory", "18")
        first = self.diff(1)["first"]
        self.assertEqual(first["cause"], "device value")
        self.assertEqual(first["does_a"], "reads 10h from port 71h")
        self.assertEqual(first["does_b"], "reads 20h from port 71h")

    def scenario(self, name: str, port_delay: int) -> str:
        return self.write(
            name,
            f'name = "s"\n[machine.delays]\nport = {port_delay}\n'
            '[bare_metal]\nprogram = "p.elf"\n',
        ).name

    def test_a_latency_that_only_takes_time(self):
        self.write("p.elf", busy(20))
        self.run_json(self.scenario("a.toml", 400), "--store", self.store)
        self.run_json(self.scenario("b.toml", 410), "--store", self.store)
        diff = self.diff(0)
        self.assertEqual(diff["outcome"], "identical")
        self.assertIn("only times differ", diff["why"])
        (text,) = [i for i in diff["inputs"] if i["what"] == "scenario"]
        self.assertEqual(text["detail"], "line 3: 'port = 400' / 'port = 410'")

    def test_a_latency_that_moves_an_interrupt(self):
        """The PIT interrupts a loop at another instruction."""
        # No handler is needed: the request is polled at the 8259.
        code = b"\xb0\x30\xe6\x43\xb0\x00\xe6\x40\xb0\x10\xe6\x40"  # counter 0, mode 0: 1000h
        code += b"\xb0\x0a\xe6\x20"  # OCW3: read IRR
        code += b"\xe4\x20\xa8\x01\x74\xfa"  # in al, 20h; test al, 1; jz back
        self.write("p.elf", multiboot(code + say("x") + leave(0)))
        self.run_json(self.scenario("a.toml", 400), "--store", self.store)
        self.run_json(self.scenario("b.toml", 600), "--store", self.store)
        first = self.diff(1)["first"]
        self.assertEqual((first["cause"], first["os"]), ("device value", ""))
        self.assertIn("port 20h", first["does_a"])

    def test_what_cannot_be_run_again_is_told_by_its_events(self):
        """The program is no more what it was: the stored accesses to PCI still say where they part."""

        def program(changed: int) -> bytes:
            # mov edx, 0CF8h; mov ecx, 600; loop: mov eax, 80000000h; cmp ecx, changed; jne +2;
            # mov al, 8; out dx, eax; add dl, 4; in eax, dx; sub dl, 4; dec ecx; jnz
            loop = b"\xb8\x00\x00\x00\x80\x81\xf9" + changed.to_bytes(4, "little")
            loop += b"\x75\x02\xb0\x08\xef\x80\xc2\x04\xed\x80\xea\x04\x49"
            back = (-(len(loop) + 2)).to_bytes(1, "little", signed=True)
            start = b"\xba\xf8\x0c\x00\x00\xb9\x58\x02\x00\x00"
            return multiboot(start + loop + b"\x75" + back + leave(0))

        self.record_as("p.elf", program(200))
        self.record_as("p.elf", program(1000))
        diff = self.diff(1)
        self.assertIn("is not what it was", diff["why"])
        first = diff["first"]
        self.assertFalse(first["exact"])
        # Nine instructions a turn, the 401st is the one; it has one more.
        self.assertIn("register 08h", first["does_a"])
        self.assertIn("register 00h", first["does_b"])
        self.assertLess(first["until"] - first["retired"], 20)

    def test_what_cannot_be_run_again_is_inconclusive_or_coarse(self):
        self.record_as("p.elf", busy(20))
        self.record_as("p.elf", busy(21))
        done = self.mintsim("diff", "1", "2", "--store", self.store)
        self.assertIn(done.returncode, (1, 4))
        self.assertIn("is not what it was", done.stdout)


class Replay(StoreTest):
    def replay(self, code: int, *arguments: object) -> dict:
        done = self.mintsim("replay", *arguments, "--store", self.store, "--json", "-")
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_to_the_end(self):
        # Long enough in simulated time for checkpoints.
        self.record(busy(3000))
        replay = self.replay(0, "1")
        self.assertTrue(replay["same"])
        self.assertGreater(replay["checked"], 0)
        self.assertEqual(replay["digest"], self.runs()[0]["digest"])

    def test_at_a_finer_level_it_is_a_run_of_its_own(self):
        self.record(busy(100))
        self.assertEqual(self.replay(0, "1", "--level", "full")["recorded_as"], 2)
        first, second = self.runs()
        self.assertEqual(first["digest"], second["digest"])
        self.assertGreater(second["events"], 10 * first["events"])

    def test_until(self):
        self.record(busy(3000))
        cycle = self.replay(0, "1", "--until", "cycle:5000000")["cycle"]
        self.assertEqual(cycle, 5_000_000)
        self.assertEqual(self.replay(0, "1", "--until", "2ms")["cycle"], 5_600_000)
        cores = self.replay(0, "1", "--until", "core:0:5000")
        self.assertTrue(cores["reached"])
        events = self.mintsim("export", "1", "--store", self.store, "--table", "events")
        lines = [e for e in json.loads(events.stdout) if e["kind"] == "console"]
        third = self.replay(0, "1", "--until", "event:console:3")
        self.assertEqual(third["cycle"], lines[2]["cycle"])
        self.assertFalse(self.replay(1, "1", "--until", "event:reset")["reached"])

    def test_the_first_checkpoint_that_differs_ends_it(self):
        self.record(busy(6000))
        db = sqlite3.connect(self.store)
        cycles = [row[0] for row in db.execute("SELECT at FROM checkpoint WHERE run = 1")]
        self.assertGreater(len(cycles), 3)
        db.execute("UPDATE checkpoint SET digest = 'x' WHERE at >= ?", (cycles[2],))
        db.commit()
        db.close()
        replay = self.replay(1, "1")
        self.assertEqual((replay["last_same_cycle"], replay["cycle"]), (cycles[1], cycles[2]))

    def test_bad_input(self):
        self.record(busy(1))
        for when in ("soon", "core:9:1", "event:party", "symbol:", "cycle:x"):
            done = self.mintsim("replay", "1", "--store", self.store, "--until", when)
            self.expect_error(done, when, "remedy")
        self.write("p.elf", busy(2))
        self.expect_error(self.mintsim("replay", "1", "--store", self.store), "is not what it was")


class Baseline(StoreTest):
    def baseline(self, code: int, verb: str, *arguments: object) -> list:
        done = self.mintsim("baseline", verb, *arguments, "--store", self.store, "--json", "-")
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_the_same_moved_and_not_to_be_compared(self):
        self.record(busy(10))
        self.baseline(0, "save", "last")
        self.record(busy(10))
        self.assertEqual(self.baseline(0, "check")[0]["outcome"], "same")
        # The program is another one: like is not compared with like.
        self.record(busy(11))
        (check,) = self.baseline(4, "check")
        self.assertEqual(check["outcome"], "inconclusive")
        self.assertIn("image program p.elf", check["what"][0])
        # The emulator is another one: it gives another end for the same inputs.
        self.record(busy(10))
        db = sqlite3.connect(self.store)
        db.execute("UPDATE run SET digest = 'ff', end = end + 1000 WHERE id = 4")
        db.commit()
        db.close()
        (check,) = self.baseline(1, "check")
        self.assertEqual(check["outcome"], "moved")
        self.assertIn("(+1000, ", "\n".join(check["what"]))
        # A baseline outlives the run that it was saved of.
        self.mintsim("prune", "1", "--store", self.store)
        self.assertEqual(self.baseline(0, "check", "2")[0]["outcome"], "same")

    def test_bad_input(self):
        self.record(busy(1))
        done = self.mintsim("baseline", "check", "--store", self.store)
        self.expect_error(done, "no baseline 'default'", "remedy")


def fields(message: bytes) -> list[tuple[int, object]]:
    """A protobuf message: numbers and values of its fields."""

    def number(at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            value |= (message[at] & 0x7F) << shift
            shift += 7
            at += 1
            if message[at - 1] < 0x80:
                return value, at

    found, at = [], 0
    while at < len(message):
        key, at = number(at)
        if key & 7 == 0:
            value, at = number(at)
        elif key & 7 == 1:
            value, at = int.from_bytes(message[at : at + 8], "little"), at + 8
        else:
            size, at = number(at)
            value, at = message[at : at + size], at + size
        found.append((key >> 3, value))
    return found


class ViewTest(StoreTest):
    def view(self, verb: str, name: str, *arguments: object) -> Path:
        out = self.folder / name
        done = self.mintsim(verb, "last", "--store", self.store, *arguments, "-o", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        return out

    def interrupts(self) -> None:
        """A guest program with interrupts, IPIs and several cores."""
        self.run_json(BUILD / "tests" / "guest" / "ipi.elf", "--cores", "4", "--store", self.store)


class Views(ViewTest):
    def test_perfetto(self):
        self.interrupts()
        trace = fields(self.view("export", "t.perfetto", "--format", "perfetto").read_bytes())
        self.assertEqual({number for number, _ in trace}, {1}, "packets only")
        depth: dict[int, int] = {}
        names, flows, ends, last = [], set(), set(), 0
        for _, packet in trace:
            packet = dict(fields(packet))
            if 60 in packet:
                names.append(dict(fields(packet[60]))[2].decode())
                continue
            self.assertGreaterEqual(packet[8], last, "in the order of time")
            last = packet[8]
            event = fields(packet[11])
            kind, track = dict(event)[9], dict(event)[11]
            flows |= {value for number, value in event if number == 47}
            ends |= {value for number, value in event if number == 48}
            depth[track] = depth.get(track, 0) + {1: 1, 2: -1, 3: 0}[kind]
            self.assertGreaterEqual(depth[track], 0, "slices nest")
        self.assertEqual(set(depth.values()), {0}, "every slice ends")
        self.assertIn("core 1: interrupts", names)
        self.assertTrue(ends and ends <= flows, "arrows have both ends")

    @unittest.skipUnless(shutil.which("protoc"), "needs protoc")
    def test_perfetto_by_its_schema(self):
        self.interrupts()
        trace = self.view("export", "t.perfetto", "--format", "perfetto")
        schema = Path(__file__).with_name("perfetto.proto")
        done = subprocess.run(
            ["protoc", "--decode=perfetto.protos.Trace", f"-I{schema.parent}", schema.name],
            input=trace.read_bytes(), capture_output=True, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        shown = done.stdout.decode()
        # What the schema does not know comes as a bare number.
        self.assertNotRegex(shown, re.compile(r"^\s*\d+[: ]", re.M))
        self.assertIn('name: "core 1: interrupts"', shown)
        self.assertRegex(shown, r"terminating_flow_ids: \d+")
        begins = shown.count("type: TYPE_SLICE_BEGIN")
        self.assertGreater(begins, 10)
        self.assertEqual(begins, shown.count("type: TYPE_SLICE_END"))

    def test_folded_stacks_count_every_block(self):
        self.record(busy(50), "--level", "blocks")
        stacks = self.view("export", "t.folded", "--format", "folded").read_text().splitlines()
        counts = {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in stacks}
        # The loop is one block for each character and more; it is executed 50 times.
        self.assertGreaterEqual(sum(counts.values()), 50)

    def test_csv_of_every_table(self):
        self.interrupts()
        folder = self.view("export", "csv", "--format", "csv")
        names = {path.name for path in folder.iterdir()}
        self.assertLessEqual({"events.csv", "ipi.csv", "v_stage.csv", "moment.csv"}, names)
        head, *rows = (folder / "ipi.csv").read_text().splitlines()
        self.assertEqual(head, "run,sent,arrived,sender,receivers,mode,vector")
        self.assertGreater(len(rows), 10)

    def test_a_figure_needs_followers(self):
        self.record(multiboot(leave(0)))
        done = self.mintsim("export", "1", "--store", self.store, "--format", "svg")
        self.expect_error(done, "no follower", "remedy")

    def test_the_report_needs_nothing_else(self):
        self.record(multiboot(say("</script><b>&\n") + leave(0)))
        page = self.view("report", "r.html").read_text()
        self.assertNotRegex(page, r"(src|href)=.?https?:")
        self.assertEqual(page.count("</script>"), 1, "console text does not end the script")
        data = re.search(r"^const data = (.*);$", page, re.M).group(1)
        self.assertEqual(json.loads(data)["lines"][0][2], "</script><b>&")


@unittest.skipUnless(CHROMIUM, "needs chromium")
class Page(ViewTest):
    """The report page in a browser: it is opened, clicked through and read."""

    def open(self, page: Path, place: str = "") -> tuple[Browser, float]:
        browser = Browser(self.folder / "profile")
        self.addCleanup(browser.close)
        browser.open("about:blank")
        return browser, browser.open(page.as_uri() + place)

    def test_click_through(self):
        self.interrupts()
        browser, _ = self.open(self.view("report", "r.html"))
        run = self.runs()[0]
        self.assertEqual(browser.text("#title"), f"ipi, run {run['id']}")
        self.assertIn(run["digest"], browser.text("#made"))
        self.assertIn("started at 8000h", browser.text("#moments"))
        # A click on a moment in the table goes there, and the place says what happens then.
        browser.click("#moments tbody tr:nth-child(2) button")
        moment = browser.text("#moments tbody tr:nth-child(2) button")
        self.assertTrue(browser.text("#now").startswith(f"{moment}"), browser.text("#now"))
        # Zoom by button, wheel and key; each narrows the view, Home widens it to the whole run.
        span = "view.to - view.from"
        widths = [browser.run(span)]
        browser.click("#zoom-in")
        widths.append(browser.run(span))
        x, y = browser.place("#chart")
        browser.wheel(x, y, -300)
        widths.append(browser.run(f"new Promise(d => setTimeout(() => d({span}), 100))"))
        browser.click_at(x, y)
        browser.run("document.querySelector('#chart').focus()")
        browser.key("+", 187, "+")
        widths.append(browser.run(span))
        self.assertEqual(widths, sorted(widths, reverse=True))
        self.assertEqual(len(set(widths)), 4, widths)
        browser.key("Home", 36)
        self.assertGreaterEqual(browser.run(span), widths[0])
        # From event to event.
        times = []
        for _ in range(5):
            browser.key("n", 78, "n")
            times.append(float(browser.text("#now").split()[0]))
        self.assertEqual(times, sorted(set(times)), "each later than the one before")
        browser.key("p", 80, "p")
        self.assertEqual(float(browser.text("#now").split()[0]), times[-2])
        # Dark and light.
        back = "getComputedStyle(document.body).backgroundColor"
        before = browser.run(back)
        browser.click("#theme")
        self.assertNotEqual(browser.run(back), before)
        self.assertEqual(browser.problems(), [])

    def test_the_moment_of_the_address(self):
        self.interrupts()
        browser, _ = self.open(self.view("report", "r.html"), "#at=0.002")
        self.assertTrue(browser.text("#now").startswith("0.002000000 s"))

    def test_what_a_screen_reader_is_told(self):
        self.interrupts()
        browser, _ = self.open(self.view("report", "r.html"))
        nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
        told = {(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if "role" in n}
        self.assertIn(("application", "Timeline of cores, lock and disks"), told)
        self.assertIn(("button", "Zoom in"), told)
        self.assertIn(("button", "Earlier"), told)
        self.assertIn("status", {role for role, _ in told})
        self.assertFalse([name for role, name in told if role == "button" and not name])

    def test_200_000_events(self):
        """It opens in less than 2 s, and a picture of it takes less than 50 ms, mostly."""
        # mov edx, 0CF8h; mov ecx, 200,000; loop: out dx, eax; in eax, 0CFCh; dec ecx; jnz
        code = b"\xba\xf8\x0c\x00\x00\xb8\x00\x00\x00\x80\xef\xb9" + (200_000).to_bytes(4, "little")
        code += b"\x66\xba\xfc\x0c\xed\x49\x75\xfc"
        self.record(multiboot(code + say("done\n") + leave(0)))
        page = self.view("report", "r.html")
        browser, seconds = self.open(page)
        self.assertGreater(browser.run("data.points.length"), 200_000)
        self.assertLess(seconds, 2)
        pictures = browser.run(PICTURES)
        self.assertLess(sorted(pictures)[len(pictures) // 2], 50, pictures)
        self.assertEqual(browser.problems(), [])


# How long pictures take while one zooms in, moves and chooses moments, in milliseconds.
PICTURES = """(() => {
  const took = [];
  const time = action => {
    const begun = performance.now();
    action();
    paint();
    took.push(performance.now() - begun);
  };
  Object.assign(view, {from: 0, to: end});
  for (let i = 0; i < 30; i++) time(() => zoom(0.8, end / 2));
  for (let i = 0; i < 30; i++) time(() => move((view.to - view.from) / 10));
  Object.assign(view, {from: 0, to: end});
  for (let i = 0; i < 30; i++) time(() => choose(end * i / 30));
  return took;
})()"""


if __name__ == "__main__":
    unittest.main()
