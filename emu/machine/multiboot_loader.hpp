// Puts a multiboot program (Multiboot Specification 0.6.96) into memory as a boot loader would:
// segments, zeroed bss, modules, command lines, memory map and the information structure.
#pragma once

#include <string>

#include "emu/engine/cpu.hpp"
#include "emu/machine/physical_memory.hpp"
#include "emu/scenario/problem.hpp"
#include "emu/scenario/scenario.hpp"

namespace mint {

// The state in which core 0 enters the program (3.2). Throws std::runtime_error, with a message for
// the user, when a file cannot be read or does not fit into memory.
mint_registers load_multiboot(PhysicalMemory& memory, const BareMetal& bare_metal);

}  // namespace mint
