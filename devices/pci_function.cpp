#include "devices/pci_function.hpp"

#include <cstddef>

namespace mint {
namespace {

constexpr unsigned kCommand = 0x04, kStatus = 0x06, kBar0 = 0x10, kCapabilities = 0x34,
                   kInterruptPin = 0x3D;
constexpr std::uint16_t kIoSpace = 1 << 0, kMemorySpace = 1 << 1, kBusMaster = 1 << 2,
                        kInterruptDisable = 1 << 10;
constexpr std::uint16_t kInterruptStatus = 1 << 3, kCapabilityList = 1 << 4;
constexpr std::uint8_t kMsiId = 0x05;
constexpr std::uint16_t kMsiEnable = 1 << 0, kMsi64 = 1 << 7, kMsiMaskable = 1 << 8;

}  // namespace

bool PciFunction::GatedDma::read(PhysAddr from, std::span<std::byte> to) {
  return function_.bus_master() && memory != nullptr && memory->read(from, to);
}

bool PciFunction::GatedDma::write(PhysAddr to, std::span<const std::byte> from) {
  return function_.bus_master() && memory != nullptr && memory->write(to, from);
}

PciFunction::PciFunction(const PciIdentity& identity) {
  define(0x00, 2, identity.vendor, 0);
  define(0x02, 2, identity.device, 0);
  define(kCommand, 2, 0, kIoSpace | kMemorySpace | kBusMaster | kInterruptDisable);
  define(0x08, 4, identity.class_code << 8 | identity.revision, 0);
  define(0x0C, 2, 0, 0xFFFF);
  define(0x0E, 1, identity.header_type, 0);
  define(0x2C, 2, identity.subsystem_vendor, 0);
  define(0x2E, 2, identity.subsystem, 0);
}

std::uint32_t PciFunction::get(unsigned offset, unsigned size) const {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < size; ++i) value |= std::uint32_t{config_[offset + i]} << (8 * i);
  return value;
}

