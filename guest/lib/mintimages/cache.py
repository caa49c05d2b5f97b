# SPDX-License-Identifier: GPL-2.0-only
"""The cache of artefacts: one directory NAME-<hash of inputs> each.

A directory that exists is complete: it is built under tmp/ and renamed into place. A lock per
artefact keeps two processes from building the same; the kernel drops it when its holder dies, and
the next holder removes what the dead one left under tmp/. Each directory holds `inputs.txt`, the
text whose hash is in its name, so that a rebuild can say which input made it necessary.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from .errors import BadInput, BuildFailed
from .progress import about, say

HASH_DIGITS = 16
INPUTS_FILE = "inputs.txt"


class Recipe(Protocol):
    """How one artefact is made."""

    @property
    def name(self) -> str: ...

    @property
    def seconds(self) -> int: ...  # rough build time on two cores, for the progress line

    def dependencies(self) -> Sequence["Recipe"]: ...

    def inputs(self, cache: "Cache") -> list[str]: ...

    def build(self, cache: "Cache", out: Path, log: Path) -> None: ...


def default_root() -> Path:
    override = os.environ.get("MINTSIM_CACHE")
    if override:
        return Path(override).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "mintsim" / "images"


class Cache:
    def __init__(self, root: Path, look_only: bool = False) -> None:
        self.root = root
        self.look_only = look_only  # nothing may be fetched or installed
        try:
            for part in ("", "tmp", "locks", "logs"):
                (root / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"{root}: the image cache can't be made there ({error.strerror}); "
                "remedy: set MINTSIM_CACHE to a directory you can write to"
            ) from error
        self._inputs: dict[str, str] = {}

    def inputs_text(self, recipe: Recipe) -> str:
        """The recipe's inputs, one a line, with the hashes of what it depends on."""
        if recipe.name not in self._inputs:
            lines = recipe.inputs(self)
            lines += [f"artefact {self.key(needed)}" for needed in recipe.dependencies()]
            self._inputs[recipe.name] = "".join(line + "\n" for line in [recipe.name, *lines])
        return self._inputs[recipe.name]

    def key(self, recipe: Recipe) -> str:
        digest = hashlib.sha256(self.inputs_text(recipe).encode()).hexdigest()
        return f"{recipe.name}-{digest[:HASH_DIGITS]}"

    def path(self, recipe: Recipe) -> Path:
        return self.root / self.key(recipe)

    def ensure(self, recipe: Recipe) -> Path:
        """Builds the artefact and what it depends on unless there; returns its directory."""
        for needed in recipe.dependencies():
            self.ensure(needed)
        path = self.path(recipe)
        if path.is_dir():
            return path
        with self.lock(self.key(recipe)):
            if not path.is_dir():
                self._build(recipe, path)
        return path

    def _build(self, recipe: Recipe, path: Path) -> None:
        say(f"{recipe.name}: building, {about(recipe.seconds)}, because {self.why(recipe)}")
        log = self.root / "logs" / f"{path.name}.log"
        log.unlink(missing_ok=True)
        for stale in (self.root / "tmp").glob(f"{path.name}.*"):
            shutil.rmtree(stale, ignore_errors=True)
        temporary = self.root / "tmp" / f"{path.name}.{os.getpid()}"
        temporary.mkdir()
        try:
            recipe.build(self, temporary, log)
            (temporary / INPUTS_FILE).write_text(self.inputs_text(recipe))
            temporary.rename(path)
        except OSError as error:
            raise BuildFailed(f"{recipe.name}: {error}; the log is {log}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        say(f"{recipe.name}: done, {path}")

    def why(self, recipe: Recipe) -> str:
        """What changed since the newest older artefact of the same name."""
        older = sorted(self.artefacts(recipe.name), key=lambda path: path.stat().st_mtime)
        if not older:
            return "it is not in the cache"
        before = set((older[-1] / INPUTS_FILE).read_text().splitlines())
        now = self.inputs_text(recipe).splitlines()
        new = [line for line in now if line not in before]
        if not new:
            return "an input is gone: " + min(before - set(now), default="?")
        more = f" and {len(new) - 1} more" if len(new) > 1 else ""
        return f"an input changed: {new[0].rsplit(' ', 1)[0]}{more}"

    def artefacts(self, name: str) -> Iterator[Path]:
        """Every version of an artefact that the cache holds."""
        for path in self.root.glob(f"{name}-{'[0-9a-f]' * HASH_DIGITS}"):
            if (path / INPUTS_FILE).is_file():
                yield path

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        with (self.root / "locks" / name).open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"{name}: another process is building it, waiting")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
