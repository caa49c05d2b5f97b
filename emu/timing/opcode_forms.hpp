// Instructions of the opcode maps as far as encodings tell them apart (SDM vol. 2, A.3): what
// follows the opcode, and which of their registers can be taken for others.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace mint {

enum Form : std::uint8_t {
  kOther,
  kModRm,        // ModRM, no immediate
  kModRmByte,    // and an immediate of a byte
  kModRmWord,    // and one of the operand size, at most 4 bytes
  kModRmGroup3,  // F6 and F7: an immediate with TEST only
  kByte,         // an immediate of a byte; from here on without ModRM
  kWord,
  kMove,  // B8-BF: 8 bytes with REX.W
};

// Bytes of their immediates, with operands of 2 bytes, 4 bytes, and with REX.W.
inline constexpr std::uint8_t kImmediates[][3] = {{0, 0, 0}, {0, 0, 0}, {1, 1, 1}, {2, 4, 4},
                                                  {0, 0, 0}, {1, 1, 1}, {2, 4, 4}, {2, 4, 8}};

// Bytes of the displacement by ModRM, where SIB does not tell otherwise.
constexpr std::array<std::uint8_t, 256> displacements() {
  std::array<std::uint8_t, 256> sizes{};
  for (unsigned modrm = 0; modrm < 0xc0; ++modrm) {
    if (modrm >> 6 == 1) sizes[modrm] = 1;
    if (modrm >> 6 == 2 || (modrm & 0xc7) == 5) sizes[modrm] = 4;
  }
  return sizes;
}

constexpr std::array<bool, 256> prefixes() {
  std::array<bool, 256> is{};
  for (const unsigned byte : {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3})
    is[byte] = true;
  return is;
}

inline constexpr std::array<std::uint8_t, 256> kDisplacements = displacements();
inline constexpr std::array<bool, 256> kIsPrefix = prefixes();

constexpr std::array<Form, 256> one_byte_forms() {
  std::array<Form, 256> forms{};
  for (unsigned op = 0; op < 0x40; ++op) {
    if ((op & 7) < 4) forms[op] = kModRm;
    if ((op & 7) == 4) forms[op] = kByte;
    if ((op & 7) == 5) forms[op] = kWord;
  }
  for (unsigned op = 0x84; op <= 0x8b; ++op) forms[op] = kModRm;
  for (unsigned op = 0xd0; op <= 0xd3; ++op) forms[op] = kModRm;
  for (unsigned op = 0xb8; op <= 0xbf; ++op) forms[op] = kMove;
  forms[0x63] = forms[0x8d] = forms[0xfe] = forms[0xff] = kModRm;
  forms[0x80] = forms[0x83] = forms[0xc0] = forms[0xc1] = forms[0xc6] = forms[0x6b] = kModRmByte;
  forms[0x81] = forms[0xc7] = forms[0x69] = kModRmWord;
  forms[0xf6] = forms[0xf7] = kModRmGroup3;
  for (unsigned op = 0xb0; op <= 0xb7; ++op) forms[op] = kByte;
  for (unsigned op = 0xe4; op <= 0xe7; ++op) forms[op] = kByte;  // IN and OUT
  forms[0x6a] = forms[0xa8] = kByte;
  forms[0x68] = forms[0xa9] = kWord;
  return forms;
}

// After 0F.
constexpr std::array<Form, 256> two_byte_forms() {
  std::array<Form, 256> forms{};
  for (unsigned op = 0x40; op <= 0x4f; ++op) forms[op] = kModRm;  // CMOVcc
  for (unsigned op = 0x90; op <= 0x9f; ++op) forms[op] = kModRm;  // SETcc
  for (const unsigned op : {0x10, 0x11, 0x1f, 0x28, 0x29, 0x6e, 0x6f, 0x7e, 0x7f, 0xa3, 0xab, 0xaf,
                            0xb0, 0xb1, 0xb3, 0xb6, 0xb7, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf, 0xc0, 0xc1})
    forms[op] = kModRm;
  forms[0xba] = kModRmByte;
  return forms;
}

inline constexpr std::array<Form, 256> kOneByte = one_byte_forms();
inline constexpr std::array<Form, 256> kTwoBytes = two_byte_forms();

// Which general registers can be taken for each other, when the instruction has ModRM.
enum Naming : std::uint8_t {
  kNone,
  kAddress,        // those of an address; with byte registers beside them
  kVectorAddress,  // the same with vector registers
  kReg,            // and that of the field reg
  kRm,             // those of an address, or the one of the field r/m
  kBoth,           // all
};

constexpr std::array<Naming, 256> one_byte_naming() {
  std::array<Naming, 256> naming{};
  for (unsigned op = 0; op < 0x40; ++op)
    if ((op & 7) < 4) naming[op] = (op & 1) != 0 ? kBoth : kAddress;
  for (const unsigned op : {0x63, 0x69, 0x6b, 0x85, 0x87, 0x89, 0x8b, 0x8d}) naming[op] = kBoth;
  for (const unsigned op : {0x81, 0x83, 0xc1, 0xc7, 0xd1, 0xff}) naming[op] = kRm;
  // Also those with the registers A, C or D beside an operand r/m.
  for (const unsigned op : {0x80, 0x84, 0x86, 0x88, 0x8a, 0xc0, 0xc6, 0xd0, 0xd2, 0xd3, 0xf6, 0xf7})
    naming[op] = kAddress;
  naming[0xfe] = kAddress;
  return naming;
}

// After 0F.
constexpr std::array<Naming, 256> two_byte_naming() {
  std::array<Naming, 256> naming{};
  for (unsigned op = 0x40; op <= 0x4f; ++op) naming[op] = kBoth;
  for (unsigned op = 0x90; op <= 0x9f; ++op) naming[op] = kAddress;
  for (const unsigned op : {0xa3, 0xab, 0xaf, 0xb3, 0xb7, 0xbb, 0xbc, 0xbd, 0xbf, 0xc1})
    naming[op] = kBoth;
  naming[0x1f] = naming[0xba] = kRm;
  naming[0xb6] = naming[0xbe] = kReg;
  for (const unsigned op : {0x10, 0x11, 0x28, 0x29, 0x6e, 0x6f, 0x7e, 0x7f})
    naming[op] = kVectorAddress;
  return naming;
}

inline constexpr std::array<Naming, 256> kOneByteNaming = one_byte_naming();
inline constexpr std::array<Naming, 256> kTwoByteNaming = two_byte_naming();
constexpr std::uint8_t kStackPointerNumber = 4;

// With kAddress and REX, whether the field reg is a byte register that a stand-in is, too (SIL and
// DIL): then none can be taken for others.
inline bool is_in_the_way(bool two, unsigned op, unsigned reg) {
  const bool is_register = !two && (op < 0x80 || (op >= 0x84 && op <= 0x8b));
  return is_register && (reg == 6 || reg == 7);
}

inline std::uint64_t load_bytes(const std::uint8_t* bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// `size` bytes at `bytes`, 1 to 8.
inline std::int64_t sign_extended(const std::uint8_t* bytes, std::size_t size) {
  const unsigned shift = static_cast<unsigned>(64 - 8 * size);
  return static_cast<std::int64_t>(load_bytes(bytes) << shift) >> shift;
}

}  // namespace mint
