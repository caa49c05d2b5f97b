#include "devices/disk_mechanics.hpp"

#include <algorithm>
#include <cstring>

namespace mint {
namespace {

using Wide = unsigned __int128;

constexpr std::uint64_t kSectorSize = 512;

}  // namespace

Cycles DiskMechanics::bus_time(std::uint64_t sectors) const {
  return {static_cast<std::uint64_t>(Wide{sectors} * kSectorSize * clock_.count /
                                     parameters_.bus_bytes_per_second)};
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
    const Cycles since = next_sector(segment.next + here, end, false);
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
    if (segment.limit > end) {
      segment.since = next_sector(end, heads_free_, false);
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
