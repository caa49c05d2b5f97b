// RAM behind a device: video memory, and the memory windows of test devices. Offsets beyond its end
// wrap, as its address lines do. It keeps its content over a reset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "emu/base/device.hpp"

namespace mint {

class RamDevice final : public Device {
 public:
  explicit RamDevice(std::size_t size) : bytes_(size) {}

  std::span<std::uint8_t> bytes() { return bytes_; }
  std::span<const std::uint8_t> bytes() const { return bytes_; }

  std::uint64_t read(std::uint64_t offset, unsigned size) override {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < size; ++i) {
      value |= std::uint64_t{bytes_[(offset + i) % bytes_.size()]} << (8 * i);
    }
    return value;
  }
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override {
    for (unsigned i = 0; i < size; ++i) {
      bytes_[(offset + i) % bytes_.size()] = static_cast<std::uint8_t>(value >> (8 * i));
    }
  }
  void reset() override {}
  void visit(StateVisitor& visitor) override {
    visitor.bytes("bytes", std::as_writable_bytes(std::span(bytes_)));
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

}  // namespace mint
