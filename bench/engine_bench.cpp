// Speed of the engine by what it does: instructions by mix, translation of blocks, round trips to
// devices, interrupts, the event queue.
//
//   build/release/bench/engine_bench --benchmark_format=json
//
// Each program is 32-bit code with flat segments that runs for a fixed number of cycles per
// iteration; `instructions` (or what the counter's name says) is a rate per second of the host.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>
#include <vector>

#include "emu/base/event_queue.hpp"
#include "emu/engine/cpu.hpp"
#include "emu/timing/block_model.hpp"

namespace mint {
namespace {

constexpr std::uint64_t kRam = 16u << 20;
constexpr std::uint64_t kDevice = 0x2000000;
constexpr std::uint64_t kCode = 0x1000;
constexpr std::uint64_t kHandler = 0x3000;
constexpr std::uint64_t kIdt = 0x4000;
constexpr std::uint64_t kGdt = 0x5000;
constexpr std::uint64_t kStack = 0x80000;
constexpr Cycles kRun{1'000'000};

class Host : public CpuHost {
 public:
  Cpu* cpu = nullptr;
  std::uint64_t accesses = 0;
  std::uint64_t interrupts = 0;

  void block_edge(std::uint64_t) override { cpu->leave(); }
  std::uint64_t port_read(Cycles, std::uint16_t, unsigned) override { return ++accesses; }
  void port_write(Cycles, std::uint16_t, unsigned, std::uint64_t) override { ++accesses; }
  std::uint64_t memory_read(Cycles, PhysAddr, unsigned) override { return ++accesses; }
  void memory_write(Cycles, PhysAddr, unsigned, std::uint64_t, bool) override { ++accesses; }
  std::uint64_t fetch(PhysAddr, unsigned) override { return 0; }
  MsrAnswer read_msr(Cycles, std::uint32_t, std::uint64_t&) override { return MsrAnswer::kFault; }
  MsrAnswer write_msr(Cycles, std::uint32_t, std::uint64_t) override { return MsrAnswer::kFault; }
  std::uint64_t read_tsc(Cycles at) override { return at.count; }
  std::uint64_t tsc_limit() override { return UINT64_MAX; }
  std::uint8_t read_cr8() override { return 0; }
  void write_cr8(Cycles, std::uint8_t) override {}
  void cpuid(std::uint32_t leaf, std::uint32_t, std::uint32_t out[4]) override {
    std::memset(out, 0, 16);
    if (leaf == 1) out[3] = 0xbfebfbff & ~(1u << 21 | 1u << 22 | 1u << 28 | 1u << 29 | 1u << 31);
    if (leaf == 0x80000008) out[0] = 0x3024;
  }
  void pause() override {}
  std::optional<Vector> acknowledge() override { return Vector{0x40}; }
  void interrupt_taken(Vector, bool) override { ++interrupts; }
  void shutdown() override { cpu->leave(); }
  void translated(std::uint64_t) override {}
  std::uint32_t probe_at(std::uint64_t) override { return 0; }
  void probe(std::uint32_t) override {}
};

class Board {
 public:
  Board()
      : ram_(static_cast<std::uint8_t*>(
            mmap(nullptr, kRam, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))),
        cpu_(std::make_unique<Cpu>(host, pages_, timing_, 0, 64u << 20)) {
    host.cpu = cpu_.get();
    cpu_->map_ram({0}, kRam, ram_, false);
    cpu_->map_io({kDevice}, 0x1000);
  }
  ~Board() {
    cpu_.reset();
    munmap(ram_, kRam);
  }
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  Cpu& cpu() { return *cpu_; }
  void put(std::uint64_t address, std::initializer_list<int> bytes) {
    for (const int byte : bytes) ram_[address++] = static_cast<std::uint8_t>(byte);
  }
  void put32(std::uint64_t address, std::uint32_t value) { std::memcpy(ram_ + address, &value, 4); }

