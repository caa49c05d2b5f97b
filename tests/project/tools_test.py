# SPDX-License-Identifier: GPL-2.0-only
"""The scripts around the program."""

import os
import shutil
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
        self.with_installed("libgtest-dev", "libgmock-dev", "git")
        self.assertEqual(self.install("test").returncode, 0)
        self.assertEqual(self.asked.read_text(), "")

    def test_new_lists_then_only_what_is_missing(self):
        self.with_installed("libgtest-dev", "git")
        self.assertEqual(self.install("test").returncode, 0)
        lists, install = self.asked.read_text().splitlines()
        self.assertTrue(lists.startswith("update"))
        self.assertTrue(install.startswith("install ") and install.endswith(" libgmock-dev"))

    def test_without_new_lists_it_tries_the_old_ones(self):
        self.with_installed("libgtest-dev", "git")
        self.command("apt-get", 'echo "$*" >>"$ASKED"; [ "$1" != update ]')
        done = self.install("test")
        self.assertEqual(done.returncode, 0)
        self.assertIn("apt-get update failed", done.stdout)
        self.assertIn("libgmock-dev", self.asked.read_text().splitlines()[1])

    def test_without_root_and_sudo_it_says_what_to_do(self):
        self.with_installed("libgtest-dev", "git")
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


class CyclesGate(ProgramTest):
    """.ci/cycles in a tree of its own, with stand-ins for the program and for building it."""

    def setUp(self):
        super().setUp()
        for name in (".ci/cycles", "tools/steps.sh"):
            copy = self.folder / name
            copy.parent.mkdir()
            shutil.copy(ROOT / name, copy)
        self.program("build/release/mintsim", 'echo "$*" >>"$ASKED"')
        self.program("bin/cmake", "mkdir -p build/release && cp ../../release/mintsim build/release")
        self.write(".gitignore", "/build/\n/asked\n/bin/\n")

    def program(self, name, body):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def git(self, *arguments):
        who = ["-c", "user.name=n", "-c", "user.email=e@x", "-c", "init.defaultBranch=main"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, text):
        self.write("change", text)
        self.git("add", "-A")
        self.git("commit", "-m", text)
        return self.git("rev-parse", "HEAD")

    def gate(self, **environment):
        asked = self.folder / "asked"
        asked.unlink(missing_ok=True)
        # Not the repository that the tests themselves may lie in.
        environment.setdefault("GIT_CEILING_DIRECTORIES", str(self.folder.parent))
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            [self.folder / ".ci/cycles"],
            env=dict(os.environ, PATH=path, ASKED=str(asked), **environment),
            capture_output=True,
            text=True,
            check=False,
        )
        words = asked.read_text().split()
        self.assertEqual(words[:2], ["bench", "compare"])
        return done, words[2].removeprefix(f"{self.folder}/build/")

    def test_without_history_it_compares_with_what_is_declared(self):
        done, base = self.gate()
        self.assertEqual((done.returncode, base), (0, "release/mintsim"))
        self.assertIn("No merge base", done.stderr)

    def test_a_branch_is_compared_with_where_it_left_main(self):
        self.git("init")
        self.commit("1")
        fork = self.commit("2")
        self.git("checkout", "-b", "branch")
        self.commit("3")
        done, base = self.gate()
        self.assertEqual((done.returncode, base), (0, f"merge-base/{fork}/build/release/mintsim"))

    def test_main_is_compared_with_the_commit_before(self):
        self.git("init")
        self.commit("1")
        self.assertEqual(self.gate()[1], "release/mintsim", "there is none before")
        first = self.git("rev-parse", "HEAD")
        self.commit("2")
        self.assertEqual(self.gate()[1], f"merge-base/{first}/build/release/mintsim")
        self.assertEqual(self.gate(MINTSIM_BASE="no-such")[1], "release/mintsim")

    def test_a_base_that_does_not_build_is_told(self):
        self.git("init")
        self.commit("1")
        self.commit("2")
        self.program("bin/cmake", "exit 1")
        done, base = self.gate()
        self.assertEqual((done.returncode, base), (0, "release/mintsim"))
        self.assertIn("does not build", done.stderr)

    def test_a_regression_fails_and_says_how_to_declare_it(self):
        self.program("build/release/mintsim", 'echo "$*" >>"$ASKED"; exit 1')
        done, _ = self.gate()
        self.assertEqual(done.returncode, 1)
        self.assertIn("--json bench/cycles.json", done.stderr)


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
