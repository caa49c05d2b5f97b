# SPDX-License-Identifier: GPL-2.0-only
"""Every artefact that has a name, and how it is made."""

import contextlib
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import cpio, ext2, rootfs
from .cache import Cache, Recipe
from .debian import DebianDisk
from .debs import ALL_PACKAGES, BUSYBOX, Debs
from .errors import BadInput
from .inputs import file_line, require_packages, tree_lines
from .progress import run, run_aloud
from .rootfs import GUEST
from .stock_kernel import StockKernel
from .tree import Tree

COMPILER = ("gcc", "gcc-12", "binutils")
HOST_BUILD = (*COMPILER, "libc6-dev", "make", "patch")
KERNEL_BUILD = (
    *HOST_BUILD,
    "linux-source-6.1",
    "bc",
    "bison",
    "flex",
    "libelf-dev",
    "lz4",
    "xz-utils",
)
KEXEC_BUILD = (*HOST_BUILD, "dpkg-dev", "xz-utils")
KEXEC_BUILD_I386 = (*KEXEC_BUILD, "gcc-multilib")
FOLLOWER_DISK_BYTES = 64 << 20
MODULES = Path(__file__).resolve().parent
# Changes whenever packages or what apt knows of them do.
PACKAGE_STATE = [
    Path("/var/lib/dpkg/status"),
    Path("/var/lib/apt/lists"),
    *map(Path("/etc/apt").joinpath, ("sources.list", "sources.list.d", "preferences.d")),
]


