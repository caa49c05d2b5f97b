// Costs that only the run decides: charged when something happens, on top of what the block costs.
// They belong to the level `block`; `count` has none of them.
#pragma once

#include <cstdint>

namespace mint {

// DIV and IDIV, beyond the least that their block has: by the operands of `width` bits (8 to 64),
// the dividend's halves and the divisor. Measured: InstLatx64 dump 00106E5, DIV and IDIV rows.
std::uint32_t division_cycles(unsigned width, bool is_signed, std::uint64_t low, std::uint64_t high,
                              std::uint64_t divisor);

// Precision that divisions and square roots are carried out in.
enum class Precision : std::uint8_t { kSingle, kDouble, kExtended };

// FDIV and DIVSS to DIVPD, FSQRT and SQRTSS to SQRTPD beyond the least, for operands without a
// short cut (rows FDIV32 to FDIV80, DIVSS, DIVSD, FSQRT32 to FSQRT80, SQRTSS).
std::uint32_t float_division_cycles(Precision precision);
std::uint32_t square_root_cycles(Precision precision);

// FSIN and FCOS beyond the argument 0, by the result (rows FSIN80, FCOS80).
std::uint32_t sine_cycles(double argument, double result);

// A page walk whose upper levels the paging-structure caches have, its last entry in L2 (10 cycles,
// 7-cycle STLB lookup and the walker's start; Intel optimisation manual, 2.4.5 and B.3.4.5).
constexpr std::uint32_t kTlbFillCycles = 25;

// Delivery of an exception through an interrupt gate, as of an interrupt (Agner Fog's tables give
// INT n as 50 to 100 micro-operations; published round trips of page faults are 2 to 3 times that).
constexpr std::uint32_t kExceptionCycles = 100;

// CPUID beyond its block, by leaf (rows CPUID (EAX = 0) and (EAX = 1); other leaves have to be
// between them).
std::uint32_t cpuid_cycles(std::uint32_t leaf);

}  // namespace mint
