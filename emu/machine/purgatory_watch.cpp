#include "emu/machine/purgatory_watch.hpp"

#include <fmt/format.h>

#include "emu/scenario/resources.hpp"

namespace mint {
namespace {

constexpr std::uint64_t kVideoMemory = 0xa0000;
constexpr std::uint64_t kRoms = 0xc0000;
constexpr std::uint64_t kPage = 0x1000;

}  // namespace

void PurgatoryWatch::accessed(const Access& access) {
  if (access.kind != Access::Kind::kDevice || !access.write) return;
  if (access.address < kVideoMemory || access.address >= kMegabyte) return;
  lost_[access.address / kPage] += access.size;
}

std::string PurgatoryWatch::lost(const OsSpec& follower, std::uint64_t place) const {
  std::uint64_t video = 0;
  std::uint64_t rom = 0;
  for (const auto& [page, bytes] : lost_) {
    const std::uint64_t address = page * kPage;
    if (address < place || address >= place + kPurgatorySlot) continue;
    (address < kRoms ? video : rom) += bytes;
  }
  if (video + rom == 0) return {};
  std::string text = fmt::format("purgatory of {} at {:x}h-{:x}h: of {} bytes", follower.name,
                                 place, place + kPurgatorySlot - 1, kPurgatorySlot);
  if (video != 0) text += fmt::format(" {} fell on video memory (A0000h-BFFFFh)", video);
  if (rom != 0) text += fmt::format("{} {} on ROM (C0000h-FFFFFh)", video != 0 ? " and" : "", rom);
  return text;
}

bool PurgatoryWatch::is_release(const OsSpec& follower, std::uint64_t pc) const {
  return scenario_.purgatory == Purgatory::kLocked && pc >= follower.memory.start.value &&
         pc < follower.memory.start.value + kPage;
}

std::optional<PurgatoryWatch::Jump> PurgatoryWatch::left(const OsSpec& follower,
                                                         std::uint64_t pc) const {
  if (follower.memory.contains(PhysAddr{pc})) return std::nullopt;
  const unsigned core = follower.cores.front().value;
  for (const OsSpec& os : scenario_.os) {
    if (!os.memory.contains(PhysAddr{pc})) continue;
    return Jump{&os, fmt::format("core {} of {} left purgatory for {:#x}, in the memory of {}",
                                 core, follower.name, pc, os.name)};
  }
  return Jump{nullptr, fmt::format("core {} of {} left purgatory for {:#x}, in no OS's memory",
                                   core, follower.name, pc)};
}

}  // namespace mint
