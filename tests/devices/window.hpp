// Registers behind a BAR: reads give 0, writes change nothing.
#pragma once

#include <cstdint>

#include "emu/base/device.hpp"

namespace mint {

class Window final : public Device {
 public:
  std::uint64_t read(std::uint64_t, unsigned) override { return 0; }
  void write(std::uint64_t, unsigned, std::uint64_t) override {}
  void reset() override {}
  void visit(StateVisitor&) override {}
};

}  // namespace mint
