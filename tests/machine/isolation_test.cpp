// What the check of isolation allows and what it tells.
#include "emu/machine/isolation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mint {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kM = 1 << 20;

class IsolationTest : public testing::Test {
 protected:
  IsolationTest() {
    add("leader", Role::kLeader, 0, 0, 256 * kM, 4);
    add("f1", Role::kFollower, 1, 256 * kM, 512 * kM, 3);
    add("f2", Role::kFollower, 2, 512 * kM, 768 * kM, 10);
    scenario_.os[1].pci = {{0, 5, 0}};
    scenario_.os[1].uart = 2;
    scenario_.shared.ranges = {{PhysAddr{0x1000}, PhysAddr{0x2000}}};
    isolation_ = std::make_unique<Isolation>(
        scenario_,
        Isolation::World{.where = [](unsigned) { return "a place"; },
                         .pci_at = [](std::uint64_t address, bool) -> std::optional<PciAddress> {
                           if (address == 0xe0001000) return PciAddress{0, 5, 0};
                           return std::nullopt;
                         }});
    isolation_->begin();
  }
  void add(const char* name, Role role, std::uint8_t core, std::uint64_t from, std::uint64_t to,
           unsigned pin) {
    OsSpec& os = scenario_.os.emplace_back();
    os.name = name;
    os.role = role;
    os.cores = {ApicId{core}};
    os.memory = {PhysAddr{from}, PhysAddr{to}};
    os.pins = {pin};
  }
  void page(unsigned core, std::uint64_t address, PageUse use = PageUse::kStore) {
    isolation_->page_used(core, {1}, PhysAddr{address}, use);
  }
  ApicBus::Delivery ipi(unsigned from, unsigned to, DeliveryMode mode) {
    ApicBus::Delivery delivery{};
    delivery.origin = Origin::lapic(static_cast<std::uint8_t>(from));
    delivery.message.mode = mode;
    delivery.targets[to] = true;
    return delivery;
  }

  Scenario scenario_;
  std::unique_ptr<Isolation> isolation_;
};

TEST_F(IsolationTest, OwnSharedAndFirmwareMemory) {
  page(1, 256 * kM);
  page(1, 0x9000);                 // its slot
  page(1, 0x1100);                 // shared
  page(2, 0x413, PageUse::kLoad);  // BIOS data
  page(2, 0xf0000, PageUse::kLoad);
  EXPECT_EQ(isolation_->count(), 0U);
}

TEST_F(IsolationTest, AnothersMemory) {
  page(1, 512 * kM + 0x123);
  page(2, 0x9000, PageUse::kFetch);  // the slot of f1
  page(2, 0x413);                    // BIOS data is not to be written
  EXPECT_THAT(
      isolation_->found(),
      ElementsAre(Field(&Interference::what, "f1 wrote the page at 0x20000000, which is f2's"),
                  Field(&Interference::what, "f2 executed the page at 0x9000, which is f1's"),
                  Field(&Interference::what, "f2 wrote the page at 0x0, which is leader's")));
}

TEST_F(IsolationTest, LeaderPlacesFollowersAndStartsThem) {
  isolation_->placing(true);
  page(0, 256 * kM);
  isolation_->placing(false);
  isolation_->message_delivered(ipi(0, 1, DeliveryMode::kInit));
  isolation_->message_delivered(ipi(0, 1, DeliveryMode::kStartup));
  EXPECT_EQ(isolation_->count(), 0U);
  page(0, 256 * kM);
  isolation_->message_delivered(ipi(0, 1, DeliveryMode::kFixed));
  isolation_->message_delivered(ipi(2, 1, DeliveryMode::kStartup));
  EXPECT_EQ(isolation_->count(), 3U);
}

TEST_F(IsolationTest, LeaderPlacesAFollowerOnlyWhileItDoesNotRun) {
  isolation_->message_delivered(ipi(0, 1, DeliveryMode::kStartup));
  isolation_->placing(true);
  page(0, 512 * kM);  // f2 has not been started
  EXPECT_EQ(isolation_->count(), 0U);
  page(0, 256 * kM);
  EXPECT_EQ(isolation_->count(), 1U);
  isolation_->message_delivered(ipi(0, 1, DeliveryMode::kInit));
  page(0, 256 * kM);
  EXPECT_EQ(isolation_->count(), 1U);
}

TEST_F(IsolationTest, FirstMegabyteIsTheLeadersUntilItPlacesAFollower) {
  page(0, 0x9000);
  page(0, 0x12000);
  EXPECT_EQ(isolation_->count(), 0U);
  page(0, 256 * kM);
  page(1, 0x12000);
  EXPECT_EQ(isolation_->count(), 2U);
  isolation_->placing(true);
  isolation_->placing(false);
  page(0, 0x12000);
  EXPECT_EQ(isolation_->count(), 3U);
}

TEST_F(IsolationTest, MessageOfADevice) {
  ApicBus::Delivery delivery{};
  delivery.origin = Origin::msi(5 << 3);
  delivery.message.vector = {0x41};
  delivery.message.mode = DeliveryMode::kFixed;
  delivery.targets[1] = true;
  isolation_->message_delivered(delivery);
  EXPECT_EQ(isolation_->count(), 0U);
  delivery.targets[2] = true;
  isolation_->message_delivered(delivery);
  EXPECT_THAT(isolation_->found(),
              ElementsAre(Field(&Interference::what,
                                "message of PCI function 00:05.0 of f1 with vector 41 reached "
                                "core 2, which is f2's")));
}

TEST_F(IsolationTest, DmaAcrossTheEdgeOfARange) {
  isolation_->dma("disk", 1, {1}, true, PhysAddr{512 * kM - 512}, 512);
  EXPECT_THAT(isolation_->found(), IsEmpty());
  isolation_->dma("disk", 1, {1}, true, PhysAddr{512 * kM - 512}, 513);
  isolation_->dma("NIC", 2, {1}, false, PhysAddr{512 * kM - 1}, 1);
  EXPECT_THAT(
      isolation_->found(),
      ElementsAre(
          Field(&Interference::what, "the disk of f1 wrote memory at 0x20000000, which is f2's"),
          Field(&Interference::what, "the NIC of f2 read memory at 0x1fffffff, which is f1's")));
}

TEST_F(IsolationTest, Devices) {
  const auto access = [&](unsigned core, Access::Kind kind, std::uint64_t address) {
    isolation_->accessed(core, {1}, {kind, true, 4, address, 0});
  };
  access(1, Access::Kind::kPort, 0x2f8);
  access(1, Access::Kind::kDevice, 0xe0001000);
  isolation_->pci_configured(1, {1}, {0, 5, 0}, 4, true);
  isolation_->redirection_written(1, {1}, 3);
  isolation_->redirection_written(1, {1}, 7);  // nobody's
  EXPECT_EQ(isolation_->count(), 0U);
  access(2, Access::Kind::kPort, 0x2ff);
  access(2, Access::Kind::kDevice, 0xe0001000);
  isolation_->pci_configured(2, {1}, {0, 5, 0}, 4, true);
  isolation_->redirection_written(2, {1}, 3);
  EXPECT_EQ(isolation_->count(), 4U);
  EXPECT_THAT(isolation_->found().back().what, HasSubstr("pin 3, which is f1's"));
}

TEST_F(IsolationTest, NothingBeforeTheLeadersKernel) {
  Isolation fresh(scenario_, {});
  fresh.page_used(0, {1}, PhysAddr{256 * kM}, PageUse::kStore);
  EXPECT_EQ(fresh.count(), 0U);
}

}  // namespace
}  // namespace mint
