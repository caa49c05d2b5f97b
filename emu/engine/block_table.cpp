#include "emu/engine/block_table.hpp"

#include <algorithm>
#include <functional>
#include <span>

namespace mint {
namespace {

bool is_locked(std::span<const std::uint8_t> instruction, unsigned bits) {
  for (std::size_t i = 0; i < instruction.size(); ++i) {
    switch (instruction[i]) {
      case 0xf0:
        return true;
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
      case 0x64:
      case 0x65:
      case 0x66:
      case 0x67:
      case 0xf2:
      case 0xf3:
        break;
      case 0x86:
      case 0x87:
        return i + 1 < instruction.size() && instruction[i + 1] < 0xc0;
      default:
        if (bits != 64 || (instruction[i] & 0xf0) != 0x40) return false;
        break;
    }
  }
  return false;
}

}  // namespace

void BlockTable::clear() {
  blocks_.clear();
  instructions_.clear();
}

void BlockTable::put(const void* name, std::uint64_t pc, const CodeBlock& code,
                     const BlockCost& cost) {
  while (!blocks_.empty() && !std::less<>()(blocks_.back().name, name)) {
    instructions_.resize(blocks_.back().first);
    blocks_.pop_back();
  }
  const std::size_t count = std::min(code.starts.size(), cost.before.size());
  blocks_.push_back({name, pc, cost.cycles, static_cast<std::uint32_t>(instructions_.size()),
                     static_cast<std::uint32_t>(count)});
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t start = std::min<std::size_t>(code.starts[i], code.code.size());
    instructions_.push_back(cost.before[i] |
                            (is_locked(code.code.subspan(start), code.bits) ? kLocked : 0));
  }
}

const BlockTable::Block* BlockTable::find(const void* name, unsigned index) const {
  const auto found = std::lower_bound(
      blocks_.begin(), blocks_.end(), name,
      [](const Block& block, const void* at) { return std::less<>()(block.name, at); });
  if (found == blocks_.end() || found->name != name || index >= found->instructions) return nullptr;
  return &*found;
}

}  // namespace mint
