// One function on the PCI bus: its configuration space and what hangs on it (PCI Local Bus
// Specification 3.0, chapter 6).
//
// A chip derives from it, describes itself in its constructor (BARs, pin, MSI) and then drives
// set_interrupt() / send_msi() and masters the bus through dma().
//
// | offset | register of a type 0 header, 6.1 | |
// |--------|----------------------------------|---|
// | 00h    | vendor, device                   | read-only |
// | 04h    | command                          | I/O, memory, bus master, interrupt disable |
// | 06h    | status                           | interrupt status, capability list |
// | 08h    | revision, class code             | read-only |
// | 0Ch    | cache line size, latency timer   | writable, without effect |
// | 0Eh    | header type                      | read-only |
// | 10h    | six BARs                         | 6.2.5.1; writing ones sizes them |
// | 2Ch    | subsystem                        | read-only |
// | 34h    | capability pointer               | read-only |
// | 3Ch    | interrupt line, interrupt pin    | the line is the firmware's scratch byte |
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "emu/base/device.hpp"
#include "emu/base/state.hpp"
#include "emu/base/types.hpp"

namespace mint {

struct PciIdentity {
  std::uint16_t vendor = 0x8086;
  std::uint16_t device = 0;
  std::uint32_t class_code = 0;  // class, subclass, programming interface: 24 bits
  std::uint8_t revision = 0;
  std::uint8_t header_type = 0;  // 80h: multi-function device
  std::uint16_t subsystem_vendor = 0;
  std::uint16_t subsystem = 0;
};

// A register window on the bus, and where in it an access falls; no device when none answers.
struct PciTarget {
  Device* device = nullptr;
  std::uint64_t offset = 0;
};

class PciFunction {
 public:
  using MsiSink = std::function<void(std::uint64_t address, std::uint32_t data)>;

  explicit PciFunction(const PciIdentity& identity);
  virtual ~PciFunction() = default;
  PciFunction(const PciFunction&) = delete;
  PciFunction& operator=(const PciFunction&) = delete;

  // Wiring, before the first access. Without a line or sink, interrupts go nowhere.
  void connect_intx(IrqLine line) { intx_ = std::move(line); }
  void connect_msi(MsiSink sink) { msi_ = std::move(sink); }

  // 1, 2 or 4 bytes that do not cross a double word.
  std::uint32_t config_read(unsigned offset, unsigned size) const;
  void config_write(unsigned offset, unsigned size, std::uint32_t value);

  PciTarget find_memory(PhysAddr address) const;
  PciTarget find_io(std::uint16_t port) const;

  struct BarInfo {
    unsigned index;
    bool io;
    std::uint64_t size;
  };
  // The BARs that exist, by index.
  std::vector<BarInfo> bars() const;
  bool has_interrupt_pin() const { return config_[0x3D] != 0; }

  // RST#: configuration space as after power-on. A chip adds its own registers.
  virtual void reset();
  virtual void visit(StateVisitor& visitor);

 protected:
  // Power-on value and writable bits of a register of the chip's own, `size` bytes (1, 2 or 4).
  void define(unsigned offset, unsigned size, std::uint32_t value, std::uint32_t writable);
  // `size` is a power of two, at least 16 (memory) or 4 (I/O); `window` sees offsets into it.
  void add_memory_bar(unsigned index, std::uint32_t size, Device& window);
  void add_io_bar(unsigned index, std::uint32_t size, Device& window);
  void add_interrupt_pin();  // INTA#
  // The header of a capability (6.7): its id, and its place in the list, which is in the order of
  // these calls.
  void add_capability(unsigned offset, std::uint8_t id);
  // One message (6.8.1); the capability takes 10, 14 or 24 bytes from `offset`.
  void add_msi(unsigned offset, bool address64, bool maskable);

  // The level of the chip's interrupt; reaches INTA# unless MSI is on or the pin is disabled.
  void set_interrupt(bool level);
  bool interrupt_level() const { return interrupt_ != 0; }
  bool msi_enabled() const;
  // Sends the message, or remembers it when it is masked. Nothing when MSI is off.
  void send_msi();

  // Access to memory as bus master; fails while the command register forbids it.
  DmaPort& gate(DmaPort& memory);
  bool bus_master() const;

  // After a configuration write, for what a chip derives from its own registers.
  virtual void config_written(unsigned /*offset*/, unsigned /*size*/) {}

 private:
  class GatedDma final : public DmaPort {
   public:
    explicit GatedDma(const PciFunction& function) : function_(function) {}
    bool read(PhysAddr from, std::span<std::byte> to) override;
    bool write(PhysAddr to, std::span<const std::byte> from) override;
    DmaPort* memory = nullptr;

   private:
    const PciFunction& function_;
  };
  struct Bar {
    Device* window = nullptr;
    bool io = false;
    std::uint32_t size = 0;
  };

  std::uint32_t get(unsigned offset, unsigned size) const;
  void put(unsigned offset, unsigned size, std::uint32_t value);
  std::uint16_t command() const;
  void add_bar(unsigned index, std::uint32_t size, Device& window, bool io);
  unsigned msi_mask_offset() const;
  void update_pin();
  void release_masked_msi();

  std::array<std::uint8_t, 256> config_{};
  std::array<std::uint8_t, 256> power_on_{};
  std::array<std::uint8_t, 256> writable_{};
  std::array<Bar, 6> bars_{};
  unsigned last_capability_ = 0;
  unsigned msi_offset_ = 0;  // 0: no MSI
  std::uint8_t interrupt_ = 0;
  std::uint8_t pin_ = 0;
  IrqLine intx_;
  MsiSink msi_;
  GatedDma dma_{*this};
};

}  // namespace mint
