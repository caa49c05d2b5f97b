// The machine's NICs and the switches between them.
#include <fmt/format.h>

#include <stdexcept>

#include "devices/ethernet_switch.hpp"
#include "devices/nic.hpp"
#include "emu/machine/chips.hpp"
#include "emu/machine/network_parts.hpp"

namespace mint {
namespace {

Cycles cycles(const MachineProfile& profile, std::uint64_t ns) {
  return {ticks_up(ns, Hertz{1'000'000'000}, profile.core_clock)};
}

NicConfig config_of(const NicSetup& setup, const MachineProfile& profile, std::size_t number) {
  const NicProfile& p = profile.nic;
  return {.name = fmt::format("nic{}", number),
          .mac = setup.mac,
          .link_bits_per_second = p.link_bits_per_second,
          .negotiation_ns = p.negotiation_ns,
          .burst_ns = p.burst_ns,
          .bus_bytes_per_second = p.bus_bytes_per_second,
          .mdio_ns = p.mdio_ns,
          .eeprom_read_ns = p.eeprom_read_ns,
          .core_clock = profile.core_clock};
}

}  // namespace

void Machine::Chips::add_network(const std::string& name) {
  const auto number = static_cast<unsigned>(networks.size());
  networks.push_back(std::make_unique<Network>(
      wiring.queue, "network " + name, cycles(wiring.profile, wiring.profile.nic.switch_ns)));
  Network& network = *networks.back();
  network.hub.observe(
      [this, number, &network](Cycles, std::size_t port, std::span<const std::uint8_t> frame) {
        wiring.frame(number, network.nics[port], frame);
      });
}

void Machine::Chips::add_nic(const NicSetup& setup, DmaPort& memory, IrqLine pin) {
  const auto number = static_cast<unsigned>(nics.size());
  nics.push_back(std::make_unique<Card>(
      wiring.queue, config_of(setup, wiring.profile, number), memory,
      [this, number](bool to_memory, PhysAddr address, std::span<const std::byte> data) {
        wiring.nic_dma(number, to_memory, address, data);
      }));
  Nic& nic = nics.back()->nic;
  nic.connect_intx(std::move(pin));
  const auto function = static_cast<std::uint8_t>(setup.pci_device << 3);
  nic.connect_msi([this, function](std::uint64_t address, std::uint32_t data) {
    wiring.apic_bus.send_msi(function, {address}, data);
  });
  if (!pci.plug(setup.pci_device, 0, nic))
    throw std::runtime_error(fmt::format("PCI device {:02x}h is taken", setup.pci_device));
  Network& network = *networks.at(setup.network);
  network.nics.push_back(number);
  network.hub.connect(nic);
}

}  // namespace mint
