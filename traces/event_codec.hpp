// Events as bytes: about six per event before compression.
//
//   head    kind in bits 0-4; bit 5: same core and OS as the event before; bit 6: it has a text;
//           bit 7: the core's instruction count is that of its last event
//   core, OS                 a byte each, unless bit 5
//   time                     difference to the event before
//   instructions             difference to the core's last event, unless bit 7
//   arguments                as many as the kind has: differences to the last event of the kind
//   text                     length, bytes; if bit 6
//
// Numbers are LEB128; differences may be negative, and are zigzag-coded. A chunk is coded on its
// own, so that a trace can be read from any of its chunks on.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "traces/event_kinds.hpp"

namespace mint {

inline constexpr unsigned kMaxArguments = kDiskArguments;

// What both sides remember of the events before.
struct CodecState {
  std::uint64_t at = 0;
  std::uint8_t core = TraceEvent::kNone;
  std::uint8_t os = TraceEvent::kNone;
  std::array<std::uint64_t, 256> retired{};
  std::array<std::array<std::uint64_t, kMaxArguments>, kTraceKinds> arguments{};
};

class EventEncoder {
 public:
  void add(const TraceEvent& event);
  std::size_t events() const { return events_; }
  std::size_t size() const { return bytes_.size(); }
  Cycles first() const { return {first_}; }
  Cycles last() const { return {last_}; }
  // The chunk; the encoder begins the next one.
  std::string take();

 private:
  CodecState state_;
  std::string bytes_;
  std::size_t events_ = 0;
  std::uint64_t first_ = 0;
  std::uint64_t last_ = 0;
};

// An event that owns what it points to.
struct OwnedEvent {
  TraceEvent event;
  std::array<std::uint64_t, kMaxArguments> arguments{};
  std::string text;

  OwnedEvent() = default;
  explicit OwnedEvent(const TraceEvent& e);
  OwnedEvent(const OwnedEvent& other) : OwnedEvent(other.event) {}
  OwnedEvent& operator=(const OwnedEvent& other);
};

class EventDecoder {
 public:
  // `bytes` must outlive the decoder.
  explicit EventDecoder(std::string_view bytes) : bytes_(bytes) {}
  // The next event; it points into the decoder until the next call. Nothing at the end, or when the
  // bytes are damaged.
  const TraceEvent* next();
  bool damaged() const { return damaged_; }

 private:
  std::uint64_t number();
  std::uint64_t difference();

  CodecState state_;
  std::string_view bytes_;
  TraceEvent event_;
  bool damaged_ = false;
};

}  // namespace mint
