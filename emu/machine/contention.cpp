#include "emu/machine/contention.hpp"

#include <fmt/format.h>

namespace mint {
namespace {

constexpr std::uint64_t kIoApicIndex = 0xfec00000;
constexpr std::uint64_t kIoApicWindow = 0xfec00010;

// The low and the high half of a redirection entry count as one register.
unsigned register_of(std::uint8_t index) { return index < 0x10 ? index : (index & ~1u); }

std::string register_name(unsigned index) {
  switch (index) {
    case 0:
      return "ID";
    case 1:
      return "VER";
    case 2:
      return "ARB";
    default:
      return index < 0x10 ? fmt::format("{:#x}", index)
                          : fmt::format("REDTBL{}", (index - 0x10) / 2);
  }
}

}  // namespace

void Contention::waits(const std::string& os, const std::string& function, Cycles at) {
  Holder& holder = holders_[os];
  holder.function = function;
  holder.waiting = at;
}

void Contention::takes(const std::string& os, const std::string& function, Cycles at) {
  Holder& holder = holders_[os];
  if (!holder.waiting) holder.function = function;
  LockUse& use = locks_[{os, holder.function}];
  ++use.taken;
  if (holder.waiting) use.waited += at - *holder.waiting;
  holder.waiting.reset();
  holder.held = at;
}

void Contention::releases(const std::string& os, Cycles at) {
  Holder& holder = holders_[os];
  if (!holder.held) return;
  locks_[{os, holder.function}].held += at - *holder.held;
  holder.held.reset();
}

void Contention::end(Cycles at) {
  for (auto& [os, holder] : holders_) {
    LockUse& use = locks_[{os, holder.function}];
    if (holder.held && *holder.held < at) use.held += at - *holder.held;
    if (holder.waiting && *holder.waiting < at) use.waited += at - *holder.waiting;
    holder.held.reset();
    holder.waiting.reset();
  }
}

bool Contention::io_apic_accessed(const std::string& os, const Access& access) {
  if (access.kind != Access::Kind::kDevice) return false;
  if (access.address == kIoApicIndex && access.write)
    index_[os] = static_cast<std::uint8_t>(access.value);
  return access.address == kIoApicWindow;
}

void Contention::io_apic_used(const std::string& os, const std::string& function, bool write) {
  Count& count = registers_[{os, register_of(index_[os]), function}];
  ++(write ? count.writes : count.reads);
}

std::vector<LockUse> Contention::lock_uses() const {
  std::vector<LockUse> uses;
  for (const auto& [key, use] : locks_) {
    uses.push_back(use);
    std::tie(uses.back().os, uses.back().function) = key;
  }
  return uses;
}

std::vector<IoApicUse> Contention::io_apic_uses() const {
  std::vector<IoApicUse> uses;
  for (const auto& [key, count] : registers_) {
    const auto& [os, index, function] = key;
    uses.push_back({os, register_name(index), function, count.reads, count.writes});
  }
  return uses;
}

}  // namespace mint
