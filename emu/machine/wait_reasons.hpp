// What Linux waits for in the functions in which it waits without end: tells a hang in words.
#pragma once

#include <string_view>

namespace mint {

// `place` is a symbolised address, "calibrate_delay+0x2c0". Empty for a function that is not one of
// those.
std::string_view wait_reason(std::string_view place);

}  // namespace mint
