# SPDX-License-Identifier: GPL-2.0-only
"""The writers' formats, and that their bytes depend on nothing but the tree."""

import base64
import hashlib
import io
import os
import re
import struct
import subprocess
import tarfile
import tempfile
import time
import unittest
import uuid
from pathlib import Path

import support
from mintimages import bootdisk, cpio, ext2, ext4, hostkey, leader, plan, rootfs
from mintimages.errors import BadInput
from mintimages.tree import Tree


def sample(names):
    tree = Tree()
    for name in names:
        tree.file(f"bin/{name}", name.encode() * 3000, 0o755)
    tree.link("sbin/init", "../bin/a")
    tree.character_device("dev/console", 5, 1)
    tree.directory("tmp", 0o1777)
    return tree


class CpioTest(unittest.TestCase):
    def test_one_file_byte_for_byte(self):
        tree = Tree()
        tree.file("a", b"hello", 0o644)
        fields = [1, 0o100644, 0, 0, 1, 0, 5, 0, 0, 0, 0, 2, 0]
        trailer = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0]
        expected = (
            "070701" + "".join(f"{field:08X}" for field in fields)
        ).encode() + b"a\0hello\0\0\0"
        expected += (
            "070701" + "".join(f"{field:08X}" for field in trailer)
        ).encode() + b"TRAILER!!!\0"
        archive = cpio.newc(tree)
        self.assertEqual(archive.rstrip(b"\0"), expected.rstrip(b"\0"))
        self.assertEqual(len(archive) % 4, 0)

    def test_headers_are_aligned_and_parents_come_first(self):
        archive = cpio.newc(sample("ab"))
        names, offset = [], 0
        while not names or names[-1] != "TRAILER!!!":
            header = archive[offset : offset + 110]
            self.assertEqual(header[:6], b"070701")
            self.assertEqual(offset % 4, 0)
            size, length = int(header[54:62], 16), int(header[94:102], 16)
            names.append(archive[offset + 110 : offset + 110 + length - 1].decode())
            offset += -(-(110 + length) // 4) * 4
            offset += -(-size // 4) * 4
        self.assertEqual(
            names[:-1], ["bin", "bin/a", "bin/b", "dev", "dev/console", "sbin", "sbin/init", "tmp"]
        )

    def test_order_of_addition_does_not_matter(self):
        self.assertEqual(cpio.newc(sample("ab")), cpio.newc(sample("ba")))


class ImageTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def ext2_image(self, name, tree, size=1 << 20):
        image = self.directory / name
        image.parent.mkdir(exist_ok=True)
        ext2.write(tree, size, "label", image, self.directory / "log")
        return image

    def test_ext2_is_sound_and_depends_on_the_tree_only(self):
        first = self.ext2_image("one/image", sample("ab"))
        before = os.umask(0o077)
        try:
            second = self.ext2_image("other/image2", sample("ba"))
        finally:
            os.umask(before)
        self.assertEqual(first.read_bytes(), second.read_bytes())
        check = subprocess.run(
            ["e2fsck", "-fn", str(first)],
            capture_output=True,
            check=False,
            env=dict(os.environ, PATH=os.environ["PATH"] + ":/sbin:/usr/sbin"),
        )
        self.assertEqual(check.returncode, 0, check.stdout)

    def ext4_image(self, name, mask):
        """Of an archive with what an installed system has: owners, modes, links, device files."""
        here = self.directory / name
        here.mkdir()
        with tarfile.open(here / "tar", "w") as archive:
            for path, kind, fields in (
                (".", tarfile.DIRTYPE, {"mode": 0o755}),
                ("./var", tarfile.DIRTYPE, {"mode": 0o2775, "gid": 50}),
                ("./var/.hidden", tarfile.REGTYPE, {"mode": 0o640, "uid": 7, "gid": 4, "size": 3}),
                ("./hard", tarfile.LNKTYPE, {"linkname": "./var/.hidden"}),
                ("./su", tarfile.REGTYPE, {"mode": 0o4755, "mtime": 86400}),
                ("./soft", tarfile.SYMTYPE, {"linkname": "var"}),
                ("./null", tarfile.CHRTYPE, {"devmajor": 1, "devminor": 3}),
            ):
                member = tarfile.TarInfo(path)
                member.type = kind
                for field, value in fields.items():
                    setattr(member, field, value)
                archive.addfile(member, io.BytesIO(b"abc"))
        what = ext4.FileSystem(64 << 20, 64, "label", uuid.UUID(int=5, version=4), 1_700_000_000)
        before = os.umask(mask)
        try:
            ext4.write(here / "tar", what, here / "image", self.directory / "log")
        finally:
            os.umask(before)
        return here / "image"

    def test_ext4_has_what_the_archive_says_and_nothing_of_the_host(self):
        image = self.ext4_image("one", 0o022)
        time.sleep(1.1)  # so that its clock would show
        self.assertEqual(image.read_bytes(), self.ext4_image("other", 0o077).read_bytes())

        def stat(path):
            done = subprocess.run(
                ["debugfs", "-R", f"stat {path}", str(image)],
                capture_output=True,
                text=True,
                check=True,
                env=dict(os.environ, PATH=os.environ["PATH"] + ":/sbin:/usr/sbin", TZ="UTC"),
            )
            return re.sub(r" +", " ", done.stdout + done.stderr)

        self.assertRegex(stat("/var"), r"directory Mode: 02775[^$]*User: 0 Group: 50 ")
        for name in ("/hard", "/var/.hidden"):
            self.assertRegex(stat(name), r"regular Mode: 0640[^$]*User: 7 Group: 4 [^$]*Links: 2 ")
        self.assertRegex(stat("/su"), r"Mode: 04755[^$]*ctime: 0x00015180:00000000 ")
        self.assertRegex(stat("/soft"), r'Type: symlink[^$]*Fast link dest: "var"')
        self.assertIn("File not found", stat("/null"))

    def test_sparse_copy_equals_its_source(self):
        source = self.ext2_image("image", sample("ab"))
        with (self.directory / "copy").open("wb") as out:
            ext2.copy_sparse(source, out, 8192)
            out.truncate(8192 + source.stat().st_size)
        self.assertEqual((self.directory / "copy").read_bytes(), bytes(8192) + source.read_bytes())

    def leader_disk(self, document, sector=b"\xeb\xfe", loader=b"loader"):
        read = plan.load(support.write_plan(self.directory, document))
        (self.directory / "sector").write_bytes(sector)
        (self.directory / "loader").write_bytes(loader)
        out = self.directory / "disk"
        bootdisk.write(
            read,
            leader.tree(support.FakeDebs(), read),
            self.directory / "sector",
            self.directory / "loader",
            out,
            self.directory / "log",
        )
        return out.read_bytes()

    def test_leader_disk_has_the_boards_layout(self):
        document = support.plan_document(self.directory)
        document["leader"]["initrd"] = "initrd"
        disk = self.leader_disk(document)
        kernel, initrd = ((self.directory / name).read_bytes() for name in ("bzImage", "initrd"))
        self.assertEqual(disk[:2] + disk[510:512], b"\xeb\xfe\x55\xaa")
        self.assertEqual(disk[512:518], b"loader")
        magic, version, kernel_lba, kernel_size, initrd_lba, initrd_size, length = (
            struct.unpack_from("<8s6I", disk, 63 * 512)
        )
        self.assertEqual((magic, version, kernel_lba), (b"MINTBOOT", 1, 68))
        self.assertEqual(disk[kernel_lba * 512 :][:kernel_size], kernel)
        self.assertEqual(disk[initrd_lba * 512 :][:initrd_size], initrd)
        self.assertEqual(disk[64 * 512 :][: length + 1], b"root=/dev/sda1 rootwait\0")
        kind, start, sectors = disk[450], *struct.unpack_from("<II", disk, 454)
        self.assertEqual((kind, start % 2048), (0x83, 0))
        self.assertEqual(len(disk), (start + sectors) * 512)
        self.assertEqual(disk[start * 512 + 1080 :][:2], b"\x53\xef")  # ext2's magic number

    def test_leader_disk_without_initrd_says_so(self):
        disk = self.leader_disk(support.plan_document(self.directory))
        self.assertEqual(struct.unpack_from("<2I", disk, 63 * 512 + 20), (0, 0))

    def test_leader_disk_is_the_same_twice(self):
        document = support.plan_document(self.directory)
        digests = {hashlib.sha256(self.leader_disk(document)).digest() for _ in range(2)}
        self.assertEqual(len(digests), 1)

    def test_boot_sector_with_code_in_the_partition_table_is_refused(self):
        with self.assertRaisesRegex(BadInput, "partition table"):
            self.leader_disk(support.plan_document(self.directory), sector=b"\x90" * 512)

    def test_boot_loader_that_does_not_fit_is_refused(self):
        with self.assertRaisesRegex(BadInput, "62 sectors"):
            self.leader_disk(support.plan_document(self.directory), loader=bytes(62 * 512 + 1))


class TreesTest(unittest.TestCase):
    def test_every_command_that_a_script_starts_is_there(self):
        tree = rootfs.follower(support.FakeDebs(), "os1", b"seed")
        paths = {entry.path for entry in tree.entries()}
        for command in ("sh", "devmem", "httpd", "crond", "klogd", "syslogd", "nc", "wget"):
            self.assertIn(f"bin/{command}", paths)
        self.assertIn("usr/sbin/dropbear", paths)
        self.assertIn("sbin/init", paths)

    def test_start_script_hands_over_arguments_unchanged(self):
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            read = plan.load(support.write_plan(directory, support.plan_document(directory)))
            tree = leader.tree(support.FakeDebs(), read)
        script = {entry.path: entry.data for entry in tree.entries()}["etc/mint/start"].decode()
        stub = 'start_follower() { printf "[%s]" "$@"; echo; }'
        done = subprocess.run(
            ["sh", "-c", script.replace(". /etc/mint/starting", stub)],
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(
            done.stdout.splitlines(),
            [
                f"[os{core}][-l][--mint-core={core}][-i][--initrd=/boot/initrd-1]"
                "[--command-line=console=ttyS1 quote='x y'][/boot/kernel-1]"
                for core in (1, 2)
            ],
        )

    def test_sequential_waits_after_each_start(self):
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            document = support.plan_document(directory) | {"mode": "sequential"}
            read = plan.load(support.write_plan(directory, document))
            tree = leader.tree(support.FakeDebs(), read)
        script = {entry.path: entry.data for entry in tree.entries()}["etc/mint/start"].decode()
        stub = 'start_follower() { echo "start $1"; }; wait_for_follower() { echo "wait $1 $2"; }'
        done = subprocess.run(
            ["sh", "-c", script.replace(". /etc/mint/starting", stub)],
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(
            done.stdout.split("\n")[:-1], ["start os1", "wait os1 1", "start os2", "wait os2 2"]
        )


class HostKeyTest(unittest.TestCase):
    def test_rfc_8032_section_7_1_test_1(self):
        seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        self.assertEqual(
            hostkey.public_key(seed).hex(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        )

    def test_names_have_different_keys_of_dropbears_format(self):
        one, other = hostkey.dropbear_key("os1"), hostkey.dropbear_key("os2")
        self.assertNotEqual(one, other)
        self.assertEqual(one[:19], b"\0\0\0\x0bssh-ed25519\0\0\0\x40")
        self.assertEqual(len(one), 19 + 64)

    def test_openssh_key_of_a_name(self):
        lines = hostkey.openssh_key("os1").decode().splitlines()
        self.assertEqual(lines[0], "-----BEGIN OPENSSH PRIVATE KEY-----")
        key = base64.b64decode("".join(lines[1:-1]))
        self.assertEqual(key[:15], b"openssh-key-v1\0")
        kind, public, name = hostkey.openssh_public_key("os1").split()
        self.assertEqual((kind, name), (b"ssh-ed25519", b"os1"))
        self.assertIn(base64.b64decode(public), key)
        # The seed that dropbear's has, too
        self.assertIn(hostkey.dropbear_key("os1")[19:], key)
        # Its encrypted part comes in blocks of 8, padded by 1, 2, 3 ...
        start = key.index(base64.b64decode(public)) + 51
        self.assertEqual(int.from_bytes(key[start : start + 4], "big") % 8, 0)
        self.assertEqual(len(key), start + 4 + int.from_bytes(key[start : start + 4], "big"))


if __name__ == "__main__":
    unittest.main()
