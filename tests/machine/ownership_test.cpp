// Who has what of a machine to itself.
#include "emu/machine/ownership.hpp"

#include <gtest/gtest.h>

#include "emu/machine/machine.hpp"
#include "tests/devices/window.hpp"

namespace mint {
namespace {

// Two OSes: cores 0 and 2, core 1; COM1 and COM2; a disk of the second.
MachineSetup two() {
  MachineSetup setup;
  setup.profile.cores = 4;
  setup.profile.serial.irqs = {4, 3, 10, 11};
  setup.groups = {0, 1, 0, 0};
  setup.uart_groups = {0, 1, std::nullopt, std::nullopt};
  setup.disks.push_back({.pci_device = 5, .image = "", .serial = "", .group = 1});
  return setup;
}

// Its BARs: memory at E0000000h-E0000FFFh, ports C000h-C01Fh.
class Card final : public PciFunction {
 public:
  Card() : PciFunction({.vendor = 0x1234, .device = 0x5678, .class_code = 0x010601}) {
    add_memory_bar(0, 0x1000, window_);
    add_io_bar(4, 0x20, window_);
    config_write(0x10, 4, 0xe0000000);
    config_write(0x20, 4, 0xc000);
    config_write(0x04, 2, 3);
  }

 private:
  Window window_;
};

ApicBus::Delivery message(Origin origin, std::uint64_t targets) {
  return {.message = {}, .origin = origin, .targets = targets, .sent = {}, .arrived = {}};
}

TEST(Ownership, PortsOfAUartAreItsOSs) {
  const Ownership ownership(two());
  EXPECT_EQ(ownership.lanes(), 2u);
  EXPECT_TRUE(ownership.owns_port(0, 0x3f8, 1));
  EXPECT_TRUE(ownership.owns_port(0, 0x3ff, 1));
  EXPECT_FALSE(ownership.owns_port(0, 0x3ff, 2));
  EXPECT_FALSE(ownership.owns_port(1, 0x3f8, 1));
  EXPECT_TRUE(ownership.owns_port(1, 0x2fd, 1));
  EXPECT_FALSE(ownership.owns_port(0, 0x3e8, 1));
  EXPECT_FALSE(ownership.owns_port(0, 0xcf8, 4));
}

TEST(Ownership, AnAccessThatEndsInADeviceIsOfItsOS) {
  Ownership ownership(two());
  EXPECT_EQ(ownership.of_port(0x2ff, 1), 1u);
  EXPECT_EQ(ownership.of_port(0x2f5, 4), 1u);
  EXPECT_EQ(ownership.of_port(0x2f4, 4), std::nullopt);
  EXPECT_EQ(ownership.of_port(0x300, 1), std::nullopt);
  EXPECT_EQ(ownership.of_port(0x3e8, 1), std::nullopt);
  Card card;
  ownership.plug(5 << 3, card);
  EXPECT_EQ(ownership.of_memory({0xe0000ff8}, 8), 1u);
  EXPECT_EQ(ownership.of_memory({0xdffffffe}, 4), 1u);
  EXPECT_EQ(ownership.of_memory({0xe0001000}, 4), std::nullopt);
  EXPECT_EQ(ownership.of_port(0xc01f, 1), 1u);
  EXPECT_EQ(ownership.of_port(0xc020, 1), std::nullopt);
}

TEST(Ownership, AMessageWithinAnOSIsItsOwn) {
  const Ownership ownership(two());
  const std::uint8_t disk = 5 << 3;
  EXPECT_EQ(ownership.of_message(message(Origin::msi(disk), 0b0010)), 1u);
  EXPECT_EQ(ownership.of_message(message(Origin::msi(disk), 0)), 1u);
  EXPECT_EQ(ownership.of_message(message(Origin::msi(disk), 0b0001)), std::nullopt);
  EXPECT_EQ(ownership.of_message(message(Origin::lapic(0), 0b0101)), 0u);
  EXPECT_EQ(ownership.of_message(message(Origin::lapic(0), 0b0010)), std::nullopt);
  EXPECT_EQ(ownership.of_message(message(Origin::io_apic(0, 3), 0b0010)), 1u);
  EXPECT_EQ(ownership.of_message(message(Origin::io_apic(0, 2), 0b0001)), std::nullopt);
}

TEST(Ownership, MachinesWhoseOSesCannotRunAtOnce) {
  MachineSetup setup = two();
  EXPECT_EQ(why_not_lanes(setup, Ownership(setup)), "");
  setup.profile.timing = TimingLevel::kCache;
  EXPECT_EQ(why_not_lanes(setup, Ownership(setup)), "the caches are shared");
  setup = two();
  setup.profile.serial.irqs = {4, 4, 10, 11};
  EXPECT_EQ(why_not_lanes(setup, Ownership(setup)), "OSes share an interrupt pin");
  setup = two();
  setup.networks.push_back("lan");
  EXPECT_EQ(why_not_lanes(setup, Ownership(setup)), "the OSes share a network");
  setup = two();
  setup.groups.clear();
  EXPECT_EQ(why_not_lanes(setup, Ownership(setup)), "there is only one OS");
}

}  // namespace
}  // namespace mint
