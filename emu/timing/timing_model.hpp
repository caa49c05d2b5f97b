// What a translated block costs. The engine asks once per translated block, so a model can afford
// to look at it closely; the answer is subtracted from the core's budget each time the block runs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace mint {

// A run of instructions without a jump into it, as the translator found it.
struct CodeBlock {
  std::span<const std::uint8_t> code;
  std::span<const std::uint16_t> starts;  // offset of each instruction in `code`
  unsigned bits = 64;                     // default operand size of the mode: 16, 32 or 64 bit code

  // The bytes of instruction number `index`; empty when the translator left them out.
  std::span<const std::uint8_t> instruction(std::size_t index) const {
    const std::size_t from = starts[index] < code.size() ? starts[index] : code.size();
    std::size_t to = index + 1 < starts.size() ? starts[index + 1] : code.size();
    if (to > code.size()) to = code.size();
    return to > from ? code.subspan(from, to - from) : std::span<const std::uint8_t>{};
  }
};

struct BlockCost {
  // At least a fifth of the number of instructions, and at least one.
  std::uint32_t cycles = 0;
  std::vector<std::uint16_t> before;  // cycles from the head of the block to each instruction
  // How many of its instructions the model does not know and gave a default cost.
  std::uint32_t unknown = 0;
};

class CoreCaches;

class TimingModel {
 public:
  virtual ~TimingModel();
  // Whether events are charged that blocks' costs leave out (event_costs.hpp).
  virtual bool has_event_costs() const { return false; }
  // What a core's accesses go through; null when the model has no caches.
  virtual std::unique_ptr<CoreCaches> make_caches() const;
  // Into `cost`, whose memory is used again. May be called from several threads.
  virtual void find_cost(const CodeBlock& block, BlockCost& cost) const = 0;
  BlockCost cost(const CodeBlock& block) const;
};

}  // namespace mint
