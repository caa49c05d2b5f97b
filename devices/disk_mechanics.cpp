#include "devices/disk_mechanics.hpp"

#include <algorithm>
#include <cstring>

namespace mint {
namespace {

using Wide = unsigned __int128;

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
constexpr std::uint64_t kSectorSize = 512;

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

Cycles DiskMechanics::bus_time(std::uint64_t sectors) const {
  return {static_cast<std::uint64_t>(Wide{sectors} * kSectorSize * clock_.count /
                                     parameters_.bus_bytes_per_second)};
}

// --- Geometry and rotation

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

Cycles DiskMechanics::stream_end(std::uint64_t lba, std::uint64_t sectors, Cycles start,
                                 bool write) const {
  Cycles at = start;
  while (sectors > 0) {
    const Place place = locate(lba);
    const std::uint64_t here = std::min(sectors, place.sectors_per_track - place.sector);
    at += cycles_of_angle(Wide{here} * turn_ / place.sectors_per_track);
    sectors -= here;
    lba += here;
    if (sectors == 0) break;
    const Position next = position(place, locate(lba), at, write);
    at += next.seek + next.rotation;
  }
  return at;
}

std::uint64_t DiskMechanics::streamed(std::uint64_t lba, std::uint64_t sectors, Cycles start,
                                      Cycles now) const {
  Cycles at = start;
  std::uint64_t done = 0;
  while (done < sectors && at < now) {
    const Place place = locate(lba + done);
    const std::uint64_t here = std::min(sectors - done, place.sectors_per_track - place.sector);
    const Cycles all = cycles_of_angle(Wide{here} * turn_ / place.sectors_per_track);
    if (at + all > now) {
      const Wide passed = Wide{(now - at).count} * parameters_.rpm;
      const Wide whole = passed * place.sectors_per_track / turn_;
      return done + std::min(here, static_cast<std::uint64_t>(whole));
    }
    at += all;
    done += here;
    if (done == sectors) break;
    const Position next = position(place, locate(lba + done), at, false);
    at += next.seek + next.rotation;
  }
  return done;
}

// --- The heads' work

DiskTime DiskMechanics::to_surface(std::uint64_t lba, std::uint64_t sectors, Cycles start,
                                   bool write) {
  DiskTime time;
  const Cycles begin = std::max(start, heads_free_);
  time.wait = begin - start;
  const Position there = position(locate(at_lba_), locate(lba), begin, write);
  time.seek = there.seek;
  time.rotation = there.rotation;
  const Cycles on_sector = begin + there.seek + there.rotation;
  heads_free_ = stream_end(lba, sectors, on_sector, write);
  time.transfer = heads_free_ - on_sector;
  at_lba_ = clamp(lba + (sectors > 0 ? sectors - 1 : 0));
  return time;
}

void DiskMechanics::busy_until(Cycles at) { heads_free_ = std::max(heads_free_, at); }

// --- Read buffer

std::uint64_t DiskMechanics::held_until(const Segment& segment, Cycles at) const {
  if (reading_ == kNone || &segment != &segments_[reading_]) return segment.next;
  return segment.next + streamed(segment.next, segment.limit - segment.next, segment.since, at);
}

// Moves the point from which the running read-ahead is reckoned past the tracks it has finished, so
// that a long sequential read does not walk over all of them at each command.
void DiskMechanics::settle_read_ahead(Cycles at) {
  if (reading_ == kNone) return;
  Segment& segment = segments_[reading_];
  for (;;) {
    const Place place = locate(segment.next);
    const std::uint64_t here = place.sectors_per_track - place.sector;
    if (segment.next + here >= segment.limit) return;
    const Cycles end =
        segment.since + cycles_of_angle(Wide{here} * turn_ / place.sectors_per_track);
    const Position next = position(place, locate(segment.next + here), end, false);
    const Cycles since = end + next.seek + next.rotation;
    if (since > at) return;
    segment.next += here;
    segment.since = since;
  }
}

void DiskMechanics::stop_read_ahead(Cycles at) {
  if (reading_ == kNone) return;
  Segment& segment = segments_[reading_];
  segment.next = held_until(segment, at);
  segment.limit = segment.next;
  at_lba_ = clamp(segment.next > 0 ? segment.next - 1 : 0);
  reading_ = kNone;
}

// A command has used `segment` up to `end`: the window of read-ahead moves on.
void DiskMechanics::extend_read_ahead(Segment& segment, std::uint64_t end, Cycles at,
                                      bool read_ahead) {
  segment.used = ++uses_;
  if (!read_ahead || !write_buffer_.empty()) return;
  const std::uint64_t limit = std::min(end + parameters_.read_ahead_sectors, capacity_);
  const auto index = static_cast<std::uint32_t>(&segment - segments_.data());
  const bool running = reading_ == index && held_until(segment, at) < segment.limit;
  if (limit <= segment.limit) return;
  if (running) {
    segment.limit = limit;
  } else {
    // The window was full and the heads have passed on: they must come round to its end again.
    stop_read_ahead(at);
    const Cycles begin = std::max(at, heads_free_);
    const Position there = position(locate(at_lba_), locate(segment.next), begin, false);
    segment.since = begin + there.seek + there.rotation;
    segment.limit = limit;
    reading_ = index;
  }
  if (segment.limit - segment.first > parameters_.segment_sectors)
    segment.first = std::min(segment.limit - parameters_.segment_sectors, held_until(segment, at));
}

DiskMechanics::Segment& DiskMechanics::oldest_segment() {
  return *std::min_element(segments_.begin(), segments_.begin() + parameters_.read_segments,
                           [](const Segment& a, const Segment& b) { return a.used < b.used; });
}

// What is written makes the read buffer's copy worthless.
void DiskMechanics::forget(std::uint64_t lba, std::uint64_t sectors, Cycles at) {
  for (std::uint32_t i = 0; i < parameters_.read_segments; ++i) {
    Segment& segment = segments_[i];
    if (segment.used == 0 || lba >= segment.limit || lba + sectors <= segment.first) continue;
    if (reading_ == i) stop_read_ahead(at);
    segment = {};
  }
}

// --- Write buffer

void DiskMechanics::destage_one(Cycles at) {
  const Extent extent = write_buffer_.front();
  write_buffer_.erase(write_buffer_.begin());
  stop_read_ahead(at);
  to_surface(extent.lba, extent.sectors, at, true);
}

void DiskMechanics::destage_until(Cycles at) {
  while (!write_buffer_.empty()) {
    const Cycles begin = std::max(heads_free_, write_buffer_.front().ready);
    if (begin >= at) break;
    destage_one(begin);
  }
}

bool DiskMechanics::in_write_buffer(std::uint64_t lba, std::uint64_t sectors) const {
  return std::any_of(write_buffer_.begin(), write_buffer_.end(), [&](const Extent& e) {
    return lba >= e.lba && lba + sectors <= e.lba + e.sectors;
  });
}

// --- Commands

DiskTime DiskMechanics::read(std::uint64_t lba, std::uint32_t sectors, Cycles start,
                             bool read_ahead) {
  const Cycles overhead = cycles_of_ns(parameters_.read_overhead_ns);
  const Cycles at = start + overhead;
  const std::uint64_t end = lba + sectors;
  destage_until(at);
  settle_read_ahead(at);

  DiskTime time;
  time.overhead = overhead;
  if (in_write_buffer(lba, sectors)) {
    time.bus = bus_time(sectors);
    time.cache_hit = 1;
    return time;
  }
  for (std::uint32_t i = 0; i < parameters_.read_segments; ++i) {
    Segment& segment = segments_[i];
    if (segment.used == 0 || lba < segment.first) continue;
    const std::uint64_t held = held_until(segment, at);
    if (end <= held) {
      time.bus = bus_time(sectors);
      time.cache_hit = 1;
      extend_read_ahead(segment, end, at, read_ahead);
      return time;
    }
    if (reading_ == i && lba <= held && held < segment.limit) {
      const Cycles done = stream_end(segment.next, end - segment.next, segment.since, false);
      segment.limit = std::max(segment.limit, end);
      time.transfer = done - at;
      time.bus = bus_time(1);
      heads_free_ = std::max(heads_free_, done);
      extend_read_ahead(segment, end, done, read_ahead);
      return time;
    }
  }

  stop_read_ahead(at);
  time = to_surface(lba, sectors, at, false);
  time.overhead = overhead;
  time.bus = bus_time(1);
  Segment& segment = oldest_segment();
  segment = {lba, end, end, heads_free_, ++uses_};
  if (read_ahead && write_buffer_.empty()) {
    segment.limit = std::max(end, std::min(end + parameters_.read_ahead_sectors, capacity_));
    // Where read-ahead begins on another track, the way there comes first.
    if (segment.limit > end) {
      const Position there = position(locate(end - 1), locate(end), heads_free_, false);
      segment.since = heads_free_ + there.seek + there.rotation;
      reading_ = static_cast<std::uint32_t>(&segment - segments_.data());
    }
  }
  if (sectors > parameters_.segment_sectors) segment.first = end - parameters_.segment_sectors;
  return time;
}

DiskTime DiskMechanics::verify(std::uint64_t lba, std::uint32_t sectors, Cycles start) {
  const Cycles overhead = cycles_of_ns(parameters_.read_overhead_ns);
  const Cycles at = start + overhead;
  destage_until(at);
  stop_read_ahead(at);
  DiskTime time = to_surface(lba, sectors, at, false);
  time.overhead = overhead;
  return time;
}

DiskTime DiskMechanics::write(std::uint64_t lba, std::uint32_t sectors, Cycles start, bool cached) {
  const Cycles overhead = cycles_of_ns(parameters_.write_overhead_ns);
  const Cycles at = start + overhead;
  destage_until(at);
  forget(lba, sectors, at);

  DiskTime time;
  if (!cached || sectors > parameters_.write_buffer_sectors) {
    stop_read_ahead(at);
    time = to_surface(lba, sectors, at, true);
    time.overhead = overhead;
    // The link is faster than the surface and works while the heads move: only what it takes longer
    // than all of that shows.
    const Cycles hidden = time.seek + time.rotation + time.transfer;
    const Cycles bus = bus_time(sectors);
    if (bus > hidden) time.bus = bus - hidden;
    return time;
  }

  std::uint64_t buffered = 0;
  for (const Extent& extent : write_buffer_) buffered += extent.sectors;
  Cycles room_at = at;
  while (!write_buffer_.empty() && buffered + sectors > parameters_.write_buffer_sectors) {
    buffered -= write_buffer_.front().sectors;
    destage_one(std::max({room_at, heads_free_, write_buffer_.front().ready}));
    room_at = std::max(room_at, heads_free_);
  }
  time.overhead = overhead;
  time.wait = room_at - at;
  time.bus = bus_time(sectors);
  time.cache_hit = 1;
  const Cycles ready = room_at + time.bus;
  if (!write_buffer_.empty()) {
    Extent& last = write_buffer_.back();
    if (last.lba + last.sectors == lba && last.sectors + sectors <= parameters_.segment_sectors) {
      last.sectors += sectors;
      last.ready = ready;
      return time;
    }
  }
  write_buffer_.push_back({lba, sectors, ready});
  return time;
}

DiskTime DiskMechanics::flush(Cycles start) {
  DiskTime time = other();
  const Cycles at = start + time.overhead;
  destage_until(at);
  while (!write_buffer_.empty())
    destage_one(std::max({at, heads_free_, write_buffer_.front().ready}));
  if (heads_free_ > at) time.wait = heads_free_ - at;
  return time;
}

DiskTime DiskMechanics::other() const {
  DiskTime time;
  time.overhead = cycles_of_ns(parameters_.other_overhead_ns);
  return time;
}

Cycles DiskMechanics::positioning(std::uint64_t lba, std::uint32_t sectors, Cycles at,
                                  bool write) const {
  std::uint64_t from = at_lba_;
  if (!write && in_write_buffer(lba, sectors)) return {};
  for (std::uint32_t i = 0; i < parameters_.read_segments; ++i) {
    const Segment& segment = segments_[i];
    if (segment.used == 0) continue;
    const std::uint64_t held = held_until(segment, at);
    if (reading_ == i && held > 0) from = held - 1;
    if (write || lba < segment.first) continue;
    if (lba + sectors <= held) return {};
    if (reading_ == i && lba <= held && held < segment.limit) return {};
  }
  const Cycles begin = std::max(at, heads_free_);
  const Position there = position(locate(from), locate(lba), begin, write);
  return begin - at + there.seek + there.rotation;
}

void DiskMechanics::visit(StateVisitor& visitor) {
  visitor.field("at_lba", at_lba_);
  visitor.field("heads_free", heads_free_);
  visitor.field("segments", segments_);
  visitor.field("reading", reading_);
  visitor.field("uses", uses_);
  static_assert(std::has_unique_object_representations_v<Extent>);
  std::vector<std::uint8_t> extents(write_buffer_.size() * sizeof(Extent));
  if (!extents.empty()) std::memcpy(extents.data(), write_buffer_.data(), extents.size());
  visitor.blob("write_buffer", extents);
  write_buffer_.resize(extents.size() / sizeof(Extent));
  if (!write_buffer_.empty())
    std::memcpy(write_buffer_.data(), extents.data(), write_buffer_.size() * sizeof(Extent));
  if (reading_ >= parameters_.read_segments) reading_ = kNone;
}

}  // namespace mint
