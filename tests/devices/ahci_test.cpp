// The AHCI controller as a driver meets it: start, reset, commands, interrupts.

#include <gtest/gtest.h>

#include <set>

#include "tests/devices/ahci_fixture.hpp"

namespace mint {
namespace {

using namespace ahci;

class AhciTest : public AhciFixture {};

TEST_F(AhciTest, TellsWhatItIs) {
  EXPECT_EQ(ahci_->config_read(0x00, 4), 0x3B228086u);
  EXPECT_EQ(ahci_->config_read(0x08, 4) >> 8, 0x010601u);
  EXPECT_EQ(ahci_->config_read(0x24, 4), 0xE0000000u);
  EXPECT_EQ(reg(kVs), 0x00010300u);
  EXPECT_EQ(reg(kPi), 1u);
  EXPECT_EQ(reg(kCap) & 0x1F, 0u);        // one port
  EXPECT_EQ(reg(kCap) >> 8 & 0x1F, 31u);  // 32 slots
  EXPECT_NE(reg(kCap) & kCapNcq, 0u);
  EXPECT_EQ(reg(kGhc), kGhcAhciEnable);  // SAM: AE cannot be cleared
  reg(kGhc, 0);
  EXPECT_EQ(reg(kGhc), kGhcAhciEnable);
  reg(kCap, 0);
  EXPECT_NE(reg(kCap), 0u);
}

TEST_F(AhciTest, RegistersTakeAccessesOfEverySize) {
  EXPECT_EQ(ahci_->read(kVs + 2, 1), 0x01u);
  EXPECT_EQ(ahci_->read(kVs, 2), 0x0300u);
  EXPECT_EQ(ahci_->read(kPi, 8), 0x0001030000000001u);
  EXPECT_EQ(ahci_->read(kVs + 1, 4) & 0xFFFFFF, 0x000103u);
  ahci_->write(kPorts + kPxClb + 1, 1, 0xFF);
  EXPECT_EQ(port(kPxClb), 0xFC00u);  // 1 KB alignment
  ahci_->write(kPorts + kPxFb, 8, 0x123456789ABCDEF0);
  EXPECT_EQ(port(kPxFb), 0x9ABCDE00u);
  EXPECT_EQ(port(kPxFbu), 0x12345678u);
  EXPECT_EQ(ahci_->read(0x7FC, 8), 0u);
  ahci_->write(0x7FE, 8, ~0ull);
}

TEST_F(AhciTest, TheLinkComesUpAfterItsDelayAndTheDiskWhenItHasSpunUp) {
  EXPECT_EQ(port(kPxSsts), 0u);
  EXPECT_EQ(port(kPxTfd), 0x7Fu);
  start_port();
  run(milliseconds(11));
  EXPECT_EQ(port(kPxSsts), 0x123u);
  EXPECT_EQ(port(kPxTfd) & 0xFF, 0x80u);
  EXPECT_EQ(port(kPxSig), 0xFFFFFFFFu);
  EXPECT_EQ(port(kPxIs) & (kIsConnectChange | kIsPhyRdyChange), kIsConnectChange | kIsPhyRdyChange);
  run(milliseconds(2980));
  EXPECT_EQ(port(kPxTfd) & 0xFF, 0x80u);
  run(milliseconds(10));
  EXPECT_EQ(port(kPxTfd), 0x0150u);
  EXPECT_EQ(port(kPxSig), 0x00000101u);
  EXPECT_EQ(rfis(kRfisD2h), 0x34);
  EXPECT_EQ(port(kPxIs) & kIsD2h, 0u);  // the signature asks for no interrupt
}

TEST_F(AhciTest, TheConnectBitsOfPxIsAreClearedInPxSerr) {
  run(milliseconds(11));
  port(kPxIs, 0xFFFFFFFF);
  EXPECT_NE(port(kPxIs) & kIsConnectChange, 0u);
  port(kPxSerr, kSerrExchanged);
  EXPECT_EQ(port(kPxIs) & kIsConnectChange, 0u);
  EXPECT_NE(port(kPxIs) & kIsPhyRdyChange, 0u);
}

TEST_F(AhciTest, ASignatureThatCameEarlyIsPostedOnceReceptionIsOn) {
  ASSERT_TRUE(wait([&] { return port(kPxTfd) == 0x0150; }));
  EXPECT_EQ(rfis(kRfisD2h), 0);
  start_port();
  EXPECT_EQ(rfis(kRfisD2h), 0x34);
  EXPECT_EQ(rfis(kRfisD2h + 12), 1);
}

TEST_F(AhciTest, RunningBitsFollowStartAndFisReceive) {
  EXPECT_EQ(port(kPxCmd) & (kCmdListRunning | kCmdFisRunning), 0u);
  bring_up();
  EXPECT_EQ(port(kPxCmd) & 0xFFFF, 0xC017u);
  port(kPxCmd, kCmdFisReceive);
  EXPECT_EQ(port(kPxCmd) & kCmdListRunning, 0u);
  port(kPxCmd, 0);
  EXPECT_EQ(port(kPxCmd) & kCmdFisRunning, 0u);
}

TEST_F(AhciTest, ReadsAndWritesByDma) {
  bring_up();
  fill_pattern(kBuffer, 1000, 8);
  ASSERT_TRUE(command(0x35, 1000, 8, {{kBuffer, 8 * 512}}));
  EXPECT_EQ(transferred(), 8u * 512);
  EXPECT_EQ(disk_->image().written_blocks(), 1u);
  // Scattered over pieces of all sizes.
  ASSERT_TRUE(command(0x25, 1000, 8, {{0x300002, 2}, {0x300004, 510}, {0x300200, 7 * 512}}));
  EXPECT_FALSE(has_pattern(0x300000, 1000, 1));
  ASSERT_TRUE(command(0x25, 1000, 8, {{0x300000, 2}, {0x300002, 510}, {0x300200, 7 * 512}}));
  EXPECT_TRUE(has_pattern(0x300000, 1000, 8));
  EXPECT_EQ(transferred(), 8u * 512);
  EXPECT_EQ(rfis(kRfisD2h), 0x34);
  EXPECT_EQ(rfis(kRfisD2h + 2), 0x50);
}

TEST_F(AhciTest, ReadsAndWritesWith28BitAndChsAddresses) {
  bring_up();
  fill_pattern(kBuffer, 63, 1);
  ASSERT_TRUE(command(0xCA, 63, 1, {{kBuffer, 512}}));
  // Cylinder 0, head 1, sector 1.
  ASSERT_TRUE(command(0xC8, 0x000001, 1, {{kBuffer + 0x1000, 512}}, 0, 0x01));
  EXPECT_TRUE(has_pattern(kBuffer + 0x1000, 63, 1));
  // Sectors count from 1.
  EXPECT_FALSE(command(0xC8, 0x000000, 1, {{kBuffer, 512}}, 0, 0x01));
  EXPECT_EQ(error(), ata::kIdNotFound);
}

TEST_F(AhciTest, ACountOfZeroIsTheLargest) {
  bring_up();
  ASSERT_TRUE(command(0xC8, 0, 0, {{kBuffer, 256 * 512}}));
  EXPECT_EQ(transferred(), 256u * 512);
  ASSERT_TRUE(command(0x42, 0, 0));
  EXPECT_EQ(records_.back().sectors, 65'536u);
}

TEST_F(AhciTest, PioDataInEndsWithThePioSetupFis) {
  bring_up();
  ASSERT_TRUE(command(0xEC, 0, 0, {{kBuffer, 512}}));
  EXPECT_EQ(rfis(kRfisPioSetup), 0x5F);
  EXPECT_EQ(rfis(kRfisPioSetup + 2), 0x58);
  EXPECT_EQ(rfis(kRfisPioSetup + 15), 0x50);
  EXPECT_EQ(rfis(kRfisPioSetup + 17), 0x02);
  EXPECT_NE(port(kPxIs) & kIsPioSetup, 0u);
  EXPECT_EQ(port(kPxIs) & kIsD2h, 0u);
  EXPECT_EQ(transferred(), 512u);
}

TEST_F(AhciTest, IdentifyDescribesTheDisk) {
  bring_up();
  ASSERT_TRUE(command(0xEC, 0, 0, {{kBuffer, 512}}));
  EXPECT_EQ(identify_word(0) & 0x8000, 0);
  EXPECT_EQ(identify_word(10), 'T' << 8 | 'E');
  EXPECT_EQ(identify_word(27), 'S' << 8 | 'T');
  EXPECT_EQ(identify_word(46), ' ' << 8 | ' ');
  EXPECT_EQ(ram_.get<std::uint32_t>(kBuffer + 2 * 60), kDiskSectors);
  EXPECT_EQ(ram_.get<std::uint64_t>(kBuffer + 2 * 100), kDiskSectors);
  EXPECT_EQ(identify_word(1), kDiskSectors / (16 * 63));
  EXPECT_EQ(identify_word(75), 31);
  EXPECT_EQ(identify_word(76) & 0x0100, 0x0100);
  EXPECT_EQ(identify_word(83) & 0xC400, 0x4400);
  EXPECT_EQ(identify_word(88), 0x407F);
  EXPECT_EQ(identify_word(217), 7200);
  unsigned sum = 0;
  for (unsigned i = 0; i < 512; ++i) sum += ram_.get<std::uint8_t>(kBuffer + i);
  EXPECT_EQ(sum & 0xFF, 0u);
  EXPECT_EQ(ram_.get<std::uint8_t>(kBuffer + 510), 0xA5);
}

TEST_F(AhciTest, PioReadsAndWritesSectorBySector) {
  bring_up();
  fill_pattern(kBuffer, 5, 3);
  ASSERT_TRUE(command(0x34, 5, 3, {{kBuffer, 3 * 512}}));
  EXPECT_NE(port(kPxIs) & kIsD2h, 0u);  // PIO out ends with a D2H FIS
  ASSERT_TRUE(command(0x24, 5, 3, {{kBuffer + 0x4000, 3 * 512}}));
  EXPECT_TRUE(has_pattern(kBuffer + 0x4000, 5, 3));
  EXPECT_FALSE(command(0x29, 5, 3, {{kBuffer + 0x4000, 3 * 512}}));  // no multiple mode yet
  EXPECT_EQ(error(), ata::kAbort);
  recover();
  ASSERT_TRUE(command(0xC6, 0, 2));
  ASSERT_TRUE(command(0x29, 5, 3, {{kBuffer + 0x8000, 3 * 512}}));
  EXPECT_TRUE(has_pattern(kBuffer + 0x8000, 5, 3));
  EXPECT_FALSE(command(0xC6, 0, 3));
}

TEST_F(AhciTest, AnInterruptGoesThroughPxIsToIsToThePin) {
  bring_up();
  EXPECT_FALSE(intx_);
  ASSERT_TRUE(command(0xE7));
  EXPECT_EQ(port(kPxIs), kIsD2h);
  EXPECT_EQ(reg(kIs), 1u);
  EXPECT_TRUE(intx_);
  reg(kIs, 1);  // the port still asks
  EXPECT_EQ(reg(kIs), 1u);
  port(kPxIs, kIsD2h);
  EXPECT_TRUE(intx_);
  reg(kIs, 1);
  EXPECT_FALSE(intx_);
  reg(kGhc, 0);
  ASSERT_TRUE(command(0xE7));
  EXPECT_FALSE(intx_);
  reg(kGhc, kGhcInterrupts);
  EXPECT_TRUE(intx_);
}

TEST_F(AhciTest, PxIeSelectsWhatInterrupts) {
  bring_up();
  port(kPxIe, kIsPioSetup);
  ASSERT_TRUE(command(0xE7));
  EXPECT_EQ(port(kPxIs), kIsD2h);
  EXPECT_EQ(reg(kIs), 0u);
  EXPECT_FALSE(intx_);
  port(kPxIe, kIsPioSetup | kIsD2h);
  EXPECT_TRUE(intx_);
}

TEST_F(AhciTest, MsiSendsOneMessageForEachInterrupt) {
  bring_up();
  ahci_->config_write(0x84, 4, 0xFEE00000);
  ahci_->config_write(0x88, 2, 0x4041);
  ahci_->config_write(0x82, 2, 1);
  ASSERT_TRUE(command(0xE7));
  EXPECT_EQ(messages_, std::vector<std::uint32_t>{0x4041});
  EXPECT_FALSE(intx_);
  // Acknowledged in the driver's order; then the next one comes.
  port(kPxIs, port(kPxIs));
  reg(kIs, 1);
  EXPECT_EQ(messages_.size(), 1u);
  ASSERT_TRUE(command(0xE7));
  EXPECT_EQ(messages_.size(), 2u);
  // An interrupt that comes between the two acknowledgements is not lost.
  reg(kIs, 1);
  EXPECT_EQ(messages_.size(), 3u);
}

TEST_F(AhciTest, ADescriptorCanAskForAnInterrupt) {
  bring_up();
  ASSERT_TRUE(command(0x25, 0, 2, {{kBuffer, 512, true}, {kBuffer + 512, 512}}));
  EXPECT_NE(port(kPxIs) & kIsDescriptor, 0u);
}

TEST_F(AhciTest, ServesItsSlotsInTurn) {
  bring_up();
  for (unsigned slot : {3u, 7u, 30u}) prepare(slot, 0x42, slot * 100, 1, {});
  issue(1u << 30 | 1u << 7 | 1u << 3);
  ASSERT_TRUE(wait([&] { return port(kPxCi) == 0; }));
  ASSERT_EQ(records_.size(), 3u);
  EXPECT_EQ(records_[0].lba, 300u);
  EXPECT_EQ(records_[1].lba, 700u);
  EXPECT_EQ(records_[2].lba, 3000u);
}

TEST_F(AhciTest, ACommandTakesAsLongAsTheMechanicsSay) {
  bring_up();
  prepare(0, 0x25, 150'000, 8, {{kBuffer, 4096}});
  const Cycles start = queue_.now();
  ASSERT_TRUE(complete());
  ASSERT_EQ(records_.size(), 1u);
  const DiskCommandRecord& r = records_[0];
  EXPECT_EQ(r.received, start + Cycles{2800});  // 1 us to fetch and send the command
  EXPECT_EQ(r.finished, r.received + r.time.total());
  EXPECT_EQ(r.finished, queue_.now());
  EXPECT_GT(r.time.seek, Cycles{});
}

TEST_F(AhciTest, SoftResetGivesTheSignatureAgain) {
  bring_up();
  Fis reset{0x27, 0x00};
  reset[15] = ata::kSoftReset;
  prepare_fis(0, reset, {}, 1u << 8 | kHeaderClearBusy);
  ASSERT_TRUE(complete());
  EXPECT_EQ(port(kPxCi), 0u);
  run(milliseconds(5));
  ram_.fill(kRfis, 256, 0);
  reset[15] = 0;
  prepare_fis(0, reset, {});
  issue(1);
  run({5000});
  EXPECT_EQ(port(kPxTfd) & 0x80, 0x80u);
  ASSERT_TRUE(wait([&] { return (port(kPxTfd) & 0x80) == 0; }, milliseconds(10)));
  EXPECT_EQ(port(kPxSig), 0x00000101u);
  EXPECT_EQ(rfis(kRfisD2h), 0x34);
  ASSERT_TRUE(command(0xE7));
}

TEST_F(AhciTest, SoftResetByOverrideFreesAPortWhoseDeviceIsBusy) {
  bring_up();
  prepare(0, 0x25, 150'000, 8, {{kBuffer, 4096}});
  issue(1);
  run({10'000});
  EXPECT_EQ(port(kPxTfd) & 0x80, 0x80u);
  port(kPxCmd, kCmdFisReceive);
  EXPECT_EQ(port(kPxCi), 0u);
  port(kPxCmd, kCmdFisReceive | kCmdOverride);
  EXPECT_EQ(port(kPxTfd) & 0x88, 0u);
  port(kPxCmd, kCmdFisReceive | kCmdStart);
  Fis reset{0x27, 0x00};
  reset[15] = ata::kSoftReset;
  prepare_fis(0, reset, {}, 1u << 8 | kHeaderClearBusy);
  ASSERT_TRUE(complete());
  reset[15] = 0;
  prepare_fis(0, reset, {});
  ASSERT_TRUE(complete());
  ASSERT_TRUE(wait([&] { return port(kPxTfd) == 0x0150; }, milliseconds(10)));
  EXPECT_TRUE(records_.empty());  // the read was dropped
  ASSERT_TRUE(command(0xE7));
}

TEST_F(AhciTest, ComresetDropsTheCommandUnderWay) {
  bring_up();
  ram_.fill(kBuffer, 4096, 0x77);
  prepare(0, 0x25, 150'000, 8, {{kBuffer, 4096}});
  issue(1);
  run({10'000});
  recover();
  EXPECT_EQ(port(kPxSsts), 0x123u);
  EXPECT_EQ(port(kPxCi), 0u);
  run(milliseconds(100));
  EXPECT_TRUE(records_.empty());
  EXPECT_EQ(ram_.get<std::uint8_t>(kBuffer), 0x77);
  ASSERT_TRUE(command(0x25, 150'000, 8, {{kBuffer, 4096}}));
  EXPECT_EQ(ram_.get<std::uint8_t>(kBuffer), 0);
}

TEST_F(AhciTest, AnHbaResetInTheMiddleOfACommandLeavesAWorkingController) {
  bring_up();
  prepare(0, 0x35, 1000, 8, {{kBuffer, 4096}});
  issue(1);
  run({10'000});
  reg(kGhc, kGhcReset);
  EXPECT_EQ(reg(kGhc), kGhcAhciEnable);
  EXPECT_EQ(port(kPxCi), 0u);
  EXPECT_EQ(port(kPxClb), kList);  // survives (10.4.3)
  run(milliseconds(200));
  EXPECT_EQ(disk_->image().written_blocks(), 0u);
  bring_up();
  ASSERT_TRUE(command(0x35, 1000, 8, {{kBuffer, 4096}}));
}

TEST_F(AhciTest, TheBoardsResetLeavesTheDiskSpinning) {
  bring_up();
  ASSERT_TRUE(command(0x35, 1000, 1, {{kBuffer, 512}}));
  host_.reset();
  EXPECT_EQ(port(kPxClb), 0u);
  EXPECT_EQ(port(kPxSsts), 0u);
  EXPECT_EQ(ahci_->config_read(0x04, 2), 0u);
  assign_resources(host_);
  const Cycles start = queue_.now();
  bring_up();
  EXPECT_LT(queue_.now() - start, milliseconds(20));
  EXPECT_EQ(disk_->image().written_blocks(), 1u);
}

TEST_F(AhciTest, AnOfflinePortHasNoLink) {
  bring_up();
  port(kPxCmd, kCmdFisReceive);
  port(kPxSctl, kDetOffline);
  EXPECT_EQ(port(kPxSsts), 4u);
  run(milliseconds(100));
  EXPECT_EQ(port(kPxSsts), 4u);
  recover();
  ASSERT_TRUE(command(0xE7));
}

TEST_F(AhciTest, AnEmptyPortStaysDown) {
  AhciConfig config;
  config.ports_implemented = 0x21;
  AhciController other(queue_, ram_, config);
  EXPECT_EQ(other.read(kPi, 4), 0x21u);
  EXPECT_EQ(other.read(kCap, 4) & 0x1F, 5u);
  other.write(kPorts + kPxSctl, 4, 1);
  other.write(kPorts + kPxSctl, 4, 0);
  run(milliseconds(50));
  EXPECT_EQ(other.read(kPorts + kPxSsts, 4), 0u);
  EXPECT_EQ(other.read(kPorts + kPxTfd, 4), 0x7Fu);
  other.write(kPorts + kPxCmd, 4, kCmdFisReceive | kCmdStart);
  other.write(kPorts + kPxCi, 4, 1);
  run(milliseconds(50));
  EXPECT_EQ(other.read(kPorts + kPxCi, 4), 1u);
  EXPECT_EQ(other.read(kPorts + 0x80 + kPxSig, 4), 0u);  // not implemented
  EXPECT_FALSE(other.attach(1, *disk_));
}

TEST_F(AhciTest, EachFieldOfTheStateHasANameOfItsOwn) {
  class Names final : public StateVisitor {
   public:
    void bytes(std::string_view name, std::span<std::byte>) override { add(name); }
    void blob(std::string_view name, std::vector<std::uint8_t>&) override { add(name); }
    void add(std::string_view name) { EXPECT_TRUE(seen.insert(std::string(name)).second) << name; }
    std::set<std::string> seen;
  };
  AhciController second(queue_, ram_, {.name = "ahci5", .ports_implemented = 3});
  ASSERT_TRUE(host_.plug(5, 0, second));
  Names names;
  host_.visit(names);
  EXPECT_TRUE(names.seen.contains("04.0.port0.disk.written"));
  EXPECT_TRUE(names.seen.contains("05.0.port1.ci"));
}

// A second machine of the same make, brought to the state of the first in the middle of a command,
// ends it at the same time and in the same state.
TEST_F(AhciTest, GoesOnTheSameAfterARestoreInTheMiddleOfACommand) {
  class Twin : public AhciFixture {
   public:
    void TestBody() override {}
    using AhciFixture::host_;
    using AhciFixture::kBuffer;
    using AhciFixture::queue_;
    using AhciFixture::ram_;
    using AhciFixture::records_;
  };
  bring_up();
  fill_pattern(kBuffer, 7, 8);
  ASSERT_TRUE(command(0x35, 777, 8, {{kBuffer, 4096}}));
  prepare(0, 0x25, 777, 8, {{kBuffer + 0x1000, 4096}});
  prepare(1, 0x42, 100'000, 8, {});
  issue(3);
  run({100'000});

  Twin twin;
  twin.queue_.run_until(queue_.now());
  restore(twin.host_, save(host_));
  twin.ram_ = ram_;
  EXPECT_EQ(save(twin.host_), save(host_));
  run(milliseconds(100));
  twin.queue_.run_until(queue_.now());
  EXPECT_EQ(save(twin.host_), save(host_));
  ASSERT_EQ(twin.records_.size(), 2u);
  EXPECT_EQ(twin.records_[1].finished, records_[2].finished);
  EXPECT_EQ(twin.ram_.get<std::uint8_t>(kBuffer + 0x1000 + 5), 7 + 5);
  EXPECT_EQ(port(kPxCi), 0u);
}

}  // namespace
}  // namespace mint
