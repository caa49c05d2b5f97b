// Blocks that cores came to in earlier runs, in the order in which they did, with their bytes: what
// they will most likely come to again. TranslateAhead goes by it. It may be of any run: what is
// translated by it is used only where the same bytes are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <unordered_set>
#include <vector>

#include "emu/engine/glue.h"

namespace mint {

class BlockList {
 public:
  struct Block {
    std::uint64_t pc, cs_base;
    std::uint32_t flags, cflags;
    std::uint32_t offset;  // of its bytes
    std::uint16_t size;
    std::uint8_t alignment, zero;

    mint_block_name name() const { return {pc, cs_base, flags, cflags, alignment != 0}; }
  };

  // The list in a file; empty when there is no such file, or when it is damaged.
  static BlockList read(const std::filesystem::path& path);
  // Replaces the file as a whole. It only saves time: what cannot be written is not kept.
  void write(const std::filesystem::path& path) const;

  std::size_t size() const { return blocks_.size(); }
  bool full() const { return blocks_.size() == kLongest; }
  const Block& operator[](std::size_t index) const { return blocks_[index]; }
  const std::uint8_t* code(const Block& block) const { return &bytes_[block.offset]; }

  // The longest lists are cut off.
  void add(const mint_block_name& name, const std::uint8_t* code, std::uint32_t size);
  // Those that are not in here yet.
  void append(const BlockList& other);

 private:
  static constexpr std::size_t kLongest = std::size_t{1} << 17;

  std::vector<Block> blocks_;
  std::vector<std::uint8_t> bytes_;
  std::unordered_set<std::uint64_t> known_;  // by hash, of append()
};

}  // namespace mint
