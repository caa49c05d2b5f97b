# SPDX-License-Identifier: GPL-2.0-only
"""Recorded boots: one difference is planted, and the diff names it; every scenario replays."""

import json
import os
import re
import resource
import struct
import subprocess
import unittest
from pathlib import Path

from browser import CHROMIUM, Browser
from program import MINTSIM, ROOT, SCENARIOS, ProgramTest

PARALLEL2 = (SCENARIOS / "parallel2.toml").read_text()


class BootTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.store = self.folder / "runs.db"

    def record(self, scenario: str, *arguments: object) -> dict:
        path = self.write("parallel2.toml", scenario)
        return self.run_json(path, "--store", self.store, "--quiet", *arguments)

    def diff(self, code: int) -> dict:
        done = self.mintsim("diff", "1", "2", "--store", self.store, "--json", "-", timeout=600)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    @staticmethod
    def inputs(diff: dict) -> dict:
        return {i["what"]: i["detail"] for i in diff["inputs"]}


class Recorded(BootTest):
    def test_parallel2_is_small_and_compared_quickly(self):
        first = self.record(PARALLEL2)
        second = self.record(PARALLEL2)
        self.assertEqual(first["digest"], second["digest"])
        self.assertLess(self.store.stat().st_size, 10_000_000)
        self.assertEqual(self.diff(0)["outcome"], "identical")
        rows = self.mintsim(
            "export", "1", "--store", self.store, "--format", "csv", "--table", "v_stage"
        ).stdout
        for stage in ("load", "place", "ipi", "purgatory", "kernel", "user"):
            self.assertEqual(rows.count(f",{stage},"), 3 if stage in ("kernel", "user") else 2)
        for figure in ("4.1", "4.4"):
            svg = self.mintsim(
                "export", "1", "--store", self.store, "--format", "svg", "--figure", figure
            ).stdout
            self.assertIn("4 purgatory", svg)
            self.assertIn("f1", svg)


    @unittest.skipUnless(CHROMIUM, "needs chromium")
    def test_the_page_of_parallel2(self):
        self.record(PARALLEL2)
        page = self.folder / "report.html"
        done = self.mintsim("report", "1", "--store", self.store, "-o", page)
        self.assertEqual(done.returncode, 0, done.stderr)
        browser = Browser(self.folder / "profile")
        self.addCleanup(browser.close)
        browser.open("about:blank")
        self.assertLess(browser.open(page.as_uri()), 2)
        # The stage table goes to a stage; the core's lane and its console are those of then.
        row = browser.run(
            "[...document.querySelectorAll('#stages tbody tr')].findIndex("
            "r => r.innerText.startsWith('f1') && r.innerText.includes('kernel'))"
        )
        browser.run("[...which.options].forEach(o => { o.selected = o.text === 'f1'; }), 0")
        browser.click(f"#stages tbody tr:nth-child({row + 1}) button")
        self.assertIn("core 1: f1: f1 kernel", browser.text("#now"))
        here = "document.querySelector('#console .here')?.innerText ?? ''"
        before = browser.run(here)
        browser.run("choose(data.stages.find(z => z[0] === 1 && z[1] === 5)[3])")
        self.assertIn("f1 user", browser.text("#now"))
        self.assertNotEqual(browser.run(here), before, "the console goes with the moment")
        self.assertIn("two followers in parallel", browser.text("#thesis"))
        self.assertEqual(browser.problems(), [])


