// The 82540EM's state as a whole: reset, power states, saving; and the registers that only hold a
// value.
#include <algorithm>

#include "devices/nic.hpp"
#include "devices/nic_registers.hpp"
#include "devices/prefix_visitor.hpp"

namespace mint {

using namespace nic;

namespace {

// Registers that hold a value and nothing more, with what they have after a reset.
struct Plain {
  std::uint32_t offset;
  std::uint32_t initial;
};
constexpr Plain kPlainRegisters[] = {
    {kCtrlExt, 0},
    {kFcal, 0x00C28001},
    {kFcah, 0x0100},
    {kFct, 0x8808},
    {kVet, 0x8100},
    {kFcttv, 0},
    {kTxcw, 0},
    {kTipg, 0},
    {kAit, 0},
    {kLedctl, 0x07068302},
    {kPba, kDefaultRxKb},
    {kFcrtl, 0},
    {kFcrth, 0},
    {kRxdctl, 0},
    {kRsrpd, 0},
    {kTxdctl, 0},
    {kTspmt, 0x01000400},
    {kWuc, 0},
    {kManc, 0},
};

}  // namespace

std::uint32_t* Nic::plain(std::uint32_t offset) {
  const auto* const found = std::find_if(std::begin(kPlainRegisters), std::end(kPlainRegisters),
                                         [&](const Plain& p) { return p.offset == offset; });
  if (found == std::end(kPlainRegisters)) return nullptr;
  return &plain_[static_cast<std::size_t>(found - std::begin(kPlainRegisters))];
}

// CTRL.RST: all but configuration space, EEPROM, PHY and the size of the receive FIFO (14.2).
void Nic::reset_mac() {
  const std::uint32_t pba = *plain(kPba);
  rx_buffer_kb_ = std::clamp<std::uint32_t>(pba, 8, kBufferKb - 8);
  for (std::size_t i = 0; i < kPlain; ++i) plain_[i] = kPlainRegisters[i].initial;
  *plain(kPba) = pba;
  ctrl_ = kCtrlFullDuplex | kCtrlSpeed1000;
  eecd_ = eerd_ = mdic_ = 0;
  eeprom_.reset();
  mdio_.cancel();
  eeprom_read_.cancel();
  statistics_.reset();
  filter_.reset(eeprom_.mac());
  receiver_.reset();
  receiver_.set_fifo(std::size_t{rx_buffer_kb_} << 10);
  transmitter_.reset();
  transmitter_.set_fifo(std::size_t{kBufferKb - rx_buffer_kb_} << 10);
  interrupts_.reset();
}

void Nic::reset() {
  PciFunction::reset();
  power_state_ = 0;
  io_.reset();
  *plain(kPba) = kDefaultRxKb;
  reset_mac();
  phy_.reset();
}

void Nic::config_written(unsigned offset, unsigned size) {
  if (offset > kPowerControl || offset + size <= kPowerControl) return;
  const std::uint8_t before = power_state_;
  power_state_ = config_read(kPowerControl, 1) & 3;
  if (before == kPowerOff && power_state_ == 0) {
    PciFunction::reset();
    reset_mac();
  }
}

void Nic::visit(StateVisitor& visitor) {
  PciFunction::visit(visitor);
  io_.visit(visitor);
  visitor.field("ctrl", ctrl_);
  visitor.field("eecd", eecd_);
  visitor.field("eerd", eerd_);
  visitor.field("mdic", mdic_);
  visitor.field("rx_buffer_kb", rx_buffer_kb_);
  visitor.field("plain", plain_);
  visitor.field("power_state", power_state_);
  mdio_.visit(visitor);
  eeprom_read_.visit(visitor);
  PrefixVisitor bus(visitor, "bus.");
  bus_.visit(bus);
  PrefixVisitor eeprom(visitor, "eeprom.");
  eeprom_.visit(eeprom);
  PrefixVisitor phy(visitor, "phy.");
  phy_.visit(phy);
  PrefixVisitor statistics(visitor, "statistics.");
  statistics_.visit(statistics);
  PrefixVisitor filter(visitor, "filter.");
  filter_.visit(filter);
  PrefixVisitor interrupts(visitor, "interrupts.");
  interrupts_.visit(interrupts);
  PrefixVisitor receiver(visitor, "receiver.");
  receiver_.visit(receiver);
  PrefixVisitor transmitter(visitor, "transmitter.");
  transmitter_.visit(transmitter);
}

}  // namespace mint
