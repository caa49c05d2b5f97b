#include "emu/machine/digest.hpp"

#include <fmt/format.h>

#include <new>

namespace mint {

Digest::Digest() : state_(XXH3_createState()) {
  if (state_ == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(state_);
}

Digest::~Digest() { XXH3_freeState(state_); }

void Digest::add(std::string_view bytes) {
  XXH3_128bits_update(state_, bytes.data(), bytes.size());
}

void Digest::add(const Digest& other) {
  const auto [high, low] = other.value();
  add(high, low);
}

std::pair<std::uint64_t, std::uint64_t> Digest::value() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_);
  return {hash.high64, hash.low64};
}

std::string Digest::text() const {
  const auto [high, low] = value();
  return fmt::format("{:016x}{:016x}", high, low);
}

}  // namespace mint
