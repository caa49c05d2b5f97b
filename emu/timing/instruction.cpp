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

void Instruction::find_reads_and_writes() {
  const auto bit = [](std::uint8_t place) {
    return place == kNowhere ? 0 : std::uint64_t{1} << place;
  };
  reads = writes = 0;
  for (const Source& source : sources) {
    if (source.place == kNowhere) break;
    reads |= bit(source.place);
  }
  touches_memory = false;
  for (const MemoryOperand& each : memory) {
    touches_memory |= each.load || each.store;
    if (each.load) reads |= bit(each.base) | bit(each.index);
  }
  for (const Result& result : results) writes |= bit(result.place);
}

}  // namespace mint
