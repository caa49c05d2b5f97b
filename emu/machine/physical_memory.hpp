// Physical memory: RAM and ROM in host memory, and what the cores have to map. docs/board.md has
// the picture.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "emu/base/device.hpp"

namespace mint {

class PhysicalMemory : public DmaPort {
 public:
  enum class Kind : std::uint8_t {
    kRam,
    kRom,     // stores are dropped
    kShared,  // RAM whose every access goes through the machine, in the order of time
    kDevice,  // no memory: every access goes to the bus
  };
  struct Segment {
    PhysAddr start;
    std::uint64_t size = 0;
    Kind kind = Kind::kDevice;
    std::uint8_t* memory = nullptr;  // host address of its first byte; not for kDevice
  };
  struct Layout {
    std::uint64_t ram_bytes = 0;    // a multiple of 1 MB, at least 1 MB
    bool hole_is_ram = false;       // A0000h-FFFFFh
    std::vector<std::uint8_t> rom;  // a multiple of 4 KB; its end is at FFFFFFFFh
    std::vector<std::pair<PhysAddr, std::uint64_t>> shared;  // page-aligned ranges of RAM
  };

  static constexpr std::uint64_t kPciWindow = 0xc0000000;  // RAM ends here and goes on at 4 GB
  static constexpr std::uint64_t kEnd = std::uint64_t{1} << 36;  // MAXPHYADDR 36

  // Throws std::bad_alloc when the host has no memory.
  explicit PhysicalMemory(const Layout& layout);
  ~PhysicalMemory() override;
  PhysicalMemory(const PhysicalMemory&) = delete;
  PhysicalMemory& operator=(const PhysicalMemory&) = delete;

  // All of [0, kEnd), in ascending order, without gaps.
  const std::vector<Segment>& segments() const { return segments_; }
  // Bytes of RAM and ROM behind the segments.
  std::uint64_t mapped_bytes() const { return bytes_; }
  std::uint64_t ram_bytes() const { return layout_.ram_bytes; }

  // The memory at [address, address + size); empty when that is not all in one segment of RAM or
  // ROM.
  std::span<std::uint8_t> at(PhysAddr address, std::uint64_t size);
  Kind kind_at(PhysAddr address) const;

  // DmaPort: RAM only (a range may span adjacent segments of RAM).
  bool read(PhysAddr from, std::span<std::byte> to) override;
  bool write(PhysAddr to, std::span<const std::byte> from) override;
  // Called after each write() that reached RAM with the host range that changed.
  void set_written(std::function<void(const std::uint8_t*, std::uint64_t)> written) {
    written_ = std::move(written);
  }

  // Power-on contents: RAM zero, ROM as given.
  void reset();

 private:
  void add(std::uint64_t start, std::uint64_t end, Kind kind, std::uint8_t* memory);
  void add_ram(std::uint64_t start, std::uint64_t end, std::uint8_t* memory);
  const Segment& segment_at(PhysAddr address) const;
  template <class Copy>
  bool transfer(PhysAddr address, std::uint64_t size, Copy copy);

  Layout layout_;
  std::uint8_t* base_ = nullptr;
  std::uint64_t bytes_ = 0;
  std::uint8_t* rom_ = nullptr;      // at the top of 4 GB
  std::uint8_t* rom_low_ = nullptr;  // its copy below 1 MB
  std::uint64_t rom_low_bytes_ = 0;
  std::vector<Segment> segments_;
  std::function<void(const std::uint8_t*, std::uint64_t)> written_;
};

}  // namespace mint
