// The level `block`: what a block costs on Nehalem when its code and data are in the first level
// caches and its branches are predicted.
//
// The cost is the largest of the bounds that the parts of the core set for a block that follows
// itself: fetch (16 bytes a cycle, length-changing prefixes), decode (one complex and three simple
// instructions), issue (4 fused micro-operations), ports 0, 1 and 5, loads, stores, the divider,
// the microcode sequencer, and dependencies. What serializes is added to that.
//
// The carry-over between blocks is approximated by the assumption that a block is followed by one
// like itself: what it hands on in registers is used at the same place there. For loops of one
// block that is exact; on a straight path, work of the next block overlaps with this one's in the
// out-of-order window, and both are charged as if they were parts of longer stretches of the same
// mix. Costs are rounded to whole cycles.
//
// All cores of a machine share one model, and what it has found out. A cost hangs on the block's
// bytes alone, so it does not matter which core, or which thread, asked first.
#pragma once

#include <memory>
#include <mutex>
#include <span>

#include "emu/timing/placed_instruction.hpp"
#include "emu/timing/timing_model.hpp"

namespace mint {

class BlockModel : public TimingModel {
 public:
  // `partial`: hundredths of a cycle that a load of more than the store before it has waits for
  // that store. The level `block` takes all stores to be forwarded.
  explicit BlockModel(int partial = 0);
  ~BlockModel() override;

  void find_cost(const CodeBlock& block, BlockCost& cost) const override;
  bool has_event_costs() const override { return true; }

  // The bounds of a block, in hundredths of a cycle.
  struct Bounds {
    int fetch = 0;
    int decode = 0;
    int issue = 0;
    int ports = 0;
    int loads = 0;
    int stores = 0;
    int units = 0;  // divider, microcode
    int jump = 0;
    int dependencies = 0;
    int serial = 0;
    int total() const;
  };
  Bounds bounds(const CodeBlock& block) const;

 private:
  void compute(const CodeBlock& block, BlockCost& result) const;
  void find_starts(std::span<const PlacedInstruction> instructions, BlockCost& result) const;

  const int partial_;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mint
