#include "devices/debug_ports.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "devices/ram_device.hpp"

namespace mint {
namespace {

TEST(DebugExit, TakesAWriteOfAnyWidthAndKeepsTheFirstValue) {
  std::vector<std::uint32_t> exits;
  DebugExit port([&](std::uint32_t value) { exits.push_back(value); });
  EXPECT_EQ(port.value(), std::nullopt);
  port.write(0, 4, 0x12345678);
  port.write(0, 2, 0xffff0001);
  port.write(0, 1, 0xff00);
  EXPECT_EQ(exits, (std::vector<std::uint32_t>{0x12345678, 1, 0}));
  EXPECT_EQ(port.value(), 0x12345678U);
  EXPECT_EQ(port.read(0, 1), 0U);
}

TEST(DebugConsole, PrintsBytesAndReadsAsItsPort) {
  std::string text;
  DebugConsole port([&](std::uint8_t c) { text.push_back(static_cast<char>(c)); });
  EXPECT_EQ(port.read(0, 1), 0xe9U);
  port.write(0, 1, 'o');
  port.write(0, 1, 'k');
  EXPECT_EQ(text, "ok");
}

struct FwCfgTest : testing::Test {
  FwCfg fw{std::uint64_t{5} << 30, 4, "root=/dev/sda"};

  void select(std::uint16_t key) { fw.write(0, 2, key); }
  std::string bytes(unsigned count) {
    std::string text;
    while (count-- > 0) text.push_back(static_cast<char>(fw.read(1, 1)));
    return text;
  }
  std::uint64_t number(unsigned count) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < count; ++i) value |= fw.read(1, 1) << (8 * i);
    return value;
  }
};

TEST_F(FwCfgTest, HasTheSignatureAndZeroesBehindIt) {
  select(0);
  EXPECT_EQ(bytes(6), std::string("QEMU\0\0", 6));
  select(0);
  EXPECT_EQ(bytes(4), "QEMU") << "selecting starts over";
}

TEST_F(FwCfgTest, TellsRamSizeCpuCountAndCommandLine) {
  select(1);
  EXPECT_EQ(number(4), 1U);
  select(3);
  EXPECT_EQ(number(8), std::uint64_t{5} << 30);
  select(5);
  EXPECT_EQ(number(2), 4U);
  select(0x14);
  const auto size = static_cast<unsigned>(number(4));
  select(0x15);
  EXPECT_EQ(bytes(size), std::string("root=/dev/sda\0", 14));
}

TEST_F(FwCfgTest, UnknownKeysReadAsZero) {
  select(0x7777);
  EXPECT_EQ(number(4), 0U);
}

TEST_F(FwCfgTest, ListsFilesInItsDirectory) {
  fw.add_file("etc/one", {'1'});
  fw.add_file("opt/two", {'2', '2'});
  select(0x19);
  EXPECT_EQ(bytes(4), std::string("\0\0\0\2", 4));
  EXPECT_EQ(bytes(8), std::string("\0\0\0\1\0\x20\0\0", 8));
  EXPECT_EQ(bytes(56), "etc/one" + std::string(49, '\0'));
  EXPECT_EQ(bytes(8), std::string("\0\0\0\2\0\x21\0\0", 8));
  EXPECT_EQ(bytes(56), "opt/two" + std::string(49, '\0'));
  select(0x21);
  EXPECT_EQ(bytes(2), "22");
}

TEST_F(FwCfgTest, ByteWritesSelectNothing) {
  select(5);
  fw.write(0, 1, 0);
  fw.write(1, 1, 0);
  EXPECT_EQ(number(2), 4U);
}

TEST(TestIrqLines, DrivesTheLineOfThePort) {
  std::vector<std::pair<unsigned, bool>> driven;
  TestIrqLines port([&](unsigned line, bool level) { driven.emplace_back(line, level); });
  port.write(14, 1, 1);
  port.write(14, 1, 0);
  port.write(23, 1, 0x80);
  port.write(24, 1, 1);
  EXPECT_EQ(driven, (std::vector<std::pair<unsigned, bool>>{{14, true}, {14, false}, {23, true}}));
}

TEST(RamDevice, ReadsInAnyWidthWhatWasWrittenInAnother) {
  RamDevice echo(kTestEchoSize);
  echo.write(0, 4, 0x12345678);
  EXPECT_EQ(echo.read(1, 1), 0x56U);
  echo.write(2, 2, 0xabcd);
  EXPECT_EQ(echo.read(0, 4), 0xabcd5678U);
}

}  // namespace
}  // namespace mint
