#include "emu/engine/block_list.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace mint::test {
namespace {

namespace fs = std::filesystem;

mint_block_name name_at(std::uint64_t pc) { return {pc, 7, 0x10, 0x20, true}; }

class BlockListTest : public testing::Test {
 protected:
  BlockListTest() : path_(fs::path(testing::TempDir()) / "block_list" / "blocks") {}
  ~BlockListTest() override { fs::remove_all(path_.parent_path()); }

  BlockList two() const {
    BlockList list;
    list.add(name_at(1), code_, 3);
    list.add(name_at(2), code_ + 1, 2);
    return list;
  }

  const std::uint8_t code_[4] = {10, 20, 30, 40};
  const fs::path path_;
};

TEST_F(BlockListTest, IsReadAsItWasWritten) {
  two().write(path_);
  const BlockList list = BlockList::read(path_);
  ASSERT_EQ(list.size(), 2u);
  const mint_block_name name = list[1].name();
  EXPECT_EQ(name.pc, 2u);
  EXPECT_EQ(name.cs_base, 7u);
  EXPECT_EQ(name.flags, 0x10u);
  EXPECT_EQ(name.cflags, 0x20u);
  EXPECT_TRUE(name.alignment);
  EXPECT_EQ(list[1].size, 2u);
  EXPECT_EQ(list.code(list[1])[0], 20);
  EXPECT_EQ(list.code(list[1])[1], 30);
}

TEST_F(BlockListTest, AFileThatIsDamagedOrAbsentIsAnEmptyList) {
  EXPECT_EQ(BlockList::read(path_).size(), 0u);
  two().write(path_);
  const auto size = fs::file_size(path_);
  for (std::uintmax_t at = 0; at < size; ++at) {
    two().write(path_);
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte ^ 0x41));
    file.close();
    EXPECT_EQ(BlockList::read(path_).size(), 0u) << "byte " << at;
  }
  for (std::uintmax_t length = 0; length < size; ++length) {
    two().write(path_);
    fs::resize_file(path_, length);
    EXPECT_EQ(BlockList::read(path_).size(), 0u) << length << " bytes";
  }
}

TEST_F(BlockListTest, WhatIsThereIsNotAppendedAgain) {
  BlockList list = two();
  list.append(two());
  EXPECT_EQ(list.size(), 2u);
  BlockList other;
  other.add(name_at(1), code_ + 1, 3);  // other bytes
  other.add(name_at(3), code_, 3);
  other.add(name_at(3), code_, 3);
  list.append(other);
  ASSERT_EQ(list.size(), 4u);
  EXPECT_EQ(list.code(list[2])[0], 20);
  EXPECT_EQ(list[3].pc, 3u);
}

}  // namespace
}  // namespace mint::test
