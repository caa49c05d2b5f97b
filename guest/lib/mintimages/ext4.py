# SPDX-License-Identifier: GPL-2.0-only
"""Writes an ext4 file system from a tar archive, the same bytes wherever it is done.

mke2fs copies a directory, in the order of names. What it took from the host, owners, modes and time
stamps, debugfs then sets as the archive has them; so this needs no root.
"""

import os
import shutil
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .progress import run

PACKAGE = "e2fsprogs"
BLOCK = 4096
DIRECTORY, LINK, FILE = 0o040000, 0o120000, 0o100000
TIME_STAMPS = ("atime", "mtime", "ctime", "crtime")


@dataclass(frozen=True)
class FileSystem:
    bytes: int
    inodes: int
    label: str
    uuid: uuid.UUID  # also the seed of its directories' hashes
    created: int  # seconds since 1970


def write(archive: Path, what: FileSystem, image: Path, log: Path) -> None:
    """Device files are left out: a running system has /dev in memory."""
    root = image.with_suffix(".root")
    script = image.with_suffix(".debugfs")
    root.mkdir(mode=0o700)
    settings = {
        "E2FSPROGS_FAKE_TIME": str(what.created),
        "PATH": os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin",
    }
    extended = ("lazy_itable_init=0", "lazy_journal_init=0", "root_owner=0:0")
    try:
        with tarfile.open(archive) as members:
            script.write_text("".join(f"{line}\n" for line in _unpack(members, root, what.created)))
        run(
            [
                *("mke2fs", "-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-N", str(what.inodes)),
                *("-L", what.label, "-U", str(what.uuid), "-J", "size=16", "-m", "1"),
                *("-E", ",".join([f"hash_seed={what.uuid}", *extended]), "-d", str(root)),
                *(str(image), str(what.bytes // BLOCK)),
            ],
            log,
            PACKAGE,
            settings=settings,
        )
        run(["debugfs", "-w", "-f", str(script), str(image)], log, PACKAGE, settings=settings)
        run(["e2fsck", "-f", "-n", str(image)], log, PACKAGE, settings=settings)
    finally:
        shutil.rmtree(root)
        script.unlink(missing_ok=True)


def _unpack(members: tarfile.TarFile, root: Path, created: int) -> Iterator[str]:
    """Unpacks an archive; gives debugfs commands for what the files don't have by it. A directory's
    time is that of the file system: in the archive it may say what has been there for a while."""
    for member in members:
        name = "" if member.name in (".", "./") else member.name.removeprefix("./").rstrip("/")
        here = root / name
        if member.isdir():
            here.mkdir(mode=0o700, exist_ok=True)
            kind = DIRECTORY
        elif member.issym():
            here.symlink_to(member.linkname)
            kind = LINK
        elif member.islnk():
            here.hardlink_to(root / member.linkname.removeprefix("./"))
            continue
        elif member.isfile():
            with members.extractfile(member) or here.open("rb") as source, here.open("wb") as out:
                shutil.copyfileobj(source, out)
            kind = FILE
        else:
            continue
        inode = f'sif "/{name}"'
        yield f"{inode} mode 0{kind | member.mode:o}"
        yield f"{inode} uid {member.uid}"
        yield f"{inode} gid {member.gid}"
        time = created if member.isdir() else int(member.mtime)
        for stamp in TIME_STAMPS:
            yield f"{inode} {stamp} @{time}"
