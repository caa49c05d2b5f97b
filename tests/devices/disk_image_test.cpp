#include "devices/disk_image.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/devices/storage_fixture.hpp"

namespace mint {
namespace {

using Sector = std::array<std::byte, 512>;

class DiskImageTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) / ("disk_image_" + std::string(info->name()));
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  // Byte n of the file is n / 512 + 1.
  void make_file(std::size_t bytes) {
    std::string contents(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) contents[i] = static_cast<char>(i / 512 + 1);
    std::ofstream(path_, std::ios::binary) << contents;
  }
  static Sector filled(int value) {
    Sector s;
    s.fill(std::byte(value));
    return s;
  }

  std::filesystem::path path_;
};

TEST_F(DiskImageTest, SaysWhyAFileIsNoImage) {
  const auto missing = DiskImage::open(path_);
  EXPECT_EQ(missing.image, nullptr);
  EXPECT_NE(missing.error.find("No such file"), std::string::npos) << missing.error;
  EXPECT_NE(missing.error.find(path_.string()), std::string::npos) << missing.error;

  make_file(0);
  EXPECT_NE(DiskImage::open(path_).error.find("is empty"), std::string::npos);
  make_file(4096);
  const auto too_big = DiskImage::open(path_, 2048);
  EXPECT_EQ(too_big.image, nullptr);
  EXPECT_NE(too_big.error.find("4096"), std::string::npos) << too_big.error;
  EXPECT_NE(DiskImage::open(testing::TempDir()).error.find("not a regular file"),
            std::string::npos);
}

TEST_F(DiskImageTest, RoundsTheLastSectorUpAndFillsItWithZeros) {
  make_file(700);
  const auto image = DiskImage::open(path_).image;
  ASSERT_NE(image, nullptr);
  EXPECT_EQ(image->sectors(), 2u);
  Sector s;
  ASSERT_TRUE(image->read(1, s));
  EXPECT_EQ(s[187], std::byte{2});
  EXPECT_EQ(s[188], std::byte{0});
}

TEST_F(DiskImageTest, ADiskLargerThanItsFileReadsZeroBehindIt) {
  make_file(1024);
  const auto image = DiskImage::open(path_, 500'107'862'016).image;
  ASSERT_NE(image, nullptr);
  EXPECT_EQ(image->sectors(), 976'773'168u);
  Sector s = filled(9);
  ASSERT_TRUE(image->read(976'773'167, s));
  EXPECT_EQ(s, filled(0));
  ASSERT_TRUE(image->write(976'773'167, filled(5)));
  ASSERT_TRUE(image->read(976'773'167, s));
  EXPECT_EQ(s, filled(5));
  EXPECT_EQ(image->written_blocks(), 1u);
}

TEST_F(DiskImageTest, WritesAreSeenButNeverReachTheFile) {
  make_file(16 * 512);
  const auto image = DiskImage::open(path_).image;
  ASSERT_NE(image, nullptr);
  // Over the border of two blocks, and not on one's start.
  std::array<std::byte, 1024> two;
  two.fill(std::byte{0xEE});
  ASSERT_TRUE(image->write(7, two));
  EXPECT_EQ(image->written_blocks(), 2u);
  std::array<std::byte, 4 * 512> four;
  ASSERT_TRUE(image->read(6, four));
  EXPECT_EQ(four[511], std::byte{7});
  EXPECT_EQ(four[512], std::byte{0xEE});
  EXPECT_EQ(four[1535], std::byte{0xEE});
  EXPECT_EQ(four[1536], std::byte{10});

  const auto again = DiskImage::open(path_).image;
  Sector s;
  ASSERT_TRUE(again->read(7, s));
  EXPECT_EQ(s, filled(8));
}

TEST_F(DiskImageTest, RefusesWhatIsNotOnTheDisk) {
  const auto image = DiskImage::blank(8 * 512);
  Sector s;
  std::array<std::byte, 1024> two;
  EXPECT_TRUE(image->read(7, s));
  EXPECT_FALSE(image->read(8, s));
  EXPECT_FALSE(image->read(7, two));
  EXPECT_FALSE(image->write(7, two));
  EXPECT_FALSE(image->read(0xFFFFFFFFFFFFFFFF, s));
  EXPECT_FALSE(image->read(0, std::span(s).first(100)));
  EXPECT_EQ(image->written_blocks(), 0u);
}

TEST_F(DiskImageTest, AFileCutShortDuringTheRunReadsZeros) {
  make_file(16 * 512);
  const auto image = DiskImage::open(path_).image;
  std::filesystem::resize_file(path_, 512);
  Sector s;
  ASSERT_TRUE(image->read(0, s));
  EXPECT_EQ(s, filled(1));
  ASSERT_TRUE(image->read(9, s));
  EXPECT_EQ(s, filled(0));
}

TEST_F(DiskImageTest, TheWrittenBlocksAreItsState) {
  const auto image = DiskImage::blank(1 << 20);
  const SavedState empty = save(*image);
  ASSERT_TRUE(image->write(100, filled(1)));
  ASSERT_TRUE(image->write(50, filled(2)));
  const SavedState written = save(*image);
  EXPECT_NE(written, empty);

  const auto other = DiskImage::blank(1 << 20);
  restore(*other, written);
  Sector s;
  ASSERT_TRUE(other->read(50, s));
  EXPECT_EQ(s, filled(2));
  EXPECT_EQ(save(*other), written);
  restore(*other, empty);
  ASSERT_TRUE(other->read(50, s));
  EXPECT_EQ(s, filled(0));
}

}  // namespace
}  // namespace mint
