#include "emu/machine/known_code.hpp"

namespace mint {

KnownCode::KnownCode(const std::filesystem::path& file, const Cores& cores)
    : file_(file), list_(BlockList::read(file)) {
  for (const auto& core : cores) core->cpu().adopt_from(store_);
  if (!cores.empty() && list_.size() != 0)
    ahead_ = cores.front()->cpu().translate_ahead(list_, store_);
}

void KnownCode::learn(const Cores& cores) {
  // A run is never quite like another one, and not all was translated in time.
  constexpr std::size_t kPerCent = 2;
  stop();
  const std::size_t known = list_.size();
  const auto is_news = [known](std::size_t blocks) { return blocks > known * kPerCent / 100; };
  BlockList missed;
  for (const auto& core : cores) missed.append(core->cpu().missed());
  if (list_.full() || !is_news(missed.size())) return;
  list_.append(missed);
  if (is_news(list_.size() - known)) list_.write(file_);
}

}  // namespace mint
