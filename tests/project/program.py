# SPDX-License-Identifier: GPL-2.0-only
"""Running mintsim from tests, and bare-metal programs made on the spot."""

import fcntl
import json
import os
import shutil
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


def multiboot(code: bytes, address: int = LOAD_ADDRESS, wide: bool = False) -> bytes:
    """An ELF32 or ELF64 file with a multiboot header, whose entry is `code`, 32-bit."""
    header = struct.pack("<III", 0x1BADB002, 0, -0x1BADB002 & 0xFFFFFFFF)
    content = header + code
    elf_size, row_size = (64, 56) if wide else (52, 32)
    offset = elf_size + row_size
    elf = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    word = "Q" if wide else "I"
    elf += struct.pack("<HHI", 2, 62 if wide else 3, 1)
    elf += struct.pack(f"<3{word}", address + len(header), elf_size, 0)
    elf += struct.pack("<IHHHHHH", 0, elf_size, row_size, 1, 40, 0, 0)
    if wide:
        elf += struct.pack("<IIQQQQQQ", 1, 7, offset, address, address, *2 * [len(content)], 4)
    else:
        elf += struct.pack("<IIIIIIII", 1, offset, address, address, *2 * [len(content)], 7, 4)
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


PREFIX = "mintsim-test."


def lock(folder: Path) -> int | None:
    """A locked handle of a folder; None when somebody else has it, or it is gone."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def remove_old_folders() -> None:
    """Those of tests that were killed: nobody has them locked any more."""
    for old in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        if (handle := lock(old)) is not None:
            shutil.rmtree(old, ignore_errors=True)
            os.close(handle)


class ProgramTest(unittest.TestCase):
    maxDiff = None
    timeout_s = 300.0  # of one run

    def setUp(self) -> None:
        remove_old_folders()
        while True:
            folder = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
            handle = lock(Path(folder.name))
            if handle is not None:
                break
            folder.cleanup()  # another test took it for an old one
        self.addCleanup(os.close, handle)
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def mintsim(
        self,
        *arguments: object,
        timeout: float | None = None,
        cwd: Path | None = None,
        settings: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess:
        """`settings`: environment variables, beside those of the test."""
        return subprocess.run(
            [str(MINTSIM), *map(str, arguments)],
            cwd=cwd or self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout or self.timeout_s,
            # Runs are recorded there.
            env={**os.environ, "XDG_DATA_HOME": str(self.folder / "data"), **(settings or {})},
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
