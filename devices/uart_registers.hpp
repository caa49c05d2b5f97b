// The registers of the 16550A as the PC16550D data sheet draws them (table II; sections in
// uart.hpp). The fields have its names.
#pragma once

#include <cstdint>

#include "devices/register_bits.hpp"

namespace mint {

// Interrupt enable register.
struct UartIer {
  std::uint8_t erbfi : 1 = 0;  // received data available, and character time-out
  std::uint8_t etbei : 1 = 0;  // THR empty
  std::uint8_t elsi : 1 = 0;   // receiver line status
  std::uint8_t edssi : 1 = 0;  // modem status
  std::uint8_t reserved_4 : 4 = 0;
};

// Interrupt identification: bits 3-0 of IIR (table IV).
enum class UartInterrupt : std::uint8_t {
  kModemStatus = 0x0,
  kNone = 0x1,
  kThrEmpty = 0x2,
  kReceivedData = 0x4,
  kLineStatus = 0x6,
  kTimeOut = 0xc,
};

struct UartIir {
  std::uint8_t id : 4 = 0;
  std::uint8_t reserved_4 : 2 = 0;
  std::uint8_t fifos_enabled : 2 = 0;  // both bits
};

struct UartFcr {
  std::uint8_t enable : 1 = 0;
  std::uint8_t clear_receiver : 1 = 0;
  std::uint8_t clear_transmitter : 1 = 0;
  std::uint8_t dma_mode : 1 = 0;
  std::uint8_t reserved_4 : 2 = 0;
  std::uint8_t trigger : 2 = 0;  // 1, 4, 8, 14 characters
};

struct UartLcr {
  std::uint8_t word_length : 2 = 0;  // less 5
  std::uint8_t stb : 1 = 0;          // 2 stop bits, 1.5 for words of 5 bits
  std::uint8_t pen : 1 = 0;
  std::uint8_t eps : 1 = 0;
  std::uint8_t stick_parity : 1 = 0;
  std::uint8_t set_break : 1 = 0;
  std::uint8_t dlab : 1 = 0;
};

struct UartMcr {
  std::uint8_t dtr : 1 = 0;
  std::uint8_t rts : 1 = 0;
  std::uint8_t out1 : 1 = 0;
  std::uint8_t out2 : 1 = 0;
  std::uint8_t loop : 1 = 0;
  std::uint8_t reserved_5 : 3 = 0;
};

struct UartLsr {
  std::uint8_t dr : 1 = 0;
  std::uint8_t oe : 1 = 0;
  std::uint8_t pe : 1 = 0;
  std::uint8_t fe : 1 = 0;
  std::uint8_t bi : 1 = 0;
  std::uint8_t thre : 1 = 0;
  std::uint8_t temt : 1 = 0;
  std::uint8_t fifo_error : 1 = 0;
};

struct UartMsr {
  std::uint8_t dcts : 1 = 0;
  std::uint8_t ddsr : 1 = 0;
  std::uint8_t teri : 1 = 0;
  std::uint8_t ddcd : 1 = 0;
  std::uint8_t cts : 1 = 0;
  std::uint8_t dsr : 1 = 0;
  std::uint8_t ri : 1 = 0;
  std::uint8_t dcd : 1 = 0;
};

}  // namespace mint
