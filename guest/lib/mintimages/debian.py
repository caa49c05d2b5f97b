# SPDX-License-Identifier: GPL-2.0-only
"""A follower's disk with a Debian 12: installed from packages by mmdebstrap, maintainer scripts and
all, into an ext4 file system. guest/rootfs/debian says which packages, and what is added to them."""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from . import ext2, ext4, hostkey
from .cache import Cache, Recipe
from .debs import DEBIAN_ARCH, deb_fields, private_apt, update_lists
from .errors import BadInput
from .inputs import file_line, require_packages, sha256, tree_lines
from .progress import run, say
from .rootfs import GUEST, SCRIPTS
from .tree import Tree

DEBIAN = SCRIPTS / "debian"
# arch-test tells mmdebstrap that this machine runs i386 programs, too.
TOOLS = ("mmdebstrap", "arch-test", ext4.PACKAGE)
# Which modules decide what is on the disk. Not all, as for smaller images: this one takes minutes.
MODULES = ("debian", "debs", "ext2", "ext4", "hostkey", "tree")
SUITE = "bookworm"
DISK_BYTES = 512 << 20
INODES = 24576
# Time stamps later than this become this: 2026-01-01, as in the kernels' version.
EPOCH = 1767225600
# Installed whatever the list says, as apt names them.
ESSENTIAL = "?essential"


def wanted() -> list[str]:
    """The names in guest/rootfs/debian/packages."""
    lines = (DEBIAN / "packages").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


class Closure:
    """The wanted packages of one architecture and all that they depend on, fetched by apt into the
    cache. Like those of Debs, their versions are recorded and stay until `images refresh`."""

    def __init__(self, cache: Cache, bits: int) -> None:
        self.arch = DEBIAN_ARCH[bits]
        self.directory = cache.root / "debs" / f"{self.arch}-debian"
        self._cache = cache
        self._record = self.directory / "resolved.json"

    def packages(self) -> dict[str, dict[str, str]]:
        """Version, file and hash of each package, fetching them if this is the first time."""
        known = self._resolved()
        if known:
            return known
        if self._cache.look_only:
            raise BadInput(
                f"the {self.arch} packages of Debian are not fetched yet; remedy: build the image"
            )
        with self._cache.lock(f"debs-{self.arch}-debian"):
            return self._resolved() or self._fetch()

    def forget(self) -> None:
        """Makes the next use look for new versions."""
        self._record.unlink(missing_ok=True)

    def _resolved(self) -> dict[str, dict[str, str]] | None:
        try:
            record = json.loads(self._record.read_text())
        except (FileNotFoundError, ValueError):
            return None
        there = all((self.directory / one["file"]).is_file() for one in record["packages"].values())
        return record["packages"] if there and record["wanted"] == wanted() else None

    def _fetch(self) -> dict[str, dict[str, str]]:
        say(f"debs-{self.arch}-debian: fetching a Debian, about 50 MB, into the cache")
        log = self._cache.root / "logs" / f"debs-{self.arch}-debian.log"
        log.unlink(missing_ok=True)
        temporary = self._cache.root / "tmp" / f"debs-{self.arch}-debian"
        shutil.rmtree(temporary, ignore_errors=True)
        options = private_apt(temporary, self.arch)
        update_lists(options, log)
        request = ("install", "-y", "--no-install-recommends", "--download-only")
        run(["apt-get", *options, *request, ESSENTIAL, *wanted()], log, "apt")
        packages = {}
        for path in sorted((temporary / "cache" / "archives").glob("*.deb")):
            name, version = deb_fields(path, "Package", "Version")
            packages[name] = {"version": version, "file": path.name, "sha256": sha256(path)}
        self.directory.mkdir(parents=True, exist_ok=True)
        for package in packages.values():
            (temporary / "cache" / "archives" / package["file"]).replace(
                self.directory / package["file"]
            )
        part = self._record.with_suffix(".part")
        record = {"wanted": wanted(), "packages": packages}
        part.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
        part.replace(self._record)
        shutil.rmtree(temporary, ignore_errors=True)
        return packages


