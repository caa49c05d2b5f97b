#include "emu/machine/msrs.hpp"

namespace mint {
namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};

// Kept by the engine: SYSENTER, syscall, FS/GS bases, EFER, PAT, MTRRs.
bool in_engine(std::uint32_t index) {
  switch (index) {
    case 0x0fe:  // IA32_MTRRCAP
    case 0x174:
    case 0x175:
    case 0x176:
    case 0x1a0:  // IA32_MISC_ENABLE
    case 0x277:  // IA32_PAT
    case 0x2ff:  // IA32_MTRR_DEF_TYPE
    case 0x250:
    case 0x258:
    case 0x259:
    case 0xc0000080:
    case 0xc0000081:
    case 0xc0000082:
    case 0xc0000083:
    case 0xc0000084:
    case 0xc0000100:
    case 0xc0000101:
    case 0xc0000102:
    case 0xc0000103:
      return true;
    default:
      return (index >= 0x200 && index < 0x210) || (index >= 0x268 && index < 0x270);
  }
}

bool read_only(std::uint32_t index) { return index == 0x0fe; }

bool valid_memory_type(std::uint64_t type) {
  return type == 0 || type == 1 || type == 4 || type == 5 || type == 6;
}

// SDM vol. 3A, 11.11 and 11.12.2: reserved bits and memory types raise #GP.
bool engine_value_faults(std::uint32_t index, std::uint64_t value) {
  constexpr std::uint64_t kBeyondPhysical = ~((std::uint64_t{1} << 36) - 1);
  if (index == 0x277) {
    for (unsigned i = 0; i < 8; ++i) {
      const std::uint64_t type = value >> (8 * i) & 0xff;
      if (!valid_memory_type(type) && type != 7) return true;
    }
    return false;
  }
  if (index == 0x2ff)
    return (value & ~std::uint64_t{0xcff}) != 0 || !valid_memory_type(value & 0xff);
  if (index >= 0x200 && index < 0x210) {
    if ((index & 1) == 0)
      return (value & (kBeyondPhysical | 0xf00)) != 0 || !valid_memory_type(value & 0xff);
    return (value & (kBeyondPhysical | 0x7ff)) != 0;
  }
  if (index == 0x250 || index == 0x258 || index == 0x259 || (index >= 0x268 && index < 0x270)) {
    for (unsigned i = 0; i < 8; ++i)
      if (!valid_memory_type(value >> (8 * i) & 0xff)) return true;
  }
  return false;
}

}  // namespace

MsrFile::MsrFile() { reset(); }

void MsrFile::reset() {
  tsc_offset_ = 0;
  registers_ = {
      {0x000, {0, 0}},                      // IA32_P5_MC_ADDR
      {0x001, {0, 0}},                      // IA32_P5_MC_TYPE
      {0x017, {0x0004000000000000, 0}},     // IA32_PLATFORM_ID
      {0x02c, {0, 0}},                      // EBC_FREQUENCY_ID of older families: reads 0
      {0x03a, {1, 0}},                      // IA32_FEATURE_CONTROL: locked, VMX off
      {0x079, {0, kAll}},                   // IA32_BIOS_UPDT_TRIG
      {0x08b, {0x0000000700000000, kAll}},  // IA32_BIOS_SIGN_ID
      {0x0ce, {0x0000000070001500, 0}},     // MSR_PLATFORM_INFO: ratio 21 of 133 MHz
      {0x0e2, {0x0000000000008400, 0x0000000007008407}},  // MSR_PKG_CST_CONFIG_CONTROL
      {0x179, {0x0000000000000009, 0}},                   // IA32_MCG_CAP: 9 banks
      {0x17a, {0, 7}},                                    // IA32_MCG_STATUS
      {0x198, {0x15, 0}},                                 // IA32_PERF_STATUS
      {0x199, {0x15, 0xffff}},                            // IA32_PERF_CTL
      {0x19a, {0, 0x1e}},                                 // IA32_CLOCK_MODULATION
      {0x19b, {0, 0x01ffff1f}},                           // IA32_THERM_INTERRUPT
      {0x19c, {0x88300000, 0x0a}},                        // IA32_THERM_STATUS
      {0x1a2, {0x00630000, 0}},                           // MSR_TEMPERATURE_TARGET
      {0x1d9, {0, 0x7fc3}},                               // IA32_DEBUGCTL
  };
  for (std::uint32_t bank = 0; bank < 9; ++bank) {
    registers_[0x400 + 4 * bank] = {0, kAll};  // IA32_MCi_CTL
    // IA32_MCi_STATUS, _ADDR, _MISC: ones raise #GP (SDM vol. 3A, 15.3.2.2 to 15.3.2.4).
    for (std::uint32_t i = 1; i < 4; ++i) registers_[0x400 + 4 * bank + i] = {0, 0};
  }
}

MsrAnswer MsrFile::read(std::uint32_t index, std::uint64_t& value) const {
  if (in_engine(index)) return MsrAnswer::kEngine;
  const auto found = registers_.find(index);
  if (found == registers_.end()) return MsrAnswer::kFault;
  value = found->second.value;
  return MsrAnswer::kDone;
}

MsrAnswer MsrFile::write(std::uint32_t index, std::uint64_t value) {
  if (in_engine(index)) {
    if (read_only(index) || engine_value_faults(index, value)) return MsrAnswer::kFault;
    return MsrAnswer::kEngine;
  }
  const auto found = registers_.find(index);
  if (found == registers_.end()) return MsrAnswer::kFault;
  Register& r = found->second;
  if (((value ^ r.value) & ~r.writable) != 0) return MsrAnswer::kFault;
  // The CPU's signature of the microcode is loaded by CPUID and cleared by software before it.
  if (index != 0x08b && index != 0x079) r.value = value;
  return MsrAnswer::kDone;
}

}  // namespace mint
