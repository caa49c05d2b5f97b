# SPDX-License-Identifier: GPL-2.0-only
"""The leader's root file system: its own part, the boot tool, the followers' kernels and initrds
under /boot, and /etc/mint/start, which does what the plan says."""

import hashlib
import shlex
from collections.abc import Sequence
from pathlib import Path

from . import rootfs
from .debs import Debs
from .plan import Follower, Plan
from .tree import PROGRAM, Tree

START = "etc/mint/start"
KBOOT = "etc/mint/kboot"  # run by the initrd that is a boot loader


def tree(debs: Debs, plan: Plan) -> Tree:
    result = rootfs.system(debs, "leader", plan.leader.name)
    if plan.kexec:
        result.file("sbin/kexec", plan.kexec.read_bytes(), PROGRAM)
    boot = _Boot(result)
    result.file(START, start_script(plan, boot).encode(), PROGRAM)
    if plan.mode == "kboot":
        result.file(KBOOT, kboot_script(plan, boot).encode(), PROGRAM)
    return result


class _Boot:
    """Puts files into /boot, equal ones once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._names: dict[bytes, str] = {}

    def add(self, kind: str, source: Path) -> str:
        """Returns the file's path in the guest."""
        data = source.read_bytes()
        digest = hashlib.sha256(data).digest()
        if digest not in self._names:
            count = sum(f"/{kind}-" in name for name in self._names.values())
            name = f"boot/{kind}-{count + 1}"
            self._tree.file(name, data)
            self._names[digest] = "/" + name
        return self._names[digest]


def kboot_script(plan: Plan, boot: _Boot) -> str:
    arguments = _leader_arguments(plan, plan.leader.cmdline, boot)
    return f"#!/bin/sh\n# Generated from the plan.\nkexec -l {arguments} &&\n\texec kexec -e\n"


def start_script(plan: Plan, boot: _Boot) -> str:
    lines = [
        "#!/bin/sh",
        f"# Generated from the plan, mode {plan.mode}.",
        ". /etc/mint/starting",
        "",
    ]
    if plan.mode == "kexec-reboot":
        arguments = _leader_arguments(plan, plan.leader.cmdline + " mint.boot=2", boot)
        lines.append(f"reboot_by_kexec {arguments}")
    elif plan.mode == "halt":
        lines += ['echo "mint: halting"', "halt -f"]
    for follower in plan.followers:
        lines.append(_start_line(plan, follower, boot))
    return "\n".join(lines) + "\n"


def _leader_arguments(plan: Plan, cmdline: str, boot: _Boot) -> str:
    return _kexec_arguments(
        plan.check_digest, plan.leader.kernel, plan.leader.initrd, cmdline, (), boot
    )


def _start_line(plan: Plan, follower: Follower, boot: _Boot) -> str:
    arguments = _kexec_arguments(
        plan.check_digest,
        follower.kernel,
        follower.initrd,
        follower.cmdline,
        ("-l", *follower.kexec_args),
        boot,
    )
    line = f"start_follower {follower.name} {arguments}"
    if plan.mode == "sequential":
        line += f" &&\n\twait_for_follower {follower.name} {follower.core}"
    elif plan.window is not None:
        line = f"wait_for_room {plan.window}\n{line} &&\n\tunderway=\"$underway {follower.core}\""
    return line


def _kexec_arguments(
    check_digest: bool,
    kernel: Path,
    initrd: Path | None,
    cmdline: str,
    arguments: Sequence[str],
    boot: _Boot,
) -> str:
    words = list(arguments)
    if not check_digest:
        words.append("-i")
    if initrd:
        words.append("--initrd=" + boot.add("initrd", initrd))
    words.append("--command-line=" + cmdline)
    words.append(boot.add("kernel", kernel))
    return " ".join(shlex.quote(word) for word in words)