def children_s() -> float:
    """Processor time of the programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class PlantedInitrdByte(BootTest):
    def test_it_is_named(self):
        initrd = (image("initrd-follower64") / "initrd").read_bytes()
        at = len(initrd) * 3 // 4
        of_f2 = PARALLEL2.rindex('"@initrd-follower64"')
        text = PARALLEL2[:of_f2] + '"initrd"' + PARALLEL2[of_f2 + len('"@initrd-follower64"') :]
        # Neither is f1's, which the leader's disk would have only once.
        for name, bit in (("a", 0x10), ("b", 0x20)):
            (self.folder / name).mkdir()
            self.write(f"{name}/parallel2.toml", text)
            self.write(f"{name}/initrd", initrd[:at] + bytes([initrd[at] ^ bit]) + initrd[at + 1 :])
            before = children_s()
            self.mintsim(
                "run", f"{name}/parallel2.toml", "--store", self.store, "--quiet", timeout=600
            )
            run_s = children_s() - before
        before = children_s()
        diff = self.diff(1)
        # Both are run again once, side by side; what is behind the window is not.
        self.assertLess(children_s() - before, 3 * run_s)
        self.assertIn(f"the first at offset {at:#x}:", self.inputs(diff)["initrd of f2"])
        first = diff["first"]
        self.assertEqual((first["os"], first["cause"]), ("f2", "memory"))
        self.assertTrue(first["exact"])
        self.assertIn("LBA", diff["disk_data"]["what"])


def image(name: str) -> Path:
    found = subprocess.run(
        [str(ROOT / "guest" / "images"), "path", name], capture_output=True, text=True, check=True
    )
    return Path(found.stdout.strip())


class PackedKernel:
    """The kernel in a bzImage, whose packed form is kept: single bytes of it can be changed.

    In LZ4 a byte stands for itself, or is part of what is copied from before; one that stands for
    itself and is not copied later can be changed without anything else changing.
    """

    def __init__(self, bzimage: bytes, system_map: str):
        self.file = bytearray(bzimage)
        begin = (bzimage[0x1F1] + 1) * 512 + int.from_bytes(bzimage[0x248:0x24C], "little")
        self.kernel, self.source = bytearray(), []  # of each byte: where in the file it stands
        self.copied = bytearray()
        self._unpack(begin, begin + int.from_bytes(bzimage[0x24C:0x250], "little"))
        rows = [line.split() for line in system_map.splitlines()]
        self.functions = sorted((int(row[0], 16), row[2]) for row in rows if row[1] in "tT")

    def _unpack(self, at: int, end: int) -> None:
        file, kernel = self.file, self.kernel

        def length(nibble: int) -> int:
            nonlocal at
            total, more = nibble, nibble == 15
            while more:
                total, more = total + file[at], file[at] == 255
                at += 1
            return total

        at += 4  # magic
        while at + 4 <= end:
            stop = at + 4 + int.from_bytes(file[at : at + 4], "little")
            at += 4
            if stop > end:
                break  # the unpacked size
            while at < stop:
                token = file[at]
                at += 1
                count = length(token >> 4)
                kernel += file[at : at + count]
                self.source += range(at, at + count)
                self.copied += bytes(count)
                at += count
                if at == stop:
                    break
                back = int.from_bytes(file[at : at + 2], "little")
                at += 2
                count = length(token & 15) + 4
                begin = len(kernel) - back
                self.copied[begin : begin + count] = b"\1" * len(self.copied[begin : begin + count])
                for i in range(count):
                    kernel.append(kernel[begin + i])
                self.source += [0] * count
                self.copied += bytes(count)

    def offset_of(self, address: int) -> int:
        start = int.from_bytes(self.kernel[32:40], "little")  # e_phoff
        for row in range(start, start + 56 * self.kernel[56], 56):
            kind, _, offset, linear, _, size = struct.unpack_from("<IIQQQQ", self.kernel, row)
            if kind == 1 and linear <= address < linear + size:
                return offset + address - linear
        raise LookupError(hex(address))

    def flip(self, function: str, before: bytes) -> tuple[int, int, bytes]:
        """The lowest bit of the byte behind `before` in a function: of a JE it makes a JNE.

        Its address, what it was, and the bzImage with it changed.
        """
        i = [name for _, name in self.functions].index(function)
        begin, end = self.functions[i][0], self.functions[i + 1][0]
        offset = self.offset_of(begin)
        at = self.kernel.index(before, offset, offset + end - begin) + len(before)
        if not self.source[at] or self.copied[at]:
            raise LookupError("this byte is packed together with others")
        file = bytearray(self.file)
        file[self.source[at]] ^= 1
        return begin + at - offset, self.kernel[at], bytes(file)


class PlantedKernelFunction(BootTest):
    """f2's kernel takes another branch in one function, by one bit of one instruction."""

    FUNCTION = "pci_direct_probe"
    # cmp eax, 80000000h; je: whether CF8h reads as it was written (pci_check_type1).
    COMPARISON = b"\x3d\x00\x00\x00\x80"

    def test_it_is_named(self):
        mint = image("linux-mint64")
        system_map = (mint / "System.map").read_text()
        kernel = (mint / "bzImage").read_bytes()
        at, was, patched = PackedKernel(kernel, system_map).flip(self.FUNCTION, self.COMPARISON)
        of_f2 = PARALLEL2.rindex('"@linux-mint64"')
        text = PARALLEL2[:of_f2] + '"bzImage"' + PARALLEL2[of_f2 + len('"@linux-mint64"') :]
        text = text.replace("time_limit_s = 120", "time_limit_s = 30")
        # Neither is f1's, which the leader's disk would have only once: the last byte is of a checksum
        # that nobody looks at.
        other = kernel[:-1] + bytes([kernel[-1] ^ 1])
        for name, content in (("a", other), ("b", patched)):
            (self.folder / name).mkdir()
            self.write(f"{name}/parallel2.toml", text)
            self.write(f"{name}/bzImage", content)
            self.write(f"{name}/System.map", system_map)
            self.mintsim(
                "run", f"{name}/parallel2.toml", "--store", self.store, "--quiet", timeout=600
            )
        diff = self.diff(1)
        detail = self.inputs(diff)["kernel of f2"]
        self.assertIn("1 byte of its code and data differs", detail)
        self.assertIn(f"{self.FUNCTION}+", detail)
        self.assertIn(f"({at:x}h): {was:02x}h / {was ^ 1:02x}h", detail)
        first = diff["first"]
        self.assertTrue(first["exact"])
        self.assertEqual((first["os"], first["cause"]), ("f2", "memory"))
        self.assertIn(f"({self.FUNCTION}+", first["place_a"])
        self.assertIn("(B has other code here)", "\n".join(first["code"]))


