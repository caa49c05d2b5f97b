// Whether the lanes keep to their own memory.
#include <fmt/format.h>

#include "emu/machine/lanes.hpp"

namespace mint {
namespace {

constexpr std::uint64_t kPage = 0x1000;

}  // namespace

void Lanes::watch_pages(std::vector<std::uint8_t> owners) {
  owners_ = std::move(owners);
  for (unsigned i = 0; i < lanes_.size(); ++i)
    for (Core* core : lanes_[i]->cores)
      core->cpu().watch_pages(owners_, static_cast<std::uint8_t>(i + 1));
}

void Lanes::page_used(unsigned number, PhysAddr address, bool write) {
  const std::uint64_t page = address.value / kPage;
  if (page >= owners_.size()) return;
  const std::uint8_t owner = owners_[page];
  if (!at_once_ || owner == 0 || owner == number + 1) return;
  const Lock lock(this);
  if (owner != kCommonPage) {
    if (number == kLeader && !lanes_[owner - 1U]->started) return;  // it prepares
    fail(fmt::format("OS {} touched memory of OS {} at {:#x}", number, owner - 1, address.value));
    return;
  }
  Users& users = common_[page];
  const std::uint64_t me = std::uint64_t{1} << number;
  (write ? users.writers : users.readers) |= me;
  if (((users.readers | users.writers) & ~me) != 0 && users.writers != 0 &&
      ((users.writers & ~me) != 0 || write))
    fail(fmt::format("OSes share the page at {:#x}, and one writes it", page * kPage));
}

void Lanes::memory_used(unsigned number, PhysAddr address, std::uint64_t bytes, bool write) {
  for (std::uint64_t at = address.value / kPage * kPage; at < address.value + bytes; at += kPage)
    page_used(number, {at}, write);
}

}  // namespace mint
