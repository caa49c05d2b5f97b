# SPDX-License-Identifier: GPL-2.0-only
"""Kernels and boot tools: what their build scripts say decides name, inputs and failure."""

import contextlib
import io
import os
import signal
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

import support  # noqa: F401  sets the path
from mintimages.cache import Cache
from mintimages.errors import BadInput, BuildFailed
from mintimages.recipes import Scripted, catalogue, follower_disk

SCRIPT = """#!/bin/sh
here=$(dirname "$0")
if [ "$1" = --inputs ]; then
	echo asked >>"$here/cache/asked"
	echo "$here/source"
	echo "compiler=$(cat "$here/version")"
	exit
fi
echo "built for $2" >&2
read -r word mark <"$here/source"
case $word in
broken) exit 7 ;;
slow)
	sleep 30 &
	echo $! >"$mark.part"
	mv "$mark.part" "$mark"
	wait
	;;
esac
cat "$here/source" >"$1/result"
ls -d "$TMPDIR" >"$1/scratch"
"""


def runs(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


class ScriptedTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.script = self.directory / "build"
        self.script.write_text(SCRIPT)
        self.script.chmod(0o755)
        (self.directory / "source").write_text("one")
        (self.directory / "version").write_text("1.0")
        self.progress = io.StringIO()
        redirect = contextlib.redirect_stderr(self.progress)
        redirect.__enter__()
        self.addCleanup(redirect.__exit__, None, None, None)

    def cache(self):
        return Cache(self.directory / "cache")

    def recipe(self, needs=()):
        return Scripted("kernel", 1, self.script, ("mint64",), needs)

    def test_script_builds_and_is_heard(self):
        built = self.cache().ensure(self.recipe())
        self.assertEqual((built / "result").read_text(), "one")
        self.assertIn("built for mint64", self.progress.getvalue())
        self.assertFalse(Path((built / "scratch").read_text().strip()).exists())

    def test_listed_file_and_package_decide_the_name(self):
        keys = {self.cache().key(self.recipe())}
        (self.directory / "source").write_text("two")
        keys.add(self.cache().key(self.recipe()))
        (self.directory / "version").write_text("1.1")
        keys.add(self.cache().key(self.recipe()))
        self.assertEqual(len(keys), 3)

    def test_script_is_asked_again_only_when_packages_change(self):
        state = self.directory / "cache" / "status"
        asked = self.directory / "cache" / "asked"
        with mock.patch("mintimages.recipes.PACKAGE_STATE", [state]):
            for times, change in (
                (1, ""),
                (1, ""),
                (2, "a package"),
                (2, ""),
                (3, "and another"),
            ):
                cache = self.cache()
                if change:
                    state.write_text(change)
                cache.key(self.recipe())
                self.assertEqual(asked.read_text().count("asked"), times)

    def test_failure_names_the_log(self):
        (self.directory / "source").write_text("broken")
        with self.assertRaises(BuildFailed) as caught:
            self.cache().ensure(self.recipe())
        log = Path(str(caught.exception).rsplit(" ", 1)[1])
        self.assertIn("built for mint64", log.read_text())

    def test_a_terminated_build_ends_what_it_started_and_leaves_nothing(self):
        mark = self.directory / "mark"
        (self.directory / "source").write_text(f"slow {mark}")
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            try:
                self.cache().ensure(self.recipe())
            except KeyboardInterrupt:
                os._exit(5)
            os._exit(0)
        deadline = time.monotonic() + 20
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(child, signal.SIGTERM)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 5)
        self.assertEqual(list((self.directory / "cache" / "tmp").iterdir()), [])
        sleeper = int(mark.read_text())
        while runs(sleeper) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertFalse(runs(sleeper))

    def test_package_without_version_is_refused(self):
        (self.directory / "version").write_text("")
        with self.assertRaisesRegex(BadInput, "apt-get update"):
            self.cache().key(self.recipe())

    def test_missing_package_is_named_with_its_remedy(self):
        with self.assertRaisesRegex(BadInput, "apt-get install no-such-package"):
            Cache(self.directory / "cache", look_only=True).key(self.recipe(("no-such-package",)))


class CatalogueTest(unittest.TestCase):
    def test_a_named_followers_disk_is_another_image(self):
        self.assertNotEqual(follower_disk(64, "os1").name, follower_disk(64, "os2").name)

    def test_looking_fetches_nothing(self):
        with tempfile.TemporaryDirectory() as directory:
            with self.assertRaisesRegex(BadInput, "not fetched yet"):
                Cache(Path(directory), look_only=True).key(catalogue()["initrd-halt64"])
            self.assertEqual(list(Path(directory).glob("debs/*/*.deb")), [])


if __name__ == "__main__":
    unittest.main()
