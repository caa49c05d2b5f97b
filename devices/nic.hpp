// Gigabit Ethernet controller: Intel 82540EM, 8086:100E, class 020000 ("PCI/PCI-X Family of Gigabit
// Ethernet Controllers Software Developer's Manual", 317453: SDM in the comments of its parts).
//
// | BAR | window | |
// |-----|--------|-|
// | 0   | 128 KB of memory | the registers |
// | 2   | 64 bytes of I/O  | 0: IOADDR, offset of a register; 4: IODATA, that register |
//
// | offset | register | |
// |--------|----------|-|
// | 0000h, 0004h | CTRL | SLU, SPEED, VME; RST and PHY_RST |
// | 0008h  | STATUS | link, duplex, speed |
// | 0010h, 0014h | EECD, EERD | the EEPROM, nic_eeprom.hpp |
// | 0020h  | MDIC | registers of the PHY, nic_phy.hpp |
// | 00C0h-00D8h, 2820h, 282Ch, 3820h, 382Ch | | nic_interrupts.hpp |
// | 0100h, 2800h-2818h, 5000h | | nic_receive.hpp |
// | 0400h, 3800h-3818h | | nic_transmit.hpp |
// | 4000h-4124h | | nic_statistics.hpp |
// | 5200h-57FFh | | nic_filter.hpp |
// | 1000h  | PBA | how the 64 KB of packet buffer are divided; at the next RST |
// | 0038h, others | VET, FCAL, TIPG, LEDCTL, ... | hold what is written |
//
// Configuration space has power management at DCh and MSI at F0h; the pin is INTA#. Accesses to
// registers are of 32 bits: narrower writes are ignored, wider ones are two. What is not listed
// reads as zero.
//
//   Nic nic(queue, memory, config);
//   nic.connect_intx(line); nic.connect_msi(sink);
//   host.plug(8, 0, nic);
//   ethernet.connect(nic);    // an EthernetSwitch: plugs the cable in
//
// Not modelled: loopback, wake-up, management (ASF), pause frames, the packet buffer's windows, the
// flash.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "devices/ethernet_switch.hpp"
#include "devices/nic_bus.hpp"
#include "devices/nic_eeprom.hpp"
#include "devices/nic_filter.hpp"
#include "devices/nic_interrupts.hpp"
#include "devices/nic_phy.hpp"
#include "devices/nic_receive.hpp"
#include "devices/nic_statistics.hpp"
#include "devices/nic_transmit.hpp"
#include "devices/pci_function.hpp"

namespace mint {

struct NicConfig {
  std::string name = "nic";  // of its events
  MacAddress mac{0x02, 0x4D, 0x49, 0x4E, 0x54, 0x00};
  std::uint64_t link_bits_per_second = 1'000'000'000;  // of 1000BASE-T; 10 and 100 are parts of it
  std::uint64_t negotiation_ns = 2'000'000'000;        // reset of the PHY to link
  std::uint64_t burst_ns = 240;  // arbitration, address and first data of a burst on the bus
  std::uint64_t bus_bytes_per_second = 133'333'333;
  std::uint64_t mdio_ns = 25'600;         // a register of the PHY: 64 clocks of 2.5 MHz
  std::uint64_t eeprom_read_ns = 25'000;  // a word: 25 clocks of 1 MHz
  Hertz core_clock{2'800'000'000};
};

class Nic final : public PciFunction, public Device, public EthernetPort {
 public:
  Nic(EventQueue& queue, DmaPort& memory, const NicConfig& config);

  // The register window.
  std::uint64_t read(std::uint64_t offset, unsigned size) override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override;

  // EthernetPort
  void receive(std::span<const std::uint8_t> frame) override;
  std::optional<Cycles> wire_time(std::size_t bytes) const override;
  void connect(Line line) override;

  void reset() override;
  void visit(StateVisitor& visitor) override;

 protected:
  void config_written(unsigned offset, unsigned size) override;

 private:
  static constexpr std::uint32_t kWindow = 128 << 10;
  static constexpr std::uint32_t kIoWindow = 64;
  static constexpr std::size_t kPlain = 19;

  class IoWindow final : public Device {
   public:
    explicit IoWindow(Nic& nic) : nic_(nic) {}
    std::uint64_t read(std::uint64_t offset, unsigned size) override;
    void write(std::uint64_t offset, unsigned size, std::uint64_t value) override;
    void reset() override { address_ = 0; }
    void visit(StateVisitor& visitor) override { visitor.field("io_address", address_); }

   private:
    Nic& nic_;
    std::uint32_t address_ = 0;
  };

  std::uint32_t read_register(std::uint32_t offset);
  void write_register(std::uint32_t offset, std::uint32_t value);
  void write_ctrl(std::uint32_t value);
  void write_eecd(std::uint32_t value);
  std::uint32_t status() const;
  bool has_link() const;
  void mdio_done();
  void link_changed();
  void reset_mac();
  std::uint32_t* plain(std::uint32_t offset);
  std::uint32_t vlan_type() const;
  Cycles cycles(std::uint64_t ns) const;

  EventQueue& queue_;
  NicConfig config_;
  IoWindow io_{*this};
  NicBus bus_;
  NicEeprom eeprom_;
  NicPhy phy_;
  NicStatistics statistics_;
  NicFilter filter_;
  NicInterrupts interrupts_;
  NicReceiver receiver_;
  NicTransmitter transmitter_;
  Line line_;

  std::uint32_t ctrl_ = 0;
  std::uint32_t eecd_ = 0;
  std::uint32_t eerd_ = 0;
  std::uint32_t mdic_ = 0;
  std::uint32_t rx_buffer_kb_ = 48;  // of PBA, as the last reset took it
  std::array<std::uint32_t, kPlain> plain_{};
  std::uint8_t power_state_ = 0;
  Event mdio_;
  Event eeprom_read_;
};

}  // namespace mint
