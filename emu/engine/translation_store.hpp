// Translations of blocks that any core of a machine may take over: what one kernel executes, the
// next one mostly executes, too. One thread adds, all may look.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "emu/engine/glue.h"

namespace mint {

class TranslationStore {
 public:
  TranslationStore() : slots_(kSlots) {}
  ~TranslationStore();
  TranslationStore(const TranslationStore&) = delete;
  TranslationStore& operator=(const TranslationStore&) = delete;

  // That of a block with the bytes at `code`; null when there is none. It stays as long as the
  // store does.
  const mint_translation* find(const mint_block_name& name, const std::uint8_t* code) const;
  bool full() const { return made_.size() >= kSlots / 2; }
  // Takes a translation by mint_shadow_translate. It is not found when many others have that name.
  void add(mint_translation* made);

 private:
  static constexpr std::size_t kSlots = std::size_t{1} << 18;
  static constexpr std::size_t kTries = 32;

  std::vector<std::atomic<const mint_translation*>> slots_;
  std::vector<mint_translation*> made_;
};

bool operator==(const mint_block_name& a, const mint_block_name& b);

}  // namespace mint
