// A machine profile: everything about the emulated board that a scenario may choose. Profiles live
// in scenarios/machines/NAME.toml; a scenario names one in [machine] and may override any key
// there. Each struct is one table of the file, each member one key of the same name.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "emu/base/cache_parameters.hpp"
#include "emu/base/types.hpp"

namespace mint {

// What A0000h-FFFFFh is (docs/board.md).
enum class LegacyHole : std::uint8_t {
  kPc,   // video memory and ROM, as on a PC: purgatory slots of cores 1-16 are usable
  kRam,  // RAM: the slots up to core 27 are usable, as the thesis's arithmetic has it
};

// What the time inside a core is computed by (docs/timing.md).
enum class TimingLevel : std::uint8_t {
  kCount,  // one cycle per instruction
  kBlock,  // a model of Nehalem's front end, ports and latencies
  kCache,  // that, and caches, TLBs and branch prediction
};
inline constexpr std::array<std::string_view, 3> kTimingLevels = {"count", "block", "cache"};
constexpr std::string_view timing_name(TimingLevel level) {
  return kTimingLevels[static_cast<std::size_t>(level)];
}

// [machine.delays]: how long what leaves a core takes, in core cycles.
struct DelayProfile {
  Cycles message{1000};    // an interrupt message: IPI, I/O APIC or MSI to LAPIC
  Cycles port{2800};       // an access to a port on the LPC bus (about 1 us)
  Cycles pci{560};         // an access to PCI configuration or a PCI device's registers
  Cycles io_apic{560};     // an access to the I/O APIC's registers
  Cycles lapic{30};        // an access to the core's own LAPIC
  Cycles shared{80};       // an access to memory that OSes share
  Cycles halt_wake{8400};  // from an interrupt to a halted core to its delivery
  Cycles slice{1000};      // how far a core may run ahead of the others; see the profile's comment
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

// [[machine.disk.zones]]: tracks of the same number of sectors, from the outer edge inwards.
struct DiskZoneProfile {
  std::uint32_t cylinders = 0;
  std::uint32_t sectors_per_track = 0;
};

// [machine.disk]: every hard disk, by the model of Ruemmler and Wilkes (IEEE Computer 27(3), 1994).
// The members and their units are those of DiskParameters in devices/disk_mechanics.hpp.
struct DiskProfile {
  std::string model = "ST3500418AS";  // what IDENTIFY DEVICE says
  std::string firmware = "CC38";
  std::uint64_t capacity_sectors = 976'773'168;
  std::uint32_t rpm = 7200;
  std::uint32_t heads = 2;
  std::vector<DiskZoneProfile> zones;         // empty: those of the disk model
  std::uint64_t seek_base_ns = 970'000;       // a of a + b*sqrt(d), d in cylinders
  std::uint64_t seek_root_ns = 25'765;        // b
  std::uint64_t seek_boundary = 90'000;       // from this d on: c + e*d
  std::uint64_t seek_linear_ps = 42'942;      // e
  std::uint64_t write_settle_ns = 1'000'000;  // a seek before a write takes so much longer
  std::uint64_t write_switch_ns = 200'000;    // a switch of head or track before a write, too
  std::uint64_t head_switch_ns = 750'000;
  std::uint64_t track_skew_ns = 1'000'000;
  std::uint64_t cylinder_skew_ns = 1'250'000;
  std::uint64_t read_overhead_ns = 100'000;  // controller time per command
  std::uint64_t write_overhead_ns = 100'000;
  std::uint64_t other_overhead_ns = 60'000;
  std::uint64_t bus_bytes_per_second = 300'000'000;
  std::uint32_t read_segments = 16;  // streams that the cache can follow
  std::uint32_t segment_sectors = 1024;
  std::uint32_t read_ahead_sectors = 512;
  std::uint32_t write_buffer_sectors = 16'384;
  std::uint64_t spin_up_ns = 8'000'000'000;  // power-on to ready
};

// [machine.nic]: every NIC, an 82540EM, and the switch between them (devices/nic.hpp).
struct NicProfile {
  std::uint64_t link_bits_per_second = 1'000'000'000;
  std::uint64_t negotiation_ns = 2'000'000'000;  // reset of the PHY to link
  std::uint64_t switch_ns = 2'000;               // last bit in to first bit out
  std::uint64_t burst_ns = 240;                  // a burst on its PCI bus, before the data
  std::uint64_t bus_bytes_per_second = 133'333'333;
  std::uint64_t mdio_ns = 25'600;         // access to a register of the PHY
  std::uint64_t eeprom_read_ns = 25'000;  // a word by EERD
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
  TimingLevel timing = TimingLevel::kBlock;
  CacheParameters caches;
  DelayProfile delays;
  SerialProfile serial;
  std::vector<PostWait> post;
  DiskProfile disk;
  NicProfile nic;
  SeedProfile seed;
};

}  // namespace mint
