// MC146818 real-time clock and CMOS RAM (Motorola MC146818 data sheet), with 128 bytes as in later
// chips, on a 32.768 kHz crystal.
//
//   port 70h w  7 NMI mask, 6-0 index; a read floats        port 71h  the byte at the index
//
//   00h, 02h, 04h  seconds, minutes, hours           "Time, calendar, and alarm locations"
//   01h, 03h, 05h  alarm for each; C0h-FFh matches anything
//   06h-09h        day of week (1 is Sunday), day of month, month, year
//   0Ah A  7 UIP (read only), 6-4 DV (010 runs, 11x holds the divider in reset), 3-0 RS
//   0Bh B  7 SET, 6 PIE, 5 AIE, 4 UIE, 3 SQWE, 2 DM (1: binary), 1 24/12, 0 DSE (has no effect)
//   0Ch C  7 IRQF, 6 PF, 5 AF, 4 UF; a read clears all
//   0Dh D  7 VRT, always 1
//   0Eh-   battery-backed RAM; board.md has the layout that firmware reads
//
// An update cycle takes 1984 us, and UIP goes up 244 us before it ("Update cycle"): the new time
// can be read, and UF is set, when UIP falls. At power-on of the machine the clock shows the start
// time to the second. With DV other than 010 it stands still; the first update after a divider
// reset comes half a second later ("Divider control bits"). The platform reset does not touch time
// or RAM.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "devices/byte_device.hpp"
#include "devices/register_bits.hpp"
#include "emu/base/event_queue.hpp"

namespace mint {

struct RtcRegisterA {
  std::uint8_t rs : 4 = 0;
  std::uint8_t dv : 3 = 0;
  std::uint8_t uip : 1 = 0;
};

struct RtcRegisterB {
  std::uint8_t dse : 1 = 0;
  std::uint8_t hours_24 : 1 = 0;
  std::uint8_t dm : 1 = 0;
  std::uint8_t sqwe : 1 = 0;
  std::uint8_t uie : 1 = 0;
  std::uint8_t aie : 1 = 0;
  std::uint8_t pie : 1 = 0;
  std::uint8_t set : 1 = 0;
};

struct RtcRegisterC {
  std::uint8_t reserved_0 : 4 = 0;
  std::uint8_t uf : 1 = 0;
  std::uint8_t af : 1 = 0;
  std::uint8_t pf : 1 = 0;
  std::uint8_t irqf : 1 = 0;
};

class Rtc final : public ByteDevice {
 public:
  Rtc(EventQueue& queue, Hertz core_clock, std::chrono::sys_seconds start, IrqLine irq8);

  // Fills in what firmware finds in the CMOS RAM (board.md, "CMOS"): memory sizes and core count.
  // `ram_bytes` is all RAM, of which the part above C0000000h is found at 4 GB.
  void set_memory(std::uint64_t ram_bytes);
  void set_cores(unsigned cores);
  // Sets a byte of the battery-backed RAM (index 0Eh to 7Fh) and the checksum at 2Eh.
  void set_cmos(std::uint8_t index, std::uint8_t value);
  bool nmi_masked() const { return nmi_masked_; }

  void reset() override;
  void visit(StateVisitor& visitor) override;

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override;
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  std::uint64_t crystal() const;
  bool running() const;
  bool update_in_progress() const;
  std::uint64_t periodic_ticks() const;
  void advance();
  std::uint8_t read_register();
  void write_register(std::uint8_t value);
  void write_a(std::uint8_t value);
  void update_time();
  bool step(std::uint8_t index, unsigned first, unsigned last);
  bool step_hours();
  unsigned days_in_month() const;
  unsigned number(std::uint8_t index) const;
  std::uint8_t raw(unsigned number) const;
  bool alarm_matches() const;
  void drive_irq();
  void schedule();
  void refresh();

  EventQueue& queue_;
  Hertz core_clock_;
  IrqLine irq8_;

  std::array<std::uint8_t, 128> ram_{};  // with the time; registers A to D are not in it
  RtcRegisterA a_;
  RtcRegisterB b_;
  RtcRegisterC c_;
  std::uint8_t index_ = 0;
  bool nmi_masked_ = false;
  std::uint64_t phase_ = 0;      // crystal tick at which the divider chain was (or would be) zero
  std::uint64_t processed_ = 0;  // crystal tick up to which updates and flags are accounted for
  bool irq_level_ = false;
  Event next_flag_;
};

}  // namespace mint
