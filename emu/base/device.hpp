// What a chip looks like to the rest of the machine, and what it may use of the machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "emu/base/state.hpp"
#include "emu/base/types.hpp"

namespace mint {

// A chip on the bus. It sees offsets into the range it was mapped at, never absolute addresses, and
// accesses of 1, 2, 4 or 8 bytes. It must stand any access: undefined ones read as the data sheet
// says, or as all ones where it says nothing.
class Device {
 public:
  virtual ~Device() = default;
  virtual std::uint64_t read(std::uint64_t offset, unsigned size) = 0;
  virtual void write(std::uint64_t offset, unsigned size, std::uint64_t value) = 0;
  // To the state after power-on or the platform reset.
  virtual void reset() = 0;
  virtual void visit(StateVisitor& visitor) = 0;
};

// An output pin: called when the level changes (or is driven again with the same level).
using IrqLine = std::function<void(bool level)>;

// Bus-master access to physical memory. Both return false, and transfer nothing, when the range is
// not wholly RAM.
class DmaPort {
 public:
  virtual ~DmaPort() = default;
  virtual bool read(PhysAddr from, std::span<std::byte> to) = 0;
  virtual bool write(PhysAddr to, std::span<const std::byte> from) = 0;
};

}  // namespace mint
