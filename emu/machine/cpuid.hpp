// CPUID of a Core i7 860 with hyper-threading off (InstLatx64 dump 00106E5), less what this machine
// does not have: VMX, MONITOR, performance counters, debug store, thermal and power management.
#pragma once

#include <cstdint>

#include "emu/base/types.hpp"

namespace mint {

struct CpuidContext {
  ApicId initial_id;
  unsigned cores = 1;        // in the package
  bool apic_enabled = true;  // IA32_APIC_BASE bit 11
};

// `out` gets EAX, EBX, ECX, EDX.
void read_cpuid(const CpuidContext& context, std::uint32_t leaf, std::uint32_t subleaf,
                std::uint32_t out[4]);

}  // namespace mint
