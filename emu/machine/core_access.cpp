// What a core's instructions do outside of it: ports, memory-mapped devices, shared memory, MSRs,
// the time-stamp counter.
#include <algorithm>
#include <cstring>

#include "emu/machine/core.hpp"
#include "emu/machine/cpuid.hpp"
#include "emu/machine/lanes.hpp"
#include "emu/machine/ownership.hpp"

namespace mint {
namespace {

constexpr std::uint64_t kIoApicPage = 0xfec00000;
constexpr std::uint32_t kMsrTsc = 0x10;
constexpr std::uint32_t kMsrApicBase = 0x1b;

// Cycles beyond the instruction's cost in its block, on a Core i7 860 (InstLatx64 dump 00106E5 and
// Agner Fog's instruction tables, Nehalem).
constexpr std::uint64_t kRdtscCycles = 24;
constexpr std::uint64_t kMsrCycles = 80;
constexpr std::uint64_t kPauseCycles = 8;

constexpr std::uint64_t kNothing = ~std::uint64_t{0};  // what a read gives where nothing answers

}  // namespace

// --- accesses ------------------------------------------------------------------------------------

std::uint64_t Core::port_read(Cycles at, std::uint16_t port, unsigned size) {
  const bool own = wiring_.ownership.owns_port(config_.group, port, size);
  wait_for_turn(at, own);
  const std::uint64_t value =
      own || may_use_port(port, size) ? wiring_.ports.read(port, size) : kNothing;
  wiring_.observer.accessed(*this, at, {Access::Kind::kPort, false, size, port, value, own});
  finish_access(config_.delays.port);
  return value;
}

void Core::port_write(Cycles at, std::uint16_t port, unsigned size, std::uint64_t value) {
  const bool own = wiring_.ownership.owns_port(config_.group, port, size);
  wait_for_turn(at, own);
  wiring_.observer.accessed(*this, at, {Access::Kind::kPort, true, size, port, value, own});
  if (own || may_use_port(port, size)) wiring_.ports.write(port, size, value);
  finish_access(config_.delays.port);
}

bool Core::is_own_lapic(PhysAddr address) const {
  return lapic_.globally_enabled() &&
         (address.value & ~std::uint64_t{0xfff}) == lapic_.page().value;
}

// Wherever the LAPIC's page is, RAM there is out of reach (SDM vol. 3A, 10.4.5).
void Core::place_lapic() {
  cpu_.set_io_page(lapic_.globally_enabled() ? std::optional(lapic_.page()) : std::nullopt);
}

Cycles Core::delay_of(PhysAddr address) const {
  return (address.value & ~std::uint64_t{0xfff}) == kIoApicPage ? config_.delays.io_apic
                                                                : config_.delays.pci;
}

bool Core::may_use_port(std::uint16_t port, unsigned size) {
  if (wiring_.lanes == nullptr || !wiring_.lanes->at_once()) return true;
  const Ownership::Lane owner = wiring_.ownership.of_port(port, size);
  return !owner || wiring_.lanes->touch(*owner);
}

bool Core::may_use_device(PhysAddr address, unsigned size) {
  if (wiring_.lanes == nullptr || !wiring_.lanes->at_once()) return true;
  const Ownership::Lane owner = wiring_.ownership.of_memory(address, size);
  return !owner || wiring_.lanes->touch(*owner);
}

std::uint64_t Core::memory_read(Cycles at, PhysAddr address, unsigned size) {
  const bool lapic = is_own_lapic(address);
  const PciTarget chip =
      lapic ? PciTarget{} : wiring_.ownership.memory_of(config_.group, address, size);
  wait_for_turn(at, lapic || chip.device != nullptr);
  if (lapic) {
    const std::uint64_t value = lapic_.read(address.value & 0xfff, size);
    wiring_.observer.accessed(*this, at,
                              {Access::Kind::kLapic, false, size, address.value, value, true});
    finish_access(config_.delays.lapic);
    return value;
  }
  const std::span<std::uint8_t> shared = wiring_.memory.at(address, size);
  if (!shared.empty()) {
    std::uint64_t value = 0;
    std::memcpy(&value, shared.data(), size);
    // Other cores of its OS could change what else the loop reads.
    if (horizons_.group.time == Cycles::max()) {
      const auto loop = poll_.proven(
          cpu_, at, address, size, value,
          [this](std::uint64_t from, std::uint64_t bytes) { return code_at(from, bytes); });
      if (loop) {
        at = park(at, *loop);
        std::memcpy(&value, shared.data(), size);
      }
    }
    read_at_ = at;
    wiring_.observer.accessed(*this, at,
                              {Access::Kind::kShared, false, size, address.value, value});
    finish_access(config_.delays.shared);
    return value;
  }
  std::uint64_t value = kNothing;
  if (chip.device != nullptr)
    value = chip.device->read(chip.offset, size);
  else if (may_use_device(address, size))
    value = wiring_.mmio.read(address.value, size);
  wiring_.observer.accessed(
      *this, at,
      {Access::Kind::kDevice, false, size, address.value, value, chip.device != nullptr});
  finish_access(delay_of(address));
  return value;
}

void Core::memory_write(Cycles at, PhysAddr address, unsigned size, std::uint64_t value,
                        bool locked) {
  const bool lapic = is_own_lapic(address);
  const PciTarget chip =
      lapic ? PciTarget{} : wiring_.ownership.memory_of(config_.group, address, size);
  const bool noticed = lapic && lapic_.is_noticed(address.value);
  // It has been this core's turn since the load, and no other core has run.
  if (locked) {
    at = std::max(at, read_at_);
    hold_board();
  } else {
    wait_for_turn(at, (lapic && !noticed) || chip.device != nullptr);
  }
  if (lapic) {
    wiring_.observer.accessed(*this, at,
                              {Access::Kind::kLapic, true, size, address.value, value, true});
    lapic_.write(address.value & 0xfff, size, value);
    if (noticed) wiring_.apic_bus.readdressed(lapic_);
    finish_access(config_.delays.lapic);
    return;
  }
  const std::span<std::uint8_t> shared = wiring_.memory.at(address, size);
  if (!shared.empty()) {
    const bool changed = std::memcmp(shared.data(), &value, size) != 0;
    if (changed) {
      std::memcpy(shared.data(), &value, size);
      unpark_others(address, size);
    }
    if (changed || !locked)
      poll_.disturb();
    else
      poll_.looked(cpu_, at, address, size, value);
    wiring_.observer.accessed(*this, at, {Access::Kind::kShared, true, size, address.value, value});
    finish_access(config_.delays.shared);
    return;
  }
  wiring_.observer.accessed(
      *this, at, {Access::Kind::kDevice, true, size, address.value, value, chip.device != nullptr});
  if (chip.device != nullptr)
    chip.device->write(chip.offset, size, value);
  else if (may_use_device(address, size))
    wiring_.mmio.write(address.value, size, value);
  finish_access(delay_of(address));
}

// Devices do not answer fetches: they read as ones.
std::uint64_t Core::fetch(PhysAddr address, unsigned size) {
  std::uint64_t value = ~std::uint64_t{0};
  const std::span<std::uint8_t> shared = wiring_.memory.at(address, size);
  if (!shared.empty()) std::memcpy(&value, shared.data(), size);
  return value;
}

// --- instructions --------------------------------------------------------------------------------

MsrAnswer Core::read_msr(Cycles at, std::uint32_t index, std::uint64_t& value) {
  cpu_.charge(kMsrCycles);
  if (index == kMsrTsc) {
    value = at.count + msrs_.tsc_offset();
    return MsrAnswer::kDone;
  }
  if (index == kMsrApicBase) {
    value = lapic_.base();
    return MsrAnswer::kDone;
  }
  return msrs_.read(index, value);
}

MsrAnswer Core::write_msr(Cycles at, std::uint32_t index, std::uint64_t value) {
  cpu_.charge(kMsrCycles);
  if (index == kMsrTsc) {
    msrs_.set_tsc_offset(value - at.count);
    return MsrAnswer::kDone;
  }
  if (index == kMsrApicBase) {
    wait_for_turn(at, false);
    const bool accepted = lapic_.write_base(value);
    wiring_.apic_bus.readdressed(lapic_);
    place_lapic();
    finish_access({0});
    return accepted ? MsrAnswer::kDone : MsrAnswer::kFault;
  }
  return msrs_.write(index, value);
}

std::uint64_t Core::read_tsc(Cycles at) {
  // Cores that share memory can compare what they read: the counters of a package never run back.
  wait_until(at, horizons_.group, false);
  cpu_.charge(kRdtscCycles);
  const std::uint64_t value = at.count + msrs_.tsc_offset();
  wiring_.observer.clock_read(*this, at, value);
  return value;
}

std::uint64_t Core::tsc_limit() {
  const Cycles until = horizons_.group.time;
  return until == Cycles::max() ? until.count : until.count + msrs_.tsc_offset();
}

std::uint8_t Core::read_cr8() { return static_cast<std::uint8_t>(lapic_.cr8()); }

void Core::write_cr8(Cycles at, std::uint8_t value) {
  wait_for_turn(at, true);
  lapic_.set_cr8(value);
  finish_access({0});
}

void Core::cpuid(std::uint32_t leaf, std::uint32_t subleaf, std::uint32_t out[4]) {
  read_cpuid(
      {.initial_id = config_.id, .cores = config_.cores, .apic_enabled = lapic_.globally_enabled()},
      leaf, subleaf, out);
}

void Core::pause() { cpu_.charge(kPauseCycles); }

}  // namespace mint
