# SPDX-License-Identifier: GPL-2.0-only
"""Debian's own kernel for i386, as its package has it: linux-image-686. To compare with; no OS of a
scenario that starts others runs on it."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .cache import Cache, Recipe
from .debs import deb_fields, private_apt, update_lists
from .errors import BadInput, BuildFailed
from .inputs import file_line, sha256
from .progress import run, say
from .rootfs import GUEST

ARCH = "i386"
# Depends on the kernel's package of the day, which has its version in its name.
METAPACKAGE = "linux-image-686"


class Package:
    """The kernel's package, fetched by apt into the cache. Like those of Debs, its version is
    recorded and stays until `images refresh`."""

    def __init__(self, cache: Cache) -> None:
        self.directory = cache.root / "debs" / f"{ARCH}-kernel"
        self._cache = cache
        self._record = self.directory / "resolved.json"

    def resolved(self) -> dict[str, str]:
        """Name, version, file and hash, fetching it if this is the first time."""
        known = self._known()
        if known:
            return known
        if self._cache.look_only:
            raise BadInput(f"{METAPACKAGE} is not fetched yet; remedy: build the image")
        with self._cache.lock(f"debs-{ARCH}-kernel"):
            return self._known() or self._fetch()

    def forget(self) -> None:
        """Makes the next use look for a new version."""
        self._record.unlink(missing_ok=True)

    def _known(self) -> dict[str, str] | None:
        try:
            record = json.loads(self._record.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return record if (self.directory / record["file"]).is_file() else None

    def _fetch(self) -> dict[str, str]:
        say(f"debs-{ARCH}-kernel: fetching {METAPACKAGE}, about 60 MB, into the cache")
        log = self._cache.root / "logs" / f"debs-{ARCH}-kernel.log"
        log.unlink(missing_ok=True)
        temporary = self._cache.root / "tmp" / f"debs-{ARCH}-kernel"
        shutil.rmtree(temporary, ignore_errors=True)
        options = private_apt(temporary, ARCH)
        downloads = temporary / "downloads"
        downloads.mkdir()
        update_lists(options, log)
        package = self._of_the_day(options)
        run(["apt-get", *options, "download", package], log, "apt", cwd=downloads)
        path = next(downloads.glob("*.deb"), None)
        if path is None:
            raise BuildFailed(f"debs-{ARCH}-kernel: apt-get did not fetch {package}; see {log}")
        name, version = deb_fields(path, "Package", "Version")
        record = {"name": name, "version": version, "file": path.name, "sha256": sha256(path)}
        self.directory.mkdir(parents=True, exist_ok=True)
        path.replace(self.directory / path.name)
        part = self._record.with_suffix(".part")
        part.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
        part.replace(self._record)
        shutil.rmtree(temporary, ignore_errors=True)
        return record

    def _of_the_day(self, options: Sequence[str]) -> str:
        """The newest package that the metapackage stands for."""
        answer = subprocess.run(
            ["apt-cache", *options, "show", "--no-all-versions", METAPACKAGE],
            capture_output=True,
            text=True,
            check=False,
        )
        found = re.search(r"^Depends:.*?\b(linux-image-[0-9][^ ,]*-686)\b", answer.stdout, re.M)
        if not found:
            raise BuildFailed(
                f"apt knows no {METAPACKAGE} for {ARCH}; remedy: see whether the sources that "
                "apt is set up with have Debian's kernels"
            )
        return found.group(1)


@dataclass(frozen=True)
class StockKernel:
    """The image linux-debian32: bzImage and config."""

    name: str = "linux-debian32"
    seconds: int = 20

    def dependencies(self) -> Sequence[Recipe]:
        return ()

    def inputs(self, cache: Cache) -> list[str]:
        package = Package(cache).resolved()
        return [
            file_line(Path(__file__).resolve(), GUEST),
            f"deb {package['name']}:{ARCH} {package['version']} {package['sha256']}",
        ]

    def build(self, cache: Cache, out: Path, log: Path) -> None:
        package = Package(cache)
        record = package.resolved()
        deb = package.directory / record["file"]
        if sha256(deb) != record["sha256"]:
            raise BadInput(f"{deb}: damaged; remedy: delete it")
        scratch = out.with_name(out.name + ".work")
        scratch.mkdir()
        try:
            run(["dpkg-deb", "--extract", str(deb), str(scratch)], log, "dpkg-deb")
            for kind, file in (("vmlinuz", "bzImage"), ("config", "config")):
                found = next((scratch / "boot").glob(f"{kind}-*"), None)
                if found is None:
                    raise BuildFailed(f"{deb}: has no boot/{kind}-*")
                shutil.copyfile(found, out / file)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
