// The chips of the board, and the wires between them that do not touch a core.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "devices/debug_ports.hpp"
#include "devices/host_bridge.hpp"
#include "devices/ioapic.hpp"
#include "devices/isa_bridge.hpp"
#include "devices/kbc.hpp"
#include "devices/pci.hpp"
#include "devices/pic.hpp"
#include "devices/pit.hpp"
#include "devices/ram_device.hpp"
#include "devices/rtc.hpp"
#include "devices/system_ports.hpp"
#include "devices/uart.hpp"
#include "devices/vga_text.hpp"
#include "emu/machine/machine.hpp"

namespace mint {

// Ports CF8h-CFFh: byte accesses of CF9h are the reset control register's, the rest PCI's.
class PciPorts final : public Device {
 public:
  PciPorts(PciHost& host, ResetControl& reset) : host_(host), reset_(reset) {}
  std::uint64_t read(std::uint64_t offset, unsigned size) override {
    return offset == 1 && size == 1 ? reset_.read(0, 1) : host_.read(offset, size);
  }
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override {
    if (offset == 1 && size == 1)
      reset_.write(0, 1, value);
    else
      host_.write(offset, size, value);
  }
  void reset() override {}
  void visit(StateVisitor&) override {}

 private:
  PciHost& host_;
  ResetControl& reset_;
};

// QEMU's debug parts.
struct DebugParts {
  DebugParts(std::uint64_t ram_bytes, unsigned cores, const std::string& command_line,
             std::function<void(std::uint32_t)> on_exit,
             std::function<void(std::uint8_t)> on_character,
             std::function<void(unsigned, bool)> drive)
      : exit(std::move(on_exit)),
        console(std::move(on_character)),
        fw_cfg(ram_bytes, static_cast<std::uint16_t>(cores), command_line),
        irq_lines(std::move(drive)) {}

  DebugExit exit;
  DebugConsole console;
  FwCfg fw_cfg;
  TestIrqLines irq_lines;
  RamDevice echo{kTestEchoSize};
  TestFlush flush;
  RamDevice window{kTestWindowSize};
};

struct Machine::Chips {
  struct Wiring {
    EventQueue& queue;
    std::function<EventQueue&(unsigned uart)> uart_queue;
    ApicBus& apic_bus;
    const MachineProfile& profile;
    std::function<void(unsigned irq, unsigned driver, bool level)> isa_irq;
    IrqLine intr;  // of the 8259 pair, as LINT0 of core 0 sees it
    std::function<void(bool)> a20;
    std::function<void()> init;
    std::function<void(const char* by)> request_reset;
    std::function<void()> reset;
    std::function<void(unsigned uart, std::uint8_t byte)> serial;
    std::function<void(std::uint8_t)> post;
    std::function<void(unsigned disk, const DiskCommandRecord&)> disk_command;
    std::function<void(unsigned disk, bool to_memory, PhysAddr, std::span<const std::byte>)> dma;
    std::function<void(unsigned nic, bool to_memory, PhysAddr, std::span<const std::byte>)> nic_dma;
    std::function<void(unsigned network, unsigned nic, std::span<const std::uint8_t>)> frame;
  };
  explicit Chips(const Wiring& wiring);
  ~Chips();

  // A disk with an AHCI controller of its own. Throws std::runtime_error when its image is no good.
  void add_disk(const DiskSetup& setup, double angle, EventQueue& queue, DmaPort& memory,
                IrqLine pin);
  // The switch of a network, and a NIC with a cable to the one that its setup names.
  void add_network(const std::string& name);
  void add_nic(const NicSetup& setup, DmaPort& memory, IrqLine pin);
  void reset();
  void leave_like_bios();

  struct Disk;
  struct Card;
  struct Network;
  Wiring wiring;
  Event intr_arrival;  // INTR reaches the core as late as any interrupt message
  Event reset_event;
  Pic pic;
  IoApic io_apic;
  Pit pit;
  Rtc rtc;
  SystemPortB port_b;
  SystemPortA port_a;
  Kbc kbc;
  ResetControl reset_control;
  PostCode post_code;
  std::array<std::unique_ptr<Uart>, 4> uarts;
  VgaText vga;
  PciHost pci;
  PciPorts pci_ports;
  HostBridge host_bridge;
  IsaBridge isa_bridge;
  std::vector<std::unique_ptr<Disk>> disks;
  std::vector<std::unique_ptr<Network>> networks;
  std::vector<std::unique_ptr<Card>> nics;
  std::unique_ptr<DebugParts> debug;
};

}  // namespace mint
