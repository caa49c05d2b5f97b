# SPDX-License-Identifier: GPL-2.0-only
"""The cache builds once, never shows half an artefact, and says why it builds."""

import contextlib
import io
import os
import signal
import tempfile
import time
import unittest
from pathlib import Path

import support  # noqa: F401  sets the path
from mintimages.cache import Cache
from mintimages.errors import BuildFailed


class Recipe:
    name = "thing"
    seconds = 1

    def __init__(self, builder, lines=("file a 1",), dependencies=()):
        self._builder, self._lines, self._dependencies = builder, list(lines), dependencies

    def dependencies(self):
        return self._dependencies

    def inputs(self, cache):
        return list(self._lines)

    def build(self, cache, out, log):
        self._builder(out)


def writes(text):
    return lambda out: (out / "file").write_text(text)


class CacheTest(unittest.TestCase):
    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.addCleanup(self._directory.cleanup)
        self.root = Path(self._directory.name)
        self.cache = Cache(self.root)
        self.progress = io.StringIO()
        redirect = contextlib.redirect_stderr(self.progress)
        redirect.__enter__()
        self.addCleanup(redirect.__exit__, None, None, None)

    def leftovers(self):
        return list((self.root / "tmp").iterdir())

    def test_second_ensure_does_not_build(self):
        first = self.cache.ensure(Recipe(writes("one")))
        second = Cache(self.root).ensure(Recipe(lambda out: self.fail("built again")))
        self.assertEqual(first, second)
        self.assertEqual((first / "file").read_text(), "one")

    def test_other_inputs_give_another_directory_and_the_reason(self):
        first = self.cache.ensure(Recipe(writes("one")))
        second = Cache(self.root).ensure(Recipe(writes("two"), lines=("file a 2",)))
        self.assertNotEqual(first, second)
        self.assertTrue((first / "file").exists())
        self.assertIn("an input changed: file a", self.progress.getvalue())

    def test_a_dependency_is_built_first_and_is_an_input(self):
        def needing(lines):
            needed = Recipe(writes("needed"), lines)
            needed.name = "needed"
            return Recipe(writes("one"), dependencies=[needed])

        first = self.cache.ensure(needing(["file a 1"]))
        second = Cache(self.root).ensure(needing(["file a 2"]))
        self.assertNotEqual(first, second)
        self.assertEqual(len(list(self.root.glob("needed-*"))), 2)

    def test_a_failed_build_leaves_nothing(self):
        def fails(out):
            (out / "half").write_text("half")
            raise BuildFailed("no")

        recipe = Recipe(fails)
        with self.assertRaises(BuildFailed):
            self.cache.ensure(recipe)
        self.assertFalse(self.cache.path(recipe).exists())
        self.assertEqual(self.leftovers(), [])

    def test_a_killed_build_is_built_anew_and_cleaned_up(self):
        def killed(out):
            (out / "half").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

        child = os.fork()
        if child == 0:
            self.cache.ensure(Recipe(killed))
        os.waitpid(child, 0)
        self.assertEqual(len(self.leftovers()), 1)
        built = Cache(self.root).ensure(Recipe(writes("whole")))
        self.assertEqual(sorted(path.name for path in built.iterdir()), ["file", "inputs.txt"])
        self.assertEqual(self.leftovers(), [])

    def test_two_processes_build_once(self):
        marks = self.root / "marks"

        def slow(out):
            with marks.open("a") as handle:
                handle.write("built\n")
            time.sleep(0.3)

        children = []
        for _ in range(2):
            child = os.fork()
            if child == 0:
                Cache(self.root).ensure(Recipe(slow))
                os._exit(0)
            children.append(child)
        results = [os.waitpid(child, 0)[1] for child in children]
        self.assertEqual(results, [0, 0])
        self.assertEqual(marks.read_text(), "built\n")


if __name__ == "__main__":
    unittest.main()
