// How long a disk takes: the model of Ruemmler and Wilkes, "An introduction to disk drive
// modeling", IEEE Computer 27(3), 1994, for one command at a time.
//
//   time of a command = wait + overhead + seek + rotation + transfer + bus
//
// - seek: a + b*sqrt(d) up to a distance of `seek_boundary` cylinders (acceleration), c + e*d
// beyond
//   (coasting); c follows from the curve being continuous. Writes settle longer.
// - rotation: exact; the angle at time 0 comes from the seed.
// - zones with their own number of sectors per track; head and cylinder switches within a transfer,
//   hidden by track and cylinder skew. LBAs go through the heads of a cylinder, then to the next.
// - read-ahead: after a read the drive goes on reading into the segment until it has filled the
//   read-ahead window, or another command needs the heads. A command that lies in a segment is
//   served from there; one that starts in what the drive is reading now waits for the rest without
//   a seek. Any other command goes to the disk whole.
// - write cache with immediate reporting: the command ends when its data are in the buffer; the
//   writes go to the disk in the order they came, when nothing else needs the heads. A write in
//   progress is finished before a read. When the buffer is full, a write waits for room.
//
// All arithmetic is on integers: the same calls give the same times on every host.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "emu/base/state.hpp"
#include "emu/base/types.hpp"

namespace mint {

struct DiskZone {
  std::uint32_t cylinders;
  std::uint32_t sectors_per_track;
};

// A 500 GB, 7200 rpm Serial ATA disk of 2010: Seagate Barracuda 7200.12, ST3500418AS.
// "Published": the maker's figure, checked in the Constellation ES manual (100516232, 3.1 to 3.4),
// which has the same 500 GB platters. "Quoted": what its data sheet is quoted with, not checked
// against it. "Fitted": chosen so that the model gives those figures.
struct DiskParameters {
  std::string model = "ST3500418AS";
  std::string firmware = "CC38";
  std::uint64_t capacity_sectors = 976'773'168;  // published
  std::uint32_t rpm = 7200;                      // published
  std::uint32_t heads = 2;                       // quoted: one disc
  // Fitted: 16 zones of equal width, 2:1 from rim to hub. The outermost gives the quoted
  // sustained rate of 125 MB/s with the skews below; all hold the capacity at 1.2 inches of the
  // Constellation's 240,000 tracks per inch.
  std::vector<DiskZone> zones = default_zones();

  // Fitted to the quoted 8.5 ms average read seek and under 1.0 ms from track to track; the full
  // stroke comes out at 17 ms. The two parts meet without a kink.
  std::uint64_t seek_base_ns = 970'000;        // a
  std::uint64_t seek_root_ns = 25'765;         // b, per sqrt(cylinder)
  std::uint64_t seek_boundary = 90'000;        // cylinders
  std::uint64_t seek_linear_ps = 42'942;       // e, picoseconds per cylinder
  std::uint64_t write_settle_ns = 1'000'000;   // quoted: average write seek 9.5 ms
  std::uint64_t write_switch_ns = 200'000;     // quoted: track to track 1.2 ms for writes
  std::uint64_t head_switch_ns = 750'000;      // fitted: somewhat less than a seek of one track
  std::uint64_t track_skew_ns = 1'000'000;     // fitted: covers a head switch for a write
  std::uint64_t cylinder_skew_ns = 1'250'000;  // fitted: covers a seek of one track for a write

  // Fitted: typical of drives of that time with their controllers.
  std::uint64_t read_overhead_ns = 100'000;
  std::uint64_t write_overhead_ns = 100'000;
  std::uint64_t other_overhead_ns = 60'000;
  std::uint64_t bus_bytes_per_second = 300'000'000;  // published: 3 Gbit/s with 8b/10b coding

  // Quoted: a buffer of 16 MB. Fitted: its split.
  std::uint32_t read_segments = 16;
  std::uint32_t segment_sectors = 1024;
  std::uint32_t read_ahead_sectors = 512;
  std::uint32_t write_buffer_sectors = 16'384;

  std::uint64_t spin_up_ns =
      8'000'000'000;  // fitted: typical, below the 10 s maximum of the family

  static std::vector<DiskZone> default_zones();
};

// Where the time of one command went.
struct DiskTime {
  Cycles wait;      // for earlier writes on their way from the buffer to the disk
  Cycles overhead;  // of the drive's controller
  Cycles seek;      // including head switch and settling
  Cycles rotation;
  Cycles transfer;              // from or to the surface, with the switches on the way
  Cycles bus;                   // what of the transfer over the link the rest did not hide
  std::uint64_t cache_hit = 0;  // 1: a read served from the buffer, or a write reported at once

