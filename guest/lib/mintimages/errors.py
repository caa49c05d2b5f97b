# SPDX-License-Identifier: GPL-2.0-only
"""The two ways a build can end badly, told apart because the exit code differs."""

EXIT_BUILD_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_OWN_FAULT = 3


class BadInput(Exception):
    """What the caller gave is wrong or missing. The message is one line: what, where, remedy."""


class BuildFailed(Exception):
    """The inputs were fine, a build step was not. The message names the log."""
