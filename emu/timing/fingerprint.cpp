#include "emu/timing/fingerprint.hpp"

#include "emu/timing/opcode_forms.hpp"

namespace mint {
namespace {

// The word's parts: which kind it is, and beside that either the bytes themselves or fields.
constexpr std::uint64_t kOfFields = std::uint64_t{1} << 63;
constexpr std::uint64_t kOfBytes = std::uint64_t{1} << 62;
constexpr std::size_t kMostBytes = 6;

// What is known by the opcode.
struct Opcode {
  Form form = kOther;
  Naming naming = kNone;
  bool relative = false;  // a jump or call: its immediate is where to
};

constexpr std::array<Opcode, 512> opcodes() {
  std::array<Opcode, 512> all{};
  for (unsigned op = 0; op < 256; ++op) {
    all[op] = {kOneByte[op], kOneByteNaming[op]};
    all[256 + op] = {kTwoBytes[op], kTwoByteNaming[op]};
  }
  for (unsigned op = 0x70; op < 0x80; ++op) all[op] = {kByte, kNone, true};
  for (unsigned op = 0x80; op < 0x90; ++op) all[256 + op] = {kWord, kNone, true};
  all[0xeb] = {kByte, kNone, true};
  all[0xe8] = all[0xe9] = {kWord, kNone, true};
  return all;
}

constexpr std::array<Opcode, 512> kOpcodes = opcodes();

// The fields that name a register: bits of a mask.
constexpr unsigned kBaseField = 1;  // SIB's base, or r/m
constexpr unsigned kIndexField = 2;
constexpr unsigned kRegField = 4;

// Those whose registers can be taken for others, by ModRM.
unsigned fields_of(Naming naming, unsigned modrm, unsigned sib, bool has_rex) {
  if (naming == kNone) return 0;
  const unsigned reg = naming == kBoth || naming == kReg ? kRegField : 0;
  if (modrm >= 0xc0) {
    if (naming == kAddress || naming == kVectorAddress || (naming == kReg && has_rex)) return 0;
    return reg | (naming != kReg ? kBaseField : 0);
  }
  const unsigned low = modrm & 7;
  if (low == 4) {
    const bool has_base = (sib & 7) != 5 || modrm >= 0x40;
    return reg | kIndexField | (has_base ? kBaseField : 0);
  }
  return reg | (low != 5 || modrm >= 0x40 ? kBaseField : 0);
}

// Registers by number, and which of them have stand-ins.
struct Names {
  unsigned base = 0;
  unsigned index = 0;
  unsigned reg = 0;