  Cycles total() const { return wait + overhead + seek + rotation + transfer + bus; }
};

class DiskMechanics {
 public:
  // `seed` sets the angle of the platters at time 0.
  DiskMechanics(const DiskParameters& parameters, Hertz core_clock, std::uint64_t seed);

  const DiskParameters& parameters() const { return parameters_; }
  Cycles cycles_of_ns(std::uint64_t ns) const;

  // Each moves the model on: `start` must not go back, and be no earlier than the end of the last
  // command. LBAs beyond the disk count as its last ones.
  DiskTime read(std::uint64_t lba, std::uint32_t sectors, Cycles start, bool read_ahead);
  DiskTime write(std::uint64_t lba, std::uint32_t sectors, Cycles start, bool cached);
  DiskTime verify(std::uint64_t lba, std::uint32_t sectors, Cycles start);
  DiskTime flush(Cycles start);
  // A command that needs neither heads nor data.
  DiskTime other() const;
  // The heads and platters are not available before `at`: spin-up.
  void busy_until(Cycles at);

  // How long after `at` the first sector could come: for choosing among queued commands.
  Cycles positioning(std::uint64_t lba, std::uint32_t sectors, Cycles at, bool write) const;

  // Duration of a seek over `cylinders` for a read, without settling for writes.
  Cycles seek_time(std::uint64_t cylinders) const;

  void visit(StateVisitor& visitor);

 private:
  struct Place {
    std::uint64_t cylinder;
    std::uint64_t head;
    std::uint64_t sector;
    std::uint64_t sectors_per_track;
  };
  struct Position {
    Cycles seek;
    Cycles rotation;
  };
  // What one segment of the read buffer holds: [first, next), and up to `limit` when the drive is
  // reading into it since `since`, when the heads were at `next`.
  struct Segment {
    std::uint64_t first = 0;
    std::uint64_t next = 0;
    std::uint64_t limit = 0;
    Cycles since;
    std::uint64_t used = 0;  // order of last use; 0: empty
  };
  struct Extent {
    std::uint64_t lba;
    std::uint64_t sectors;
    Cycles ready;
  };
  static constexpr std::size_t kMaxSegments = 64;
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  Place locate(std::uint64_t lba) const;
  std::uint64_t clamp(std::uint64_t lba) const;
  std::uint64_t angle(Cycles at) const;
  std::uint64_t angle_of(const Place& place) const;
  Cycles cycles_of_angle(unsigned __int128 units) const;
  Position position(const Place& from, const Place& to, Cycles at, bool write) const;
  Cycles switch_time(const Place& from, const Place& to, bool write) const;
  // When the heads, at `at` behind sector `lba` - 1, come to sector `lba`.
  Cycles next_sector(std::uint64_t lba, Cycles at, bool write) const;
  // When sectors [lba, lba + sectors) have passed, the heads being at `lba` at `start`.
  Cycles stream_end(std::uint64_t lba, std::uint64_t sectors, Cycles start, bool write) const;
  // How many of them have passed wholly by `now`.
  std::uint64_t streamed(std::uint64_t lba, std::uint64_t sectors, Cycles start, Cycles now) const;

  std::uint64_t held_until(const Segment& segment, Cycles at) const;
  void stop_read_ahead(Cycles at);
  void settle_read_ahead(Cycles at);
  void extend_read_ahead(Segment& segment, std::uint64_t end, Cycles at, bool read_ahead);
  Segment& oldest_segment();
  void forget(std::uint64_t lba, std::uint64_t sectors, Cycles at);
  void destage_until(Cycles at);
  void destage_one(Cycles at);
  bool in_write_buffer(std::uint64_t lba, std::uint64_t sectors) const;
  DiskTime to_surface(std::uint64_t lba, std::uint64_t sectors, Cycles start, bool write);
  Cycles bus_time(std::uint64_t sectors) const;

  DiskParameters parameters_;
  Hertz clock_;
  std::uint64_t turn_;  // units of angle in a revolution; `rpm` of them pass in a cycle
  std::uint64_t start_angle_;
  std::uint64_t capacity_;  // sectors that the zones hold

  std::uint64_t at_lba_ = 0;  // where the heads were left
  Cycles heads_free_;
  std::array<Segment, kMaxSegments> segments_{};
  std::uint32_t reading_ = kNone;  // the segment that read-ahead fills
  std::uint64_t uses_ = 0;
  std::vector<Extent> write_buffer_;
};

}  // namespace mint
