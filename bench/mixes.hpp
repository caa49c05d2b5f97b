// Pieces of 32-bit code that each keep one part of the emulator busy. They run endlessly in
// bench/engine_bench, and a number of turns as whole programs in `mintsim bench`. They find flat
// segments, a stack, 4 MB of RAM and an I/O APIC (or what stands for it) in its usual place.
#pragma once

#include <cstdint>
#include <vector>

namespace mint::bench {

// What the code relies on.
constexpr std::uint64_t kIoApic = 0xfec00000;
constexpr std::uint32_t kStackTop = 0x80000;

struct Mix {
  const char* name;
  std::vector<std::uint8_t> setup;  // once
  std::vector<std::uint8_t> body;   // again and again; EBP belongs to who repeats it
  unsigned turns;                   // of a whole program: a few tenths of a second of a host
};

// Blocks of eight instructions that run once: add eax, ebx; mov ecx, [80000h]; sub ecx, eax;
// mov [80004h], ecx; test eax, eax; inc edx; xor ebx, edx; jmp to the next.
inline std::vector<std::uint8_t> blocks_run_once(unsigned count) {
  static constexpr std::uint8_t kBlock[] = {0x01, 0xd8, 0x8b, 0x0d, 0, 0, 8, 0,    0x29,
                                            0xc1, 0x89, 0x0d, 4,    0, 8, 0, 0x85, 0xc0,
                                            0x42, 0x31, 0xd3, 0xe9, 0, 0, 0, 0};
  std::vector<std::uint8_t> code;
  code.reserve(count * sizeof kBlock);
  for (unsigned i = 0; i < count; ++i)
    code.insert(code.end(), std::begin(kBlock), std::end(kBlock));
  return code;
}

inline const std::vector<Mix>& mixes() {
  static const std::vector<Mix> kMixes = {
      // mov ecx, 16; 1: add eax, ecx; xor ebx, eax; shl eax, 1; lea edx, [eax + ebx*4];
      // sub ebx, edx; ror edx, 5; dec ecx; jne 1b
      {"integers",
       {},
       {0xb9, 16,   0,    0,    0,    0x01, 0xc8, 0x31, 0xc3, 0xd1, 0xe0,
        0x8d, 0x14, 0x98, 0x29, 0xd3, 0xc1, 0xca, 5,    0x49, 0x75, 0xef},
       2'400'000},
      // mov esi, 100000h; mov edi, 309000h; mov ecx, 4096; 1: mov eax, [esi]; add eax, [esi + 4];
      // mov [edi], eax; add esi, 8; add edi, 8; dec ecx; jne 1b
      {"memory",
       {},
       {0xbe, 0,    0,    0x10, 0,    0xbf, 0,    0x90, 0x30, 0,    0xb9, 0, 16,   0,    0,   0x8b,
        0x06, 0x03, 0x46, 4,    0x89, 0x07, 0x83, 0xc6, 8,    0x83, 0xc7, 8, 0x49, 0x75, 0xf0},
       12'000},
      // call f; call f; jmp over; f: push ebx; mov ebx, eax; test bl, 1; je 1f; inc eax; 1: inc
      // eax;
      // pop ebx; ret; over:
      {"calls",
       {},
       {0xe8, 7,    0,    0,    0,    0xe8, 2,    0, 0,    0,    0xeb, 12,
        0x53, 0x89, 0xc3, 0xf6, 0xc3, 1,    0x74, 1, 0x40, 0x40, 0x5b, 0xc3},
       6'000'000},
      // mov esi, 100000h; mov edi, 309000h; mov ecx, 16384; rep movsd
      {"string_copy",
       {},
       {0xbe, 0, 0, 0x10, 0, 0xbf, 0, 0x90, 0x30, 0, 0xb9, 0, 64, 0, 0, 0xf3, 0xa5},
       80'000},
      // fld1; then fadd st, st; fmul st, st(0)
      {"x87", {0xd9, 0xe8}, {0xd8, 0xc0, 0xd8, 0xc8}, 9'000'000},
      // in al, 80h; out 80h, al
      {"ports", {}, {0xe4, 0x80, 0xe6, 0x80}, 1'600'000},
      // mov eax, [I/O APIC's index]; mov [the same], eax
      {"device_memory", {}, {0xa1, 0, 0, 0xc0, 0xfe, 0xa3, 0, 0, 0xc0, 0xfe}, 1'200'000},
      // mov ecx, 100000; 1: cmp dword [8000h], 1; je 2f; pause; dec ecx; jne 1b; 2:
      {"spinning",
       {},
       {0xb9, 0xa0, 0x86, 1, 0, 0x83, 0x3d, 0, 0x80, 0, 0, 1, 0x74, 5, 0xf3, 0x90, 0x49, 0x75,
        0xf2},
       100},
      // rdtsc
      {"time_stamps", {}, {0x0f, 0x31}, 8'000'000},
      {"translation", {}, blocks_run_once(40'000), 1},
  };
  return kMixes;
}

}  // namespace mint::bench
