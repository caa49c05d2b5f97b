#include "devices/nic_filter.hpp"

#include "devices/nic_registers.hpp"

namespace mint {

using namespace nic;

std::uint32_t* NicFilter::find(std::uint32_t offset) {
  if (offset >= kMta && offset < kMta + 4 * mta_.size()) return &mta_[(offset - kMta) / 4];
  if (offset >= kRa && offset < kRa + 4 * ra_.size()) return &ra_[(offset - kRa) / 4];
  if (offset >= kVfta && offset < kVfta + 4 * vfta_.size()) return &vfta_[(offset - kVfta) / 4];
  return nullptr;
}

std::optional<std::uint32_t> NicFilter::read(std::uint32_t offset) const {
  const std::uint32_t* const found = const_cast<NicFilter*>(this)->find(offset);
  if (found == nullptr) return std::nullopt;
  return *found;
}

bool NicFilter::write(std::uint32_t offset, std::uint32_t value) {
  std::uint32_t* const found = find(offset);
  if (found == nullptr) return false;
  *found = value;
  return true;
}

bool NicFilter::is_own(std::span<const std::uint8_t> address) const {
  const std::uint32_t low = address[0] | address[1] << 8 | address[2] << 16 |
                            static_cast<std::uint32_t>(address[3]) << 24;
  const std::uint32_t high = address[4] | address[5] << 8;
  for (std::size_t i = 0; i < ra_.size(); i += 2) {
    const bool valid = (ra_[i + 1] & kRahValid) != 0;
    // Bits 17:16: match destination addresses (0), which is all that is meant here.
    const bool destination = (ra_[i + 1] >> 16 & 3) == 0;
    if (valid && destination && ra_[i] == low && (ra_[i + 1] & 0xFFFF) == high) return true;
  }
  return false;
}

// RCTL.MO chooses which 12 of the address's last 16 bits are the hash (13.5.1).
bool NicFilter::is_hashed(std::span<const std::uint8_t> address, std::uint32_t rctl) const {
  static constexpr unsigned kShifts[] = {4, 3, 2, 0};
  const unsigned upper = address[4] | address[5] << 8;
  const unsigned hash = upper >> kShifts[rctl >> kRctlOffsetShift & 3] & 0xFFF;
  return (mta_[hash / 32] >> (hash % 32) & 1) != 0;
}

NicFilter::Match NicFilter::match(std::span<const std::uint8_t> frame, std::uint32_t rctl,
                                  std::optional<std::uint16_t> vlan) const {
  if (vlan && (rctl & kRctlVlanFilter) != 0) {
    const unsigned id = *vlan & 0xFFF;
    if ((vfta_[id / 32] >> (id % 32) & 1) == 0) return Match::kNone;
    const bool cfi = (*vlan & 0x1000) != 0;
    if ((rctl & kRctlCfiEnable) != 0 && cfi != ((rctl & kRctlCfi) != 0)) return Match::kNone;
  }
  if (is_broadcast(frame) && (rctl & kRctlBroadcast) != 0) return Match::kExact;
  if (is_own(frame)) return Match::kExact;
  if (!is_multicast(frame)) return (rctl & kRctlUnicast) != 0 ? Match::kExact : Match::kNone;
  if ((rctl & kRctlMulticast) != 0) return Match::kExact;
  return is_hashed(frame, rctl) ? Match::kHash : Match::kNone;
}

void NicFilter::reset(const MacAddress& mac) {
  mta_.fill(0);
  vfta_.fill(0);
  ra_.fill(0);
  ra_[0] = mac[0] | mac[1] << 8 | mac[2] << 16 | static_cast<std::uint32_t>(mac[3]) << 24;
  ra_[1] = kRahValid | mac[4] | mac[5] << 8;
}

void NicFilter::visit(StateVisitor& visitor) {
  visitor.field("mta", mta_);
  visitor.field("ra", ra_);
  visitor.field("vfta", vfta_);
}

}  // namespace mint
