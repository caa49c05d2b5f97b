#include "devices/pci.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "devices/host_bridge.hpp"
#include "devices/isa_bridge.hpp"
#include "tests/devices/storage_fixture.hpp"
#include "tests/devices/window.hpp"

namespace mint {
namespace {

// A card with a memory BAR of 4 KB, an I/O BAR of 32 bytes, INTA# and a maskable 64-bit MSI.
class Card final : public PciFunction {
 public:
  Card() : PciFunction({.vendor = 0x1234, .device = 0x5678, .class_code = 0x010601}) {
    add_memory_bar(0, 0x1000, window);
    add_io_bar(4, 0x20, window);
    add_interrupt_pin();
    add_msi(0x50, true, true);
    connect_intx([this](bool level) { levels.push_back(level); });
    connect_msi([this](std::uint64_t a, std::uint32_t d) { messages.push_back({a, d}); });
  }
  using PciFunction::gate;
  using PciFunction::send_msi;
  using PciFunction::set_interrupt;

  Window window;
  std::vector<bool> levels;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> messages;
};

class PciTest : public testing::Test {
 protected:
  PciTest() {
    EXPECT_TRUE(host_.plug(0, 0, bridge_));
    EXPECT_TRUE(host_.plug(4, 0, card_));
  }
  static std::uint32_t address(unsigned device, unsigned reg, unsigned bus = 0) {
    return 0x80000000 | bus << 16 | device << 11 | (reg & 0xFC);
  }
  std::uint64_t get(unsigned device, unsigned reg, unsigned size) {
    host_.write(0, 4, address(device, reg));
    return host_.read(4 + (reg & 3), size);
  }
  void put(unsigned device, unsigned reg, unsigned size, std::uint32_t value) {
    host_.write(0, 4, address(device, reg));
    host_.write(4 + (reg & 3), size, value);
  }

