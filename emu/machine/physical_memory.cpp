#include "emu/machine/physical_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace mint {
namespace {

constexpr std::uint64_t kHole = 0xa0000;
constexpr std::uint64_t kMegabyte = 0x100000;
constexpr std::uint64_t kFourGigabytes = std::uint64_t{1} << 32;
constexpr std::uint64_t kLowRomBytes = 0x20000;

}  // namespace

PhysicalMemory::PhysicalMemory(const Layout& layout) : layout_(layout) {
  const std::uint64_t rom_bytes = layout.rom.size();
  rom_low_bytes_ = std::min(rom_bytes, kLowRomBytes);
  bytes_ = layout.ram_bytes + rom_bytes + rom_low_bytes_;
  void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  base_ = static_cast<std::uint8_t*>(memory);
  rom_ = base_ + layout.ram_bytes;
  rom_low_ = rom_ + rom_bytes;

  add_ram(0, kHole, base_);
  if (layout.hole_is_ram) {
    add_ram(kHole, kMegabyte, base_ + kHole);
  } else {
    add(kHole, kMegabyte - rom_low_bytes_, Kind::kDevice, nullptr);
    if (rom_bytes != 0) add(kMegabyte - rom_low_bytes_, kMegabyte, Kind::kRom, rom_low_);
  }
  const std::uint64_t low_end = std::min(layout.ram_bytes, kPciWindow);
  add_ram(kMegabyte, low_end, base_ + kMegabyte);
  add(low_end, kFourGigabytes - rom_bytes, Kind::kDevice, nullptr);
  if (rom_bytes != 0) add(kFourGigabytes - rom_bytes, kFourGigabytes, Kind::kRom, rom_);
  const std::uint64_t high = layout.ram_bytes - low_end;
  add_ram(kFourGigabytes, kFourGigabytes + high, base_ + low_end);
  add(kFourGigabytes + high, kEnd, Kind::kDevice, nullptr);
  reset();
}

PhysicalMemory::~PhysicalMemory() { munmap(base_, bytes_); }

void PhysicalMemory::add(std::uint64_t start, std::uint64_t end, Kind kind, std::uint8_t* memory) {
  if (start < end) segments_.push_back({{start}, end - start, kind, memory});
}

void PhysicalMemory::add_ram(std::uint64_t start, std::uint64_t end, std::uint8_t* memory) {
  std::uint64_t at = start;
  auto shared = layout_.shared;
  std::sort(shared.begin(), shared.end());
  for (const auto& [address, size] : shared) {
    const std::uint64_t from = std::max(address.value, at);
    const std::uint64_t to = std::min(address.value + size, end);
    if (from >= to) continue;
    add(at, from, Kind::kRam, memory + (at - start));
    add(from, to, Kind::kShared, memory + (from - start));
    at = to;
  }
  add(at, end, Kind::kRam, memory + (at - start));
}

void PhysicalMemory::reset() {
  // Fresh zero pages; cheaper than clearing, and the mapping stays where it is.
  madvise(base_, layout_.ram_bytes, MADV_DONTNEED);
  std::copy(layout_.rom.begin(), layout_.rom.end(), rom_);
  const auto low = layout_.rom.end() - static_cast<std::ptrdiff_t>(rom_low_bytes_);
  std::copy(low, layout_.rom.end(), rom_low_);
  if (layout_.hole_is_ram) std::copy(low, layout_.rom.end(), base_ + (kMegabyte - rom_low_bytes_));
}

const PhysicalMemory::Segment& PhysicalMemory::segment_at(PhysAddr address) const {
  auto after = std::upper_bound(segments_.begin(), segments_.end(), address,
                                [](PhysAddr a, const Segment& s) { return a < s.start; });
  return *std::prev(after);
}

PhysicalMemory::Kind PhysicalMemory::kind_at(PhysAddr address) const {
  return address.value >= kEnd ? Kind::kDevice : segment_at(address).kind;
}

std::span<std::uint8_t> PhysicalMemory::at(PhysAddr address, std::uint64_t size) {
  if (address.value >= kEnd) return {};
  const Segment& s = segment_at(address);
  const std::uint64_t offset = address.value - s.start.value;
  if (s.memory == nullptr || size > s.size - offset) return {};
  return {s.memory + offset, size};
}

template <class Copy>
bool PhysicalMemory::transfer(PhysAddr address, std::uint64_t size, Copy copy) {
  if (size > kEnd || address.value > kEnd - size) return false;
  for (std::uint64_t done = 0; done < size;) {
    const Segment& s = segment_at(address + done);
    if (s.kind != Kind::kRam && s.kind != Kind::kShared) return false;
    done += std::min(size - done, s.start.value + s.size - (address.value + done));
  }
  for (std::uint64_t done = 0; done < size;) {
    const Segment& s = segment_at(address + done);
    const std::uint64_t offset = address.value + done - s.start.value;
    const std::uint64_t n = std::min(size - done, s.size - offset);
    copy(s.memory + offset, done, n);
    done += n;
  }
  return true;
}

bool PhysicalMemory::read(PhysAddr from, std::span<std::byte> to) {
  return transfer(from, to.size(), [&](std::uint8_t* memory, std::uint64_t done, std::uint64_t n) {
    std::memcpy(to.data() + done, memory, n);
  });
}

bool PhysicalMemory::write(PhysAddr to, std::span<const std::byte> from) {
  return transfer(to, from.size(), [&](std::uint8_t* memory, std::uint64_t done, std::uint64_t n) {
    std::memcpy(memory, from.data() + done, n);
    if (written_) written_(memory, n);
  });
}

}  // namespace mint
