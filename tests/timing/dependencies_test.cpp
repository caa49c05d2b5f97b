// The short ways to the bound that dependencies set, against going through all rounds.
#include "emu/timing/dependencies.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "emu/timing/instruction_decoder.hpp"
#include "emu/timing/loop_bound.hpp"

namespace mint {
namespace {

// Instructions on few registers and addresses, so that they meet.
class Instructions {
 public:
  std::vector<std::uint8_t> next() {
    static constexpr std::uint16_t kOpcodes[] = {
        0x01,   0x03, 0x11, 0x29, 0x31,   0x39,   0x85, 0x87, 0x89,   0x8b,   0x8d,
        0x88,   0x8a, 0x00, 0x86, 0xff,   0xfe,   0xf7, 0xd3, 0x0faf, 0x0fb6, 0x0f94,
        0x0f44, 0x63, 0,    0,    0x0f58, 0x0f28, 0xd8, 0xd9, 0xdd,   0xde};
    const std::uint16_t opcode = kOpcodes[below(std::size(kOpcodes))];
    std::vector<std::uint8_t> bytes;
    if (opcode == 0) {
      bytes.push_back(static_cast<std::uint8_t>(0x50 + 8 * below(2) + kFew[below(4)]));
      return bytes;
    }
    if (opcode >= 0xd8 && opcode <= 0xde) return x87(static_cast<std::uint8_t>(opcode));
    if (below(8) == 0) bytes.push_back(0x66);
    if (below(2) == 0) bytes.push_back(0x48);
    if (opcode > 0xff) bytes.push_back(0x0f);
    bytes.push_back(static_cast<std::uint8_t>(opcode));
    const bool memory = below(2) == 0;
    const std::uint8_t rm = kFew[below(4)];
    const std::uint8_t reg = opcode == 0xfe || opcode == 0xff ? static_cast<std::uint8_t>(below(2))
                                                              : kFew[below(4)];  // INC and DEC
    if (opcode == 0xf7 || opcode == 0xd3) {
      bytes.push_back(static_cast<std::uint8_t>(0xc0 | (4 + 2 * below(2)) << 3 | rm));
      return bytes;
    }
    bytes.push_back(
        static_cast<std::uint8_t>((memory || opcode == 0x8d ? 0x40 : 0xc0) | reg << 3 | rm));
    if (bytes.back() < 0xc0) {
      if (rm == 4) bytes.push_back(0x24);
      bytes.push_back(static_cast<std::uint8_t>(4 * below(4)));
    }
    return bytes;
  }

  // Among the topmost three: additions, loads, exchanges, pops.
  std::vector<std::uint8_t> x87(std::uint8_t opcode) {
    const auto top = static_cast<std::uint8_t>(below(3));
    if (opcode == 0xdd) return {opcode, static_cast<std::uint8_t>(0xd8 | top)};
    const bool exchange = opcode == 0xd9 && below(2) == 0;
    return {opcode, static_cast<std::uint8_t>((exchange ? 0xc8 : 0xc0) | top)};
  }

  std::size_t below(std::size_t limit) { return random_() % limit; }

 private:
  static constexpr std::uint8_t kFew[] = {0, 3, 4, 6};
  std::mt19937 random_{1};
};

TEST(DependenciesTest, ShortWaysComeToWhatAllRoundsComeTo) {
  InstructionDecoder decoder(CostTable::nehalem());
  Instructions instructions;
  WholeInstructions whole;
  unsigned loops = 0;
  unsigned recurrences = 0;
  for (int i = 0; i < 40'000; ++i) {
    std::vector<PlacedInstruction> block(1 + instructions.below(8));
    std::string text;
    for (PlacedInstruction& placed : block) {
      std::vector<std::uint8_t> bytes = instructions.next();
      const std::size_t length = bytes.size();
      for (const std::uint8_t byte : bytes) text += " " + std::to_string(byte);
      text += ";";
      bytes.resize(Encoding::kReadable);
      const std::uint64_t name = decoder.expect(bytes.data(), length, 64, placed);
      decoder.place(name, bytes.data(), length, 64, placed);
    }
    const Centicycles partial = 100 * static_cast<Centicycles>(instructions.below(3));
    const Centicycles expected = dependency_growth(whole.of(block), partial) / 4;
    Origins origins;
    const bool simple = origins.find(block);
    loops += simple && expected != 0;
    recurrences += !simple && expected != 0;
    ASSERT_EQ(dependency_bound(block, partial, whole), expected) << text;
  }
  EXPECT_GT(loops, 1000u);
  EXPECT_GT(recurrences, 1000u);
}

}  // namespace
}  // namespace mint
