#include "emu/timing/analysed_instruction.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "emu/timing/instruction_x87.hpp"
#include "emu/timing/registers.hpp"

namespace mint {
namespace {

// A locked read-modify-write of a line in the own L1 (M: LOCK ADD [m32], r32; XCHG r32, [m32]).
constexpr Centicycles kLocked = 2000;

bool is_condition(unsigned id, bool& signed_condition) {
  switch (id) {
    case X86_INS_JL:
    case X86_INS_JGE:
    case X86_INS_JLE:
    case X86_INS_JG:
    case X86_INS_JS:
    case X86_INS_JNS:
    case X86_INS_JO:
    case X86_INS_JNO:
    case X86_INS_JP:
    case X86_INS_JNP:
      signed_condition = true;
      return true;
    case X86_INS_JA:
    case X86_INS_JAE:
    case X86_INS_JB:
    case X86_INS_JBE:
    case X86_INS_JE:
    case X86_INS_JNE:
      signed_condition = false;
      return true;
    default:
      return false;
  }
}

bool has_group(const cs_insn& insn, std::uint8_t group) {
  const cs_detail& d = *insn.detail;
  return std::find(d.groups, d.groups + d.groups_count, group) != d.groups + d.groups_count;
}

// What the stack's operations do to memory, which Capstone does not list as an operand: 1 stores,
// -1 loads, 0 neither; and their size.
int stack_access(const cs_insn& insn, unsigned bits, unsigned& size) {
  const cs_x86& x = insn.detail->x86;
  const bool narrow = x.prefix[2] == X86_PREFIX_OPSIZE;
  const unsigned word = bits == 16 ? 2 : bits == 32 ? 4 : 8;
  size = narrow ? (bits == 16 ? 4 : 2) : word;
  switch (insn.id) {
    case X86_INS_PUSH:
    case X86_INS_PUSHF:
    case X86_INS_PUSHFD:
    case X86_INS_PUSHFQ:
      return 1;
    case X86_INS_POP:
    case X86_INS_POPF:
    case X86_INS_POPFD:
    case X86_INS_POPFQ:
      return -1;
    case X86_INS_CALL:
      size = word;
      return 1;
    case X86_INS_RET:
      size = word;
      return -1;
    default:
      return 0;
  }
}

class Analysis {
 public:
  Analysis(const cs_insn& insn, const CostTable& table, unsigned bits)
      : insn_(insn), x_(insn.detail->x86), bits_(bits), row_(find_row(table)) {}

  Instruction make() {
    out_.length = static_cast<std::uint8_t>(insn_.size);
    out_.ports = row_.ports;
    out_.serial = row_.serial;
    out_.busy = row_.busy;
    out_.divide = row_.divide;
    out_.jump = row_.jump;
    out_.rep_step = row_.rep_step;
    out_.rep_start = row_.rep_start;
    out_.known = row_.known;
    out_.non_temporal = row_.non_temporal;
    out_.load_latency = row_.latency_second;
    out_.second_result = row_.latency_second_result;
    add_operands();
    add_implicit();
    add_stack();
    add_flags();
    if (is_x87(insn_.mnemonic)) describe_x87(insn_, row_, out_);
    add_resources();
    find_fusion();
    if (x_.prefix[0] == X86_PREFIX_LOCK || (row_.locked && out_.memory[0].store))
      out_.serial = std::max(out_.serial, kLocked);
    out_.find_reads_and_writes();
    return out_;
  }

 private:
  const CostRow& find_row(const CostTable& table) {
    for (unsigned i = 0; i < x_.op_count; ++i) kinds_.push_back(kind_of(x_.operands[i]));
    // Capstone prints prefixes in front, and comparisons with their condition.
    std::string name = insn_.mnemonic;
    for (const char* prefix : {"lock ", "bnd ", "repne ", "repe ", "repz ", "repnz "})
      if (name.starts_with(prefix)) {
        const bool repeat = prefix[0] == 'r';
        name.erase(0, std::strlen(prefix));
        if (repeat) name = "rep " + name;
      }
    const CostRow& row = table.find(name, kinds_);
    if (row.known || name.find("cmp") == std::string::npos) return row;
    for (const char* suffix : {"ss", "sd", "ps", "pd"})
      if (name.ends_with(suffix)) return table.find(std::string("cmp") + suffix, kinds_);
    return row;
  }

  OperandKind kind_of(const cs_x86_op& op) const {
    switch (op.type) {
      case X86_OP_REG:
        return place_of(op.reg, op.size).kind;
      case X86_OP_IMM:
        return op.imm == 1 ? OperandKind::kOne : OperandKind::kImmediate;
      case X86_OP_MEM:
        return op.mem.base == X86_REG_INVALID && op.mem.index == X86_REG_INVALID
                   ? OperandKind::kMemoryDirect
                   : OperandKind::kMemory;
      default:
        return OperandKind::kNone;
    }
  }

