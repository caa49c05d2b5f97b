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
constexpr std::uint64_t kKept = 8;  // of each kind, by and to the same OS

}  // namespace

void InterferenceWatch::report(Cycles at, std::size_t by, std::size_t to, const std::string& kind,
                               std::string what) {
  ++count_;
  if (seen_[fmt::format("{} {} {}", by, to, kind)]++ >= kKept) return;
  found_.push_back({at, world_.name(by), world_.name(to), std::move(what)});
}

const Interference* InterferenceWatch::last_to(const std::string& to, Cycles at) const {
  const Interference* last = nullptr;
  for (const Interference& event : found_)
    if (event.to == to && event.when <= at && (last == nullptr || event.when >= last->when))
      last = &event;
  return last;
}

void InterferenceWatch::index_written(Pair& pair, unsigned core, std::size_t os, Cycles at,
                                      std::uint64_t value) {
  pair.selected[os] = {value, at, world_.where(core)};
  pair.owner = os;
}

void InterferenceWatch::data_accessed(Pair& pair, unsigned core, std::size_t os, Cycles at,
                                      const Access& access) {
  const auto mine = pair.selected.find(os);
  if (mine == pair.selected.end()) return;
  mine->second.used = true;
  if (!pair.owner || *pair.owner == os) return;
  const Selection& other = pair.selected.at(*pair.owner);
  if (mine->second.index == other.index) return;
  report(other.at, *pair.owner, os, pair.name,
         fmt::format("{}: {} selected {:x} at {} after {} had selected {:x}; {} then {} {:x} {} "
                     "{:x} instead, at {}, {}",
                     pair.name, world_.name(*pair.owner), other.index, other.where, world_.name(os),
                     mine->second.index, world_.name(os), access.write ? "wrote" : "read",
                     access.value, access.write ? "to" : "from", other.index, world_.where(core),
                     world_.time(at)));
}

// An index that has just been written is read back to see whether the register exists. After it has
// been used, a read only saves what is there.
void InterferenceWatch::index_read_back(Pair& pair, unsigned core, std::size_t os, Cycles at,
                                        const Access& access) {
  const auto mine = pair.selected.find(os);
  if (mine == pair.selected.end() || mine->second.used) return;
  data_accessed(pair, core, os, at, access);
  mine->second.used = false;
}

void InterferenceWatch::pit_accessed(unsigned core, std::size_t os, Cycles at,
                                     const Access& access) {
  const auto spoiled = pit_.accessed(os, at, access, [&] { return world_.where(core); });
  if (!spoiled) return;
  const PitWatch::Write& by = spoiled->by;
  report(by.at, by.os, os, "PIT",
         fmt::format("PIT counter 2: {} wrote {:x} to port {:x}h at {} while {} was timing by it, "
                     "set up at {}, {}; {} then {} port {:x}h at {}, {}",
                     world_.name(by.os), by.value, by.port, by.where, world_.name(os),
                     spoiled->begun.where, world_.time(spoiled->begun.at), world_.name(os),
                     access.write ? "wrote" : "read", access.address, world_.where(core),
                     world_.time(at)));
}

void InterferenceWatch::accessed(unsigned core, Cycles at, const Access& access) {
  const OsIndex os = world_.os_of_core(core);
  last_os_ = os;
  last_core_ = core;
  if (!os) return;
  if (access.kind == Access::Kind::kDevice) {
    if (access.address == kIoApicIndex && access.write)
      index_written(io_apic_, core, *os, at, access.value & 0xff);
    else if (access.address == kIoApicWindow)
      data_accessed(io_apic_, core, *os, at, access);
    return;
  }
  if (access.kind != Access::Kind::kPort) return;
  if (access.address == kPciAddress && access.write && access.size == 4)
    index_written(pci_, core, *os, at, access.value);
  else if (access.address >= kPciData && access.address < kPciData + 4)
    data_accessed(pci_, core, *os, at, access);
  else if (access.address == kPciAddress && !access.write && access.size == 4)
    index_read_back(pci_, core, *os, at, access);
  else if (access.address == kCmosIndex && access.write)
    index_written(cmos_, core, *os, at, access.value & 0x7f);
  else if (access.address == kCmosData)
    data_accessed(cmos_, core, *os, at, access);
  else if (PitWatch::is_about(access.address))
    pit_accessed(core, *os, at, access);
}

void InterferenceWatch::redirection_written(Cycles at, unsigned pin, RedirectionEntry old,
                                            RedirectionEntry now) {
  const OsIndex owner = world_.os_of_pin(pin);
  if (!owner || !last_os_ || *owner == *last_os_) return;
  // An entry that is masked before and after is nobody's harm.
  if (old.masked != 0 && now.masked != 0) return;
  report(at, *last_os_, *owner, fmt::format("pin {}", pin),
         fmt::format("I/O APIC pin {}, which is {}'s: {} changed its entry (vector {:02x}, {}) to "
                     "(vector {:02x}, {}) at {}",
                     pin, world_.name(*owner), world_.name(*last_os_), unsigned(old.vector),
                     old.masked ? "masked" : "open", unsigned(now.vector),
                     now.masked ? "masked" : "open", world_.where(last_core_)));
}

void InterferenceWatch::message_delivered(const ApicBus::Delivery& delivery) {
  if (delivery.origin.kind != Origin::Kind::kLapic) return;
  if (delivery.message.mode == DeliveryMode::kInit ||
      delivery.message.mode == DeliveryMode::kStartup)
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
