// AHCI host bus adapter: the SATA controller of an Intel P55 in AHCI mode, 8086:3B22, class 010601
// (Serial ATA AHCI 1.3; Intel 5 Series Chipset data sheet, chapter 14).
//
// | ABAR   | register | |
// |--------|----------|---|
// | 00h    | CAP      | 64-bit, NCQ (by configuration), CLO, 3 Gbit/s, AHCI only, 32 slots |
// | 04h    | GHC      | HR, IE; AE is always one |
// | 08h    | IS       | a bit per port, write one to clear |
// | 0Ch    | PI       | the ports that exist |
// | 10h    | VS       | 1.3 |
// | 100h + 80h * p | port p | see ahci_port.hpp |
//
// BAR 5 (24h) is the ABAR of 2 KB, MSI is at 80h of configuration space, the pin is INTA#. The
// registers take accesses of any size and alignment. What is not listed reads as zero.
//
//   AhciController ahci(queue, dma, config);
//   ahci.attach(0, disk);
//   host.plug(4, 0, ahci);   // resets and visits it, and its disks
//   ahci.connect_intx(line); ahci.connect_msi(sink);
//
// Interrupts: IS.IPS(p) is set whenever PxIS & PxIE is not zero, so clearing it first in IS does
// not last. INTA# is the level of IS & GHC.IE. With MSI a message goes out for each bit that
// appears in IS, and when a write to IS leaves some of them (10.6.2).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "devices/ahci_port.hpp"
#include "devices/pci_function.hpp"

namespace mint {

struct AhciConfig {
  std::string name = "ahci";                 // of its events
  std::uint32_t ports_implemented = 1;       // PI
  bool ncq = true;                           // CAP.SNCQ
  std::uint64_t link_delay_ns = 10'000'000;  // COMRESET to PHYRDY; OOB signalling may take 10 ms
  std::uint64_t command_ns = 1'000;          // PxCI to the FIS on the link: two DMA reads, 20 bytes
  Hertz core_clock{2'800'000'000};
};

class AhciController final : public PciFunction, public Device {
 public:
  AhciController(EventQueue& queue, DmaPort& memory, const AhciConfig& config);

  // False when there is no such port. The power of the disk comes on now.
  bool attach(unsigned port, AtaDisk& disk);

  // The ABAR window.
  std::uint64_t read(std::uint64_t offset, unsigned size) override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override;

  void reset() override;
  void visit(StateVisitor& visitor) override;

 private:
  static constexpr std::uint32_t kWindow = 0x800;
  std::uint32_t read_register(std::uint32_t offset) const;
  void write_register(std::uint32_t offset, std::uint32_t value, std::uint32_t mask);
  void write_ghc(std::uint32_t value, std::uint32_t mask);
  void update_interrupt(bool message);
  AhciPort* port(unsigned index) const;

  std::uint32_t capabilities_;
  std::uint32_t ghc_ = 0;
  std::uint32_t is_ = 0;
  std::vector<std::unique_ptr<AhciPort>> ports_;  // by number; null: not implemented
};

}  // namespace mint
