# SPDX-License-Identifier: GPL-2.0-only
"""The command line of guest/images."""

import argparse
import glob
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

from . import bootdisk, ext2, leader, plan, recipes
from .cache import Cache, Recipe, default_root
from .debian import Closure
from .debs import DEBIAN_ARCH, Debs
from .errors import EXIT_BAD_INPUT, EXIT_BUILD_FAILED, EXIT_OWN_FAULT, BadInput, BuildFailed
from .inputs import require_packages
from .progress import say
from .stock_kernel import Package

DESCRIPTION = """Builds what the guest runs: kernels, boot tools, initrds, disks. Everything is kept
in a cache keyed by its inputs ($MINTSIM_CACHE, else $XDG_CACHE_HOME/mintsim/images, else
~/.cache/mintsim/images)."""
EPILOGUE = "Exit codes: 0 done, 1 a build failed, 2 bad or missing input, 3 own fault."


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        action: Callable[[argparse.Namespace, Cache], int] = options.action
        return action(options, Cache(default_root(), look_only=action in (path, list_all)))
    except BadInput as error:
        say(str(error))
        return EXIT_BAD_INPUT
    except BuildFailed as error:
        say(str(error))
        return EXIT_BUILD_FAILED
    except KeyboardInterrupt:
        say("interrupted; the cache is as it was")
        return EXIT_BUILD_FAILED
    except OSError as error:  # no room, no permission, a file that has gone
        where = f"{error.filename}: " if error.filename else ""
        say(f"{where}{error.strerror or error}; remedy: make room there, or give access to it")
        return EXIT_BAD_INPUT
    except Exception:  # the last resort: say what happened, with an exit code of its own
        traceback.print_exc()
        return EXIT_OWN_FAULT


def build(options: argparse.Namespace, cache: Cache) -> int:
    for recipe in [_named(name) for name in options.name]:
        print(f"{recipe.name}\t{cache.ensure(recipe)}", flush=True)
    return 0


def path(options: argparse.Namespace, cache: Cache) -> int:
    for recipe in [_named(name) for name in options.name]:
        where = cache.path(recipe)
        if not where.is_dir():
            raise BadInput(f"{recipe.name}: not built; remedy: guest/images build {recipe.name}")
        print(where)
    return 0


def list_all(options: argparse.Namespace, cache: Cache) -> int:
    for recipe in recipes.catalogue().values():
        print(f"{recipe.name:22} {_state(recipe, cache)}")
    return 0


def refresh(options: argparse.Namespace, cache: Cache) -> int:
    for bits in DEBIAN_ARCH:
        debs = Debs(cache, bits)
        debs.forget()
        debs.fetch()
        Closure(cache, bits).forget()
    Package(cache).forget()
    return 0


def leader_disk(options: argparse.Namespace, cache: Cache) -> int:
    what = plan.load(options.plan)
    require_packages(["genext2fs"], "leader-disk")
    root = leader.tree(Debs(cache, what.leader.bits), what)
    log = _log(cache, "leader-disk")
    with _Output(options.out) as part:
        bootdisk.write(what, root, options.boot_sector, options.boot_loader, part, log)
    return 0


def follower_disk(options: argparse.Namespace, cache: Cache) -> int:
    if not plan.NAME.fullmatch(options.name):
        raise BadInput(
            f"--name '{options.name}': can't be a host name; remedy: give at most 32 letters, "
            "digits, - or _"
        )
    built = cache.ensure(recipes.follower_disk(plan.ARCHES[options.arch], options.name))
    with (
        _Output(options.out) as part,
        (built / "disk.img").open("rb") as disk,
        part.open("wb") as out,
    ):
        ext2.copy_sparse(built / "disk.img", out, 0)
        out.truncate(os.fstat(disk.fileno()).st_size)
    return 0


class _Output:
    """A file that appears complete or not at all. What is made on the way to it lies beside it, has
    its part's name with something after it, and goes with it."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._part = target.with_name(f"{target.name}.part{os.getpid()}")

    def __enter__(self) -> Path:
        if not self._target.parent.is_dir():
            raise BadInput(f"{self._target}: its directory does not exist; remedy: make it first")
        return self._part

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                self._part.replace(self._target)
        finally:
            self._part.unlink(missing_ok=True)
            for left in self._target.parent.glob(f"{glob.escape(self._part.name)}.*"):
                left.unlink(missing_ok=True)
        # What a write says has no name in it.
        if isinstance(error, OSError) and not error.filename:
            error.filename = str(self._target)


def _log(cache: Cache, name: str) -> Path:
    log = cache.root / "logs" / f"{name}.log"
    log.unlink(missing_ok=True)
    return log


def _named(name: str) -> Recipe:
    catalogue = recipes.catalogue()
    if name not in catalogue:
        raise BadInput(f"'{name}': no such image; remedy: one of {', '.join(catalogue)}")
    return catalogue[name]


def _state(recipe: Recipe, cache: Cache) -> str:
    """Without fetching or installing anything."""
    try:
        where = cache.path(recipe)
    except (BadInput, BuildFailed) as error:
        return str(error)
    if not where.is_dir():
        return "not built"
    size = sum(file.stat().st_blocks * 512 for file in where.rglob("*"))
    return f"{size / 1e6:6.1f} MB  {where}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="guest/images", description=DESCRIPTION, epilog=EPILOGUE)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("build", help="build images; prints NAME<tab>DIRECTORY of each")
    command.add_argument("name", nargs="+", metavar="NAME")
    command.set_defaults(action=build)

    command = commands.add_parser("list", help="show all images and where they are")
    command.set_defaults(action=list_all)

    command = commands.add_parser("path", help="print the directories of built images, one a line")
    command.add_argument("name", nargs="+", metavar="NAME")
    command.set_defaults(action=path)

    command = commands.add_parser("refresh", help="fetch the guest's Debian packages anew")
    command.set_defaults(action=refresh)

    command = commands.add_parser("leader-disk", help="write a leader's disk after a plan")
    for option in ("--plan", "--boot-sector", "--boot-loader", "--out"):
        command.add_argument(option, type=Path, required=True, metavar="FILE")
    command.set_defaults(action=leader_disk)

    command = commands.add_parser("follower-disk", help="write the disk of one follower")
    command.add_argument("--arch", choices=tuple(plan.ARCHES), required=True)
    command.add_argument("--name", default="follower", help="host name, and source of its keys")
    command.add_argument("--out", type=Path, required=True, metavar="FILE")
    command.set_defaults(action=follower_disk)
    return parser
