// Cores may run on several threads, and all ask one model what their blocks cost.
#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

#include "emu/timing/block_model.hpp"

namespace mint {
namespace {

struct Code {
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint16_t> starts;
  CodeBlock block() const { return {bytes, starts, 64}; }
};

// Blocks of up to 8 instructions: two-operand ones with all sorts of operands.
std::vector<Code> make_blocks(unsigned count) {
  constexpr std::array<std::uint8_t, 8> kOpcodes = {0x01, 0x03, 0x0b, 0x29, 0x31, 0x39, 0x89, 0x8b};
  std::uint32_t random = 1;
  const auto next = [&] { return (random = random * 1664525 + 1013904223) >> 16; };
  std::vector<Code> blocks(count);
  for (Code& code : blocks)
    for (unsigned left = 1 + next() % 8; left != 0; --left) {
      code.starts.push_back(static_cast<std::uint16_t>(code.bytes.size()));
      code.bytes.push_back(static_cast<std::uint8_t>(0x48 | next() % 8));
      code.bytes.push_back(kOpcodes[next() % kOpcodes.size()]);
      // Registers, or an address of a base register other than R12 and RSP with 8 bits.
      const unsigned mode = next() % 2 == 0 ? 0xc0 : 0x40;
      unsigned operand = next() % 8;
      if (operand == 4) operand = 3;
      code.bytes.push_back(static_cast<std::uint8_t>(mode | next() % 8 << 3 | operand));
      if (mode == 0x40) code.bytes.push_back(static_cast<std::uint8_t>(next()));
    }
  return blocks;
}

std::vector<BlockCost> costs_of(const BlockModel& model, const std::vector<Code>& blocks,
                                std::size_t first) {
  std::vector<BlockCost> costs(blocks.size());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::size_t at = (first + i) % blocks.size();
    model.find_cost(blocks[at].block(), costs[at]);
  }
  return costs;
}

class ThreadsTest : public testing::Test {
 protected:
  static constexpr std::size_t kThreads = 4;

  void expect_same(const std::array<const BlockModel*, kThreads>& models) {
    const std::vector<Code> blocks = make_blocks(2000);
    std::array<std::vector<BlockCost>, kThreads> found;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kThreads; ++i)
      threads.emplace_back(
          [&, i] { found[i] = costs_of(*models[i], blocks, i * blocks.size() / kThreads); });
    for (std::thread& thread : threads) thread.join();
    const std::vector<BlockCost> alone = costs_of(BlockModel(), blocks, 0);
    for (const std::vector<BlockCost>& costs : found)
      for (std::size_t i = 0; i < blocks.size(); ++i) {
        ASSERT_EQ(costs[i].cycles, alone[i].cycles);
        ASSERT_EQ(costs[i].before, alone[i].before);
        ASSERT_EQ(costs[i].unknown, alone[i].unknown);
      }
  }
};

TEST_F(ThreadsTest, ThreadsThatShareAModelGetTheCostsThatOneAloneGets) {
  const BlockModel model;
  expect_same({&model, &model, &model, &model});
}

TEST_F(ThreadsTest, ModelsOfTheirOwnDoNotDisturbEachOther) {
  std::array<BlockModel, kThreads> models;
  expect_same({&models[0], &models[1], &models[2], &models[3]});
}

}  // namespace
}  // namespace mint
