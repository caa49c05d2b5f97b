# SPDX-License-Identifier: GPL-2.0-only
"""The guests' file trees: initrds and the followers' roots. Their scripts are files under
guest/rootfs; this adds programs, links and mount points. The leader's root is in leader.py."""

import hashlib
from pathlib import Path

from . import hostkey
from .debs import Debs
from .progress import run
from .tree import PROGRAM, Tree

GUEST = Path(__file__).resolve().parents[2]
SCRIPTS = GUEST / "rootfs"
SEED_SOURCE = SCRIPTS / "seed_random.c"
MOUNT_POINTS = ("dev", "proc", "sys", "run", "tmp", "root", "var/log")

# Busybox's applets that get a link in /bin: what the scripts use, and what one wants on a console.
INITRD_COMMANDS = "cat devmem echo halt mount mknod sh sleep switch_root"
COMMANDS = f"""{INITRD_COMMANDS}
    [ ash awk chmod chown cmp cp crond cut date dd df dmesg du env expr false find free grep
    head hexdump hostname httpd id ifconfig kill killall klogd ln logger ls md5sum mkdir mv nc
    netstat od pidof ping poweroff printf ps pwd reboot rm rmdir route sed sha256sum sort stty
    sync syslogd tail test time top touch true tty umount uname uniq uptime usleep vi wc wget
    xxd"""

# Where each role's root file system is.
ROOT_DEVICE = {"leader": "/dev/sda1", "follower": "/dev/sda"}


def base(debs: Debs, commands: str) -> Tree:
    """Mount points, busybox and links to it."""
    tree = Tree()
    for directory in MOUNT_POINTS:
        tree.directory(directory)
    tree.character_device("dev/console", 5, 1)
    tree.file("bin/busybox", debs.busybox(), PROGRAM)
    tree.link("var/run", "../run")
    for command in commands.split():
        tree.link(f"bin/{command}", "busybox")
    return tree


def halt_initrd(debs: Debs) -> Tree:
    tree = base(debs, INITRD_COMMANDS)
    tree.copy(SCRIPTS / "halt")
    return tree


def initrd(debs: Debs, role: str, scripts: str = "initrd") -> Tree:
    """Finds the role's disk and hands over to it."""
    tree = base(debs, INITRD_COMMANDS)
    tree.copy(SCRIPTS / scripts)
    functions = "etc/mint/functions"
    tree.file(functions, (SCRIPTS / "common" / functions).read_bytes())
    tree.file("etc/mint/root", ROOT_DEVICE[role].encode() + b"\n")
    tree.file("etc/hostname", role.encode() + b"\n")
    return tree


def system(debs: Debs, role: str, name: str) -> Tree:
    """A root file system with busybox's init; guest/rootfs/ROLE says what init runs."""
    tree = base(debs, COMMANDS)
    tree.copy(SCRIPTS / "common")
    tree.copy(SCRIPTS / role)
    tree.file("etc/hostname", name.encode() + b"\n")
    tree.link("sbin/init", "../bin/busybox")
    return tree


def follower(debs: Debs, name: str, seed_program: bytes) -> Tree:
    tree = system(debs, "follower", name)
    debs.add_dropbear(tree)
    tree.file("etc/dropbear/ed25519_host_key", hostkey.dropbear_key(name), 0o600)
    tree.file("sbin/seed-random", seed_program, PROGRAM)
    tree.file(
        "var/lib/random-seed", hashlib.shake_256(b"mintsim: " + name.encode()).digest(512), 0o600
    )
    return tree


def small(debs: Debs) -> Tree:
    """A whole follower in an initrd, without a disk: busybox's daemons, and no dropbear, whose
    libraries are larger than all the rest."""
    tree = system(debs, "follower", "follower")
    tree.link("init", "bin/busybox")
    return tree


def build_seed_program(bits: int, out: Path, log: Path) -> bytes:
    """Compiles seed-random to `out` and returns it."""
    run(
        [
            "gcc",
            f"-m{bits}",
            "-Os",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-static",
            "-nostdlib",
            "-ffreestanding",
            "-fno-stack-protector",
            "-fno-asynchronous-unwind-tables",
            "-fno-pie",
            "-no-pie",
            "-Wl,--build-id=none",
            "-Wl,-z,noseparate-code",
            "-s",
            "-o",
            str(out),
            str(SEED_SOURCE),
        ],
        log,
        "gcc",
    )
    return out.read_bytes()
