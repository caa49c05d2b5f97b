# SPDX-License-Identifier: GPL-2.0-only
"""Recorded boots: one difference is planted, and the diff names it; every scenario replays."""

import json
import subprocess
import unittest
from pathlib import Path

from program import ROOT, SCENARIOS, ProgramTest

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


class PlantedInitrdByte(BootTest):
    def test_it_is_named(self):
        catalogue = subprocess.run(
            [str(ROOT / "guest" / "images"), "path", "initrd-follower64"],
            capture_output=True, text=True, check=True,
        )
        initrd = (Path(catalogue.stdout.strip()) / "initrd").read_bytes()
        at = len(initrd) * 3 // 4
        of_f2 = PARALLEL2.rindex('"@initrd-follower64"')
        text = PARALLEL2[:of_f2] + '"initrd"' + PARALLEL2[of_f2 + len('"@initrd-follower64"') :]
        # Neither is f1's, which the leader's disk would have only once.
        for name, bit in (("a", 0x10), ("b", 0x20)):
            (self.folder / name).mkdir()
            self.write(f"{name}/parallel2.toml", text)
            self.write(f"{name}/initrd", initrd[:at] + bytes([initrd[at] ^ bit]) + initrd[at + 1 :])
            self.mintsim(
                "run", f"{name}/parallel2.toml", "--store", self.store, "--quiet", timeout=600
            )
        diff = self.diff(1)
        self.assertIn(f"the first at offset {at:#x}:", self.inputs(diff)["initrd of f2"])
        first = diff["first"]
        self.assertEqual((first["os"], first["cause"]), ("f2", "memory"))
        self.assertTrue(first["exact"])
        self.assertIn("LBA", diff["disk_data"]["what"])


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


class EveryScenarioReplays(BootTest):
    def test_all(self):
        for scenario in sorted(SCENARIOS.glob("*.toml")):
            with self.subTest(scenario.name):
                run = self.mintsim(
                    "run", scenario, "--store", self.store, "--quiet", timeout=600
                )
                self.assertIn(run.returncode, (0, 1), run.stderr)
                done = self.mintsim(
                    "replay", "last", "--store", self.store, "--json", "-", timeout=600
                )
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertGreater(json.loads(done.stdout)["checked"], 100)


if __name__ == "__main__":
    unittest.main()