def write_repository(closure: Closure, out: Path) -> None:
    """An apt repository of exactly these packages."""
    index = []
    for package in closure.packages().values():
        deb = closure.directory / package["file"]
        if sha256(deb) != package["sha256"]:
            raise BadInput(f"{deb}: damaged; remedy: delete it")
        control = subprocess.run(
            ["dpkg-deb", "--field", str(deb)], capture_output=True, text=True, check=True
        )
        place = f"Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {package['sha256']}\n"
        index.append(control.stdout + place)
        try:
            os.link(deb, out / deb.name)
        except OSError:
            shutil.copy(deb, out / deb.name)
    packages = out / "Packages"
    packages.write_text("\n".join(index))
    (out / "Release").write_text(
        f"Suite: {SUITE}\nCodename: {SUITE}\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n"
        f"SHA256:\n {sha256(packages)} {packages.stat().st_size} Packages\n"
    )


def overlay(arch: str) -> Tree:
    """What the disk has beside its packages. One of it serves all followers of its architecture:
    their names come from the kernel command line."""
    name = f"debian-{arch}"
    identity = hashlib.sha256(b"mintsim machine id: " + name.encode()).hexdigest()[:32]
    seed = hashlib.shake_256(b"mintsim: " + name.encode()).digest(512)
    tree = Tree()
    tree.copy(DEBIAN / "files")
    tree.file("etc/hostname", name.encode() + b"\n")
    tree.file("etc/machine-id", identity.encode() + b"\n", 0o444)
    tree.file("etc/ssh/ssh_host_ed25519_key", hostkey.openssh_key(name), 0o600)
    tree.file("etc/ssh/ssh_host_ed25519_key.pub", hostkey.openssh_public_key(name))
    tree.file("var/lib/systemd/random-seed", seed, 0o600)
    return tree


@dataclass(frozen=True)
class DebianDisk:
    """The image disk-debian64 or disk-debian32."""

    bits: int
    seconds: int = 120

    @property
    def name(self) -> str:
        return f"disk-debian{self.bits}"

    def dependencies(self) -> Sequence[Recipe]:
        return ()

    def inputs(self, cache: Cache) -> list[str]:
        modules = Path(__file__).resolve().parent
        return [
            *tree_lines(DEBIAN, GUEST),
            *(file_line(modules / f"{name}.py", GUEST) for name in MODULES),
            *require_packages(TOOLS, self.name, cache.look_only),
            *(
                f"deb {name}:{DEBIAN_ARCH[self.bits]} {package['version']} {package['sha256']}"
                for name, package in sorted(Closure(cache, self.bits).packages().items())
            ),
        ]

    def build(self, cache: Cache, out: Path, log: Path) -> None:
        scratch = out.with_name(out.name + ".work")
        scratch.mkdir()
        try:
            archive = self._install(Closure(cache, self.bits), scratch, log)
            what = ext4.FileSystem(
                bytes=DISK_BYTES,
                inodes=INODES,
                label="mint-debian",
                uuid=uuid.UUID(hashlib.sha256(self.name.encode()).hexdigest()[:32], version=4),
                created=EPOCH,
            )
            dense = scratch / "disk"
            ext4.write(archive, what, dense, log)
            with (out / "disk.img").open("wb") as image:
                ext2.copy_sparse(dense, image, 0)
                image.truncate(DISK_BYTES)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _install(self, closure: Closure, scratch: Path, log: Path) -> Path:
        """The installed system as an archive."""
        repository = scratch / "debs"
        repository.mkdir()
        write_repository(closure, repository)
        added = scratch / "overlay.tar"
        added.write_bytes(ext2.tar(overlay(closure.arch)))
        archive = scratch / "root.tar"
        script, files = shlex.quote(str(DEBIAN / "customize")), shlex.quote(str(added))
        run(
            [
                *("mmdebstrap", "--variant=essential", f"--architectures={closure.arch}"),
                f"--include={','.join(wanted())}",
                '--aptopt=APT::Install-Recommends "false"',
                '--aptopt=APT::Sandbox::User "root"',
                f'--customize-hook={script} "$1" {files}',
                "--dpkgopt=force-unsafe-io",  # what is built has no need of fsync
                "--skip=cleanup/reproducible",  # it empties machine-id; the hook does the rest
                *(SUITE, str(archive), f"deb [trusted=yes] copy://{quote(str(repository))} ./"),
            ],
            log,
            "mmdebstrap",
            settings={"SOURCE_DATE_EPOCH": str(EPOCH)},
        )
        return archive
