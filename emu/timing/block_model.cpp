#include "emu/timing/block_model.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include "emu/timing/dependencies.hpp"
#include "emu/timing/instruction_decoder.hpp"

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

using Instructions = std::span<const Instruction* const>;

// Whether CMP or TEST and the jump behind it become one (2.4.2.2: TEST with any, CMP with the
// conditions that look at ZF, CF, or SF and OF together).
bool fuses(const Instruction& first, const Instruction& second) {
  return first.compares && second.conditional;
}

Centicycles fetch_bound(Instructions block) {
  unsigned bytes = 0;
  unsigned changed = 0;
  unsigned line = ~0u;
  for (const Instruction* in : block) {
    if (in->length_changing_prefix && bytes / kFetchBytes != line) {
      line = bytes / kFetchBytes;
      ++changed;
    }
    bytes += in->length;
  }
  return static_cast<Centicycles>(bytes * kCycle / kFetchBytes + changed * kLengthChange);
}

Centicycles decode_bound(Instructions block) {
  Centicycles cycles = 0;
  unsigned used = kDecoders;  // in this cycle
  for (std::size_t i = 0; i < block.size(); ++i) {
    const Instruction& in = *block[i];
    if (i > 0 && fuses(*block[i - 1], in)) continue;
    if (used == kDecoders || in.complex()) {
      cycles += kCycle;
      used = 0;
    }
    if (in.slots > kMostDecoded) {
      cycles += static_cast<Centicycles>((in.slots - 1u) / kSlots) * kCycle;
      used = kDecoders;
      continue;
    }
    ++used;
  }
  return cycles;
}

// Micro-operations that may only go to a set of ports take that set at least count / size.
Centicycles port_bound(const std::array<unsigned, 8>& counts) {
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

Analysis analyse(const CodeBlock& block, Instructions instructions, Centicycles partial) {
  Analysis a;
  BlockModel::Bounds& b = a.bounds;
  std::array<unsigned, 8> ports{};
  unsigned slots = 0;
  Centicycles busy = 0;
  Centicycles divide = 0;
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    const Instruction& in = *instructions[i];
    if (!in.known) ++a.unknown;
    b.serial += in.serial;
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
    const bool fused_before = i + 1 < instructions.size() && fuses(in, *instructions[i + 1]);
    if (fused_before) {
      slots += in.slots - 1u;
      continue;
    }
    slots += in.slots;
    for (unsigned set = 1; set < 8; ++set) ports[set] += in.ports[set];
  }
  b.issue = static_cast<int>(slots * kCycle / kSlots);
  b.ports = port_bound(ports);
  b.units = std::max(busy, divide);
  if (!loops_to_itself(block) || slots > kLoopStream) {
    b.fetch = fetch_bound(instructions);
    b.decode = decode_bound(instructions);
  }
  if (instructions.size() == 1 && instructions[0]->rep_step != 0) {
    b = {.serial = b.serial};
    return a;
  }
  b.dependencies = dependency_bound(instructions, partial);
  return a;
}

}  // namespace

int BlockModel::Bounds::total() const {
  return serial + std::max({fetch, decode, issue, ports, loads, stores, units, jump, dependencies});
}

// Costs by the hash of a block's bytes. A cost that was forgotten is computed again. Most look-ups
// find nothing, and wait for one line of a small table to say so.
class KnownCosts {
 public:
  // A boot has tens of thousands: room that is not used costs nothing, and moving them does.
  KnownCosts() {
    entries_.reserve(kMost);
    before_.reserve(8 * kMost);
  }
  void prefetch(const XXH128_hash_t& hash) const {
    __builtin_prefetch(&slots_[hash.low64 & (slots_.size() - 1)]);
  }
  bool find(const XXH128_hash_t& hash, BlockCost& cost) const {
    const Slot& slot = slots_[hash.low64 & (slots_.size() - 1)];
    if (slot.tag != tag(hash) || slot.place == 0) return false;
    const Entry& entry = entries_[slot.place - 1];
    if (entry.low != hash.low64 || entry.high != hash.high64) return false;
    cost.cycles = entry.cycles;
    cost.unknown = entry.unknown;
    const auto first = before_.begin() + entry.first;
    cost.before.assign(first, first + entry.count);
    return true;
  }
  void keep(const XXH128_hash_t& hash, const BlockCost& cost) {
    if (entries_.size() >= kMost) {
      entries_.clear();
      before_.clear();
      slots_.assign(kFirst, {});
    }
    entries_.push_back({.low = hash.low64,
                        .high = hash.high64,
                        .first = static_cast<std::uint32_t>(before_.size()),
                        .cycles = cost.cycles,
                        .count = static_cast<std::uint16_t>(cost.before.size()),
                        .unknown = static_cast<std::uint16_t>(cost.unknown)});
    before_.insert(before_.end(), cost.before.begin(), cost.before.end());
    if (2 * entries_.size() > slots_.size()) {
      slots_.assign(2 * slots_.size(), {});
      for (std::size_t i = 0; i < entries_.size(); ++i) put(i);
    } else {
      put(entries_.size() - 1);
    }
  }

