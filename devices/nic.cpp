#include "devices/nic.hpp"

#include <algorithm>

#include "devices/nic_registers.hpp"

namespace mint {

using namespace nic;

namespace {

constexpr unsigned kPowerOffset = 0xDC, kMsiOffset = 0xF0;
constexpr std::uint8_t kPowerId = 0x01;
// CTRL: the bits that hold what is written.
constexpr std::uint32_t kCtrlHeld = 0x79FC'1FE9;

}  // namespace

Nic::Nic(EventQueue& queue, DmaPort& memory, const NicConfig& config)
    : PciFunction({.device = 0x100E,
                   .class_code = 0x020000,
                   .revision = 0x02,
                   .subsystem_vendor = 0x8086,
                   .subsystem = 0x001E}),
      queue_(queue),
      config_(config),
      bus_(queue, gate(memory), cycles(config.burst_ns), config.bus_bytes_per_second,
           config.core_clock),
      eeprom_(config.mac),
      phy_(queue, config.name, cycles(config.negotiation_ns), [this] { link_changed(); }),
      interrupts_(queue, config.name, config.core_clock,
                  [this](bool level) {
                    set_interrupt(level);
                    if (level) send_msi();
                  }),
      receiver_(queue, config.name, bus_, interrupts_, statistics_, filter_,
                [this] {
                  return NicReceiver::Vlan{static_cast<std::uint16_t>(vlan_type()),
                                           (ctrl_ & kCtrlVlanMode) != 0};
                }),
      transmitter_(queue, config.name, bus_, interrupts_, statistics_,
                   {.time = [this](std::size_t bytes) -> std::optional<Cycles> {
                      if (!has_link()) return std::nullopt;
                      return wire_time(bytes);
                    },
                    .send =
                        [this](std::span<const std::uint8_t> frame) {
                          if (line_) line_(frame);
                        },
                    .vlan_type = [this]() -> std::optional<std::uint16_t> {
                      if ((ctrl_ & kCtrlVlanMode) == 0) return std::nullopt;
                      return static_cast<std::uint16_t>(vlan_type());
                    }}),
      mdio_(queue, config.name + ".mdio", [this](Cycles) { mdio_done(); }),
      eeprom_read_(queue, config.name + ".eeprom", [this](Cycles) {
        const std::uint32_t word = eeprom_.word(eerd_ >> 8 & 0xFF);
        eerd_ = (eerd_ & 0xFF00) | kEerdDone | word << 16;
      }) {
  add_memory_bar(0, kWindow, *this);
  add_io_bar(2, kIoWindow, io_);
  add_interrupt_pin();
  // PCI power management 1.1: D0 and D3, no PME# without the wake-up logic. The state is kept, and
  // leaving D3 resets the function (5.4.1 there).
  add_capability(kPowerOffset, kPowerId);
  define(kPowerOffset + 2, 2, 0x0022, 0);
  define(kPowerControl, 2, 0, 0x0003);
  add_msi(kMsiOffset, true, false);
  *plain(kPba) = kDefaultRxKb;
  reset_mac();
}

Cycles Nic::cycles(std::uint64_t ns) const {
  return {ticks_up(ns, Hertz{1'000'000'000}, config_.core_clock)};
}

std::uint32_t Nic::vlan_type() const { return *const_cast<Nic*>(this)->plain(kVet) & 0xFFFF; }

// --- Link

bool Nic::has_link() const { return phy_.link() && (ctrl_ & kCtrlSetLinkUp) != 0; }

void Nic::link_changed() {
  interrupts_.raise(kIntLink);
  transmitter_.link_changed();
}

void Nic::connect(Line line) {
  line_ = std::move(line);
  phy_.connect();
}

void Nic::receive(std::span<const std::uint8_t> frame) {
  if (has_link()) receiver_.receive(frame);
}

std::optional<Cycles> Nic::wire_time(std::size_t bytes) const {
  if (!phy_.link()) return std::nullopt;
  constexpr unsigned kFastest = 1000;
  const Hertz bits{config_.link_bits_per_second / kFastest * phy_.speed()};
  return Cycles{ticks_up(8 * bytes, bits, config_.core_clock)};
}

std::uint32_t Nic::status() const {
  std::uint32_t value = phy_.link() && !phy_.full_duplex() ? 0 : kStatusFullDuplex;
  if (has_link()) value |= kStatusLinkUp;
  const std::uint32_t speed = !phy_.link() || phy_.speed() == 1000 ? 2
                              : phy_.speed() == 100                ? 1
                                                                   : 0;
  return value | speed << kStatusSpeedShift | speed << kStatusAsdvShift;
}

// --- Registers

std::uint32_t Nic::read_register(std::uint32_t offset) {
  switch (offset) {
    case kCtrl:
    case kCtrlDup:
      return ctrl_;
    case kStatus:
      return status();
    case kEecd: {
      const bool granted = (eecd_ & kEecdRequest) != 0;
      return (eecd_ & ~kEecdOut) | kEecdPresent | (granted ? kEecdGrant : 0) |
             (eeprom_.out() ? kEecdOut : 0);
    }
    case kEerd:
      return eerd_;
    case kMdic:
      return mdic_;
    default:
      break;
  }
  if (offset >= kStatistics && offset < kStatisticsEnd) return statistics_.read(offset);
  if (const auto value = interrupts_.read(offset)) return *value;
  if (const auto value = receiver_.read(offset)) return *value;
  if (const auto value = transmitter_.read(offset)) return *value;
  if (const auto value = filter_.read(offset)) return *value;
  const std::uint32_t* const held = plain(offset);
  return held != nullptr ? *held : 0;
}

void Nic::write_register(std::uint32_t offset, std::uint32_t value) {
  switch (offset) {
    case kCtrl:
    case kCtrlDup:
      write_ctrl(value);
      return;
    case kEecd:
      write_eecd(value);
      return;
    case kEerd:
      if ((value & kEerdStart) == 0) return;
      eerd_ = value & 0xFF01;
      eeprom_read_.schedule(queue_.now() + cycles(config_.eeprom_read_ns));
      return;
    case kMdic:
      mdic_ = value & ~(kMdicReady | kMdicError);
      mdio_.schedule(queue_.now() + cycles(config_.mdio_ns));
      return;
    case kPba:
      *plain(kPba) = value & 0x7F;
      return;
    default:
      break;
  }
  if (interrupts_.write(offset, value) || receiver_.write(offset, value) ||
      transmitter_.write(offset, value) || filter_.write(offset, value))
    return;
  if (std::uint32_t* const held = plain(offset)) *held = value;
}

void Nic::write_ctrl(std::uint32_t value) {
  if ((value & kCtrlReset) != 0) {
    reset_mac();
    return;
  }
  const bool had_link = has_link();
  ctrl_ = value & kCtrlHeld;
  if ((value & kCtrlPhyReset) != 0) phy_.reset();
  if (has_link() != had_link) link_changed();
}

void Nic::write_eecd(std::uint32_t value) {
  eecd_ = value & (kEecdClock | kEecdSelect | kEecdIn | kEecdFlash | kEecdRequest);
  // Without a grant the pins are the NIC's own.
  if ((eecd_ & kEecdRequest) != 0)
    eeprom_.set_pins((eecd_ & kEecdSelect) != 0, (eecd_ & kEecdClock) != 0, (eecd_ & kEecdIn) != 0);
  else
    eeprom_.set_pins(false, false, false);
}

void Nic::mdio_done() {
  constexpr unsigned kPhyAddress = 1;
  const unsigned number = mdic_ >> 16 & 0x1F;
  const bool present = (mdic_ >> 21 & 0x1F) == kPhyAddress;
  if ((mdic_ & kMdicOp) == kMdicRead) {
    mdic_ = (mdic_ & ~0xFFFFu) | (present ? phy_.read(number) : 0xFFFFu);
  } else if ((mdic_ & kMdicOp) == kMdicWrite && present) {
    phy_.write(number, static_cast<std::uint16_t>(mdic_));
  }
  mdic_ |= kMdicReady | (present ? 0 : kMdicError);
  if ((mdic_ & kMdicInterrupt) != 0) interrupts_.raise(kIntMdio);
}

std::uint64_t Nic::read(std::uint64_t offset, unsigned size) {
  const std::uint64_t ones = size >= 8 ? ~0ull : (1ull << (8 * size)) - 1;
  if (power_state_ == kPowerOff) return ones;
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

void Nic::write(std::uint64_t offset, unsigned size, std::uint64_t value) {
  if (power_state_ == kPowerOff || offset % 4 != 0) return;
  for (unsigned done = 0; done + 4 <= size && offset + done < kWindow; done += 4)
    write_register(static_cast<std::uint32_t>(offset + done),
                   static_cast<std::uint32_t>(value >> (8 * done)));
}

// IOADDR and IODATA (13.2.2); what lies behind the registers is the flash, which is not there.
std::uint64_t Nic::IoWindow::read(std::uint64_t offset, unsigned size) {
  if (offset == 0) return address_;
  if (offset == 4 && address_ < kWindow) return nic_.read(address_ & ~3u, size);
  return 0;
}

void Nic::IoWindow::write(std::uint64_t offset, unsigned size, std::uint64_t value) {
  if (size != 4) return;
  if (offset == 0) address_ = static_cast<std::uint32_t>(value);
  if (offset == 4 && address_ < kWindow) nic_.write(address_ & ~3u, size, value);
}

}  // namespace mint
