// Caches, TLBs, prefetch and branch prediction of the level `cache`, with the default sizes.
#include "emu/timing/core_caches.hpp"

#include <gtest/gtest.h>

namespace mint {
namespace {

constexpr std::uint64_t kPage = 4096;

class CoreCachesTest : public testing::Test {
 protected:
  static bool identity(std::uint64_t linear, std::uint64_t& physical) {
    physical = linear;
    return true;
  }
  std::uint32_t load(std::uint64_t address) {
    caches_.set_time(now_);
    const std::uint32_t cycles = caches_.load(address, identity);
    now_ += parameters_.l1d.latency + cycles;
    return cycles;
  }
  // Cycles of a load of each line of [0, bytes), `step` apart, after some rounds.
  std::uint32_t round(std::uint64_t bytes, std::uint64_t step) {
    std::uint32_t sum = 0;
    for (int i = 0; i < 3; ++i) {
      sum = 0;
      for (std::uint64_t at = 0; at < bytes; at += step) sum += load(at);
    }
    return sum;
  }

  std::uint64_t now_ = 0;
  CacheParameters parameters_;
  CoreCaches caches_{parameters_, std::make_shared<SharedCache>(parameters_)};
};

TEST_F(CoreCachesTest, WhatFitsTheFirstLevelCostsNothing) { EXPECT_EQ(round(32 << 10, 64), 0u); }

TEST_F(CoreCachesTest, WhatFitsTheSecondLevelCostsItsLatency) {
  EXPECT_EQ(round(128 << 10, 256), 512u * (10 - 4));
}

TEST_F(CoreCachesTest, NineLinesOfOneSetDoNotFitEightWays) {
  EXPECT_EQ(round(8 * kPage, kPage), 0u);
  EXPECT_EQ(round(9 * kPage, kPage), 9u * (10 - 4));
}

TEST_F(CoreCachesTest, TheThirdLevelIsSlowerByATlbMissWhenPagesAreMany) {
  // 1 MB, a load for each page: 42 from L3 and 8 from the second TLB.
  EXPECT_EQ(round(1 << 20, kPage), 256u * (42 - 4 + 8));
}

TEST_F(CoreCachesTest, AStreamOfLinesIsPrefetched) {
  const std::uint32_t stream = round(2 << 20, 64) / (2 << 14);
  EXPECT_NEAR(stream + 4, 13, 1) << "linear, 2 MB, stride 64";
  EXPECT_GT(round(2 << 20, 256) / (2 << 12) + 4, 40u) << "stride 256";
}

TEST_F(CoreCachesTest, DevicesAreNotCached) {
  const std::uint32_t first = load(0xfee00000);
  EXPECT_EQ(load(0xfee00000), 0u);
  EXPECT_GT(first, 0u) << "their translation is";
  EXPECT_LT(first, 42u + 175u);
}

TEST_F(CoreCachesTest, AnotherAddressSpaceHasItsTranslationsToFind) {
  load(0);
  EXPECT_EQ(load(0), 0u);
  caches_.flush_tlbs();
  EXPECT_GE(load(0), parameters_.stlb_latency + parameters_.walk);
}

TEST_F(CoreCachesTest, ALoopsBranchesAreLearnt) {
  std::uint32_t cycles = 0;
  for (int i = 0; i < 100; ++i) cycles = caches_.block(0x1000, 16, identity);
  EXPECT_EQ(cycles, 0u);
  EXPECT_GE(caches_.block(0x1800, 16, identity), parameters_.mispredicted) << "left at last";
}

// Cores that each read 4 MB of their own from memory, line after line: cycles for a line.
double cycles_of_a_line(const CacheParameters& parameters, unsigned cores) {
  const auto identity = [](std::uint64_t linear, std::uint64_t& physical) {
    physical = linear;
    return true;
  };
  const auto shared = std::make_shared<SharedCache>(parameters);
  std::vector<std::unique_ptr<CoreCaches>> caches;
  for (unsigned i = 0; i < cores; ++i)
    caches.push_back(std::make_unique<CoreCaches>(parameters, shared));
  constexpr std::uint64_t kBytes = 4 << 20;
  constexpr std::uint64_t kSlice = 1000;
  std::vector<std::uint64_t> now(cores), at(cores);
  for (std::uint64_t limit = kSlice; at.back() < kBytes; limit += kSlice) {
    for (unsigned i = 0; i < cores; ++i) {
      for (; now[i] < limit && at[i] < kBytes; at[i] += kLineBytes) {
        caches[i]->set_time(now[i]);
        now[i] += 4 + caches[i]->load((std::uint64_t{i} << 24) + at[i], identity);
      }
    }
  }
  return static_cast<double>(now.back()) / (kBytes / kLineBytes);
}

TEST(SharedPath, CoresShareTheBandwidthOfMemory) {
  CacheParameters parameters;
  parameters.l3_line = 1;
  const double alone = cycles_of_a_line(parameters, 1);
  parameters.memory_line = 1;
  EXPECT_EQ(cycles_of_a_line(parameters, 1), alone) << "one core is not held up";
  parameters.memory_line = 10;
  const double four = cycles_of_a_line(parameters, 4);
  EXPECT_GT(four, 2 * alone);
  constexpr double kAll = 4 * 256.0 / 25;  // of the windows' room
  EXPECT_GT(four, 0.95 * kAll);
  EXPECT_LT(four, 1.2 * kAll) << "they wait no longer than for each other";
}

TEST(SharedPath, WhatItsTimeHasNoRoomForWaits) {
  SharedPath path(64);  // four lines in 256 cycles
  for (int i = 0; i < 4; ++i) EXPECT_EQ(path.take(1000), 0u);
  EXPECT_EQ(path.take(1000), 24u);
  EXPECT_EQ(path.take(900), 124u);  // a core that is behind
  EXPECT_EQ(path.take(500), 0u);
  EXPECT_EQ(path.take(1024), 0u);
  EXPECT_EQ(path.take(1025), 0u);
  EXPECT_EQ(path.take(1026), 254u);
}

TEST_F(CoreCachesTest, CoresShareTheThirdLevel) {
  const auto shared = std::make_shared<SharedCache>(parameters_);
  CoreCaches one(parameters_, shared);
  CoreCaches other(parameters_, shared);
  const std::uint32_t from_memory = one.load(0, identity);
  const std::uint32_t from_l3 = other.load(0, identity);
  EXPECT_LT(from_l3, from_memory);
}

TEST_F(CoreCachesTest, ALoadAtTheStoresPlaceInAnotherPageIsHeldUp) {
  const auto store = [&](std::uint64_t at) { return caches_.store(at, identity); };
  load(kPage + 0x40);
  load(0x48);
  store(0x40);
  EXPECT_EQ(load(kPage + 0x40), parameters_.aliased);
  EXPECT_EQ(load(0x40), 0u) << "its own place: forwarded";
  EXPECT_EQ(load(0x48), 0u) << "another place";
  for (int i = 0; i < 8; ++i) load(0x48);
  EXPECT_EQ(load(kPage + 0x40), 0u) << "the store is done";
}

TEST_F(CoreCachesTest, AStoreToFetchedCodeClearsThePipelineOnce) {
  caches_.block(0x1000, 16, identity);
  EXPECT_EQ(caches_.store(0x1080, identity), 0u);
  EXPECT_EQ(caches_.store(0x1008, identity), parameters_.self_modified);
  EXPECT_EQ(caches_.store(0x1008, identity), 0u) << "nobody has fetched it since";
  caches_.block(0x1000, 16, identity);
  EXPECT_EQ(caches_.store(0x1008, identity), parameters_.self_modified);
}

}  // namespace
}  // namespace mint
