// The digest of a run: one hash over everything that left a core or reached it, in the order in
// which it happened. Two runs with the same digest were the same run.
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace mint {

class Digest {
 public:
  Digest();
  ~Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  void add(std::string_view bytes);
  template <class... T>
  requires(std::is_integral_v<T>&&...) void add(T... values) {
    const std::uint64_t words[] = {static_cast<std::uint64_t>(values)...};
    add({reinterpret_cast<const char*>(words), sizeof words});
  }
  // Of what was added so far: its high and low half.
  std::pair<std::uint64_t, std::uint64_t> value() const;
  // 32 hexadecimal digits.
  std::string text() const;

 private:
  XXH3_state_t* state_;
};

}  // namespace mint
