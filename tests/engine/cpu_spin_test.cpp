// Loops around PAUSE are skipped, and nothing can tell: the state after each slice is that of a
// core that runs every turn.
#include "tests/engine/cpu_fixture.hpp"

namespace mint::test {
namespace {

class CpuSpinTest : public CpuTest {
 protected:
  // 32-bit protected mode with flat segments.
  static void start_flat(Core& core, std::uint64_t code) {
    core.cpu->make_current();
    core.cpu->reset();
    mint_registers r{};
    r.rip = code;
    r.rflags = 2;
    r.cr0 = 0x11;
    r.general[4] = 0x8000;
    for (mint_segment& s : r.segment) s = {0x10, 0, 0xffffffff, 0xcf9300};
    r.segment[1] = {8, 0, 0xffffffff, 0xcf9b00};
    core.cpu->set_registers(r);
  }

  struct State {
    std::uint64_t now, instructions;
    mint_registers registers;
  };
  // Runs to each of `limits` in turn.
  State run_to(Core& core, std::initializer_list<std::uint64_t> limits) {
    for (const std::uint64_t limit : limits) {
      core.cpu->set_limit({limit});
      run(core);
    }
    return state(core);
  }
  // The same in slices that are too short for anything to be skipped.
  State step_to(Core& core, std::uint64_t limit) {
    while (core.cpu->now().count < limit) {
      core.cpu->set_limit({std::min(core.cpu->now().count + 40, limit)});
      if (run(core) != Cpu::Exit::kLeft) break;
    }
    return state(core);
  }
  static State state(const Core& core) {
    return {core.cpu->now().count, core.cpu->instructions(), core.cpu->registers()};
  }
  static void expect_same(const State& a, const State& b) {
    EXPECT_EQ(a.now, b.now);
    EXPECT_EQ(a.instructions, b.instructions);
    EXPECT_EQ(a.registers.rip, b.registers.rip);
    EXPECT_EQ(a.registers.rflags, b.registers.rflags);
    for (int i = 0; i < 8; ++i) EXPECT_EQ(a.registers.general[i], b.registers.general[i]) << i;
  }
  // How often the core gets to the PAUSE of a loop that ran for `cycles`.
  void expect_skips(Core& core, std::uint64_t cycles) {
    EXPECT_LT(core.host.pauses, cycles / 100);
    EXPECT_GT(core.host.pauses, 0u);
  }
};

TEST_F(CpuSpinTest, WaitingForAWordInMemory) {
  // 1: cmp dword [2000h], 0; jne 2f; pause; jmp 1b; 2: hlt
  put(0x1000, {0x83, 0x3d, 0, 0x20, 0, 0, 0, 0x75, 4, 0xf3, 0x90, 0xeb, 0xf3, 0xf4});
  Core& skips = add_core();
  Core& steps = add_core();
  start_flat(skips, 0x1000);
  start_flat(steps, 0x1000);
  for (const std::uint64_t limit : {100'000u, 100'010u, 123'456u, 500'000u})
    expect_same(run_to(skips, {limit}), step_to(steps, limit));
  expect_skips(skips, 500'000);
  ram_[0x2000] = 1;
  skips.cpu->set_limit({1'000'000});
  steps.cpu->set_limit({1'000'000});
  EXPECT_EQ(run(skips), Cpu::Exit::kHalted);
  EXPECT_EQ(run(steps), Cpu::Exit::kHalted);
  expect_same(state(skips), state(steps));
}

TEST_F(CpuSpinTest, WaitingForTheTimeStampCounter) {
  // As delay_tsc of a 32-bit kernel, the start in memory:
  // rdtsc; mov [2000h], eax; mov [2004h], edx
  // 1: pause; rdtsc; mov [2008h], eax; sub eax, [2000h]; sbb edx, [2004h]
  // cmp eax, 300000; mov eax, edx; sbb eax, 0; jb 1b; hlt
  put(0x1000,
      {0x0f, 0x31, 0xa3, 0,    0x20, 0, 0,    0x89, 0x15, 4,    0x20, 0, 0,    0xf3, 0x90, 0x0f,
       0x31, 0xa3, 8,    0x20, 0,    0, 0x2b, 0x05, 0,    0x20, 0,    0, 0x1b, 0x15, 4,    0x20,
       0,    0,    0x3d, 0xe0, 0x93, 4, 0,    0x89, 0xd0, 0x83, 0xd8, 0, 0x72, 0xdf, 0xf4});
  Core& skips = add_core();
  Core& steps = add_core();
  start_flat(skips, 0x1000);
  start_flat(steps, 0x1000);
  for (const std::uint64_t limit : {50'000u, 50'001u, 200'000u}) {
    expect_same(run_to(skips, {limit}), step_to(steps, limit));
    EXPECT_EQ(skips.cpu->registers().rip, 0x100du);
  }
  skips.cpu->set_limit({1'000'000});
  EXPECT_EQ(run(skips), Cpu::Exit::kHalted);
  expect_same(state(skips), step_to(steps, 1'000'000));
  EXPECT_LT(skips.cpu->now().count, 300'300u);
  expect_skips(skips, 300'000);
}

TEST_F(CpuSpinTest, WaitingWithoutPause) {
  // 1: mov eax, [2000h]; test eax, eax; je 1b; hlt
  put(0x1000, {0xa1, 0, 0x20, 0, 0, 0x85, 0xc0, 0x74, 0xf7, 0xf4});
  Core& skips = add_core();
  Core& steps = add_core();
  start_flat(skips, 0x1000);
  start_flat(steps, 0x1000);
  for (const std::uint64_t limit : {100'000u, 100'010u, 1'123'456u})
    expect_same(run_to(skips, {limit}), step_to(steps, limit));
  // In the same slice as this: more than the host can execute in a test's time.
  for (unsigned i = 0; i < 100'000; ++i) run_to(skips, {skips.cpu->now().count + 1'000'000});
  ram_[0x2000] = 1;
  skips.cpu->set_limit(skips.cpu->now() + Cycles{1'000'000});
  EXPECT_EQ(run(skips), Cpu::Exit::kHalted);
  EXPECT_EQ(ax(skips), 1u);
}

TEST_F(CpuSpinTest, ALoopThatSearchesIsNotSkipped) {
  // mov ecx, 2000h; 1: inc ecx; cmp byte [ecx], 0; je 1b; hlt
  put(0x1000, {0xb9, 0, 0x20, 0, 0, 0x41, 0x80, 0x39, 0, 0x74, 0xfa, 0xf4});
  ram_[0x5678] = 1;
  Core& core = add_core();
  start_flat(core, 0x1000);
  EXPECT_EQ(run(core), Cpu::Exit::kHalted);
  EXPECT_EQ(core.cpu->registers().general[1], 0x5678u);
  EXPECT_EQ(core.cpu->now().count, (0x3678 * 3 + 2) * kInstruction);
}

TEST_F(CpuSpinTest, ALoopThatCountsIsNotSkipped) {
  // 1: inc dword [2000h]; cmp dword [2000h], 1000; je 2f; pause; jmp 1b; 2: hlt
  put(0x1000, {0xff, 0x05, 0, 0x20, 0,    0, 0x81, 0x3d, 0,    0x20, 0,   0,
               0xe8, 3,    0, 0,    0x74, 4, 0xf3, 0x90, 0xeb, 0xea, 0xf4});
  Core& core = add_core();
  start_flat(core, 0x1000);
  EXPECT_EQ(run(core), Cpu::Exit::kHalted);
  EXPECT_EQ(core.host.pauses, 999u);
}

TEST_F(CpuSpinTest, ALoopThatLooksAtADeviceIsNotSkipped) {
  // mov ecx, 1000; 1: cmp dword [300000h], 1; je 2f; pause; dec ecx; jne 1b; 2: hlt
  put(0x1000, {0xb9, 0xe8, 3,    0, 0,    0x83, 0x3d, 0,    0,    0x30,
               0,    1,    0x74, 5, 0xf3, 0x90, 0x49, 0x75, 0xf2, 0xf4});
  Core& core = add_core();
  start_flat(core, 0x1000);
  EXPECT_EQ(run(core), Cpu::Exit::kHalted);
  EXPECT_EQ(core.host.of(Event::kRead).size(), 1000u);
}

TEST_F(CpuSpinTest, ACoreStaysBelowTheCounterThatItWouldWaitFor) {
  // rdtsc; mov esi, eax; 1: pause; rdtsc; sub eax, esi; cmp eax, 300000; jb 1b; hlt
  put(0x1000, {0x0f, 0x31, 0x89, 0xc6, 0xf3, 0x90, 0x0f, 0x31, 0x29, 0xf0, 0x3d, 0xe0, 0x93, 4, 0,
               0x72, 0xf3, 0xf4});
  Core& core = add_core();
  start_flat(core, 0x1000);
  core.host.counter_limit = 100'000;
  core.cpu->set_limit({200'000});
  run(core);
  // The 50-cycle turns beyond that limit are run one by one.
  EXPECT_GT(core.host.pauses, 100'000u / 50);
  EXPECT_LT(core.host.pauses, 100'000u / 50 + 20);
}

}  // namespace
}  // namespace mint::test
