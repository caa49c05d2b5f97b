#include "emu/timing/instruction.hpp"

#include <algorithm>

namespace mint {

void Instruction::add_source(std::uint8_t place, std::uint8_t size, Centicycles latency) {
  if (place == kNowhere) return;
  for (Source& source : sources) {
    if (source.place != kNowhere && source.place != place) continue;
    source = {place, std::max(size, source.place == place ? source.size : size),
              source.place == place ? std::max(source.latency, latency) : latency};
    return;
  }
}

void Instruction::add_result(std::uint8_t place, std::uint8_t size, bool second) {
  if (place == kNowhere) return;
  for (Result& result : results) {
    if (result.place != kNowhere && result.place != place) continue;
    result = {place, size, second};
    return;
  }
}

}  // namespace mint
