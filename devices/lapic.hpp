// The local APIC of one core, in xAPIC mode (SDM vol. 3A, chapter 10), as in Nehalem.
//
// Registers: 32 bits each, on 16-byte boundaries of a 4 KB page (table 10-1):
//   020h  id                  R/W   figure 10-6: bits 31-24; kept by INIT
//   030h  version             R     figure 10-7: 00060015h
//   080h  TPR                 R/W   10.8.3.1
//   0A0h  PPR                 R     10.8.3.1: the higher class of TPR and highest vector in service
//   0B0h  EOI                 W     10.8.5
//   0D0h  logical destination R/W   10.6.2.2
//   0E0h  destination format  R/W   10.6.2.2: flat (Fh) and cluster (0) model
//   0F0h  spurious vector     R/W   10.9: vector and software enable
//   100h-170h, 180h-1F0h, 200h-270h  ISR, TMR, IRR   R   10.8.4
//   280h  error status        R/W   10.5.3: a write takes over what was found since the last write
//   2F0h, 320h-370h  LVT: CMCI; timer, thermal, performance, LINT0, LINT1, error  R/W  10.5.1
//   300h, 310h  interrupt command  R/W  10.6.1: a write to 300h sends
//   380h, 390h, 3E0h  initial count R/W, current count R, divide configuration R/W   10.5.4
// Other offsets are reserved: they read 0, ignore writes and set "illegal register address".
//
// Access (10.4.1): 32 bits at a register's offset. A read of 1 or 2 bytes within bytes 0-3 gets
// those bytes; bytes 4-15 read as ones. A write counts only when it is at a register's offset and
// has 32 or more bits, of which the lowest 32 are taken.
//
// Where the SDM leaves the behaviour open: the trigger mode of an IPI is ignored except for the
// INIT level de-assert, which does nothing (as since the Pentium 4); reserved delivery modes are
// not sent; neither are the combinations that table 10-3 calls invalid ("self" and "all including
// self" with anything but fixed); clearing and setting the global enable bit resets all registers
// but the id.
//
// To the core it is this: has_interrupt() is the INTR signal, acknowledge() the INTA cycle.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

#include "devices/apic_bus.hpp"
#include "devices/lapic_registers.hpp"
#include "devices/lapic_timer.hpp"
#include "devices/vector_set.hpp"
#include "emu/base/device.hpp"
#include "emu/base/event_queue.hpp"

namespace mint {

// What a LAPIC does to its core. The calls come at the time of the queue's clock and in the order
// of the messages: after init() the core waits for a SIPI at once, so that a startup() that follows
// at the same time counts. A startup() that comes when the core is not waiting is the core's to
// ignore.
class LapicCore {
 public:
  virtual ~LapicCore() = default;
  // has_interrupt() has changed.
  virtual void interrupt_changed() = 0;
  virtual void nmi() = 0;
  virtual void smi() = 0;
  // The LAPIC has already done its own part of the INIT.
  virtual void init() = 0;
  // Start at vector * 1000h, in real mode.
  virtual void startup(Vector vector) = 0;
};

struct LapicConfig {
  ApicId id;  // at power-on
  bool bsp = false;
  Hertz core_clock;
  Hertz timer_clock;
};

class Lapic final : public Device {
 public:
  // `acknowledge_external` is the INTA cycle to the 8259 pair.
  Lapic(const LapicConfig& config, LapicCore& core, ApicBus& bus, EventQueue& queue,
        std::function<Vector()> acknowledge_external);

  std::uint64_t read(std::uint64_t offset, unsigned size) override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override;
  void reset() override;
  void visit(StateVisitor& visitor) override;
  // The INIT signal (10.4.7.3): all registers but the id and IA32_APIC_BASE.
  void init_reset();

  // IA32_APIC_BASE (10.4.4). A write returns false, and does nothing, where WRMSR raises #GP.
  std::uint64_t base() const { return to_raw(base_); }
  [[nodiscard]] bool write_base(std::uint64_t value);
  bool globally_enabled() const { return base_.enabled != 0; }
  PhysAddr page() const { return {static_cast<std::uint64_t>(base_.page) << 12}; }

  // Whether a write to the register at `offset` can be noticed outside of the processor: it sends
  // a message, or changes what the LAPIC is addressed by.
  bool is_noticed(std::uint64_t offset) const;

  // CR8: the class of the TPR (10.8.6). `value` is 0 to 15.
  std::uint64_t cr8() const { return task_priority_ >> 4; }
  void set_cr8(std::uint64_t value);

  // The INTR signal: an interrupt above the processor priority, or an external one.
  bool has_interrupt() const;
  // The INTA cycle. An external interrupt goes before those of the LAPIC. When what was requested
  // is no longer above the processor priority: the spurious vector, nothing in service (10.9).
  // std::nullopt when nothing is requested at all.
  std::optional<Vector> acknowledge();

  // The level of the pins; as INTR and NMI when the LAPIC is globally disabled.
  void set_lint0(bool level) { set_pin(0, level); }
  void set_lint1(bool level) { set_pin(1, level); }
  // The sources inside the processor.
  void raise(Lvt source);

  // The side towards the bus.
  ApicId id() const { return id_; }
  std::uint8_t place() const { return place_; }
  bool is_addressed(std::uint8_t destination, bool logical) const;
  bool accepts(DeliveryMode mode) const;
  std::uint8_t processor_priority() const;
  void deliver(const ApicMessage& message);

 private:
  std::uint32_t read_register(std::uint16_t offset);
  void write_register(std::uint16_t offset, std::uint32_t value);
  void write_lvt(Lvt which, std::uint32_t value);
  void write_spurious_vector(std::uint32_t value);
  void write_error_status();
  void send(IcrLowRegister command);
  void end_of_interrupt();

  LvtEntry& entry(Lvt which) { return lvt_[static_cast<unsigned>(which)]; }
  const LvtEntry& entry(Lvt which) const { return lvt_[static_cast<unsigned>(which)]; }
  static Lvt lint(unsigned pin) { return pin == 0 ? Lvt::kLint0 : Lvt::kLint1; }
  bool pin_asserted(unsigned pin) const;
  void set_pin(unsigned pin, bool level);
  void sample_pin(unsigned pin, bool edge);
  void configure_timer();

  void reset_registers();
  void init();
  void accept(Vector vector, bool level_triggered);
  void error(ErrorStatusRegister found);
  bool has_external() const;
  // Tells the core when INTR has changed.
  void update();

  const LapicConfig config_;
  LapicCore& core_;
  ApicBus& bus_;
  const std::function<Vector()> acknowledge_external_;
  const std::uint8_t place_;

  ApicBaseRegister base_;
  ApicId id_;
  std::uint8_t task_priority_ = 0;
  LogicalDestinationRegister logical_destination_;
  DestinationFormatRegister destination_format_;
  SpuriousVectorRegister spurious_vector_;
  VectorSet in_service_;
  VectorSet trigger_mode_;
  VectorSet requested_;
  ErrorStatusRegister error_status_;
  ErrorStatusRegister errors_found_;  // since the last write to the error status register
  IcrLowRegister icr_low_;
  IcrHighRegister icr_high_;
  std::array<LvtEntry, kLvtEntries> lvt_;
  LapicTimer timer_;

  std::array<bool, 2> pins_{};
  bool external_message_ = false;  // an ExtINT message of an I/O APIC, until it is acknowledged
  bool output_ = false;            // INTR as last told to the core
};

}  // namespace mint