  void add_operands() {
    const bool same = x_.op_count == 2 && x_.operands[0].type == X86_OP_REG &&
                      x_.operands[1].type == X86_OP_REG && x_.operands[0].reg == x_.operands[1].reg;
    const bool idiom = row_.zero_idiom && same;
    for (unsigned i = 0; i < x_.op_count; ++i) {
      const cs_x86_op& op = x_.operands[i];
      bool reads = (op.access & CS_AC_READ) != 0;
      bool writes = (op.access & CS_AC_WRITE) != 0;
      if (i == 0 && (row_.writes_first || row_.reads_first)) {
        reads = row_.reads_first;
        writes = row_.writes_first;
      }
      if (row_.both_written && op.type != X86_OP_IMM) reads = writes = true;
      if (insn_.id == X86_INS_CMPXCHG && i == 0) reads = writes = true;
      if (op.type == X86_OP_REG) {
        const std::uint8_t place = place_of(op.reg, op.size).place;
        const Centicycles latency = i == 0 ? row_.latency : row_.latency_second;
        if (reads && !idiom && place != kStackPointer) out_.add_source(place, op.size, latency);
        if (writes) out_.add_result(place, op.size);
      } else if (op.type == X86_OP_MEM) {
        add_memory(op, reads, writes);
      }
    }
  }

  void add_memory(const cs_x86_op& op, bool reads, bool writes) {
    const bool address_only =
        row_.no_load || insn_.id == X86_INS_LEA || has_group(insn_, X86_GRP_INVALID);
    const std::uint8_t base = place_of(op.mem.base, 8).place;
    const std::uint8_t index = place_of(op.mem.index, 8).place;
    if (insn_.id == X86_INS_LEA) {
      // Its result hangs on the registers of the address.
      const std::uint8_t width = bits_ == 64 ? 8 : 4;
      out_.add_source(base, width, row_.latency);
      out_.add_source(index, width, row_.latency);
    }
    if (address_only) return;
    if (!reads && !writes) reads = true;
    MemoryOperand& memory = out_.memory[memory_count_ < Instruction::kMemory ? memory_count_ : 1];
    ++memory_count_;
    out_.addressed = memory_count_ == 1;
    memory.load = reads;
    memory.store = writes;
    memory.vector = std::any_of(kinds_.begin(), kinds_.end(), [](OperandKind k) {
      return k == OperandKind::kXmm || k == OperandKind::kMmx;
    });
    memory.base = base;
    memory.index = index;
    memory.scale = static_cast<std::uint8_t>(op.mem.scale);
    memory.size = op.size;
    memory.segment = op.mem.segment == X86_REG_FS || op.mem.segment == X86_REG_GS
                         ? static_cast<std::uint8_t>(op.mem.segment)
                         : 0;
    memory.displacement = op.mem.disp;
  }

  void add_implicit() {
    const cs_detail& d = *insn_.detail;
    for (unsigned i = 0; i < d.regs_read_count; ++i) {
      const auto reg = static_cast<x86_reg>(d.regs_read[i]);
      const std::uint8_t place = place_of(reg, 8).place;
      if (place != kNowhere && place != kStackPointer && !is_string_pointer(place))
        out_.add_source(place, size_of(reg), row_.latency);
    }
    bool second = false;
    for (unsigned i = 0; i < d.regs_write_count; ++i) {
      const auto reg = static_cast<x86_reg>(d.regs_write[i]);
      const std::uint8_t place = place_of(reg, 8).place;
      if (place == kNowhere || place == kStackPointer || is_string_pointer(place)) continue;
      // The high half of a product is in EDX.
      second = place == 2;
      out_.add_result(place, size_of(reg), second);
    }
  }

  // The pointers of string instructions advance beside the access; they are ready a cycle later,
  // which no chain through the string's elements sees.
  bool is_string_pointer(std::uint8_t place) const {
    return (place == 6 || place == 7) && has_string_name();
  }
  bool has_string_name() const {
    return row_.rep_step != 0 || insn_.id == X86_INS_LODSB || insn_.id == X86_INS_STOSB ||
           (x_.op_count == 2 && x_.opcode[0] >= 0xa4 && x_.opcode[0] <= 0xaf && x_.opcode[1] == 0);
  }

