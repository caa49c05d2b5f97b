// What is remembered of guest/images, and when it is not to be believed any more.
#include "emu/scenario/image_memory.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "emu/scenario/guest_images.hpp"
#include "emu/scenario/temporary_folder.hpp"

namespace mint {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// As long as a change could share its time stamp with what is looked at.
void let_settle() { std::this_thread::sleep_for(std::chrono::milliseconds(150)); }

// An installation whose guest/images counts how often it is started.
class ImageMemoryTest : public testing::Test {
 protected:
  ImageMemoryTest() {
    setenv("MINTSIM_CACHE", cache().c_str(), 1);
    fs::create_directories(cache() / "debs");
    fs::create_directories(cache() / "initrd-a");
    write(installation_.images_tool(), "#!/bin/sh\necho once >> " + starts().string() + "\necho " +
                                           (cache() / "initrd-a").string() + "\n");
    fs::permissions(installation_.images_tool(), fs::perms::owner_all);
    write(input(), "one");
    let_settle();
  }
  ~ImageMemoryTest() override { unsetenv("MINTSIM_CACHE"); }

  fs::path cache() const { return folder_.path() / "cache"; }
  fs::path starts() const { return folder_.path() / "starts"; }
  fs::path input() const { return installation_.data / "guest" / "rootfs" / "script"; }
  fs::path disk() const { return folder_.path() / "disk.img"; }

  // Where initrd-a is said to be; how often that made the tool start.
  std::size_t starts_of_a_look() {
    fs::remove(starts());
    std::string error;
    const auto found = find_artefacts(installation_, {"initrd-a"}, error);
    EXPECT_TRUE(found);
    if (found) {
      EXPECT_EQ(found->artefacts.at("initrd-a"), cache() / "initrd-a");
    }
    return content(starts()).size() / std::string("once\n").size();
  }

  TemporaryFolder folder_{"mintsim-test"};
  Installation installation_{folder_.path() / "share", folder_.path() / "firmware"};
};

TEST_F(ImageMemoryTest, AsksTheToolOnce) {
  EXPECT_EQ(starts_of_a_look(), 1U);
  EXPECT_EQ(starts_of_a_look(), 0U);
}

TEST_F(ImageMemoryTest, NoticesAChangeThatKeepsSizeAndTimeOfAFile) {
  starts_of_a_look();
  const auto time = fs::last_write_time(input());
  write(input(), "two");
  fs::last_write_time(input(), time);
  EXPECT_EQ(starts_of_a_look(), 1U);
}

TEST_F(ImageMemoryTest, NoticesFilesThatComeAndGo) {
  starts_of_a_look();
  write(input().parent_path() / "other", "");
  EXPECT_EQ(starts_of_a_look(), 1U);
  let_settle();
  EXPECT_EQ(starts_of_a_look(), 1U);
  fs::remove(input());
  EXPECT_EQ(starts_of_a_look(), 1U);
}

TEST_F(ImageMemoryTest, NoticesPackagesFetchedAnew) {
  starts_of_a_look();
  write(cache() / "debs" / "amd64" / "resolved.json", "{}");
  EXPECT_EQ(starts_of_a_look(), 1U);
}

TEST_F(ImageMemoryTest, DoesNotRelyOnWhatHasJustBeenWritten) {
  write(input(), "two");
  EXPECT_EQ(starts_of_a_look(), 1U);
  EXPECT_EQ(starts_of_a_look(), 1U);
}

TEST_F(ImageMemoryTest, KnowsNoArtefactThatHasBeenDeleted) {
  starts_of_a_look();
  EXPECT_TRUE(ImageMemory(installation_).directory("initrd-a"));
  fs::remove_all(cache() / "initrd-a");
  EXPECT_FALSE(ImageMemory(installation_).directory("initrd-a"));
}

TEST_F(ImageMemoryTest, GivesALeadersDiskBackWithItsHoles) {
  constexpr std::uintmax_t kSize = 8 << 20;
  write(disk(), "boot sector");
  fs::resize_file(disk(), kSize);
  const std::vector<fs::path> files{input()};
  const ImageMemory memory(installation_);
  const std::string name = memory.disk_name("plan", files);
  EXPECT_FALSE(memory.leader_disk(name, disk()));
  memory.remember_leader_disk(name, "plan", files, disk());
  const std::string before = content(disk());
  fs::remove(disk());
  ASSERT_TRUE(memory.leader_disk(name, disk()));
  EXPECT_EQ(content(disk()), before);
  struct stat status {};
  ASSERT_EQ(stat(disk().c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 1 << 20);
}

TEST_F(ImageMemoryTest, ADiskThatLiesThereIsLeftAloneOnlyIfItIsTheSame) {
  write(disk(), "right");
  const ImageMemory memory(installation_);
  const std::string name = memory.disk_name("plan", {input()});
  memory.remember_leader_disk(name, "plan", {input()}, disk());
  const auto time = fs::last_write_time(disk());
  let_settle();
  ASSERT_TRUE(memory.leader_disk(name, disk()));
  EXPECT_EQ(fs::last_write_time(disk()), time);
  for (const char* other : {"wrong", "longer than that"}) {
    write(disk(), other);
    ASSERT_TRUE(memory.leader_disk(name, disk()));
    EXPECT_EQ(content(disk()), "right");
  }
}

TEST_F(ImageMemoryTest, ALeadersDiskIsThatOfItsPlanAndFiles) {
  write(disk(), "disk");
  const fs::path kernel = folder_.path() / "kernel";
  write(kernel, "one");
  let_settle();
  const ImageMemory memory(installation_);
  const std::string name = memory.disk_name("plan", {kernel});
  EXPECT_NE(memory.disk_name("other plan", {kernel}), name);
  // The kernel changes while the disk is made: which of the two it has is not known.
  write(kernel, "two");
  let_settle();
  EXPECT_NE(memory.disk_name("plan", {kernel}), name);
  memory.remember_leader_disk(name, "plan", {kernel}, disk());
  EXPECT_FALSE(memory.leader_disk(name, disk()));
}

}  // namespace
}  // namespace mint
