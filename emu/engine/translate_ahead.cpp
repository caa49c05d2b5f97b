#include "emu/engine/translate_ahead.hpp"

namespace mint {

std::unique_ptr<TranslateAhead> TranslateAhead::start(mint_engine& engine,
                                                      const TimingModel& timing,
                                                      const BlockList& list,
                                                      TranslationStore& store) {
  std::unique_ptr<TranslateAhead> ahead(new TranslateAhead(timing, list, store));
  ahead->shadow_ = mint_shadow_open(&engine, ahead.get());
  if (ahead->shadow_ == nullptr) return nullptr;
  ahead->thread_ = std::thread([&self = *ahead] { self.run(); });
  return ahead;
}

TranslateAhead::~TranslateAhead() {
  stop();
  if (shadow_ != nullptr) mint_shadow_close(shadow_);
}

void TranslateAhead::finish() {
  if (thread_.joinable()) thread_.join();
}

std::size_t TranslateAhead::stop() {
  ending_ = true;
  finish();
  return done_;
}

const BlockCost* TranslateAhead::find_cost(const CodeBlock& code) {
  timing_.find_cost(code, cost_);
  return cost_.unknown == 0 ? &cost_ : nullptr;
}

void TranslateAhead::run() {
  for (; done_ < list_.size() && !store_.full() && !ending_; ++done_) {
    const BlockList::Block& block = list_[done_];
    const mint_block_name name = block.name();
    mint_translation* made = mint_shadow_translate(shadow_, &name, list_.code(block), block.size);
    if (made != nullptr) store_.add(made);
  }
}

}  // namespace mint

using mint::TranslateAhead;

bool mint_on_shadow_translated(void* host, std::uint32_t size, const std::uint16_t* starts,
                               unsigned count, unsigned bits, const std::uint8_t* code,
                               std::uint32_t* cycles, const std::uint16_t** before) {
  const mint::BlockCost* cost =
      static_cast<TranslateAhead*>(host)->find_cost({{code, size}, {starts, count}, bits});
  if (cost == nullptr || cost->before.size() < count) return false;
  *cycles = cost->cycles;
  *before = cost->before.data();
  return true;
}
