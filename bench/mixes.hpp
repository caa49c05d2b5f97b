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
  bool whole_machine = false;       // needs more than a core
};

// Blocks of eight instructions that run once, no two alike, of instructions that come again: add
// eax, ebx; mov ecx, [m]; sub ecx, eax; mov [n], ecx; test eax, eax; inc edx; xor ebx, edx; jmp to
// the next.
inline std::vector<std::uint8_t> blocks_run_once(unsigned count) {
  static constexpr std::uint8_t kBlock[] = {0x01, 0xd8, 0x8b, 0x0d, 0, 0, 0, 0,    0x29,
                                            0xc1, 0x89, 0x0d, 0,    0, 0, 0, 0x85, 0xc0,
                                            0x42, 0x31, 0xd3, 0xe9, 0, 0, 0, 0};
  constexpr unsigned kLoaded = 4;  // where m and n are in it
  constexpr unsigned kStored = 12;
  std::vector<std::uint8_t> code;
  code.reserve(count * sizeof kBlock);
  for (unsigned i = 0; i < count; ++i) {
    const std::size_t at = code.size();
    code.insert(code.end(), std::begin(kBlock), std::end(kBlock));
    const std::uint32_t loaded = kStackTop + 4 * (i % 256);
    const std::uint32_t stored = kStackTop + 4096 + 4 * (i % 257);
    for (unsigned byte = 0; byte < 4; ++byte) {
      code[at + kLoaded + byte] = static_cast<std::uint8_t>(loaded >> 8 * byte);
      code[at + kStored + byte] = static_cast<std::uint8_t>(stored >> 8 * byte);
    }
  }
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
      // The first core resets and starts the second by INIT and startup IPI, again and again. That
      // one counts, at 8000h in real mode: inc dword [9000h]; hlt; jmp to the hlt. Setup writes
      // this,
      // SVR and the high half of ICR, each by mov dword [m], imm32. Then mov esi, [9000h];
      // mov dword [ICR], INIT; mov dword [ICR], startup at 8000h; 1: pause; cmp [9000h], esi; je 1b
      {"ipi",
       {0xc7, 5, 0,    0x80, 0,    0,    0x66, 0xff, 6,    0, 0xc7, 5,    4,    0x80,
        0,    0, 0x90, 0xf4, 0xeb, 0xfd, 0xc7, 5,    0xf0, 0, 0xe0, 0xfe, 0xff, 1,
        0,    0, 0xc7, 5,    0x10, 3,    0xe0, 0xfe, 0,    0, 0,    1},
       {0x8b, 0x35, 0,    0x90, 0,    0,    0xc7, 5,    0,    3,    0xe0, 0xfe,
        0,    0x45, 0,    0,    0xc7, 5,    0,    3,    0xe0, 0xfe, 8,    0x46,
        0,    0,    0xf3, 0x90, 0x39, 0x35, 0,    0x90, 0,    0,    0x74, 0xf6},
       20'000,
       true},
      {"translation", {}, blocks_run_once(40'000), 1},
  };
  return kMixes;
}

}  // namespace mint::bench
