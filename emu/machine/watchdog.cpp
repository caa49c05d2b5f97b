#include "emu/machine/watchdog.hpp"

#include <capstone/capstone.h>
#include <fmt/format.h>

#include <vector>

namespace mint {
namespace {

constexpr std::uint32_t kLong = 1u << 21;
constexpr std::uint32_t kDefault32 = 1u << 22;
constexpr std::uint64_t kEferLma = 1u << 10;
constexpr std::uint64_t kVm = 1u << 17;

cs_mode disassembly_mode(const mint_registers& r) {
  const std::uint32_t cs = r.segment[1].attributes;
  if ((r.efer & kEferLma) != 0 && (cs & kLong) != 0) return CS_MODE_64;
  return (cs & kDefault32) != 0 ? CS_MODE_32 : CS_MODE_16;
}

std::vector<std::uint8_t> code_at(Machine& machine, Core& core, std::uint64_t pc) {
  std::vector<std::uint8_t> code;
  for (unsigned i = 0; i < 48; ++i) {
    const auto physical = core.cpu().translate(pc + i);
    if (!physical) break;
    const auto memory = machine.memory().at(*physical, 1);
    if (memory.empty()) break;
    code.push_back(memory[0]);
  }
  return code;
}

std::string disassemble(const mint_registers& r, const std::vector<std::uint8_t>& code,
                        std::uint64_t pc) {
  csh handle = 0;
  if (cs_open(CS_ARCH_X86, disassembly_mode(r), &handle) != CS_ERR_OK) return "";
  cs_insn* instructions = nullptr;
  const std::size_t count = cs_disasm(handle, code.data(), code.size(), pc, 4, &instructions);
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) text += "; ";
    text += instructions[i].mnemonic;
    if (instructions[i].op_str[0] != 0) text += fmt::format(" {}", instructions[i].op_str);
  }
  if (count != 0) cs_free(instructions, count);
  cs_close(&handle);
  return text;
}

}  // namespace

std::string describe_mode(const mint_registers& r) {
  if ((r.cr0 & 1) == 0) return "real mode";
  if ((r.rflags & kVm) != 0) return "virtual-8086 mode";
  const bool paging = (r.cr0 & 0x80000000) != 0;
  switch (disassembly_mode(r)) {
    case CS_MODE_64:
      return "64-bit mode";
    case CS_MODE_32:
      if ((r.efer & kEferLma) != 0) return "compatibility mode";
      return paging ? "32-bit protected mode with paging" : "32-bit protected mode";
    default:
      return "16-bit protected mode";
  }
}

std::string describe_cores(Machine& machine, const Symboliser& symbolise) {
  std::string text;
  unsigned waiting = 0;
  for (const auto& core : machine.cores()) {
    if (core->state() == Core::State::kWaitForSipi) {
      ++waiting;
      continue;
    }
    const mint_registers r = core->cpu().registers();
    const std::uint64_t pc = core->pc();
    text += fmt::format("core {}: {}, {} at {}, interrupts {}, cycle {}\n", core->id().value,
                        describe_mode(r), core->describe_state(), symbolise(*core, pc),
                        (r.rflags & 0x200) != 0 ? "on" : "off", core->cpu().now().count);
    const std::string code = disassemble(r, code_at(machine, *core, pc), pc);
    if (!code.empty()) text += fmt::format("        {}\n", code);
  }
  if (waiting != 0) text += fmt::format("{} more cores wait for a startup IPI\n", waiting);
  return text;
}

}  // namespace mint
