# SPDX-License-Identifier: GPL-2.0-only
"""Writes an initramfs: cpio in the `newc` format (Linux, Documentation/driver-api/early-userspace/
buffer-format.rst), with inode numbers in order of the entries and every time stamp 0."""

import stat

from .tree import Entry, Tree

MAGIC = b"070701"
TRAILER = "TRAILER!!!"


def newc(tree: Tree) -> bytes:
    out = bytearray()
    for inode, entry in enumerate(tree.entries(), start=1):
        _append(out, entry, inode)
    _append(out, Entry(TRAILER, 0), 0)
    return bytes(out)


def _append(out: bytearray, entry: Entry, inode: int) -> None:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (inode, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
    out += MAGIC + b"".join(b"%08X" % field for field in fields) + name
    _align(out)
    out += entry.data
    _align(out)


def _align(out: bytearray) -> None:
    out += b"\0" * (-len(out) % 4)
