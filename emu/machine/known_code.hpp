// With a second host thread: translates, while the first OS boots, what cores of this kind of
// machine executed in earlier runs, which a file in the image cache tells.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "emu/engine/translate_ahead.hpp"
#include "emu/machine/core.hpp"

namespace mint {

class KnownCode {
 public:
  using Cores = std::vector<std::unique_ptr<Core>>;

  // Begins to translate, for all of these cores, which end before this object does. `file` need not
  // exist.
  KnownCode(const std::filesystem::path& file, const Cores& cores);
  // No more than what there is by now.
  void stop();
  // The run is over: what was missing is added to the file.
  void learn(const Cores& cores);

 private:
  const std::filesystem::path file_;
  BlockList list_;
  TranslationStore store_;
  std::unique_ptr<TranslateAhead> ahead_;
  std::size_t late_ = 0;  // blocks of the list that were not reached in time
};

}  // namespace mint
