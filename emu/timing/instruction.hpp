// An instruction as the block model sees it: what it takes of the core's resources and how its
// results depend on its operands. Made once per encoding.
#pragma once

#include <array>
#include <cstdint>

#include "emu/timing/cost_table.hpp"

namespace mint {

// Numbers of everything that a result can be handed on in. x87 registers are relative to the top
// of the stack.
constexpr std::uint8_t kStackPointer = 4;  // general registers are 0 to 15
constexpr std::uint8_t kXmmFirst = 16;     // 16 of them
constexpr std::uint8_t kMmxFirst = 32;     // 8
constexpr std::uint8_t kX87First = 40;     // 8
constexpr std::uint8_t kCarry = 48;
constexpr std::uint8_t kOtherFlags = 49;
constexpr std::uint8_t kMxcsr = 50;
constexpr std::uint8_t kStored = 51;  // whatever was stored last
constexpr std::uint8_t kPlaces = 52;
constexpr std::uint8_t kNowhere = 0xff;

// An address as far as two of them can be told to be the same.
struct MemoryOperand {
  bool load = false;
  bool store = false;
  bool vector = false;  // loaded into an XMM, MMX or x87 register
  std::uint8_t base = kNowhere;
  std::uint8_t index = kNowhere;
  std::uint8_t scale = 1;
  std::uint8_t size = 0;
  std::uint8_t segment = 0;
  std::uint8_t address_size = 8;
  std::int64_t displacement = 0;

  friend bool operator==(const MemoryOperand&, const MemoryOperand&) = default;
};

// What most blocks' costs are made of comes first, in one line of the host's caches.
struct alignas(64) Instruction {
  static constexpr unsigned kSources = 6;
  static constexpr unsigned kResults = 6;
  static constexpr unsigned kMemory = 2;

  struct Source {
    std::uint8_t place = kNowhere;
    std::uint8_t size = 8;  // bytes read
    Centicycles latency = 0;
    friend bool operator==(const Source&, const Source&) = default;
  };
  struct Result {
    std::uint8_t place = kNowhere;
    std::uint8_t size = 8;  // bytes written
    bool second = false;    // has the latency of the second result
    friend bool operator==(const Result&, const Result&) = default;
  };

  // Front end.
  std::uint8_t length = 0;
  std::uint8_t slots = 0;  // of issue: fused micro-operations
  bool length_changing_prefix = false;
  bool compares = false;     // CMP or TEST, as macro-fusion takes it
  bool conditional = false;  // Jcc
  bool signed_condition = false;
  // Kinds.
  bool non_temporal = false;
  bool addressed = false;         // memory[0] is the operand that the encoding gives an address for
  bool exchanges = false;         // FXCH: the first two results take each other's time
  bool known = true;              // to the table
  bool touches_memory = false;    // has a load or store in `memory`
  std::int8_t x87_after = 0;      // what the x87 stack's top changes by
  std::int16_t stack_before = 0;  // what RSP changes by before memory is accessed
  std::int16_t stack_after = 0;   // and afterwards
  // Execution.
  std::uint8_t loads = 0;
  std::uint8_t stores = 0;
  std::uint16_t rep_step = 0;
  std::uint16_t rep_start = 0;
  Centicycles jump = 0;
  Centicycles serial = 0;
  Centicycles busy = 0;
  Centicycles divide = 0;
  std::array<std::uint8_t, 8> ports{};  // as in CostRow
  // What its value hangs on, sources and addresses of loads, and its results: a bit for each place.
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
  // Dependencies. Unused entries lie at the end.
  std::array<MemoryOperand, kMemory> memory{};
  std::array<Source, kSources> sources{};
  std::array<Result, kResults> results{};
  Centicycles load_latency = 0;   // from a loaded value to the result
  Centicycles second_result = 0;  // from any operand to the second result

  void add_source(std::uint8_t place, std::uint8_t size, Centicycles latency);
  void add_result(std::uint8_t place, std::uint8_t size, bool second = false);
  // Sets what says so in short: reads, writes, touches_memory.
  void find_reads_and_writes();
  bool complex() const { return slots > 1; }
  friend bool operator==(const Instruction&, const Instruction&) = default;
};

}  // namespace mint
