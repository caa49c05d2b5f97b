#include "emu/machine/shared_poll.hpp"

#include <capstone/capstone.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "emu/timing/capstone_tables.hpp"

namespace mint {
namespace {

constexpr unsigned kTurns = 4;                // before a loop is looked at
constexpr std::uint64_t kLongestTurn = 2000;  // cycles
constexpr std::uint64_t kMostInstructions = 16;
constexpr std::uint64_t kReach = 64;  // bytes of code on each side
constexpr std::uint64_t kInterruptFlag = 1U << 9;
constexpr std::uint64_t kLma = 1U << 10;
constexpr std::uint32_t kLong = 1U << 21;
constexpr std::uint32_t kDefault32 = 1U << 22;

struct Disassembly {
  Disassembly(std::span<const std::uint8_t> code, std::uint64_t address, bool wide) {
    prepare_capstone();
    if (cs_open(CS_ARCH_X86, wide ? CS_MODE_64 : CS_MODE_32, &handle) != CS_ERR_OK) return;
    cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
    count = cs_disasm(handle, code.data(), code.size(), address, 0, &list);
  }
  ~Disassembly() {
    if (count != 0) cs_free(list, count);
    if (handle != 0) cs_close(&handle);
  }
  Disassembly(const Disassembly&) = delete;
  Disassembly& operator=(const Disassembly&) = delete;

  csh handle = 0;
  cs_insn* list = nullptr;
  std::size_t count = 0;
};

bool is_locked(const cs_insn& i) {
  return i.detail->x86.prefix[0] == X86_PREFIX_LOCK || i.id == X86_INS_XCHG;
}

// Instructions that only compare and move to registers: a turn of them cannot count.
bool is_plain(const cs_insn& i) {
  switch (i.id) {
    case X86_INS_PAUSE:
    case X86_INS_NOP:
    case X86_INS_MOV:
    case X86_INS_MOVZX:
    case X86_INS_CMP:
    case X86_INS_TEST:
      break;
    default:
      return false;
  }
  const cs_x86& x86 = i.detail->x86;
  // The first operand is what is written, CMP and TEST write none.
  const bool writes = i.id != X86_INS_CMP && i.id != X86_INS_TEST && i.id != X86_INS_NOP;
  return !writes || x86.op_count == 0 || x86.operands[0].type == X86_OP_REG;
}

bool is_back_jump(const cs_insn& i) {
  return (i.id == X86_INS_JNE || i.id == X86_INS_JE) && i.detail->x86.op_count == 1 &&
         i.detail->x86.operands[0].type == X86_OP_IMM;
}

bool is_wide(const mint_registers& r) {
  return (r.efer & kLma) != 0 && (r.segment[1].attributes & kLong) != 0;
}

}  // namespace

bool is_polling_loop(std::span<const std::uint8_t> before, std::span<const std::uint8_t> code,
                     std::uint64_t block, bool wide, std::uint64_t instructions) {
  const Disassembly rest(code, block, wide);
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < rest.count; ++i) {
    if (!is_back_jump(rest.list[i])) continue;
    begin = static_cast<std::uint64_t>(rest.list[i].detail->x86.operands[0].imm);
    end = rest.list[i].address + rest.list[i].size;
    break;
  }
  if (end == 0 || begin > block || block - begin > before.size()) return false;
  std::vector<std::uint8_t> body(before.end() - static_cast<std::ptrdiff_t>(block - begin),
                                 before.end());
  body.insert(body.end(), code.begin(), code.begin() + static_cast<std::ptrdiff_t>(end - block));
  const Disassembly loop(body, begin, wide);
  if (loop.count != instructions || loop.count < 2) return false;
  unsigned locked = 0;
  for (std::size_t i = 0; i + 1 < loop.count; ++i) {
    if (is_locked(loop.list[i]))
      ++locked;
    else if (!is_plain(loop.list[i]))
      return false;
  }
  const cs_insn& last = loop.list[loop.count - 1];
  return locked == 1 && is_back_jump(last) && last.address + last.size == end;
}

void SharedPoll::looked(const Cpu& cpu, Cycles at, PhysAddr word, unsigned size,
                        std::uint64_t value) {
  const std::uint64_t instructions = cpu.instructions();
  const std::uint64_t block = cpu.calling_block().value_or(0);
  const bool again = loop_.word == word && loop_.size == size && loop_.value == value &&
                     block_ == block && turns_ != 0;
  const Cycles period = at - last_;
  const bool same =
      again && period == loop_.period && instructions - last_instructions_ == loop_.instructions;
  if (block_ != block) refused_ = false;
  loop_ = {word, size, value, again ? period : Cycles{0},
           again ? instructions - last_instructions_ : 0};
  last_ = at;
  last_instructions_ = instructions;
  block_ = block;
  turns_ = same ? std::min(turns_ + 1, kTurns) : 1;
}

std::optional<SharedPoll::Loop> SharedPoll::proven(const Cpu& cpu, Cycles at, PhysAddr word,
                                                   unsigned size, std::uint64_t value,
                                                   const CodeReader& code) {
  if (turns_ < kTurns || refused_ || loop_.word != word || loop_.size != size ||
      loop_.value != value || at - last_ != loop_.period || loop_.period.count > kLongestTurn ||
      loop_.instructions > kMostInstructions ||
      cpu.instructions() - last_instructions_ != loop_.instructions ||
      cpu.calling_block().value_or(0) != block_)
    return std::nullopt;
  const mint_registers r = cpu.registers();
  if ((r.rflags & kInterruptFlag) != 0) return std::nullopt;
  // A loop that is no such loop, or counts: it is not looked at a second time.
  if (!std::equal(registers_.begin(), registers_.end(), r.general)) {
    std::copy(std::begin(r.general), std::end(r.general), registers_.begin());
    return std::nullopt;
  }
  const bool wide = is_wide(r);
  const bool flat = wide || (r.segment[1].attributes & kDefault32) != 0;
  const auto before = code(block_ - kReach, kReach);
  refused_ = !flat || before.size() != kReach ||
             !is_polling_loop(before, code(block_, kReach), block_, wide, loop_.instructions);
  if (refused_) return std::nullopt;
  return loop_;
}

}  // namespace mint
