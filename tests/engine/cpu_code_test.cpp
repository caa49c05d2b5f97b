// Translated code follows the memory that it came from, whoever writes there.
#include "tests/engine/cpu_fixture.hpp"

namespace mint::test {
namespace {

class CpuCodeTest : public CpuTest {
 protected:
  // mov ax, `value`; hlt
  void put_constant(std::uint64_t address, int value) { put(address, {0xb8, value, 0x00, 0xf4}); }
  std::uint64_t run_at(Core& core, std::uint64_t ip) {
    start(core, ip);
    EXPECT_EQ(run(core), Cpu::Exit::kHalted);
    return ax(core);
  }
};

TEST_F(CpuCodeTest, StoreByAnotherCore) {
  put_constant(0x2000, 1);
  put(0x1000, {0xc6, 0x06, 0x01, 0x20, 0x02, 0xf4});  // mov byte [2001h], 2; hlt
  Core& runs = add_core();
  Core& writes = add_core();
  EXPECT_EQ(run_at(runs, 0x2000), 1u);
  run_at(writes, 0x1000);
  EXPECT_EQ(run_at(runs, 0x2000), 2u);
  put(0x1004, {3});
  runs.cpu->ram_written(ram_ + 0x1004, 1);
  run_at(writes, 0x1000);
  EXPECT_EQ(run_at(runs, 0x2000), 3u);
}

TEST_F(CpuCodeTest, StoreByAnotherCoreThatHasTheCodeToo) {
  put_constant(0x2000, 1);
  put(0x1000, {0xc6, 0x06, 0x01, 0x20, 0x02, 0xf4});
  Core& one = add_core();
  Core& other = add_core();
  EXPECT_EQ(run_at(one, 0x2000), 1u);
  EXPECT_EQ(run_at(other, 0x2000), 1u);
  run_at(other, 0x1000);
  EXPECT_EQ(run_at(other, 0x2000), 2u);
  EXPECT_EQ(run_at(one, 0x2000), 2u);
}

TEST_F(CpuCodeTest, StoreThroughATlbEntryFromBeforeThePageHeldCode) {
  put(0x1000, {0xc6, 0x06, 0x01, 0x20, 0x02, 0xf4});
  Core& runs = add_core();
  Core& writes = add_core();
  run_at(writes, 0x1000);  // now its TLB holds a fast entry for the page
  put_constant(0x2000, 1);
  EXPECT_EQ(run_at(runs, 0x2000), 1u);
  writes.cpu->make_current();
  start(writes, 0x1000);
  run(writes);
  EXPECT_EQ(run_at(runs, 0x2000), 2u);
}

TEST_F(CpuCodeTest, WriteByADevice) {
  put_constant(0x2000, 1);
  Core& one = add_core();
  Core& other = add_core();
  EXPECT_EQ(run_at(one, 0x2000), 1u);
  EXPECT_EQ(run_at(other, 0x2000), 1u);
  put_constant(0x2000, 5);
  one.cpu->ram_written(ram_ + 0x1f00, 0x200);
  EXPECT_EQ(run_at(one, 0x2000), 5u);
  EXPECT_EQ(run_at(other, 0x2000), 5u);
}

TEST_F(CpuCodeTest, StoreThroughAnAlias) {
  // Linear 4 MB is physical 0 once more, by two 4 MB pages; the code is run below and written
  // above.
  put(0x10000, {0x83, 0x00, 0x00, 0x00, 0x83, 0x00, 0x00, 0x00});
  put(0x1000, {
                  0x66, 0xb8, 0x10, 0x00, 0x00, 0x00,  // mov eax, CR4.PSE
                  0x0f, 0x22, 0xe0,                    // mov cr4, eax
                  0x66, 0xb8, 0x00, 0x00, 0x01, 0x00,  // mov eax, 10000h
                  0x0f, 0x22, 0xd8,                    // mov cr3, eax
                  0x66, 0xb8, 0x11, 0x00, 0x00, 0x80,  // mov eax, PG | PE
                  0x0f, 0x22, 0xc0,                    // mov cr0, eax
                  0xe8, 0xe2, 0x0f,                    // call 2000h
                  0x89, 0xc3,                          // mov bx, ax
                  0x66, 0xbe, 0x01, 0x20, 0x40, 0x00,  // mov esi, 402001h
                  0x67, 0xc6, 0x06, 0x09,              // mov byte [esi], 9
                  0xe8, 0xd3, 0x0f,                    // call 2000h
                  0xf4,
              });
  put(0x2000, {0xb8, 0x01, 0x00, 0xc3});  // mov ax, 1; ret
  Core& core = add_core();
  start(core, 0x1000);
  mint_registers r = core.cpu->registers();
  for (mint_segment& s : r.segment) s.limit = 0xffffffff;
  core.cpu->set_registers(r);
  EXPECT_EQ(run(core), Cpu::Exit::kHalted);
  EXPECT_EQ(core.cpu->registers().general[3] & 0xffff, 1u);
  EXPECT_EQ(ax(core), 9u);
}

TEST_F(CpuCodeTest, StoreIntoTheBlockThatRuns) {
  put(0x1000, {0xc6, 0x06, 0x06, 0x10, 0x07, 0xb8, 0x01, 0x00, 0xf4});  // mov [1006h], 7; mov ax, 1
  Core& core = add_core();
  EXPECT_EQ(run_at(core, 0x1000), 7u);
  // The store is left and executed once more, its time counts once.
  EXPECT_EQ(core.cpu->now().count, 30u);
  EXPECT_EQ(core.cpu->instructions(), 3u);
}

TEST_F(CpuCodeTest, PageBecomesFastAgainAndIsProtectedAgain) {
  put(0x1000, {0xc6, 0x06, 0x01, 0x20, 0x02, 0xf4});
  Core& runs = add_core();
  Core& writes = add_core();
  for (int value = 10; value < 30; ++value) {
    put_constant(0x2000, value - 1);
    runs.cpu->ram_written(ram_ + 0x2000, 4);
    EXPECT_EQ(run_at(runs, 0x2000), static_cast<unsigned>(value - 1));
    put(0x1004, {value});
    writes.cpu->ram_written(ram_ + 0x1004, 1);
    run_at(writes, 0x1000);
    run_at(writes, 0x1000);
    EXPECT_EQ(run_at(runs, 0x2000), static_cast<unsigned>(value));
  }
}

// RAM offsets of ranges overlap when Unicorn is given a small one first; largest first they must
// not. If they did, the marks of one range's code would be those of another's.
TEST_F(CpuCodeTest, RangesOfRamDoNotShareMarks) {
  static constexpr std::uint64_t kSizes[] = {0x80000, 0x40000, 0x40000, 0x3000, 0x1000};
  std::uint64_t base = 0x1000000;
  std::vector<std::pair<std::uint64_t, std::uint8_t*>> ranges;
  CodePages pages(kMapped + 0x104000);
  std::vector<std::uint8_t> memory(0x105000 + 4096);
  auto* host = reinterpret_cast<std::uint8_t*>(
      (reinterpret_cast<std::uintptr_t>(memory.data()) + 4095) & ~std::uintptr_t{4095});
  TestHost hosts[2];
  std::unique_ptr<Cpu> cpus[2];
  for (const std::uint64_t size : kSizes) {
    ranges.emplace_back(base, host);
    base += size + 0x100000;
    host += size;
  }
  for (unsigned i = 0; i < 2; ++i) {
    cpus[i] = std::make_unique<Cpu>(hosts[i], pages, timing_, i, 1u << 20);
    hosts[i].cpu = cpus[i].get();
    cpus[i]->map_ram({0}, kRam, ram_, false);
    for (std::size_t k = 0; k < ranges.size(); ++k)
      cpus[i]->map_ram({ranges[k].first}, kSizes[k], ranges[k].second, false);
    cpus[i]->set_limit({1'000'000});
  }
  const auto run_in = [&](unsigned i, std::uint64_t code, std::uint64_t data) {
    start_with(*cpus[i], code, data);
    EXPECT_EQ(cpus[i]->run(), Cpu::Exit::kHalted);
    return cpus[i]->registers().general[0] & 0xff;
  };
  put(0x1000, {0xc6, 0x06, 0x01, 0x00, 0x02, 0xf4});  // mov byte [0001h], 2; hlt
  for (const auto& [address, bytes] : ranges) std::memcpy(bytes, "\xb8\x01\x00\xf4", 4);
  for (const auto& [address, bytes] : ranges) EXPECT_EQ(run_in(0, address, 0), 1u);
  for (const auto& [address, bytes] : ranges) {
    run_in(1, 0x1000, address);
    EXPECT_EQ(bytes[1], 2);
    EXPECT_EQ(run_in(0, address, 0), 2u) << "range at " << address;
  }
}

TEST_F(CpuCodeTest, SixtyFourCores) {
  put(0x1000,
      {0xff, 0x06, 0x00, 0x30, 0xa1, 0x00, 0x30, 0xf4});  // inc word [3000h]; mov ax, [3000h]
  for (unsigned i = 0; i < 64; ++i) add_core();
  for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(run_at(*cores_[i], 0x1000), i + 1);
  put(0x1000, {0xb8, 0x55, 0x00, 0xf4});
  cores_[0]->cpu->ram_written(ram_ + 0x1000, 4);
  for (const auto& core : cores_) EXPECT_EQ(run_at(*core, 0x1000), 0x55u);
}

TEST_F(CpuCodeTest, FlushedBlocksAreTranslatedAnew) {
  put_constant(0x2000, 1);
  Core& core = add_core();
  EXPECT_EQ(run_at(core, 0x2000), 1u);
  put_constant(0x2000, 2);
  core.cpu->flush_blocks();
  EXPECT_EQ(run_at(core, 0x2000), 2u);
}

}  // namespace
}  // namespace mint::test
