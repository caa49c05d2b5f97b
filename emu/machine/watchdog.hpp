// Says where each core is, for a run that hangs: its state and mode, its symbolised address, the
// code there, and what it waits for.
#pragma once

#include <functional>
#include <string>

#include "emu/machine/machine.hpp"

namespace mint {

using Symboliser = std::function<std::string(const Core& core, std::uint64_t pc)>;

// A few lines per core that has ever run; cores that wait for a SIPI share one line.
std::string describe_cores(Machine& machine, const Symboliser& symbolise);
// "real mode", "32-bit protected mode with paging", "64-bit mode", ...
std::string describe_mode(const mint_registers& registers);

}  // namespace mint
