#include "emu/scenario/sha256.hpp"

#include <fmt/format.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

#include <array>
#include <bit>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <system_error>

namespace mint {

namespace {

constexpr unsigned kBlock = 64;

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (4.2.2).
constexpr std::uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

using State = std::array<std::uint32_t, 8>;

std::uint32_t big_endian(const char* bytes) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; i++) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

void add_block(State& state, const char* block) {
  std::uint32_t w[64];
  for (unsigned t = 0; t < 16; t++) w[t] = big_endian(block + 4 * t);
  for (unsigned t = 16; t < 64; t++) {
    const std::uint32_t s0 = std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
    const std::uint32_t s1 = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ w[t - 2] >> 10;
    w[t] = s1 + w[t - 7] + s0 + w[t - 16];
  }
  auto [a, b, c, d, e, f, g, h] = state;
  for (unsigned t = 0; t < 64; t++) {
    const std::uint32_t sum1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const std::uint32_t t1 = h + sum1 + ((e & f) ^ (~e & g)) + kRound[t] + w[t];
    const std::uint32_t sum0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const std::uint32_t t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const State sum{a, b, c, d, e, f, g, h};
  for (unsigned i = 0; i < sum.size(); i++) state[i] += sum[i];
}

void add_blocks(State& state, const char* blocks, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) add_block(state, blocks + i * kBlock);
}

#ifdef __x86_64__
// The same by the SHA extensions (SDM vol. 1, 5.17), ten times as fast.
bool has_sha_extensions() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & bit_SHA) != 0 &&
         __builtin_cpu_supports("sse4.1");
}

__attribute__((target("sha,sse4.1"))) void add_blocks_by_extensions(State& state,
                                                                    const char* blocks,
                                                                    std::size_t count) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const auto word = [&state](unsigned i) { return static_cast<int>(state[i]); };
  // The instructions want A, B, E, F and C, D, G, H, the first in the highest place.
  __m128i abef = _mm_set_epi32(word(0), word(1), word(4), word(5));
  __m128i cdgh = _mm_set_epi32(word(2), word(3), word(6), word(7));
  for (std::size_t block = 0; block < count; ++block) {
    const __m128i abef_before = abef;
    const __m128i cdgh_before = cdgh;
    __m128i w[4];
    for (unsigned i = 0; i < 4; ++i) {
      const char* from = blocks + block * kBlock + 16 * i;
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)), swap);
    }
    for (unsigned t = 0; t < 16; ++t) {
      const __m128i constants = _mm_loadu_si128(reinterpret_cast<const __m128i*>(&kRound[4 * t]));
      const __m128i now = w[t % 4];
      const __m128i sum = _mm_add_epi32(now, constants);
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
      // Words 16 to 19 further on.
      const __m128i last = w[(t + 3) % 4];
      const __m128i part = _mm_add_epi32(_mm_sha256msg1_epu32(now, w[(t + 1) % 4]),
                                         _mm_alignr_epi8(last, w[(t + 2) % 4], 4));
      w[t % 4] = _mm_sha256msg2_epu32(part, last);
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  alignas(16) std::uint32_t first[4];
  alignas(16) std::uint32_t second[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(first), abef);
  _mm_store_si128(reinterpret_cast<__m128i*>(second), cdgh);
  state = {first[3], first[2], second[3], second[2], first[1], first[0], second[1], second[0]};
}
#endif

using AddBlocks = void (*)(State&, const char*, std::size_t);

AddBlocks fastest() {
#ifdef __x86_64__
  if (has_sha_extensions()) return add_blocks_by_extensions;
#endif
  return add_blocks;
}

}  // namespace

std::string sha256(std::string_view data) {
  State state{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
              0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  static const AddBlocks add = fastest();
  const std::size_t whole = data.size() / kBlock;
  add(state, data.data(), whole);
  const std::string_view rest = data.substr(whole * kBlock);
  // Padding: a one bit, zeros, the length in bits (5.1.1).
  std::string tail(rest);
  tail += '\x80';
  tail.resize(tail.size() + 8 <= kBlock ? kBlock : 2 * kBlock, '\0');
  const std::uint64_t bits = std::uint64_t{data.size()} * 8;
  for (unsigned i = 0; i < 8; i++) tail[tail.size() - 1 - i] = static_cast<char>(bits >> (8 * i));
  add(state, tail.data(), tail.size() / kBlock);

  std::string text;
  for (std::uint32_t word : state) text += fmt::format("{:08x}", word);
  return text;
}

std::string sha256_of_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return {};
  std::error_code unknown;
  const std::uintmax_t size = std::filesystem::file_size(file, unknown);
  if (unknown) return sha256(std::string(std::istreambuf_iterator<char>(stream), {}));
  std::string content(size, '\0');
  stream.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(stream.gcount()));
  return sha256(content);
}

}  // namespace mint
