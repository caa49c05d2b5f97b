#include "emu/timing/timing_model.hpp"

#include "emu/timing/core_caches.hpp"

namespace mint {

TimingModel::~TimingModel() = default;

std::unique_ptr<CoreCaches> TimingModel::make_caches() const { return nullptr; }

BlockCost TimingModel::cost(const CodeBlock& block) const {
  BlockCost cost;
  find_cost(block, cost);
  return cost;
}

}  // namespace mint
