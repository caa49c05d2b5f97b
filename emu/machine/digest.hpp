// One hash over a sequence of things. The digest of a run is made of several: see Recorder.
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
  // Another digest, as far as it has got.
  void add(const Digest& other);
  // Of what was added so far: its high and low half.
  std::pair<std::uint64_t, std::uint64_t> value() const;
  // 32 hexadecimal digits.
  std::string text() const;

 private:
  XXH3_state_t* state_;
};

}  // namespace mint
