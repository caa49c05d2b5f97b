#include "emu/scenario/sha256.hpp"

#include <fmt/format.h>
#include <nettle/sha2.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>

namespace mint {
namespace {

// Files are read by as much at a time.
constexpr std::size_t kPiece = std::size_t{1} << 20;

class Sha256 {
 public:
  Sha256() { sha256_init(&state_); }
  void add(std::string_view data) {
    sha256_update(&state_, data.size(), reinterpret_cast<const std::uint8_t*>(data.data()));
  }
  std::string text() {
    std::array<std::uint8_t, SHA256_DIGEST_SIZE> digest{};
    sha256_digest(&state_, digest.size(), digest.data());
    std::string text;
    for (const std::uint8_t byte : digest) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
    return text;
  }

 private:
  sha256_ctx state_{};
};

}  // namespace

std::string sha256(std::string_view data) {
  Sha256 hash;
  hash.add(data);
  return hash.text();
}

std::string sha256_of_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return {};
  Sha256 hash;
  std::string piece(kPiece, '\0');
  while (stream) {
    stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    hash.add({piece.data(), static_cast<std::size_t>(stream.gcount())});
  }
  return stream.bad() ? std::string() : hash.text();
}

}  // namespace mint
