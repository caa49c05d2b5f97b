// Speed of one core by what it does: mixes of instructions (bench/mixes.hpp), translation of
// blocks, round trips to devices, interrupts; and of the event queue. bench/machine_bench.cpp has
// what takes more than a core.
//
//   build/release/bench/engine_bench --benchmark_format=json
//
// Each mix runs for a fixed number of cycles per iteration; `instructions` (or what the counter's
// name says) is a rate per second of the host.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "bench/mixes.hpp"
#include "emu/base/event_queue.hpp"
#include "emu/timing/block_model.hpp"
#include "tests/engine/plain_host.hpp"

namespace mint {
namespace {

constexpr std::uint64_t kRam = 16u << 20;
constexpr std::uint64_t kCode = 0x1000;
constexpr std::uint64_t kHandler = 0x3000;
constexpr std::uint64_t kIdt = 0x4000;
constexpr std::uint64_t kGdt = 0x5000;
constexpr std::uint64_t kPointers = 0x6000;
constexpr Cycles kRun{1'000'000};

class Host : public test::PlainHost {
 public:
  std::uint64_t accesses = 0;
  std::uint64_t interrupts = 0;

  std::uint64_t port_read(Cycles, std::uint16_t, unsigned) override { return ++accesses; }
  void port_write(Cycles, std::uint16_t, unsigned, std::uint64_t) override { ++accesses; }
  std::uint64_t memory_read(Cycles, PhysAddr, unsigned) override { return ++accesses; }
  void memory_write(Cycles, PhysAddr, unsigned, std::uint64_t, bool) override { ++accesses; }
  std::optional<Vector> acknowledge() override { return Vector{0x40}; }
  void interrupt_taken(Vector, bool) override { ++interrupts; }
  void shutdown() override { cpu->leave(); }
};

class Board {
 public:
  Board() : cpu_(std::make_unique<Cpu>(host, pages_, timing_, 0, 64u << 20)) {
    host.cpu = cpu_.get();
    cpu_->map_ram({0}, kRam, ram.data(), false);
    cpu_->map_io({bench::kIoApic}, 0x1000);
  }

  Cpu& cpu() { return *cpu_; }

  // 32-bit code with flat segments.
  void start(std::uint64_t at) {
    cpu_->make_current();
    cpu_->reset();
    mint_registers r{};
    r.rip = at;
    r.rflags = 2;
    r.cr0 = 0x11;
    r.general[4] = bench::kStackTop;
    for (mint_segment& s : r.segment) s = {0x10, 0, 0xffffffff, 0xcf9300};
    r.segment[1] = {8, 0, 0xffffffff, 0xcf9b00};
    cpu_->set_registers(r);
  }
  void run(Cycles cycles) {
    cpu_->set_limit(cpu_->now() + cycles);
    cpu_->run();
  }

  Host host;
  test::Ram ram{kRam};

