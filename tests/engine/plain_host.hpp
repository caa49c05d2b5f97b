// What a Cpu needs to run alone, for its tests and its benchmarks: RAM, and a host that answers as
// if nothing were around the core.
#pragma once

#include <sys/mman.h>

#include <cstring>
#include <initializer_list>
#include <new>
#include <optional>

#include "emu/engine/cpu.hpp"

namespace mint::test {

// Zeroed, aligned to pages.
class Ram {
 public:
  explicit Ram(std::uint64_t size) : size_(size) {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    bytes_ = static_cast<std::uint8_t*>(memory);
  }
  ~Ram() { munmap(bytes_, size_); }
  Ram(const Ram&) = delete;
  Ram& operator=(const Ram&) = delete;

  std::uint8_t* data() const { return bytes_; }
  template <class Bytes = std::initializer_list<int>>
  void put(std::uint64_t address, const Bytes& bytes) {
    for (const auto byte : bytes) bytes_[address++] = static_cast<std::uint8_t>(byte);
  }
  void put32(std::uint64_t address, std::uint32_t value) {
    std::memcpy(bytes_ + address, &value, 4);
  }

 private:
  std::uint64_t size_;
  std::uint8_t* bytes_;
};

// A run ends when its budget is spent. Devices read as 0; the TSC is the core's clock; CPUID is
// that of a 64-bit processor without ACPI, CLFLUSH, HTT and thermal monitoring.
class PlainHost : public CpuHost {
 public:
  Cpu* cpu = nullptr;

  void block_edge(std::uint64_t) override { cpu->leave(); }
  std::uint64_t port_read(Cycles, std::uint16_t, unsigned) override { return 0; }
  void port_write(Cycles, std::uint16_t, unsigned, std::uint64_t) override {}
  std::uint64_t memory_read(Cycles, PhysAddr, unsigned) override { return 0; }
  void memory_write(Cycles, PhysAddr, unsigned, std::uint64_t, bool) override {}
  std::uint64_t fetch(PhysAddr, unsigned) override { return ~std::uint64_t{0}; }
  MsrAnswer read_msr(Cycles, std::uint32_t, std::uint64_t&) override { return MsrAnswer::kFault; }
  MsrAnswer write_msr(Cycles, std::uint32_t, std::uint64_t) override { return MsrAnswer::kFault; }
  std::uint64_t read_tsc(Cycles at) override { return at.count; }
  std::uint64_t tsc_limit() override { return UINT64_MAX; }
  std::uint8_t read_cr8() override { return 0; }
  void write_cr8(Cycles, std::uint8_t) override {}
  void cpuid(std::uint32_t leaf, std::uint32_t, std::uint32_t out[4]) override {
    std::memset(out, 0, 16);
    if (leaf == 1) out[3] = 0xbfebfbff & ~(1u << 21 | 1u << 22 | 1u << 28 | 1u << 29 | 1u << 31);
    if (leaf == 0x80000001) out[3] = 0x28100000;
    if (leaf == 0x80000008) out[0] = 0x3024;
  }
  void pause() override {}
  std::optional<Vector> acknowledge() override { return std::nullopt; }
  void interrupt_taken(Vector, bool) override {}
  void shutdown() override {}
  void translated(std::uint64_t) override {}
  std::uint32_t probe_at(std::uint64_t) override { return 0; }
  void probe(std::uint32_t) override {}
};

}  // namespace mint::test