void PciFunction::put(unsigned offset, unsigned size, std::uint32_t value) {
  for (unsigned i = 0; i < size; ++i)
    config_[offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::uint16_t PciFunction::command() const { return static_cast<std::uint16_t>(get(kCommand, 2)); }

void PciFunction::define(unsigned offset, unsigned size, std::uint32_t value,
                         std::uint32_t writable) {
  for (unsigned i = 0; i < size; ++i) {
    config_[offset + i] = power_on_[offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
    writable_[offset + i] = static_cast<std::uint8_t>(writable >> (8 * i));
  }
}

// Configuration accesses

std::uint32_t PciFunction::config_read(unsigned offset, unsigned size) const {
  if (size > 4 || offset + size > config_.size()) return 0xFFFFFFFF;
  return get(offset, size);
}

void PciFunction::config_write(unsigned offset, unsigned size, std::uint32_t value) {
  if (size > 4 || offset + size > config_.size()) return;
  for (unsigned i = 0; i < size; ++i) {
    const std::uint8_t mask = writable_[offset + i];
    const auto byte = static_cast<std::uint8_t>(value >> (8 * i));
    config_[offset + i] = static_cast<std::uint8_t>((config_[offset + i] & ~mask) | (byte & mask));
  }
  update_pin();
  release_masked_msi();
  config_written(offset, size);
}

// BARs

void PciFunction::add_bar(unsigned index, std::uint32_t size, Device& window, bool io) {
  bars_[index] = {&window, io, size};
  define(kBar0 + 4 * index, 4, io ? 1 : 0, ~(size - 1));
}

void PciFunction::add_memory_bar(unsigned index, std::uint32_t size, Device& window) {
  add_bar(index, size, window, false);
}

void PciFunction::add_io_bar(unsigned index, std::uint32_t size, Device& window) {
  add_bar(index, size, window, true);
}

std::vector<PciFunction::BarInfo> PciFunction::bars() const {
  std::vector<BarInfo> result;
  for (unsigned i = 0; i < bars_.size(); ++i)
    if (bars_[i].window != nullptr) result.push_back({i, bars_[i].io, bars_[i].size});
  return result;
}

PciTarget PciFunction::find_memory(PhysAddr address) const {
  if ((command() & kMemorySpace) == 0) return {};
  for (unsigned i = 0; i < bars_.size(); ++i) {
    const Bar& bar = bars_[i];
    if (bar.window == nullptr || bar.io) continue;
    const std::uint64_t base = get(kBar0 + 4 * i, 4) & ~std::uint64_t{0xF};
    if (address.value >= base && address.value - base < bar.size)
      return {bar.window, address.value - base};
  }
  return {};
}

PciTarget PciFunction::find_io(std::uint16_t port) const {
  if ((command() & kIoSpace) == 0) return {};
  for (unsigned i = 0; i < bars_.size(); ++i) {
    const Bar& bar = bars_[i];
    if (bar.window == nullptr || !bar.io) continue;
    const std::uint32_t base = get(kBar0 + 4 * i, 4) & ~std::uint32_t{3};
    if (port >= base && port - base < bar.size) return {bar.window, port - base};
  }
  return {};
}

// Interrupts

void PciFunction::add_interrupt_pin() { define(kInterruptPin, 1, 1, 0), define(0x3C, 1, 0, 0xFF); }

void PciFunction::add_capability(unsigned offset, std::uint8_t id) {
  define(last_capability_ == 0 ? kCapabilities : last_capability_ + 1, 1, offset, 0);
  define(kStatus, 2, kCapabilityList, 0);
  define(offset, 2, id, 0);
  last_capability_ = offset;
}

void PciFunction::add_msi(unsigned offset, bool address64, bool maskable) {
  add_capability(offset, kMsiId);
  msi_offset_ = offset;
  // Multiple message enable stays at 0: one message is all there is.
  define(offset + 2, 2, (address64 ? kMsi64 : 0) | (maskable ? kMsiMaskable : 0), kMsiEnable);
  define(offset + 4, 4, 0, 0xFFFFFFFC);
  unsigned next = offset + 8;
  if (address64) {
    define(next, 4, 0, 0xFFFFFFFF);
    next += 4;
  }
  define(next, 2, 0, 0xFFFF);
  if (maskable) {
    define(next + 4, 4, 0, 1);  // mask
    define(next + 8, 4, 0, 0);  // pending
  }
}

unsigned PciFunction::msi_mask_offset() const {
  const std::uint32_t control = get(msi_offset_ + 2, 2);
  if ((control & kMsiMaskable) == 0) return 0;
  return msi_offset_ + ((control & kMsi64) != 0 ? 0x10 : 0x0C);
}

bool PciFunction::msi_enabled() const {
  return msi_offset_ != 0 && (get(msi_offset_ + 2, 2) & kMsiEnable) != 0;
}

void PciFunction::send_msi() {
  if (!msi_enabled()) return;
  if (const unsigned mask = msi_mask_offset(); mask != 0 && (config_[mask] & 1) != 0) {
    config_[mask + 4] |= 1;
    return;
  }
  // A message is a memory write, which only a bus master may do (6.8.3.1).
  if (!bus_master() || !msi_) return;
  const bool wide = (get(msi_offset_ + 2, 2) & kMsi64) != 0;
  std::uint64_t address = get(msi_offset_ + 4, 4);
  if (wide) address |= std::uint64_t{get(msi_offset_ + 8, 4)} << 32;
  msi_(address, get(msi_offset_ + (wide ? 0x0C : 0x08), 2));
}

void PciFunction::release_masked_msi() {
  if (!msi_enabled()) return;
  const unsigned mask = msi_mask_offset();
  if (mask == 0 || (config_[mask] & 1) != 0 || (config_[mask + 4] & 1) == 0) return;
  config_[mask + 4] = 0;
  send_msi();
}

void PciFunction::set_interrupt(bool level) {
  interrupt_ = level ? 1 : 0;
  update_pin();
}

// The status bit shows the interrupt whether or not the pin is disabled (6.2.3).
void PciFunction::update_pin() {
  if (!has_interrupt_pin()) return;
  const bool asserted = interrupt_ != 0 && !msi_enabled();
  const std::uint32_t status = get(kStatus, 2) & ~std::uint32_t{kInterruptStatus};
  put(kStatus, 2, status | (asserted ? kInterruptStatus : 0u));
  const std::uint8_t pin = asserted && (command() & kInterruptDisable) == 0 ? 1 : 0;
  if (pin == pin_) return;
  pin_ = pin;
  if (intx_) intx_(pin != 0);
}

// Bus mastering

bool PciFunction::bus_master() const { return (command() & kBusMaster) != 0; }

DmaPort& PciFunction::gate(DmaPort& memory) {
  dma_.memory = &memory;
  return dma_;
}

void PciFunction::reset() {
  config_ = power_on_;
  interrupt_ = 0;
  update_pin();
}

void PciFunction::visit(StateVisitor& visitor) {
  visitor.field("config", config_);
  visitor.field("interrupt", interrupt_);
  visitor.field("pin", pin_);
}

}  // namespace mint
