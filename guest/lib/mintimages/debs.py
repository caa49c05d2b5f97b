# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages whose files go into the guest, for both of its architectures.

They are fetched with apt into the cache, through a private apt state of the guest's architecture:
the sources and keys are the host's, its dpkg state is neither asked nor changed and no root is
needed. The versions found are recorded in debs/ARCH/resolved.json and stay until `images refresh`,
so a warm cache needs no network and a run can be repeated.
"""

import contextlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

from .cache import Cache
from .errors import BadInput, BuildFailed
from .inputs import sha256
from .progress import run, say
from .tree import FILE, PROGRAM, Tree

# Architectures by word size, as Debian names them.
DEBIAN_ARCH = {64: "amd64", 32: "i386"}
LIBRARY_DIRECTORY = {64: "lib/x86_64-linux-gnu", 32: "lib/i386-linux-gnu"}
# The ELF interpreter's path is part of the ABI.
LOADER = {
    64: ("lib64/ld-linux-x86-64.so.2", "ld-linux-x86-64.so.2"),
    32: ("lib/ld-linux.so.2", "ld-linux.so.2"),
}

BUSYBOX = "busybox-static"
DROPBEAR = "dropbear-bin"
# Package and shared library of everything dropbear is linked with.
DROPBEAR_LIBRARIES = {
    "libc6": "libc.so.6",
    "libcrypt1": "libcrypt.so.1",
    "libtomcrypt1": "libtomcrypt.so.1",
    "libtommath1": "libtommath.so.1",
    "libgmp10": "libgmp.so.10",
    "zlib1g": "libz.so.1",
}
ALL_PACKAGES = (BUSYBOX, DROPBEAR, *DROPBEAR_LIBRARIES)


class Debs:
    """The packages of one architecture."""

    def __init__(self, cache: Cache, bits: int) -> None:
        self.arch = DEBIAN_ARCH[bits]
        self.bits = bits
        self._cache = cache
        self._directory = cache.root / "debs" / self.arch
        self._record = self._directory / "resolved.json"

    def inputs(self, packages: tuple[str, ...]) -> list[str]:
        """Version and hash of each package, fetching them if this is the first time."""
        resolved = self._resolved() or self.fetch()
        return [
            f"deb {name}:{self.arch} {resolved[name]['version']} {resolved[name]['sha256']}"
            for name in packages
        ]

    def fetch(self) -> dict[str, dict[str, str]]:
        """Fetches all packages and records their versions, unless another process just has."""
        if self._cache.look_only:
            raise BadInput(f"the {self.arch} packages are not fetched yet; remedy: build an image")
        with self._cache.lock(f"debs-{self.arch}"):
            return self._resolved() or self._fetch()

    def forget(self) -> None:
        """Makes the next use look for new versions."""
        self._record.unlink(missing_ok=True)

    def busybox(self) -> bytes:
        return self._file(BUSYBOX, "bin/busybox")

    def add_dropbear(self, tree: Tree) -> None:
        """Adds the SSH server and its libraries."""
        tree.file("usr/sbin/dropbear", self._file(DROPBEAR, "usr/sbin/dropbear"), PROGRAM)
        for package, library in DROPBEAR_LIBRARIES.items():
            tree.file(
                f"{LIBRARY_DIRECTORY[self.bits]}/{library}", self._library(package, library), FILE
            )
        path, name = LOADER[self.bits]
        tree.file(path, self._library("libc6", name), PROGRAM)

    def _resolved(self) -> dict[str, dict[str, str]] | None:
        try:
            record = json.loads(self._record.read_text())
        except (FileNotFoundError, ValueError):
            return None
        known = all(
            name in record and (self._directory / record[name]["file"]).is_file()
            for name in ALL_PACKAGES
        )
        return record if known else None

    def _fetch(self) -> dict[str, dict[str, str]]:
        say(
            f"debs-{self.arch}: fetching {len(ALL_PACKAGES)} packages, about 20 s, because their "
            "versions are not recorded in the cache"
        )
        log = self._cache.root / "logs" / f"debs-{self.arch}.log"
        log.unlink(missing_ok=True)
        temporary = self._cache.root / "tmp" / f"debs-{self.arch}"
        shutil.rmtree(temporary, ignore_errors=True)
        options = private_apt(temporary, self.arch)
        downloads = temporary / "downloads"
        downloads.mkdir()
        update_lists(options, log)
        run(["apt-get", *options, "download", *ALL_PACKAGES], log, "apt", cwd=downloads)
        record = {}
        for path in sorted(downloads.glob("*.deb")):
            name, version = deb_fields(path, "Package", "Version")
            record[name] = {"version": version, "file": path.name, "sha256": sha256(path)}
        missing = [name for name in ALL_PACKAGES if name not in record]
        if missing:
            raise BuildFailed(
                f"debs-{self.arch}: apt-get did not fetch {' '.join(missing)}; see {log}"
            )
        self._directory.mkdir(parents=True, exist_ok=True)
        for path in downloads.iterdir():
            path.replace(self._directory / path.name)
        part = self._record.with_suffix(".part")
        part.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
        part.replace(self._record)
        shutil.rmtree(temporary, ignore_errors=True)
        return record

    def _library(self, package: str, library: str) -> bytes:
        directory = LIBRARY_DIRECTORY[self.bits]
        return self._file(package, f"{directory}/{library}", f"usr/{directory}/{library}")

    def _file(self, package: str, *names: str) -> bytes:
        """A file of a package, under the first of the names that it has; follows symbolic links."""
        resolved = self._resolved() or self.fetch()
        deb = self._directory / resolved[package]["file"]
        if sha256(deb) != resolved[package]["sha256"]:
            raise BadInput(f"{deb}: damaged; remedy: delete it")
        data = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", str(deb)], capture_output=True, check=True
        )
        with tarfile.open(fileobj=io.BytesIO(data.stdout)) as archive:
            present = {member.name.removeprefix("./"): member for member in archive.getmembers()}
            for name in names:
                if name in present:
                    contents = archive.extractfile(present[name])
                    if contents is not None:
                        return contents.read()
        raise BuildFailed(f"{deb}: has no {' or '.join(names)}")


def private_apt(root: Path, arch: str) -> list[str]:
    """apt's options for a state of its own under `root`."""
    for part in ("lists/partial", "cache/archives/partial"):
        (root / part).mkdir(parents=True)
    (root / "status").touch()
    settings = {
        "APT::Architecture": arch,
        "APT::Architectures": arch,
        "Dir::State": root,
        "Dir::State::lists": root / "lists",
        "Dir::State::status": root / "status",
        "Dir::Cache": root / "cache",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def update_lists(options: list[str], log: Path) -> None:
    """apt-get update. Foreign sources may lack the architecture; a later request decides."""
    with contextlib.suppress(BuildFailed):
        run(["apt-get", *options, "update"], log, "apt")


def deb_fields(deb: Path, *names: str) -> list[str]:
    answer = subprocess.run(
        [
            "dpkg-deb",
            "--showformat",
            "".join(f"${{{name}}}\n" for name in names),
            "--show",
            str(deb),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.splitlines()
