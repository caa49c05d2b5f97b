// The level `count`: one cycle per instruction, whatever it is.
#pragma once

#include "emu/timing/timing_model.hpp"

namespace mint {

class CountModel : public TimingModel {
 public:
  void find_cost(const CodeBlock& block, BlockCost& cost) const override;
};

}  // namespace mint
