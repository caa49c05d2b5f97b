// Lets the lanes of a machine tell one observer, one at a time.
#pragma once

#include <string>

#include "emu/machine/lanes.hpp"
#include "emu/machine/machine.hpp"

namespace mint {

class LockingObserver final : public MachineObserver {
 public:
  LockingObserver(MachineObserver& to, Lanes& lanes) : to_(to), lanes_(lanes) {}

  void accessed(Core& core, Cycles at, const Access& access) override {
    tell([&] { to_.accessed(core, at, access); });
  }
  void interrupted(Core& core, Vector vector, bool hardware) override {
    tell([&] { to_.interrupted(core, vector, hardware); });
  }
  void clock_read(Core& core, Cycles at, std::uint64_t value) override {
    tell([&] { to_.clock_read(core, at, value); });
  }
  void mode_changed(Core& core, std::uint64_t pc) override {
    tell([&] { to_.mode_changed(core, pc); });
  }
  void started(Core& core, Vector vector) override {
    tell([&] { to_.started(core, vector); });
  }
  void shut_down(Core& core, const std::string& why) override {
    tell([&] { to_.shut_down(core, why); });
  }
  std::uint32_t probe_at(Core& core, std::uint64_t pc) override {
    const Lanes::Lock lock(&lanes_);
    return to_.probe_at(core, pc);
  }
  void probe(Core& core, std::uint32_t id) override {
    tell([&] { to_.probe(core, id); });
  }
  void translated(Core& core, std::uint64_t pc) override {
    tell([&] { to_.translated(core, pc); });
  }
  void foreign_page(Core& core, PhysAddr address, PageUse use) override {
    tell([&] { to_.foreign_page(core, address, use); });
  }
  void serial_output(unsigned uart, std::uint8_t byte) override {
    tell([&] { to_.serial_output(uart, byte); });
  }
  void post_code(std::uint8_t code) override {
    tell([&] { to_.post_code(code); });
  }
  void debug_exit(std::uint32_t value) override {
    tell([&] { to_.debug_exit(value); });
  }
  void platform_reset(const std::string& why) override {
    tell([&] { to_.platform_reset(why); });
  }
  void redirection_written(unsigned pin, RedirectionEntry old, RedirectionEntry now) override {
    tell([&] { to_.redirection_written(pin, old, now); });
  }
  void message_delivered(const ApicBus::Delivery& delivery) override {
    tell([&] { to_.message_delivered(delivery); });
  }
  void pci_configured(const PciHost::ConfigAccess& access) override {
    tell([&] { to_.pci_configured(access); });
  }
  void disk_command(unsigned disk, const DiskCommandRecord& record) override {
    tell([&] { to_.disk_command(disk, record); });
  }
  void dma(unsigned disk, bool to_memory, PhysAddr address,
           std::span<const std::byte> data) override {
    tell([&] { to_.dma(disk, to_memory, address, data); });
  }
  void nic_dma(unsigned nic, bool to_memory, PhysAddr address,
               std::span<const std::byte> data) override {
    tell([&] { to_.nic_dma(nic, to_memory, address, data); });
  }
  void frame_sent(unsigned network, unsigned nic, std::span<const std::uint8_t> frame) override {
    tell([&] { to_.frame_sent(network, nic, frame); });
  }

 private:
  template <class Call>
  void tell(Call call) {
    const Lanes::Lock lock(lanes_.at_once() ? &lanes_ : nullptr);
    call();
  }

  MachineObserver& to_;
  Lanes& lanes_;
};

}  // namespace mint
