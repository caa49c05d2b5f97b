// What the AHCI controller and its disk make of errors and of nonsense.

#include <gtest/gtest.h>

#include "tests/devices/ahci_fixture.hpp"

namespace mint {
namespace {

using namespace ahci;

class AhciErrorTest : public AhciFixture {
 protected:
  // After anything at all, a driver's recovery must give a working disk.
  void expect_recovery() {
    ahci_->config_write(0x04, 2, 0x0006);
    bring_up();
    fill_pattern(kBuffer, 9, 1);
    EXPECT_TRUE(command(0x35, 9, 1, {{kBuffer, 512}}));
    EXPECT_TRUE(command(0x25, 9, 1, {{kBuffer + 0x2000, 512}}));
    EXPECT_TRUE(has_pattern(kBuffer + 0x2000, 9, 1));
  }
};

TEST_F(AhciErrorTest, AnUnknownCommandIsAbortedAndStopsTheList) {
  bring_up();
  prepare(0, 0xFF, 0, 0, {});
  prepare(1, 0xE7, 0, 0, {});
  issue(3);
  ASSERT_TRUE(wait([&] { return (port(kPxIs) & kIsTaskFileError) != 0; }));
  run(milliseconds(100));
  EXPECT_EQ(port(kPxTfd), 0x0451u);
  EXPECT_EQ(port(kPxCi), 3u);  // the failed one stays, the next does not start
  EXPECT_EQ(port(kPxCmd) >> 8 & 0x1F, 0u);
  EXPECT_TRUE(intx_);
  EXPECT_EQ(rfis(kRfisD2h + 3), 0x04);
  recover();
  EXPECT_TRUE(command(0xE7));
}

TEST_F(AhciErrorTest, NopAndDeviceResetAreAborted) {
  bring_up();
  for (const std::uint8_t code : {0x00, 0x08, 0xA0, 0xA1, 0x06, 0x92, 0xF1}) {
    EXPECT_FALSE(command(code)) << int{code};
    EXPECT_EQ(error(), ata::kAbort) << int{code};
    recover();
  }
}

TEST_F(AhciErrorTest, AnAddressBeyondTheDiskIsNotFound) {
  bring_up();
  for (const std::uint8_t code : {0x25, 0x35, 0x24, 0x34, 0x42}) {
    EXPECT_FALSE(command(code, kDiskSectors - 1, 2, {{kBuffer, 1024}})) << int{code};
    EXPECT_EQ(error(), ata::kIdNotFound) << int{code};
    EXPECT_EQ(transferred(), 0u);
    recover();
    EXPECT_FALSE(command(code, 0xFFFFFFFFFFFF, 1, {{kBuffer, 512}}));
    EXPECT_EQ(error(), ata::kIdNotFound);
    recover();
  }
  EXPECT_TRUE(command(0x25, kDiskSectors - 1, 1, {{kBuffer, 512}}));
}

TEST_F(AhciErrorTest, StructuresOutsideMemoryAreAFatalBusError) {
  const auto fails = [&] {
    prepare(0, 0xE7, 0, 0, {});
    EXPECT_TRUE(complete());
    return (port(kPxIs) & kIsHostBusFatal) != 0;
  };
  bring_up();
  port(kPxClb, 0xFFFFFC00);
  EXPECT_TRUE(fails());
  bring_up();
  port(kPxClbu, 0xFFFFFFFF);
  EXPECT_TRUE(fails());
  port(kPxClbu, 0);
  bring_up();
  port(kPxFb, 0xFFFFFF00);
  EXPECT_TRUE(fails());
  bring_up();
  prepare(0, 0xE7, 0, 0, {});
  ram_.put<std::uint64_t>(kList + 8, kRamSize - 8);  // rounded down to 128 bytes
  EXPECT_TRUE(complete());
  bring_up();
  prepare(0, 0xE7, 0, 0, {});
  ram_.put<std::uint64_t>(kList + 8, 0xFFFFFFFFFFFFFF80);
  EXPECT_TRUE(complete());
  EXPECT_NE(port(kPxIs) & kIsHostBusFatal, 0u);
  expect_recovery();
}

TEST_F(AhciErrorTest, WithoutBusMasteringNothingIsFetched) {
  bring_up();
  ahci_->config_write(0x04, 2, 0x0002);
  prepare(0, 0xE7, 0, 0, {});
  ASSERT_TRUE(complete());
  EXPECT_NE(port(kPxIs) & kIsHostBusFatal, 0u);
  expect_recovery();
}

TEST_F(AhciErrorTest, APrdTableThatIsTooShortOverflows) {
  bring_up();
  ram_.fill(kBuffer, 1024, 0x55);
  EXPECT_FALSE(command(0x25, 0, 2, {}));
  EXPECT_NE(port(kPxIs) & kIsOverflow, 0u);
  recover();
  EXPECT_FALSE(command(0x25, 0, 2, {{kBuffer, 512}}));
  EXPECT_NE(port(kPxIs) & kIsOverflow, 0u);
  EXPECT_EQ(transferred(), 512u);
  EXPECT_EQ(ram_.get<std::uint8_t>(kBuffer + 511), 0);
  EXPECT_EQ(ram_.get<std::uint8_t>(kBuffer + 512), 0x55);
  recover();
  EXPECT_FALSE(command(0xEC, 0, 0, {{kBuffer, 256}}));
  recover();
  EXPECT_FALSE(command(0x35, 0, 2, {{kBuffer, 512}}));
  expect_recovery();
}

TEST_F(AhciErrorTest, APrdTableThatIsTooLongIsNoError) {
  bring_up();
  ram_.fill(kBuffer, 2048, 0x55);
  EXPECT_TRUE(command(0x25, 0, 1, {{kBuffer, 1024}, {0xFFFFFFFF0000, 512}}));
  EXPECT_EQ(transferred(), 512u);
  EXPECT_EQ(ram_.get<std::uint8_t>(kBuffer + 512), 0x55);
}

TEST_F(AhciErrorTest, APrdEntryOutsideMemoryFailsTheCommand) {
  bring_up();
  EXPECT_FALSE(command(0x25, 0, 2, {{kBuffer, 512}, {kRamSize - 256, 512}}));
  EXPECT_NE(port(kPxIs) & kIsHostBusFatal, 0u);
  EXPECT_EQ(transferred(), 512u);
  recover();
  EXPECT_FALSE(command(0x35, 0, 2, {{0xE0000000, 1024}}));  // its own registers are not RAM
  EXPECT_EQ(disk_->image().written_blocks(), 0u);
  expect_recovery();
}

TEST_F(AhciErrorTest, TakesTheLongestPrdTable) {
  bring_up();
  // 65,535 entries of 2 bytes, the second half of the buffer first.
  constexpr std::uint64_t kTable = 0x400000;
  prepare(0, 0x25, 0, 255, {});
  ram_.put<std::uint32_t>(kList, 5 | 65'535u << 16);
  ram_.put<std::uint64_t>(kList + 8, kTable);
  ram_.put(kTable, ram_.get<Fis>(table(0)));
  for (unsigned i = 0; i < 65'535; ++i) {
    ram_.put<std::uint64_t>(kTable + 0x80 + 16 * i, kBuffer + 2 * i);
    ram_.put<std::uint32_t>(kTable + 0x80 + 16 * i + 12, 1);
  }
  ASSERT_TRUE(complete());
  EXPECT_EQ(port(kPxCi), 0u);
  EXPECT_EQ(transferred(), 255u * 512);
}

TEST_F(AhciErrorTest, OddByteCountsAndAddressesAreRoundedToWords) {
  bring_up();
  fill_pattern(kBuffer, 0, 1);
  ASSERT_TRUE(command(0x35, 0, 1, {{kBuffer, 512}}));
  prepare(0, 0x25, 0, 1, {{0x300001, 101}, {0x300201, 411}});  // 102 and 412 bytes from even places
  ASSERT_TRUE(complete());
  EXPECT_EQ(port(kPxCi), 0u);
  EXPECT_EQ(ram_.get<std::uint8_t>(0x300000 + 101), 101);
  EXPECT_EQ(ram_.get<std::uint8_t>(0x300200), 102);
  EXPECT_EQ(transferred(), 512u);
}

TEST_F(AhciErrorTest, DataMayFallOnTheCommandsOwnTable) {
  bring_up();
  // The second entry is gone when its turn comes.
  EXPECT_FALSE(command(0x25, 0, 8, {{table(0), 2048}, {kList, 2048}}));
  bring_up();
  EXPECT_TRUE(command(0x25, 0, 4, {{kList, 2048}}));
  expect_recovery();
}

TEST_F(AhciErrorTest, AFisThatIsNoneIsRefusedByTheDevice) {
  bring_up();
  prepare(0, 0xE7, 0, 0, {});
  ram_.put<std::uint32_t>(kList, 0);  // CFL 0
  ASSERT_TRUE(complete());
  EXPECT_NE(port(kPxIs) & kIsInterfaceFatal, 0u);
  EXPECT_NE(port(kPxSerr) & kSerrHandshake, 0u);
  recover();
  prepare(0, 0xE7, 0, 0, {});
  ram_.put<std::uint8_t>(table(0), 0x46);
  ASSERT_TRUE(complete());
  EXPECT_NE(port(kPxIs) & kIsInterfaceFatal, 0u);
  expect_recovery();
}

TEST_F(AhciErrorTest, TheWriteIsLostWhenTheListIsStoppedUnderIt) {
  bring_up();
  prepare(0, 0x35, 50, 8, {{kBuffer, 4096}});
  issue(1);
  run({10'000});
  port(kPxCmd, kCmdFisReceive);
  run(milliseconds(500));
  EXPECT_EQ(disk_->image().written_blocks(), 0u);
  EXPECT_NE(port(kPxIs) & kIsTaskFileError, 0u);
  port(kPxIs, 0xFFFFFFFF);
  port(kPxCmd, kCmdFisReceive | kCmdStart);
  EXPECT_TRUE(command(0xE7));
}

TEST_F(AhciErrorTest, StandbyCostsASpinUp) {
  bring_up();
  ASSERT_TRUE(command(0xE5));
  EXPECT_EQ(rfis(kRfisD2h + 12), 0xFF);
  ASSERT_TRUE(command(0xE0));
  ASSERT_TRUE(command(0xE5));
  EXPECT_EQ(rfis(kRfisD2h + 12), 0x00);
  const Cycles start = queue_.now();
  ASSERT_TRUE(command(0x25, 100'000, 1, {{kBuffer, 512}}));
  EXPECT_GE(queue_.now() - start, milliseconds(3000));
  EXPECT_GE(records_.back().time.wait, milliseconds(2999));
}

TEST_F(AhciErrorTest, OnlyAResetEndsSleep) {
  bring_up();
  ASSERT_TRUE(command(0xE6));
  prepare(0, 0xE7, 0, 0, {});
  issue(1);
  run(milliseconds(1000));
  EXPECT_EQ(port(kPxCi), 1u);
  recover();
  EXPECT_TRUE(command(0xE7));
}

TEST_F(AhciErrorTest, SetFeaturesIsSeenInIdentify) {
  bring_up();
  const auto word = [&](unsigned n) {
    EXPECT_TRUE(command(0xEC, 0, 0, {{kBuffer, 512}}));
    return identify_word(n);
  };
  EXPECT_EQ(word(85) & 0x60, 0x60);
  ASSERT_TRUE(command(0xEF, 0, 0, {}, 0x82));
  ASSERT_TRUE(command(0xEF, 0, 0, {}, 0x55));
  EXPECT_EQ(word(85) & 0x60, 0);
  ASSERT_TRUE(command(0xEF, 0, 0x45, {}, 0x03));
  EXPECT_EQ(word(88), 0x207F);
  EXPECT_FALSE(command(0xEF, 0, 0x47, {}, 0x03));
  recover();
  EXPECT_EQ(word(88), 0x207F);  // settings survive COMRESET
  EXPECT_FALSE(command(0xEF, 0, 0, {}, 0x99));
}

TEST_F(AhciErrorTest, WithoutTheWriteCacheAWriteTakesTheMechanicsTime) {
  bring_up();
  ASSERT_TRUE(command(0x35, 150'000, 8, {{kBuffer, 4096}}));
  EXPECT_EQ(records_.back().time.cache_hit, 1u);
  ASSERT_TRUE(command(0x3D, 10, 8, {{kBuffer, 4096}}));  // FUA
  EXPECT_EQ(records_.back().time.cache_hit, 0u);
  ASSERT_TRUE(command(0xEF, 0, 0, {}, 0x82));
  ASSERT_TRUE(command(0x35, 150'000, 8, {{kBuffer, 4096}}));
  EXPECT_EQ(records_.back().time.cache_hit, 0u);
}

TEST_F(AhciErrorTest, SmartReportsAHealthyDisk) {
  bring_up();
  ASSERT_TRUE(command(0xB0, 0xC24F00, 0, {}, 0xDA));
  EXPECT_EQ(rfis(kRfisD2h + 5), 0x4F);
  EXPECT_EQ(rfis(kRfisD2h + 6), 0xC2);
  ASSERT_TRUE(command(0xB0, 0xC24F00, 1, {{kBuffer, 512}}, 0xD0));
  EXPECT_FALSE(command(0xB0, 0, 0, {}, 0xDA));
  recover();
  ASSERT_TRUE(command(0xB0, 0xC24F00, 0, {}, 0xD9));
  EXPECT_FALSE(command(0xB0, 0xC24F00, 0, {}, 0xDA));
}

// Arbitrary writes to registers and to the structures in memory, with time passing in between. It
// must neither crash nor hang, and a reset must give a working controller.
TEST_F(AhciErrorTest, StandsArbitraryWrites) {
  std::uint64_t state = 1;
  const auto random = [&](std::uint64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % below;
  };
  constexpr std::uint8_t kCodes[] = {0x25, 0x35, 0xC8, 0xCA, 0x24, 0x34, 0x60, 0x61,
                                     0xEC, 0xEF, 0xE7, 0x2F, 0xB0, 0xC6, 0xE0, 0x42};
  for (int round = 0; round < 40; ++round) {
    bring_up();
    for (int step = 0; step < 300; ++step) {
      const auto slot = static_cast<unsigned>(random(32));
      switch (random(12)) {
        case 0:
          ahci_->write(random(0x200), 1u << random(4), random(~0ull));
          break;
        case 1:
          ahci_->read(random(0x900), 1u << random(4));
          break;
        case 2:
          ram_.put<std::uint32_t>(kList + 4 * random(256), static_cast<std::uint32_t>(random(~0u)));
          break;
        case 3:
          ram_.put<std::uint8_t>(table(slot) + random(0x100),
                                 static_cast<std::uint8_t>(random(256)));
          break;
        case 4:
          port(kPxCmd, kCmdFisReceive | static_cast<std::uint32_t>(random(2)));
          break;
        case 5:
          port(kPxSact, 1u << slot);
          port(kPxCi, 1u << slot);
          break;
        case 6:
          if (random(8) == 0) port(kPxSctl, static_cast<std::uint32_t>(random(5)));
          break;
        case 7:
          if (random(8) == 0)
            ahci_->config_write(static_cast<unsigned>(random(256)) & ~3u, 4,
                                static_cast<std::uint32_t>(random(~0u)));
          break;
        case 8:
        case 9:
          run({random(20'000'000)});
          break;
        default:
          prepare(slot, kCodes[random(std::size(kCodes))], random(kDiskSectors + 100),
                  static_cast<std::uint16_t>(random(2) == 0 ? slot << 3 : random(64)),
                  {{kBuffer + 2 * random(4096), static_cast<std::uint32_t>(2 + 2 * random(8192))},
                   {random(kRamSize), 65536}},
                  static_cast<std::uint16_t>(random(256)));
          port(kPxSact, static_cast<std::uint32_t>(random(2)) << slot);
          issue(1u << slot);
          break;
      }
    }
    ASSERT_NO_FATAL_FAILURE(expect_recovery()) << "round " << round;
    port(kPxSctl, 0);
  }
}

}  // namespace
}  // namespace mint
