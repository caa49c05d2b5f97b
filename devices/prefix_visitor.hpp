// Passes a visit on with something before each name, so that equal parts of a machine keep distinct
// names in its state.
#pragma once

#include <string>
#include <utility>

#include "emu/base/state.hpp"

namespace mint {

class PrefixVisitor final : public StateVisitor {
 public:
  PrefixVisitor(StateVisitor& visitor, std::string prefix)
      : visitor_(visitor), prefix_(std::move(prefix)) {}

  void bytes(std::string_view name, std::span<std::byte> data) override {
    visitor_.bytes(prefix_ + std::string(name), data);
  }
  void blob(std::string_view name, std::vector<std::uint8_t>& data) override {
    visitor_.blob(prefix_ + std::string(name), data);
  }

 private:
  StateVisitor& visitor_;
  std::string prefix_;
};

}  // namespace mint
