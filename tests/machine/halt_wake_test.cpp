// What an interrupt that wakes a halted core costs: the profile's delays.halt_wake.
#include <gtest/gtest.h>

#include <cstring>
#include <utility>
#include <vector>

#include "emu/machine/machine.hpp"

namespace mint {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint64_t kProgram = 0x8000;
constexpr std::uint64_t kHandler = 0x9000;
constexpr std::uint8_t kVector = 0x40;

const Bytes kHalt{0xf4, 0xeb, 0xfd};  // hlt; back to it
const Bytes kSpin{0xeb, 0xfe};        // jmp to itself

class Watcher final : public MachineObserver {
 public:
  Machine* machine = nullptr;
  Cycles handled;  // when the handler's first instruction with an effect outside ran

  void accessed(Core&, Cycles at, const Access& access) override {
    if (access.kind == Access::Kind::kPort) handled = at;
  }
  void interrupted(Core&, Vector, bool) override {}
  void started(Core&, Vector) override {}
  void shut_down(Core&, const std::string& why) override {
    ADD_FAILURE() << why;
    machine->stop();
  }
  std::uint32_t probe_at(Core&, std::uint64_t) override { return 0; }
  void probe(Core&, std::uint32_t) override {}
  void translated(Core&, std::uint64_t) override {}
  void serial_output(unsigned, std::uint8_t) override {}
  void post_code(std::uint8_t) override {}
  void debug_exit(std::uint32_t) override { machine->stop(); }
  void platform_reset(const std::string& why) override { shut_down(*machine->cores()[0], why); }
  void redirection_written(unsigned, RedirectionEntry, RedirectionEntry) override {}
  void message_delivered(const ApicBus::Delivery&) override {}
  void pci_configured(const PciHost::ConfigAccess&) override {}
};

// mov dword [address], value, in a 16-bit segment.
void store(Bytes& code, std::uint32_t address, std::uint32_t value) {
  code.insert(code.end(), {0x66, 0x67, 0xc7, 0x05});
  for (const std::uint32_t word : {address, value})
    for (unsigned i = 0; i < 4; ++i) code.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
}

// When the handler of the LAPIC timer's interrupt runs, with `wait` after its start.
Cycles handled(const Bytes& wait, TimingLevel timing, Cycles halt_wake) {
  MachineSetup setup;
  setup.profile.cores = 1;
  setup.profile.memory = 64u << 20;
  setup.profile.timing = timing;
  setup.profile.delays.halt_wake = halt_wake;
  setup.debug_parts = true;
  Watcher watcher;
  Machine machine(std::move(setup), watcher);
  watcher.machine = &machine;
  machine.power_on();

  Bytes code;
  store(code, 0xfee000f0, 0x1ff);    // on, spurious vector FFh
  store(code, 0xfee00320, kVector);  // timer: one shot
  store(code, 0xfee00380, 1000);     // counts from here
  code.push_back(0xfb);              // sti
  code.insert(code.end(), wait.begin(), wait.end());
  const Bytes handler{0xb0, 0x00, 0xe6, 0xf4, 0xf4};  // mov al, 0; out F4h, al; hlt
  const std::uint32_t entry = kHandler;               // segment 0
  const auto put = [&](std::uint64_t address, const void* from, std::size_t size) {
    std::memcpy(machine.memory().at({address}, size).data(), from, size);
  };
  put(kProgram, code.data(), code.size());
  put(kHandler, handler.data(), handler.size());
  put(kVector * 4u, &entry, sizeof entry);

  mint_registers r{};
  r.rip = kProgram;
  r.rflags = 2;
  r.cr0 = 0x10;
  r.general[4] = 0x7000;
  for (unsigned i = 0; i < 6; ++i) r.segment[i] = {0, 0, 0xffff, i == 1 ? 0x9b00u : 0x9300u};
  // Data reaches the LAPIC: a limit of 4 GB as left from protected mode.
  r.segment[3].limit = 0xffffffff;
  machine.cores()[0]->start_at(r);
  machine.run();
  return watcher.handled;
}

TEST(HaltWake, IsTakenByAHaltedCoreAtEveryTimingLevel) {
  for (const TimingLevel level : {TimingLevel::kCount, TimingLevel::kBlock, TimingLevel::kCache}) {
    const Cycles at_once = handled(kHalt, level, {0});
    EXPECT_EQ(handled(kHalt, level, {8400}), at_once + Cycles{8400}) << timing_name(level);
  }
}

TEST(HaltWake, IsNotTakenByACoreThatRuns) {
  const Cycles at_once = handled(kSpin, TimingLevel::kBlock, {0});
  EXPECT_GT(at_once, Cycles{0});
  EXPECT_EQ(handled(kSpin, TimingLevel::kBlock, {8400}), at_once);
}

}  // namespace
}  // namespace mint
