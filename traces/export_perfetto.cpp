#include "traces/export_perfetto.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "traces/event_kinds.hpp"
#include "traces/leb128.hpp"

namespace mint {
namespace {

// A protobuf message: fields of wire types 0 (varint), 1 (64 bits) and 2 (bytes).
class Message {
 public:
  Message& number(unsigned field, std::uint64_t value) {
    put_number(bytes_, std::uint64_t{field} << 3);
    put_number(bytes_, value);
    return *this;
  }
  Message& fixed(unsigned field, std::uint64_t value) {
    put_number(bytes_, std::uint64_t{field} << 3 | 1);
    for (unsigned i = 0; i < 8; ++i) bytes_ += static_cast<char>(value >> 8 * i);
    return *this;
  }
  Message& text(unsigned field, std::string_view value) {
    put_number(bytes_, std::uint64_t{field} << 3 | 2);
    put_number(bytes_, value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(unsigned field, const Message& value) { return text(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Field numbers of Perfetto's protos/perfetto/trace: trace.proto, trace_packet.proto,
// track_event/track_descriptor.proto, track_event/track_event.proto,
// track_event/debug_annotation.proto.
namespace trace {
constexpr unsigned kPacket = 1;
}
namespace packet {
constexpr unsigned kTimestamp = 8;
constexpr unsigned kTrustedPacketSequenceId = 10;
constexpr unsigned kTrackEvent = 11;
constexpr unsigned kSequenceFlags = 13;
constexpr unsigned kTrackDescriptor = 60;
constexpr std::uint64_t kIncrementalStateCleared = 1;
}  // namespace packet
namespace descriptor {
constexpr unsigned kUuid = 1;
constexpr unsigned kName = 2;
constexpr unsigned kParentUuid = 5;
constexpr unsigned kChildOrdering = 11;
constexpr unsigned kSiblingOrderRank = 12;
constexpr std::uint64_t kExplicit = 3;
}  // namespace descriptor
namespace track_event {
constexpr unsigned kDebugAnnotations = 4;
constexpr unsigned kType = 9;
constexpr unsigned kTrackUuid = 11;
constexpr unsigned kCategories = 22;
constexpr unsigned kName = 23;
constexpr unsigned kFlowIds = 47;
constexpr unsigned kTerminatingFlowIds = 48;
constexpr std::uint64_t kSliceBegin = 1;
constexpr std::uint64_t kSliceEnd = 2;
constexpr std::uint64_t kInstant = 3;
}  // namespace track_event
namespace annotation {
constexpr unsigned kUintValue = 3;
constexpr unsigned kName = 10;
}  // namespace annotation

constexpr std::uint64_t kRoot = 1;
constexpr std::uint64_t kOsTracks = 1'000;
constexpr std::uint64_t kCoreTracks = 2'000;
constexpr std::uint64_t kPointTracks = 3'000;
constexpr std::uint64_t kLockTracks = 4'000;
constexpr std::uint64_t kDiskTracks = 5'000;
constexpr std::uint64_t kConsoleTracks = 6'000;
constexpr std::uint64_t kBoard = 7'000;

class Writer {
 public:
  Writer(const StoredRun& run, const Timeline& timeline) : run_(run), timeline_(timeline) {}

  std::string write() {
    track(kRoot, fmt::format("{} (run {}, seed {})", run_.scenario, run_.id, run_.seed), 0);
    stages();
    interrupts();
    points();
    locks();
    disks();
    consoles();
    // In the order of time: slices of a track must nest.
    std::stable_sort(events_.begin(), events_.end(), [](const Event& a, const Event& b) {
      return a.at != b.at ? a.at < b.at : a.order < b.order;
    });
    for (const Event& e : events_) {
      Message packet;
      packet.number(packet::kTimestamp, e.at)
          .number(packet::kTrustedPacketSequenceId, 1)
          .message(packet::kTrackEvent, e.body);
      add(packet);
    }
    return std::move(out_);
  }

 private:
  struct Event {
    std::uint64_t at;
    int order;  // of equal times: ends before beginnings
    Message body;
  };

  void add(const Message& packet) {
    Message field;
    field.message(trace::kPacket, packet);
    out_ += field.bytes();
  }

  void track(std::uint64_t uuid, const std::string& name, std::uint64_t parent) {
    Message body;
    body.number(descriptor::kUuid, uuid).text(descriptor::kName, name);
    if (parent != 0) body.number(descriptor::kParentUuid, parent);
    body.number(descriptor::kChildOrdering, descriptor::kExplicit)
        .number(descriptor::kSiblingOrderRank, rank_++);
    Message packet;
    packet.number(packet::kTrustedPacketSequenceId, 1).message(packet::kTrackDescriptor, body);
    if (rank_ == 1) packet.number(packet::kSequenceFlags, packet::kIncrementalStateCleared);
    add(packet);
  }

  static Message event(std::uint64_t type, std::uint64_t track, const char* category,
                       std::string_view name) {
    Message body;
    body.number(track_event::kType, type).number(track_event::kTrackUuid, track);
    if (type != track_event::kSliceEnd)
      body.text(track_event::kCategories, category).text(track_event::kName, name);
    return body;
  }

  static void annotate(Message& body, std::string_view name, std::uint64_t value) {
    Message note;
    note.text(annotation::kName, name).number(annotation::kUintValue, value);
    body.message(track_event::kDebugAnnotations, note);
  }

  void slice(std::uint64_t track, std::uint64_t begin, std::uint64_t end, Message body) {
    events_.push_back({begin, 1, std::move(body)});
    // A slice without length would end before it begins.
    events_.push_back({std::max(end, begin + 1), 0, event(track_event::kSliceEnd, track, "", "")});
  }
  void slice(std::uint64_t track, std::uint64_t begin, std::uint64_t end, const char* category,
             std::string_view name) {
    slice(track, begin, end, event(track_event::kSliceBegin, track, category, name));
  }

  void stages() {
    for (const StoredOs& os : run_.os) track(kOsTracks + os.number, os.name + ": stages", kRoot);
    for (const Timeline::Stage& s : timeline_.stages) {
      // Stages of other systems on the leader's core belong to these.
      slice(kOsTracks + s.os, s.begin, s.end.value_or(timeline_.end), "stage",
            trace_stage_name(s.stage));
    }
  }

  void core_track(std::uint64_t base, unsigned core, const char* what) {
    const std::uint64_t uuid = base + core;
    if (std::find(known_.begin(), known_.end(), uuid) != known_.end()) return;
    known_.push_back(uuid);
    track(uuid, fmt::format("core {}: {}", core, what), kRoot);
  }

  void interrupts() {
    for (const Timeline::Interrupt& i : timeline_.interrupts) {
      core_track(kCoreTracks, i.core, "interrupts");
      Message body = event(track_event::kSliceBegin, kCoreTracks + i.core, "interrupt",
                           fmt::format("interrupt {:02x}h", i.vector));
      if (i.message) body.fixed(track_event::kTerminatingFlowIds, *i.message + 1);
      slice(kCoreTracks + i.core, i.begin, i.end.value_or(i.begin + 1), std::move(body));
    }
    track(kBoard, "interrupt messages of devices", kRoot);
    for (std::size_t n = 0; n < timeline_.messages.size(); ++n) {
      const Timeline::Message& m = timeline_.messages[n];
      std::uint64_t uuid = kBoard;
      if (m.from >= 0) {
        core_track(kPointTracks, static_cast<unsigned>(m.from), "events");
        uuid = kPointTracks + static_cast<std::uint64_t>(m.from);
      }
      Message body =
          event(track_event::kInstant, uuid, "message",
                fmt::format("{} {:02x}h from {}", delivery_mode_name(m.mode), m.vector, m.origin));
      body.fixed(track_event::kFlowIds, n + 1);
      annotate(body, "to", m.to);
      events_.push_back({m.sent, 2, std::move(body)});
      // Startup IPIs and INITs are not taken as interrupts: the arrow ends where they arrive.
      constexpr unsigned kInit = 5;
      if (m.mode < kInit) continue;
      for (unsigned core = 0; core < 64; ++core) {
        if ((m.to >> core & 1) == 0) continue;
        core_track(kPointTracks, core, "events");
        Message arrival = event(track_event::kInstant, kPointTracks + core, "message",
                                fmt::format("{} arrives", delivery_mode_name(m.mode)));
        arrival.fixed(track_event::kTerminatingFlowIds, n + 1);
        events_.push_back({m.arrived, 2, std::move(arrival)});
      }
    }
  }

  void points() {
    for (const Timeline::Point& p : timeline_.points) {
      std::uint64_t uuid = kBoard;
      if (p.core >= 0) {
        core_track(kPointTracks, static_cast<unsigned>(p.core), "events");
        uuid = kPointTracks + static_cast<std::uint64_t>(p.core);
      }
      const std::string kind(kind_name(p.kind));
      events_.push_back({p.at, 2, event(track_event::kInstant, uuid, kind.c_str(), p.text)});
    }
  }

  void locks() {
    for (const Timeline::Lock& l : timeline_.locks) {
      core_track(kLockTracks, l.core, "lock");
      const std::uint64_t uuid = kLockTracks + l.core;
      if (l.waits) slice(uuid, *l.waits, l.taken.value_or(timeline_.end), "lock", "waits");
      if (l.taken) slice(uuid, *l.taken, l.released.value_or(timeline_.end), "lock", "holds");
    }
  }

  void disks() {
    static constexpr const char* kParts[] = {"wait",     "overhead", "seek",
                                             "rotation", "transfer", "bus"};
    for (const Timeline::Disk& d : timeline_.disks) {
      const std::uint64_t uuid = kDiskTracks + d.disk;
      if (std::find(known_.begin(), known_.end(), uuid) == known_.end()) {
        known_.push_back(uuid);
        track(uuid, fmt::format("disk {}", d.disk), kRoot);
      }
      // The disk serves one command at a time; it may have been queued before.
      std::uint64_t busy = 0;
      for (const std::uint64_t part : d.parts) busy += part;
      const std::uint64_t begin = std::max(d.received, d.finished - std::min(busy, d.finished));
      Message body = event(track_event::kSliceBegin, uuid, "disk",
                           fmt::format("{} {}", ata_command_name(d.command), d.lba));
      annotate(body, "lba", d.lba);
      annotate(body, "sectors", d.sectors);
      annotate(body, "received_ns", d.received);
      slice(uuid, begin, d.finished, std::move(body));
      std::uint64_t at = begin;
      for (std::size_t i = 0; i < d.parts.size(); ++i) {
        if (d.parts[i] == 0) continue;
        const std::uint64_t end = std::min(at + d.parts[i], d.finished);
        if (end > at) slice(uuid, at, end, "disk", kParts[i]);
        at = end;
      }
    }
  }

  void consoles() {
    for (const Timeline::Line& l : timeline_.lines) {
      const std::uint64_t uuid = kConsoleTracks + l.os;
      if (std::find(known_.begin(), known_.end(), uuid) == known_.end()) {
        known_.push_back(uuid);
        const std::string name = run_.os_name(static_cast<std::uint8_t>(l.os));
        track(uuid, (name.empty() ? "serial" : name) + ": console", kRoot);
      }
      events_.push_back({l.at, 2, event(track_event::kInstant, uuid, "console", l.text)});
    }
  }

  const StoredRun& run_;
  const Timeline& timeline_;
  std::string out_;
  std::uint64_t rank_ = 0;
  std::vector<Event> events_;
  std::vector<std::uint64_t> known_;
};

}  // namespace

std::string perfetto_trace(const StoredRun& run, const Timeline& timeline) {
  return Writer(run, timeline).write();
}

}  // namespace mint
