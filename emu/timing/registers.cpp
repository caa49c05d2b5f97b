#include "emu/timing/registers.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

namespace mint {

Place place_of(x86_reg reg, unsigned size) {
  static constexpr x86_reg kFamilies[16][5] = {
      {X86_REG_AL, X86_REG_AH, X86_REG_AX, X86_REG_EAX, X86_REG_RAX},
      {X86_REG_CL, X86_REG_CH, X86_REG_CX, X86_REG_ECX, X86_REG_RCX},
      {X86_REG_DL, X86_REG_DH, X86_REG_DX, X86_REG_EDX, X86_REG_RDX},
      {X86_REG_BL, X86_REG_BH, X86_REG_BX, X86_REG_EBX, X86_REG_RBX},
      {X86_REG_SPL, X86_REG_INVALID, X86_REG_SP, X86_REG_ESP, X86_REG_RSP},
      {X86_REG_BPL, X86_REG_INVALID, X86_REG_BP, X86_REG_EBP, X86_REG_RBP},
      {X86_REG_SIL, X86_REG_INVALID, X86_REG_SI, X86_REG_ESI, X86_REG_RSI},
      {X86_REG_DIL, X86_REG_INVALID, X86_REG_DI, X86_REG_EDI, X86_REG_RDI},
      {X86_REG_R8B, X86_REG_INVALID, X86_REG_R8W, X86_REG_R8D, X86_REG_R8},
      {X86_REG_R9B, X86_REG_INVALID, X86_REG_R9W, X86_REG_R9D, X86_REG_R9},
      {X86_REG_R10B, X86_REG_INVALID, X86_REG_R10W, X86_REG_R10D, X86_REG_R10},
      {X86_REG_R11B, X86_REG_INVALID, X86_REG_R11W, X86_REG_R11D, X86_REG_R11},
      {X86_REG_R12B, X86_REG_INVALID, X86_REG_R12W, X86_REG_R12D, X86_REG_R12},
      {X86_REG_R13B, X86_REG_INVALID, X86_REG_R13W, X86_REG_R13D, X86_REG_R13},
      {X86_REG_R14B, X86_REG_INVALID, X86_REG_R14W, X86_REG_R14D, X86_REG_R14},
      {X86_REG_R15B, X86_REG_INVALID, X86_REG_R15W, X86_REG_R15D, X86_REG_R15}};
  static const std::vector<std::uint8_t> kGeneralPlaces = [] {
    std::vector<std::uint8_t> places(X86_REG_ENDING, kNowhere);
    for (std::uint8_t i = 0; i < 16; ++i)
      for (const x86_reg r : kFamilies[i])
        if (r != X86_REG_INVALID) places[r] = i;
    return places;
  }();
  if (reg >= X86_REG_XMM0 && reg <= X86_REG_XMM15)
    return {static_cast<std::uint8_t>(kXmmFirst + reg - X86_REG_XMM0), OperandKind::kXmm};
  if (reg >= X86_REG_MM0 && reg <= X86_REG_MM7)
    return {static_cast<std::uint8_t>(kMmxFirst + reg - X86_REG_MM0), OperandKind::kMmx};
  if (reg >= X86_REG_ST0 && reg <= X86_REG_ST7)
    return {static_cast<std::uint8_t>(kX87First + reg - X86_REG_ST0), OperandKind::kX87};
  if (reg >= X86_REG_CR0 && reg <= X86_REG_CR15) return {kNowhere, OperandKind::kControl};
  if (reg >= X86_REG_DR0 && reg <= X86_REG_DR15) return {kNowhere, OperandKind::kDebug};
  switch (reg) {
    case X86_REG_CS:
    case X86_REG_DS:
    case X86_REG_ES:
    case X86_REG_FS:
    case X86_REG_GS:
    case X86_REG_SS:
      return {kNowhere, OperandKind::kSegment};
    default:
      break;
  }
  const std::uint8_t place = kGeneralPlaces[reg < X86_REG_ENDING ? reg : X86_REG_INVALID];
  if (place == kNowhere) return {};
  return {place, size == 1   ? OperandKind::kR8
                 : size == 2 ? OperandKind::kR16
                 : size == 4 ? OperandKind::kR32
                             : OperandKind::kR64};
}

std::uint8_t size_of(x86_reg reg) {
  static constexpr x86_reg kBytes[] = {X86_REG_AL,   X86_REG_AH,   X86_REG_BL,   X86_REG_BH,
                                       X86_REG_CL,   X86_REG_CH,   X86_REG_DL,   X86_REG_DH,
                                       X86_REG_SIL,  X86_REG_DIL,  X86_REG_BPL,  X86_REG_SPL,
                                       X86_REG_R8B,  X86_REG_R9B,  X86_REG_R10B, X86_REG_R11B,
                                       X86_REG_R12B, X86_REG_R13B, X86_REG_R14B, X86_REG_R15B};
  static constexpr x86_reg kWords[] = {X86_REG_AX, X86_REG_BX, X86_REG_CX, X86_REG_DX,
                                       X86_REG_SI, X86_REG_DI, X86_REG_BP, X86_REG_SP};
  if (std::find(std::begin(kBytes), std::end(kBytes), reg) != std::end(kBytes)) return 1;
  if (std::find(std::begin(kWords), std::end(kWords), reg) != std::end(kWords)) return 2;
  return 8;
}

}  // namespace mint
