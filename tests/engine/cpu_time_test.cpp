#include "tests/engine/cpu_fixture.hpp"

namespace mint::test {
namespace {

using CpuTimeTest = CpuTest;

TEST_F(CpuTimeTest, RunEndsAtTheFirstBlockEdgeAtOrAfterTheLimit) {
  put(0x1000, {0x40, 0x90, 0xeb, 0xfc});  // 1: inc ax; nop; jmp 1b
  Core& core = add_core();
  start(core, 0x1000);
  for (const std::uint64_t limit : {30u, 60u, 61u, 89u, 90u, 91u, 1000u}) {
    core.cpu->set_limit({limit});
    EXPECT_EQ(run(core), Cpu::Exit::kLeft);
    EXPECT_EQ(core.cpu->now().count, (limit + 29) / 30 * 30) << "limit " << limit;
    EXPECT_EQ(core.cpu->registers().rip, 0x1000u);
    EXPECT_EQ(ax(core), core.cpu->now().count / 30);
  }
}

TEST_F(CpuTimeTest, ABlockAtTheLimitDoesNotRun) {
  put(0x1000, {0x40, 0xeb, 0xfd});
  Core& core = add_core();
  start(core, 0x1000);
  core.cpu->set_limit({0});
  run(core);
  EXPECT_EQ(ax(core), 0u);
  EXPECT_EQ(core.cpu->now().count, 0u);
}

TEST_F(CpuTimeTest, EdgeThatMovesTheLimitGoesOnWithinTheRun) {
  put(0x1000, {0x40, 0x90, 0xeb, 0xfc});
  Core& core = add_core();
  start(core, 0x1000);
  unsigned edges = 0;
  core.host.on_edge = [&](std::uint64_t pc) {
    EXPECT_EQ(pc, 0x1000u);
    EXPECT_EQ(core.cpu->now().count, ++edges * 300);
    core.cpu->set_limit({(edges + 1) * 300});
    if (edges == 10) core.cpu->leave();
  };
  core.cpu->set_limit({300});
  EXPECT_EQ(run(core), Cpu::Exit::kLeft);
  EXPECT_EQ(ax(core), 100u);
}

TEST_F(CpuTimeTest, InstructionsAreCountedExactly) {
  put(0x1000, {0x40, 0x90, 0xeb, 0xfc});
  Core& core = add_core();
  start(core, 0x1000);
  core.cpu->set_limit({3000});
  run(core);
  EXPECT_EQ(core.cpu->instructions(), 300u);
}

TEST_F(CpuTimeTest, CallbacksCarryTheTimeOfTheirInstruction) {
  // nop; in al, 40h; nop; nop; out 41h, al; in al, 42h; hlt
  put(0x1000, {0x90, 0xe4, 0x40, 0x90, 0x90, 0xe6, 0x41, 0xe4, 0x42, 0xf4});
  Core& core = add_core();
  start(core, 0x1000);
  EXPECT_EQ(run(core), Cpu::Exit::kHalted);
  EXPECT_EQ(core.host.events, (std::vector<Event>{{Event::kPortRead, 10, 0x40},
                                                  {Event::kPortWrite, 40, 0x41},
                                                  {Event::kPortRead, 50, 0x42}}));
  EXPECT_EQ(core.cpu->now().count, 70u);
}

TEST_F(CpuTimeTest, TwoReadsOfTheTscInOneBlockDiffer) {
  // rdtsc; mov bx, ax; nop; rdtsc; sub ax, bx; hlt
  put(0x1000, {0x0f, 0x31, 0x89, 0xc3, 0x90, 0x0f, 0x31, 0x29, 0xd8, 0xf4});
  Core& core = add_core();
  start(core, 0x1000);
  run(core);
  EXPECT_EQ(ax(core), 3 * kInstruction);
}

TEST_F(CpuTimeTest, ChargedTimeMovesWhatFollowsInTheBlock) {
  put(0x1000, {0xe4, 0x40, 0xe4, 0x41, 0xf4});
  Core& core = add_core();
  core.host.on_port_read = [&] { core.cpu->charge(1000); };
  start(core, 0x1000);
  run(core);
  EXPECT_EQ(core.host.events[1].at, 10 + 1000u);
  EXPECT_EQ(core.cpu->now().count, 30 + 2000u);
}

TEST_F(CpuTimeTest, LimitSetInACallbackEndsTheRunAtTheNextEdge) {
  put(0x1000, {0x40, 0xe4, 0x40, 0x40, 0xeb, 0xfa});  // 1: inc ax; in al, 40h; inc ax; jmp 1b
  Core& core = add_core();
  core.host.on_port_read = [&] { core.cpu->set_limit(core.cpu->now()); };
  start(core, 0x1000);
  EXPECT_EQ(run(core), Cpu::Exit::kLeft);
  EXPECT_EQ(core.host.events.size(), 1u);
  EXPECT_EQ(core.cpu->now().count, 40u);
}

TEST_F(CpuTimeTest, FaultGivesBackWhatDidNotRun) {
  put(0, {0x00, 0x20, 0x00, 0x00});                               // vector 0: 0000:2000
  put(0x2000, {0xf4});                                            // hlt
  put(0x1000, {0x90, 0x90, 0xf6, 0xf4, 0x90, 0x90, 0x90, 0xf4});  // div ah with AH = 0
  Core& core = add_core();
  start(core, 0x1000);
  EXPECT_EQ(run(core), Cpu::Exit::kHalted);
  ASSERT_EQ(core.host.of(Event::kInterrupt).size(), 1u);
  EXPECT_EQ(core.host.of(Event::kInterrupt)[0].at, 20u);
  EXPECT_EQ(core.cpu->now().count, 30u);
  EXPECT_EQ(core.cpu->instructions(), 3u);
}

TEST_F(CpuTimeTest, SetTimeMovesTheClock) {
  put(0x1000, {0xe4, 0x40, 0xf4});
  Core& core = add_core();
  start(core, 0x1000);
  core.cpu->set_time({5000});
  core.cpu->set_limit({1'000'000});
  run(core);
  EXPECT_EQ(core.host.events[0].at, 5000u);
}

// A model that does not know NOP, in blocks of at most one of them.
class NopIsUnknown : public FlatTiming {
 public:
  void find_cost(const CodeBlock& block, BlockCost& cost) const override {
    FlatTiming::find_cost(block, cost);
    cost.unknown = 0;
    for (std::size_t i = 0; i < block.starts.size(); ++i)
      if (block.instruction(i)[0] == 0x90) ++cost.unknown;
  }
};

TEST_F(CpuTimeTest, InstructionsThatTheModelDoesNotKnowAreCountedAsOftenAsTheyRun) {
  const NopIsUnknown timing;
  TestHost host;
  Cpu cpu(host, pages_, timing, 0, 1u << 20);
  host.cpu = &cpu;
  cpu.map_ram({0}, kRam, ram_, false);
  cpu.set_limit({1'000'000});
  put(0x1000, {0xb9, 5, 0, 0x90, 0x90, 0xe2, 0xfc, 0xf4});  // mov cx, 5; nop; nop; loop; hlt
  start_with(cpu, 0x1000, 0);
  EXPECT_EQ(cpu.run(), Cpu::Exit::kHalted);
  EXPECT_EQ(cpu.unknown_instructions(), 10u);
}

TEST_F(CpuTimeTest, ProbeRunsEachTimeItsBlockDoesAndCostsNothing) {
  put(0x1000, {0xb9, 0x05, 0x00, 0x90, 0xe2, 0xfd, 0xf4});  // mov cx, 5; 1: nop; loop 1b; hlt
  std::uint64_t plain = 0;
  {
    Core& core = add_core();
    start(core, 0x1000);
    run(core);
    plain = core.cpu->now().count;
    EXPECT_TRUE(core.host.events.empty());
  }
  Core& core = add_core();
  core.host.probe_address = 0x1003;
  start(core, 0x1000);
  run(core);
  // The first round is part of the block that begins with mov.
  EXPECT_EQ(core.host.of(Event::kProbe).size(), 4u);
  EXPECT_EQ(core.host.of(Event::kProbe)[0].address, 7u);
  EXPECT_EQ(core.cpu->now().count, plain);
}

TEST_F(CpuTimeTest, InterruptWaitsForIfAndItsShadow) {
  put(4 * 0x30, {0x00, 0x20, 0x00, 0x00});
  put(0x2000, {0xf4});
  put(0x1000, {0x90, 0xfb, 0x40, 0x40, 0x40, 0xf4});  // nop; sti; inc ax; inc ax; inc ax; hlt
  Core& core = add_core();
  core.host.on_edge = [&](std::uint64_t) { core.cpu->set_limit({1'000'000}); };
  start(core, 0x1000);
  core.host.pending = Vector{0x30};
  core.cpu->set_interrupt(true);
  EXPECT_EQ(run(core), Cpu::Exit::kHalted);
  EXPECT_EQ(core.cpu->registers().rip, 0x2001u);
  EXPECT_EQ(ax(core), 1u);
}

TEST_F(CpuTimeTest, TwoRunsAreTheSameRun) {
  put(0x1000, {0xb9, 0x20, 0x00,        // mov cx, 32
               0xe4, 0x40,              // 1: in al, 40h
               0x0f, 0x31,              // rdtsc
               0x88, 0x0e, 0x0e, 0x10,  // mov [100eh], cl: the second byte of
               0xb3, 0x00,              // mov bl, 0
               0xb0, 0x00,              // mov al, imm
               0xe2, 0xf2,              // loop 1b
               0xf4});
  std::vector<std::uint64_t> times;
  for (int i = 0; i < 2; ++i) {
    put(0x100e, {0x00});
    cores_.clear();
    Core& core = add_core();
    start(core, 0x1000);
    while (run(core) == Cpu::Exit::kLeft && core.cpu->now().count < 100'000)
      core.cpu->set_limit(core.cpu->now() + Cycles{77});
    times.push_back(core.cpu->now().count);
    times.push_back(core.cpu->instructions());
    for (const Event& e : core.host.events) times.push_back(e.at);
  }
  const auto half = static_cast<std::ptrdiff_t>(times.size() / 2);
  EXPECT_TRUE(std::equal(times.begin(), times.begin() + half, times.begin() + half, times.end()));
  EXPECT_GT(times.size(), 60u);
}

}  // namespace
}  // namespace mint::test
