#include "emu/timing/instruction_x87.hpp"

#include <algorithm>
#include <iterator>

namespace mint {
namespace {

template <std::size_t N>
bool is_one_of(std::string_view name, const std::string_view (&names)[N]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

constexpr std::string_view kPushes[] = {"fld",    "fld1",   "fldz",   "fldpi", "fldl2e",
                                        "fldl2t", "fldlg2", "fldln2", "fild",  "fbld"};
constexpr std::string_view kStores[] = {"fst", "fstp", "fist", "fistp", "fisttp", "fbstp"};
constexpr std::string_view kCompares[] = {
    "fcom",   "fcomp",   "fcompp", "fucom",   "fucomp", "fucompp", "fcomi", "fcomip",
    "fucomi", "fucomip", "fcompi", "fucompi", "ftst",   "fxam",    "ficom", "ficomp"};
constexpr std::string_view kIntoNext[] = {"fpatan", "fyl2x", "fyl2xp1"};
constexpr std::string_view kTwoOnTop[] = {"fprem", "fprem1", "fscale"};
constexpr std::string_view kTwoResults[] = {"fptan", "fsincos", "fxtract"};
constexpr std::string_view kNoData[] = {"fnop",   "fninit",  "finit",    "fnclex",    "fclex",
                                        "fnstsw", "fnstcw",  "fldcw",    "fnstenv",   "fldenv",
                                        "fnsave", "frstor",  "ffree",    "ffreep",    "fwait",
                                        "fxsave", "fxrstor", "fxsave64", "fxrstor64", "femms"};

}  // namespace

bool is_x87(std::string_view name) {
  return name.starts_with('f') && name != "femms" && !name.starts_with("fxsave") &&
         !name.starts_with("fxrstor");
}

void describe_x87(const cs_insn& insn, const CostRow& row, Instruction& out) {
  const std::string_view name = insn.mnemonic;
  const cs_x86& x = insn.detail->x86;
  for (MemoryOperand& memory : out.memory) memory.vector = true;
  out.sources = {};
  out.results = {};
  if (row.reads_flags) {
    out.add_source(kCarry, 8, row.latency);
    out.add_source(kOtherFlags, 8, row.latency);
  }
  if (is_one_of(name, kNoData)) return;
  constexpr std::uint8_t kTop = kX87First;
  constexpr std::uint8_t kPushed = kX87First + 7;  // ST(0) once the stack has grown
  std::uint8_t operand = kNowhere;
  bool top_second = false;
  for (unsigned i = 0; i < x.op_count; ++i) {
    if (x.operands[i].type != X86_OP_REG) continue;
    const x86_reg reg = x.operands[i].reg;
    if (reg < X86_REG_ST0 || reg > X86_REG_ST7) continue;
    if (operand != kNowhere && operand != kTop) top_second = true;
    if (operand == kNowhere || operand == kTop)
      operand = static_cast<std::uint8_t>(kX87First + reg - X86_REG_ST0);
  }
  const bool pops = name.ends_with('p') && name != "fnop" && name != "fincstp" &&
                    name != "fdecstp" && !name.starts_with("fcmov");
  if (name == "fincstp") {
    out.x87_after = 1;
  } else if (name == "fdecstp") {
    out.x87_after = -1;
  } else if (name == "fxch") {
    const std::uint8_t other = operand == kNowhere ? kTop + 1 : operand;
    // FXCH ST(0) leaves everything as it is.
    if (other != kTop) {
      out.exchanges = true;
      out.add_result(kTop, 8);
      out.add_result(other, 8);
    }
  } else if (is_one_of(name, kPushes)) {
    out.add_source(operand, 8, row.latency);
    out.add_result(kPushed, 8);
    out.x87_after = -1;
  } else if (is_one_of(name, kStores)) {
    out.add_source(kTop, 8, row.latency);
    out.add_result(operand, 8);
    out.x87_after = pops ? 1 : 0;
  } else if (is_one_of(name, kCompares)) {
    out.add_source(kTop, 8, row.latency);
    out.add_source(operand, 8, row.latency);
    if (name.find("mi") != std::string_view::npos || name.ends_with("pi") || name.ends_with("ip")) {
      out.add_result(kCarry, 8);
      out.add_result(kOtherFlags, 8);
    }
    out.x87_after = name.ends_with("pp") ? 2 : pops || name.ends_with("pi") ? 1 : 0;
  } else if (is_one_of(name, kIntoNext)) {
    out.add_source(kTop, 8, row.latency);
    out.add_source(kTop + 1, 8, row.latency);
    out.add_result(kTop + 1, 8);
    out.x87_after = 1;
  } else if (is_one_of(name, kTwoOnTop)) {
    out.add_source(kTop, 8, row.latency);
    out.add_source(kTop + 1, 8, row.latency);
    out.add_result(kTop, 8);
  } else if (is_one_of(name, kTwoResults)) {
    out.add_source(kTop, 8, row.latency);
    out.add_result(kTop, 8);
    out.add_result(kPushed, 8);
    out.x87_after = -1;
  } else {
    // Arithmetic: into the top, or into the operand when that is written first or popped to.
    out.add_source(kTop, 8, row.latency);
    out.add_source(operand, 8, row.latency);
    const bool to_operand = operand != kNowhere && (pops || top_second);
    out.add_result(to_operand ? operand : kTop, 8);
    out.x87_after = pops ? 1 : 0;
  }
}

}  // namespace mint
