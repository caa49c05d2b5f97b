#include "emu/engine/translation_store.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace mint {
namespace {

std::size_t hash_of(const mint_block_name& name) {
  std::uint64_t hash = (name.pc ^ name.cs_base << 20) * 0x9e3779b97f4a7c15;
  hash ^= (hash >> 29) + name.flags;
  hash *= 0xbf58476d1ce4e5b9;
  return hash ^ hash >> 32;
}

}  // namespace

bool operator==(const mint_block_name& a, const mint_block_name& b) {
  return a.pc == b.pc && a.cs_base == b.cs_base && a.flags == b.flags && a.cflags == b.cflags &&
         a.alignment == b.alignment;
}

TranslationStore::~TranslationStore() {
  for (mint_translation* made : made_) std::free(made);
}

const mint_translation* TranslationStore::find(const mint_block_name& name,
                                               const std::uint8_t* code) const {
  const std::size_t hash = hash_of(name);
  for (std::size_t i = hash; i != hash + kTries; ++i) {
    const mint_translation* found = slots_[i % kSlots].load(std::memory_order_acquire);
    if (found == nullptr) return nullptr;
    if (found->name == name && std::memcmp(code, found->bytes, found->looked_at) == 0) return found;
  }
  return nullptr;
}

void TranslationStore::add(mint_translation* made) {
  made_.push_back(made);
  const std::size_t hash = hash_of(made->name);
  for (std::size_t i = hash; i != hash + kTries; ++i) {
    auto& slot = slots_[i % kSlots];
    if (slot.load(std::memory_order_relaxed) != nullptr) continue;
    slot.store(made, std::memory_order_release);
    return;
  }
}

}  // namespace mint
