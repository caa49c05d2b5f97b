#include "emu/timing/block_model.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <span>

#include "emu/timing/dependencies.hpp"
#include "emu/timing/instruction_decoder.hpp"
#include "emu/timing/known_costs.hpp"

namespace mint {
namespace {

// Intel optimisation manual, 2.4.2: Nehalem fetches 16 bytes a cycle, decodes up to four
// instructions (4-1-1-1 micro-operations) and issues four fused micro-operations.
constexpr Centicycles kCycle = 100;
constexpr unsigned kFetchBytes = 16;
constexpr unsigned kDecoders = 4;
constexpr unsigned kSlots = 4;
constexpr unsigned kMostDecoded = 4;  // micro-operations of one instruction; more are microcode
// 3.4.2.3: the length decoder takes 6 cycles more for a line with such a prefix (M: ADD r16, imm16
// 2.17 and MOV r16, imm16 1.75 with 5 and 4 bytes).
constexpr Centicycles kLengthChange = 600;
// 2.4.2.3: loops of so many micro-operations come from the loop stream detector.
constexpr unsigned kLoopStream = 28;

using Instructions = std::span<const PlacedInstruction>;

// Whether CMP or TEST and the jump behind it become one (2.4.2.2: TEST with any, CMP with the
// conditions that look at ZF, CF, or SF and OF together).
bool fuses(const Instruction& first, const Instruction& second) {
  return first.compares && second.conditional;
}

// The bound of the fetch unit.
class Fetch {
 public:
  void take(const PlacedInstruction& placed) {
    if (placed.general->length_changing_prefix && bytes_ / kFetchBytes != line_) {
      line_ = bytes_ / kFetchBytes;
      ++changed_;
    }
    bytes_ += placed.length;
  }
  Centicycles bound() const {
    return static_cast<Centicycles>(bytes_ * kCycle / kFetchBytes + changed_ * kLengthChange);
  }

 private:
  unsigned bytes_ = 0;
  unsigned changed_ = 0;
  unsigned line_ = ~0u;
};

// The bound of the decoders; `take` gets no instructions that are fused with the one before.
class Decode {
 public:
  void take(const Instruction& in) {
    const bool next = used_ == kDecoders || in.complex();
    cycles_ += next ? kCycle : 0;
    used_ = next ? 1 : used_ + 1;
    if (in.slots <= kMostDecoded) return;
    cycles_ += static_cast<Centicycles>((in.slots - 1u) / kSlots) * kCycle;
    used_ = kDecoders;
  }
  Centicycles bound() const { return cycles_; }

 private:
  Centicycles cycles_ = 0;
  unsigned used_ = kDecoders;  // in this cycle
};

// Micro-operations by the set of ports that they may go to.
using Ports [[gnu::vector_size(16)]] = std::uint16_t;

Ports ports_of(const Instruction& in) {
  using Bytes [[gnu::vector_size(8)]] = std::uint8_t;
  Bytes bytes;
  std::memcpy(&bytes, in.ports.data(), sizeof bytes);
  return __builtin_convertvector(bytes, Ports);
}

// Micro-operations that may only go to a set of ports take that set at least count / size.
Centicycles port_bound(const Ports& ports) {
  std::array<unsigned, 8> counts;
  for (unsigned set = 0; set < 8; ++set) counts[set] = ports[set];
  const unsigned one = std::max({counts[1], counts[2], counts[4]});
  const unsigned two =
      std::max({counts[1] + counts[2] + counts[3], counts[1] + counts[4] + counts[5],
                counts[2] + counts[4] + counts[6]});
  const unsigned three = std::accumulate(counts.begin() + 1, counts.end(), 0u);
  return static_cast<Centicycles>(std::max({one * kCycle, two * kCycle / 2, three * kCycle / 3}));
}

bool loops_to_itself(const CodeBlock& block) {
  const std::span<const std::uint8_t> last = block.instruction(block.starts.size() - 1);
  const int size = static_cast<int>(block.code.size());
  if (last.size() == 2 && ((last[0] & 0xf0) == 0x70 || last[0] == 0xeb))
    return static_cast<std::int8_t>(last[1]) == -size;
  if (last.size() == 6 && last[0] == 0x0f && (last[1] & 0xf0) == 0x80) {
    const std::uint32_t by =
        last[2] | last[3] << 8 | last[4] << 16 | static_cast<std::uint32_t>(last[5]) << 24;
    return static_cast<std::int32_t>(by) == -size;
  }
  return false;
}

struct Analysis {
  BlockModel::Bounds bounds;
  std::uint32_t unknown = 0;
};

// The cycles of a block by its bounds, without dependencies unless they are among them.
std::uint32_t cycles_of(const BlockModel::Bounds& bounds, std::size_t instructions) {
  const auto least = static_cast<std::uint32_t>((instructions + 4) / 5);
  return std::max({1u, least, static_cast<std::uint32_t>((bounds.total() + kCycle / 2) / kCycle)});
}

Analysis analyse(const CodeBlock& block, Instructions instructions, Centicycles partial,
                 WholeInstructions& scratch) {
  Analysis a;
  BlockModel::Bounds& b = a.bounds;
  Fetch fetch;
  Decode decode;
  Ports ports{};
  unsigned slots = 0;
  Centicycles busy = 0;
  Centicycles divide = 0;
  bool fused = false;  // with the one before
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    const Instruction& in = *instructions[i].general;
    a.unknown += !in.known;
    b.serial += in.serial;
    fetch.take(instructions[i]);
    if (!fused) decode.take(in);
    fused = i + 1 < instructions.size() && fuses(in, *instructions[i + 1].general);
    // One step of a repetition is a block of its own (the engine goes through the instruction's
    // block again); in a longer block it is the first step.
    if (in.rep_step != 0) {
      b.serial += kCycle * (in.rep_step + (instructions.size() > 1 ? in.rep_start : 0));
      continue;
    }
    busy += in.busy;
    divide += in.divide;
    b.loads += in.loads * kCycle;
    b.stores += in.stores * kCycle;
    b.jump += in.jump;
    slots += in.slots;
    if (fused)
      --slots;
    else
      ports += ports_of(in);
  }
  if (instructions.size() == 1 && instructions[0].general->rep_step != 0) {
    b = {.serial = b.serial};
    return a;
  }
  b.issue = static_cast<int>(slots * kCycle / kSlots);
  b.ports = port_bound(ports);
  b.units = std::max(busy, divide);
  if (slots > kLoopStream || !loops_to_itself(block)) {
    b.fetch = fetch.bound();
    b.decode = decode.bound();
  }
  b.dependencies = dependency_bound(instructions, partial, scratch);
  return a;
}

}  // namespace

