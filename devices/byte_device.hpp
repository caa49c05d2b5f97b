// A chip on the 8-bit ISA data path: the bus splits wider accesses into byte accesses, lowest
// address first.
#pragma once

#include <cstdint>

#include "emu/base/device.hpp"

namespace mint {

class ByteDevice : public Device {
 public:
  std::uint64_t read(std::uint64_t offset, unsigned size) final {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < size; ++i) {
      value |= static_cast<std::uint64_t>(read_byte(offset + i)) << (8 * i);
    }
    return value;
  }
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) final {
    for (unsigned i = 0; i < size; ++i) {
      write_byte(offset + i, static_cast<std::uint8_t>(value >> (8 * i)));
    }
  }

 protected:
  // Any offset can come: a wide access to the last port reaches beyond it.
  virtual std::uint8_t read_byte(std::uint64_t offset) = 0;
  virtual void write_byte(std::uint64_t offset, std::uint8_t value) = 0;
};

}  // namespace mint
