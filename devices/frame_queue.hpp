// Frames that wait in a buffer memory, first in, first out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>

#include "devices/ethernet.hpp"
#include "emu/base/state.hpp"
#include "emu/base/types.hpp"

namespace mint {

class FrameQueue {
 public:
  struct Entry {
    Cycles ready;  // when the frame may go on
    EthernetFrame frame;
  };

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const { return bytes_; }
  const Entry& front() const { return entries_.front(); }

  void push(Cycles ready, std::span<const std::uint8_t> frame);
  EthernetFrame pop();
  void clear();
  void visit(std::string_view name, StateVisitor& visitor);

 private:
  std::deque<Entry> entries_;
  std::size_t bytes_ = 0;
};

}  // namespace mint
