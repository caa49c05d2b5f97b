#include "emu/timing/count_model.hpp"

#include <algorithm>

namespace mint {

void CountModel::find_cost(const CodeBlock& block, BlockCost& result) const {
  result.unknown = 0;
  const std::size_t count = block.starts.size();
  result.before.resize(count);
  for (std::size_t i = 0; i < count; ++i) result.before[i] = static_cast<std::uint16_t>(i);
  result.cycles = static_cast<std::uint32_t>(std::max<std::size_t>(count, 1));
}

}  // namespace mint