int BlockModel::Bounds::total() const {
  return serial + std::max({fetch, decode, issue, ports, loads, stores, units, jump, dependencies});
}

struct BlockModel::State {
  std::mutex mutex;
  InstructionDecoder decoder{CostTable::nehalem()};
  std::vector<std::uint8_t> readable;  // the block's bytes, and some more
  std::vector<PlacedInstruction> instructions;
  std::vector<std::uint64_t> names;  // and their fingerprints
  WholeInstructions whole;
  std::vector<std::uint32_t> weights;
  KnownCosts known;

  // To be called before decode(), with something to do in between if there is.
  void expect(const CodeBlock& block) {
    decoder.forget_if_many();
    const std::size_t size = block.code.size();
    if (readable.size() < size + Encoding::kReadable) readable.resize(size + Encoding::kReadable);
    std::copy(block.code.begin(), block.code.end(), readable.begin());
    const std::size_t count = block.starts.size();
    if (instructions.size() < count) {
      instructions.resize(count);
      names.resize(count);
    }
    for (std::size_t i = 0; i < count; ++i)
      names[i] =
          decoder.expect(bytes(block, i), block.instruction(i).size(), block.bits, instructions[i]);
  }
  Instructions decode(const CodeBlock& block) {
    const std::size_t count = block.starts.size();
    for (std::size_t i = 0; i < count; ++i)
      decoder.place(names[i], bytes(block, i), block.instruction(i).size(), block.bits,
                    instructions[i]);
    return {instructions.data(), count};
  }

 private:
  const std::uint8_t* bytes(const CodeBlock& block, std::size_t index) const {
    return readable.data() + std::min<std::size_t>(block.starts[index], block.code.size());
  }
};

BlockModel::BlockModel(int partial) : partial_(partial), state_(std::make_unique<State>()) {}
BlockModel::~BlockModel() = default;

BlockModel::Bounds BlockModel::bounds(const CodeBlock& block) const {
  const std::lock_guard lock(state_->mutex);
  state_->expect(block);
  return analyse(block, state_->decode(block), partial_, state_->whole).bounds;
}

// The same code is translated again and again: by each core, and after every change of its page.
void BlockModel::find_cost(const CodeBlock& block, BlockCost& cost) const {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(block.code.data(), block.code.size(),
                                                   block.bits << 8 | block.starts.size());
  const std::lock_guard lock(state_->mutex);
  // What is known of the block is rarely in the host's caches; meanwhile there is something to do.
  state_->known.prefetch(hash);
  state_->expect(block);
  if (state_->known.find(hash, cost)) return;
  compute(block, cost);
  state_->known.keep(hash, cost);
}

void BlockModel::compute(const CodeBlock& block, BlockCost& result) const {
  result.unknown = 0;
  const std::size_t count = block.starts.size();
  if (count == 0) {
    result.before.clear();
    result.cycles = 1;
    return;
  }
  const Instructions instructions = state_->decode(block);
  const Analysis a = analyse(block, instructions, partial_, state_->whole);
  result.unknown = a.unknown;
  result.cycles = cycles_of(a.bounds, count);
  find_starts(instructions, result);
}

// Where in the block an instruction begins: by the shares of what they take alone.
void BlockModel::find_starts(std::span<const PlacedInstruction> instructions,
                             BlockCost& result) const {
  result.before.assign(instructions.size(), 0);
  if (result.cycles == 1) return;
  std::vector<std::uint32_t>& weights = state_->weights;
  weights.clear();
  std::uint32_t sum = 0;
  for (const PlacedInstruction& placed : instructions) {
    const Instruction& in = *placed.general;
    weights.push_back(sum);
    sum += static_cast<std::uint32_t>(in.serial + in.busy + in.divide +
                                      std::max<Centicycles>(in.slots, 1) * 25);
  }
  if (result.cycles == 2) {
    for (std::size_t i = 0; i < weights.size(); ++i) result.before[i] = 2 * weights[i] >= sum;
    return;
  }
  for (std::size_t i = 0; i < weights.size(); ++i)
    result.before[i] = static_cast<std::uint16_t>(
        std::min<std::uint64_t>(0xffff, std::uint64_t{weights[i]} * result.cycles / sum));
}

}  // namespace mint
