#include "emu/timing/instruction_table.hpp"

#include <algorithm>
#include <array>

namespace mint {
namespace {

// Costs in quarters of a cycle. Sources: measured reciprocal throughput and latency of a Core i7
// 860 (InstLatx64, dump 00106E5).
enum Cost : std::uint8_t {
  kSimple = 2,     // ADD r,r: 0.33 measured, fetch and dependencies bring it to about 0.5
  kLoad = 5,       // MOV r,m: throughput 1, latency 4 beyond it half hidden by its user
  kStore = 4,      // MOV m,r: 1.0
  kModify = 8,     // ADD m,r: throughput 1, latency 6 through store forwarding
  kBranch = 5,     // Jcc: 1.0 predicted, plus about 2% mispredictions of 17 cycles
  kCall = 8,       // CALL + RET: 4.0 as a pair
  kPush = 4,       // PUSH r, POP r: 1.0
  kMultiply = 8,   // IMUL r,r: throughput 1, latency 3
  kDivide = 100,   // DIV r32: 17 to 28
  kShift = 3,      // SHL r,cl: 1 to 2
  kBitScan = 6,    // BSF: throughput 1, latency 3
  kExchange = 70,  // XCHG m,r and LOCK forms: 17 to 20
  kString = 12,    // one iteration of a REP string instruction's loop
  kVector = 4,     // SSE moves and arithmetic: 0.33 to 1
  kX87 = 8,        // x87 arithmetic: throughput 1, latency 3 to 5
  kSegment = 40,   // MOV seg,r; far pointers; POPF
  kSystem = 120,   // privileged: MOV CRn, LGDT, INVLPG, IRET, SYSCALL, INT
};

struct Opcode {
  std::uint8_t reg = kSimple;     // cost with a register operand (or without ModRM)
  std::uint8_t memory = kSimple;  // cost with a memory operand
  bool has_modrm = false;
};

using Map = std::array<Opcode, 256>;

constexpr void set(Map& map, unsigned first, unsigned last, Opcode opcode) {
  for (unsigned i = first; i <= last; ++i) map[i] = opcode;
}

constexpr Map one_byte_map() {
  Map m{};
  for (unsigned group = 0; group < 0x40; group += 8) {  // ADD OR ADC SBB AND SUB XOR CMP
    const std::uint8_t to_memory = group == 0x38 ? kLoad : kModify;
    set(m, group, group + 1, {kSimple, to_memory, true});
    set(m, group + 2, group + 3, {kSimple, kLoad, true});
  }
  for (unsigned op : {0x06u, 0x07u, 0x0eu, 0x16u, 0x17u, 0x1eu, 0x1fu})
    m[op] = {kSegment, kSegment};
  set(m, 0x50, 0x5f, {kPush, kPush});
  set(m, 0x60, 0x61, {8 * kPush, 8 * kPush});
  m[0x63] = {kSimple, kLoad, true};
  m[0x68] = m[0x6a] = {kPush, kPush};
  m[0x69] = m[0x6b] = {kMultiply, kMultiply + kLoad, true};
  set(m, 0x6c, 0x6f, {kString, kString});
  set(m, 0x70, 0x7f, {kBranch, kBranch});
  set(m, 0x80, 0x83, {kSimple, kModify, true});
  set(m, 0x84, 0x85, {kSimple, kLoad, true});
  set(m, 0x86, 0x87, {kSimple, kExchange, true});
  set(m, 0x88, 0x89, {kSimple, kStore, true});
  set(m, 0x8a, 0x8b, {kSimple, kLoad, true});
  m[0x8c] = {kSimple, kStore, true};
  m[0x8d] = {kSimple, kSimple, true};  // LEA
  m[0x8e] = {kSegment, kSegment, true};
  m[0x8f] = {kPush, kModify, true};
  m[0x9a] = {kSystem, kSystem};
  set(m, 0x9c, 0x9d, {kSegment, kSegment});
  set(m, 0xa0, 0xa1, {kLoad, kLoad});
  set(m, 0xa2, 0xa3, {kStore, kStore});
  set(m, 0xa4, 0xa7, {kString, kString});
  set(m, 0xaa, 0xaf, {kString, kString});
  set(m, 0xc0, 0xc1, {kSimple, kModify, true});
  set(m, 0xc2, 0xc3, {kCall, kCall});
  set(m, 0xc4, 0xc5, {kSegment, kSegment, true});
  set(m, 0xc6, 0xc7, {kSimple, kStore, true});
  m[0xc8] = {4 * kPush, 4 * kPush};
  m[0xc9] = {kPush, kPush};
  set(m, 0xca, 0xcf, {kSystem, kSystem});
  set(m, 0xd0, 0xd1, {kSimple, kModify, true});
  set(m, 0xd2, 0xd3, {kShift, kModify, true});
  m[0xd7] = {kLoad, kLoad};
  set(m, 0xd8, 0xdf, {kX87, kX87 + kLoad, true});
  set(m, 0xe0, 0xe3, {kBranch + kShift, kBranch + kShift});
  m[0xe8] = {kCall, kCall};
  m[0xe9] = m[0xeb] = {kBranch, kBranch};
  m[0xea] = {kSystem, kSystem};
  m[0xf6] = m[0xf7] = {kSimple, kModify, true};  // refined by ModRM.reg
  m[0xfa] = m[0xfb] = {kShift, kShift};
  m[0xfe] = {kSimple, kModify, true};
  m[0xff] = {kCall, kModify, true};
  return m;
}

constexpr Map two_byte_map() {
  Map m{};
  set(m, 0x00, 0x01, {kSystem, kSystem, true});
  set(m, 0x05, 0x09, {kSystem, kSystem});
  set(m, 0x10, 0x17, {kVector, kVector + kLoad, true});
  set(m, 0x18, 0x1f, {kSimple, kSimple, true});
  set(m, 0x20, 0x23, {kSystem, kSystem, true});
  set(m, 0x28, 0x2f, {kVector, kVector + kLoad, true});
  set(m, 0x30, 0x35, {kSystem, kSystem});
  set(m, 0x40, 0x4f, {kSimple, kLoad, true});
  set(m, 0x50, 0x7f, {kVector, kVector + kLoad, true});
  set(m, 0x80, 0x8f, {kBranch, kBranch});
  set(m, 0x90, 0x9f, {kSimple, kStore, true});
  for (unsigned op : {0xa0u, 0xa1u, 0xa8u, 0xa9u}) m[op] = {kSegment, kSegment};
  m[0xa3] = {kSimple, kModify, true};
  set(m, 0xa4, 0xa5, {kMultiply, kModify, true});
  m[0xab] = {kSimple, kModify, true};
  set(m, 0xac, 0xad, {kMultiply, kModify, true});
  m[0xae] = {kVector, 4 * kLoad, true};
  m[0xaf] = {kMultiply, kMultiply + kLoad, true};
  set(m, 0xb0, 0xb1, {kMultiply, kModify, true});
  m[0xb2] = m[0xb4] = m[0xb5] = {kSegment, kSegment, true};
  m[0xb3] = m[0xba] = m[0xbb] = {kSimple, kModify, true};
  for (unsigned op : {0xb6u, 0xb7u, 0xbeu, 0xbfu}) m[op] = {kSimple, kLoad, true};
  m[0xb8] = m[0xbc] = m[0xbd] = {kBitScan, kBitScan + kLoad, true};
  set(m, 0xc0, 0xc1, {kMultiply, kModify, true});
  set(m, 0xc2, 0xc6, {kVector, kVector + kLoad, true});
  m[0xc7] = {kMultiply, 2 * kModify, true};
  set(m, 0xd0, 0xff, {kVector, kVector + kLoad, true});
  return m;
}

constexpr Map kOneByte = one_byte_map();
constexpr Map kTwoByte = two_byte_map();

struct Prefixes {
  std::size_t length = 0;
  bool lock = false;
};

Prefixes prefixes_of(std::span<const std::uint8_t> code, unsigned bits) {
  Prefixes p;
  for (; p.length < code.size(); ++p.length) {
    switch (code[p.length]) {
      case 0xf0:
        p.lock = true;
        break;
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
      case 0x64:
      case 0x65:
      case 0x66:
      case 0x67:
      case 0xf2:
      case 0xf3:
        break;
      default:
        if (bits == 64 && code[p.length] >= 0x40 && code[p.length] <= 0x4f) break;
        return p;
    }
  }
  return p;
}

}  // namespace

unsigned InstructionTable::quarter_cycles(std::span<const std::uint8_t> instruction,
                                          unsigned bits) {
  const Prefixes prefixes = prefixes_of(instruction, bits);
  std::span<const std::uint8_t> rest = instruction.subspan(prefixes.length);
  if (rest.empty()) return kSimple;
  const bool escape = rest[0] == 0x0f && rest.size() > 1;
  if (escape) rest = rest.subspan(1);
  const std::uint8_t op = rest[0];
  // 0F 38 and 0F 3A: SSSE3 and SSE4.
  if (escape && (op == 0x38 || op == 0x3a)) return kVector;
  const Opcode& opcode = escape ? kTwoByte[op] : kOneByte[op];
  if (!opcode.has_modrm || rest.size() < 2) return opcode.reg;
  const std::uint8_t modrm = rest[1];
  const bool memory = modrm < 0xc0;
  if (prefixes.lock) return kExchange;
  if (!escape && (op == 0xf6 || op == 0xf7)) {
    switch (modrm >> 3 & 7) {
      case 0:
      case 1:
        return memory ? kLoad : kSimple;  // TEST
      case 4:
      case 5:
        return kMultiply + (memory ? kLoad : 0);
      case 6:
      case 7:
        return kDivide;
      default:
        break;
    }
  }
  if (!escape && op == 0xff && (modrm >> 3 & 7) < 2) return memory ? kModify : kSimple;
  return memory ? opcode.memory : opcode.reg;
}

BlockCost InstructionTable::cost(const CodeBlock& block) const {
  BlockCost result;
  result.before.reserve(block.starts.size());
  unsigned quarters = 0;
  for (std::size_t i = 0; i < block.starts.size(); ++i) {
    result.before.push_back(static_cast<std::uint16_t>(std::min(quarters / 4, 0xffffu)));
    const std::size_t from = std::min<std::size_t>(block.starts[i], block.code.size());
    const std::size_t to =
        i + 1 < block.starts.size()
            ? std::clamp<std::size_t>(block.starts[i + 1], from, block.code.size())
            : block.code.size();
    quarters += quarter_cycles(block.code.subspan(from, to - from), block.bits);
  }
  result.cycles = std::max(1u, (quarters + 3) / 4);
  return result;
}

}  // namespace mint
