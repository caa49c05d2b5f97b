// The model-specific registers that a Core i7 860 has beside those that the engine keeps (SDM vol.
// 4, tables 2-2 and 2-15). What is in neither raises #GP, as on the part.
#pragma once

#include <cstdint>
#include <map>

#include "emu/engine/cpu.hpp"

namespace mint {

class MsrFile {
 public:
  MsrFile();
  void reset();
  MsrAnswer read(std::uint32_t index, std::uint64_t& value) const;
  MsrAnswer write(std::uint32_t index, std::uint64_t value);
  // What the time-stamp counter is ahead of the machine's clock (IA32_TSC was written).
  std::uint64_t tsc_offset() const { return tsc_offset_; }
  void set_tsc_offset(std::uint64_t offset) { tsc_offset_ = offset; }

 private:
  struct Register {
    std::uint64_t value;
    std::uint64_t writable;  // mask; a write that changes other bits raises #GP
  };
  std::map<std::uint32_t, Register> registers_;
  std::uint64_t tsc_offset_ = 0;
};

}  // namespace mint
