// SPDX-License-Identifier: GPL-2.0-only
// The images that the build makes of the firmware: what docs/board.md promises about their layout,
// and the services test on QEMU, a machine that is not ours.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace mint {
namespace {

const std::filesystem::path kFolder = FIRMWARE_DIR;

std::vector<uint8_t> read(const char* name) {
  std::ifstream file(kFolder / name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

template <typename T>
T at(const std::vector<uint8_t>& image, size_t offset) {
  T value;
  std::memcpy(&value, image.data() + offset, sizeof(value));
  return value;
}

TEST(Rom, EndsWithAFarJumpIntoSegmentF000) {
  const auto rom = read("bios.bin");
  ASSERT_EQ(rom.size(), 128u << 10);
  EXPECT_EQ(rom[0x1FFF0], 0xEA);
  EXPECT_EQ(at<uint16_t>(rom, 0x1FFF3), 0xF000);
  const uint16_t entry = at<uint16_t>(rom, 0x1FFF1);
  EXPECT_EQ(rom[0x10000 + entry], 0xFA) << "power-on code begins with cli";
  EXPECT_EQ(rom[0x1FFFE], 0xFC) << "model byte of a PC AT";
}

TEST(Rom, StartUpVectorF0IsTheApplicationProcessorsEntry) {
  const auto rom = read("bios.bin");
  ASSERT_EQ(rom.size(), 128u << 10);
  EXPECT_EQ(rom[0x10000], 0xFA) << "cli";
}

TEST(Rom, HasOneTableOfNamedWaits) {
  const auto rom = read("bios.bin");
  std::vector<size_t> found;
  for (size_t i = 0; i + 16 <= rom.size(); i += 16)
    if (std::memcmp(rom.data() + i, "MINTPOST", 8) == 0) found.push_back(i);
  ASSERT_EQ(found.size(), 1u);
  std::set<std::string> names;
  const unsigned count = at<uint16_t>(rom, found[0] + 8);
  for (unsigned i = 0; i < count; ++i) {
    const size_t entry = found[0] + 10 + 32 * i;
    const std::string padded(reinterpret_cast<const char*>(rom.data() + entry), 28);
    const std::string name = padded.substr(0, padded.find('\0'));
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos) << name;
    EXPECT_EQ(padded.find_first_not_of('\0', name.size()), std::string::npos) << name;
    EXPECT_TRUE(names.insert(name).second) << name << " twice";
    EXPECT_EQ(at<uint32_t>(rom, entry + 28), name == "drive_spin_up_max" ? 15000u : 0u) << name;
  }
  EXPECT_TRUE(names.contains("drive_spin_up_max"));
  EXPECT_TRUE(names.contains("chipset_init"));
}

TEST(BootSector, LeavesThePartitionTableFree) {
  const auto sector = read("boot_sector.bin");
  ASSERT_EQ(sector.size(), 512u);
  EXPECT_EQ(at<uint16_t>(sector, 510), 0xAA55);
  for (size_t i = 446; i < 510; ++i) EXPECT_EQ(sector[i], 0) << i;
}

TEST(BootLoader, FitsLba1To62AndHasTheSignatureThatTheBootSectorWants) {
  const auto loader = read("boot_loader.bin");
  ASSERT_GT(loader.size(), 12u);
  EXPECT_LE(loader.size(), 62u * 512);
  EXPECT_EQ(std::memcmp(loader.data() + 4, "MINTLOAD", 8), 0);
}

TEST(Services, PassOnQemu) {
  if (std::system("command -v qemu-system-x86_64 >/dev/null") != 0)
    GTEST_SKIP() << "no qemu-system-x86_64";
  const std::string log = (kFolder / "services_test.log").string();
  const std::string command =
      "timeout 120 qemu-system-x86_64 -M q35 -accel tcg -cpu Nehalem -icount shift=2,sleep=off "
      "-bios " +
      (kFolder / "bios.bin").string() +
      " -smp 3 -m 256 -nic none -display none -device ich9-ahci,id=a,addr=4 -drive id=d,file=" +
      (kFolder / "services_test.img").string() +
      ",if=none,format=raw,snapshot=on -device ide-hd,drive=d,bus=a.0 "
      "-device isa-debug-exit,iobase=0xf4,iosize=4 -no-reboot -serial file:" +
      log + " -monitor none";
  const int status = std::system(command.c_str());
  std::ifstream file(log);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1) << "isa-debug-exit of 0 is QEMU's 1\n" << text;
  EXPECT_EQ(text.find("FAIL"), std::string::npos) << text;
  EXPECT_NE(text.find("cases passed"), std::string::npos) << text;
}

}  // namespace
}  // namespace mint
