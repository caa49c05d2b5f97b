// Where sectors are, and how long the heads and platters of DiskMechanics take to get to them.

#include <algorithm>

#include "devices/disk_mechanics.hpp"

namespace mint {
namespace {

using Wide = unsigned __int128;

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

// The largest r with r * r <= n (Newton's method, from above).
std::uint64_t square_root(Wide n) {
  if (n == 0) return 0;
  Wide r = Wide{1} << 64;
  for (;;) {
    const Wide next = (r + n / r) / 2;
    if (next >= r) return static_cast<std::uint64_t>(r);
    r = next;
  }
}

// A generator for one number: Steele, Lea and Flood's SplitMix64.
std::uint64_t scramble(std::uint64_t seed) {
  std::uint64_t z = seed + 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

}  // namespace

std::vector<DiskZone> DiskParameters::default_zones() {
  std::vector<DiskZone> zones;
  for (std::uint32_t i = 0; i < 16; ++i) zones.push_back({17'680, 2304 - 77 * i});
  return zones;
}

DiskMechanics::DiskMechanics(const DiskParameters& parameters, Hertz core_clock, std::uint64_t seed)
    : parameters_(parameters), clock_(core_clock), turn_(60 * core_clock.count), capacity_(0) {
  // A model without zones, heads or rotation would divide by zero below.
  parameters_.rpm = std::max(parameters_.rpm, 1u);
  parameters_.heads = std::max(parameters_.heads, 1u);
  parameters_.bus_bytes_per_second = std::max<std::uint64_t>(parameters_.bus_bytes_per_second, 1);
  parameters_.read_segments = std::clamp<std::uint32_t>(parameters_.read_segments, 1, kMaxSegments);
  std::erase_if(parameters_.zones,
                [](const DiskZone& z) { return z.cylinders == 0 || z.sectors_per_track == 0; });
  if (parameters_.zones.empty()) parameters_.zones = DiskParameters::default_zones();
  for (const DiskZone& zone : parameters_.zones)
    capacity_ += std::uint64_t{zone.cylinders} * parameters_.heads * zone.sectors_per_track;
  start_angle_ = scramble(seed) % turn_;
}

Cycles DiskMechanics::cycles_of_ns(std::uint64_t ns) const {
  return {static_cast<std::uint64_t>(Wide{ns} * clock_.count / kNsPerSecond)};
}

std::uint64_t DiskMechanics::clamp(std::uint64_t lba) const { return std::min(lba, capacity_ - 1); }

DiskMechanics::Place DiskMechanics::locate(std::uint64_t lba) const {
  std::uint64_t left = clamp(lba);
  std::uint64_t cylinder = 0;
  for (const DiskZone& zone : parameters_.zones) {
    const std::uint64_t spt = zone.sectors_per_track;
    const std::uint64_t per_cylinder = spt * parameters_.heads;
    if (left < per_cylinder * zone.cylinders)
      return {cylinder + left / per_cylinder, left % per_cylinder / spt, left % spt, spt};
    left -= per_cylinder * zone.cylinders;
    cylinder += zone.cylinders;
  }
  return {};  // not reached: the zones hold `capacity_` sectors
}

std::uint64_t DiskMechanics::angle(Cycles at) const {
  return static_cast<std::uint64_t>((Wide{at.count} * parameters_.rpm + start_angle_) % turn_);
}

std::uint64_t DiskMechanics::angle_of(const Place& place) const {
  const Wide skew_ns =
      (Wide{place.cylinder} * (parameters_.heads - 1) + place.head) * parameters_.track_skew_ns +
      Wide{place.cylinder} * parameters_.cylinder_skew_ns;
  const Wide skew = skew_ns * clock_.count / kNsPerSecond * parameters_.rpm;
  const Wide within = Wide{place.sector} * turn_ / place.sectors_per_track;
  return static_cast<std::uint64_t>((skew + within) % turn_);
}

Cycles DiskMechanics::cycles_of_angle(Wide units) const {
  return {static_cast<std::uint64_t>((units + parameters_.rpm - 1) / parameters_.rpm)};
}

Cycles DiskMechanics::seek_time(std::uint64_t cylinders) const {
  if (cylinders == 0) return {};
  const std::uint64_t curved = std::min(cylinders, parameters_.seek_boundary);
  const Wide root = Wide{parameters_.seek_root_ns} * parameters_.seek_root_ns * curved;
  std::uint64_t ns = parameters_.seek_base_ns + square_root(root);
  if (cylinders > curved)
    ns += static_cast<std::uint64_t>(Wide{cylinders - curved} * parameters_.seek_linear_ps / 1000);
  return cycles_of_ns(ns);
}

// From track to track: a head switch or a seek, whichever takes longer, and settling for a write.
Cycles DiskMechanics::switch_time(const Place& from, const Place& to, bool write) const {
  const std::uint64_t distance =
      from.cylinder > to.cylinder ? from.cylinder - to.cylinder : to.cylinder - from.cylinder;
  if (distance == 0 && from.head == to.head) return {};
  Cycles time = seek_time(distance);
  if (from.head != to.head) time = std::max(time, cycles_of_ns(parameters_.head_switch_ns));
  if (write)
    time += cycles_of_ns(distance <= 1 ? parameters_.write_switch_ns : parameters_.write_settle_ns);
  return time;
}

DiskMechanics::Position DiskMechanics::position(const Place& from, const Place& to, Cycles at,
                                                bool write) const {
  Position result;
  result.seek = switch_time(from, to, write);
  const std::uint64_t now = angle(at + result.seek);
  const std::uint64_t target = angle_of(to);
  result.rotation = cycles_of_angle(target >= now ? target - now : turn_ - now + target);
  return result;
}

Cycles DiskMechanics::next_sector(std::uint64_t lba, Cycles at, bool write) const {
  const Place to = locate(lba);
  if (to.sector != 0 || lba == 0 || lba >= capacity_) return at;
  const Position there = position(locate(lba - 1), to, at, write);
  return at + there.seek + there.rotation;
}

Cycles DiskMechanics::stream_end(std::uint64_t lba, std::uint64_t sectors, Cycles start,
                                 bool write) const {
  Cycles at = start;
  while (sectors > 0 && lba < capacity_) {
    const Place place = locate(lba);
    const std::uint64_t here = std::min(sectors, place.sectors_per_track - place.sector);
    at += cycles_of_angle(Wide{here} * turn_ / place.sectors_per_track);
    sectors -= here;
    lba += here;
    if (sectors > 0) at = next_sector(lba, at, write);
  }
  return at;
}

std::uint64_t DiskMechanics::streamed(std::uint64_t lba, std::uint64_t sectors, Cycles start,
                                      Cycles now) const {
  Cycles at = start;
  std::uint64_t done = 0;
  while (done < sectors && at < now) {
    if (lba + done >= capacity_) return sectors;
    const Place place = locate(lba + done);
    const std::uint64_t here = std::min(sectors - done, place.sectors_per_track - place.sector);
    const Cycles all = cycles_of_angle(Wide{here} * turn_ / place.sectors_per_track);
    if (at + all > now) {
      const Wide passed = Wide{(now - at).count} * parameters_.rpm;
      const Wide whole = passed * place.sectors_per_track / turn_;
      return done + std::min(here, static_cast<std::uint64_t>(whole));
    }
    done += here;
    at = next_sector(lba + done, at + all, false);
  }
  return done;
}

}  // namespace mint
