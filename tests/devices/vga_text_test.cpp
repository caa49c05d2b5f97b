#include "devices/vga_text.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/devices/saved_state.hpp"

namespace mint {
namespace {

constexpr Hertz kCore{2'800'000'000};

struct VgaTextTest : testing::Test {
  EventQueue queue;
  VgaText vga{queue, kCore};

  unsigned in(unsigned port) { return static_cast<unsigned>(vga.read(port - 0x3c0, 1)); }
  void out(unsigned port, std::uint8_t value) { vga.write(port - 0x3c0, 1, value); }
  void crtc(std::uint8_t index, std::uint8_t value) {
    vga.write(0x14, 2, static_cast<std::uint64_t>(value) << 8 | index);
  }
  void print(std::size_t cell, std::string_view text) {
    for (const char c : text)
      vga.memory_device().write(2 * cell++, 1, static_cast<std::uint8_t>(c));
  }
  std::string row(unsigned n) const {
    const std::string screen = vga.screen();
    std::size_t begin = 0;
    while (n-- > 0) begin = screen.find('\n', begin) + 1;
    return screen.substr(begin, screen.find('\n', begin) - begin);
  }
};

TEST_F(VgaTextTest, IsInModeThreeAndBlankAfterReset) {
  EXPECT_EQ(vga.size().columns, 80U);
  EXPECT_EQ(vga.size().rows, 25U);
  EXPECT_EQ(vga.screen(), std::string(25, '\n'));
}

TEST_F(VgaTextTest, ShowsTheTextMemory) {
  print(0, "Hello");
  print(80 * 24 + 79, "!");
  EXPECT_EQ(row(0), "Hello");
  EXPECT_EQ(row(24), std::string(79, ' ') + "!");
}

TEST_F(VgaTextTest, TranslatesCodePage437) {
  const char text[] = {'\x01', '\x7f', '\xc9', '\xcd', '\xe1', '\xfd', '\0'};
  print(0, text);
  EXPECT_EQ(row(0), "☺⌂╔═ß²");
}

TEST_F(VgaTextTest, TheStartAddressScrollsAndTheMemoryWraps) {
  print(80, "second");
  crtc(0x0c, 0);
  crtc(0x0d, 80);
  EXPECT_EQ(row(0), "second");
  print(16384 - 80, "last");
  print(0, "first");
  crtc(0x0c, (16384 - 80) >> 8);
  crtc(0x0d, (16384 - 80) & 0xff);
  EXPECT_EQ(row(0), "last");
  EXPECT_EQ(row(1), "first");
}

TEST_F(VgaTextTest, EightLineCharactersGiveFiftyRows) {
  crtc(0x09, 0x47);
  EXPECT_EQ(vga.size().rows, 50U);
}

TEST_F(VgaTextTest, CursorRegistersReadBack) {
  crtc(0x0e, 0x07);
  crtc(0x0f, 0xcf);
  crtc(0x0a, 0x20);
  out(0x3d4, 0x0e);
  EXPECT_EQ(in(0x3d5), 0x07U);
  out(0x3d4, 0x0f);
  EXPECT_EQ(in(0x3d5), 0xcfU);
  EXPECT_EQ(in(0x3d4), 0x0fU);
  out(0x3d4, 0x0a);
  EXPECT_EQ(in(0x3d5), 0x20U);
  out(0x3d4, 0x30);
  EXPECT_EQ(in(0x3d5), 0x00U) << "no such register";
}

TEST_F(VgaTextTest, ProtectedCrtcRegistersKeepTheirValues) {
  crtc(0x01, 39);
  EXPECT_EQ(vga.size().columns, 80U);
  crtc(0x11, 0x0e);
  crtc(0x01, 39);
  EXPECT_EQ(vga.size().columns, 40U);
}

TEST_F(VgaTextTest, AttributeIndexAndDataTakeTurnsAndStatusStartsOver) {
  in(0x3da);
  out(0x3c0, 0x10);
  out(0x3c0, 0x08);
  out(0x3c0, 0x11);
  in(0x3da);
  out(0x3c0, 0x10);
  EXPECT_EQ(in(0x3c1), 0x08U);
  EXPECT_EQ(in(0x3c0), 0x10U);
}

TEST_F(VgaTextTest, PelDataGoThroughThreeComponents) {
  out(0x3c8, 5);
  for (const int c : {1, 2, 0xff, 4}) out(0x3c9, static_cast<std::uint8_t>(c));
  EXPECT_EQ(in(0x3c7) & 3U, 0U);
  out(0x3c7, 5);
  EXPECT_EQ(in(0x3c7) & 3U, 3U);
  EXPECT_EQ(in(0x3c9), 1U);
  EXPECT_EQ(in(0x3c9), 2U);
  EXPECT_EQ(in(0x3c9), 0x3fU) << "six bits";
  EXPECT_EQ(in(0x3c9), 4U);
}

TEST_F(VgaTextTest, MiscellaneousOutputReadsAtItsOwnPort) {
  out(0x3c2, 0x63);
  EXPECT_EQ(in(0x3cc), 0x63U);
}

TEST_F(VgaTextTest, RetraceFollowsTheClock) {
  const auto at = [this](std::uint64_t line, std::uint64_t dot) {
    queue.run_until({ticks_up(line * 900 + dot, Hertz{28'322'000}, kCore)});
    return in(0x3da) & 9U;
  };
  EXPECT_EQ(at(0, 0), 0U);
  EXPECT_EQ(at(0, 719), 0U);
  EXPECT_EQ(at(0, 720), 1U) << "horizontal blank";
  EXPECT_EQ(at(1, 0), 0U);
  EXPECT_EQ(at(400, 0), 1U) << "vertical blank";
  EXPECT_EQ(at(411, 899), 1U);
  EXPECT_EQ(at(412, 0), 9U) << "vertical retrace";
  EXPECT_EQ(at(413, 899), 9U);
  EXPECT_EQ(at(414, 0), 1U);
  EXPECT_EQ(at(449, 0), 0U) << "the next frame";
}

TEST_F(VgaTextTest, ItsWholeStateIsSaved) {
  print(3, "text");
  crtc(0x0d, 1);
  out(0x3c8, 7);
  out(0x3c9, 1);
  const SavedState saved = SavedState::of(vga);
  VgaText other(queue, kCore);
  saved.restore(other);
  EXPECT_EQ(SavedState::of(other), saved);
  EXPECT_EQ(other.screen(), vga.screen());
}

}  // namespace
}  // namespace mint
