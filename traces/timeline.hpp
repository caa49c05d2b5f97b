// A run as one draws it: spans, points and arrows, made of its events once and shared by the
// report, the Perfetto export and the figures. Times in nanoseconds since power-on.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "traces/run_store.hpp"

namespace mint {

struct Timeline {
  struct Stage {
    unsigned os = 0;
    unsigned stage = 0;
    unsigned core = 0;
    std::uint64_t begin = 0;
    std::optional<std::uint64_t> end;
  };
  struct Lock {
    unsigned os = 0;
    unsigned core = 0;
    std::optional<std::uint64_t> waits;
    std::optional<std::uint64_t> taken;
    std::optional<std::uint64_t> released;
  };
  // From its being taken to its EOI. `message` is the one that raised it; none: the core's own
  // LAPIC did.
  struct Interrupt {
    unsigned core = 0;
    unsigned vector = 0;
    std::uint64_t begin = 0;
    std::optional<std::uint64_t> end;
    std::optional<std::size_t> message;
  };
  struct Message {
    std::uint64_t sent = 0;
    std::uint64_t arrived = 0;
    int from = -1;         // core; -1: a device
    std::uint64_t to = 0;  // a bit per core
    unsigned mode = 0;
    unsigned vector = 0;
    std::string origin;  // "core 0", "I/O APIC pin 4", "PCI function 00:04.0"
  };
  struct Disk {
    unsigned disk = 0;
    std::uint64_t received = 0;
    std::uint64_t finished = 0;
    unsigned command = 0;
    std::uint64_t lba = 0;
    std::uint64_t sectors = 0;
    std::array<std::uint64_t, 6> parts{};  // wait, overhead, seek, rotation, transfer, bus
    bool cache_hit = false;
    bool failed = false;
  };
  struct Line {
    unsigned os = 0;
    std::uint64_t at = 0;
    std::string text;
  };
  // Something that takes no time.
  struct Point {
    std::uint64_t at = 0;
    int core = -1;
    TraceKind kind = TraceKind::kPower;
    std::string text;
  };

  std::uint64_t end = 0;
  std::vector<Stage> stages;
  std::vector<Lock> locks;
  std::vector<Interrupt> interrupts;
  std::vector<Message> messages;
  std::vector<Disk> disks;
  std::vector<Line> lines;
  std::vector<Point> points;
};

Timeline read_timeline(RunStore& store, const StoredRun& run);

}  // namespace mint
