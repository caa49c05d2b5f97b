# SPDX-License-Identifier: GPL-2.0-only
"""Progress lines on standard error, and running a tool with its output in a log."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

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


def run(command: Sequence[str], log: Path, package: str, **options: object) -> None:
    """Runs `command`, its output appended to `log`. `package` is what provides the program."""
    environment = dict(os.environ, LC_ALL="C", TZ="UTC", SOURCE_DATE_EPOCH="0")
    with log.open("ab") as out:
        out.write(("$ " + " ".join(command) + "\n").encode())
        out.flush()
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.STDOUT, env=environment, check=False, **options)
        except FileNotFoundError as error:
            raise BadInput(f"{command[0]}: not found; remedy: apt-get install {package}") from error
    if done.returncode != 0:
        raise BuildFailed(f"{command[0]} ended with {done.returncode}; its log is {log}, the end of it:"
                          f"\n{tail(log)}")
