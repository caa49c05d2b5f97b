// What Chips holds for its NICs and networks.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "devices/ethernet_switch.hpp"
#include "devices/nic.hpp"
#include "emu/machine/chips.hpp"
#include "emu/machine/observed_dma.hpp"

namespace mint {

struct Machine::Chips::Card {
  Card(EventQueue& queue, const NicConfig& config, DmaPort& memory, ObservedDma::Observer observer)
      : dma(memory, std::move(observer)), nic(queue, dma, config) {}

  ObservedDma dma;
  Nic nic;
};

struct Machine::Chips::Network {
  Network(EventQueue& queue, std::string name, Cycles latency)
      : hub(queue, std::move(name), latency) {}

  EthernetSwitch hub;
  std::vector<unsigned> nics;  // by port
};

}  // namespace mint
