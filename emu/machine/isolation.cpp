#include "emu/machine/isolation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "emu/scenario/resources.hpp"
#include "emu/scenario/units.hpp"

namespace mint {
namespace {

constexpr std::uint64_t kPage = 0x1000;
constexpr std::uint64_t kBaseEnd = 0xa0000;  // the hole begins
// Where all purgatories have one place: that, and the followers' trampolines (docs/board.md).
constexpr MemoryRange kOnePlace{PhysAddr{0x9000}, PhysAddr{0x1b000}};
constexpr std::uint64_t kKept = 4;  // of each kind, by and to the same OS
constexpr std::size_t kLeader = 0;
constexpr unsigned kUartRegisters = 8;

// As the bus counts functions: device and function number.
PciAddress pci_address(std::uint8_t function) {
  return {0, static_cast<std::uint8_t>(function >> 3), static_cast<std::uint8_t>(function & 7)};
}

const char* use_name(PageUse use) {
  return use == PageUse::kLoad ? "read" : use == PageUse::kStore ? "wrote" : "executed";
}

}  // namespace

Isolation::Isolation(const Scenario& scenario, World world)
    : scenario_(scenario), world_(std::move(world)), runs_(scenario.os.size()) {
  std::uint64_t end = kMegabyte;
  for (const OsSpec& os : scenario.os) end = std::max(end, os.memory.end.value);
  owners_.resize((end + kPage - 1) / kPage);
  const auto give = [this](MemoryRange range, std::uint8_t owner) {
    const std::uint64_t last = std::min<std::uint64_t>(range.end.value / kPage, owners_.size());
    for (std::uint64_t page = range.start.value / kPage; page < last; ++page) owners_[page] = owner;
  };
  for (std::size_t i = 0; i < scenario.os.size(); ++i)
    give(scenario.os[i].memory, static_cast<std::uint8_t>(i + 1));
  // The first megabyte: base memory is the leader's but for the slots.
  give({PhysAddr{0}, PhysAddr{kMegabyte}}, 0);
  give({PhysAddr{0}, PhysAddr{kBaseEnd}}, kLeader + 1);
  if (scenario.purgatory != Purgatory::kSlot) give(kOnePlace, 0);
  for (std::size_t i = 1; i < scenario.os.size(); ++i) {
    const OsSpec& os = scenario.os[i];
    if (os.role != Role::kFollower || os.cores.empty()) continue;
    if (scenario.purgatory == Purgatory::kSlot || os.cores.size() > 1)
      give(purgatory_slot(os.cores.front()), static_cast<std::uint8_t>(i + 1));
  }
  for (const MemoryRange& range : scenario.shared.ranges) give(range, 0);
}

std::optional<std::size_t> Isolation::os_of_core(unsigned core) const {
  for (std::size_t i = 0; i < scenario_.os.size(); ++i)
    for (const ApicId id : scenario_.os[i].cores)
      if (id.value == core) return i;
  return std::nullopt;
}

Isolation::OsIndex Isolation::owner_of(PhysAddr address) const {
  const std::uint64_t page = address.value / kPage;
  if (page >= owners_.size() || owners_[page] == 0) return std::nullopt;
  return owners_[page] - 1U;
}

Isolation::OsIndex Isolation::owner_of(PciAddress function) const {
  for (std::size_t i = 0; i < scenario_.os.size(); ++i) {
    const auto& pci = scenario_.os[i].pci;
    if (std::find(pci.begin(), pci.end(), function) != pci.end()) return i;
  }
  return std::nullopt;
}

Isolation::OsIndex Isolation::owner_of_pin(unsigned pin) const {
  for (std::size_t i = 0; i < scenario_.os.size(); ++i) {
    const auto& pins = scenario_.os[i].pins;
    if (std::find(pins.begin(), pins.end(), pin) != pins.end()) return i;
  }
  return std::nullopt;
}

void Isolation::report(Cycles at, std::size_t by, std::size_t to, const char* kind,
                       std::string what) {
  ++count_;
  if (seen_[fmt::format("{} {} {}", by, to, kind)]++ >= kKept) return;
  found_.push_back({at, scenario_.os[by].name, scenario_.os[to].name, std::move(what)});
}

void Isolation::page_used(unsigned core, Cycles at, PhysAddr address, PageUse use) {
  const OsIndex by = os_of_core(core);
  const OsIndex owner = owner_of(address);
  if (!is_foreign(by, owner)) return;
  const bool prepares = placing_ && !runs_[*owner];
  if (*by == kLeader && (prepares || (!placed_ && address.value < kMegabyte))) return;
  const std::uint64_t page = address.value / kPage * kPage;
  if ((page == kBiosDataPage * kPage || page == kEbdaPage * kPage) && use == PageUse::kLoad) return;
  report(at, *by, *owner, "page",
         fmt::format("{} {} the page at {:#x}, which is {}'s", scenario_.os[*by].name,
                     use_name(use), page, scenario_.os[*owner].name));
}

void Isolation::dma(const char* by, std::size_t os, Cycles at, bool to_memory, PhysAddr address,
                    std::uint64_t bytes) {
  for (std::uint64_t done = 0; done < bytes;) {
    const PhysAddr piece = address + done;
    const OsIndex owner = owner_of(piece);
    if (is_foreign(os, owner)) {
      report(
          at, os, *owner, "DMA",
          fmt::format("the {} of {} {} memory at {:#x}, which is {}'s", by, scenario_.os[os].name,
                      to_memory ? "wrote" : "read", piece.value, scenario_.os[*owner].name));
      return;
    }
    done += kPage - piece.value % kPage;
  }
}

void Isolation::accessed(unsigned core, Cycles at, const Access& access) {
  if (access.kind != Access::Kind::kPort && access.kind != Access::Kind::kDevice) return;
  const OsIndex by = os_of_core(core);
  if (!watching_ || !by) return;
  const bool port = access.kind == Access::Kind::kPort;
  if (port) {
    for (std::size_t i = 0; i < scenario_.os.size(); ++i) {
      const auto uart = scenario_.os[i].uart;
      if (!uart || i == *by || access.address - kUartPorts[*uart - 1] >= kUartRegisters) continue;
      report(at, *by, i, "UART",
             fmt::format("{} {} port {:x}h of COM{}, which is {}'s, at {}", scenario_.os[*by].name,
                         access.write ? "wrote" : "read", access.address, *uart,
                         scenario_.os[i].name, world_.where(core)));
    }
  }
  const auto function = world_.pci_at(access.address, port);
  if (!function) return;
  const OsIndex owner = owner_of(*function);
  if (!is_foreign(by, owner)) return;
  report(at, *by, *owner, "PCI",
         fmt::format("{} {} {:#x} of PCI function {}, which is {}'s, at {}", scenario_.os[*by].name,
                     access.write ? "wrote" : "read", access.address, to_string(*function),
                     scenario_.os[*owner].name, world_.where(core)));
}

void Isolation::pci_configured(unsigned core, Cycles at, PciAddress function, unsigned offset,
                               bool write) {
  const OsIndex by = os_of_core(core);
  const OsIndex owner = owner_of(function);
  if (!is_foreign(by, owner)) return;
  report(
      at, *by, *owner, "PCI",
      fmt::format("{} {} configuration register {:02x}h of PCI function {}, which is {}'s, at {}",
                  scenario_.os[*by].name, write ? "wrote" : "read", offset, to_string(function),
                  scenario_.os[*owner].name, world_.where(core)));
}

void Isolation::redirection_written(unsigned core, Cycles at, unsigned pin) {
  const OsIndex by = os_of_core(core);
  const OsIndex owner = owner_of_pin(pin);
  if (!is_foreign(by, owner)) return;
  report(at, *by, *owner, "pin",
         fmt::format("{} wrote the entry of I/O APIC pin {}, which is {}'s, at {}",
                     scenario_.os[*by].name, pin, scenario_.os[*owner].name, world_.where(core)));
}

void Isolation::started_or_stopped(const ApicBus::Delivery& delivery) {
  for (std::size_t i = 0; i < scenario_.os.size(); ++i) {
    const auto& cores = scenario_.os[i].cores;
    if (i == kLeader || cores.empty() || !delivery.targets[cores.front().value]) continue;
    runs_[i] = delivery.message.mode == DeliveryMode::kStartup;
  }
}

void Isolation::message_delivered(const ApicBus::Delivery& delivery) {
  OsIndex from;
  std::string what;
  if (delivery.origin.kind == Origin::Kind::kLapic) {
    from = os_of_core(delivery.origin.place);
    what = "IPI";
  } else if (delivery.origin.kind == Origin::Kind::kIoApic) {
    from = owner_of_pin(delivery.origin.pin);
    what = fmt::format("interrupt of pin {}", delivery.origin.pin);
  } else {
    const PciAddress function = pci_address(delivery.origin.place);
    from = owner_of(function);
    what = fmt::format("message of PCI function {}", to_string(function));
  }
  const DeliveryMode mode = delivery.message.mode;
  const bool starts = mode == DeliveryMode::kInit || mode == DeliveryMode::kStartup;
  if (!from) return;
  if (*from == kLeader && starts) {
    started_or_stopped(delivery);
    return;
  }
  for (unsigned core = 0; core < ApicBus::kMaxLapics; ++core) {
    if (!delivery.targets[core]) continue;
    const OsIndex to = os_of_core(core);
    if (!is_foreign(from, to)) continue;
    report(delivery.sent, *from, *to, "message",
           fmt::format("{} of {} with vector {:02x} reached core {}, which is {}'s", what,
                       scenario_.os[*from].name, delivery.message.vector.value, core,
                       scenario_.os[*to].name));
  }
}

}  // namespace mint
