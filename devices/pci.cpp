#include "devices/pci.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "devices/prefix_visitor.hpp"

namespace mint {
namespace {

constexpr std::uint32_t kEnable = 0x80000000;
constexpr std::uint32_t kAddressBits = 0x80FFFFFC;
constexpr std::uint64_t kData = 4;  // CFCh

std::uint32_t ones(unsigned size) { return size >= 4 ? ~0u : (1u << (8 * size)) - 1; }

}  // namespace

std::uint64_t PciHost::read(std::uint64_t offset, unsigned size) {
  if (offset == 0 && size == 4) return config_address_;
  const std::uint64_t nothing = size >= 8 ? ~std::uint64_t{0} : ones(size);
  if (offset < kData || offset + size > kData + 4) return nothing;
  if ((config_address_ & kEnable) == 0) return nothing;
  const unsigned devfn = config_address_ >> 8 & 0xFF;
  const unsigned reg = (config_address_ & 0xFC) + static_cast<unsigned>(offset - kData);
  const bool on_bus = (config_address_ >> 16 & 0xFF) == 0;
  const auto found = on_bus ? functions_.find(devfn) : functions_.end();
  const bool present = found != functions_.end();
  if (present && guard_ && !guard_({devfn >> 3, devfn & 7, reg, size, false, true, 0}))
    return nothing;
  const std::uint32_t value = present ? found->second->config_read(reg, size) : ones(size);
  if (observer_ && on_bus) observer_({devfn >> 3, devfn & 7, reg, size, false, present, value});
  return value;
}

void PciHost::write(std::uint64_t offset, unsigned size, std::uint64_t value) {
  if (offset == 0 && size == 4) {
    config_address_ = static_cast<std::uint32_t>(value) & kAddressBits;
    return;
  }
  if (offset < kData || offset + size > kData + 4) return;
  if ((config_address_ & kEnable) == 0 || (config_address_ >> 16 & 0xFF) != 0) return;
  const unsigned devfn = config_address_ >> 8 & 0xFF;
  const unsigned reg = (config_address_ & 0xFC) + static_cast<unsigned>(offset - kData);
  const auto found = functions_.find(devfn);
  const bool present = found != functions_.end();
  const std::uint32_t data = static_cast<std::uint32_t>(value) & ones(size);
  if (present && guard_ && !guard_({devfn >> 3, devfn & 7, reg, size, true, true, data})) return;
  if (observer_) observer_({devfn >> 3, devfn & 7, reg, size, true, present, data});
  if (present) found->second->config_write(reg, size, data);
}

void PciHost::reset() {
  config_address_ = 0;
  for (auto& [devfn, function] : functions_) function->reset();
}

void PciHost::visit(StateVisitor& visitor) {
  visitor.field("config_address", config_address_);
  for (auto& [devfn, function] : functions_) {
    PrefixVisitor place(visitor, fmt::format("{:02x}.{}.", devfn >> 3, devfn & 7));
    function->visit(place);
  }
}

bool PciHost::plug(unsigned device, unsigned function, PciFunction& pci_function) {
  if (device > 31 || function > 7) return false;
  return functions_.emplace(device * 8 + function, &pci_function).second;
}

PciTarget PciHost::find_memory(PhysAddr address) const {
  for (const auto& [devfn, function] : functions_)
    if (const PciTarget target = function->find_memory(address); target.device != nullptr)
      return target;
  return {};
}

PciTarget PciHost::find_io(std::uint16_t port) const {
  for (const auto& [devfn, function] : functions_)
    if (const PciTarget target = function->find_io(port); target.device != nullptr) return target;
  return {};
}

std::optional<unsigned> PciHost::function_at(std::uint64_t address, bool port) const {
  for (const auto& [devfn, function] : functions_) {
    const PciTarget target = port ? function->find_io(static_cast<std::uint16_t>(address))
                                  : function->find_memory({address});
    if (target.device != nullptr) return devfn;
  }
  return std::nullopt;
}

std::vector<PciHost::Slot> PciHost::slots() const {
  std::vector<Slot> result;
  for (const auto& [devfn, function] : functions_)
    result.push_back({devfn >> 3, devfn & 7, function});
  return result;
}

void assign_resources(PciHost& host) {
  std::uint64_t memory = 0xE0000000;
  std::uint64_t io = 0xC000;
  const auto take = [](std::uint64_t& next, std::uint64_t size, std::uint64_t at_least) {
    const std::uint64_t step = std::max(size, at_least);
    const std::uint64_t base = (next + step - 1) / step * step;
    next = base + step;
    return static_cast<std::uint32_t>(base);
  };
  for (const PciHost::Slot& slot : host.slots()) {
    PciFunction& function = *slot.pci_function;
    std::uint32_t command = 0;
    for (const PciFunction::BarInfo& bar : function.bars()) {
      const std::uint32_t base = bar.io ? take(io, bar.size, 4) : take(memory, bar.size, 4096);
      function.config_write(0x10 + 4 * bar.index, 4, base);
      command |= bar.io ? 1 : 2;
    }
    if (command != 0) function.config_write(0x04, 2, command | 4);
    if (function.has_interrupt_pin()) function.config_write(0x3C, 1, 16 + slot.device % 8);
  }
}

}  // namespace mint
