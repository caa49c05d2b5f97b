// REP MOVS and REP STOS do many elements at once, and nothing can tell.
#include "tests/engine/cpu_fixture.hpp"

namespace mint::test {
namespace {

class CpuStringTest : public CpuTest {
 protected:
  // Two cores in 32-bit protected mode with flat segments and these ESI, EDI, ECX.
  void start_flat(Core& core, std::uint64_t from, std::uint64_t to, std::uint64_t count) {
    core.cpu->make_current();
    core.cpu->reset();
    mint_registers r{};
    r.rip = 0x1000;
    r.rflags = 2;
    r.cr0 = 0x11;
    r.general[0] = 0x12345678;
    r.general[1] = count;
    r.general[6] = from;
    r.general[7] = to;
    for (mint_segment& s : r.segment) s = {0x10, 0, 0xffffffff, 0xcf9300};
    r.segment[1] = {8, 0, 0xffffffff, 0xcf9b00};
    core.cpu->set_registers(r);
  }
  // Runs the program at 1000h to `limit`, in slices that allow for two elements each when `slowly`,
  // and says what there is to see of it: time, instructions, registers, memory from 100000h up.
  std::vector<std::uint64_t> outcome(std::uint64_t from, std::uint64_t to, std::uint64_t count,
                                     std::uint64_t limit, bool slowly) {
    Core& core = add_core();
    for (std::uint64_t i = 0; i < 0x8000; ++i)
      ram_[0x100000 + i] = static_cast<std::uint8_t>(i * 7 + (i >> 8));
    start_flat(core, from, to, count);
    do {
      const std::uint64_t now = core.cpu->now().count;
      core.cpu->set_limit({slowly ? std::min(now + 2 * kInstruction, limit) : limit});
    } while (run(core) == Cpu::Exit::kLeft && core.cpu->now().count < limit);
    const mint_registers r = core.cpu->registers();
    std::vector<std::uint64_t> seen{
        core.cpu->now().count, core.cpu->instructions(), r.rip, r.general[1], r.general[6],
        r.general[7]};
    seen.insert(seen.end(), ram_ + 0x100000, ram_ + 0x108000);
    return seen;
  }
  void expect_same(std::uint64_t from, std::uint64_t to, std::uint64_t count) {
    for (const std::uint64_t limit : {1000u, 1234u, 20'000u, 1'000'000u})
      EXPECT_EQ(outcome(from, to, count, limit, false), outcome(from, to, count, limit, true))
          << std::hex << from << " to " << to << ", limit " << limit;
  }
};

TEST_F(CpuStringTest, Stores) {
  put(0x1000, {0xf3, 0xab, 0xf4});  // rep stosd; hlt
  expect_same(0, 0x100000, 0x1000);
  expect_same(0, 0x100ffe, 0x1000);
  expect_same(0, 0x100000, 3);
  put(0x1000, {0xf3, 0xaa, 0xf4});
  expect_same(0, 0x100123, 0x1234);
  put(0x1000, {0x66, 0xf3, 0xab, 0xf4});
  expect_same(0, 0x100123, 0x1234);
}

TEST_F(CpuStringTest, Moves) {
  put(0x1000, {0xf3, 0xa5, 0xf4});  // rep movsd; hlt
  expect_same(0x100000, 0x104000, 0x1000);
  expect_same(0x100ffe, 0x104ffc, 0x800);
  expect_same(0x102000, 0x101ff0, 0x800);
  put(0x1000, {0xf3, 0xa4, 0xf4});
  expect_same(0x100001, 0x104003, 0x2345);
}

TEST_F(CpuStringTest, AMoveOntoItselfSpreadsAPattern) {
  put(0x1000, {0xf3, 0xa4, 0xf4});
  expect_same(0x100000, 0x100003, 0x2345);
  const std::vector<std::uint64_t> seen = outcome(0x100000, 0x100003, 0x2345, 1'000'000, false);
  for (std::uint64_t i = 0; i < 0x2345; ++i) ASSERT_EQ(ram_[0x100003 + i], ram_[0x100000 + i % 3]);
}

TEST_F(CpuStringTest, BackwardsAndIntoDevices) {
  put(0x1000, {0xfd, 0xf3, 0xa4, 0xf4});  // std; rep movsb; hlt
  expect_same(0x101000, 0x104000, 0x123);
  put(0x1000, {0xf3, 0xab, 0xf4});
  outcome(0, kIo, 100, 1'000'000, false);
  EXPECT_EQ(cores_.back()->host.of(Event::kWrite).size(), 100u);
}

TEST_F(CpuStringTest, OntoCode) {
  // mov ecx, 10; mov edi, 1010h; mov al, 90h; rep stosb: NOPs over the HLT that follows
  put(0x1000,
      {0xb9, 10, 0, 0, 0, 0xbf, 0x10, 0x10, 0, 0, 0xb0, 0x90, 0xf3, 0xaa, 0x90, 0x90, 0xf4});
  put(0x101a, {0xf4});
  Core& core = add_core();
  start_flat(core, 0, 0, 0);
  EXPECT_EQ(run(core), Cpu::Exit::kHalted);
  EXPECT_EQ(core.cpu->registers().rip, 0x101bu);
}

}  // namespace
}  // namespace mint::test
