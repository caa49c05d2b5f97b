#include "emu/machine/bus.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace mint {

void AddressMap::map(std::uint64_t start, std::uint64_t size, Device& device, std::string name,
                     std::uint64_t first_offset) {
  const auto after = ranges_.lower_bound(start);
  const auto refuse = [&](std::uint64_t other_start, const Range& other) {
    throw std::logic_error(fmt::format("{} at {:x}-{:x} overlaps {} at {:x}-{:x}", name, start,
                                       start + size - 1, other.name, other_start, other.end - 1));
  };
  if (after != ranges_.end() && after->first < start + size) refuse(after->first, after->second);
  if (after != ranges_.begin()) {
    const auto before = std::prev(after);
    if (before->second.end > start) refuse(before->first, before->second);
  }
  ranges_.emplace(start, Range{start + size, &device, first_offset, std::move(name)});
}

AddressMap::Target AddressMap::find(std::uint64_t address, unsigned size) const {
  auto after = ranges_.upper_bound(address);
  if (after != ranges_.begin()) {
    const auto& [start, range] = *std::prev(after);
    if (address + size <= range.end) return {range.device, range.first_offset + (address - start)};
    if (address < range.end) return {};
  }
  if (after != ranges_.end() && after->first < address + size) return {};
  return fallback_ ? fallback_(address) : Target{};
}

std::uint64_t AddressMap::read(std::uint64_t address, unsigned size) const {
  const Target target = find(address, size);
  if (target.device != nullptr) return target.device->read(target.offset, size);
  if (size == 1) return 0xff;
  std::uint64_t value = 0;
  for (unsigned i = 0; i < size; ++i) value |= (read(address + i, 1) & 0xff) << (8 * i);
  return value;
}

void AddressMap::write(std::uint64_t address, unsigned size, std::uint64_t value) const {
  const Target target = find(address, size);
  if (target.device != nullptr) {
    target.device->write(target.offset, size, value);
    return;
  }
  if (size == 1) return;
  for (unsigned i = 0; i < size; ++i) write(address + i, 1, value >> (8 * i) & 0xff);
}

const std::string& AddressMap::name_at(std::uint64_t address) const {
  static const std::string kNobody;
  const auto after = ranges_.upper_bound(address);
  if (after == ranges_.begin()) return kNobody;
  const Range& range = std::prev(after)->second;
  return address < range.end ? range.name : kNobody;
}

}  // namespace mint
