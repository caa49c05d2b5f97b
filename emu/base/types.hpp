// Strong types for the quantities that must not be mixed up: time, physical addresses, APIC ids and
// interrupt vectors. Each holds its number in a public member, so conversions are visible.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace mint {

// A point in time or a duration on the machine's clock, in cycles of the core clock (the TSC rate).
struct Cycles {
  std::uint64_t count = 0;

  static constexpr Cycles max() { return {std::numeric_limits<std::uint64_t>::max()}; }
  friend constexpr auto operator<=>(Cycles, Cycles) = default;
  friend constexpr Cycles operator+(Cycles a, Cycles b) { return {a.count + b.count}; }
  friend constexpr Cycles operator-(Cycles a, Cycles b) { return {a.count - b.count}; }
  constexpr Cycles& operator+=(Cycles b) {
    count += b.count;
    return *this;
  }
};

// A clock rate in hertz. Used to turn the ticks of a chip's own clock into cycles and back; both
// directions use 128-bit integers, so no host floating point reaches the guest.
struct Hertz {
  std::uint64_t count = 0;
  friend constexpr auto operator<=>(Hertz, Hertz) = default;
};

// The first cycle of a `to` clock at or after tick number `ticks` of a `from` clock (both started
// at 0).
constexpr std::uint64_t ticks_up(std::uint64_t ticks, Hertz from, Hertz to) {
  const auto product = static_cast<unsigned __int128>(ticks) * to.count + (from.count - 1);
  return static_cast<std::uint64_t>(product / from.count);
}

// The number of whole ticks of a `to` clock that have passed after `ticks` ticks of a `from` clock.
constexpr std::uint64_t ticks_down(std::uint64_t ticks, Hertz from, Hertz to) {
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(ticks) * to.count / from.count);
}

struct PhysAddr {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(PhysAddr, PhysAddr) = default;
  friend constexpr PhysAddr operator+(PhysAddr a, std::uint64_t n) { return {a.value + n}; }
};

struct ApicId {
  std::uint8_t value = 0;
  friend constexpr auto operator<=>(ApicId, ApicId) = default;
};

struct Vector {
  std::uint8_t value = 0;
  friend constexpr auto operator<=>(Vector, Vector) = default;
};

}  // namespace mint
