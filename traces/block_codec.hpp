// The blocks that a core executes, as bytes: about a tenth of a byte for each.
//
// Most blocks are followed by the block that followed them the last time. So what is coded is how
// many blocks in turn were as predicted, and then the number of the one that was not; behind a
// number that comes for the first time, the block's linear address. The bytes of one core, in
// order, are one stream: it must be decoded from its beginning.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "emu/engine/block_foresight.hpp"

namespace mint {

class BlockEncoder {
 public:
  // `pcs`: the linear addresses by block number; grows while blocks are translated.
  void add(std::uint32_t block, const std::vector<std::uint64_t>& pcs) {
    if (!foresight_.foresees(block)) surprise(block, pcs);
  }
  // Where the blocks that it foresees may be counted without add().
  BlockForesight& foresight() { return foresight_; }
  std::uint64_t blocks() const { return blocks_ + foresight_.foreseen; }
  std::size_t size() const { return bytes_.size(); }
  // The bytes since the last time.
  std::string take();

 private:
  void surprise(std::uint32_t block, const std::vector<std::uint64_t>& pcs);

  std::string bytes_;
  BlockForesight foresight_;
  std::vector<bool> known_;
  std::uint64_t blocks_ = 0;  // that are in the bytes
};

class BlockDecoder {
 public:
  // False when the bytes are damaged.
  bool add(std::string_view bytes, const std::function<void(std::uint64_t pc)>& each);

 private:
  struct Block {
    std::uint32_t next = 0;
    std::uint64_t pc = 0;
  };
  std::unordered_map<std::uint32_t, Block> blocks_;
  std::uint32_t last_ = 0;
};

}  // namespace mint
