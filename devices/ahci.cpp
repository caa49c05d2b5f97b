#include "devices/ahci.hpp"

#include <algorithm>
#include <bit>

#include "devices/ahci_registers.hpp"
#include "devices/prefix_visitor.hpp"

namespace mint {

using namespace ahci;

namespace {

constexpr unsigned kAbar = 5;
constexpr unsigned kMsiOffset = 0x80;
constexpr std::uint32_t kMaxPorts = 14;  // what a window of 2 KB holds

}  // namespace

AhciController::AhciController(EventQueue& queue, DmaPort& memory, const AhciConfig& config)
    : PciFunction({.device = 0x3B22,
                   .class_code = 0x010601,
                   .revision = 0x05,
                   .subsystem_vendor = 0x8086,
                   .subsystem = 0x3B22}) {
  add_memory_bar(kAbar, kWindow, *this);
  add_interrupt_pin();
  add_msi(kMsiOffset, false, false);
  // MAP (90h) and PCS (92h): AHCI mode, ports enabled by firmware. Nothing depends on them.
  define(0x90, 2, 0x0060, 0x03E0);
  define(0x92, 2, 0x0000, 0x803F);

  const auto cycles = [&](std::uint64_t ns) {
    return Cycles{ticks_down(ns, Hertz{1'000'000'000}, config.core_clock)};
  };
  const AhciTiming timing{cycles(config.link_delay_ns), cycles(config.command_ns)};
  DmaPort& gated = gate(memory);
  const std::uint32_t implemented = config.ports_implemented & ((1u << kMaxPorts) - 1);
  const auto count = static_cast<unsigned>(std::bit_width(implemented));
  for (unsigned i = 0; i < count; ++i) {
    if ((implemented >> i & 1) == 0) {
      ports_.push_back(nullptr);
      continue;
    }
    ports_.push_back(std::make_unique<AhciPort>(queue, config.name + ".port" + std::to_string(i),
                                                timing, gated,
                                                [this] { update_interrupt(false); }));
  }
  capabilities_ = kCap64Bit | (config.ncq ? kCapNcq : 0) | kCapCommandListOverride | kCap3Gbps |
                  kCapAhciOnly | kCapPioMultiple | kCap32Slots | (std::max(count, 1u) - 1);
  ghc_ = kGhcAhciEnable;
}

bool AhciController::attach(unsigned index, AtaDisk& disk) {
  AhciPort* const p = port(index);
  if (p == nullptr) return false;
  p->attach(disk);
  return true;
}

AhciPort* AhciController::port(unsigned index) const {
  return index < ports_.size() ? ports_[index].get() : nullptr;
}

// --- Registers

std::uint32_t AhciController::read_register(std::uint32_t offset) const {
  if (offset >= kPorts) {
    const AhciPort* const p = port((offset - kPorts) / kPortSize);
    return p != nullptr ? p->read((offset - kPorts) % kPortSize) : 0;
  }
  switch (offset) {
    case kCap:
      return capabilities_;
    case kGhc:
      return ghc_;
    case kIs:
      return is_;
    case kPi: {
      std::uint32_t implemented = 0;
      for (unsigned i = 0; i < ports_.size(); ++i)
        if (ports_[i] != nullptr) implemented |= 1u << i;
      return implemented;
    }
    case kVs:
      return 0x00010300;
    default:
      return 0;
  }
}

void AhciController::write_register(std::uint32_t offset, std::uint32_t value, std::uint32_t mask) {
  if (offset >= kPorts) {
    if (AhciPort* const p = port((offset - kPorts) / kPortSize); p != nullptr)
      p->write((offset - kPorts) % kPortSize, value, mask);
    return;
  }
  if (offset == kGhc) write_ghc(value, mask);
  if (offset == kIs) {
    is_ &= ~(value & mask);
    update_interrupt(true);
  }
}

void AhciController::write_ghc(std::uint32_t value, std::uint32_t mask) {
  if ((value & mask & kGhcReset) != 0) {
    ghc_ = kGhcAhciEnable;
    is_ = 0;
    for (const auto& p : ports_)
      if (p != nullptr) p->hba_reset();
    update_interrupt(false);
    return;
  }
  const bool was_on = (ghc_ & kGhcInterrupts) != 0;
  if ((mask & kGhcInterrupts) != 0) ghc_ = (ghc_ & ~kGhcInterrupts) | (value & kGhcInterrupts);
  update_interrupt(!was_on);
}

std::uint64_t AhciController::read(std::uint64_t offset, unsigned size) {
  std::uint64_t value = 0;
  for (unsigned done = 0; done < size;) {
    const std::uint64_t at = offset + done;
    const unsigned shift = at % 4;
    const unsigned here = std::min(4 - shift, size - done);
    std::uint64_t part = at < kWindow ? read_register(static_cast<std::uint32_t>(at & ~3ull)) : 0;
    part = part >> (8 * shift) & ((1ull << (8 * here)) - 1);
    value |= part << (8 * done);
    done += here;
  }
  return value;
}

void AhciController::write(std::uint64_t offset, unsigned size, std::uint64_t value) {
  for (unsigned done = 0; done < size;) {
    const std::uint64_t at = offset + done;
    const unsigned shift = at % 4;
    const unsigned here = std::min(4 - shift, size - done);
    const auto mask = static_cast<std::uint32_t>(((1ull << (8 * here)) - 1) << (8 * shift));
    const auto part = static_cast<std::uint32_t>(value >> (8 * done) << (8 * shift));
    if (at < kWindow) write_register(static_cast<std::uint32_t>(at & ~3ull), part, mask);
    done += here;
  }
}

// --- Interrupts

// `message`: with MSI, tell the software again of what is pending.
void AhciController::update_interrupt(bool message) {
  const std::uint32_t before = is_;
  for (unsigned i = 0; i < ports_.size(); ++i)
    if (ports_[i] != nullptr && ports_[i]->interrupt_pending()) is_ |= 1u << i;
  const bool level = is_ != 0 && (ghc_ & kGhcInterrupts) != 0;
  set_interrupt(level);
  if (level && (message || (is_ & ~before) != 0)) send_msi();
}

void AhciController::reset() {
  PciFunction::reset();
  ghc_ = kGhcAhciEnable;
  is_ = 0;
  for (const auto& p : ports_)
    if (p != nullptr) p->reset();
  update_interrupt(false);
}

void AhciController::visit(StateVisitor& visitor) {
  PciFunction::visit(visitor);
  visitor.field("ghc", ghc_);
  visitor.field("is", is_);
  for (unsigned i = 0; i < ports_.size(); ++i) {
    if (ports_[i] == nullptr) continue;
    PrefixVisitor prefix(visitor, "port" + std::to_string(i) + ".");
    ports_[i]->visit(prefix);
  }
}

}  // namespace mint
