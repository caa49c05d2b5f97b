// 16550A UART (National Semiconductor PC16550D data sheet), clocked with 1.8432 MHz. OUT2 gates the
// interrupt pin, as on every PC serial port.
//
//   0  DLAB=0 r RBR  w THR; DLAB=1 divisor low         (8.0 "Registers", table II)
//   1  DLAB=0 IER: 0 ERBFI, 1 ETBEI, 2 ELSI, 3 EDSSI; DLAB=1 divisor high            (8.7, 8.3)
//   2  r IIR: 0 none pending, 3-1 id, 7-6 FIFOs on     w FCR: 0 FIFO enable, 1 clear receiver,
//      2 clear transmitter, 3 DMA mode, 7-6 trigger level 1, 4, 8, 14                (8.6, 8.5)
//   3  LCR: 1-0 word length, 2 stop bits, 5-3 parity, 6 break, 7 DLAB                (8.1)
//   4  MCR: 0 DTR, 1 RTS, 2 OUT1, 3 OUT2, 4 loop                                     (8.8)
//   5  LSR: 0 DR, 1 OE, 2 PE, 3 FE, 4 BI, 5 THRE, 6 TEMT, 7 error in FIFO            (8.4)
//   6  MSR: 0 DCTS, 1 DDSR, 2 TERI, 3 DDCD, 4 CTS, 5 DSR, 6 RI, 7 DCD                (8.9)
//   7  SCR                                                                           (8.10)
//
// With baud timing a character takes its start, data, parity and stop bits at the divisor's rate,
// in both directions, and the interrupts come as 8.11 says. Without it a character takes no
// time: THRE is set again as soon as THR is written (each write is a new THRE interrupt), typed
// characters wait outside until the receiver has room, and the character time-out is at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "devices/byte_device.hpp"
#include "devices/uart_registers.hpp"
#include "emu/base/event_queue.hpp"

namespace mint {

class Uart final : public ByteDevice {
 public:
  struct Modem {
    bool cts = true;
    bool dsr = true;
    bool ri = false;
    bool dcd = true;
  };

  // `name` tells the events of several UARTs apart. `output` gets each character sent.
  Uart(EventQueue& queue, Hertz core_clock, const std::string& name, bool baud_timing, IrqLine irq,
       std::function<void(std::uint8_t)> output);

  // Types characters into the receiver, behind those that still wait.
  void input(std::span<const std::uint8_t> characters);
  // The modem inputs; a terminal that is ready and connected by default.
  void set_modem(Modem modem);

  void reset() override;
  void visit(StateVisitor& visitor) override;

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override;
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  bool dlab() const { return lcr_.dlab != 0; }
  bool fifos() const { return fcr_.enable != 0; }
  bool loop() const { return mcr_.loop != 0; }
  std::size_t capacity() const { return fifos() ? 16 : 1; }
  std::size_t trigger() const;
  UartInterrupt interrupt() const;
  UartLsr line_status() const;
  std::uint64_t clock() const;
  std::uint64_t bit_ticks() const;
  std::uint64_t stop_bit_ticks() const;
  std::uint64_t character_ticks() const;
  void at(Event& event, std::uint64_t tick);

  std::uint8_t identify_interrupt();
  std::uint8_t read_receiver();
  void write_ier(std::uint8_t value);
  void write_fcr(std::uint8_t value);
  void write_thr(std::uint8_t value);
  void start_character(std::uint64_t tick);
  void character_sent();
  void emit(std::uint8_t value);
  void receive(std::uint8_t value);
  void next_typed();
  std::size_t typed_waiting() const { return typed_.size() - typed_next_; }
  void take_typed(std::size_t count);
  void fill_receiver();
  void restart_time_out();
  void update_modem();
  void drive_irq();

  EventQueue& queue_;
  Hertz core_clock_;
  bool baud_timing_;
  IrqLine irq_;
  std::function<void(std::uint8_t)> output_;

  UartIer ier_;
  UartFcr fcr_;
  UartLcr lcr_;
  UartMcr mcr_;
  UartMsr msr_;
  std::uint8_t scr_ = 0;
  std::uint16_t divisor_ = 12;  // the data sheet leaves it undefined; 9600 baud
  UartMsr modem_;               // the inputs; the other bits are 0
  bool overrun_ = false;
  bool thre_pending_ = false;
  bool timed_out_ = false;

  std::vector<std::uint8_t> receiver_;  // RCVR FIFO, or RBR
  std::uint8_t last_read_ = 0;
  std::vector<std::uint8_t> typed_;  // what input() got
  std::uint64_t typed_next_ = 0;     // of it, the first that is not received yet
  std::uint64_t typed_end_ = 0;      // clock tick at which the character on the line ends

  std::vector<std::uint8_t> transmitter_;  // XMIT FIFO, or THR
  std::uint8_t shift_ = 0;
  bool shifting_ = false;
  std::uint64_t shift_end_ = 0;
  bool two_in_fifo_ = false;  // at some time since the last THRE (8.11)
  bool first_after_enable_ = false;

  bool irq_level_ = false;
  Event sent_;
  Event thre_;
  Event received_;
  Event time_out_;
};

}  // namespace mint
