// Changes of the processor's mode are told where they happen, and each time.
#include "tests/engine/cpu_fixture.hpp"

namespace mint::test {
namespace {

struct Change {
  std::uint64_t pc;
  bool is_protected;
  bool wide;  // CS.D
  std::uint64_t at;
  friend bool operator==(const Change&, const Change&) = default;
};

class ModeHost : public TestHost {
 public:
  std::vector<Change> changes;
  void mode_changed(std::uint64_t pc) override {
    const mint_registers r = cpu->registers();
    changes.push_back(
        {pc, (r.cr0 & 1) != 0, (r.segment[1].attributes & 1 << 22) != 0, cpu->now().count});
  }
};

using CpuModeTest = CpuTest;

TEST_F(CpuModeTest, EverySwitchIsToldAlsoIntoBlocksThatAreKnown) {
  put(0x2000, {0x17, 0, 0x10, 0x20, 0, 0});                     // GDTR
  put(0x2018, {0xff, 0xff, 0, 0, 0, 0x9b, 0x40, 0});            // 08h: 32-bit code
  put(0x2020, {0xff, 0xff, 0, 0, 0, 0x9b, 0x00, 0});            // 10h: 16-bit code
  put(0x1000, {0x0f, 0x01, 0x16, 0x00, 0x20, 0xbb, 2, 0});      // lgdt [2000h]; mov bx, 2
  put(0x1008, {0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0,  // mov eax, cr0; or al, 1; mov cr0
               0xea, 0x20, 0x10, 0x08, 0x00});                  // jmp 08h:1020h
  put(0x1020, {0xea, 0x30, 0x10, 0, 0, 0x10, 0});               // jmp 10h:1030h
  put(0x1030, {0x0f, 0x20, 0xc0, 0x24, 0xfe, 0x0f, 0x22, 0xc0,  // and al, 0feh
               0xea, 0x40, 0x10, 0, 0});                        // jmp 0:1040h
  put(0x1040, {0x4b, 0x75, 0xc5, 0xf4});                        // dec bx; jnz 1008h; hlt
  ModeHost host;
  Cpu cpu(host, pages_, timing_, 0, 1u << 20);
  host.cpu = &cpu;
  cpu.map_ram({0}, kRam, ram_, false);
  cpu.set_limit({1'000'000});
  start_with(cpu, 0x1000, 0);
  const std::uint64_t begin = cpu.now().count;
  ASSERT_EQ(cpu.run(), Cpu::Exit::kHalted);
  // Ten cycles for each instruction: the time is that after the one that changes the mode.
  std::vector<Change> expected{{0x1000, false, false, begin}};
  std::uint64_t at = begin + 20;
  for (int turn = 0; turn < 2; ++turn) {
    expected.push_back({0x1010, true, false, at += 30});
    expected.push_back({0x1020, true, true, at += 10});
    expected.push_back({0x1030, true, false, at += 10});
    expected.push_back({0x1038, false, false, at += 30});
    at += 30;
  }
  EXPECT_EQ(host.changes, expected);
}

}  // namespace
}  // namespace mint::test
