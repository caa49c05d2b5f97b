#include "emu/machine/known_code.hpp"

#include <algorithm>

namespace mint {

KnownCode::KnownCode(const std::filesystem::path& file, const Cores& cores)
    : file_(file), list_(BlockList::read(file)) {
  for (const auto& core : cores) core->cpu().adopt_from(store_);
  if (!cores.empty() && list_.size() != 0)
    ahead_ = cores.front()->cpu().translate_ahead(list_, store_);
}

void KnownCode::stop() {
  if (!ahead_) return;
  late_ = list_.size() - ahead_->stop();
  ahead_ = nullptr;
}

void KnownCode::learn(const Cores& cores) {
  constexpr std::size_t kPerCent = 2;  // a run is never quite like another one
  stop();
  const std::size_t known = list_.size();
  const auto is_news = [known](std::size_t blocks) { return blocks > known * kPerCent / 100; };
  std::size_t missed = 0;
  for (const auto& core : cores) {
    const std::size_t blocks = core->cpu().missed().size();
    missed += blocks - std::min(blocks, late_);
  }
  if (list_.full() || !is_news(missed)) return;
  for (const auto& core : cores) list_.append(core->cpu().missed());
  if (is_news(list_.size() - known)) list_.write(file_);
}

}  // namespace mint
