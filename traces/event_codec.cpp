#include "traces/event_codec.hpp"

#include <algorithm>

namespace mint {
namespace {

constexpr unsigned kKindBits = 0x1f;
constexpr unsigned kSameCore = 0x20;
constexpr unsigned kHasText = 0x40;
constexpr unsigned kSameRetired = 0x80;
static_assert(kTraceKinds <= kKindBits + 1);

char* put(char* to, std::uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

char* put_difference(char* to, std::uint64_t now, std::uint64_t before) {
  const auto d = static_cast<std::int64_t>(now - before);
  return put(to, static_cast<std::uint64_t>(d) << 1 ^ static_cast<std::uint64_t>(d >> 63));
}

}  // namespace

void EventEncoder::add(const TraceEvent& e) {
  // Head, core and OS, and ten bytes at most for each number.
  char buffer[3 + 10 * (2 + kMaxArguments + 1)];
  char* to = buffer + 1;
  unsigned head = static_cast<unsigned>(e.kind);
  if (e.core == state_.core && e.os == state_.os) {
    head |= kSameCore;
  } else {
    *to++ = static_cast<char>(state_.core = e.core);
    *to++ = static_cast<char>(state_.os = e.os);
  }
  to = put_difference(to, e.at.count, state_.at);
  state_.at = e.at.count;
  std::uint64_t& retired = state_.retired[e.core];
  if (retired == e.retired) {
    head |= kSameRetired;
  } else {
    to = put_difference(to, e.retired, retired);
    retired = e.retired;
  }
  auto& before = state_.arguments[static_cast<unsigned>(e.kind)];
  const std::size_t count = describe(e.kind).arguments.size();
  for (std::size_t i = 0; i < count; ++i) {
    to = put_difference(to, e.argument(i), before[i]);
    before[i] = e.argument(i);
  }
  if (!e.text.empty()) {
    head |= kHasText;
    to = put(to, e.text.size());
  }
  buffer[0] = static_cast<char>(head);
  bytes_.append(buffer, to);
  bytes_ += e.text;
  // An event can tell of an earlier time than the one before it: a stage known only afterwards.
  first_ = events_ == 0 ? e.at.count : std::min(first_, e.at.count);
  last_ = events_ == 0 ? e.at.count : std::max(last_, e.at.count);
  ++events_;
}

std::string EventEncoder::take() {
  std::string bytes = std::move(bytes_);
  *this = {};
  bytes_.reserve(bytes.size() + bytes.size() / 4);
  return bytes;
}

OwnedEvent::OwnedEvent(const TraceEvent& e) : event(e), text(e.text) {
  const std::size_t count = std::min(e.arguments.size(), arguments.size());
  std::copy_n(e.arguments.begin(), count, arguments.begin());
  event.arguments = {arguments.data(), count};
  event.text = text;
}

OwnedEvent& OwnedEvent::operator=(const OwnedEvent& other) {
  if (this == &other) return *this;
  event = other.event;
  arguments = other.arguments;
  text = other.text;
  event.arguments = {arguments.data(), other.event.arguments.size()};
  event.text = text;
  return *this;
}

std::uint64_t EventDecoder::number() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (bytes_.empty()) break;
    const auto byte = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  damaged_ = true;
  return 0;
}

std::uint64_t EventDecoder::difference() {
  const std::uint64_t value = number();
  return value >> 1 ^ (0 - (value & 1));
}

const TraceEvent* EventDecoder::next() {
  if (bytes_.empty() || damaged_) return nullptr;
  const auto head = static_cast<std::uint8_t>(bytes_.front());
  bytes_.remove_prefix(1);
  if ((head & kKindBits) >= kTraceKinds || ((head & kSameCore) == 0 && bytes_.size() < 2)) {
    damaged_ = true;
    return nullptr;
  }
  event_.kind = static_cast<TraceKind>(head & kKindBits);
  if ((head & kSameCore) == 0) {
    state_.core = static_cast<std::uint8_t>(bytes_[0]);
    state_.os = static_cast<std::uint8_t>(bytes_[1]);
    bytes_.remove_prefix(2);
  }
  event_.core = state_.core;
  event_.os = state_.os;
  state_.at += difference();
  event_.at = {state_.at};
  std::uint64_t& retired = state_.retired[state_.core];
  if ((head & kSameRetired) == 0) retired += difference();
  event_.retired = retired;
  auto& arguments = state_.arguments[head & kKindBits];
  const std::size_t count = describe(event_.kind).arguments.size();
  for (std::size_t i = 0; i < count; ++i) arguments[i] += difference();
  event_.arguments = {arguments.data(), count};
  event_.text = {};
  if ((head & kHasText) != 0) {
    const std::uint64_t size = number();
    if (size > bytes_.size()) {
      damaged_ = true;
      return nullptr;
    }
    event_.text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
  }
  return damaged_ ? nullptr : &event_;
}

}  // namespace mint