@dataclass(frozen=True)
class Scripted:
    """Something that a build script of its own makes: a kernel or a boot tool.

    `script --inputs ARGUMENTS` prints its inputs, one a line: the path of an existing file, or
    package=version of an installed package. `script OUTDIR ARGUMENTS` builds.
    """

    name: str
    seconds: int
    script: Path
    arguments: tuple[str, ...]
    needs: tuple[str, ...]  # packages it can't do without; which are inputs the script knows

    def dependencies(self) -> Sequence[Recipe]:
        return ()

    def inputs(self, cache: Cache) -> list[str]:
        if not self.script.is_file():
            raise BadInput(
                f"{self.name}: {self.script}: no such file; remedy: complete the source tree"
            )
        require_packages(self.needs, self.name, cache.look_only)
        return [
            file_line(self.script, GUEST),
            *map(_listed_line, self._listed(cache)),
        ]

    def build(self, cache: Cache, out: Path, log: Path) -> None:
        scratch = out.with_name(out.name + ".work")
        scratch.mkdir()
        try:
            places = {"TMPDIR": str(scratch), "MINT_SOURCES": str(cache.root / "sources")}
            run_aloud([str(self.script), str(out), *self.arguments], log, "bash", places)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _listed(self, cache: Cache) -> list[str]:
        """What the script lists. It asks dpkg and apt, which takes longer than many a run, so the
        answer is kept for as long as neither they nor the script's folder have changed; one for
        each checkout, or two that are used in turn would never find theirs."""
        beside = sorted(path for path in self.script.parent.iterdir() if path.is_file())
        situation = "".join(
            f"{line}\n"
            for line in [
                str(self.script),
                *self.arguments,
                os.environ.get("PATH", ""),
                *(file_line(path, GUEST) for path in beside),
                *map(_last_change, PACKAGE_STATE),
            ]
        )
        checkout = hashlib.sha256(str(self.script).encode()).hexdigest()[:8]
        memo = cache.root / "inputs" / f"{self.name}-{checkout}.txt"
        with contextlib.suppress(OSError):
            known, _, answer = memo.read_text().partition("\n\n")
            if known + "\n" == situation:
                return answer.splitlines()
        lines = self._ask()
        with contextlib.suppress(OSError):  # it only saves time
            memo.parent.mkdir(exist_ok=True)
            part = memo.with_name(f"{memo.name}.part{os.getpid()}")
            part.write_text(situation + "\n" + "".join(f"{line}\n" for line in lines))
            part.replace(memo)
        return lines

    def _ask(self) -> list[str]:
        answer = subprocess.run(
            [str(self.script), "--inputs", *self.arguments],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        lines = answer.stdout.splitlines()
        if answer.returncode != 0 or any(line.endswith("=") for line in lines):
            reason = answer.stderr.strip().splitlines()[-1:] or ["it gives no reason"]
            raise BadInput(
                f"{self.name}: what it is built from can't be told: {reason[0]}; "
                "remedy: what that says, or apt-get update"
            )
        return lines


def _last_change(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return f"no {path}"
    return f"{path} {status.st_mtime_ns} {status.st_size}"


def _listed_line(text: str) -> str:
    path = Path(text)
    return file_line(path, GUEST) if path.is_absolute() else f"package {text}"


@dataclass(frozen=True)
class Image:
    """An initrd or disk, assembled by this tool itself."""

    name: str
    seconds: int
    bits: int
    file: str  # its name in the artefact's directory
    scripts: tuple[str, ...]  # what of guest/rootfs it uses
    content: Callable[[Debs, Path, Path], Tree]  # packages, scratch directory, log
    write: Callable[[Tree, Path, Path], None]  # tree, image, log
    debs: tuple[str, ...] = (BUSYBOX,)
    packages: tuple[str, ...] = ()

    def dependencies(self) -> Sequence[Recipe]:
        return ()

    def inputs(self, cache: Cache) -> list[str]:
        return [
            *(line for part in self.scripts for line in tree_lines(rootfs.SCRIPTS / part, GUEST)),
            *(file_line(path, GUEST) for path in sorted(MODULES.glob("*.py"))),
            *require_packages(self.packages, self.name, cache.look_only),
            *Debs(cache, self.bits).inputs(self.debs),
        ]

    def build(self, cache: Cache, out: Path, log: Path) -> None:
        tree = self.content(Debs(cache, self.bits), out, log)
        self.write(tree, out / self.file, log)


def write_initrd(tree: Tree, image: Path, log: Path) -> None:
    """LZ4 in its legacy format, the one that the kernel's decompressor knows."""
    archive = image.with_suffix(".cpio")
    archive.write_bytes(cpio.newc(tree))
    run(["lz4", "-l", "-12", "--favor-decSpeed", "-q", str(archive), str(image)], log, "lz4")
    archive.unlink()


def write_follower_disk(tree: Tree, image: Path, log: Path) -> None:
    dense = image.with_suffix(".dense")
    ext2.write(tree, FOLLOWER_DISK_BYTES, "mint-follower", dense, log)
    with image.open("wb") as out:
        ext2.copy_sparse(dense, out, 0)
        out.truncate(FOLLOWER_DISK_BYTES)
    dense.unlink()


def follower_tree(bits: int, name: str) -> Callable[[Debs, Path, Path], Tree]:
    def content(debs: Debs, scratch: Path, log: Path) -> Tree:
        program = scratch / "seed-random"
        data = rootfs.build_seed_program(bits, program, log)
        program.unlink()
        return rootfs.follower(debs, name, data)

    return content


def follower_disk(bits: int, name: str | None = None) -> Image:
    """The follower's disk; with a name, that one's own: host name, host key and random seed."""
    suffix = f"-{name}" if name else ""
    return Image(
        f"disk-follower{bits}{suffix}",
        2,
        bits,
        "disk.img",
        ("common", "follower", rootfs.SEED_SOURCE.name),
        follower_tree(bits, name or "follower"),
        write_follower_disk,
        ALL_PACKAGES,
        (ext2.PACKAGE, *COMPILER),
    )


INITRD_SCRIPTS = {
    "leader": ("initrd", "common"),
    "follower": ("initrd", "common"),
    "halt": ("halt",),
    "kboot": ("kboot", "common"),
    "small": ("common", "follower"),
    "debian": ("debian-initrd", "common"),
}


def _initrd(name: str, bits: int, content: Callable[[Debs], Tree]) -> Image:
    scripts = INITRD_SCRIPTS[name]
    return Image(
        f"initrd-{name}{bits}",
        1,
        bits,
        "initrd",
        scripts,
        lambda debs, scratch, log: content(debs),
        write_initrd,
        packages=("lz4",),
    )


def _all() -> list[Recipe]:
    recipes: list[Recipe] = []
    for variant in ("mint64", "mint32", "plain64", "plain32"):
        recipes.append(
            Scripted(f"linux-{variant}", 200, GUEST / "linux" / "build", (variant,), KERNEL_BUILD)
        )
    for variant in ("mint64-distro", "mint32-distro"):
        recipes.append(
            Scripted(
                f"linux-{variant}",
                300,
                GUEST / "linux" / "build-distro",
                (variant,),
                KERNEL_BUILD,
            )
        )
    for variant, infix in (("mint", ""), ("plain", "plain-")):
        for arch in ("x86_64", "i386"):
            recipes.append(
                Scripted(
                    f"kexec-{infix}{arch}",
                    40,
                    GUEST / "kexec-tools" / "build",
                    (arch, variant),
                    KEXEC_BUILD_I386 if arch == "i386" else KEXEC_BUILD,
                )
            )
    for bits in (64, 32):
        recipes.append(_initrd("leader", bits, lambda debs: rootfs.initrd(debs, "leader")))
        recipes.append(_initrd("follower", bits, lambda debs: rootfs.initrd(debs, "follower")))
        recipes.append(_initrd("halt", bits, rootfs.halt_initrd))
        recipes.append(_initrd("kboot", bits, lambda debs: rootfs.initrd(debs, "leader", "kboot")))
        recipes.append(_initrd("small", bits, rootfs.small))
        recipes.append(follower_disk(bits))
        recipes.append(_initrd("debian", bits, rootfs.debian_initrd))
        recipes.append(DebianDisk(bits))
    recipes.append(StockKernel())
    return recipes


def catalogue() -> dict[str, Recipe]:
    return {recipe.name: recipe for recipe in _all()}