 private:
  BlockModel timing_;
  CodePages pages_{kRam};
  std::unique_ptr<Cpu> cpu_;
};

benchmark::Counter rate(std::uint64_t count) {
  return {static_cast<double>(count), benchmark::Counter::kIsRate};
}

// Runs a mix without end.
void run_mix(benchmark::State& state, const bench::Mix& mix) {
  Board board;
  std::vector<std::uint8_t> program = mix.setup;
  program.insert(program.end(), mix.body.begin(), mix.body.end());
  program.push_back(0xe9);  // jmp to the body
  const auto back = ~static_cast<std::uint32_t>(mix.body.size() + 4);
  for (unsigned shift = 0; shift < 32; shift += 8)
    program.push_back(static_cast<std::uint8_t>(back >> shift));
  board.ram.put(kCode, program);
  board.start(kCode);
  board.run(kRun);
  const std::uint64_t before = board.cpu().instructions();
  const std::uint64_t accesses = board.host.accesses;
  for ([[maybe_unused]] auto _ : state) board.run(kRun);
  state.counters["instructions"] = rate(board.cpu().instructions() - before);
  if (board.host.accesses != accesses)
    state.counters["accesses"] = rate(board.host.accesses - accesses);
}

// Each iteration translates all blocks, whose costs are known after the first.
void translation(benchmark::State& state) {
  Board board;
  constexpr unsigned kBlocks = 20'000;
  constexpr std::uint64_t kFirst = 0x100000;
  const std::vector<std::uint8_t> code = bench::blocks_run_once(kBlocks);
  board.ram.put(kFirst, code);
  board.ram.put(kFirst + code.size(), {0xf4});
  for ([[maybe_unused]] auto _ : state) {
    board.start(kFirst);
    board.cpu().flush_blocks();
    board.run({100'000'000});
  }
  state.counters["blocks"] = rate(static_cast<std::uint64_t>(state.iterations()) * kBlocks);
}

// What the timing model takes for a block that it has not seen, of instructions that it has.
void block_cost(benchmark::State& state) {
  constexpr unsigned kBlocks = 20'000;
  constexpr std::size_t kSize = 26;
  static constexpr std::uint16_t kStarts[] = {0, 2, 8, 10, 16, 18, 19, 21};
  const std::vector<std::uint8_t> code = bench::blocks_run_once(kBlocks);
  std::uint64_t cycles = 0;
  for ([[maybe_unused]] auto _ : state) {
    const BlockModel model;
    for (unsigned i = 0; i < kBlocks; ++i)
      cycles += model.cost({{code.data() + i * kSize, kSize}, kStarts, 32}).cycles;
  }
  benchmark::DoNotOptimize(cycles);
  state.counters["blocks"] = rate(static_cast<std::uint64_t>(state.iterations()) * kBlocks);
}

// sti; 0: nop; jmp 0b with a handler that returns at once.
void interrupts(benchmark::State& state) {
  Board board;
  board.ram.put(kCode, {0x0f, 0x01, 0x15, 0, 0x60, 0, 0,  // lgdt [6000h]
                        0x0f, 0x01, 0x1d, 8, 0x60, 0, 0,  // lidt [6008h]
                        0xfb, 0x90, 0xeb, 0xfd});
  board.ram.put(kHandler, {0xcf});
  board.ram.put(kPointers, {0x17, 0, 0, 0x50, 0, 0, 0, 0, 0xff, 7, 0, 0x40, 0, 0});
  board.ram.put32(kGdt + 8, 0x0000ffff);
  board.ram.put32(kGdt + 12, 0x00cf9b00);
  board.ram.put32(kGdt + 16, 0x0000ffff);
  board.ram.put32(kGdt + 20, 0x00cf9300);
  board.ram.put32(kIdt + 8 * 0x40, 8 << 16 | kHandler);
  board.ram.put32(kIdt + 8 * 0x40 + 4, 0x8e00);
  board.start(kCode);
  board.run({1000});
  const std::uint64_t before = board.host.interrupts;
  for ([[maybe_unused]] auto _ : state) {
    board.cpu().set_interrupt(true);
    board.run({10});
    board.cpu().set_interrupt(false);
    board.run({500});
  }
  state.counters["interrupts"] = rate(board.host.interrupts - before);
}

// Timers of eight chips, each scheduled anew when it runs out.
void event_queue(benchmark::State& state) {
  EventQueue queue;
  std::vector<std::unique_ptr<Event>> events;
  for (std::uint64_t i = 0; i < 8; ++i) {
    events.push_back(std::make_unique<Event>(queue, "timer", [&events, &queue, i](Cycles) {
      events[i]->schedule(queue.now() + Cycles{1000 + 7 * i});
    }));
    events.back()->schedule({i});
  }
  for ([[maybe_unused]] auto _ : state) queue.run_next();
  state.counters["events"] = rate(static_cast<std::uint64_t>(state.iterations()));
}

const bool kRegistered = [] {
  for (const bench::Mix& mix : bench::mixes())
    if (!mix.whole_machine && std::string(mix.name) != "translation")
      benchmark::RegisterBenchmark(mix.name, [&mix](benchmark::State& s) { run_mix(s, mix); });
  return true;
}();
BENCHMARK(translation)->Unit(benchmark::kMillisecond);
BENCHMARK(block_cost)->Unit(benchmark::kMillisecond);
BENCHMARK(interrupts);
BENCHMARK(event_queue);

}  // namespace
}  // namespace mint

BENCHMARK_MAIN();
