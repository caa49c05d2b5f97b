// The board's facts that decide which resources of OSes collide (docs/board.md).
#pragma once

#include "emu/scenario/scenario.hpp"

namespace mint {

inline constexpr std::uint64_t kPurgatorySlot = 0x9000;  // bytes per core
inline constexpr std::uint64_t kMegabyte = 1ULL << 20;
inline constexpr std::uint64_t kPciHole = 0xC000'0000;  // where RAM below 4 GB ends at the latest
inline constexpr unsigned kFirstDiskDevice = 4;         // AHCI controllers from 00:04.0 upwards
inline constexpr unsigned kFirstNicDevice = 8;          // NICs from 00:08.0 upwards
inline constexpr unsigned kIntaPins = 8;                // 16-23
inline constexpr unsigned kUartPorts[] = {0x3F8, 0x2F8, 0x3E8, 0x2E8};

// Where purgatory is when all cores begin at one place (purgatory/mint-slot.h).
inline constexpr std::uint64_t kOnePurgatory = 0x9000;
// The state word of the OS whose boot core is n is at this address + 4n (guest/README.md).
inline constexpr std::uint64_t kStateWords = 0x1100;

// The purgatory slot of a core.
MemoryRange purgatory_slot(ApicId core);
// Where purgatory of a follower that boots on `core` is placed.
MemoryRange purgatory_place(const Scenario& scenario, ApicId core);
// The highest core whose slot is RAM: 16 with hole "pc", 27 with "ram".
unsigned last_boot_core(LegacyHole hole);

// Where the firmware keeps the MP table and its own data: the last bytes of RAM below
// 4 GB, reserved in the e820 map (docs/board.md).
inline constexpr std::uint64_t kFirmwareTables = 64ULL << 10;
// The I/O APIC pin of a PCI device's INTA#.
unsigned inta_pin(PciAddress function);
// RAM below the PCI window ends here.
std::uint64_t low_ram_end(const MachineProfile& machine);
// The rest of RAM, from 4 GB on, ends here; 4 GB when there is none.
std::uint64_t high_ram_end(const MachineProfile& machine);
inline constexpr std::uint64_t kHighRam = 1ULL << 32;

}  // namespace mint
