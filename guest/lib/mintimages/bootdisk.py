# SPDX-License-Identifier: GPL-2.0-only
"""Lays out the leader's disk as docs/board.md describes it: boot sector, boot loader, MINTBOOT
header, command line, kernel, initrd, and one ext2 partition."""

import struct
from pathlib import Path

from . import ext2
from .errors import BadInput
from .plan import Plan
from .tree import Tree

SECTOR = 512
LOADER_LBA, LOADER_SECTORS = 1, 62
HEADER_LBA, HEADER_VERSION = 63, 1
CMDLINE_LBA, CMDLINE_SECTORS = 64, 4
KERNEL_LBA = 68
PARTITION_ALIGNMENT = 2048

PARTITION_TABLE = 446  # in the boot sector; the signature follows its four entries
SIGNATURE = b"\x55\xaa"
LINUX, ACTIVE = 0x83, 0x80
# CHS addresses of a partition beyond what CHS can express.
NO_CHS = b"\xfe\xff\xff"

SPARE_BYTES = 4 << 20  # in the root file system, for what the guest writes
GRAIN = 1 << 20


def write(
    plan: Plan, root: Tree, boot_sector: Path, boot_loader: Path, out: Path, log: Path
) -> None:
    """Writes the whole disk to `out`."""
    kernel = plan.leader.kernel.read_bytes()
    first_initrd = plan.loader_initrd or plan.leader.initrd
    initrd = first_initrd.read_bytes() if first_initrd else b""
    initrd_lba = KERNEL_LBA + _sectors(len(kernel))
    end = initrd_lba + _sectors(len(initrd))
    partition_lba = -(-end // PARTITION_ALIGNMENT) * PARTITION_ALIGNMENT
    size = -(-(ext2.content_bytes(root) + SPARE_BYTES) // GRAIN) * GRAIN
    partition = out.with_name(out.name + ".ext2")
    ext2.write(root, size, "mint-leader", partition, log)
    header = struct.pack(
        "<8s6I",
        b"MINTBOOT",
        HEADER_VERSION,
        KERNEL_LBA,
        len(kernel),
        initrd_lba if initrd else 0,
        len(initrd),
        len(plan.leader.cmdline.encode()),
    )
    pieces = {
        0: _boot_sector(boot_sector, partition_lba, size // SECTOR),
        LOADER_LBA: _boot_loader(boot_loader),
        HEADER_LBA: header,
        CMDLINE_LBA: plan.leader.cmdline.encode() + b"\0",
        KERNEL_LBA: kernel,
        initrd_lba: initrd,
    }
    with out.open("wb") as disk:
        for lba, data in pieces.items():
            disk.seek(lba * SECTOR)
            disk.write(data)
        ext2.copy_sparse(partition, disk, partition_lba * SECTOR)
        disk.truncate(partition_lba * SECTOR + size)
    partition.unlink()


def _boot_sector(path: Path, start: int, sectors: int) -> bytes:
    code = _read(path, "boot sector")
    if len(code) > SECTOR or any(code[PARTITION_TABLE : SECTOR - len(SIGNATURE)]):
        raise BadInput(
            f"{path}: a boot sector has 512 bytes and leaves {PARTITION_TABLE} to 509 zero, "
            "where the partition table goes; remedy: build the firmware anew"
        )
    code = code[:PARTITION_TABLE].ljust(PARTITION_TABLE, b"\0")
    entry = struct.pack("<B3sB3sII", ACTIVE, NO_CHS, LINUX, NO_CHS, start, sectors)
    return code + entry.ljust(64, b"\0") + SIGNATURE


def _boot_loader(path: Path) -> bytes:
    code = _read(path, "boot loader")
    if len(code) > LOADER_SECTORS * SECTOR:
        raise BadInput(
            f"{path}: {len(code)} bytes, but the boot loader has {LOADER_SECTORS} sectors "
            f"({LOADER_SECTORS * SECTOR} bytes); remedy: make it smaller"
        )
    return code


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{path}: {what}: {error.strerror}; remedy: build the firmware "
            "(cmake --build --preset release) and name its file"
        ) from error


def _sectors(size: int) -> int:
    return -(-size // SECTOR)
