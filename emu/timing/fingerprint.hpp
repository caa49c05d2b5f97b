// What tells an instruction from others as far as its cost goes, in one word, made from its first
// bytes without decoding them: the same as Encoding's name for most instructions of 32- and 64-bit
// code, and much faster. What matters not, displacements and registers, is kept beside it.
#pragma once

#include <cstdint>

#include "emu/timing/encoding.hpp"

namespace mint {

// Instructions with the same fingerprint are alike but for what is in `out`, and their lengths. 0
// for those that it does not know. `bytes` has Encoding::kReadable ones.
std::uint64_t fingerprint(const std::uint8_t* bytes, std::size_t length, unsigned bits,
                          Particulars& out);

}  // namespace mint