class PlantedSeed(BootTest):
    def test_it_is_named(self):
        self.record(PARALLEL2)
        self.record(PARALLEL2, "--seed", "2")
        done = self.mintsim("diff", "1", "2", "--store", self.store, "--json", "-", timeout=600)
        self.assertIn(done.returncode, (0, 1), done.stdout + done.stderr)
        diff = json.loads(done.stdout)
        self.assertEqual([(i["what"], i["a"], i["b"]) for i in diff["inputs"]], [("seed", "1", "2")])
        # The seed sets when cores start, and where the platters are: times come first.
        self.assertIsNotNone(diff["time"])
        if diff["first"]:
            self.assertGreater(diff["first"]["cycle_a"], diff["time"]["cycle_a"])
            self.assertIn(diff["first"]["cause"], ("time", "interrupt", "device value"))


class PlantedLatency(BootTest):
    def test_it_is_named(self):
        self.record(PARALLEL2)
        slower = PARALLEL2.replace(
            'profile = "core-i7-860"', 'profile = "core-i7-860"\ndisk.read_overhead_ns = 120_000'
        )
        self.record(slower)
        diff = self.diff(1)
        self.assertIn("read_overhead_ns", self.inputs(diff)["scenario"])
        self.assertIn("overhead 280000 / 336000 cycles", diff["time"]["what"])


