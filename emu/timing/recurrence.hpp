// What a block that follows itself hands on from one round to the next, as a system of equations:
// each time at the end of a round is the latest of some times at its beginning, each with something
// added, and of a constant. The equations of a round are the same in every round but for what the
// first one finds, so the block is gone through once, and the rounds take a few additions each.
#pragma once

#include <optional>
#include <span>

#include "emu/timing/instruction.hpp"

namespace mint {

// Load to use from L1 (M: MOV r64, [m64] 4.0; Intel optimisation manual, 2.4.5.1); a load into a
// vector register takes the way through the FP stack's side (A: 2 to 4 beyond).
constexpr Centicycles kLoad = 400;
constexpr Centicycles kVectorLoad = 500;
// From a store's data to the value of a load from the same place (M: MOVAPS LS pair 5.0; ADD [m32],
// r32 6.0 with the addition).
constexpr Centicycles kForward = 500;
// The same from the store's address, when that comes late (M: MOV r32,[m32]+MOV [m32],r32 8.0).
constexpr Centicycles kForwardFromAddress = 800;
// A load from a line that waits in a write-combining buffer: to memory and back (M: MOVNTDQA +
// MOVNTDQ 363.9).
constexpr Centicycles kForwardNonTemporal = 36'390;
// A register read wider than it was written last: an inserted micro-operation merges the parts
// (M: MOV r8, [m8] 5.0 against MOV r64, [m64] 4.0).
constexpr Centicycles kMerge = 100;

// So many rounds are gone through, and the growth after the first ones is looked at.
constexpr unsigned kRounds = 6;
constexpr unsigned kWarmUp = 2;
// Stores that a load looks back at.
constexpr std::size_t kStores = 8;

// The growth of the latest times over the rounds after the warm-up, for blocks without x87
// instructions in which every round from the second on hands on along the same ways. Nothing when
// the block hands on more than there is room for.
std::optional<Centicycles> recurrence_growth(std::span<const Instruction* const> block,
                                             Centicycles partial);

}  // namespace mint