  // Puts stand-ins in the place of those that `fields` has; they are told from registers by a bit.
  void rename(unsigned fields, Particulars& out) {
    constexpr unsigned kStandIn = 16;
    const bool has_base = (fields & kBaseField) != 0 && base != kStackPointerNumber;
    const bool has_index = (fields & kIndexField) != 0 && index != kStackPointerNumber;
    const bool has_reg = (fields & kRegField) != 0 && reg != kStackPointerNumber;
    unsigned count = 0;
    out.registers[0] = static_cast<std::uint8_t>(base);
    count += has_base;
    const bool index_is_base = has_base && index == base;
    const unsigned index_name = index_is_base ? 0 : count;
    out.registers[count] = static_cast<std::uint8_t>(index);
    count += has_index && !index_is_base;
    const bool reg_is_base = has_base && reg == base;
    const bool reg_is_index = has_index && reg == index;
    const unsigned reg_name = reg_is_base ? 0 : reg_is_index ? index_name : count;
    out.registers[count] = static_cast<std::uint8_t>(reg);
    count += has_reg && !reg_is_base && !reg_is_index;
    out.renamed = static_cast<std::uint8_t>(count);
    if (has_base) base = kStandIn;
    if (has_index) index = kStandIn | index_name;
    if (has_reg) reg = kStandIn | reg_name;
  }
};

}  // namespace

std::uint64_t fingerprint(const std::uint8_t* bytes, std::size_t length, unsigned bits,
                          Particulars& out) {
  out.displaced = false;
  out.renamed = 0;
  if (bits == 16) return 0;
  std::size_t at = 0;
  unsigned prefix = 0;
  if (kIsPrefix[bytes[0]]) {
    prefix = bytes[at++];
    if (prefix == 0x67 || kIsPrefix[bytes[1]]) return 0;
  }
  const bool is_long = bits == 64;
  const unsigned rex = is_long && (bytes[at] & 0xf0) == 0x40 ? bytes[at] : 0;
  at += rex != 0;
  const bool two = bytes[at] == 0x0f;
  at += two;
  const unsigned op = bytes[at++];
  const Opcode& opcode = kOpcodes[(two ? 256u : 0u) | op];
  if (opcode.form == kOther) {
    if (length > kMostBytes) return 0;
    return kOfBytes | std::uint64_t{is_long} << 56 | length << 48 |
           (load_bytes(bytes) & ((std::uint64_t{1} << 8 * length) - 1));
  }

  const bool wide = (rex & 8) != 0;
  const bool narrow = prefix == 0x66 && !wide;
  std::size_t immediate = kImmediates[opcode.form][wide ? 2 : narrow ? 0 : 1];
  std::size_t displacement = 0;
  bool rex_matters = true;
  std::uint64_t key = kOfFields;
  if (opcode.form < kByte) {
    const unsigned modrm = bytes[at++];
    const bool has_sib = modrm < 0xc0 && (modrm & 7) == 4;
    const unsigned sib = has_sib ? bytes[at] : 0;
    at += has_sib;
    displacement = has_sib && modrm < 0x40 && (sib & 7) == 5 ? 4 : kDisplacements[modrm];
    const unsigned kind = modrm >> 3 & 7;
    Naming naming = opcode.naming;
    if (opcode.form == kModRmGroup3) {
      if (kind < 2) immediate = op == 0xf6 ? 1 : narrow ? 2 : 4;
      if (op == 0xf7 && kind < 4 && !two) naming = kRm;  // not with EAX and EDX
    }
    if (op == 0xc7 && !two && kind != 0) naming = kNone;  // XBEGIN
    Names names = {.base = ((has_sib ? sib : modrm) & 7) | (rex & 1) << 3,
                   .index = (sib >> 3 & 7) | (rex & 2) << 2,
                   .reg = kind | (rex & 4) << 1};
    // ADD and SUB move the stack pointer by their immediate.
    if (!two && op >= 0x80 && op <= 0x83 && (rex & 1) == 0 && (modrm == 0xc4 || modrm == 0xec)) {
      if (immediate != 1) return 0;
      key |= std::uint64_t{bytes[at]} << 54;
    }
    if (naming == kAddress && rex != 0 && is_in_the_way(two, op, names.reg)) naming = kNone;
    names.rename(fields_of(naming, modrm, sib, rex != 0), out);
    // REX is told from none where there are byte registers, and behind a prefix, which may say
    // something else then.
    rex_matters =
        prefix != 0 || naming == kNone || naming == kAddress || (naming == kReg && modrm >= 0xc0);
    const bool no_base = modrm < 0x40 && ((has_sib ? sib : modrm) & 7) == 5;
    key |= std::uint64_t{modrm >= 0xc0} << 9 | std::uint64_t{no_base} << 10 |
           std::uint64_t{has_sib} << 11 | std::uint64_t{sib >> 6} << 12 |
           std::uint64_t{names.base} << 14 | std::uint64_t{names.index} << 19 |
           std::uint64_t{names.reg} << 24;
    if (displacement != 0) {
      out.displaced = true;
      out.displacement = sign_extended(bytes + at, displacement);
      at += displacement;
    }
  } else {
    if (opcode.relative && (prefix | rex) != 0) return 0;
    key |= std::uint64_t{rex & 7} << 14;
  }
  if (at + immediate != length) {
    out.displaced = false;
    out.renamed = 0;
    return 0;
  }
  const bool one = immediate != 0 && !opcode.relative && sign_extended(bytes + at, immediate) == 1;
  return key | std::uint64_t{op} | std::uint64_t{two} << 8 | std::uint64_t{wide} << 29 |
         std::uint64_t{rex != 0 && rex_matters} << 30 | std::uint64_t{is_long} << 31 |
         std::uint64_t{prefix} << 32 | std::uint64_t{one} << 40;
}

}  // namespace mint
