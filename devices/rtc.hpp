// MC146818 real-time clock and CMOS RAM (Motorola MC146818 data sheet), with 128 bytes as in later
// chips, on a 32.768 kHz crystal.
//
//   port 70h w  7 NMI mask, 6-0 index; reads float          port 71h  the byte at the index
//
//   00h seconds   01h seconds alarm   02h minutes   03h minutes alarm   04h hours   05h hours alarm
//   06h day of week (1 is Sunday)     07h day of month   08h month   09h year   ("Time, calendar,
//                                                         and alarm locations"; alarm C0h-FFh: any)
//   0Ah A  7 UIP (read only), 6-4 DV (010: runs, 11x: divider held in reset), 3-0 RS
//   0Bh B  7 SET, 6 PIE, 5 AIE, 4 UIE, 3 SQWE, 2 DM (1: binary), 1 24/12 (1: 24 h), 0 DSE (no
//   effect) 0Ch C  7 IRQF, 6 PF, 5 AF, 4 UF; a read clears them      ("Registers") 0Dh D  7 VRT,
//   always 1 0Eh-   battery-backed RAM; board.md has the layout that firmware reads
//
// An update cycle takes 1984 us; UIP goes up 244 us before it ("Update cycle", table 5). UF is set
// and the new time can be read at its end. At power-on of the machine the clock shows the start
// time to the second. With DV other than 010 it stands still; the first update after a divider
// reset comes half a second later ("Divider control bits"). The platform reset does not touch time
// or RAM.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "devices/byte_device.hpp"
#include "emu/base/event_queue.hpp"

namespace mint {

class Rtc : public ByteDevice {
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
  void write_register(std::uint8_t index, std::uint8_t value);
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

  std::array<std::uint8_t, 128> ram_{};
  std::uint8_t index_ = 0;
  bool nmi_masked_ = false;
  std::uint64_t phase_ = 0;      // crystal tick at which the divider chain was (or would be) zero
  std::uint64_t processed_ = 0;  // crystal tick up to which updates and flags are accounted for
  bool irq_level_ = false;
  Event next_flag_;
};

}  // namespace mint
