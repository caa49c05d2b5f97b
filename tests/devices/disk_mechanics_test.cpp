#include "devices/disk_mechanics.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/devices/storage_fixture.hpp"

namespace mint {
namespace {

constexpr Hertz kClock{2'800'000'000};
constexpr std::uint64_t kLast = 976'773'167;

double ms(Cycles c) { return static_cast<double>(c.count) / 2.8e6; }

class DiskMechanicsTest : public testing::Test {
 protected:
  // Runs one command after the other.
  DiskTime read(std::uint64_t lba, std::uint32_t sectors, bool read_ahead = true) {
    const DiskTime t = disk_.read(lba, sectors, now_, read_ahead);
    now_ += t.total();
    return t;
  }
  DiskTime write(std::uint64_t lba, std::uint32_t sectors, bool cached) {
    const DiskTime t = disk_.write(lba, sectors, now_, cached);
    now_ += t.total();
    return t;
  }
  DiskTime verify(std::uint64_t lba, std::uint32_t sectors) {
    const DiskTime t = disk_.verify(lba, sectors, now_);
    now_ += t.total();
    return t;
  }
  DiskTime flush() {
    const DiskTime t = disk_.flush(now_);
    now_ += t.total();
    return t;
  }

  DiskParameters parameters_;
  DiskMechanics disk_{parameters_, kClock, 1};
  Cycles now_;
};

TEST_F(DiskMechanicsTest, TheZonesHoldThePublishedCapacity) {
  std::uint64_t sectors = 0;
  for (const DiskZone& zone : parameters_.zones)
    sectors += std::uint64_t{zone.cylinders} * parameters_.heads * zone.sectors_per_track;
  EXPECT_GE(sectors, parameters_.capacity_sectors);
  EXPECT_LT(sectors - parameters_.capacity_sectors, 100'000u);
}

TEST_F(DiskMechanicsTest, TheSeekCurveGivesTheQuotedAverageAndTrackToTrackTimes) {
  EXPECT_LT(ms(disk_.seek_time(1)), 1.0);
  EXPECT_EQ(disk_.seek_time(0), Cycles{});
  std::uint64_t cylinders = 0;
  for (const DiskZone& zone : parameters_.zones) cylinders += zone.cylinders;
  // Distances of seeks between random cylinders have the density 2 (1 - d / C) / C.
  double mean = 0;
  constexpr int kSteps = 2000;
  Cycles previous;
  for (int i = 0; i < kSteps; ++i) {
    const double share = (i + 0.5) / kSteps;
    const Cycles time = disk_.seek_time(static_cast<std::uint64_t>(share * cylinders));
    EXPECT_GE(time, previous);
    previous = time;
    mean += 2 * (1 - share) / kSteps * ms(time);
  }
  EXPECT_NEAR(mean, 8.5, 0.05);
  EXPECT_NEAR(ms(disk_.seek_time(cylinders)), 17.0, 0.5);
  const std::uint64_t border = parameters_.seek_boundary;
  EXPECT_LT(ms(disk_.seek_time(border + 1)) - ms(disk_.seek_time(border)), 0.0001);
}

TEST_F(DiskMechanicsTest, TheSameSectorComesAroundOnceInARevolution) {
  verify(1'000'000, 1);
  const Cycles first = now_;
  verify(1'000'000, 1);
  const double turns = ms(now_ - first) / (60'000.0 / 7200);
  EXPECT_NEAR(turns, 1.0, 1e-6);
}

TEST_F(DiskMechanicsTest, WaitsForHalfARevolutionOnAverage) {
  double sum = 0;
  constexpr int kReads = 3000;
  std::uint64_t lba = 12345;
  for (int i = 0; i < kReads; ++i) {
    lba = lba * 6364136223846793005u + 1442695040888963407u;
    sum += ms(read(lba % kLast, 1, false).rotation);
  }
  EXPECT_NEAR(sum / kReads, 4.17, 0.15);
}

TEST_F(DiskMechanicsTest, StreamsAtTheQuotedRateAtTheRimAndHalfOfItAtTheHub) {
  const auto rate = [&](std::uint64_t lba) {
    read(lba, 256);
    const Cycles start = now_;
    std::uint64_t bytes = 0;
    for (int i = 1; i < 400; ++i) {
      read(lba + 256u * i, 256);
      bytes += 256 * 512;
    }
    return static_cast<double>(bytes) / ms(now_ - start) / 1000;  // MB/s
  };
  EXPECT_NEAR(rate(0), 125, 2);
  EXPECT_NEAR(rate(kLast - 200'000), 62.5, 2);
}

TEST_F(DiskMechanicsTest, ALargeReadTakesAsLongAsManySmallOnes) {
  read(0, 65'535);
  const Cycles large = now_;
  DiskMechanics other(parameters_, kClock, 1);
  Cycles now;
  for (int i = 0; i < 257; ++i) now += other.read(i * 255u, 255, now, true).total();
  EXPECT_NEAR(ms(now), ms(large), 1.0);
}

TEST_F(DiskMechanicsTest, ReadAheadServesTheNextRequestFromTheBuffer) {
  read(5000, 8);
  now_ += disk_.cycles_of_ns(20'000'000);
  const DiskTime next = read(5008, 8);
  EXPECT_EQ(next.cache_hit, 1u);
  EXPECT_LT(ms(next.total()), 0.2);

  DiskMechanics plain(parameters_, kClock, 1);
  const DiskTime first = plain.read(5000, 8, {}, false);
  const DiskTime second = plain.read(5008, 8, first.total(), false);
  EXPECT_EQ(second.cache_hit, 0u);
  EXPECT_GT(ms(second.rotation), 8.0);  // just missed it
}

TEST_F(DiskMechanicsTest, ReadAheadStopsWhenTheHeadsAreNeededElsewhere) {
  read(5000, 8);
  read(400'000'000, 8);
  now_ += disk_.cycles_of_ns(50'000'000);
  const DiskTime back = read(5000 + 8 + 500, 4);
  EXPECT_EQ(back.cache_hit, 0u);
  EXPECT_GT(ms(back.seek), 5.0);
}

TEST_F(DiskMechanicsTest, ACachedWriteEndsAtOnceAndTheFlushPaysForIt) {
  const DiskTime cached = write(500'000'000, 64, true);
  EXPECT_EQ(cached.cache_hit, 1u);
  EXPECT_LT(ms(cached.total()), 0.3);
  const DiskTime flushed = flush();
  EXPECT_GT(ms(flushed.total()), 5.0);
  EXPECT_LT(ms(flush().total()), 0.1);

  DiskMechanics through(parameters_, kClock, 1);
  const DiskTime direct = through.write(500'000'000, 64, {}, false);
  EXPECT_EQ(direct.cache_hit, 0u);
  EXPECT_NEAR(ms(direct.total()), ms(cached.total()) + ms(flushed.total()), 8.4);
}

TEST_F(DiskMechanicsTest, AReadWaitsForTheWriteThatHasBegun) {
  write(500'000'000, 64, true);
  now_ += disk_.cycles_of_ns(1'000'000);
  const DiskTime waiting = read(0, 8);
  EXPECT_GT(ms(waiting.wait), 5.0);
  EXPECT_EQ(read(500'000'000 + 100, 8).wait, Cycles{});
}

TEST_F(DiskMechanicsTest, WhatIsStillInTheWriteBufferIsReadFromThere) {
  write(100, 64, true);
  write(500'000'000, 64, true);  // waits for the first
  const DiskTime hit = read(500'000'010, 8);
  EXPECT_EQ(hit.cache_hit, 1u);
}

TEST_F(DiskMechanicsTest, AFullWriteBufferMakesWritesWait) {
  Cycles longest;
  for (std::uint64_t i = 0; i < 64; ++i)
    longest = std::max(longest, write(i * 10'000'000, 512, true).wait);
  EXPECT_GT(ms(longest), 5.0);
}

TEST_F(DiskMechanicsTest, WritingForgetsTheReadBuffersCopy) {
  read(5000, 64);
  write(5010, 1, false);
  EXPECT_EQ(read(5000, 64).cache_hit, 0u);
}

TEST_F(DiskMechanicsTest, SequentialWritesDoNotLoseARevolutionAtEachTrack) {
  write(0, 1, false);
  const DiskTime t = write(1, 65'535, false);
  const double megabytes = 65'535 * 512 / 1e6;
  EXPECT_NEAR(megabytes / ms(t.transfer) * 1000, 125, 2);
}

TEST_F(DiskMechanicsTest, OnlyTheSeedChangesTheAngle) {
  const auto run = [&](std::uint64_t seed) {
    DiskMechanics disk(parameters_, kClock, seed);
    return disk.verify(123'456'789, 8, {});
  };
  EXPECT_EQ(run(7).total(), run(7).total());
  EXPECT_NE(run(7).rotation, run(8).rotation);
  EXPECT_EQ(run(7).seek, run(8).seek);
}

TEST_F(DiskMechanicsTest, NothingMovesBeforeThePlattersTurn) {
  disk_.busy_until(disk_.cycles_of_ns(8'000'000'000));
  EXPECT_GT(ms(read(0, 1).wait), 7999.0);
}

TEST_F(DiskMechanicsTest, PositioningTellsWhatTheCommandWillTake) {
  read(1000, 8);
  const Cycles at = now_ + disk_.cycles_of_ns(parameters_.read_overhead_ns);
  const Cycles promised = disk_.positioning(300'000'000, 8, at, false);
  const DiskTime t = read(300'000'000, 8);
  EXPECT_EQ(promised, t.wait + t.seek + t.rotation);
  EXPECT_EQ(disk_.positioning(300'000'000, 8, now_, false), Cycles{});  // in the buffer
}

TEST_F(DiskMechanicsTest, GoesOnTheSameAfterARestore) {
  read(1000, 64);
  write(900'000, 64, true);
  write(70'000'000, 64, true);
  DiskMechanics copy(parameters_, kClock, 1);
  restore(copy, save(disk_));
  EXPECT_EQ(save(copy), save(disk_));
  const DiskTime a = disk_.read(2000, 64, now_, true);
  const DiskTime b = copy.read(2000, 64, now_, true);
  EXPECT_EQ(a.total(), b.total());
  EXPECT_EQ(save(copy), save(disk_));
}

TEST_F(DiskMechanicsTest, StandsAddressesBeyondTheDisk) {
  read(0xFFFFFFFFFFFF, 65'536);
  write(0xFFFFFFFFFFFF, 65'536, true);
  write(0xFFFFFFFFFFF0, 16, true);
  verify(kLast, 65'536);
  flush();
  EXPECT_LT(ms(now_), 10'000.0);
}

TEST_F(DiskMechanicsTest, AnyGeometryGivesFiniteTimes) {
  DiskParameters odd;
  odd.zones = {{0, 100}, {1, 1}};
  odd.heads = 0;
  odd.rpm = 0;
  odd.bus_bytes_per_second = 0;
  odd.read_segments = 0;
  DiskMechanics disk(odd, kClock, 0);
  EXPECT_GT(disk.read(0, 8, {}, true).total(), Cycles{});
}

}  // namespace
}  // namespace mint
