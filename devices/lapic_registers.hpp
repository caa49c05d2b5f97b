// The registers of the local APIC as the SDM (vol. 3A, chapter 10) draws them.
#pragma once

#include <cstdint>

#include "devices/apic_message.hpp"
#include "devices/register_bits.hpp"

namespace mint {

// Offsets in the LAPIC's page (table 10-1).
enum class LapicRegister : std::uint16_t {
  kId = 0x020,
  kVersion = 0x030,
  kTaskPriority = 0x080,
  kArbitrationPriority = 0x090,  // not in this processor: reads 0
  kProcessorPriority = 0x0A0,
  kEoi = 0x0B0,
  kRemoteRead = 0x0C0,  // not in this processor: reads 0
  kLogicalDestination = 0x0D0,
  kDestinationFormat = 0x0E0,
  kSpuriousVector = 0x0F0,
  kInService = 0x100,         // to 170h
  kTriggerMode = 0x180,       // to 1F0h
  kInterruptRequest = 0x200,  // to 270h
  kErrorStatus = 0x280,
  kLvtCmci = 0x2F0,
  kIcrLow = 0x300,
  kIcrHigh = 0x310,
  kLvtTimer = 0x320,
  kLvtThermal = 0x330,
  kLvtPerformance = 0x340,
  kLvtLint0 = 0x350,
  kLvtLint1 = 0x360,
  kLvtError = 0x370,
  kInitialCount = 0x380,
  kCurrentCount = 0x390,
  kDivideConfiguration = 0x3E0,
};

// The entries of the local vector table.
enum class Lvt : std::uint8_t { kCmci, kTimer, kThermal, kPerformance, kLint0, kLint1, kError };
inline constexpr unsigned kLvtEntries = 7;

// Local APIC ID register (figure 10-6).
struct LapicIdRegister {
  std::uint32_t reserved_0 : 24 = 0;
  std::uint32_t id : 8 = 0;
};

// Local APIC version register (figure 10-7): that of Nehalem, 00060015h. Bit 24 (software may
// suppress the broadcast of EOIs) came with the processors that have an x2APIC.
struct LapicVersionRegister {
  std::uint32_t version : 8 = 0x15;
  std::uint32_t reserved_8 : 8 = 0;
  std::uint32_t max_lvt_entry : 8 = kLvtEntries - 1;
  std::uint32_t suppress_eoi_broadcast_supported : 1 = 0;
  std::uint32_t reserved_25 : 7 = 0;
};

// Entry of the local vector table (figure 10-8). Which of the fields an entry has is in
// lvt_fields().
struct LvtEntry {
  std::uint32_t vector : 8 = 0;
  std::uint32_t delivery_mode : 3 = 0;
  std::uint32_t reserved_11 : 1 = 0;
  std::uint32_t delivery_status : 1 = 0;
  std::uint32_t active_low : 1 = 0;
  std::uint32_t remote_irr : 1 = 0;
  std::uint32_t level_triggered : 1 = 0;
  std::uint32_t masked : 1 = 1;
  std::uint32_t periodic : 1 = 0;
  std::uint32_t reserved_18 : 14 = 0;

  DeliveryMode mode() const { return static_cast<DeliveryMode>(delivery_mode); }
};

// All ones in the fields that software can write in an entry.
inline LvtEntry lvt_fields(Lvt which) {
  LvtEntry fields{.vector = 0xFF, .masked = 1};
  const bool pin = which == Lvt::kLint0 || which == Lvt::kLint1;
  if (which != Lvt::kTimer && which != Lvt::kError) fields.delivery_mode = 7;
  if (pin) fields.active_low = fields.level_triggered = 1;
  if (which == Lvt::kTimer) fields.periodic = 1;
  return fields;
}

// Spurious-interrupt vector register (figure 10-23).
struct SpuriousVectorRegister {
  std::uint32_t vector : 8 = 0xFF;
  std::uint32_t software_enabled : 1 = 0;
  std::uint32_t focus_checking_off : 1 = 0;  // can be written, has no effect since the Pentium 4
  std::uint32_t reserved_10 : 22 = 0;
};

// Logical destination register (figure 10-13).
struct LogicalDestinationRegister {
  std::uint32_t reserved_0 : 24 = 0;
  std::uint32_t logical_id : 8 = 0;
};

// Destination format register (figure 10-14): model 15 is flat, 0 is cluster.
struct DestinationFormatRegister {
  std::uint32_t reserved_0 : 28 = 0xFFFFFFF;
  std::uint32_t model : 4 = 0xF;

  static constexpr unsigned kFlat = 0xF;
  static constexpr unsigned kCluster = 0;
};

// Error status register (figure 10-9).
struct ErrorStatusRegister {
  std::uint32_t reserved_0 : 5 = 0;
  std::uint32_t send_illegal_vector : 1 = 0;
  std::uint32_t receive_illegal_vector : 1 = 0;
  std::uint32_t illegal_register_address : 1 = 0;
  std::uint32_t reserved_8 : 24 = 0;
};

// Interrupt command register, low word (figure 10-12).
struct IcrLowRegister {
  std::uint32_t vector : 8 = 0;
  std::uint32_t delivery_mode : 3 = 0;
  std::uint32_t logical : 1 = 0;
  std::uint32_t send_pending : 1 = 0;  // delivery status
  std::uint32_t reserved_13 : 1 = 0;
  std::uint32_t assert_level : 1 = 0;
  std::uint32_t level_triggered : 1 = 0;
  std::uint32_t reserved_16 : 2 = 0;
  std::uint32_t shorthand : 2 = 0;
  std::uint32_t reserved_20 : 12 = 0;
};

// Interrupt command register, high word.
struct IcrHighRegister {
  std::uint32_t reserved_0 : 24 = 0;
  std::uint32_t destination : 8 = 0;
};

// IA32_APIC_BASE, MSR 1Bh (figure 10-5), with MAXPHYADDR 36 and without x2APIC.
struct ApicBaseRegister {
  std::uint64_t reserved_0 : 8 = 0;
  std::uint64_t bsp : 1 = 0;
  std::uint64_t reserved_9 : 2 = 0;
  std::uint64_t enabled : 1 = 1;
  std::uint64_t page : 24 = 0xFEE00;
  std::uint64_t reserved_36 : 28 = 0;
};

}  // namespace mint
