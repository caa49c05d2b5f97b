// Which frames an 82540EM takes: exact addresses, hash of multicast addresses, VLANs (SDM, 3.2.1,
// 13.5).
//
// | offset | registers | |
// |--------|-----------|-|
// | 5200h  | MTA, 128  | a bit for each of 4096 hash values of multicast addresses |
// | 5400h  | RAL, RAH, 16 pairs | addresses; RAH bit 31: valid. The EEPROM's is in the first |
// | 5600h  | VFTA, 128 | a bit for each VLAN |
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "devices/ethernet.hpp"
#include "emu/base/state.hpp"

namespace mint {

class NicFilter {
 public:
  std::optional<std::uint32_t> read(std::uint32_t offset) const;
  bool write(std::uint32_t offset, std::uint32_t value);

  enum class Match : std::uint8_t { kNone, kExact, kHash };
  // `rctl` says how; `vlan` is the tag control information of a frame that has a VLAN tag.
  Match match(std::span<const std::uint8_t> frame, std::uint32_t rctl,
              std::optional<std::uint16_t> vlan) const;

  void reset(const MacAddress& mac);
  void visit(StateVisitor& visitor);

 private:
  std::uint32_t* find(std::uint32_t offset);
  bool is_own(std::span<const std::uint8_t> address) const;
  bool is_hashed(std::span<const std::uint8_t> address, std::uint32_t rctl) const;

  std::array<std::uint32_t, 128> mta_{};
  std::array<std::uint32_t, 32> ra_{};
  std::array<std::uint32_t, 128> vfta_{};
};

}  // namespace mint
