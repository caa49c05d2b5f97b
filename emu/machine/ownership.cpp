#include "emu/machine/ownership.hpp"

#include <algorithm>

#include "emu/machine/machine.hpp"

namespace mint {
namespace {

constexpr std::uint16_t kUartPorts[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
constexpr unsigned kUartRegisters = 8;

}  // namespace

Ownership::Ownership(const MachineSetup& setup)
    : cores_(setup.profile.cores), uarts_(setup.uart_groups) {
  for (std::size_t i = 0; i < cores_.size() && i < setup.groups.size(); ++i) {
    cores_[i] = setup.groups[i];
    lanes_ = std::max(lanes_, setup.groups[i] + 1);
  }
  chips_.resize(lanes_);
  for (unsigned i = 0; i < uarts_.size(); ++i)
    if (uarts_[i]) drive(setup.profile.serial.irqs[i], *uarts_[i]);
  for (const DiskSetup& disk : setup.disks) {
    disks_.push_back(disk.group);
    if (!disk.group) continue;
    functions_[disk.pci_device * 8] = *disk.group;
    drive(16 + disk.pci_device % 8, *disk.group);
  }
}

void Ownership::drive(unsigned pin, unsigned lane) {
  if (pins_[pin] && *pins_[pin] != lane) shares_pins_ = true;
  pins_[pin] = lane;
}

void Ownership::plug(unsigned function, const PciFunction& chip) {
  if (const Lane lane = of_function(function)) chips_[*lane].push_back(&chip);
}

Ownership::Lane Ownership::of_function(unsigned function) const {
  const auto found = functions_.find(function);
  return found == functions_.end() ? Lane{} : found->second;
}

bool Ownership::owns_port(unsigned lane, std::uint16_t port, unsigned size) const {
  for (unsigned i = 0; i < uarts_.size(); ++i)
    if (uarts_[i] == lane && port >= kUartPorts[i] && port + size <= kUartPorts[i] + kUartRegisters)
      return true;
  return false;
}

PciTarget Ownership::memory_of(unsigned lane, PhysAddr address, unsigned size) const {
  for (const PciFunction* chip : chips_[lane]) {
    const PciTarget target = chip->find_memory(address);
    // All of it: BARs are larger than an access, and aligned.
    if (target.device != nullptr && address.value % size == 0) return target;
  }
  return {};
}

Ownership::Lane Ownership::of_port(std::uint16_t port, unsigned size) const {
  for (unsigned i = 0; i < uarts_.size(); ++i)
    if (uarts_[i] && port + size > kUartPorts[i] && port < kUartPorts[i] + kUartRegisters)
      return uarts_[i];
  const auto last = static_cast<std::uint16_t>(port + size - 1);
  for (unsigned lane = 0; lane < lanes_; ++lane)
    for (const PciFunction* chip : chips_[lane])
      if (chip->find_io(port).device != nullptr || chip->find_io(last).device != nullptr)
        return lane;
  return std::nullopt;
}

Ownership::Lane Ownership::of_memory(PhysAddr address, unsigned size) const {
  const PhysAddr last = address + (size - 1);
  for (unsigned lane = 0; lane < lanes_; ++lane)
    for (const PciFunction* chip : chips_[lane])
      if (chip->find_memory(address).device != nullptr || chip->find_memory(last).device != nullptr)
        return lane;
  return std::nullopt;
}

Ownership::Lane Ownership::of_message(const ApicBus::Delivery& delivery) const {
  Lane lane;
  switch (delivery.origin.kind) {
    case Origin::Kind::kLapic:
      lane = of_core(delivery.origin.place);
      break;
    case Origin::Kind::kIoApic:
      lane = of_pin(delivery.origin.pin);
      break;
    case Origin::Kind::kMsi:
      lane = of_function(delivery.origin.place);
      break;
  }
  for (unsigned core = 0; core < cores_.size(); ++core)
    if (delivery.targets[core] && lane != cores_[core]) return std::nullopt;
  return lane;
}

}  // namespace mint
