#include "devices/frame_queue.hpp"

#include <utility>
#include <vector>

namespace mint {
namespace {

void put_number(std::vector<std::uint8_t>& out, std::uint64_t value) {
  for (unsigned i = 0; i < 8; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

std::uint64_t take_number(std::span<const std::uint8_t>& in) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < 8; ++i) value |= std::uint64_t{in[i]} << (8 * i);
  in = in.subspan(8);
  return value;
}

}  // namespace

void FrameQueue::push(Cycles ready, std::span<const std::uint8_t> frame) {
  bytes_ += frame.size();
  entries_.push_back({ready, {frame.begin(), frame.end()}});
}

EthernetFrame FrameQueue::pop() {
  EthernetFrame frame = std::move(entries_.front().frame);
  entries_.pop_front();
  bytes_ -= frame.size();
  return frame;
}

void FrameQueue::clear() {
  entries_.clear();
  bytes_ = 0;
}

// One blob: for each frame its time, its length, its bytes.
void FrameQueue::visit(std::string_view name, StateVisitor& visitor) {
  std::vector<std::uint8_t> packed;
  for (const Entry& entry : entries_) {
    put_number(packed, entry.ready.count);
    put_number(packed, entry.frame.size());
    packed.insert(packed.end(), entry.frame.begin(), entry.frame.end());
  }
  const std::vector<std::uint8_t> before = packed;
  visitor.blob(name, packed);
  if (packed == before) return;
  clear();
  for (std::span<const std::uint8_t> rest = packed; rest.size() >= 16;) {
    const Cycles ready{take_number(rest)};
    const std::uint64_t length = take_number(rest);
    push(ready, rest.first(length));
    rest = rest.subspan(length);
  }
}

}  // namespace mint
