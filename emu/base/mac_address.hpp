// The address of a network card, in the order in which its bytes are sent.
#pragma once

#include <array>
#include <cstdint>

namespace mint {

using MacAddress = std::array<std::uint8_t, 6>;

}  // namespace mint
