// Which device answers at which port or physical address. Ranges never overlap: mapping a range
// that does is a fault of the machine's wiring and throws std::logic_error naming both.
//
// An access that lies in one device's range goes to it whole; one that does not is split into
// bytes, as the ISA bus and the memory controller do. Where nothing answers, reads give ones.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "emu/base/device.hpp"

namespace mint {

class AddressMap {
 public:
  struct Target {
    Device* device = nullptr;
    std::uint64_t offset = 0;
  };
  // For ranges that move at run time (PCI BARs): asked where no fixed range answers.
  using Fallback = std::function<Target(std::uint64_t address)>;

  // `device` sees offsets from `first_offset` up.
  void map(std::uint64_t start, std::uint64_t size, Device& device, std::string name,
           std::uint64_t first_offset = 0);
  void set_fallback(Fallback fallback) { fallback_ = std::move(fallback); }

  std::uint64_t read(std::uint64_t address, unsigned size) const;
  void write(std::uint64_t address, unsigned size, std::uint64_t value) const;
  // Who answers at `address`; empty for nobody or a moving range.
  const std::string& name_at(std::uint64_t address) const;

 private:
  struct Range {
    std::uint64_t end;
    Device* device;
    std::uint64_t first_offset;
    std::string name;
  };
  Target find(std::uint64_t address, unsigned size) const;

  std::map<std::uint64_t, Range> ranges_;  // by start
  Fallback fallback_;
};

}  // namespace mint
