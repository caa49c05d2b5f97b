# SPDX-License-Identifier: GPL-2.0-only
"""The plan: what the leader's disk holds and what the leader does. JSON, one object:

  mode          "parallel": start the followers one right after the other;
                "sequential": wait for each follower's state word before starting the next;
                "none": start nothing, only the heartbeat;
                "kexec-reboot": load the leader's own kernel again and jump to it, once;
                "kboot": the boot loader starts the leader's kernel with loader_initrd, which
                starts that kernel again, as the leader (/etc/mint/kboot on its disk);
                "halt": halt after start
  leader        object:
    name        host name; letters, digits, - and _ (optional, "leader")
    arch        "x86_64" or "i386": of the leader's user programs
    kernel      path of a bzImage, for the boot loader
    initrd      path or null; with null the command line must say root=/dev/sda1 rootwait
    cmdline     kernel command line, at most 2047 bytes, one line
  kexec         path of a static boot tool of the leader's arch; for parallel, sequential,
                kexec-reboot and kboot
  loader_initrd path; for kboot
  window        parallel: at most so many followers are on their way at a time (optional, all)
  check_digest  whether purgatory checks the digest of what was loaded (optional, false: kexec -i)
  followers     list, in start order, for parallel and sequential (optional, empty):
    name        as above, different in each
    core        boot core, different in each, at least 1; its state word is at 1100h + 4 * core
    kernel      path of a relocatable bzImage
    initrd      path or null
    kexec_args  list of further arguments of the boot tool, e.g. "--mint-core=1" (optional)
    cmdline     as above

Paths are taken as they are, relative ones from the plan's directory. Each kernel and initrd becomes
a file in the leader's /boot; equal ones only once.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BadInput

MODES = ("parallel", "sequential", "none", "kexec-reboot", "kboot", "halt")
STARTS_FOLLOWERS = ("parallel", "sequential")
NEEDS_KEXEC = (*STARTS_FOLLOWERS, "kexec-reboot", "kboot")
ARCHES = {"x86_64": 64, "i386": 32}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
CMDLINE_MAX = 2047
CORE_MAX = (
    63  # 1100h + 4 * core stays in the shared page well beyond; 64 cores is the machine's limit
)


@dataclass(frozen=True)
class System:
    """What the leader and a follower have in common."""

    name: str
    kernel: Path
    initrd: Path | None
    cmdline: str


@dataclass(frozen=True)
class Leader(System):
    arch: str

    @property
    def bits(self) -> int:
        return ARCHES[self.arch]


@dataclass(frozen=True)
class Follower(System):
    core: int
    kexec_args: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    mode: str
    leader: Leader
    kexec: Path | None
    loader_initrd: Path | None
    check_digest: bool
    window: int | None
    followers: tuple[Follower, ...]


def load(path: Path) -> Plan:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise BadInput(
            f"{path}: {reason}; remedy: name a plan, guest/README.md describes it"
        ) from error
    try:
        document = json.loads(text)
    except ValueError as error:
        raise BadInput(f"{path}: no JSON: {error}; remedy: correct it there") from error
    return _Reader(path).plan(document)


class _Reader:
    """Takes the JSON apart; every error names the file and the key."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def plan(self, document: Any) -> Plan:
        keys = {
            "mode": str,
            "leader": dict,
            "kexec": str,
            "loader_initrd": str,
            "check_digest": bool,
            "window": int,
            "followers": list,
        }
        self._check(document, "", keys, required=("mode", "leader"))
        mode = document["mode"]
        if mode not in MODES:
            self._fail("mode", f"'{mode}' is no mode", "one of " + ", ".join(MODES))
        followers = tuple(
            self._follower(item, f"followers[{index}]")
            for index, item in enumerate(document.get("followers", []))
        )
        if followers and mode not in STARTS_FOLLOWERS:
            self._fail("followers", f"mode '{mode}' starts none", "an empty list")
        if not followers and mode in STARTS_FOLLOWERS:
            self._fail("followers", f"mode '{mode}' needs some", "at least one")
        window = document.get("window")
        if window is not None and (mode != "parallel" or window < 1):
            self._fail("window", f"{window} with mode '{mode}'", "at least 1, mode 'parallel'")
        for key in ("name", "core"):
            self._unique(followers, key)
        if mode in NEEDS_KEXEC and "kexec" not in document:
            self._fail("kexec", f"missing, and mode '{mode}' needs it", "the path of the boot tool")
        kexec = (
            self._file(document["kexec"], "kexec", "kexec-x86_64") if "kexec" in document else None
        )
        if (mode == "kboot") != ("loader_initrd" in document):
            self._fail("loader_initrd", f"with mode '{mode}'", "one with 'kboot', and only there")
        loader = document.get("loader_initrd")
        return Plan(
            mode,
            self._leader(document["leader"]),
            kexec,
            self._file(loader, "loader_initrd", "initrd-kboot64") if loader else None,
            document.get("check_digest", False),
            window,
            followers,
        )

    def _leader(self, value: dict[str, Any]) -> Leader:
        keys = {
            "name": str,
            "arch": str,
            "kernel": str,
            "initrd": (str, type(None)),
            "cmdline": str,
        }
        self._check(value, "leader", keys, required=("arch", "kernel", "initrd", "cmdline"))
        if value["arch"] not in ARCHES:
            self._fail("leader.arch", f"'{value['arch']}' is no architecture", " or ".join(ARCHES))
        return Leader(*self._system(value, "leader", "leader"), arch=value["arch"])

    def _follower(self, value: Any, where: str) -> Follower:
        keys = {
            "name": str,
            "core": int,
            "kernel": str,
            "initrd": (str, type(None)),
            "kexec_args": list,
            "cmdline": str,
        }
        self._check(value, where, keys, required=("name", "core", "kernel", "initrd", "cmdline"))
        if not 1 <= value["core"] <= CORE_MAX:
            self._fail(
                f"{where}.core",
                f"{value['core']} can't be a follower's boot core",
                f"1 to {CORE_MAX}",
            )
        arguments = value.get("kexec_args", [])
        if not all(isinstance(item, str) and _one_line(item) for item in arguments):
            self._fail(
                f"{where}.kexec_args", "has an item that is no line of text", "a list of strings"
            )
        system = self._system(value, where, "")
        if not _kernel_header(system[1])[0x34]:  # relocatable_kernel, at 234h of the file
            self._fail(
                f"{where}.kernel",
                f"{system[1]}: not relocatable",
                "a kernel with CONFIG_RELOCATABLE",
            )
        return Follower(*system, core=value["core"], kexec_args=tuple(arguments))

    def _system(
        self, value: dict[str, Any], where: str, name: str
    ) -> tuple[str, Path, Path | None, str]:
        name = value.get("name", name)
        if not NAME.fullmatch(name):
            self._fail(
                f"{where}.name",
                f"'{name}' can't be a host name",
                "at most 32 letters, digits, - or _",
            )
        kernel = self._file(value["kernel"], f"{where}.kernel", "linux-mint64")
        if _kernel_header(kernel)[2:6] != b"HdrS":
            self._fail(f"{where}.kernel", f"{kernel}: no bzImage", "an x86 Linux bzImage")
        initrd = value["initrd"]
        if initrd is not None:
            initrd = self._file(initrd, f"{where}.initrd", "initrd-follower64")
        cmdline = value["cmdline"]
        if not _one_line(cmdline) or len(cmdline.encode()) > CMDLINE_MAX:
            self._fail(
                f"{where}.cmdline", f"not one line of at most {CMDLINE_MAX} bytes", "a shorter one"
            )
        return name, kernel, initrd, cmdline

    def _file(self, value: str, where: str, artefact: str) -> Path:
        path = self._path.parent / value
        if not path.is_file():
            self._fail(
                where,
                f"{path}: no such file",
                f"an existing file, e.g. from 'guest/images build {artefact}'",
            )
        return path

    def _check(
        self, value: Any, where: str, keys: dict[str, Any], required: tuple[str, ...]
    ) -> None:
        dot = where + "." if where else ""
        if not isinstance(value, dict):
            self._fail(where or "the whole", "not an object", "{...}")
        for key, item in value.items():
            if key not in keys:
                self._fail(dot + key, "unknown key", "one of " + ", ".join(keys))
            if not isinstance(item, keys[key]) or (keys[key] is int and isinstance(item, bool)):
                self._fail(
                    dot + key, f"{json.dumps(item)} has the wrong type", _type_name(keys[key])
                )
        for key in required:
            if key not in value:
                self._fail(dot + key, "missing", "the key")

    def _unique(self, followers: tuple[Follower, ...], key: str) -> None:
        first: dict[object, int] = {}
        for index, follower in enumerate(followers):
            value = getattr(follower, key)
            if value in first:
                self._fail(
                    f"followers[{index}].{key}",
                    f"{value} is also followers[{first[value]}]'s",
                    "a different one",
                )
            first[value] = index

    def _fail(self, where: str, what: str, remedy: str) -> None:
        raise BadInput(f"{self._path}: {where}: {what}; remedy: give {remedy}")


def _kernel_header(kernel: Path) -> bytes:
    """The setup header from offset 200h (Linux boot protocol), padded when the file is short."""
    with kernel.open("rb") as image:
        image.seek(0x200)
        return image.read(0x60).ljust(0x60, b"\0")


def _one_line(text: str) -> bool:
    return text.isprintable()


def _type_name(kind: Any) -> str:
    names = {
        str: "a string",
        dict: "an object",
        bool: "true or false",
        list: "a list",
        int: "a number",
    }
    return names.get(kind, "a string or null")
