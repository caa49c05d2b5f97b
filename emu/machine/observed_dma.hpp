// A bus master's way to memory, with somebody who watches what goes over it.
#pragma once

#include <functional>
#include <utility>

#include "emu/base/device.hpp"

namespace mint {

class ObservedDma final : public DmaPort {
 public:
  // Called after each transfer that happened.
  using Observer =
      std::function<void(bool to_memory, PhysAddr address, std::span<const std::byte> data)>;

  ObservedDma(DmaPort& memory, Observer observer)
      : memory_(memory), observer_(std::move(observer)) {}

  bool read(PhysAddr from, std::span<std::byte> to) override {
    if (!memory_.read(from, to)) return false;
    observer_(false, from, to);
    return true;
  }
  bool write(PhysAddr to, std::span<const std::byte> from) override {
    if (!memory_.write(to, from)) return false;
    observer_(true, to, from);
    return true;
  }

 private:
  DmaPort& memory_;
  Observer observer_;
};

}  // namespace mint
