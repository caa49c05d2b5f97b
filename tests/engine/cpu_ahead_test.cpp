// What was translated ahead on another thread is, for who executes it, what the core translates.
#include <cstdlib>

#include "tests/engine/cpu_fixture.hpp"

namespace mint::test {
namespace {

class CpuAheadTest : public CpuTest {
 protected:
  struct Seen {
    std::vector<Event> events;
    mint_registers registers;
    std::uint64_t cycles, instructions;
  };

  // Runs the program at `ip` on a new core, which notes what it has to translate itself.
  Seen run_with(const TranslationStore& store, std::uint64_t ip) {
    Core& core = add_core();
    core.cpu->adopt_from(store);
    start(core, ip);
    EXPECT_EQ(run(core), Cpu::Exit::kHalted);
    return {core.host.events, core.cpu->registers(), core.cpu->now().count,
            core.cpu->instructions()};
  }
  const BlockList& missed() const { return cores_.back()->cpu->missed(); }

  static void translate(Cpu& cpu, const BlockList& list, TranslationStore& store) {
    const auto ahead = cpu.translate_ahead(list, store);
    ASSERT_NE(ahead, nullptr);
    ahead->finish();
  }
  // Into store_, what is executed from `ip` on.
  void learn(std::uint64_t ip) {
    const TranslationStore empty;
    run_with(empty, ip);
    list_ = missed();
    ASSERT_NE(list_.size(), 0u);
    translate(*cores_.back()->cpu, list_, store_);
  }
  void expect_same(const Seen& one, const Seen& other) {
    EXPECT_EQ(one.events, other.events);
    EXPECT_EQ(one.cycles, other.cycles);
    EXPECT_EQ(one.instructions, other.instructions);
    EXPECT_EQ(one.registers.rip, other.registers.rip);
    EXPECT_EQ(one.registers.rflags, other.registers.rflags);
    for (int i = 0; i < 16; ++i) EXPECT_EQ(one.registers.general[i], other.registers.general[i]);
  }
  // A program that calls, branches, counts, accesses memory and a port, and divides by zero.
  void put_program() {
    put(0, {0x00, 0x14, 0x00, 0x00});     // #DE goes to 1400h
    put(0x1400, {0x89, 0xe5,              // mov bp, sp
                 0x83, 0x46, 0x00, 0x02,  // add word [bp], 2
                 0xcf});                  // iret
    put(0x1000, {0xb9, 0x05, 0x00,        // mov cx, 5
                 0x31, 0xc0,              // xor ax, ax
                 0xe8, 0x18, 0x00,        // call 1020h
                 0xe6, 0x42,              // out 42h, al
                 0x49,                    // dec cx
                 0x74, 0x02,              // jz 100fh
                 0xeb, 0xf6,              // jmp 1005h
                 0xba, 0x01, 0x00,        // mov dx, 1
                 0xf7, 0xf1,              // div cx
                 0x40,                    // inc ax
                 0xf4});                  // hlt
    put(0x1020, {0x01, 0xc8,              // add ax, cx
                 0xa3, 0x00, 0x30,        // mov [3000h], ax
                 0xe4, 0x43,              // in al, 43h
                 0x03, 0x06, 0x00, 0x30,  // add ax, [3000h]
                 0xc3});                  // ret
  }

