// A machine profile: everything about the emulated board that a scenario may choose. Profiles live
// in scenarios/machines/NAME.toml; a scenario names one in [machine] and may override any key
// there. Each struct is one table of the file, each member one key of the same name.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "emu/base/types.hpp"

namespace mint {

// What A0000h-FFFFFh is (docs/board.md).
enum class LegacyHole : std::uint8_t {
  kPc,   // video memory and ROM, as on a PC: purgatory slots of cores 1-16 are usable
  kRam,  // RAM: the slots up to core 27 are usable, as the thesis's arithmetic has it
};

// [machine.delays]: how long what leaves a core takes, in core cycles.
struct DelayProfile {
  Cycles message{1000};  // an interrupt message: IPI, I/O APIC or MSI to LAPIC
  Cycles port{2800};     // an access to a port on the LPC bus (about 1 us)
  Cycles pci{560};       // an access to PCI configuration or a PCI device's registers
  Cycles io_apic{560};   // an access to the I/O APIC's registers
  Cycles lapic{30};      // an access to the core's own LAPIC
  Cycles slice{1000};    // how far a core may run ahead of the others; see the profile's comment
};

// [machine.serial]: the four 16550s, COM1 first.
struct SerialProfile {
  bool baud_timing = false;                    // true: a character takes its time on the wire
  std::array<unsigned, 4> irqs{4, 3, 10, 11};  // the jumpers of the serial card
};

// One line of [machine.post]: a wait of the firmware, by the name it has in the ROM's table.
struct PostWait {
  std::string name;
  std::uint32_t milliseconds = 0;
};

// One zone of a disk: tracks of the same number of sectors. Zones go from the outer edge inwards.
struct DiskZone {
  unsigned tracks_percent = 100;      // share of the disk's cylinders
  unsigned sectors_per_track = 2000;  // of 512 bytes
};

// [machine.disk]: mechanics of every hard disk, after Ruemmler and Wilkes (IEEE Computer 27(3),
// 1994).
struct DiskProfile {
  std::string model = "ST3500418AS";  // what IDENTIFY DEVICE says
  unsigned rpm = 7200;
  unsigned heads = 2;
  unsigned spin_up_ms = 8500;          // power-on to ready
  unsigned command_overhead_us = 100;  // controller time per command
  unsigned head_switch_us = 800;       // to the other surface, settling included
  unsigned seek_track_us = 1000;       // seek to the next cylinder
  unsigned seek_average_us = 8500;     // seek over a third of the cylinders
  unsigned seek_full_us = 18000;       // seek over all cylinders
  unsigned write_settle_us = 200;      // what a seek before a write takes longer
  unsigned cylinders = 226000;
  std::vector<DiskZone> zones;  // at least one; the shares add up to 100
  unsigned cache_kb = 16384;
  unsigned cache_segments = 32;  // read streams that the cache can follow
  unsigned read_ahead_kb = 512;  // read on after a miss, while nothing else is asked for
  unsigned bus_kb_per_ms = 300;  // SATA 3 Gbit/s after 8b/10b: 300 KB/ms
  bool write_cache = true;
};

// [machine.seed]: what a run's seed decides. With everything off, --seed changes nothing.
struct SeedProfile {
  bool disk_angle = true;        // rotation angle of each disk at power-on
  Cycles core_start_skew{2000};  // each core leaves reset or SIPI up to so much later
};

struct MachineProfile {
  std::string name;
  std::string description;
  std::string file;                      // where it was read from
  Hertz core_clock{2'800'000'000};       // the TSC's rate, too
  Hertz bus_clock{133'333'333};          // BCLK: the LAPIC timer's clock
  unsigned cores = 4;                    // 1-64
  std::uint64_t memory = 2048ULL << 20;  // bytes of RAM
  LegacyHole hole = LegacyHole::kPc;
  DelayProfile delays;
  SerialProfile serial;
  std::vector<PostWait> post;
  DiskProfile disk;
  SeedProfile seed;
};

}  // namespace mint
