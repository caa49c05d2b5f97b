// What the tests of PCI, AHCI and disks share: memory behind a DMA port, and visitors that save and
// restore.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "emu/base/device.hpp"
#include "emu/base/state.hpp"

namespace mint {

class FakeRam final : public DmaPort {
 public:
  explicit FakeRam(std::size_t bytes) : bytes_(bytes) {}

  bool read(PhysAddr from, std::span<std::byte> to) override {
    if (!inside(from, to.size())) return false;
    std::memcpy(to.data(), &bytes_[from.value], to.size());
    return true;
  }
  bool write(PhysAddr to, std::span<const std::byte> from) override {
    if (!inside(to, from.size())) return false;
    std::memcpy(&bytes_[to.value], from.data(), from.size());
    return true;
  }

  template <class T>
  T get(std::uint64_t at) const {
    T value;
    std::memcpy(&value, &bytes_[at], sizeof value);
    return value;
  }
  template <class T>
  void put(std::uint64_t at, T value) {
    std::memcpy(&bytes_[at], &value, sizeof value);
  }
  void fill(std::uint64_t at, std::size_t count, int value) {
    std::memset(&bytes_[at], value, count);
  }
  std::size_t size() const { return bytes_.size(); }

 private:
  bool inside(PhysAddr at, std::size_t count) const {
    return at.value <= bytes_.size() && count <= bytes_.size() - at.value;
  }
  std::vector<std::byte> bytes_;
};

using SavedState = std::vector<std::vector<std::uint8_t>>;

class Saver final : public StateVisitor {
 public:
  void bytes(std::string_view, std::span<std::byte> data) override {
    const auto* first = reinterpret_cast<const std::uint8_t*>(data.data());
    state.emplace_back(first, first + data.size());
  }
  void blob(std::string_view, std::vector<std::uint8_t>& data) override { state.push_back(data); }
  SavedState state;
};

class Restorer final : public StateVisitor {
 public:
  explicit Restorer(const SavedState& state) : state_(state) {}
  void bytes(std::string_view, std::span<std::byte> data) override {
    std::memcpy(data.data(), state_.at(next_).data(), state_.at(next_).size());
    ++next_;
  }
  void blob(std::string_view, std::vector<std::uint8_t>& data) override {
    data = state_.at(next_++);
  }

 private:
  const SavedState& state_;
  std::size_t next_ = 0;
};

template <class T>
SavedState save(T& part) {
  Saver saver;
  part.visit(saver);
  return saver.state;
}

template <class T>
void restore(T& part, const SavedState& state) {
  Restorer restorer(state);
  part.visit(restorer);
}

}  // namespace mint
