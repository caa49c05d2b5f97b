// What a core executes next is mostly what came after this block the last time. Blocks that are
// foreseen so are only counted; whoever records blocks is told of the others, and so of all.
#pragma once

#include <cstdint>
#include <vector>

namespace mint {

struct BlockForesight {
  std::vector<std::uint32_t> next;  // by block: the one that came after it; 0 for none yet
  std::uint32_t last = 0;
  std::uint64_t foreseen = 0;  // since the last one that was not
  bool all = false;            // nobody wants to be told of any block, nor to count it

  bool foresees(std::uint32_t block) {
    if (all) return true;
    if (last >= next.size() || next[last] != block) return false;
    ++foreseen;
    last = block;
    return true;
  }
};

}  // namespace mint
