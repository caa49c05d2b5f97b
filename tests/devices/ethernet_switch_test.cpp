// The switch between NICs: where frames go, and when.

#include "tests/devices/nic_fixture.hpp"
#include "tests/devices/saved_state.hpp"

namespace mint {
namespace {

using namespace nic;

class EthernetSwitchTest : public NicFixture {};

TEST_F(EthernetSwitchTest, TheSwitchLearnsWhereAddressesAre) {
  EthernetSwitch lan(queue_, "three", Cycles{2000});
  std::vector<std::unique_ptr<Host>> three;
  for (unsigned i = 0; i < 3; ++i) {
    three.push_back(std::make_unique<Host>(queue_, i % 2));
    lan.connect(*three[i]->nic);
  }
  for (const auto& h : three) {
    bring_up(*h);
    h->reg(kRctl, h->reg(kRctl) | kRctlUnicast);
  }
  constexpr MacAddress kThird{0x02, 0, 0, 0, 0, 3};
  send(*three[0], frame_to(kThird, kMac[0], 100));  // unknown: to all others
  run(ms(1));
  EXPECT_EQ(three[1]->reg(kRdh), 1u);
  EXPECT_EQ(three[2]->reg(kRdh), 1u);
  send(*three[2], frame_to(kMac[0], kThird, 100));
  run(ms(1));
  send(*three[0], frame_to(kThird, kMac[0], 100));
  run(ms(1));
  EXPECT_EQ(three[0]->reg(kRdh), 1u);
  EXPECT_EQ(three[1]->reg(kRdh), 1u);  // nothing more
  EXPECT_EQ(three[2]->reg(kRdh), 2u);
}

TEST_F(EthernetSwitchTest, TheSwitchStoresAndForwards) {
  bring_up();
  send(host(0), frame_to(kMac[1], kMac[0], 1000));
  while (crossed_.empty()) queue_.run_next();
  const Cycles in = crossed_[0].at;
  while (host(1).reg(kRdh) == 0) queue_.run_next();
  const std::uint64_t way = 2000 + 8 * 1024;
  const std::uint64_t burst = 240 + (1004 + 32) * 15 / 2;
  EXPECT_NEAR(static_cast<double>((queue_.now() - in).count), static_cast<double>(way + burst), 2);
}

TEST_F(EthernetSwitchTest, ControlFramesAndRuntsEndAtIt) {
  bring_up();
  host(1).reg(kRctl, host(1).reg(kRctl) | kRctlMulticast | kRctlUnicast);
  constexpr MacAddress kPause{0x01, 0x80, 0xC2, 0x00, 0x00, 0x01};
  send(host(0), frame_to(kPause, kMac[0], 60, 0x8808));
  host(0).reg(kTctl, kTctlEnable);  // no padding
  run(ms(1));
  send(host(0), frame_to(kMac[1], kMac[0], 59));
  run(ms(1));
  EXPECT_EQ(crossed_.size(), 1u);
  EXPECT_EQ(host(1).reg(kRdh), 0u);
}

TEST_F(EthernetSwitchTest, StateGoesIntoAnotherSwitch) {
  bring_up();
  send(host(0), frame_to(kMac[1], kMac[0], 1000));
  while (crossed_.empty()) queue_.run_next();
  const SavedState saved = SavedState::of(lan_);  // with a frame on its way
  lan_.reset();
  EXPECT_FALSE(SavedState::of(lan_) == saved);
  saved.restore(lan_);
  EXPECT_TRUE(SavedState::of(lan_) == saved);
  run(ms(1));
  EXPECT_EQ(host(1).reg(kRdh), 1u);
}

}  // namespace
}  // namespace mint
