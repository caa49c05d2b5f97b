// A NIC's way to memory: a conventional PCI bus of its own, on which one burst follows the other
// (PCI Local Bus Specification 3.0, chapter 3).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "emu/base/device.hpp"
#include "emu/base/event_queue.hpp"
#include "emu/base/state.hpp"

namespace mint {

class NicBus {
 public:
  NicBus(EventQueue& queue, DmaPort& memory, Cycles latency, std::uint64_t bytes_per_second,
         Hertz core_clock)
      : queue_(queue),
        memory_(memory),
        latency_(latency),
        bytes_per_second_(bytes_per_second),
        core_clock_(core_clock) {}

  // Takes the bus for a burst of so many bytes; when it will be over.
  Cycles reserve(std::size_t bytes) {
    free_ = std::max(free_, queue_.now()) + latency_ +
            Cycles{ticks_up(bytes, Hertz{bytes_per_second_}, core_clock_)};
    return free_;
  }
  // Moves data, in no time: the time is reserve()'s matter. What nobody answers to reads as ones
  // (a master abort, 3.3.3.1); writes to it go nowhere.
  void read(std::uint64_t from, std::span<std::uint8_t> to) {
    if (!memory_.read({from}, std::as_writable_bytes(to))) std::fill(to.begin(), to.end(), 0xFF);
  }
  void write(std::uint64_t to, std::span<const std::uint8_t> from) {
    (void)memory_.write({to}, std::as_bytes(from));
  }
  void visit(StateVisitor& visitor) { visitor.field("free", free_); }

 private:
  EventQueue& queue_;
  DmaPort& memory_;
  Cycles latency_;
  std::uint64_t bytes_per_second_;
  Hertz core_clock_;
  Cycles free_;
};

}  // namespace mint
