#include "traces/block_codec.hpp"

#include <algorithm>

#include "traces/leb128.hpp"

namespace mint {

void BlockEncoder::surprise(std::uint32_t block, const std::vector<std::uint64_t>& pcs) {
  auto& next = foresight_.next;
  auto& last = foresight_.last;
  auto& foreseen = foresight_.foreseen;
  const std::size_t needed = std::max(block, last) + std::size_t{1};
  if (next.size() < needed) {
    next.resize(needed + needed / 2);
    known_.resize(next.size());
  }
  put_number(bytes_, foreseen);
  blocks_ += foreseen + 1;
  foreseen = 0;
  put_number(bytes_, std::uint64_t{block} << 1 | !known_[block]);
  if (!known_[block]) {
    known_[block] = true;
    put_number(bytes_, block < pcs.size() ? pcs[block] : 0);
  }
  next[last] = block;
  last = block;
}

std::string BlockEncoder::take() {
  // A run of foreseen blocks with no surprise behind it: block 0 is none.
  put_number(bytes_, foresight_.foreseen);
  put_number(bytes_, 0);
  foresight_.foreseen = 0;
  blocks_ = 0;
  std::string bytes = std::move(bytes_);
  bytes_.clear();
  return bytes;
}

bool BlockDecoder::add(std::string_view bytes, const std::function<void(std::uint64_t)>& each) {
  while (!bytes.empty()) {
    std::uint64_t predicted = 0;
    std::uint64_t coded = 0;
    if (!take_number(bytes, predicted) || !take_number(bytes, coded)) return false;
    for (; predicted != 0; --predicted) {
      last_ = blocks_[last_].next;
      each(blocks_[last_].pc);
    }
    if (coded == 0) continue;
    const auto block = static_cast<std::uint32_t>(coded >> 1);
    if ((coded & 1) != 0 && !take_number(bytes, blocks_[block].pc)) return false;
    blocks_[last_].next = block;
    last_ = block;
    each(blocks_[block].pc);
  }
  return true;
}

}  // namespace mint
