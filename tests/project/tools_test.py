# SPDX-License-Identifier: GPL-2.0-only
"""The scripts around the program."""

import os
import subprocess
import unittest
from pathlib import Path

from program import ROOT, ProgramTest

INSTALL = ROOT / "tools" / "install-packages"


class Experiments(unittest.TestCase):
    """The tables of docs/experiments.md that need no run are what their commands print."""

    def test_lines_changed(self):
        done = subprocess.run(
            [ROOT / "tools" / "experiments", "--check", "count-lines"],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)


class InstallPackages(ProgramTest):
    """With an apt and a dpkg-query of our own, which write down what they are asked."""

    def setUp(self):
        super().setUp()
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        self.asked = self.folder / "asked"
        self.asked.touch()
        self.command("id", "echo 0")

    def command(self, name, body):
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def install(self, *groups):
        path = f"{self.bin}:{os.environ['PATH']}"
        return subprocess.run(
            [INSTALL, *groups],
            env=dict(os.environ, PATH=path, ASKED=str(self.asked)),
            capture_output=True,
            text=True,
            check=False,
        )

    def with_installed(self, *packages):
        lines = "".join(f"echo 'ii  {name}';" for name in packages)
        self.command("dpkg-query", lines + "true")
        self.command("apt-get", 'echo "$*" >>"$ASKED"')

    def test_nothing_missing_nothing_asked(self):
        self.with_installed("libgtest-dev", "libgmock-dev")
        self.assertEqual(self.install("test").returncode, 0)
        self.assertEqual(self.asked.read_text(), "")

    def test_new_lists_then_only_what_is_missing(self):
        self.with_installed("libgtest-dev")
        self.assertEqual(self.install("test").returncode, 0)
        lists, install = self.asked.read_text().splitlines()
        self.assertTrue(lists.startswith("update"))
        self.assertTrue(install.startswith("install ") and install.endswith(" libgmock-dev"))

    def test_without_new_lists_it_tries_the_old_ones(self):
        self.with_installed("libgtest-dev")
        self.command("apt-get", 'echo "$*" >>"$ASKED"; [ "$1" != update ]')
        done = self.install("test")
        self.assertEqual(done.returncode, 0)
        self.assertIn("apt-get update failed", done.stdout)
        self.assertIn("libgmock-dev", self.asked.read_text().splitlines()[1])

    def test_without_root_and_sudo_it_says_what_to_do(self):
        self.with_installed("libgtest-dev")
        self.command("id", "echo 1000")
        for name in ("bash", "dirname", "readlink", "awk", "sed", "grep"):
            (self.bin / name).symlink_to(f"/usr/bin/{name}")
        done = subprocess.run(
            ["/bin/bash", INSTALL, "test"],
            env={"PATH": str(self.bin)},
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 2)
        self.assertIn("apt-get install libgmock-dev", done.stderr)

    def test_unknown_group(self):
        done = self.install("toys")
        self.assertEqual(done.returncode, 2)
        self.assertIn("toys", done.stderr)


class Scripts(ProgramTest):
    def test_they_explain_themselves(self):
        for script in ("run", "test", "bench/qemu_boot"):
            done = subprocess.run(
                [ROOT / script, "--help"], capture_output=True, text=True, check=False
            )
            self.assertEqual(done.returncode, 0)
            self.assertGreater(len(done.stdout.splitlines()), 4, script)

    def test_readme_names_only_what_is_there(self):
        for line in (ROOT / "README.md").read_text().splitlines():
            if not line.startswith("| `"):
                continue
            name = line.split("`")[1].split()[0]
            if name.endswith("/"):
                self.assertTrue(Path(ROOT / name).is_dir(), name)


if __name__ == "__main__":
    unittest.main()
