#include "emu/timing/encoding.hpp"

#include <algorithm>
#include <cstring>

#include "emu/timing/opcode_forms.hpp"

namespace mint {
namespace {

using Wide = unsigned __int128;

// The mask of `size` bytes from number `at` on.
Wide mask_of(std::size_t at, std::size_t size) { return ((Wide{1} << 8 * size) - 1) << 8 * at; }

// Goes through an instruction's bytes, and changes them in `name`.
class Parser {
 public:
  Parser(const std::uint8_t* bytes, std::size_t length, unsigned bits, Wide& name, Encoding& out)
      : bytes_(bytes), length_(length), bits_(bits), name_(name), out_(out) {}

  void run() {
    prefixes();
    std::uint8_t op = next();
    const bool two = op == 0x0f;
    if (two) op = next();
    const Form form = (two ? kTwoBytes : kOneByte)[op];
    Naming naming = (two ? kTwoByteNaming : kOneByteNaming)[op];
    if (other_addresses_ || form == kOther) return;
    std::uint8_t modrm = 0;
    if (form < kByte) {
      modrm = next();
      if (bits_ == 16 && modrm < 0xc0 && !wide_addresses_) return;
      find_displacement(modrm);
    }
    const bool wide_words = operand_size_ == (bits_ == 16);
    std::size_t immediate = kImmediates[form][wide_ ? 2 : wide_words ? 1 : 0];
    if (form == kModRmGroup3 && (modrm & 0x38) < 0x10)
      immediate = op == 0xf6 ? 1 : wide_words ? 4 : 2;
    if (at_ + immediate != length_) return;  // not what it seemed to be
    if (displacement_size_ != 0) {
      out_.displaced = true;
      out_.displacement = sign_extended(bytes_ + displacement_at_, displacement_size_);
      name_ &= ~mask_of(displacement_at_, displacement_size_);
    }
    // ADD and SUB move the stack pointer by it, and 1 is an operand of its own kind.
    const bool of_stack =
        !two && op >= 0x80 && op <= 0x83 && (rex_ & 1) == 0 && (modrm == 0xc4 || modrm == 0xec);
    if (immediate != 0 && !of_stack && sign_extended(bytes_ + at_, immediate) != 1)
      name_ = (name_ & ~mask_of(at_, immediate)) | Wide{2} << 8 * at_;
    if (!two && op == 0xf7 && (modrm >> 3 & 7) < 4) naming = kRm;     // not with EAX and EDX
    if (!two && op == 0xc7 && (modrm >> 3 & 7) != 0) naming = kNone;  // XBEGIN
    rename(naming, two, op, modrm);
  }

 private:
  std::uint8_t next() { return bytes_[at_++]; }

  void prefixes() {
    for (; kIsPrefix[bytes_[at_]] && at_ < length_; ++at_) {
      if (bytes_[at_] == 0x66) operand_size_ = true;
      if (bytes_[at_] == 0x67) (bits_ == 16 ? wide_addresses_ : other_addresses_) = true;
    }
    const bool is_rex = bits_ == 64 && (bytes_[at_] & 0xf0) == 0x40;
    rex_at_ = at_;
    rex_ = is_rex ? bytes_[at_] : 0;
    at_ += is_rex ? 1 : 0;
    wide_ = (rex_ & 8) != 0;
    if (wide_) operand_size_ = false;
  }

  // A field of ModRM or SIB that names a general register.
  struct Field {
    std::size_t at;
    unsigned shift;
    unsigned rex_bit;
  };