  void add_stack() {
    unsigned size = 0;
    const int access = stack_access(insn_, bits_, size);
    if (access == 0) {
      if ((insn_.id == X86_INS_ADD || insn_.id == X86_INS_SUB) &&
          x_.operands[0].type == X86_OP_REG && x_.operands[1].type == X86_OP_IMM &&
          place_of(x_.operands[0].reg, 8).place == kStackPointer) {
        const std::int64_t by = insn_.id == X86_INS_ADD ? x_.operands[1].imm : -x_.operands[1].imm;
        out_.stack_after = static_cast<std::int16_t>(std::clamp<std::int64_t>(by, -32000, 32000));
        // Not a new value that addresses are to be told apart by.
        for (Instruction::Result& result : out_.results)
          if (result.place == kStackPointer) result.place = kNowhere;
      }
      return;
    }
    MemoryOperand& memory = out_.memory[memory_count_ < Instruction::kMemory ? memory_count_ : 1];
    ++memory_count_;
    memory.load = access < 0;
    memory.store = access > 0;
    memory.base = kStackPointer;
    memory.size = static_cast<std::uint8_t>(size);
    if (access > 0)
      out_.stack_before = static_cast<std::int16_t>(-static_cast<int>(size));
    else
      out_.stack_after = static_cast<std::int16_t>(size);
  }

  void add_flags() {
    if (row_.reads_flags) {
      out_.add_source(kCarry, 8, row_.latency);
      out_.add_source(kOtherFlags, 8, row_.latency);
    }
    if (insn_.id == X86_INS_LDMXCSR) out_.add_result(kMxcsr, 8);
    if (insn_.id == X86_INS_STMXCSR) out_.add_source(kMxcsr, 8, row_.latency);
    if (is_x87(insn_.mnemonic)) return;
    constexpr std::uint64_t kCarryWrites =
        X86_EFLAGS_MODIFY_CF | X86_EFLAGS_RESET_CF | X86_EFLAGS_SET_CF | X86_EFLAGS_UNDEFINED_CF;
    constexpr std::uint64_t kOtherWrites = X86_EFLAGS_MODIFY_ZF | X86_EFLAGS_MODIFY_SF |
                                           X86_EFLAGS_MODIFY_OF | X86_EFLAGS_RESET_OF |
                                           X86_EFLAGS_UNDEFINED_ZF;
    const bool any = std::any_of(insn_.detail->regs_write,
                                 insn_.detail->regs_write + insn_.detail->regs_write_count,
                                 [](std::uint16_t r) { return r == X86_REG_EFLAGS; });
    if ((x_.eflags & kCarryWrites) || (any && x_.eflags == 0)) out_.add_result(kCarry, 8);
    if ((x_.eflags & kOtherWrites) || (any && x_.eflags == 0)) out_.add_result(kOtherFlags, 8);
  }

  void add_resources() {
    unsigned uops = 0;
    for (const std::uint8_t count : row_.ports) uops += count;
    out_.loads = row_.load_uops;
    for (const MemoryOperand& memory : out_.memory) {
      out_.loads = static_cast<std::uint8_t>(out_.loads + memory.load);
      out_.stores = static_cast<std::uint8_t>(out_.stores + memory.store);
    }
    // A load is fused with the operation that uses it, a store's address with its data.
    const unsigned alone = out_.loads > 0 && uops == 0 ? out_.loads : 0;
    const unsigned slots = uops + alone + out_.stores;
    out_.slots = static_cast<std::uint8_t>(std::clamp(slots, 1u, 255u));
  }

  void find_fusion() {
    out_.conditional = is_condition(insn_.id, out_.signed_condition);
    const bool memory_and_immediate =
        x_.op_count == 2 && x_.operands[0].type == X86_OP_MEM && x_.operands[1].type == X86_OP_IMM;
    out_.compares = (insn_.id == X86_INS_CMP || insn_.id == X86_INS_TEST) && !memory_and_immediate;
    // Intel optimisation manual, 2.4.2.2 and 3.4.2.3: a prefix that changes the length of an
    // immediate. ModRM makes F6/F7 have one for TEST only.
    const bool operand_size = x_.prefix[2] == X86_PREFIX_OPSIZE;
    const bool wide_immediate = x_.encoding.imm_size == (bits_ == 16 ? 4 : 2);
    out_.length_changing_prefix = operand_size && x_.encoding.imm_offset != 0 && wide_immediate &&
                                  !has_group(insn_, CS_GRP_JUMP);
  }

  const cs_insn& insn_;
  const cs_x86& x_;
  unsigned bits_;
  std::vector<OperandKind> kinds_;
  const CostRow& row_;
  unsigned memory_count_ = 0;
  Instruction out_;
};

}  // namespace

Instruction analysed_instruction(const cs_insn& insn, const CostTable& table, unsigned bits) {
  return Analysis(insn, table, bits).make();
}

}  // namespace mint
