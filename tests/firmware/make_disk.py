#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Makes a leader's disk (docs/board.md) with a kernel, for trying the firmware on another PC model.

make_disk.py IMAGE FIRMWARE_FOLDER KERNEL [--initrd FILE] [--append TEXT] [--megabytes N]
"""
import argparse
import pathlib
import struct

SECTOR = 512
HEADER_LBA, COMMAND_LINE_LBA, KERNEL_LBA = 63, 64, 68


def sectors(size):
    return (size + SECTOR - 1) // SECTOR


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("image", type=pathlib.Path)
    parser.add_argument("firmware", type=pathlib.Path)
    parser.add_argument("kernel", type=pathlib.Path)
    parser.add_argument("--initrd", type=pathlib.Path)
    parser.add_argument("--append", default="console=ttyS0")
    parser.add_argument("--megabytes", type=int, default=64)
    options = parser.parse_args()

    kernel = options.kernel.read_bytes()
    initrd = options.initrd.read_bytes() if options.initrd else b""
    command_line = options.append.encode()
    initrd_lba = KERNEL_LBA + sectors(len(kernel))
    header = b"MINTBOOT" + struct.pack(
        "<6I", 1, KERNEL_LBA, len(kernel), initrd_lba if initrd else 0, len(initrd),
        len(command_line))
    with options.image.open("wb") as disk:
        disk.truncate(options.megabytes << 20)
        for lba, content in (
                (0, (options.firmware / "boot_sector.bin").read_bytes()),
                (1, (options.firmware / "boot_loader.bin").read_bytes()),
                (HEADER_LBA, header), (COMMAND_LINE_LBA, command_line),
                (KERNEL_LBA, kernel), (initrd_lba, initrd)):
            disk.seek(lba * SECTOR)
            disk.write(content)


main()
