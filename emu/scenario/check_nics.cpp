// Checks of NICs and the networks that they are connected to.
#include <fmt/format.h>

#include <algorithm>

#include "emu/scenario/checker.hpp"
#include "emu/scenario/resources.hpp"
#include "emu/scenario/units.hpp"

namespace mint {

namespace {

class NicChecker : Checker {
 public:
  using Checker::Checker;

  void check() {
    for (std::size_t i = 0; i < scenario_.networks.size(); i++) check_network(i);
    for (std::size_t i = 0; i < scenario_.os.size(); i++) {
      const OsSpec& os = scenario_.os[i];
      if (!os.nic) continue;
      check_connection(os);
      check_address(os, i);
      check_wire(os);
    }
  }

 private:
  void check_network(std::size_t index) {
    const NetworkSpec& network = scenario_.networks[index];
    for (std::size_t i = 0; i < index; i++) {
      const NetworkSpec& other = scenario_.networks[i];
      if (network.name.empty() || other.name != network.name) continue;
      report(network.key + ".name", fmt::format("two networks are called '{}'", network.name),
             "give each its own name", scenario_.place(other.key + ".name"));
    }
    const bool used = std::any_of(scenario_.os.begin(), scenario_.os.end(), [&](const OsSpec& os) {
      return os.nic && os.nic->network == network.name;
    });
    if (used || network.name.empty()) return;
    report(
        network.key, fmt::format("no OS has a NIC on network '{}'", network.name),
        fmt::format("give OSes nic = {{network = \"{}\"}}, or remove the network", network.name));
  }

  void check_connection(const OsSpec& os) {
    std::vector<std::string_view> names;
    for (const NetworkSpec& network : scenario_.networks) {
      if (network.name == os.nic->network) return;
      names.push_back(network.name);
    }
    const std::string_view near = did_you_mean(os.nic->network, names);
    report(
        os, "nic.network",
        fmt::format("the NIC of '{}' is on network '{}', and there is none of that name{}", os.name,
                    os.nic->network, near.empty() ? "" : fmt::format(", did you mean '{}'?", near)),
        fmt::format("add [[network]] with name = \"{}\", or name another", os.nic->network));
  }

  void check_address(const OsSpec& os, std::size_t index) {
    const MacAddress& mac = os.nic->mac;
    if ((mac[0] & 1) != 0) {
      report(os, "nic.mac",
             fmt::format("{} is a group address, which no NIC can have", to_string(mac)),
             "choose one whose first byte is even, such as 02:4d:49:4e:54:01");
    } else if (mac == MacAddress{}) {
      report(os, "nic.mac", "the address of a NIC cannot be all zeroes",
             "choose another, such as 02:4d:49:4e:54:01");
    }
    for (std::size_t i = 0; i < index; i++) {
      const OsSpec& other = scenario_.os[i];
      if (!other.nic || other.nic->mac != mac) continue;
      const bool here = os.nic->mac_given;
      report(here ? os : other, "nic.mac",
             fmt::format("the NICs of '{}' and '{}' have the same address {}", other.name, os.name,
                         to_string(mac)),
             "give each its own, or leave 'mac' out", place(here ? other : os, "nic"));
    }
  }

  // e1000 interrupts by INTA#, which has to be a pin of the OS.
  void check_wire(const OsSpec& os) {
    const PciAddress function = os.nic->function;
    if (function == PciAddress{}) {
      const auto nics = std::count_if(scenario_.os.begin(), scenario_.os.end(),
                                      [](const OsSpec& o) { return o.nic.has_value(); });
      report(os, "nic",
             fmt::format("there is no PCI slot left for the NIC of '{}': each of the {} needs an "
                         "interrupt wire of its own, and the board has {}, some of which may be "
                         "among other OSes' 'pins'",
                         os.name, nics, kIntaPins),
             fmt::format("give at most {} OSes a NIC, and free pins 16-23", kIntaPins));
      return;
    }
    const unsigned pin = inta_pin(function);
    if (!os.pins_given || std::find(os.pins.begin(), os.pins.end(), pin) != os.pins.end()) return;
    report(os, "pins",
           fmt::format("the NIC of '{}', {}, interrupts on I/O APIC pin {}, which is not among its "
                       "'pins'",
                       os.name, to_string(function), pin),
           fmt::format("add {} to 'pins', or leave 'pins' out", pin), place(os, "nic"));
  }
};

}  // namespace

void check_nics(const Scenario& scenario, Problems& problems) {
  NicChecker(scenario, problems).check();
}

}  // namespace mint
