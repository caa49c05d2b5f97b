// Code inside of kernel images: unpacked, and compared by function.
#include "traces/code_image.hpp"

#include <gmock/gmock.h>

namespace mint {
namespace {

using testing::HasSubstr;
using namespace std::string_literals;

TEST(CodeImage, AnLz4LegacyFrameIsUnpacked) {
  // 3 literals, a match of 4 + 2 bytes 3 back (which overlaps itself), 1 literal; then what a
  // bzImage has behind: the unpacked size, which is no block.
  const std::string block = "\x32"s + "abc" + "\x03\x00"s + "\x10"s + "z";
  const std::string frame = "\x02\x21\x4c\x18"s + "\x08\x00\x00\x00"s + block + "\x0a\x00\x00\x00"s;
  ASSERT_EQ(block.size(), 8U);
  EXPECT_EQ(unpack_lz4(frame), "abcabcabcz");
}

TEST(CodeImage, LongLengthsGoOnInBytes) {
  const std::string literals(15 + 255 + 3, 'x');
  const std::string block = "\xf0\xff\x03"s + literals;
  const auto size = static_cast<char>(block.size() - 256);
  const std::string frame = "\x02\x21\x4c\x18"s + size + "\x01\x00\x00"s + block;
  EXPECT_EQ(unpack_lz4(frame), literals);
}

TEST(CodeImage, ADamagedFrameIsRefused) {
  const std::string head = "\x02\x21\x4c\x18\x06\x00\x00\x00"s;
  EXPECT_EQ(unpack_lz4("no frame"), std::nullopt);
  EXPECT_EQ(unpack_lz4(head + "\x32"s + "abc" + "\x04\x00"s), std::nullopt) << "before its start";
  EXPECT_EQ(unpack_lz4(head + "\x92"s + "abc" + "\x03\x00"s), std::nullopt) << "literals missing";
}

TEST(CodeImage, FunctionsThatDifferAreNamed) {
  CodeImage a{std::string(64, '\0'), {{0x1000, 0, 64}}};
  CodeImage b = a;
  const auto name_at = [](std::uint64_t address) {
    return address < 0x1020 ? "first+0x" + std::to_string(address - 0x1000) : "second+0x0";
  };
  EXPECT_EQ(code_difference(a, b, name_at), "");
  b.bytes[5] = 7;
  EXPECT_EQ(code_difference(a, b, name_at),
            "1 byte of its code and data differs, the first in first+0x5 (1005h): 00h / 07h");
  b.bytes[40] = 7;
  EXPECT_THAT(code_difference(a, b, name_at), HasSubstr("; in first, second"));
}

}  // namespace
}  // namespace mint
