// The bound that dependencies set, for the many blocks where it can be told by going through them
// once: what such a block hands on to the next one hangs on nothing that a block before has
// written, or on something that itself hangs on nothing but its own value before (a counter, a
// pointer). Then what grows are the latter, each by the way from its value to its next one.
#pragma once

#include <optional>
#include <span>

#include "emu/timing/instruction.hpp"

namespace mint {

// Hundredths of a cycle; nothing when the block is not like that, or could be otherwise.
std::optional<Centicycles> loop_bound(std::span<const Instruction* const> block);

}  // namespace mint
