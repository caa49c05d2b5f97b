// The table of instruction costs, data/nehalem.tsv, which is compiled into the program.
//
// A row says what an instruction with certain operand kinds spends: micro-operations by the ports
// that can execute them, latency from its operands to its result, and attributes. Loads and stores
// are no part of a row: an operand in memory adds them. data/README.md has the columns.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mint {

// Hundredths of a core cycle: what published figures resolve.
using Centicycles = std::int32_t;

// The kinds that operands are told apart by.
enum class OperandKind : std::uint8_t {
  kNone,
  kR8,
  kR16,
  kR32,
  kR64,
  kRegister,  // in a pattern: any of the four
  kMemory,
  kMemoryDirect,  // an address without registers
  kImmediate,
  kOne,  // an immediate 1
  kXmm,
  kMmx,
  kX87,
  kSegment,
  kControl,
  kDebug,
  kAny,  // in a pattern: what follows does not matter
};

struct CostRow {
  std::vector<OperandKind> operands;
  // Micro-operations by the set of ports that can execute them: bit 0 is port 0, bit 1 port 1,
  // bit 2 port 5.
  std::array<std::uint8_t, 8> ports{};
  std::uint8_t load_uops = 0;  // on port 2, beyond those of memory operands
  // From the first operand, and from the others, to the result; and to a second result.
  Centicycles latency = 0;
  Centicycles latency_second = 0;
  Centicycles latency_second_result = 0;
  Centicycles serial = 0;  // nothing else executes meanwhile
  Centicycles busy = 0;    // of the microcode sequencer
  Centicycles divide = 0;  // of the divider, at least; the operands decide
  Centicycles jump = 0;    // a taken jump takes the front end so long
  std::uint16_t rep_step = 0;
  std::uint16_t rep_start = 0;
  bool reads_flags = false;
  bool zero_idiom = false;    // no dependency when both operands are the same register
  bool both_written = false;  // XCHG, XADD
  bool locked = false;        // as with LOCK
  bool non_temporal = false;
  bool no_load = false;  // the operand in memory is not loaded
  bool writes_first = false;
  bool reads_first = false;
  bool known = true;
};

class CostTable {
 public:
  // Throws std::runtime_error with the line's number when `text` is not such a table.
  explicit CostTable(std::string_view text);
  // The table that is compiled in.
  static const CostTable& nehalem();

  // The row for an instruction, by Capstone's name for it ("rep " in front of a repeated string
  // instruction); the default row, which is not `known`, when there is none.
  const CostRow& find(std::string_view name, const std::vector<OperandKind>& operands) const;
  std::size_t size() const { return count_; }

 private:
  void add_line(std::string_view line, unsigned number);

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, std::vector<CostRow>, Hash, std::equal_to<>> rows_;
  CostRow default_;
  std::size_t count_ = 0;
};

// The text of data/nehalem.tsv.
extern const char* const kNehalemTable;

}  // namespace mint
