# SPDX-License-Identifier: GPL-2.0-only
"""Builds the guest's kernels, boot tools, initrds and disks into a cache keyed by their inputs."""
