#include "tests/engine/cpu_fixture.hpp"

namespace mint::test {
namespace {

using CpuMemoryTest = CpuTest;

TEST_F(CpuMemoryTest, RomDropsStores) {
  ram_[kRam] = 0x77;
  put(0x1000, {0xc6, 0x06, 0x00, 0x00, 0x55, 0xfe, 0x06, 0x00, 0x00, 0xa0, 0x00, 0x00, 0xf4});
  Core& core = add_core();
  start(core, 0x1000, kRom);  // mov byte [0], 55h; inc byte [0]; mov al, [0]
  EXPECT_EQ(run(core), Cpu::Exit::kHalted);
  EXPECT_EQ(ram_[kRam], 0x77);
  EXPECT_EQ(ax(core) & 0xff, 0x77u);
  EXPECT_TRUE(core.host.events.empty());
}

TEST_F(CpuMemoryTest, CodeRunsFromRom) {
  std::memcpy(ram_ + kRam, "\xb8\x34\x12\xf4", 4);
  Core& core = add_core();
  start(core, kRom);
  EXPECT_EQ(run(core), Cpu::Exit::kHalted);
  EXPECT_EQ(ax(core), 0x1234u);
}

TEST_F(CpuMemoryTest, DeviceAccessesComeInOrderWithTheirTimes) {
  // mov al, [10h]; mov [20h], ax; nop; mov ax, [30h]
  put(0x1000, {0xa0, 0x10, 0x00, 0xa3, 0x20, 0x00, 0x90, 0xa1, 0x30, 0x00, 0xf4});
  Core& core = add_core();
  start(core, 0x1000, kIo);
  run(core);
  EXPECT_EQ(core.host.events, (std::vector<Event>{{Event::kRead, 0, kIo + 0x10},
                                                  {Event::kWrite, 10, kIo + 0x20},
                                                  {Event::kRead, 30, kIo + 0x30}}));
}

TEST_F(CpuMemoryTest, StoreOfALockedInstructionSaysSo) {
  // inc word [0]; lock inc word [0]; xchg ax, [0]; lock cmpxchg [0], bx
  put(0x1000, {0xff, 0x06, 0x00, 0x00, 0xf0, 0xff, 0x06, 0x00, 0x00, 0x87,
               0x06, 0x00, 0x00, 0xf0, 0x0f, 0xb1, 0x1e, 0x00, 0x00, 0xf4});
  Core& core = add_core();
  start(core, 0x1000, kIo);
  run(core);
  ASSERT_EQ(core.host.events.size(), 8u);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(core.host.events[i].kind, i % 2 == 0 ? Event::kRead : Event::kWrite);
    EXPECT_EQ(core.host.events[i].locked, i >= 2 && i % 2 == 1) << i;
    EXPECT_EQ(core.host.events[i].at, i / 2 * kInstruction);
  }
}

TEST_F(CpuMemoryTest, IoPageHidesTheRamBelow) {
  put(0x5000, {0x11});
  put(0x1000, {0xa0, 0x00, 0x50, 0xc6, 0x06, 0x01, 0x50, 0x22, 0xf4});
  Core& core = add_core();
  start(core, 0x1000);
  core.cpu->set_io_page(PhysAddr{0x5000});
  run(core);
  EXPECT_EQ(core.host.events,
            (std::vector<Event>{{Event::kRead, 0, 0x5000}, {Event::kWrite, 10, 0x5001, 0x22}}));
  EXPECT_EQ(ram_[0x5001], 0);
  core.host.events.clear();
  start(core, 0x1000);
  core.cpu->set_io_page(std::nullopt);
  run(core);
  EXPECT_TRUE(core.host.events.empty());
  EXPECT_EQ(ram_[0x5001], 0x22);
}

TEST_F(CpuMemoryTest, FetchFromADeviceIsAnInvalidInstructionNotTheEnd) {
  put(4 * 6, {0x00, 0x20, 0x00, 0x00});
  put(0x2000, {0xf4});
  Core& core = add_core();
  start(core, kIo);
  EXPECT_EQ(run(core), Cpu::Exit::kHalted);
  ASSERT_EQ(core.host.of(Event::kInterrupt).size(), 1u);
  EXPECT_EQ(core.host.of(Event::kInterrupt)[0].address, 6u);
  EXPECT_TRUE(core.host.of(Event::kRead).empty());
}

TEST_F(CpuMemoryTest, A20MaskWrapsAddresses) {
  put(0x0010, {0x5a});
  put(0x100010, {0xa5});
  put(0x1000, {0xa0, 0x10, 0x00, 0xf4});
  Core& core = add_core();
  start(core, 0x1000, 0x100000);
  core.cpu->set_a20(false);
  run(core);
  EXPECT_EQ(ax(core) & 0xff, 0x5au);
  start(core, 0x1000, 0x100000);
  core.cpu->set_a20(true);
  run(core);
  EXPECT_EQ(ax(core) & 0xff, 0xa5u);
}

TEST_F(CpuMemoryTest, TripleFaultIsAShutdown) {
  put(0x1000, {0x0f, 0x01, 0x1e, 0x00, 0x30, 0x0f, 0x0b});  // lidt [3000h] with limit 0; ud2
  Core& core = add_core();
  start(core, 0x1000);
  run(core);
  EXPECT_EQ(core.host.of(Event::kShutdown).size(), 1u);
}

}  // namespace
}  // namespace mint::test
