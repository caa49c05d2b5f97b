# SPDX-License-Identifier: GPL-2.0-only
"""Input lines of recipes: files by content, installed packages by version."""

import hashlib
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from .errors import BadInput, BuildFailed
from .progress import say


def sha256(path: Path) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def file_line(path: Path, base: Path) -> str:
    """One file: name relative to `base`, whether it is executable, content."""
    name = path.relative_to(base) if path.is_relative_to(base) else path.name
    kind = "program" if os.access(path, os.X_OK) else "file"
    return f"{kind} {name} {sha256(path)}"


def tree_lines(top: Path, base: Path) -> list[str]:
    """A file, or all files of a directory."""
    if top.is_file():
        return [file_line(top, base)]
    return [file_line(path, base) for path in sorted(top.rglob("*")) if path.is_file()]


_versions: dict[tuple[str, ...], dict[str, str]] = {}


def installed_versions(packages: list[str]) -> dict[str, str]:
    """Versions of those Debian packages that are installed. Each set is asked for once: many images
    are made with the same tools, and dpkg-query is slow."""
    key = tuple(packages)
    if key not in _versions:
        _versions[key] = _ask_versions(packages)
    return _versions[key]


def _ask_versions(packages: list[str]) -> dict[str, str]:
    form = "${binary:Package} ${db:Status-Abbrev} ${Version}\\n"
    try:
        answer = subprocess.run(
            ["dpkg-query", "-W", "-f", form, *packages], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise BadInput("dpkg-query: not found; remedy: run this on Debian 12") from error
    rows = [line.split() for line in answer.stdout.splitlines()]
    return {row[0].partition(":")[0]: row[2] for row in rows if len(row) == 3 and row[1] == "ii"}


def require_packages(packages: Iterable[str], purpose: str, look_only: bool = False) -> list[str]:
    """Versions of packages that must be installed, as input lines. Installs what is missing when
    MINTSIM_INSTALL=1 says so, else names it."""
    packages = list(packages)
    versions = installed_versions(packages) if packages else {}
    missing = [name for name in packages if name not in versions]
    if missing:
        if look_only or os.environ.get("MINTSIM_INSTALL") != "1" or os.geteuid() != 0:
            raise BadInput(
                f"{purpose}: needs packages that are not installed: {' '.join(missing)}; "
                f"remedy: apt-get install {' '.join(missing)} "
                "(or MINTSIM_INSTALL=1 as root, which does it for you)"
            )
        install(missing, purpose)
        _versions.clear()
        versions = installed_versions(packages)
    return [f"package {name}={versions[name]}" for name in packages]


def install(packages: list[str], purpose: str) -> None:
    say(f"{purpose}: installing {' '.join(packages)}")
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        output = (done.stdout + done.stderr).strip().splitlines()[-10:]
        raise BuildFailed(
            f"{purpose}: apt-get install {' '.join(packages)} failed (are the package "
            "lists there? apt-get update):\n    " + "\n    ".join(output)
        )