  PciHost host_;
  HostBridge bridge_;
  Card card_;
};

TEST_F(PciTest, LinuxFindsAHostBridgeByMechanism1) {
  host_.write(3, 1, 0x01);  // pci_check_type1()
  host_.write(0, 4, 0x80000000);
  EXPECT_EQ(host_.read(0, 4), 0x80000000u);
  EXPECT_EQ(get(0, 0x0A, 2), 0x0600u);  // pci_sanity_check()
  EXPECT_EQ(get(0, 0x00, 2), 0x8086u);
}

TEST_F(PciTest, OnlyWholeAccessesReachTheAddressRegister) {
  host_.write(0, 4, address(4, 0x10));
  for (unsigned offset = 0; offset < 4; ++offset) {
    host_.write(offset, 1, 0xFF);
    EXPECT_EQ(host_.read(offset, 1), 0xFFu);
  }
  host_.write(0, 2, 0);
  EXPECT_EQ(host_.read(2, 2), 0xFFFFu);
  EXPECT_EQ(host_.read(0, 4), address(4, 0x10));
  host_.write(0, 4, 0xFFFFFFFF);
  EXPECT_EQ(host_.read(0, 4), 0x80FFFFFCu);  // reserved bits stay zero
}

TEST_F(PciTest, DataIsReachedByBytesAndWords) {
  EXPECT_EQ(get(4, 0x00, 4), 0x56781234u);
  EXPECT_EQ(get(4, 0x02, 2), 0x5678u);
  EXPECT_EQ(get(4, 0x01, 1), 0x12u);
  EXPECT_EQ(get(4, 0x09, 1), 0x01u);
  put(4, 0x3C, 1, 20);
  EXPECT_EQ(get(4, 0x3C, 4) & 0xFFFF, 0x0114u);
  // Across the end of the data register: nothing answers.
  host_.write(0, 4, address(4, 0));
  EXPECT_EQ(host_.read(6, 4), 0xFFFFFFFFu);
  EXPECT_EQ(host_.read(4, 8), ~std::uint64_t{0});
}

TEST_F(PciTest, WhatIsNotThereReadsAllOnes) {
  EXPECT_EQ(get(5, 0, 4), 0xFFFFFFFFu);
  EXPECT_EQ(get(5, 0, 2), 0xFFFFu);
  put(5, 4, 4, 7);
  host_.write(0, 4, address(4, 0, 1));  // bus 1
  EXPECT_EQ(host_.read(4, 4), 0xFFFFFFFFu);
  host_.write(0, 4, address(4, 0) & 0x7FFFFFFF);  // not enabled
  EXPECT_EQ(host_.read(4, 4), 0xFFFFFFFFu);
}

TEST_F(PciTest, TwoCoresWithoutALockReadEachOthersRegister) {
  host_.write(0, 4, address(0, 0));          // core 0
  host_.write(0, 4, address(4, 0));          // core 1
  EXPECT_EQ(host_.read(4, 4), 0x56781234u);  // core 0 gets core 1's
}

TEST_F(PciTest, BarsAreSizedByWritingOnes) {
  put(4, 0x10, 4, 0xFFFFFFFF);
  EXPECT_EQ(get(4, 0x10, 4), 0xFFFFF000u);
  put(4, 0x20, 4, 0xFFFFFFFF);
  EXPECT_EQ(get(4, 0x20, 4), 0xFFFFFFE1u);
  put(4, 0x14, 4, 0xFFFFFFFF);  // no such BAR
  EXPECT_EQ(get(4, 0x14, 4), 0u);
  put(4, 0x30, 4, 0xFFFFFFFF);  // no expansion ROM
  EXPECT_EQ(get(4, 0x30, 4), 0u);
  put(4, 0x00, 4, 0);
  EXPECT_EQ(get(4, 0x00, 4), 0x56781234u);
}

TEST_F(PciTest, TheCommandRegisterGatesDecoding) {
  put(4, 0x10, 4, 0xE0000000);
  put(4, 0x20, 4, 0xC000);
  EXPECT_EQ(host_.find_memory({0xE0000010}).device, nullptr);
  EXPECT_EQ(host_.find_io(0xC004).device, nullptr);
  put(4, 0x04, 2, 0x0002);
  const PciTarget memory = host_.find_memory({0xE0000FFF});
  EXPECT_EQ(memory.device, &card_.window);
  EXPECT_EQ(memory.offset, 0xFFFu);
  EXPECT_EQ(host_.find_memory({0xE0001000}).device, nullptr);
  EXPECT_EQ(host_.find_memory({0x1E0000010}).device, nullptr);
  EXPECT_EQ(host_.find_io(0xC004).device, nullptr);
  put(4, 0x04, 2, 0x0003);
  EXPECT_EQ(host_.find_io(0xC004).offset, 4u);
  EXPECT_EQ(host_.find_io(0xC020).device, nullptr);
  put(4, 0x10, 4, 0xE0100000);  // moved while it runs
  EXPECT_EQ(host_.find_memory({0xE0000010}).device, nullptr);
  EXPECT_EQ(host_.find_memory({0xE0100010}).offset, 0x10u);
}

TEST_F(PciTest, OfTwoFunctionsAtOneAddressTheLowerNumberAnswers) {
  Card second;
  ASSERT_TRUE(host_.plug(3, 0, second));
  for (unsigned device : {3u, 4u}) {
    put(device, 0x10, 4, 0xE0000000);
    put(device, 0x04, 2, 2);
  }
  EXPECT_EQ(host_.find_memory({0xE0000000}).device, &second.window);
  EXPECT_FALSE(host_.plug(4, 0, second));
  EXPECT_FALSE(host_.plug(32, 0, second));
}

TEST_F(PciTest, TheInterruptDisableBitGatesThePinButNotTheStatus) {
  card_.set_interrupt(true);
  EXPECT_EQ(card_.levels, std::vector<bool>{true});
  EXPECT_EQ(get(4, 0x06, 2) & 8, 8u);
  put(4, 0x04, 2, 0x0400);
  EXPECT_EQ(card_.levels, (std::vector<bool>{true, false}));
  EXPECT_EQ(get(4, 0x06, 2) & 8, 8u);
  put(4, 0x04, 2, 0);
  EXPECT_EQ(card_.levels, (std::vector<bool>{true, false, true}));
  card_.set_interrupt(false);
  EXPECT_EQ(get(4, 0x06, 2) & 8, 0u);
  EXPECT_EQ(card_.levels.back(), false);
}

TEST_F(PciTest, MsiReplacesThePin) {
  EXPECT_EQ(get(4, 0x06, 2) & 0x10, 0x10u);
  EXPECT_EQ(get(4, 0x34, 1), 0x50u);
  EXPECT_EQ(get(4, 0x50, 2), 0x0005u);
  EXPECT_EQ(get(4, 0x52, 2), 0x0180u);  // 64-bit, maskable, one message
  card_.set_interrupt(true);
  put(4, 0x54, 4, 0xFEE01003);  // the low bits are not writable
  put(4, 0x58, 4, 0x00000001);
  put(4, 0x5C, 2, 0x4031);
  card_.send_msi();
  EXPECT_TRUE(card_.messages.empty());  // off
  put(4, 0x52, 2, 0x0001);
  EXPECT_EQ(card_.levels.back(), false);
  card_.send_msi();
  EXPECT_TRUE(card_.messages.empty());  // no bus master
  put(4, 0x04, 2, 0x0004);
  card_.send_msi();
  ASSERT_EQ(card_.messages.size(), 1u);
  EXPECT_EQ(card_.messages[0].first, 0x1FEE01000u);
  EXPECT_EQ(card_.messages[0].second, 0x4031u);
}

TEST_F(PciTest, AMaskedMessageGoesOutWhenItIsUnmasked) {
  put(4, 0x04, 2, 0x0004);
  put(4, 0x52, 2, 0x0001);
  put(4, 0x60, 4, 0xFFFFFFFF);
  EXPECT_EQ(get(4, 0x60, 4), 1u);
  card_.send_msi();
  card_.send_msi();
  EXPECT_TRUE(card_.messages.empty());
  EXPECT_EQ(get(4, 0x64, 4), 1u);
  put(4, 0x60, 4, 0);
  EXPECT_EQ(card_.messages.size(), 1u);
  EXPECT_EQ(get(4, 0x64, 4), 0u);
}

TEST_F(PciTest, OnlyABusMasterReachesMemory) {
  FakeRam ram(4096);
  DmaPort& dma = card_.gate(ram);
  std::array<std::byte, 4> data{};
  EXPECT_FALSE(dma.read({0}, data));
  EXPECT_FALSE(dma.write({0}, data));
  put(4, 0x04, 2, 0x0004);
  EXPECT_TRUE(dma.read({0}, data));
  EXPECT_FALSE(dma.read({4096}, data));
}

TEST_F(PciTest, ResetBringsThePowerOnStateBack) {
  const SavedState power_on = save(host_);
  assign_resources(host_);
  put(4, 0x52, 2, 1);
  card_.set_interrupt(true);
  EXPECT_NE(save(host_), power_on);
  host_.reset();
  EXPECT_EQ(save(host_), power_on);
}

TEST_F(PciTest, ResourcesAreAssignedAsABiosDoes) {
  Card second;
  ASSERT_TRUE(host_.plug(5, 0, second));
  assign_resources(host_);
  EXPECT_EQ(get(4, 0x10, 4), 0xE0000000u);
  EXPECT_EQ(get(5, 0x10, 4), 0xE0001000u);
  EXPECT_EQ(get(4, 0x20, 4), 0xC001u);
  EXPECT_EQ(get(5, 0x20, 4), 0xC021u);
  EXPECT_EQ(get(4, 0x04, 2), 0x0007u);
  EXPECT_EQ(get(4, 0x3C, 2), 0x0114u);
  EXPECT_EQ(get(5, 0x3C, 1), 21u);
  EXPECT_EQ(get(0, 0x04, 2), 0u);
}

TEST_F(PciTest, TheObserverSeesEachConfigurationAccess) {
  std::vector<PciHost::ConfigAccess> seen;
  host_.observe([&](const PciHost::ConfigAccess& a) { seen.push_back(a); });
  put(4, 0x3C, 1, 9);
  get(6, 0x02, 2);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_TRUE(seen[0].write && seen[0].present);
  EXPECT_EQ(seen[0].device, 4u);
  EXPECT_EQ(seen[0].offset, 0x3Cu);
  EXPECT_EQ(seen[0].value, 9u);
  EXPECT_FALSE(seen[1].present);
  EXPECT_EQ(seen[1].value, 0xFFFFu);
}

TEST_F(PciTest, WhatTheGuardRefusesDoesNotHappen) {
  put(4, 0x3C, 1, 5);
  std::vector<PciHost::ConfigAccess> asked;
  host_.guard([&](const PciHost::ConfigAccess& a) {
    asked.push_back(a);
    return a.device != 4;
  });
  put(4, 0x3C, 1, 6);
  EXPECT_EQ(get(4, 0x3C, 1), 0xFFu);
  EXPECT_EQ(get(0, 0, 2), 0x8086u);
  get(9, 0, 4);
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_TRUE(asked[0].write && asked[0].present);
  EXPECT_EQ(asked[0].value, 6u);
  EXPECT_EQ(asked[1].offset, 0x3Cu);
  host_.guard({});
  EXPECT_EQ(get(4, 0x3C, 1), 5u);
}

TEST(IsaBridge, HoldsWhatFirmwareSets) {
  IsaBridge bridge;
  EXPECT_EQ(bridge.config_read(0x00, 4), 0x3B028086u);
  EXPECT_EQ(bridge.config_read(0x0A, 2), 0x0601u);
  EXPECT_EQ(bridge.config_read(0x60, 1), 0x80u);
  bridge.config_write(0x60, 1, 0x0B);
  EXPECT_EQ(bridge.config_read(0x60, 1), 0x0Bu);
  bridge.config_write(0x40, 4, 0x00000400);
  EXPECT_EQ(bridge.config_read(0x40, 4), 0x00000401u);
}

}  // namespace
}  // namespace mint