 private:
  struct Entry {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::uint32_t first = 0;  // in before_
    std::uint32_t cycles = 0;
    std::uint16_t count = 0;
    std::uint16_t unknown = 0;
  };
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t place = 0;  // in entries_, from 1; 0: unused
  };
  static constexpr std::size_t kFirst = 1u << 17;
  static constexpr std::size_t kMost = 1u << 17;

  static std::uint32_t tag(const XXH128_hash_t& hash) {
    return static_cast<std::uint32_t>(hash.high64);
  }
  void put(std::size_t i) {
    const Entry& entry = entries_[i];
    slots_[entry.low & (slots_.size() - 1)] = {static_cast<std::uint32_t>(entry.high),
                                               static_cast<std::uint32_t>(i + 1)};
  }

  std::vector<Slot> slots_ = std::vector<Slot>(kFirst);  // without chains
  std::vector<Entry> entries_;
  std::vector<std::uint16_t> before_;
};

struct BlockModel::State {
  std::mutex mutex;
  InstructionDecoder decoder{CostTable::nehalem()};
  std::vector<std::uint8_t> readable;  // the block's bytes, and some more
  std::vector<Encoding> encodings;
  std::vector<const Instruction*> instructions;
  std::vector<Instruction> completed;  // those of `instructions` that are not the decoder's
  std::vector<Centicycles> weights;
  KnownCosts known;

  void find_encodings(const CodeBlock& block) {
    const std::size_t size = block.code.size();
    if (readable.size() < size + Encoding::kReadable) readable.resize(size + Encoding::kReadable);
    std::copy(block.code.begin(), block.code.end(), readable.begin());
    const std::size_t count = block.starts.size();
    if (encodings.size() < count) encodings.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::span<const std::uint8_t> bytes = block.instruction(i);
      const auto at = static_cast<std::size_t>(bytes.data() - block.code.data());
      normalise(readable.data() + (bytes.empty() ? 0 : at), bytes.size(), block.bits, encodings[i]);
    }
  }

  // After find_encodings().
  Instructions decode(const CodeBlock& block) {
    decoder.forget_if_many();
    instructions.clear();
    if (completed.size() < block.starts.size()) completed.resize(block.starts.size());
    for (std::size_t i = 0; i < block.starts.size(); ++i) {
      const Encoding& encoding = encodings[i];
      const Instruction* instruction = &decoder.decode(encoding, block.bits);
      if (!is_complete(*instruction, encoding)) {
        completed[i] = *instruction;
        restore(completed[i], encoding);
        instruction = &completed[i];
      }
      instructions.push_back(instruction);
    }
    return instructions;
  }
};

BlockModel::BlockModel(int partial) : partial_(partial), state_(std::make_unique<State>()) {}
BlockModel::~BlockModel() = default;

BlockModel::Bounds BlockModel::bounds(const CodeBlock& block) const {
  const std::lock_guard lock(state_->mutex);
  state_->find_encodings(block);
  return analyse(block, state_->decode(block), partial_).bounds;
}

// The same code is translated again and again: by each core, and after every change of its page.
void BlockModel::find_cost(const CodeBlock& block, BlockCost& cost) const {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(block.code.data(), block.code.size(),
                                                   block.bits << 8 | block.starts.size());
  const std::lock_guard lock(state_->mutex);
  // What is known of the block is rarely in the host's caches; meanwhile there is something to do.
  state_->known.prefetch(hash);
  state_->find_encodings(block);
  if (state_->known.find(hash, cost)) return;
  compute(block, cost);
  state_->known.keep(hash, cost);
}

void BlockModel::compute(const CodeBlock& block, BlockCost& result) const {
  result.before.clear();
  result.unknown = 0;
  const std::size_t count = block.starts.size();
  if (count == 0) {
    result.cycles = 1;
    return;
  }
  const Instructions instructions = state_->decode(block);
  const Analysis a = analyse(block, instructions, partial_);
  result.unknown = a.unknown;
  result.cycles = cycles_of(a.bounds, count);
  // Where in the block an instruction begins: by the shares of what they take alone.
  std::vector<Centicycles>& weights = state_->weights;
  weights.clear();
  Centicycles sum = 0;
  for (const Instruction* in : instructions) {
    weights.push_back(sum);
    sum += in->serial + in->busy + in->divide + std::max<Centicycles>(in->slots, 1) * 25;
  }
  result.before.reserve(count);
  for (const Centicycles weight : weights)
    result.before.push_back(static_cast<std::uint16_t>(std::min<std::uint64_t>(
        0xffff, static_cast<std::uint64_t>(weight) * result.cycles / static_cast<unsigned>(sum))));
}

}  // namespace mint
