// Saves the state of a chip and puts it back, as a snapshot does.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "emu/base/state.hpp"

namespace mint {

class SavedState {
 public:
  template <class Part>
  static SavedState of(Part& part) {
    SavedState state;
    Save save(state.fields_);
    part.visit(save);
    return state;
  }
  template <class Part>
  void restore(Part& part) const {
    Restore restore(fields_);
    part.visit(restore);
  }
  friend bool operator==(const SavedState&, const SavedState&) = default;

 private:
  using Fields = std::map<std::string, std::vector<std::uint8_t>, std::less<>>;

  struct Save : StateVisitor {
    explicit Save(Fields& fields) : fields(fields) {}
    void bytes(std::string_view name, std::span<std::byte> data) override {
      const auto* from = reinterpret_cast<const std::uint8_t*>(data.data());
      add(name, {from, from + data.size()});
    }
    void blob(std::string_view name, std::vector<std::uint8_t>& data) override { add(name, data); }
    void add(std::string_view name, std::vector<std::uint8_t> data) {
      if (!fields.emplace(name, std::move(data)).second) {
        throw std::logic_error("two fields of the name " + std::string(name));
      }
    }
    Fields& fields;
  };
  struct Restore : StateVisitor {
    explicit Restore(const Fields& fields) : fields(fields) {}
    void bytes(std::string_view name, std::span<std::byte> data) override {
      const auto& from = fields.find(name)->second;
      std::copy_n(reinterpret_cast<const std::byte*>(from.data()), data.size(), data.begin());
    }
    void blob(std::string_view name, std::vector<std::uint8_t>& data) override {
      data = fields.find(name)->second;
    }
    const Fields& fields;
  };

  Fields fields_;
};

}  // namespace mint
