#include "emu/machine/cpuid.hpp"

#include <algorithm>
#include <bit>

namespace mint {
namespace {

struct Leaf {
  std::uint32_t leaf;
  std::uint32_t subleaf;
  std::uint32_t value[4];  // EAX, EBX, ECX, EDX
};

// Feature bits of leaf 1 that the dump has and this machine does not.
constexpr std::uint32_t kNoEcx = 1u << 2      // DTES64
                                 | 1u << 3    // MONITOR
                                 | 1u << 4    // DS-CPL
                                 | 1u << 5    // VMX
                                 | 1u << 7    // EIST
                                 | 1u << 8    // TM2
                                 | 1u << 14   // xTPR update control
                                 | 1u << 15;  // PDCM
constexpr std::uint32_t kNoEdx = 1u << 21     // DS
                                 | 1u << 22   // ACPI
                                 | 1u << 28   // HTT: set below for more than one core
                                 | 1u << 29   // TM
                                 | 1u << 31;  // PBE

constexpr Leaf kLeaves[] = {
    {0x0, 0, {0x0b, 0x756e6547, 0x6c65746e, 0x49656e69}},
    {0x1, 0, {0x000106e5, 0x00000800, 0x0098e3fd & ~kNoEcx, 0xbfebfbff & ~kNoEdx}},
    {0x2, 0, {0x55035a01, 0x00f0b2e4, 0, 0x09ca212c}},
    {0x4, 0, {0x00000121, 0x01c0003f, 0x0000003f, 0}},
    {0x4, 1, {0x00000122, 0x00c0003f, 0x0000007f, 0}},
    {0x4, 2, {0x00000143, 0x01c0003f, 0x000001ff, 0}},
    {0x4, 3, {0x00000163, 0x03c0003f, 0x00001fff, 2}},
    {0x80000000, 0, {0x80000008, 0, 0, 0}},
    {0x80000001, 0, {0, 0, 1, 0x28100000}},
    {0x80000002, 0, {0x65746e49, 0x2952286c, 0x726f4320, 0x4d542865}},
    {0x80000003, 0, {0x37692029, 0x55504320, 0x20202020, 0x20202020}},
    {0x80000004, 0, {0x30363820, 0x20402020, 0x30382e32, 0x007a4847}},
    {0x80000006, 0, {0, 0, 0x01006040, 0}},
    {0x80000007, 0, {0, 0, 0, 0x100}},
    {0x80000008, 0, {0x00003024, 0, 0, 0}},
};

}  // namespace

void read_cpuid(const CpuidContext& context, std::uint32_t leaf, std::uint32_t subleaf,
                std::uint32_t out[4]) {
  // SDM vol. 2A, CPUID: beyond the highest leaf the data of the highest basic leaf is returned.
  if ((leaf > 0x0b && leaf < 0x80000000) || leaf > 0x80000008) leaf = 0x0b;
  std::fill_n(out, 4, 0);
  for (const Leaf& row : kLeaves) {
    if (row.leaf == leaf && (leaf != 4 || row.subleaf == subleaf)) std::copy_n(row.value, 4, out);
  }
  const std::uint32_t cores = std::bit_ceil(context.cores);
  switch (leaf) {
    case 0x1:
      out[1] |= static_cast<std::uint32_t>(context.initial_id.value) << 24 | cores << 16;
      if (context.cores > 1) out[3] |= 1u << 28;
      if (!context.apic_enabled) out[3] &= ~(1u << 9);
      break;
    case 0x4:
      if (out[0] != 0) out[0] |= (cores - 1) << 26;                  // cores in the package
      if (out[0] != 0 && subleaf == 3) out[0] |= (cores - 1) << 14;  // sharing the L3
      break;
    case 0xb:
      // Level 0: one thread per core; level 1: the cores of the package.
      if (subleaf == 0) {
        out[0] = 0;
        out[1] = 1;
        out[2] = 0x100;
      } else if (subleaf == 1) {
        out[0] = static_cast<std::uint32_t>(std::countr_zero(cores));
        out[1] = context.cores;
        out[2] = 0x201;
      } else {
        out[2] = subleaf & 0xff;
      }
      out[3] = context.initial_id.value;
      break;
    default:
      break;
  }
}

}  // namespace mint
