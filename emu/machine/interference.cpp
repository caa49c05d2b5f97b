#include "emu/machine/interference.hpp"

#include <fmt/format.h>

namespace mint {
namespace {

constexpr std::uint64_t kIoApicIndex = 0xfec00000;
constexpr std::uint64_t kIoApicWindow = 0xfec00010;
constexpr std::uint16_t kPciAddress = 0xcf8;
constexpr std::uint16_t kPciData = 0xcfc;
constexpr std::uint16_t kCmosIndex = 0x70;
constexpr std::uint16_t kCmosData = 0x71;
// An OS that has not touched the PIT for this long (50 ms at 2.8 GHz) is not calibrating by it: the
// kernel's longest wait by counter 2 is 50 ms (CAL2_MS in arch/x86/kernel/tsc.c).
constexpr std::uint64_t kPitUse = 140'000'000;

}  // namespace

void InterferenceWatch::report(Cycles at, std::size_t by, std::size_t to, const std::string& kind,
                               std::string what) {
  ++count_;
  if (seen_[fmt::format("{} {} {}", by, to, kind)]++ != 0) return;
  found_.push_back({at, world_.name(by), world_.name(to), std::move(what)});
}

void InterferenceWatch::index_written(Pair& pair, std::size_t os, std::uint64_t value) {
  pair.selected[os] = value;
  pair.owner = os;
  pair.index = value;
}

void InterferenceWatch::data_accessed(Pair& pair, Core& core, std::size_t os, Cycles at,
                                      bool write) {
  const auto mine = pair.selected.find(os);
  if (!pair.owner || *pair.owner == os || mine == pair.selected.end()) return;
  if (mine->second == pair.index) return;
  report(at, *pair.owner, os, pair.name,
         fmt::format("{}: {} {} {:x} at {} although it had selected {:x}; {} had selected {:x} "
                     "in between",
                     pair.name, world_.name(os), write ? "wrote" : "read", pair.index,
                     world_.where(core), mine->second, world_.name(*pair.owner), pair.index));
}

void InterferenceWatch::pit_accessed(Core& core, std::size_t os, Cycles at, const Access& access) {
  const bool programs = access.write && (access.address == 0x42 || access.address == 0x61 ||
                                         (access.address == 0x43 && (access.value >> 6 & 3) == 2));
  if (programs) {
    for (auto& [other, use] : pit_) {
      if (other == os || at.count - use.last.count > kPitUse || use.spoiled) continue;
      use.spoiled = true;
      report(at, os, other, "PIT",
             fmt::format("PIT counter 2: {} wrote {:x} to port {:x}h at {} while {} was timing by it",
                         world_.name(os), access.value, access.address, world_.where(core),
                         world_.name(other)));
    }
    PitUse& use = pit_[os];
    if (pit_owner_ != os) use.spoiled = false;
    pit_owner_ = os;
  }
  pit_[os].last = at;
}

void InterferenceWatch::accessed(Core& core, Cycles at, const Access& access) {
  const OsIndex os = world_.os_of(core);
  last_os_ = os;
  last_core_ = &core;
  if (!os) return;
  if (access.kind == Access::Kind::kDevice) {
    if (access.address == kIoApicIndex && access.write)
      index_written(io_apic_, *os, access.value & 0xff);
    else if (access.address == kIoApicWindow)
      data_accessed(io_apic_, core, *os, at, access.write);
    return;
  }
  if (access.kind != Access::Kind::kPort) return;
  if (access.address == kPciAddress && access.write && access.size == 4)
    index_written(pci_, *os, access.value);
  else if (access.address >= kPciData && access.address < kPciData + 4)
    data_accessed(pci_, core, *os, at, access.write);
  else if (access.address == kCmosIndex && access.write)
    index_written(cmos_, *os, access.value & 0x7f);
  else if (access.address == kCmosData)
    data_accessed(cmos_, core, *os, at, access.write);
  else if (access.address == 0x42 || access.address == 0x43 || access.address == 0x61)
    pit_accessed(core, *os, at, access);
}

void InterferenceWatch::redirection_written(Cycles at, unsigned pin, RedirectionEntry old,
                                            RedirectionEntry now) {
  const OsIndex owner = world_.os_of_pin(pin);
  if (!owner || !last_os_ || *owner == *last_os_ || last_core_ == nullptr) return;
  // An entry that is masked before and after is nobody's harm.
  if (old.masked != 0 && now.masked != 0) return;
  report(at, *last_os_, *owner, "pin",
         fmt::format("I/O APIC pin {}, which is {}'s: {} changed its entry (vector {:02x}, {}) to "
                     "(vector {:02x}, {}) at {}",
                     pin, world_.name(*owner), world_.name(*last_os_), unsigned(old.vector),
                     old.masked ? "masked" : "open", unsigned(now.vector),
                     now.masked ? "masked" : "open", world_.where(*last_core_)));
}

void InterferenceWatch::message_delivered(const ApicBus::Delivery& delivery) {
  if (delivery.origin.kind != Origin::Kind::kLapic) return;
  if (delivery.message.mode == DeliveryMode::kInit || delivery.message.mode == DeliveryMode::kStartup)
    return;
  const OsIndex from = world_.os_of_core(delivery.origin.place);
  if (!from) return;
  for (unsigned core = 0; core < ApicBus::kMaxLapics; ++core) {
    if (!delivery.targets[core]) continue;
    const OsIndex to = world_.os_of_core(core);
    if (!to || *to == *from) continue;
    report(delivery.sent, *from, *to, "IPI",
           fmt::format("IPI of {} with vector {:02x} reached core {}, which is {}'s",
                       world_.name(*from), delivery.message.vector.value, core, world_.name(*to)));
  }
}

}  // namespace mint