  void start(std::uint64_t at) {
    cpu_->make_current();
    cpu_->reset();
    mint_registers r{};
    r.rip = at;
    r.rflags = 2;
    r.cr0 = 0x11;
    r.general[4] = kStack;
    for (mint_segment& s : r.segment) s = {0x10, 0, 0xffffffff, 0xcf9300};
    r.segment[1] = {8, 0, 0xffffffff, 0xcf9b00};
    cpu_->set_registers(r);
  }
  void run(Cycles cycles) {
    cpu_->set_limit(cpu_->now() + cycles);
    cpu_->run();
  }

  Host host;

 private:
  std::uint8_t* ram_;
  BlockModel timing_;
  CodePages pages_{kRam};
  std::unique_ptr<Cpu> cpu_;
};

benchmark::Counter rate(std::uint64_t count) {
  return {static_cast<double>(count), benchmark::Counter::kIsRate};
}

// Runs an endless program.
void measure(benchmark::State& state, std::initializer_list<int> program) {
  Board board;
  board.put(kCode, program);
  board.start(kCode);
  board.run(kRun);
  const std::uint64_t before = board.cpu().instructions();
  const std::uint64_t accesses = board.host.accesses;
  for (auto _ : state) board.run(kRun);
  state.counters["instructions"] = rate(board.cpu().instructions() - before);
  if (board.host.accesses != accesses)
    state.counters["accesses"] = rate(board.host.accesses - accesses);
}

// mov ecx, 16; 1: add eax, ecx; xor ebx, eax; shl eax, 1; lea edx, [eax + ebx*4]; sub ebx, edx;
// ror edx, 5; dec ecx; jne 1b; jmp 0b
void integers(benchmark::State& state) {
  measure(state, {0xb9, 16,   0,    0,    0,    0x01, 0xc8, 0x31, 0xc3, 0xd1, 0xe0, 0x8d,
                  0x14, 0x98, 0x29, 0xd3, 0xc1, 0xca, 5,    0x49, 0x75, 0xef, 0xeb, 0xe8});
}
BENCHMARK(integers);

// mov esi, 100000h; mov edi, 209000h; mov ecx, 4096
// 1: mov eax, [esi]; add eax, [esi + 4]; mov [edi], eax; add esi, 8; add edi, 8; dec ecx; jne 1b;
// jmp 0b
void memory(benchmark::State& state) {
  measure(state, {0xbe, 0,    0, 0x10, 0,    0xbf, 0,    0x90, 0x20, 0,    0xb9,
                  0,    16,   0, 0,    0x8b, 0x06, 0x03, 0x46, 4,    0x89, 0x07,
                  0x83, 0xc6, 8, 0x83, 0xc7, 8,    0x49, 0x75, 0xf0, 0xeb, 0xdf});
}
BENCHMARK(memory);

// 0: call f; call f; jmp 0b; f: push ebx; mov ebx, eax; test bl, 1; je 1f; inc eax; 1: inc eax;
// pop ebx; ret
void calls(benchmark::State& state) {
  measure(state, {0xe8, 7,    0,    0,    0,    0xe8, 2,    0, 0,    0,    0xeb, 0xf4,
                  0x53, 0x89, 0xc3, 0xf6, 0xc3, 1,    0x74, 1, 0x40, 0x40, 0x5b, 0xc3});
}
BENCHMARK(calls);

// mov esi, 100000h; mov edi, 209000h; mov ecx, 16384; rep movsd; jmp 0b
void string_copy(benchmark::State& state) {
  measure(state,
          {0xbe, 0, 0, 0x10, 0, 0xbf, 0, 0x90, 0x20, 0, 0xb9, 0, 64, 0, 0, 0xf3, 0xa5, 0xeb, 0xed});
}
BENCHMARK(string_copy);

// fld1; 0: fadd st, st; fmul st, st(0); jmp 0b
void x87(benchmark::State& state) {
  measure(state, {0xd9, 0xe8, 0xd8, 0xc0, 0xd8, 0xc8, 0xeb, 0xfa});
}
BENCHMARK(x87);

// in al, 80h; out 80h, al; jmp 0b
void ports(benchmark::State& state) { measure(state, {0xe4, 0x80, 0xe6, 0x80, 0xeb, 0xfa}); }
BENCHMARK(ports);

// mov eax, [kDevice]; mov [kDevice], eax; jmp 0b
void device_memory(benchmark::State& state) {
  measure(state, {0xa1, 0, 0, 0, 2, 0xa3, 0, 0, 0, 2, 0xeb, 0xf4});
}
BENCHMARK(device_memory);

// 0: cmp dword [8000h], 0; jne 1f; pause; jmp 0b; 1: hlt
void spinning(benchmark::State& state) {
  measure(state, {0x83, 0x3d, 0, 0x80, 0, 0, 0, 0x75, 4, 0xf3, 0x90, 0xeb, 0xf3, 0xf4});
}
BENCHMARK(spinning);

// rdtsc; jmp 0b
void time_stamps(benchmark::State& state) { measure(state, {0x0f, 0x31, 0xeb, 0xfc}); }
BENCHMARK(time_stamps);

// Blocks of eight instructions that run once: add eax, ebx; mov ecx, [80000h]; sub ecx, eax;
// mov [80004h], ecx; test eax, eax; inc edx; xor ebx, edx; jmp to the next.
void translation(benchmark::State& state) {
  Board board;
  constexpr unsigned kBlocks = 20'000;
  constexpr std::uint64_t kFirst = 0x100000;
  std::uint64_t at = kFirst;
  for (unsigned i = 0; i < kBlocks; ++i) {
    board.put(at, {0x01, 0xd8, 0x8b, 0x0d, 0,    0,    8,    0,    0x29, 0xc1, 0x89, 0x0d, 4,
                   0,    8,    0,    0x85, 0xc0, 0x42, 0x31, 0xd3, 0xe9, 0,    0,    0,    0});
    at += 26;
  }
  board.put(at, {0xf4});
  for (auto _ : state) {
    board.start(kFirst);
    board.run({100'000'000});
  }
  state.counters["blocks"] = rate(state.iterations() * kBlocks);
}
BENCHMARK(translation)->Unit(benchmark::kMillisecond);

// sti; 0: nop; jmp 0b with a handler that returns at once.
void interrupts(benchmark::State& state) {
  Board board;
  board.put(kCode, {0x0f, 0x01, 0x15, 0, 0x60, 0, 0,  // lgdt [6000h]
                    0x0f, 0x01, 0x1d, 8, 0x60, 0, 0,  // lidt [6008h]
                    0xfb, 0x90, 0xeb, 0xfd});
  board.put(kHandler, {0xcf});
  board.put(0x6000, {0x17, 0, 0, 0x50, 0, 0, 0, 0, 0xff, 7, 0, 0x40, 0, 0});
  board.put32(kGdt + 8, 0x0000ffff);
  board.put32(kGdt + 12, 0x00cf9b00);
  board.put32(kGdt + 16, 0x0000ffff);
  board.put32(kGdt + 20, 0x00cf9300);
  board.put32(kIdt + 8 * 0x40, 8 << 16 | kHandler);
  board.put32(kIdt + 8 * 0x40 + 4, 0x8e00);
  board.start(kCode);
  board.run({1000});
  const std::uint64_t before = board.host.interrupts;
  for (auto _ : state) {
    board.cpu().set_interrupt(true);
    board.run({10});
    board.cpu().set_interrupt(false);
    board.run({500});
  }
  state.counters["interrupts"] = rate(board.host.interrupts - before);
}
BENCHMARK(interrupts);

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
  for (auto _ : state) queue.run_next();
  state.counters["events"] = rate(state.iterations());
}
BENCHMARK(event_queue);

}  // namespace
}  // namespace mint

BENCHMARK_MAIN();
