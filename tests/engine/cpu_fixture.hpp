// A board of RAM and cores for tests of Cpu alone: every instruction costs ten cycles, programs are
// bytes in real mode, and what leaves a core is written down.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "tests/engine/plain_host.hpp"

namespace mint::test {

constexpr std::uint64_t kInstruction = 10;  // cycles
constexpr std::uint64_t kRam = 0x200000;    // bytes, from physical address 0
constexpr std::uint64_t kIo = 0x300000;     // a page of I/O
constexpr std::uint64_t kRom = 0x400000;    // a page of ROM
constexpr std::uint64_t kMapped = kRam + 0x1000;

class FlatTiming : public TimingModel {
 public:
  BlockCost cost(const CodeBlock& block) const override {
    BlockCost cost;
    for (std::size_t i = 0; i < block.starts.size(); ++i)
      cost.before.push_back(static_cast<std::uint16_t>(i * kInstruction));
    cost.cycles = static_cast<std::uint32_t>(block.starts.size() * kInstruction);
    return cost;
  }
};

struct Event {
  enum Kind { kPortRead, kPortWrite, kRead, kWrite, kProbe, kInterrupt, kShutdown };
  Kind kind;
  std::uint64_t at = 0;
  std::uint64_t address = 0;
  std::uint64_t value = 0;
  bool locked = false;
  friend bool operator==(const Event&, const Event&) = default;
};

class TestHost : public PlainHost {
 public:
  std::vector<Event> events;
  std::function<void(std::uint64_t pc)> on_edge;  // by default the run is left
  std::function<void()> on_port_read;
  std::uint64_t probe_address = ~std::uint64_t{0};
  std::optional<Vector> pending;
  std::uint64_t counter_limit = UINT64_MAX;
  unsigned pauses = 0;

  void block_edge(std::uint64_t pc) override {
    if (on_edge)
      on_edge(pc);
    else
      cpu->leave();
  }
  std::uint64_t port_read(Cycles at, std::uint16_t port, unsigned) override {
    events.push_back({Event::kPortRead, at.count, port});
    if (on_port_read) on_port_read();
    return 0;
  }
  void port_write(Cycles at, std::uint16_t port, unsigned, std::uint64_t value) override {
    events.push_back({Event::kPortWrite, at.count, port, value});
  }
  std::uint64_t memory_read(Cycles at, PhysAddr address, unsigned) override {
    events.push_back({Event::kRead, at.count, address.value});
    return 0;
  }
  void memory_write(Cycles at, PhysAddr address, unsigned, std::uint64_t value,
                    bool locked) override {
    events.push_back({Event::kWrite, at.count, address.value, value, locked});
  }
  std::uint64_t tsc_limit() override { return counter_limit; }
  void pause() override { ++pauses; }
  std::optional<Vector> acknowledge() override {
    cpu->set_interrupt(false);
    return std::exchange(pending, std::nullopt);
  }
  void interrupt_taken(Vector vector, bool) override {
    events.push_back({Event::kInterrupt, cpu->now().count, vector.value});
  }
  void shutdown() override { events.push_back({Event::kShutdown}); }
  std::uint32_t probe_at(std::uint64_t pc) override { return pc == probe_address ? 7 : 0; }
  void probe(std::uint32_t id) override { events.push_back({Event::kProbe, cpu->now().count, id}); }

  std::vector<Event> of(Event::Kind kind) const {
    std::vector<Event> found;
    for (const Event& e : events)
      if (e.kind == kind) found.push_back(e);
    return found;
  }
};

class CpuTest : public testing::Test {
 protected:
  ~CpuTest() override { cores_.clear(); }

  struct Core {
    TestHost host;
    std::unique_ptr<Cpu> cpu;
  };

  Core& add_core() {
    cores_.push_back(std::make_unique<Core>());
    Core& core = *cores_.back();
    core.cpu = std::make_unique<Cpu>(core.host, pages_, timing_,
                                     static_cast<unsigned>(cores_.size() - 1), 1u << 20);
    core.host.cpu = core.cpu.get();
    core.cpu->map_ram({0}, kRam, ram_, false);
    core.cpu->map_ram({kRom}, 0x1000, ram_ + kRam, true);
    core.cpu->map_io({kIo}, 0x1000);
    core.cpu->set_limit({1'000'000});
    return core;
  }

  void put(std::uint64_t address, std::initializer_list<int> bytes) { memory_.put(address, bytes); }

  // Real mode, as after a far jump from protected mode: code at `code` (its base, if above 64 KB),
  // stack below 8000h, `data` is the base of DS.
  static void start_with(Cpu& cpu, std::uint64_t code, std::uint64_t data) {
    cpu.make_current();
    cpu.reset();
    mint_registers r{};
    r.rip = code < 0x10000 ? code : 0;
    r.rflags = 2;
    r.cr0 = 0x10;
    r.general[4] = 0x8000;
    for (mint_segment& s : r.segment) s = {0, 0, 0xffff, 0x9300};
    r.segment[1].attributes = 0x9b00;
    r.segment[1].base = code - r.rip;
    r.segment[3].base = data;
    cpu.set_registers(r);
  }
  static void start(Core& core, std::uint64_t code, std::uint64_t data = 0) {
    start_with(*core.cpu, code, data);
  }

  static Cpu::Exit run(Core& core) {
    core.cpu->make_current();
    return core.cpu->run();
  }

  static std::uint64_t ax(const Core& core) { return core.cpu->registers().general[0] & 0xffff; }

  Ram memory_{kMapped};
  std::uint8_t* const ram_ = memory_.data();
  FlatTiming timing_;
  CodePages pages_{kMapped};
  std::vector<std::unique_ptr<Core>> cores_;
};

}  // namespace mint::test
