// A message on the APIC bus: what an ICR write, an I/O APIC redirection entry or an MSI sends
// (SDM vol. 3A, 10.6.1 and 10.11; 82093AA data sheet, 3.2.4).
#pragma once

#include <cstdint>

#include "emu/base/types.hpp"

namespace mint {

enum class DeliveryMode : std::uint8_t {
  kFixed = 0,
  kLowestPriority = 1,
  kSmi = 2,
  kNmi = 4,
  kInit = 5,
  kStartup = 6,  // ICR only
  kExtInt = 7,   // I/O APIC and LVT only
};

enum class Shorthand : std::uint8_t { kNone = 0, kSelf = 1, kAll = 2, kAllButSelf = 3 };

struct ApicMessage {
  Vector vector;
  DeliveryMode mode = DeliveryMode::kFixed;
  bool logical = false;  // destination mode
  std::uint8_t destination = 0;
  bool level_triggered = false;
  bool assert_level = true;  // false: INIT level de-assert
  Shorthand shorthand = Shorthand::kNone;
  bool from_core = false;  // an IPI: `source` is the sender
  ApicId source;
};

}  // namespace mint
