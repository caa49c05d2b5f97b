#include "emu/timing/instruction_decoder.hpp"

#include <cstring>
#include <new>

#include "emu/timing/analysed_instruction.hpp"
#include "emu/timing/capstone_tables.hpp"
#include "emu/timing/fingerprint.hpp"

namespace mint {
namespace {

// More encodings than a boot has; beyond it the memory starts again.
constexpr std::size_t kMostSeen = 1u << 18;
constexpr std::size_t kFirstSlots = 1u << 13;
constexpr std::size_t kFirstKnown = 1u << 13;

unsigned mode_index(unsigned bits) { return bits == 64 ? 2 : bits == 32 ? 1 : 0; }

}  // namespace

InstructionDecoder::InstructionDecoder(const CostTable& table)
    : table_(table), slots_(kFirstSlots), known_(kFirstKnown) {
  prepare_capstone();
  static constexpr cs_mode kModes[] = {CS_MODE_16, CS_MODE_32, CS_MODE_64};
  for (unsigned i = 0; i < 3; ++i) {
    if (cs_open(CS_ARCH_X86, kModes[i], &handles_[i]) != CS_ERR_OK) throw std::bad_alloc();
    cs_option(handles_[i], CS_OPT_DETAIL, CS_OPT_ON);
  }
  scratch_ = cs_malloc(handles_[0]);
  if (scratch_ == nullptr) throw std::bad_alloc();
}

InstructionDecoder::~InstructionDecoder() {
  cs_free(scratch_, 1);
  for (csh& handle : handles_) cs_close(&handle);
}

std::uint64_t InstructionDecoder::expect(const std::uint8_t* bytes, std::size_t length,
                                         unsigned bits, PlacedInstruction& out) const {
  const std::uint64_t name = fingerprint(bytes, length, bits, out.own);
  __builtin_prefetch(&known_[first_known(name)]);
  return name;
}

void InstructionDecoder::place(std::uint64_t name, const std::uint8_t* bytes, std::size_t length,
                               unsigned bits, PlacedInstruction& out) {
  if (name != 0) {
    const Known& known = known_of(name);
    if (known.fingerprint != 0) {
      out.general = known.instruction;
      __builtin_prefetch(out.general);
      out.length = static_cast<std::uint8_t>(length);
      return;
    }
  }
  Encoding encoding;
  normalise(bytes, length, bits, encoding);
  out.general = &decode(encoding, bits);
  out.length = out.general->length;
  out.own = encoding;
  if (name == 0 || out.length != length) return;
  known_of(name) = {name, out.general};
  if (2 * ++known_count_ >= known_.size()) grow_known();
}

InstructionDecoder::Known& InstructionDecoder::known_of(std::uint64_t fingerprint) {
  const std::size_t mask = known_.size() - 1;
  std::size_t at = first_known(fingerprint);
  while (known_[at].fingerprint != 0 && known_[at].fingerprint != fingerprint) at = (at + 1) & mask;
  return known_[at];
}

void InstructionDecoder::grow_known() {
  std::vector<Known> old(known_.size() * 2);
  old.swap(known_);
  for (const Known& each : old)
    if (each.fingerprint != 0) known_of(each.fingerprint) = each;
}

const Instruction& InstructionDecoder::decode(const Encoding& encoding, unsigned bits) {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::memcpy(&low, encoding.name.data(), 8);
  std::memcpy(&high, encoding.name.data() + 8, 8);
  const std::uint64_t hash = encoding.hash;
  Slot& slot = slot_of(low, high, hash);
  if (slot.place != 0) return seen(slot.place).instruction;
  if (count_ % kChunk == 0) seen_.push_back(std::make_unique<Chunk>());
  slot = {static_cast<std::uint32_t>(hash), ++count_};
  Seen& made = seen(count_);
  made = {low, high, hash, make(encoding, bits)};
  if (2 * count_ >= slots_.size()) grow();
  return made.instruction;
}

InstructionDecoder::Slot& InstructionDecoder::slot_of(std::uint64_t low, std::uint64_t high,
                                                      std::uint64_t hash) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash >> 32 & mask;
  while (slots_[at].place != 0) {
    if (slots_[at].tag == static_cast<std::uint32_t>(hash)) {
      const Seen& found = seen(slots_[at].place);
      if (found.low == low && found.high == high) break;
    }
    at = (at + 1) & mask;
  }
  return slots_[at];
}

void InstructionDecoder::grow() {
  slots_.assign(slots_.size() * 2, {});
  for (std::uint32_t place = 1; place <= count_; ++place) {
    const Seen& each = seen(place);
    slot_of(each.low, each.high, each.hash) = {static_cast<std::uint32_t>(each.hash), place};
  }
}

void InstructionDecoder::forget_if_many() {
  if (count_ < kMostSeen) return;
  seen_.clear();
  count_ = 0;
  slots_.assign(kFirstSlots, {});
  known_.assign(kFirstKnown, {});
  known_count_ = 0;
}

Instruction InstructionDecoder::make(const Encoding& encoding, unsigned bits) {
  const std::span<const std::uint8_t> bytes = encoding.bytes();
  const csh handle = handles_[mode_index(bits)];
  const std::uint8_t* code = bytes.data();
  std::size_t size = bytes.size();
  std::uint64_t address = 0;
  if (size > 0 && cs_disasm_iter(handle, &code, &size, &address, scratch_))
    return analysed_instruction(*scratch_, table_, bits);
  // Not an instruction: the engine raises #UD. Nothing is executed that could have a cost.
  Instruction undefined;
  undefined.length = static_cast<std::uint8_t>(bytes.size());
  undefined.slots = 1;
  return undefined;
}

}  // namespace mint
