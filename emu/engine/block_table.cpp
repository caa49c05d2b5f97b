#include "emu/engine/block_table.hpp"

#include <algorithm>
#include <span>

namespace mint {
namespace {

constexpr std::size_t kFirstSlots = 1024;

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
  slots_.assign(kFirstSlots, {});
  used_ = 0;
  instructions_.clear();
}

std::size_t BlockTable::slot_of(const void* name) const {
  // Descriptors are aligned to cache lines.
  const std::uint64_t key = reinterpret_cast<std::uintptr_t>(name) >> 6;
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = (key * 0x9e3779b97f4a7c15) >> 32 & mask;
  while (slots_[slot].name != nullptr && slots_[slot].name != name) slot = (slot + 1) & mask;
  return slot;
}

void BlockTable::grow() {
  const std::vector<Block> old = std::move(slots_);
  slots_.assign(old.size() * 2, {});
  for (const Block& block : old)
    if (block.name != nullptr) slots_[slot_of(block.name)] = block;
}

void BlockTable::put(const void* name, std::uint64_t pc, const CodeBlock& code,
                     const BlockCost& cost) {
  if (2 * used_ >= slots_.size()) grow();
  Block& block = slots_[slot_of(name)];
  if (block.name == nullptr) ++used_;
  block = {name, pc, cost.cycles, static_cast<std::uint32_t>(instructions_.size()),
           static_cast<std::uint32_t>(std::min(code.starts.size(), cost.before.size()))};
  for (std::size_t i = 0; i < block.instructions; ++i) {
    const std::size_t start = std::min<std::size_t>(code.starts[i], code.code.size());
    instructions_.push_back(cost.before[i] |
                            (is_locked(code.code.subspan(start), code.bits) ? kLocked : 0));
  }
}

const BlockTable::Block* BlockTable::find(const void* name, unsigned index) const {
  const Block& block = slots_[slot_of(name)];
  return block.name == name && index < block.instructions ? &block : nullptr;
}

}  // namespace mint
