# SPDX-License-Identifier: GPL-2.0-only
"""`cmake --install` gives a program that finds all it needs without the source tree."""

import subprocess
import unittest

import program
from program import BUILD, ProgramTest, leave, multiboot


class Install(ProgramTest):
    def setUp(self):
        super().setUp()
        self.prefix = self.folder / "prefix"
        subprocess.run(
            ["cmake", "--install", str(BUILD), "--prefix", str(self.prefix)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self.addCleanup(setattr, program, "MINTSIM", program.MINTSIM)
        program.MINTSIM = self.prefix / "bin" / "mintsim"

    def test_installed_program(self):
        share = self.prefix / "share" / "mintsim"
        for file in ("bios.bin", "boot_sector.bin", "boot_loader.bin"):
            self.assertTrue((share / "firmware" / file).is_file(), file)
        # Names and profile are looked for in the installation, whatever the working directory is.
        done = self.mintsim("check", share / "scenarios" / "parallel2.toml")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("not looked at", done.stderr)

        self.write("program.elf", multiboot(leave(0)))
        self.assertEqual(self.mintsim("run", "program.elf").returncode, 0)

    def test_images_have_the_same_inputs_as_in_the_source_tree(self):
        installed = subprocess.run(
            [self.prefix / "share" / "mintsim" / "guest" / "images", "list"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        source = subprocess.run(
            [program.ROOT / "guest" / "images", "list"], capture_output=True, text=True, check=True
        )
        self.assertEqual(installed.stdout, source.stdout)


if __name__ == "__main__":
    unittest.main()
