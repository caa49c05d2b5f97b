# SPDX-License-Identifier: GPL-2.0-only
"""A file tree in memory: what the cpio and ext2 writers turn into an image.

Everything belongs to root and has time stamp 0, so images depend on names, modes and contents only.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PROGRAM = 0o755
FILE = 0o644


@dataclass(frozen=True)
class Entry:
    path: str  # relative, no leading slash
    mode: int  # with the file type bits
    data: bytes = b""  # contents, or the target of a symbolic link
    device: tuple[int, int] = (0, 0)


class Tree:
    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def entries(self) -> list[Entry]:
        """Every entry, parents before children, in an order that depends on the names only."""
        return sorted(self._entries.values(), key=lambda entry: PurePosixPath(entry.path).parts)

    def directory(self, path: str, mode: int = PROGRAM) -> None:
        self._put(Entry(path, stat.S_IFDIR | mode))

    def file(self, path: str, data: bytes, mode: int = FILE) -> None:
        self._put(Entry(path, stat.S_IFREG | mode, data))

    def link(self, path: str, target: str) -> None:
        self._put(Entry(path, stat.S_IFLNK | 0o777, target.encode()))

    def character_device(self, path: str, major: int, minor: int, mode: int = 0o600) -> None:
        self._put(Entry(path, stat.S_IFCHR | mode, device=(major, minor)))

    def copy(self, source: Path) -> None:
        """Adds the files under `source`; of their modes only the executable bit counts."""
        for path in sorted(source.rglob("*")):
            name = path.relative_to(source).as_posix()
            if path.is_symlink():
                self.link(name, os.readlink(path))
            elif path.is_file():
                self.file(name, path.read_bytes(), PROGRAM if os.access(path, os.X_OK) else FILE)

    def _put(self, entry: Entry) -> None:
        parent = str(PurePosixPath(entry.path).parent)
        if parent != "." and parent not in self._entries:
            self.directory(parent)
        self._entries[entry.path] = entry
