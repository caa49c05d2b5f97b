#include "bench/compare/programs.hpp"

#include <algorithm>

#include "bench/mixes.hpp"

namespace mint::bench {
namespace {

constexpr std::uint32_t kLoadedAt = 0x100000;
constexpr std::uint32_t kEnd = 0x400000;  // of what a program uses

void append(std::string& image, const std::vector<std::uint8_t>& bytes) {
  image.append(bytes.begin(), bytes.end());
}

void append32(std::string& image, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8)
    image.push_back(static_cast<char>(value >> shift & 0xff));
}

}  // namespace

std::vector<std::string> program_names() {
  std::vector<std::string> names;
  for (const Mix& mix : mixes()) names.emplace_back(mix.name);
  return names;
}

// A header with load addresses (Multiboot specification 0.6.96, 3.1.3), then: mov esp, stack;
// mov ebp, turns; setup; again: body; dec ebp; jne again; mov al, 0; out F4h, al; cli; hlt.
std::string program_image(const std::string& name) {
  const auto mix = std::find_if(mixes().begin(), mixes().end(),
                                [&](const Mix& each) { return name == each.name; });
  if (mix == mixes().end()) return {};
  constexpr std::uint32_t kMagic = 0x1badb002;
  constexpr std::uint32_t kHasAddresses = 1u << 16;
  constexpr std::uint32_t kHeader = 32;
  std::string code;
  append(code, {0xbc});
  append32(code, kStackTop);
  append(code, {0xbd});
  append32(code, mix->turns);
  append(code, mix->setup);
  const std::size_t again = code.size();
  append(code, mix->body);
  append(code, {0x4d, 0x0f, 0x85});
  append32(code, static_cast<std::uint32_t>(again - (code.size() + 4)));
  append(code, {0xb0, 0, 0xe6, 0xf4, 0xfa, 0xf4});

  const auto size = static_cast<std::uint32_t>(kHeader + code.size());
  std::string image;
  for (const std::uint32_t word : {kMagic, kHasAddresses, 0u - kMagic - kHasAddresses, kLoadedAt,
                                   kLoadedAt, kLoadedAt + size, kEnd, kLoadedAt + kHeader})
    append32(image, word);
  return image + code;
}

}  // namespace mint::bench
