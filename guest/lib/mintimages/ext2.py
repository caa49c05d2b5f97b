# SPDX-License-Identifier: GPL-2.0-only
"""Writes an ext2 file system with genext2fs, from a tar archive because genext2fs takes the order
of files in a directory from the host otherwise. No UUID, no hash seed, every time stamp 0."""

import io
import itertools
import stat
import tarfile
from pathlib import Path
from typing import BinaryIO

from .progress import run
from .tree import Entry, Tree

PACKAGE = "genext2fs"
BLOCK = 4096
SPARE_INODES = 256  # for what the guest creates


def content_bytes(tree: Tree) -> int:
    """Bytes that the tree's contents need, rounded up to blocks and with its indirect blocks."""
    blocks = 0
    for entry in tree.entries():
        own = -(-len(entry.data) // BLOCK)
        blocks += max(own, 1) + own // 1024 + 3
    return blocks * BLOCK


def write(tree: Tree, size: int, label: str, image: Path, log: Path) -> None:
    """Writes `tree` as a file system of `size` bytes (a multiple of the block size)."""
    archive = image.with_suffix(".tar")
    archive.write_bytes(tar(tree))
    try:
        run(
            [
                "genext2fs",
                "-B",
                str(BLOCK),
                "-b",
                str(size // BLOCK),
                "-m",
                "0",
                "-f",
                "-L",
                label,
                "-N",
                str(len(tree.entries()) + SPARE_INODES),
                "-a",
                str(archive),
                str(image),
            ],
            log,
            PACKAGE,
        )
    finally:
        archive.unlink()


def tar(tree: Tree) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for entry in tree.entries():
            archive.addfile(_member(entry), io.BytesIO(entry.data))
    return out.getvalue()


def _member(entry: Entry) -> tarfile.TarInfo:
    member = tarfile.TarInfo(entry.path)
    member.mode = stat.S_IMODE(entry.mode)
    kind = stat.S_IFMT(entry.mode)
    if kind == stat.S_IFDIR:
        member.type = tarfile.DIRTYPE
    elif kind == stat.S_IFLNK:
        member.type, member.linkname = tarfile.SYMTYPE, entry.data.decode()
    elif kind == stat.S_IFCHR:
        member.type = tarfile.CHRTYPE
        member.devmajor, member.devminor = entry.device
    else:
        member.size = len(entry.data)
    return member


def copy_sparse(image: Path, out: BinaryIO, offset: int) -> None:
    """Copies an image into `out` at `offset`, leaving holes for the blocks of zeros."""
    with image.open("rb") as source:
        for start in itertools.count(0, BLOCK):
            block = source.read(BLOCK)
            if not block:
                return
            if any(block):
                out.seek(offset + start)
                out.write(block)