class Overhead(BootTest):
    """What recording costs the host: 5 % of a run at level events, 60 % at level blocks, at most.

    Processor time, which other programs disturb less than the clock on the wall: the least of
    several runs, in turn. That counts the writer's thread as well, which runs beside the machine.
    """

    TURNS = 5

    def seconds(self, *arguments: object) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.mintsim("run", SCENARIOS / "parallel2.toml", "--quiet", *arguments, timeout=600)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime

    def test_of_levels(self):
        levels = {
            "none": ("--no-record",),
            "events": ("--level", "events", "--store", self.store),
            "blocks": ("--level", "blocks", "--store", self.store),
        }
        took = {name: [] for name in levels}
        for _ in range(self.TURNS):
            for name, arguments in levels.items():
                took[name].append(self.seconds(*arguments))
        least = {name: min(times) for name, times in took.items()}
        for name in ("events", "blocks"):
            print(f"level {name}: {100 * (least[name] / least['none'] - 1):+.1f} %", took[name])
        self.assertLess(least["events"] / least["none"], 1.05, took)
        self.assertLess(least["blocks"] / least["none"], 1.60, took)


class WalkThrough(BootTest):
    """The five commands of docs/traces.md give what it shows, but for what it leaves out by '...'
    and for numbers, which are those of one kernel."""

    @staticmethod
    def words(text: str) -> str:
        return re.sub(r"\b(\d[0-9a-fx.]*|[0-9a-f]{8,16})h?\b", "#", text)

    def test_as_written(self):
        text = (ROOT / "docs" / "traces.md").read_text()
        section = text[text.index("## Five commands") : text.index("## Levels")]
        commands: list[tuple[str, list[str]]] = []
        for line in section.splitlines():
            if line.startswith("    $ "):
                commands.append((line[6:], []))
            elif line.startswith("    "):
                commands[-1][1].append(line.strip())
        self.assertEqual(len(commands), 5)
        (self.folder / "scenarios").symlink_to(SCENARIOS)
        environment = {
            **os.environ,
            "XDG_DATA_HOME": str(self.folder / "data"),
            "PATH": f"{MINTSIM.parent}:{os.environ['PATH']}",
        }
        for command, shown in commands:
            done = subprocess.run(
                ["bash", "-c", command], cwd=self.folder, env=environment, capture_output=True,
                text=True, timeout=600, check=False,
            )  # fmt: skip
            said = self.words(done.stdout)
            self.assertIn(done.returncode, (0, 1), done.stderr)
            at = 0
            pieces = (part.strip() for line in shown for part in line.split("..."))
            for piece in map(self.words, pieces):
                self.assertIn(piece, said[at:], f"{command}: {said}")
                at = said.index(piece, at) + len(piece)
        self.assertTrue((self.folder / "report.html").exists())


class EveryScenarioReplays(BootTest):
    """Each scenario runs twice to the same digest. The second run is a replay, which says where the
    two part if they do, and what surrounds it on the host is other than for the first."""

    def test_all(self):
        place = self.folder / "another place, with a longer name"
        place.mkdir()
        surroundings = {
            "TMPDIR": str(place),
            "TZ": "Pacific/Kiritimati",
            "LC_ALL": "C.UTF-8",
            "MALLOC_PERTURB_": "165",  # what malloc() gives and free() takes has other contents
            "MORE": "x" * 5000,  # and the stack begins elsewhere
        }
        scenarios = sorted(SCENARIOS.glob("*.toml"))
        self.assertGreater(len(scenarios), 20)
        for scenario in scenarios:
            with self.subTest(scenario.name):
                first = self.folder / "first.json"
                run = self.mintsim(
                    "run", scenario, "--store", self.store, "--quiet", "--json", first, timeout=1200
                )
                self.assertIn(run.returncode, (0, 1), run.stderr)
                done = self.mintsim(
                    "replay", "last", "--store", self.store, "--json", "-",
                    cwd=place, settings=surroundings, timeout=1200,
                )  # fmt: skip
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                second = json.loads(done.stdout)
                self.assertEqual(second["digest"], json.loads(first.read_text())["digest"])
                self.assertGreater(second["checked"], 100)


if __name__ == "__main__":
    unittest.main()
