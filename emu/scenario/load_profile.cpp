#include "emu/scenario/load_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string_view>
#include <utility>

namespace mint {

namespace {

constexpr std::size_t kWaitNameLength = 28;           // in the ROM's table, docs/board.md
constexpr std::uint64_t kSecond = 1'000'000'000'000;  // cycles: no delay is longer

void read_delays(TomlTable table, DelayProfile& delays) {
  table.get("message", delays.message, 1, kSecond);
  table.get("port", delays.port, 1, kSecond);
  table.get("pci", delays.pci, 1, kSecond);
  table.get("io_apic", delays.io_apic, 1, kSecond);
  table.get("lapic", delays.lapic, 1, kSecond);
  table.get("shared", delays.shared, 1, kSecond);
  table.get("halt_wake", delays.halt_wake, 0, kSecond);
  if (!table.get("slice", delays.slice, 1, kSecond) && table.has("message")) {
    delays.slice = delays.message;
  }
  table.done();
}

void read_cache(TomlTable table, std::string_view name, CacheParameters::Level& level) {
  CacheParameters::Level read = level;
  table.get_size("size", read.size);
  table.get("ways", read.ways, 1, 64);
  table.get("latency", read.latency, 1, 10'000);
  const std::uint64_t way = read.ways * kLineBytes;
  if (read.size < way || read.size > (1ULL << 30) || read.size % way != 0 ||
      !std::has_single_bit(read.size / way)) {
    table.problem(table.has("size") ? "size" : "ways",
                  fmt::format("'machine.caches.{}': {} bytes in {} ways of {}-byte lines are no "
                              "whole power of two of sets",
                              name, read.size, read.ways, kLineBytes),
                  "choose size and ways so that size / (ways * 64) is a power of two");
  } else {
    level = read;
  }
  table.done();
}

void read_tlb(TomlTable table, std::string_view name, CacheParameters::Tlb& tlb) {
  CacheParameters::Tlb read = tlb;
  table.get("entries", read.entries, 1, 65'536);
  table.get("ways", read.ways, 1, 64);
  if (read.entries % read.ways != 0 || !std::has_single_bit(read.entries / read.ways)) {
    table.problem(
        table.has("entries") ? "entries" : "ways",
        fmt::format("'machine.caches.{}': {} entries in {} ways are no whole power of two "
                    "of sets",
                    name, read.entries, read.ways),
        "choose entries and ways so that entries / ways is a power of two");
  } else {
    tlb = read;
  }
  table.done();
}

void read_caches(TomlTable table, CacheParameters& caches) {
  read_cache(table.table("l1i"), "l1i", caches.l1i);
  read_cache(table.table("l1d"), "l1d", caches.l1d);
  read_cache(table.table("l2"), "l2", caches.l2);
  read_cache(table.table("l3"), "l3", caches.l3);
  read_tlb(table.table("dtlb"), "dtlb", caches.dtlb);
  read_tlb(table.table("itlb"), "itlb", caches.itlb);
  read_tlb(table.table("stlb"), "stlb", caches.stlb);
  table.get("stlb_latency", caches.stlb_latency, 0, 10'000);
  table.get("walk", caches.walk, 0, 10'000);
  table.get("memory_row_hit", caches.memory_row_hit, 1, 1'000'000);
  table.get("memory_row_miss", caches.memory_row_miss, 1, 1'000'000);
  table.get("memory_line", caches.memory_line, 1, 256);
  table.get("l3_line", caches.l3_line, 1, 256);
  table.get("mispredicted", caches.mispredicted, 0, 10'000);
  table.get("aliased", caches.aliased, 0, 10'000);
  table.get("partial_forwarding", caches.partial_forwarding, 0, 10'000);
  table.get("self_modified", caches.self_modified, 0, 10'000);
  const std::pair<const char*, unsigned> inner[] = {
      {"l1i", caches.l1i.latency}, {"l1d", caches.l1d.latency}, {"l2", caches.l2.latency}};
  for (const auto& [name, latency] : inner) {
    if (latency < (std::string_view(name) == "l2" ? caches.l1d.latency : 0) ||
        latency > caches.l3.latency || latency > caches.memory_row_hit)
      table.problem(name, fmt::format("'machine.caches.{}.latency' is {}", name, latency),
                    "give each level a latency between those of its neighbours");
  }
  table.done();
}

void read_serial(TomlTable table, SerialProfile& serial) {
  table.get("baud_timing", serial.baud_timing);
  std::vector<unsigned> irqs;
  if (table.get_numbers("irqs", irqs, 3, 15)) {
    if (irqs.size() == serial.irqs.size()) {
      std::copy(irqs.begin(), irqs.end(), serial.irqs.begin());
    } else {
      table.problem("irqs", fmt::format("'machine.serial.irqs' has {} entries", irqs.size()),
                    "give four: COM1, COM2, COM3, COM4");
    }
  }
  table.done();
}

void read_post(TomlTable table, std::vector<PostWait>& post, bool new_waits) {
  if (new_waits) {
    for (const std::string& name : table.keys()) {
      if (name.size() > kWaitNameLength) {
        table.problem(
            name,
            fmt::format("the wait's name '{}' is longer than {} characters", name, kWaitNameLength),
            "shorten it here and in the firmware");
      }
      post.push_back({name, 0});
    }
  }
  for (PostWait& wait : post) table.get(wait.name, wait.milliseconds, 0, 600'000);
  table.done();
}

void read_disk(TomlTable table, DiskProfile& disk) {
  constexpr std::uint64_t kTenSecondsNs = 10'000'000'000;
  table.get("model", disk.model);
  table.get("firmware", disk.firmware);
  table.get("capacity_sectors", disk.capacity_sectors, 2048, 1ULL << 40);
  table.get("rpm", disk.rpm, 1000, 20'000);
  table.get("heads", disk.heads, 1, 32);
  table.get("seek_base_ns", disk.seek_base_ns, 0, kTenSecondsNs);
  table.get("seek_root_ns", disk.seek_root_ns, 0, kTenSecondsNs);
  table.get("seek_boundary", disk.seek_boundary, 1, 100'000'000);
  table.get("seek_linear_ps", disk.seek_linear_ps, 0, kTenSecondsNs);
  table.get("write_settle_ns", disk.write_settle_ns, 0, kTenSecondsNs);
  table.get("write_switch_ns", disk.write_switch_ns, 0, kTenSecondsNs);
  table.get("head_switch_ns", disk.head_switch_ns, 0, kTenSecondsNs);
  table.get("track_skew_ns", disk.track_skew_ns, 0, kTenSecondsNs);
  table.get("cylinder_skew_ns", disk.cylinder_skew_ns, 0, kTenSecondsNs);
  table.get("read_overhead_ns", disk.read_overhead_ns, 0, kTenSecondsNs);
  table.get("write_overhead_ns", disk.write_overhead_ns, 0, kTenSecondsNs);
  table.get("other_overhead_ns", disk.other_overhead_ns, 0, kTenSecondsNs);
  table.get("bus_bytes_per_second", disk.bus_bytes_per_second, 1'000'000, 10'000'000'000);
  table.get("read_segments", disk.read_segments, 1, 64);
  table.get("segment_sectors", disk.segment_sectors, 1, 1U << 20);
  table.get("read_ahead_sectors", disk.read_ahead_sectors, 0, 1U << 20);
  table.get("write_buffer_sectors", disk.write_buffer_sectors, 0, 1U << 20);
  table.get("spin_up_ns", disk.spin_up_ns, 0, 6 * kTenSecondsNs);
  if (table.has("zones")) disk.zones.clear();
  for (TomlTable& zone : table.tables("zones")) {
    DiskZoneProfile& out = disk.zones.emplace_back();
    const bool both = zone.get("cylinders", out.cylinders, 1, 100'000'000) &
                      zone.get("sectors_per_track", out.sectors_per_track, 17, 100'000);
    if (!both && !(zone.has("cylinders") && zone.has("sectors_per_track"))) {
      zone.problem("", "a zone needs 'cylinders' and 'sectors_per_track'", "add what is missing");
    }
    zone.done();
  }
  table.done();
}

void read_nic(TomlTable table, NicProfile& nic) {
  constexpr std::uint64_t kMillisecondNs = 1'000'000;
  constexpr std::uint64_t kMinuteNs = 60'000'000'000;
  table.get("link_bits_per_second", nic.link_bits_per_second, 1'000'000, 100'000'000'000);
  table.get("negotiation_ns", nic.negotiation_ns, 0, kMinuteNs);
  table.get("switch_ns", nic.switch_ns, 0, kMillisecondNs);
  table.get("burst_ns", nic.burst_ns, 0, kMillisecondNs);
  table.get("bus_bytes_per_second", nic.bus_bytes_per_second, 1'000'000, 10'000'000'000);
  table.get("mdio_ns", nic.mdio_ns, 0, kMillisecondNs);
  table.get("eeprom_read_ns", nic.eeprom_read_ns, 0, kMillisecondNs);
  table.done();
}

void read_seed(TomlTable table, SeedProfile& seed) {
  table.get("disk_angle", seed.disk_angle);
  table.get("core_start_skew", seed.core_start_skew, 0, kSecond);
  table.done();
}

}  // namespace

void read_machine(TomlTable& table, MachineProfile& profile, bool new_waits) {
  constexpr std::string_view kHoles[] = {"pc", "ram"};
  table.get("core_clock_hz", profile.core_clock, 1'000'000, 10'000'000'000);
  table.get("bus_clock_hz", profile.bus_clock, 1'000'000, 10'000'000'000);
  table.get("cores", profile.cores, 1, 64);
  if (table.get_size("memory", profile.memory)) {
    constexpr std::uint64_t kMin = 2ULL << 20;
    constexpr std::uint64_t kMax = 32ULL << 30;  // MAXPHYADDR is 36
    if (profile.memory < kMin || profile.memory > kMax || profile.memory % (1U << 20) != 0) {
      table.problem("memory", fmt::format("'machine.memory' is {} bytes", profile.memory),
                    "give a whole number of megabytes from 2M to 32G");
    }
  }
  unsigned hole = static_cast<unsigned>(profile.hole);
  table.get_choice("hole", hole, kHoles);
  profile.hole = static_cast<LegacyHole>(hole);
  unsigned level = static_cast<unsigned>(profile.timing);
  table.get_choice("timing", level, kTimingLevels);
  profile.timing = static_cast<TimingLevel>(level);
  read_caches(table.table("caches"), profile.caches);
  read_delays(table.table("delays"), profile.delays);
  read_serial(table.table("serial"), profile.serial);
  read_post(table.table("post"), profile.post, new_waits);
  read_disk(table.table("disk"), profile.disk);
  read_nic(table.table("nic"), profile.nic);
  read_seed(table.table("seed"), profile.seed);
}

}  // namespace mint
