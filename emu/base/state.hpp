// One path for saving, restoring, hashing and comparing state: every stateful part has a
// visit(StateVisitor&) that names each of its fields once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace mint {

class StateVisitor {
 public:
  virtual ~StateVisitor() = default;

  // The bytes of a field with a fixed size; a restoring visitor overwrites them.
  virtual void bytes(std::string_view name, std::span<std::byte> data) = 0;
  // A field whose size can change; a restoring visitor resizes it.
  virtual void blob(std::string_view name, std::vector<std::uint8_t>& data) = 0;

  // A field of a plain type without padding (integers, enums, strong types, arrays of these).
  template <class T>
  requires std::has_unique_object_representations_v<T>
  void field(std::string_view name, T& value) {
    bytes(name, std::as_writable_bytes(std::span<T, 1>(&value, 1)));
  }
};

}  // namespace mint