  // Puts stand-ins in the place of general registers, except the stack pointer, which is not like
  // the others.
  void rename(Naming naming, bool two, std::uint8_t op, std::uint8_t modrm) {
    if (naming == kNone || modrm_at_ == 0) return;
    // Byte registers keep their names; with REX they may be those of the stand-ins.
    if (naming == kAddress && rex_ != 0 && is_in_the_way(two, op, register_in({modrm_at_, 3, 4})))
      return;
    std::array<Field, 3> fields;
    unsigned count = 0;
    const unsigned low = modrm & 7;
    if (modrm >> 6 == 3) {
      // With kReg, r/m is a byte register, and that of the stand-ins only with REX.
      if (naming == kAddress || naming == kVectorAddress || (naming == kReg && rex_ != 0)) return;
      if (naming != kReg) fields[count++] = {modrm_at_, 0, 1};
    } else if (low == 4) {
      const std::size_t sib = modrm_at_ + 1;
      if ((bytes_[sib] & 7) != 5 || modrm >> 6 != 0) fields[count++] = {sib, 0, 1};
      if (register_in({sib, 3, 2}) != kStackPointerNumber) fields[count++] = {sib, 3, 2};
    } else if (low != 5 || modrm >> 6 != 0) {
      fields[count++] = {modrm_at_, 0, 1};
    }
    if (naming == kBoth || naming == kReg) fields[count++] = {modrm_at_, 3, 4};
    for (unsigned i = 0; i < count; ++i) {
      const Field& field = fields[i];
      const std::uint8_t number = register_in(field);
      if (number == kStackPointerNumber) continue;
      unsigned known = 0;
      while (known < out_.renamed && out_.registers[known] != number) ++known;
      if (known == out_.renamed) out_.registers[out_.renamed++] = number;
      const std::size_t shift = 8 * field.at + field.shift;
      name_ = (name_ & ~(Wide{7} << shift)) | Wide{Encoding::kStandIns[known]} << shift;
      if (rex_ != 0) name_ &= ~(Wide{field.rex_bit} << 8 * rex_at_);
    }
  }

  std::uint8_t register_in(const Field& field) const {
    const unsigned high = (rex_ & field.rex_bit) != 0 ? 8 : 0;
    return static_cast<std::uint8_t>((bytes_[field.at] >> field.shift & 7) | high);
  }

  void find_displacement(std::uint8_t modrm) {
    modrm_at_ = at_ - 1;
    displacement_size_ = kDisplacements[modrm];
    if (modrm < 0xc0 && (modrm & 7) == 4) {
      const std::uint8_t sib = next();
      if (modrm < 0x40 && (sib & 7) == 5) displacement_size_ = 4;
    }
    displacement_at_ = at_;
    at_ += displacement_size_;
  }

  const std::uint8_t* const bytes_;
  const std::size_t length_;
  const unsigned bits_;
  Wide& name_;
  Encoding& out_;
  std::size_t at_ = 0;
  std::size_t rex_at_ = 0;
  std::uint8_t rex_ = 0;  // 0: none
  std::size_t modrm_at_ = 0;
  bool operand_size_ = false;
  bool other_addresses_ = false;
  bool wide_addresses_ = false;  // of 32 bits, in 16-bit code
  bool wide_ = false;
  std::size_t displacement_at_ = 0;
  std::size_t displacement_size_ = 0;
};

std::uint64_t hash_of(std::uint64_t low, std::uint64_t high) {
  std::uint64_t hash = (low ^ high * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;
  hash ^= hash >> 32;
  return hash * 0xc4ceb9fe1a85ec53;
}

}  // namespace

void Encoding::set_hash() { hash = hash_of(load_bytes(name.data()), load_bytes(name.data() + 8)); }

void normalise(const std::uint8_t* bytes, std::size_t length, unsigned bits, Encoding& out) {
  length = std::min(length, Encoding::kLongest);
  Wide name =
      (Wide{load_bytes(bytes + 8)} << 64 | load_bytes(bytes)) & ((Wide{1} << 8 * length) - 1);
  name |= Wide{bits | length} << 8 * Encoding::kLongest;
  out.displaced = false;
  out.renamed = 0;
  const std::uint8_t op = bytes[0];
  if (length == 2 && ((op & 0xf0) == 0x70 || op == 0xeb))
    name &= ~mask_of(1, 1);
  else if (length == 5 && (op == 0xe8 || op == 0xe9))
    name &= ~mask_of(1, 4);
  else if (length == 6 && op == 0x0f && (bytes[1] & 0xf0) == 0x80)
    name &= ~mask_of(2, 4);
  else if (bits == 16 && length == 6 && op == 0x66 && (bytes[1] == 0xe8 || bytes[1] == 0xe9))
    name &= ~mask_of(2, 4);
  else
    Parser(bytes, length, bits, name, out).run();
  const auto low = static_cast<std::uint64_t>(name);
  const auto high = static_cast<std::uint64_t>(name >> 64);
  std::memcpy(out.name.data(), &low, sizeof low);
  std::memcpy(out.name.data() + sizeof low, &high, sizeof high);
  out.hash = hash_of(low, high);
}

Encoding normalised(std::span<const std::uint8_t> bytes, unsigned bits) {
  std::array<std::uint8_t, Encoding::kReadable> copy{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), Encoding::kLongest), copy.begin());
  Encoding out;
  normalise(copy.data(), bytes.size(), bits, out);
  return out;
}

}  // namespace mint