  BlockList list_;
  TranslationStore store_;
};

TEST_F(CpuAheadTest, AdoptedBlocksDoTheSameAtTheSameTimes) {
  put_program();
  const TranslationStore empty;
  const Seen own = run_with(empty, 0x1000);
  const std::size_t all = missed().size();
  EXPECT_GE(all, 7u);
  EXPECT_EQ(own.events.size(), 11u);
  learn(0x1000);
  const Seen adopted = run_with(store_, 0x1000);
  EXPECT_EQ(missed().size(), 0u) << "of " << all;
  expect_same(own, adopted);
}

TEST_F(CpuAheadTest, ACoreCanGoOnAfterWhatItAdopted) {
  put_program();
  learn(0x1000);
  put(0x1016, {0xe6, 0x44, 0xf4});  // out 44h, al; hlt
  put(0x1015, {0x40});              // in place of HLT
  const TranslationStore empty;
  const Seen own = run_with(empty, 0x1000);
  const Seen adopted = run_with(store_, 0x1000);
  EXPECT_EQ(missed().size(), 2u);  // the one that divides, and what comes after the fault
  EXPECT_EQ(own.events.back().address, 0x44u);
  expect_same(own, adopted);
}

TEST_F(CpuAheadTest, OtherBytesAreTranslatedAnew) {
  put(0x1000, {0xb8, 0x01, 0x00, 0xf4});  // mov ax, 1; hlt
  learn(0x1000);
  EXPECT_EQ(run_with(store_, 0x1000).registers.general[0], 1u);
  EXPECT_EQ(missed().size(), 0u);
  put(0x1001, {2});
  EXPECT_EQ(run_with(store_, 0x1000).registers.general[0], 2u);
  EXPECT_EQ(missed().size(), 1u);
}

TEST_F(CpuAheadTest, AStoreDropsAnAdoptedBlock) {
  put(0x1000, {0xe8, 0xfd, 0x0f,              // call 2000h
               0xc6, 0x06, 0x01, 0x20, 0x02,  // mov byte [2001h], 2
               0xe8, 0xf5, 0x0f,              // call 2000h
               0xf4});
  put(0x2000, {0xb8, 0x01, 0x00, 0xe7, 0x50, 0xc3});  // mov ax, 1; out 50h, ax; ret
  learn(0x1000);
  put(0x2001, {1});
  const Seen seen = run_with(store_, 0x1000);
  EXPECT_EQ(missed().size(), 0u);  // the second form is known, too
  ASSERT_EQ(seen.events.size(), 2u);
  EXPECT_EQ(seen.events[0].value & 0xffff, 1u);
  EXPECT_EQ(seen.events[1].value & 0xffff, 2u);
}

TEST_F(CpuAheadTest, AProbeIsCalledWhereABlockIsKnown) {
  put_program();
  learn(0x1000);
  Core& core = add_core();
  core.host.probe_address = 0x1020;
  core.cpu->adopt_from(store_);
  start(core, 0x1000);
  EXPECT_EQ(run(core), Cpu::Exit::kHalted);
  EXPECT_EQ(core.host.of(Event::kProbe).size(), 5u);
}

// mov rax, `constant`; ret - as a kernel has it.
void add_constant(BlockList& list, std::uint64_t pc, std::uint64_t constant) {
  constexpr std::uint32_t kKernel = 0xc0b0;  // PE, LMA, CS64, CS32, SS32
  std::vector<std::uint8_t> code{0x48, 0xb8};
  for (unsigned i = 0; i < 8; ++i) code.push_back(static_cast<std::uint8_t>(constant >> 8 * i));
  code.push_back(0xc3);
  list.add({pc, 0, kKernel, 0, false}, code.data(), static_cast<std::uint32_t>(code.size()));
}

TEST_F(CpuAheadTest, NoConstantIsTakenForAnAddressOfTheHosts) {
  // The shadow's code lies at one of these: there Unicorn would address the constant relative to
  // the code, which the copy is not where it was.
  BlockList list;
  std::uint64_t pc = 0xffffffff81000000;
  constexpr std::uint64_t kStep = 0x080000000000;
  for (std::uint64_t at = 0x004000000000; at < 0x700000000000; at += kStep, pc += 16)
    add_constant(list, pc, at + 0x1234);
  const std::size_t near = list.size();
  add_constant(list, pc, 0x123456789abcdef0);
  Core& core = add_core();
  translate(*core.cpu, list, store_);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < near; ++i)
    refused += store_.find(list[i].name(), list.code(list[i])) == nullptr;
  EXPECT_EQ(refused, 1u);
  EXPECT_NE(store_.find(list[near].name(), list.code(list[near])), nullptr);
}

mint_translation* translation(const mint_block_name& of, const std::uint8_t* bytes,
                              std::uint32_t cycles) {
  auto* made = static_cast<mint_translation*>(std::calloc(1, sizeof(mint_translation)));
  made->name = of;
  made->bytes = bytes;
  made->looked_at = 1;
  made->cycles = cycles;
  return made;
}

TEST(TranslationStore, GoesByNameAndBytes) {
  const std::uint8_t one[] = {1}, two[] = {2}, three[] = {3};
  const mint_block_name name{0x1000, 0, 0x10, 0, false};
  TranslationStore store;
  EXPECT_EQ(store.find(name, one), nullptr);
  store.add(translation(name, one, 1));
  store.add(translation({0x1000, 0, 0x20, 0, false}, one, 2));
  store.add(translation({0x1000, 0, 0x10, 0, true}, one, 3));
  store.add(translation(name, two, 4));
  EXPECT_EQ(store.find(name, one)->cycles, 1u);
  EXPECT_EQ(store.find(name, two)->cycles, 4u);
  EXPECT_EQ(store.find(name, three), nullptr);
  EXPECT_EQ(store.find({0x1000, 0, 0x20, 0, false}, one)->cycles, 2u);
  EXPECT_EQ(store.find({0x1000, 0, 0x10, 0, true}, one)->cycles, 3u);
  EXPECT_EQ(store.find({0x1000, 0x10, 0x10, 0, false}, one), nullptr);
}

// A guest that writes ever other code to one place must not make each search longer.
TEST(TranslationStore, OneNameTakesNoMoreThanAFewPlaces) {
  std::vector<std::uint8_t> bytes(256);
  const mint_block_name name{0x1000, 0, 0x10, 0, false};
  TranslationStore store;
  unsigned found = 0;
  for (unsigned i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(i);
    store.add(translation(name, &bytes[i], i));
    found += store.find(name, &bytes[i]) != nullptr;
  }
  EXPECT_GE(found, 16u);
  EXPECT_LE(found, 64u);
}

}  // namespace
}  // namespace mint::test
