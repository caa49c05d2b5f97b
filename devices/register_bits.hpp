// Registers as structs of bit-fields that read like the data sheet, and their value as a number.
//
//   struct Status { std::uint32_t ready : 1 = 0; std::uint32_t reserved_1 : 31 = 0; };
//   const auto status = from_raw<Status>(value);  ...  return to_raw(status);
//
// The fields are listed from bit 0 upwards and fill the register (GCC and Clang on a little-endian
// host lay them out that way); the assertion below finds a layout with a hole.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace mint {

template <class R>
concept RegisterLayout = std::is_class_v<R> && std::has_unique_object_representations_v<R> &&
    (sizeof(R) == 1 || sizeof(R) == 4 || sizeof(R) == 8);

template <RegisterLayout R>
using RawOf = std::conditional_t<sizeof(R) == 8, std::uint64_t,
                                 std::conditional_t<sizeof(R) == 4, std::uint32_t, std::uint8_t>>;

template <RegisterLayout R>
RawOf<R> to_raw(const R& value) {
  return std::bit_cast<RawOf<R>>(value);
}

template <RegisterLayout R>
R from_raw(RawOf<R> value) {
  return std::bit_cast<R>(value);
}

}  // namespace mint
