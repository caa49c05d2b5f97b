// From a form of an instruction table ("ADD r32, [m32]", "MOVSS LS pair") to code that exercises
// it: a dependency chain, where each copy needs the result of the one before, and an independent
// stream.
//
// Names of operands: `r32, r32` is one register twice, `r1_32, r2_32` are two. Chains go through
// the first register; with a load into a general register through its address, too; with a
// read-modify-write through the memory; the text of the special forms is explained where they are
// built.
//
// Registers that the code may use: all but R14, which holds the address of the buffer, R15, which
// counts, and RSP, which is set anew in each round.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/accuracy/measurement.hpp"

namespace mint::accuracy {

struct Sequence {
  std::string setup;                // GNU assembler, Intel syntax
  std::vector<std::string> copies;  // one round of the loop
};

struct Test {
  Sequence chain;
  Sequence stream;
};

// How many copies a round has.
constexpr unsigned kCopies = 48;
// The buffer at R14: zeros, of this size, aligned to a page.
constexpr unsigned kBufferBytes = 1 << 20;

// Nothing when the form is not understood.
std::optional<Test> build_test(const InstructionRow& row);

}  // namespace mint::accuracy
