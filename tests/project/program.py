# SPDX-License-Identifier: GPL-2.0-only
"""Running mintsim from tests, and bare-metal programs made on the spot."""

import json
import os
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("MINTSIM_BUILD", ROOT / "build" / "release")).absolute()
MINTSIM = Path(os.environ.get("MINTSIM", BUILD / "mintsim")).absolute()
SCENARIOS = ROOT / "scenarios"

LOAD_ADDRESS = 0x100000


def multiboot(code: bytes) -> bytes:
    """An ELF32 file with a multiboot header, whose entry is `code`, 32-bit."""
    header = struct.pack("<III", 0x1BADB002, 0, -0x1BADB002 & 0xFFFFFFFF)
    content = header + code
    offset = 52 + 32
    elf = b"\x7fELF" + bytes([1, 1, 1]) + bytes(9)
    elf += struct.pack(
        "<HHIIIIIHHHHHH", 2, 3, 1, LOAD_ADDRESS + len(header), 52, 0, 0, 52, 32, 1, 40, 0, 0
    )
    elf += struct.pack(
        "<IIIIIIII", 1, offset, LOAD_ADDRESS, LOAD_ADDRESS, len(content), len(content), 7, 4
    )
    return elf + content


def say(text: str) -> bytes:
    """Instructions that write text to COM1, whose chip comes up with 5 bits a character."""
    code = b"\x66\xba\xfb\x03\xb0\x03\xee"  # mov dx, 3FBh; mov al, 3 (8 bits); out dx, al
    code += b"\x66\xba\xf8\x03"  # mov dx, 3F8h
    for byte in text.encode():
        code += bytes([0xB0, byte, 0xEE])  # mov al, byte; out dx, al
    return code


def leave(value: int) -> bytes:
    return bytes([0xB0, value, 0xE6, 0xF4, 0xFA, 0xF4])  # mov al, value; out F4h, al; cli; hlt


class ProgramTest(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="mintsim-test.")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def mintsim(self, *arguments: object, timeout: float = 300) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(MINTSIM), *map(str, arguments)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            # Runs are recorded there.
            env={**os.environ, "XDG_DATA_HOME": str(self.folder / "data")},
            check=False,
        )

    def write(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run_json(self, *arguments: object, code: int = 0) -> dict:
        """A run's result; it must end with exit code `code`."""
        done = self.mintsim("run", *arguments, "--json", "-")
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)
