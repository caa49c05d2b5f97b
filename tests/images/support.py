# SPDX-License-Identifier: GPL-2.0-only
"""What the image tests share: the tool's modules on the path, a fake kernel, packages and plan."""

import json
import struct
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "guest" / "images"
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "guest" / "lib"))

RELOCATABLE = 0x234  # offset in a bzImage


class FakeDebs:
    """Stands in for the fetched packages."""

    def busybox(self) -> bytes:
        return b"busybox"

    def add_dropbear(self, tree: Any) -> None:
        tree.file("usr/sbin/dropbear", b"dropbear", 0o755)


def fake_kernel(path: Path, relocatable: int = 1, size: int = 5000) -> Path:
    image = bytearray(size)
    struct.pack_into("<H4s", image, 0x200, 0, b"HdrS")
    image[RELOCATABLE] = relocatable
    path.write_bytes(image)
    return path


def plan_document(directory: Path) -> dict[str, Any]:
    """A valid parallel plan with two followers, its files in `directory`."""
    fake_kernel(directory / "bzImage")
    (directory / "initrd").write_bytes(b"initrd" * 200)
    (directory / "kexec").write_bytes(b"kexec")
    follower = {"kernel": "bzImage", "initrd": "initrd", "cmdline": "console=ttyS1 quote='x y'"}
    return {
        "mode": "parallel",
        "leader": {
            "arch": "x86_64",
            "kernel": "bzImage",
            "initrd": None,
            "cmdline": "root=/dev/sda1 rootwait",
        },
        "kexec": "kexec",
        "followers": [
            {"name": "os1", "core": 1, "kexec_args": ["--mint-core=1"], **follower},
            {"name": "os2", "core": 2, "kexec_args": ["--mint-core=2"], **follower},
        ],
    }


def write_plan(directory: Path, document: Any) -> Path:
    path = directory / "plan.json"
    path.write_text(json.dumps(document))
    return path
