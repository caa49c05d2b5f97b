// Native command queuing (SATA 2.6, 13.6; AHCI 1.3, 5.6.4).

#include <gtest/gtest.h>

#include "tests/devices/ahci_fixture.hpp"

namespace mint {
namespace {

using namespace ahci;

class NcqTest : public AhciFixture {
 protected:
  using AhciFixture::AhciFixture;
  static constexpr std::uint8_t kRead = 0x60, kWrite = 0x61;

  void queue(unsigned tag, std::uint8_t code, std::uint64_t lba, std::uint16_t sectors,
             std::uint64_t buffer) {
    prepare(tag, code, lba, static_cast<std::uint16_t>(tag << 3), {{buffer, sectors * 512u}},
            sectors);
    port(kPxSact, 1u << tag);
    issue(1u << tag);
  }
  bool drained() {
    return wait([&] { return port(kPxSact) == 0 && port(kPxCi) == 0; });
  }
};

TEST_F(NcqTest, ASlotIsFreeInCiAtOnceAndInSactWhenTheDataHaveMoved) {
  bring_up();
  fill_pattern(kBuffer, 500, 4);
  queue(5, kWrite, 500, 4, kBuffer);
  run({4000});
  EXPECT_EQ(port(kPxCi), 0u);
  EXPECT_EQ(port(kPxSact), 1u << 5);
  EXPECT_EQ(port(kPxTfd), 0x50u);  // not busy: more may be queued
  EXPECT_EQ(port(kPxIs), 0u);
  ASSERT_TRUE(drained());
  EXPECT_EQ(port(kPxIs), kIsSetDeviceBits);
  EXPECT_TRUE(intx_);
  EXPECT_EQ(rfis(kRfisSetDeviceBits), 0xA1);
  EXPECT_EQ(rfis(kRfisSetDeviceBits + 4), 1u << 5);
  EXPECT_EQ(rfis(kRfisDmaSetup), 0x41);
  EXPECT_EQ(rfis(kRfisDmaSetup + 4), 5);
  queue(31, kRead, 500, 4, kBuffer + 0x4000);
  ASSERT_TRUE(drained());
  EXPECT_TRUE(has_pattern(kBuffer + 0x4000, 500, 4));
}

TEST_F(NcqTest, TheNearestCommandIsServedFirst) {
  bring_up();
  ASSERT_TRUE(command(0xEF, 0, 0, {}, 0x55));  // no look-ahead, to leave the heads alone
  ASSERT_TRUE(command(0x42, 0, 1));
  records_.clear();
  queue(0, kRead, 190'000, 8, kBuffer);
  run({3000});
  // Both wait while the first is served; tag 2 is on the track where it ends.
  queue(1, kRead, 0, 8, kBuffer + 0x1000);
  queue(2, kRead, 190'100, 8, kBuffer + 0x2000);
  ASSERT_TRUE(drained());
  ASSERT_EQ(records_.size(), 3u);
  EXPECT_EQ(records_[0].tag, 0);
  EXPECT_EQ(records_[1].tag, 2);
  EXPECT_EQ(records_[2].tag, 1);
  EXPECT_TRUE(records_[2].queued);
}

TEST_F(NcqTest, ACommandIsNotPassedByForEver) {
  bring_up();
  queue(31, kRead, 199'000, 8, kBuffer + 0x10000);
  run({3000});
  queue(30, kRead, 198'000, 8, kBuffer + 0x20000);
  // A stream of requests at the other end of the disk, each nearer than tag 30.
  bool served = false;
  std::uint64_t lba = 0;
  for (int i = 0; i < 4000 && !served; ++i) {
    for (unsigned tag = 0; tag < 4; ++tag)
      if ((port(kPxSact) >> tag & 1) == 0) queue(tag, kRead, lba++ % 1000 * 8, 8, kBuffer);
    run(milliseconds(1));
    served = (port(kPxSact) >> 30 & 1) == 0;
  }
  EXPECT_TRUE(served);
}

TEST_F(NcqTest, AllThirtyTwoSlotsAtOnce) {
  bring_up();
  for (unsigned tag = 0; tag < 32; ++tag) {
    fill_pattern(kBuffer + tag * 0x1000, tag * 5000, 8);
    prepare(tag, kWrite, tag * 5000, static_cast<std::uint16_t>(tag << 3),
            {{kBuffer + tag * 0x1000, 4096}}, 8);
  }
  port(kPxSact, 0xFFFFFFFF);
  issue(0xFFFFFFFF);
  ASSERT_TRUE(drained());
  EXPECT_EQ(records_.size(), 32u);
  for (unsigned tag = 0; tag < 32; ++tag)
    prepare(tag, kRead, tag * 5000, static_cast<std::uint16_t>(tag << 3),
            {{0x400000 + tag * 0x1000, 4096}}, 8);
  port(kPxSact, 0xFFFFFFFF);
  issue(0xFFFFFFFF);
  ASSERT_TRUE(drained());
  for (unsigned tag = 0; tag < 32; ++tag)
    EXPECT_TRUE(has_pattern(0x400000 + tag * 0x1000, tag * 5000, 8)) << tag;
}

TEST_F(NcqTest, AnErrorStopsTheQueueUntilItsLogIsRead) {
  bring_up();
  queue(3, kRead, 0xFFFFFFFFFF, 8, kBuffer);
  queue(4, kRead, 100, 8, kBuffer);
  ASSERT_TRUE(wait([&] { return (port(kPxIs) & kIsTaskFileError) != 0; }));
  run(milliseconds(200));
  EXPECT_EQ(port(kPxTfd), 0x1041u | 0x10);
  EXPECT_EQ(port(kPxSact) & 1u << 3, 1u << 3);
  EXPECT_EQ(rfis(kRfisSetDeviceBits + 3), ata::kIdNotFound);

  // libata: stop, start, read the log, try again.
  port(kPxCmd, kCmdFisReceive);
  EXPECT_EQ(port(kPxSact), 0u);
  port(kPxIs, 0xFFFFFFFF);
  port(kPxCmd, kCmdFisReceive | kCmdStart);
  EXPECT_FALSE(command(0x25, 0, 8, {{kBuffer, 4096}}));
  EXPECT_EQ(error(), ata::kAbort);
  port(kPxCmd, kCmdFisReceive);
  port(kPxIs, 0xFFFFFFFF);
  port(kPxCmd, kCmdFisReceive | kCmdStart);
  ASSERT_TRUE(command(0x2F, 0x10, 1, {{kBuffer, 512}}));
  EXPECT_EQ(ram_.get<std::uint8_t>(kBuffer), 3);
  EXPECT_EQ(ram_.get<std::uint8_t>(kBuffer + 2), 0x51);
  EXPECT_EQ(ram_.get<std::uint8_t>(kBuffer + 3), ata::kIdNotFound);
  EXPECT_EQ(ram_.get<std::uint8_t>(kBuffer + 4), 0xFF);
  unsigned sum = 0;
  for (unsigned i = 0; i < 512; ++i) sum += ram_.get<std::uint8_t>(kBuffer + i);
  EXPECT_EQ(sum & 0xFF, 0u);
  queue(4, kRead, 100, 8, kBuffer);
  EXPECT_TRUE(drained());
}

TEST_F(NcqTest, MixingInAnotherCommandFailsThemAll) {
  bring_up();
  queue(1, kRead, 150'000, 8, kBuffer);
  run({4000});
  EXPECT_FALSE(command(0xE7));
  EXPECT_EQ(error(), ata::kAbort);
  run(milliseconds(200));
  EXPECT_EQ(port(kPxSact), 2u);  // never answered
  recover();
  EXPECT_TRUE(command(0xE7));
}

TEST_F(NcqTest, ATagInUseIsAnError) {
  bring_up();
  queue(1, kRead, 150'000, 8, kBuffer);
  run({4000});
  queue(1, kRead, 100, 8, kBuffer);
  ASSERT_TRUE(wait([&] { return (port(kPxIs) & kIsTaskFileError) != 0; }, milliseconds(1)));
  recover();
  EXPECT_TRUE(command(0xE7));
}

TEST_F(NcqTest, WithoutItsSactBitACommandCannotMoveData) {
  bring_up();
  prepare(2, kRead, 0, 2 << 3, {{kBuffer, 512}}, 1);
  issue(1u << 2);
  ASSERT_TRUE(wait([&] { return (port(kPxIs) & kIsTaskFileError) != 0; }));
  EXPECT_EQ(error(), ata::kAbort);
  recover();
  EXPECT_TRUE(command(0xE7));
}

TEST_F(NcqTest, ForcedUnitAccessGoesPastTheWriteCache) {
  bring_up();
  prepare(0, kWrite, 150'000, 0, {{kBuffer, 4096}}, 8, 0xC0);
  port(kPxSact, 1);
  issue(1);
  ASSERT_TRUE(drained());
  EXPECT_EQ(records_.back().time.cache_hit, 0u);
}

class NoNcqTest : public NcqTest {
 protected:
  NoNcqTest() : NcqTest(false) {}
};

TEST_F(NoNcqTest, AControllerAndDiskWithoutNcqSaySoAndAbort) {
  bring_up();
  EXPECT_EQ(reg(kCap) & kCapNcq, 0u);
  ASSERT_TRUE(command(0xEC, 0, 0, {{kBuffer, 512}}));
  EXPECT_EQ(identify_word(75), 0);
  EXPECT_EQ(identify_word(76) & 0x0100, 0);
  queue(0, kRead, 0, 1, kBuffer);
  ASSERT_TRUE(wait([&] { return (port(kPxIs) & kIsTaskFileError) != 0; }));
  EXPECT_EQ(error(), ata::kAbort);
}

}  // namespace
}  // namespace mint
