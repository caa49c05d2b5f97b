// From bytes to Instruction, by Capstone and the table of costs. Remembers every encoding that it
// has seen, without what does not matter (encoding.hpp): the same few thousand make up a kernel.
// For one thread at a time.
#pragma once

#include <capstone/capstone.h>

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "emu/timing/encoding.hpp"
#include "emu/timing/instruction.hpp"
#include "emu/timing/placed_instruction.hpp"

namespace mint {

class InstructionDecoder {
 public:
  explicit InstructionDecoder(const CostTable& table);
  ~InstructionDecoder();
  InstructionDecoder(const InstructionDecoder&) = delete;
  InstructionDecoder& operator=(const InstructionDecoder&) = delete;

  // `bits` is the code size: 16, 32 or 64. What the encoding leaves out, restore() puts back.
  // References stay good until forget_if_many().
  const Instruction& decode(const Encoding& encoding, unsigned bits);
  // An instruction by its bytes, of which there are Encoding::kReadable to be read: decode() and
  // what the encoding leaves out, mostly without making the encoding. In two steps, since what is
  // known of an instruction is rarely in the host's caches: the first one is to be taken for all
  // instructions of a block before the second one. It gives the fingerprint.
  std::uint64_t expect(const std::uint8_t* bytes, std::size_t length, unsigned bits,
                       PlacedInstruction& out) const;
  void place(std::uint64_t name, const std::uint8_t* bytes, std::size_t length, unsigned bits,
             PlacedInstruction& out);
  // Starts again when more encodings have been seen than a run should keep.
  void forget_if_many();

 private:
  struct Seen {
    std::uint64_t low = 0;  // the encoding's name
    std::uint64_t high = 0;
    std::uint64_t hash = 0;
    Instruction instruction;
  };
  static constexpr std::size_t kChunk = 256;
  using Chunk = std::array<Seen, kChunk>;
  struct Slot {
    std::uint32_t tag = 0;    // of the name's hash
    std::uint32_t place = 0;  // in seen_, from 1; 0: unused
  };

  Seen& seen(std::uint32_t place) const {
    return (*seen_[(place - 1) / kChunk])[(place - 1) % kChunk];
  }
  // By fingerprint.
  struct Known {
    std::uint64_t fingerprint = 0;  // 0: unused
    const Instruction* instruction = nullptr;
  };
  std::size_t first_known(std::uint64_t fingerprint) const {
    return (fingerprint * 0x9e3779b97f4a7c15) >> 32 & (known_.size() - 1);
  }
  Known& known_of(std::uint64_t fingerprint);
  void grow_known();

  Slot& slot_of(std::uint64_t low, std::uint64_t high, std::uint64_t hash);
  void grow();
  Instruction make(const Encoding& encoding, unsigned bits);

  const CostTable& table_;
  csh handles_[3]{};
  cs_insn* scratch_ = nullptr;
  std::vector<Slot> slots_;  // a power of two, at most half full
  std::vector<std::unique_ptr<Chunk>> seen_;
  std::uint32_t count_ = 0;
  std::vector<Known> known_;  // likewise
  std::size_t known_count_ = 0;
};

}  // namespace mint
