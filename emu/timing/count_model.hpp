// The level `count`: one cycle per instruction, whatever it is.
#pragma once

#include "emu/timing/timing_model.hpp"

namespace mint {

class CountModel : public TimingModel {
 public:
  BlockCost cost(const CodeBlock& block) const override;
};

}  // namespace mint
