// A small AHCI driver for tests and benchmarks: brings the controller up like firmware does and
// runs commands through a command list in FakeRam.
#pragma once

#include <memory>
#include <stdexcept>
#include <vector>

#include "devices/ahci.hpp"
#include "devices/ahci_registers.hpp"
#include "devices/pci.hpp"
#include "tests/devices/storage_fixture.hpp"

namespace mint {

class AhciBoard {
 public:
  static constexpr std::uint64_t kList = 0x10000, kRfis = 0x11000, kTables = 0x20000,
                                 kTableSize = 0x1000, kBuffer = 0x100000;
  static constexpr std::uint64_t kRamSize = 0x800000;
  static constexpr std::uint64_t kDiskSectors = 200'000;
  static constexpr Hertz kClock{2'800'000'000};

  struct Prd {
    std::uint64_t address;
    std::uint32_t bytes;
    bool interrupt = false;
  };

  explicit AhciBoard(bool ncq = true) {
    AtaDiskConfig disk;
    disk.name = "disk4";
    disk.serial = "TEST 123";
    disk.ncq = ncq;
    disk.parameters.spin_up_ns = 3'000'000'000;
    disk.core_clock = kClock;
    disk_ = std::make_unique<AtaDisk>(queue_, disk, DiskImage::blank(kDiskSectors * 512));
    disk_->observe([this](const DiskCommandRecord& r) { records_.push_back(r); });
    AhciConfig config;
    config.name = "ahci4";
    config.ncq = ncq;
    config.core_clock = kClock;
    ahci_ = std::make_unique<AhciController>(queue_, ram_, config);
    if (!ahci_->attach(0, *disk_) || !host_.plug(4, 0, *ahci_))
      throw std::logic_error("the board cannot be put together");
    ahci_->connect_intx([this](bool level) {
      intx_ = level;
      ++intx_changes_;
    });
    ahci_->connect_msi([this](std::uint64_t, std::uint32_t data) { messages_.push_back(data); });
    assign_resources(host_);
  }

  static Cycles milliseconds(std::uint64_t n) { return {n * 2'800'000}; }
  void run(Cycles time) { queue_.run_until(queue_.now() + time); }

  std::uint32_t reg(std::uint32_t offset) {
    return static_cast<std::uint32_t>(ahci_->read(offset, 4));
  }
  void reg(std::uint32_t offset, std::uint32_t value) { ahci_->write(offset, 4, value); }
  std::uint32_t port(std::uint32_t offset) { return reg(ahci::kPorts + offset); }
  void port(std::uint32_t offset, std::uint32_t value) { reg(ahci::kPorts + offset, value); }

  // Runs events until `done` or the time is over.
  template <class Done>
  bool wait(Done done, Cycles limit = milliseconds(30'000)) {
    const Cycles end = queue_.now() + limit;
    while (!done()) {
      if (queue_.next() > end) return false;
      queue_.run_next();
    }
    return true;
  }

  // HBA reset, link, FIS reception, signature, start: as an AHCI driver begins (10.1.2).
  bool bring_up() {
    reg(ahci::kGhc, ahci::kGhcReset);
    start_port();
    if (!wait([&] { return (port(ahci::kPxTfd) & 0x88) == 0; })) return false;
    port(ahci::kPxSerr, 0xFFFFFFFF);
    port(ahci::kPxIs, 0xFFFFFFFF);
    reg(ahci::kIs, 0xFFFFFFFF);
    port(ahci::kPxCmd, port(ahci::kPxCmd) | ahci::kCmdStart);
    port(ahci::kPxIe, 0x7DC0007F);
    reg(ahci::kGhc, ahci::kGhcInterrupts);
    return true;
  }
  void start_port() {
    port(ahci::kPxClb, kList);
    port(ahci::kPxClbu, 0);
    port(ahci::kPxFb, kRfis);
    port(ahci::kPxFbu, 0);
    port(ahci::kPxCmd, ahci::kCmdFisReceive);
  }
  // The engine stopped, COMRESET, and started again: libata's error handling.
  bool recover() {
    port(ahci::kPxCmd, port(ahci::kPxCmd) & ~ahci::kCmdStart);
    port(ahci::kPxSctl, 0x301);
    run(milliseconds(1));
    port(ahci::kPxSctl, 0x300);
    if (!wait([&] { return (port(ahci::kPxTfd) & 0x88) == 0; })) return false;
    port(ahci::kPxSerr, 0xFFFFFFFF);
    port(ahci::kPxIs, 0xFFFFFFFF);
    port(ahci::kPxCmd, port(ahci::kPxCmd) | ahci::kCmdStart);
    return true;
  }

  std::uint64_t table(unsigned slot) const { return kTables + slot * kTableSize; }

  // Fills slot, table and PRDs. `lba48` splits into the FIS as for EXT commands.
  void prepare(unsigned slot, std::uint8_t command, std::uint64_t lba, std::uint16_t count,
               const std::vector<Prd>& prds, std::uint16_t features = 0, std::uint8_t device = 0x40,
               std::uint32_t header_flags = 0) {
    Fis fis{0x27,
            0x80,
            command,
            static_cast<std::uint8_t>(features),
            static_cast<std::uint8_t>(lba),
            static_cast<std::uint8_t>(lba >> 8),
            static_cast<std::uint8_t>(lba >> 16),
            device,
            static_cast<std::uint8_t>(lba >> 24),
            static_cast<std::uint8_t>(lba >> 32),
            static_cast<std::uint8_t>(lba >> 40),
            static_cast<std::uint8_t>(features >> 8),
            static_cast<std::uint8_t>(count),
            static_cast<std::uint8_t>(count >> 8)};
    prepare_fis(slot, fis, prds, header_flags);
  }
  void prepare_fis(unsigned slot, const Fis& fis, const std::vector<Prd>& prds,
                   std::uint32_t header_flags = 0) {
    ram_.put<std::uint32_t>(kList + 32 * slot,
                            5 | header_flags | static_cast<std::uint32_t>(prds.size()) << 16);
    ram_.put<std::uint32_t>(kList + 32 * slot + 4, 0);
    ram_.put<std::uint64_t>(kList + 32 * slot + 8, table(slot));
    ram_.put(table(slot), fis);
    for (std::size_t i = 0; i < prds.size(); ++i) {
      const std::uint64_t at = table(slot) + 0x80 + 16 * i;
      ram_.put<std::uint64_t>(at, prds[i].address);
      ram_.put<std::uint32_t>(at + 12, (prds[i].bytes - 1) | (prds[i].interrupt ? 1u << 31 : 0));
    }
  }
  void issue(std::uint32_t slots) { port(ahci::kPxCi, slots); }
  // Issues slot 0 and waits until the port is done with it or has an error.
  bool complete(unsigned slot = 0) {
    issue(1u << slot);
    return wait([&] {
      return (port(ahci::kPxCi) >> slot & 1) == 0 || (port(ahci::kPxIs) & 0x79000000) != 0;
    });
  }
  bool command(std::uint8_t code, std::uint64_t lba = 0, std::uint16_t count = 0,
               const std::vector<Prd>& prds = {}, std::uint16_t features = 0,
               std::uint8_t device = 0x40) {
    prepare(0, code, lba, count, prds, features, device);
    return complete() && port(ahci::kPxCi) == 0 && (port(ahci::kPxTfd) & 1) == 0;
  }
  std::uint8_t error() { return static_cast<std::uint8_t>(port(ahci::kPxTfd) >> 8); }
  std::uint32_t transferred(unsigned slot = 0) {
    return ram_.get<std::uint32_t>(kList + 32 * slot + 4);
  }
  std::uint8_t rfis(std::uint32_t offset) { return ram_.get<std::uint8_t>(kRfis + offset); }
  std::uint16_t identify_word(unsigned n) { return ram_.get<std::uint16_t>(kBuffer + 2 * n); }

  // Byte i of a sector is lba + i, in each.
  void fill_pattern(std::uint64_t at, std::uint64_t lba, unsigned sectors) {
    for (unsigned i = 0; i < sectors * 512; ++i)
      ram_.put<std::uint8_t>(at + i, static_cast<std::uint8_t>(lba + i / 512 + i));
  }
  bool has_pattern(std::uint64_t at, std::uint64_t lba, unsigned sectors) {
    for (unsigned i = 0; i < sectors * 512; ++i)
      if (ram_.get<std::uint8_t>(at + i) != static_cast<std::uint8_t>(lba + i / 512 + i))
        return false;
    return true;
  }

  EventQueue queue_;
  FakeRam ram_{kRamSize};
  PciHost host_;
  std::unique_ptr<AtaDisk> disk_;
  std::unique_ptr<AhciController> ahci_;
  std::vector<DiskCommandRecord> records_;
  std::vector<std::uint32_t> messages_;
  bool intx_ = false;
  int intx_changes_ = 0;
};

}  // namespace mint
