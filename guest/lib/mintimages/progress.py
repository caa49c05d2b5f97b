# SPDX-License-Identifier: GPL-2.0-only
"""Progress lines on standard error, and running a tool with its output in a log."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import BadInput, BuildFailed

LOG_TAIL_LINES = 25


def say(text: str) -> None:
    print(f"images: {text}", file=sys.stderr, flush=True)


def about(seconds: int) -> str:
    """A rough duration in words: 'about 3 min'."""
    return f"about {max(seconds, 1)} s" if seconds < 90 else f"about {round(seconds / 60)} min"


def tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join("    " + line for line in lines[-LOG_TAIL_LINES:])


def run(
    command: Sequence[str],
    log: Path,
    package: str,
    cwd: Path | None = None,
    settings: dict[str, str] | None = None,
) -> None:
    """Runs `command`, its output appended to `log`. `package` is what provides the program;
    `settings` are environment variables for it."""
    with log.open("ab") as out:
        with _running(command, out, package, subprocess.STDOUT, cwd, settings) as process:
            status = process.wait()
    if status != 0:
        raise BuildFailed(
            f"{command[0]} ended with {status}; its log is {log}, the end of it:\n{tail(log)}"
        )


def run_aloud(command: Sequence[str], log: Path, package: str, settings: dict[str, str]) -> None:
    """Like run(), but shows what the command says on standard error as it comes. `settings` are
    environment variables for it."""
    with log.open("ab") as out:
        with _running(command, out, package, stderr=subprocess.PIPE, settings=settings) as process:
            for line in process.stderr or ():
                out.write(line)
                out.flush()
                say(line.decode(errors="replace").rstrip())
            status = process.wait()
    if status != 0:
        raise BuildFailed(f"{command[0]} ended with {status}; its log is {log}")


@contextmanager
def _running(
    command: Sequence[str],
    out: BinaryIO,
    package: str,
    stderr: int,
    cwd: Path | None = None,
    settings: dict[str, str] | None = None,
) -> "Iterator[subprocess.Popen[bytes]]":
    """A started command; it and all it has started end when this is left by an exception."""
    out.write(("$ " + " ".join(command) + "\n").encode())
    out.flush()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=stderr,
            env=dict(os.environ, LC_ALL="C", TZ="UTC") | (settings or {}),
            cwd=cwd,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise BadInput(f"{command[0]}: not found; remedy: apt-get install {package}") from error
    try:
        yield process
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
