// What the model makes of short pieces of 64-bit code, against figures measured on the processor
// (emu/timing/data/instructions.tsv) or published for it.
#include "emu/timing/block_model.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

#include "emu/timing/count_model.hpp"
#include "emu/timing/event_costs.hpp"

namespace mint {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Code {
  Code(std::initializer_list<Bytes> instructions, unsigned copies = 1) {
    for (unsigned i = 0; i < copies; ++i)
      for (const Bytes& instruction : instructions) {
        starts.push_back(static_cast<std::uint16_t>(bytes.size()));
        bytes.insert(bytes.end(), instruction.begin(), instruction.end());
      }
  }
  CodeBlock block() const { return {bytes, starts, 64}; }
  Bytes bytes;
  std::vector<std::uint16_t> starts;
};

const Bytes kAddRaxRax = {0x48, 0x01, 0xc0};
const Bytes kLoadRaxRax = {0x48, 0x8b, 0x00};   // mov rax, [rax]
const Bytes kLoadRaxRbx = {0x48, 0x8b, 0x03};   // mov rax, [rbx]
const Bytes kStoreRbxRax = {0x48, 0x89, 0x03};  // mov [rbx], rax
const Bytes kAddMemory = {0x48, 0x01, 0x03};    // add [rbx], rax
const Bytes kNop = {0x90};

int total(const Code& code) { return BlockModel().bounds(code.block()).total(); }

TEST(BlockModelTest, AChainTakesItsLatency) {
  EXPECT_EQ(total(Code({kAddRaxRax}, 12)), 1200);
  EXPECT_EQ(total(Code({kLoadRaxRax}, 4)), 1600) << "MOV r64, [m64]: 4.0";
  EXPECT_EQ(total(Code({{0x48, 0x0f, 0xaf, 0xc0}}, 4)), 1200) << "IMUL r64, r64: 3.0";
}

TEST(BlockModelTest, IndependentInstructionsAreLimitedByPorts) {
  // ADD to RAX, RCX, RDX, RBX, from R8: three ports.
  const Code adds({{0x4c, 0x01, 0xc0}, {0x4c, 0x01, 0xc1}, {0x4c, 0x01, 0xc2}, {0x4c, 0x01, 0xc3}},
                  3);
  EXPECT_EQ(BlockModel().bounds(adds.block()).ports, 400);
  EXPECT_EQ(total(Code({kLoadRaxRbx}, 6)), 600) << "one load a cycle";
  EXPECT_EQ(total(Code({kStoreRbxRax}, 6)), 600) << "one store a cycle";
}

TEST(BlockModelTest, ASameRegisterIdiomHasNoDependency) {
  EXPECT_EQ(BlockModel().bounds(Code({{0x31, 0xc0}}, 6).block()).dependencies, 0) << "XOR r32, r32";
  EXPECT_EQ(BlockModel().bounds(Code({{0x19, 0xc0}}, 6).block()).dependencies, 1200)
      << "SBB r32, r32: 2.0";
}

TEST(BlockModelTest, AStoreIsForwardedToALoadFromTheSamePlace) {
  EXPECT_EQ(total(Code({kAddMemory}, 4)), 2400) << "ADD [m64], r64: 6.0";
  // push rcx; pop rcx: 4.9
  EXPECT_EQ(total(Code({{0x51}, {0x59}}, 4)), 2000);
  // The same with another place in between: no chain.
  EXPECT_LT(total(Code({kStoreRbxRax, {0x48, 0x8b, 0x43, 0x40}}, 4)), 1000);
}

TEST(BlockModelTest, PartialRegistersAreMergedWhenReadWider) {
  EXPECT_EQ(total(Code({{0x8a, 0x00}}, 4)), 2000) << "MOV r8, [m8]: 5.0 through the address";
}

TEST(BlockModelTest, FetchIsSixteenBytesACycle) {
  // 13x 0x66 NOP: 0.87
  Bytes long_nop(14, 0x66);
  long_nop.back() = 0x90;
  EXPECT_EQ(BlockModel().bounds(Code({long_nop}, 8).block()).fetch, 700);
}

TEST(BlockModelTest, ALengthChangingPrefixStopsTheLengthDecoder) {
  // MOV r16, imm16: 1.75, four in a line of 16 bytes.
  EXPECT_EQ(total(Code({{0x66, 0xb9, 0x34, 0x12}}, 8)), 1400);
}

TEST(BlockModelTest, CompareAndJumpBecomeOne) {
  const Bytes compare = {0x39, 0xc8};
  const Bytes jump = {0x75, 0x10};
  const Code fused({kNop, kNop, kNop, compare, jump});
  EXPECT_EQ(BlockModel().bounds(fused.block()).issue, 100);
  const Code apart({compare, kNop, kNop, kNop, jump});
  EXPECT_EQ(BlockModel().bounds(apart.block()).issue, 125);
}

TEST(BlockModelTest, ASmallLoopComesFromTheLoopBuffer) {
  const Bytes back = {0xeb, 0xee};  // jmp to the head of 18 bytes
  const Code loop({{0x66, 0xb9, 0x34, 0x12},
                   {0x66, 0xb9, 0x34, 0x12},
                   {0x66, 0xb9, 0x34, 0x12},
                   {0x66, 0xb9, 0x34, 0x12},
                   back});
  EXPECT_EQ(BlockModel().bounds(loop.block()).fetch, 0);
}

TEST(BlockModelTest, LockedOperationsSerialize) {
  // LOCK ADD [m64], r64: 20.0
  const BlockModel::Bounds b = BlockModel().bounds(Code({{0xf0, 0x48, 0x01, 0x03}}).block());
  EXPECT_EQ(b.serial, 2000);
}

TEST(BlockModelTest, ARepetitionsFirstStepIsDearerThanTheOthers) {
  const Bytes rep_stosq = {0xf3, 0x48, 0xab};
  EXPECT_EQ(BlockModel().cost(Code({rep_stosq}).block()).cycles, 1u);
  EXPECT_GE(BlockModel().cost(Code({kNop, rep_stosq}).block()).cycles, 13u);
}

TEST(BlockModelTest, InstructionsBeginInOrderWithinTheBlock) {
  const Code code({kLoadRaxRbx, {0xf0, 0x48, 0x01, 0x03}, kAddRaxRax, kStoreRbxRax});
  const BlockCost cost = BlockModel().cost(code.block());
  ASSERT_EQ(cost.before.size(), 4u);
  EXPECT_EQ(cost.before[0], 0);
  EXPECT_TRUE(std::is_sorted(cost.before.begin(), cost.before.end()));
  EXPECT_GE(cost.before[2], 15) << "after the locked addition";
  EXPECT_LE(cost.before[3], cost.cycles);
}

TEST(BlockModelTest, InstructionsWithoutARowAreCounted) {
  const Bytes vmcall = {0x0f, 0x01, 0xc1};
  const Bytes getsec = {0x0f, 0x37};
  EXPECT_EQ(BlockModel().cost(Code({kNop, vmcall}).block()).unknown, 0u);
  EXPECT_EQ(BlockModel().cost(Code({kNop, getsec, getsec}).block()).unknown, 2u);
}

TEST(BlockModelTest, TheSameBytesInAnotherModeAreAnotherBlock) {
  // ADD EAX, [RAX], in 16-bit code ADD AX, [BX + SI].
  const BlockModel model;
  const Code code({{0x03, 0x00}}, 8);
  CodeBlock in16 = code.block();
  in16.bits = 16;
  EXPECT_EQ(model.cost(code.block()).cycles, 40u) << "ADD r32, [m32] through the address";
  EXPECT_EQ(model.cost(in16).cycles, 8u) << "add ax, [bx + si] through AX";
}

TEST(CountModelTest, AnInstructionIsACycle) {
  const BlockCost cost = CountModel().cost(Code({kLoadRaxRax, kNop, kAddMemory}).block());
  EXPECT_EQ(cost.cycles, 3u);
  EXPECT_EQ(cost.before, (std::vector<std::uint16_t>{0, 1, 2}));
}

// DIV and IDIV rows, less what their block has: 21.5 for 16 and 32 bits, 19.1 and 40.4 for 64.
TEST(EventCostsTest, DivisionsTakeTheirQuotientsBits) {
  EXPECT_EQ(division_cycles(32, false, 7, 0, 3), 0u) << "DIV r32 16/16b";
  EXPECT_EQ(division_cycles(32, false, 0xffffffff, 0xfffffffe, 0xffffffff), 6u)
      << "DIV r32 64/32b (full): 27.5";
  EXPECT_EQ(division_cycles(16, false, 0xffff, 0xfffe, 0xffff), 2u)
      << "DIV r16 32/16b (full): 23.5";
  EXPECT_EQ(division_cycles(64, false, 100, 0, 7), 0u) << "DIV r64 1/1";
  EXPECT_EQ(division_cycles(64, false, 0, 1, std::uint64_t{1} << 63), 57u)
      << "DIV r64 96/64b: 75.67";
  EXPECT_EQ(division_cycles(64, true, ~std::uint64_t{0} - 99, ~std::uint64_t{0}, 7), 0u)
      << "-100 / 7 is a small division";
  EXPECT_EQ(division_cycles(64, true, 0, 1, std::uint64_t{1} << 62), 55u) << "IDIV r64 95/32b";
}

TEST(BlockModelTest, ALoadOfMoreThanTheStoreHasWaitsForItWhereThatIsModelled) {
  // mov [rbx], eax; mov rax, [rbx]: the load is what the store of the next round stores.
  const Code wide({{0x89, 0x03}, {0x48, 0x8b, 0x03}});
  const Code same({{0x89, 0x03}, {0x8b, 0x03}});
  EXPECT_EQ(BlockModel().bounds(wide.block()).dependencies, 500);
  EXPECT_EQ(BlockModel(1300).bounds(wide.block()).dependencies, 1800);
  EXPECT_EQ(BlockModel(1300).bounds(same.block()).dependencies, 500) << "forwarded";
}

}  // namespace
}  // namespace mint
