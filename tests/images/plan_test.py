# SPDX-License-Identifier: GPL-2.0-only
"""A broken plan, name or file is told in one line: where, what, remedy; exit code 2."""

import errno
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import support
from mintimages import cli, plan
from mintimages.errors import BadInput


class PlanTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.document = support.plan_document(self.directory)

    def tool(self, *arguments):
        environment = dict(os.environ, MINTSIM_CACHE=str(self.directory / "cache"))
        return subprocess.run(
            [str(support.TOOL), *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )

    def assert_refused(self, *words):
        with self.assertRaises(BadInput) as caught:
            plan.load(support.write_plan(self.directory, self.document))
        message = str(caught.exception)
        self.assertNotIn("\n", message)
        for word in ("plan.json", "remedy", *words):
            self.assertIn(word, message)

    def test_a_valid_plan_is_read(self):
        read = plan.load(support.write_plan(self.directory, self.document))
        self.assertEqual([follower.core for follower in read.followers], [1, 2])
        self.assertEqual(read.leader.bits, 64)
        self.assertIsNone(read.leader.initrd)
        self.assertFalse(read.check_digest)

    def test_unknown_key(self):
        self.document["leader"]["colour"] = "red"
        self.assert_refused("leader.colour", "unknown key")

    def test_missing_key(self):
        del self.document["followers"][1]["core"]
        self.assert_refused("followers[1].core", "missing")

    def test_wrong_type(self):
        self.document["followers"][0]["core"] = "1"
        self.assert_refused("followers[0].core", "a number")

    def test_true_is_no_number(self):
        self.document["followers"][0]["core"] = True
        self.assert_refused("followers[0].core", "a number")

    def test_unknown_mode(self):
        self.document["mode"] = "sideways"
        self.assert_refused("mode", "sideways", "sequential")

    def test_unknown_architecture(self):
        self.document["leader"]["arch"] = "arm"
        self.assert_refused("leader.arch", "i386")

    def test_two_followers_on_one_core(self):
        self.document["followers"][1]["core"] = 1
        self.assert_refused("followers[1].core", "followers[0]")

    def test_two_followers_of_one_name(self):
        self.document["followers"][1]["name"] = "os1"
        self.assert_refused("followers[1].name", "followers[0]")

    def test_core_0_is_the_leaders(self):
        self.document["followers"][0]["core"] = 0
        self.assert_refused("followers[0].core")

    def test_name_that_a_shell_would_take_apart(self):
        self.document["followers"][0]["name"] = "a;b"
        self.assert_refused("followers[0].name")

    def test_missing_file(self):
        self.document["followers"][0]["initrd"] = "nowhere"
        self.assert_refused("followers[0].initrd", "nowhere", "guest/images build")

    def test_kernel_that_is_none(self):
        self.document["leader"]["kernel"] = "initrd"
        self.assert_refused("leader.kernel", "no bzImage")

    def test_follower_kernel_that_is_not_relocatable(self):
        support.fake_kernel(self.directory / "fixed", relocatable=0)
        self.document["followers"][1]["kernel"] = "fixed"
        self.assert_refused("followers[1].kernel", "not relocatable")

    def test_command_line_too_long(self):
        self.document["leader"]["cmdline"] = "x" * 2048
        self.assert_refused("leader.cmdline", "2047")

    def test_command_line_of_two_lines(self):
        self.document["followers"][0]["cmdline"] = "a\nb"
        self.assert_refused("followers[0].cmdline")

    def test_kboot_needs_an_initrd_to_load_from(self):
        self.document["mode"] = "kboot"
        self.document["followers"] = []
        self.assert_refused("loader_initrd", "kboot")

    def test_only_kboot_has_an_initrd_to_load_from(self):
        self.document["loader_initrd"] = "initrd"
        self.assert_refused("loader_initrd", "parallel")

    def test_start_mode_without_boot_tool(self):
        del self.document["kexec"]
        self.assert_refused("kexec", "parallel")

    def test_cold_boot_with_followers(self):
        self.document["mode"] = "none"
        self.assert_refused("followers")

    def test_start_mode_without_followers(self):
        self.document["followers"] = []
        self.assert_refused("followers")

    def test_tool_names_the_line_of_broken_json(self):
        path = self.directory / "plan.json"
        path.write_text('{\n "mode": \n}')
        done = self.tool(
            "leader-disk",
            "--plan",
            path,
            "--boot-sector",
            path,
            "--boot-loader",
            path,
            "--out",
            self.directory / "out",
        )
        self.assertEqual(done.returncode, 2)
        self.assertIn("line 3", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_tool_tells_of_a_file_in_the_way_in_one_line(self):
        (self.directory / "cache").mkdir()
        (self.directory / "cache" / "debs").write_text("a file where a folder belongs")
        boot = self.directory / "initrd"
        plan_file = support.write_plan(self.directory, self.document)
        places = ("--plan", plan_file, "--boot-sector", boot, "--boot-loader", boot)
        done = self.tool("leader-disk", *places, "--out", self.directory / "out.img")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for part in ("cache/debs", "Not a directory", "remedy: "):
            self.assertIn(part, done.stderr)

    def test_nothing_is_left_of_a_disk_that_the_host_has_no_room_for(self):
        target = self.directory / "disk.img"
        before = set(self.directory.iterdir())
        with self.assertRaises(OSError) as caught, cli._Output(target) as part:
            part.write_text("half")
            part.with_name(part.name + ".ext2").write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.assertEqual(caught.exception.filename, str(target))
        self.assertEqual(set(self.directory.iterdir()), before)

    def test_tool_refuses_an_unknown_image(self):
        done = self.tool("build", "linux-mint128")
        self.assertEqual(done.returncode, 2)
        self.assertIn("linux-mint64", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_tool_says_what_is_not_built(self):
        done = self.tool("path", "initrd-leader64")
        self.assertEqual(done.returncode, 2)
        self.assertIn("remedy", done.stderr)


if __name__ == "__main__":
    unittest.main()
