#include "devices/uart.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/devices/saved_state.hpp"

namespace mint {
namespace {

constexpr Hertz kCore{2'800'000'000};
constexpr Hertz kClock{1'843'200};

enum : unsigned { kData, kIer, kIir, kLcr, kMcr, kLsr, kMsr, kScr, kFcr = kIir };

struct Port {
  explicit Port(bool baud_timing)
      : uart(
            queue, kCore, "uart0", baud_timing,
            [this](bool level) {
              irq = level;
              rises += level ? 1 : 0;
            },
            [this](std::uint8_t c) {
              sent.push_back(static_cast<char>(c));
              sent_at.push_back(queue.now().count);
            }) {}

  void out(unsigned port, std::uint8_t value) { uart.write(port, 1, value); }
  unsigned in(unsigned port) { return static_cast<unsigned>(uart.read(port, 1)); }
  void type(std::string_view text) {
    uart.input({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  std::string read_all() {
    std::string text;
    while ((in(kLsr)&1) != 0) text.push_back(static_cast<char>(in(kData)));
    return text;
  }
  // 8 data bits, no parity, one stop bit.
  void set_divisor(std::uint16_t divisor) {
    out(kLcr, 0x83);
    out(kData, static_cast<std::uint8_t>(divisor));
    out(kIer, static_cast<std::uint8_t>(divisor >> 8));
    out(kLcr, 0x03);
  }
  static std::uint64_t cycle_of(std::uint64_t tick) { return ticks_up(tick, kClock, kCore); }
  void to(std::uint64_t tick) { queue.run_until({cycle_of(tick)}); }

  EventQueue queue;
  bool irq = false;
  int rises = 0;
  std::string sent;
  std::vector<std::uint64_t> sent_at;
  Uart uart;
};

struct UartTest : testing::Test, Port {
  UartTest() : Port(false) {
    out(kLcr, 0x03);
    out(kMcr, 0x0b);
  }
};

// 115200 baud: a bit is 16 clock ticks, a character of ten bits 160.
struct TimedUartTest : testing::Test, Port {
  TimedUartTest() : Port(true) {
    set_divisor(1);
    out(kMcr, 0x0b);
  }
};

TEST_F(UartTest, RegistersAfterReset) {
  uart.reset();
  EXPECT_EQ(in(kIer), 0x00U);
  EXPECT_EQ(in(kIir), 0x01U);
  EXPECT_EQ(in(kLcr), 0x00U);
  EXPECT_EQ(in(kMcr), 0x00U);
  EXPECT_EQ(in(kLsr), 0x60U);
  EXPECT_EQ(in(kMsr), 0xb0U);
}

TEST_F(UartTest, UnusedBitsReadAsZero) {
  out(kIer, 0xff);
  EXPECT_EQ(in(kIer), 0x0fU);
  out(kMcr, 0xff);
  EXPECT_EQ(in(kMcr), 0x1fU);
}

TEST_F(UartTest, DlabShowsTheDivisorInPlaceOfDataAndIer) {
  out(kIer, 0x05);
  out(kLcr, 0x83);
  out(kData, 0x34);
  out(kIer, 0x12);
  EXPECT_EQ(in(kData), 0x34U);
  EXPECT_EQ(in(kIer), 0x12U);
  out(kLcr, 0x03);
  EXPECT_EQ(in(kIer), 0x05U);
  EXPECT_EQ(sent, "");
}

TEST_F(UartTest, ScratchRegisterKeepsItsByte) {
  out(kScr, 0xa5);
  EXPECT_EQ(in(kScr), 0xa5U);
}

TEST_F(UartTest, SendsAtOnceAndIsEmptyAgain) {
  out(kData, 'h');
  out(kData, 'i');
  EXPECT_EQ(sent, "hi");
  EXPECT_EQ(in(kLsr), 0x60U);
}

TEST_F(UartTest, SendsOnlyTheBitsOfTheWordLength) {
  out(kLcr, 0x02);
  out(kData, 0xc1);
  EXPECT_EQ(sent, "\x41");
  out(kLcr, 0x00);
  out(kData, 0xff);
  EXPECT_EQ(sent, "\x41\x1f");
}

TEST_F(UartTest, ThreInterruptComesWhenEnabledAndAfterEachWriteAndGoesWhenIdentified) {
  EXPECT_FALSE(irq);
  out(kIer, 0x02);
  EXPECT_TRUE(irq);
  EXPECT_EQ(in(kIir), 0x02U);
  EXPECT_FALSE(irq);
  EXPECT_EQ(in(kIir), 0x01U);
  out(kData, 'x');
  EXPECT_TRUE(irq);
  EXPECT_EQ(rises, 2);
  out(kData, 'y');
  EXPECT_EQ(rises, 3) << "an edge for an edge-triggered input";
  out(kIer, 0x00);
  EXPECT_FALSE(irq);
}

// What Linux does to find out whether THRE interrupts can be relied upon (8250_port.c).
TEST_F(UartTest, EnablingThreAgainInterruptsAgain) {
  out(kIer, 0x02);
  EXPECT_EQ(in(kIir), 0x02U);
  out(kIer, 0x00);
  out(kIer, 0x02);
  EXPECT_EQ(in(kIir), 0x02U);
}

TEST_F(UartTest, Out2GatesTheInterruptPin) {
  out(kMcr, 0x03);
  out(kIer, 0x02);
  EXPECT_FALSE(irq);
  EXPECT_EQ(in(kIir)&0x0fU, 0x02U);
  out(kIer, 0x00);
  out(kIer, 0x02);
  out(kMcr, 0x0b);
  EXPECT_TRUE(irq);
  out(kMcr, 0x1b);
  EXPECT_FALSE(irq) << "the pins are inactive in loop mode";
}

TEST_F(UartTest, WithoutFifosOneCharacterIsReceivedAtATime) {
  out(kIer, 0x01);
  type("ab");
  EXPECT_TRUE(irq);
  EXPECT_EQ(in(kIir), 0x04U);
  EXPECT_EQ(in(kLsr), 0x61U);
  EXPECT_EQ(in(kData), unsigned{'a'});
  EXPECT_TRUE(irq);
  EXPECT_EQ(in(kData), unsigned{'b'});
  EXPECT_FALSE(irq);
  EXPECT_EQ(in(kLsr), 0x60U);
}

TEST_F(UartTest, ALongPasteLosesNothing) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text.push_back(static_cast<char>('a' + i % 26));
  out(kFcr, 0x01);
  type(text);
  EXPECT_EQ(read_all(), text);
}

TEST_F(UartTest, TriggerLevelSeparatesDataFromTimeOut) {
  const unsigned levels[] = {1, 4, 8, 14};
  for (unsigned i = 0; i < 4; ++i) {
    out(kFcr, static_cast<std::uint8_t>(i << 6 | 0x03));
    out(kIer, 0x01);
    type(std::string(levels[i], 'x'));
    EXPECT_EQ(in(kIir), 0xc4U) << levels[i];
    in(kData);
    EXPECT_EQ(in(kIir), levels[i] == 1 ? 0xc1U : 0xccU) << levels[i];
    read_all();
    EXPECT_EQ(in(kIir), 0xc1U) << levels[i];
  }
}

TEST_F(UartTest, InterruptsHaveTheirPriorities) {
  out(kFcr, 0x01);
  out(kIer, 0x0f);
  out(kMcr, 0x1b);  // loop: everything can be provoked
  out(kMcr, 0x1a);  // DTR falls: DDSR
  for (int i = 0; i < 17; ++i) out(kData, 'x');
  EXPECT_EQ(in(kIir), 0xc6U);
  EXPECT_EQ(in(kLsr)&0x1fU, 0x03U) << "overrun and data ready";
  EXPECT_EQ(in(kIir), 0xc4U);
  read_all();
  EXPECT_EQ(in(kIir), 0xc2U);
  EXPECT_EQ(in(kIir), 0xc0U);
  EXPECT_EQ(in(kMsr)&0x0fU, 0x02U);
  EXPECT_EQ(in(kIir), 0xc1U);
}

TEST_F(UartTest, OverrunKeepsTheFifoAndReplacesRbr) {
  out(kMcr, 0x1b);
  for (const char c : {'1', '2', '3'}) out(kData, static_cast<std::uint8_t>(c));
  EXPECT_EQ(in(kLsr)&0x03U, 0x03U);
  EXPECT_EQ(in(kLsr)&0x03U, 0x01U) << "cleared by the read";
  EXPECT_EQ(read_all(), "3");
  out(kFcr, 0x01);
  for (char c = 'a'; c < 'a' + 20; ++c) out(kData, static_cast<std::uint8_t>(c));
  EXPECT_EQ(read_all(), "abcdefghijklmnop");
}

TEST_F(UartTest, FcrClearsAndNeedsItsEnableBit) {
  out(kFcr, 0x01);
  type("abc");
  out(kFcr, 0x03);
  EXPECT_EQ(in(kLsr), 0x60U);
  EXPECT_EQ(in(kIir), 0xc1U);
  type("abc");
  out(kFcr, 0xc2);  // FIFOs off: the other bits are not taken, the FIFOs are cleared
  EXPECT_EQ(in(kLsr), 0x60U);
  EXPECT_EQ(in(kIir), 0x01U);
}

// Linux's test for a UART: RTS and OUT2 come back as CTS and DCD.
TEST_F(UartTest, LoopModeConnectsModemOutputsToInputs) {
  out(kMcr, 0x1a);
  EXPECT_EQ(in(kMsr)&0xf0U, 0x90U);
  out(kMcr, 0x15);
  EXPECT_EQ(in(kMsr)&0xf0U, 0x60U);
  out(kMcr, 0x0b);
  EXPECT_EQ(in(kMsr)&0xf0U, 0xb0U);
  EXPECT_EQ(sent, "");
}

TEST_F(UartTest, LoopModeReceivesWhatItSendsAndKeepsItFromTheLine) {
  out(kMcr, 0x13);
  out(kData, 'q');
  EXPECT_EQ(sent, "");
  EXPECT_EQ(in(kData), unsigned{'q'});
}

TEST_F(UartTest, ModemChangesSetDeltaBitsUntilMsrIsRead) {
  out(kIer, 0x08);
  EXPECT_EQ(in(kMsr), 0xb0U);
  uart.set_modem({.cts = false, .dsr = true, .ri = true, .dcd = true});
  EXPECT_EQ(in(kIir), 0x00U);
  EXPECT_EQ(in(kMsr), 0xe1U) << "the leading edge of RI sets nothing";
  EXPECT_FALSE(irq);
  uart.set_modem({.cts = false, .dsr = true, .ri = false, .dcd = false});
  EXPECT_EQ(in(kMsr), 0x2cU);
  EXPECT_EQ(in(kMsr), 0x20U);
}

TEST_F(UartTest, PortsBeyondTheChipFloat) { EXPECT_EQ(uart.read(7, 2) >> 8, 0xffU); }

TEST_F(TimedUartTest, ACharacterTakesItsBits) {
  struct Case {
    std::uint8_t lcr;
    std::uint16_t divisor;
    std::uint64_t ticks;
  };
  const Case cases[] = {
      {0x03, 1, 160},        // 8N1 at 115200
      {0x03, 12, 160 * 12},  // at 9600
      {0x1f, 1, 16 * 12},    // 8E2
      {0x02, 1, 16 * 9},     // 7N1
      {0x04, 1, 8 * 15},     // 5N1.5
      {0x03, 0, 160 * 65536},
  };
  std::uint64_t now = 1000;
  for (const Case& c : cases) {
    to(now);
    set_divisor(c.divisor);
    out(kLcr, c.lcr);
    out(kData, 1);
    now += c.ticks;
    to(now + 1000);
    ASSERT_EQ(sent_at.back(), cycle_of(now)) << int{c.lcr} << " " << c.divisor;
    now += 1000;
  }
}

TEST_F(TimedUartTest, CharactersFollowEachOtherWithoutDrift) {
  out(kFcr, 0x01);
  to(7);
  for (int i = 0; i < 16; ++i) out(kData, 'x');
  to(100'000);
  ASSERT_EQ(sent_at.size(), 16U);
  for (std::uint64_t i = 0; i < 16; ++i) EXPECT_EQ(sent_at[i], cycle_of(7 + 160 * (i + 1)));
}

TEST_F(TimedUartTest, ThreFallsUntilTheShiftRegisterTakesTheCharacter) {
  EXPECT_EQ(in(kLsr), 0x60U);
  out(kData, 'a');
  EXPECT_EQ(in(kLsr), 0x20U) << "in the shift register already";
  out(kData, 'b');
  EXPECT_EQ(in(kLsr), 0x00U);
  to(160);
  EXPECT_EQ(in(kLsr), 0x20U);
  to(320);
  EXPECT_EQ(in(kLsr), 0x60U);
  EXPECT_EQ(sent, "ab");
}

TEST_F(TimedUartTest, AFullFifoLosesWhatIsWritten) {
  out(kFcr, 0x01);
  for (char c = 'a'; c < 'a' + 20; ++c) out(kData, static_cast<std::uint8_t>(c));
  to(100'000);
  EXPECT_EQ(sent, "abcdefghijklmnopq") << "one in the shift register and 16";
}

TEST_F(TimedUartTest, ThreInterruptComesWhenTheFifoIsEmpty) {
  out(kFcr, 0x01);
  out(kIer, 0x02);
  EXPECT_EQ(in(kIir), 0xc2U);
  for (int i = 0; i < 3; ++i) out(kData, 'x');
  EXPECT_FALSE(irq);
  to(319);
  EXPECT_FALSE(irq);
  to(320);
  EXPECT_TRUE(irq) << "the last character has gone to the shift register";
}

// Data sheet 8.11, "FIFO interrupt mode operation".
TEST_F(TimedUartTest, ASingleCharacterInTheFifoDelaysThreInterrupt) {
  out(kFcr, 0x01);
  out(kIer, 0x02);
  out(kData, 'a');  // the first one after the FIFOs are enabled is immediate
  EXPECT_EQ(in(kIir), 0xc2U);
  to(1000);
  out(kData, 'b');
  EXPECT_FALSE(irq);
  EXPECT_EQ(in(kLsr)&0x20U, 0x20U);
  to(1000 + 160 - 16 - 1);
  EXPECT_FALSE(irq);
  to(1000 + 160 - 16);
  EXPECT_TRUE(irq);
}

TEST_F(TimedUartTest, TypedCharactersArriveAtTheBaudRate) {
  out(kFcr, 0x81);
  out(kIer, 0x01);
  type("0123456789");
  to(160 * 7);
  EXPECT_FALSE(irq);
  to(160 * 8);
  EXPECT_TRUE(irq);
  EXPECT_EQ(in(kIir), 0xc4U);
  EXPECT_EQ(read_all(), "01234567");
  EXPECT_FALSE(irq);
  to(160 * 10);
  EXPECT_EQ(read_all(), "89");
}

TEST_F(TimedUartTest, TimeOutComesFourCharacterTimesAfterTheLastCharacter) {
  out(kFcr, 0xc1);
  out(kIer, 0x01);
  type("ab");
  to(160 * 6 - 1);
  EXPECT_FALSE(irq);
  to(160 * 6);
  EXPECT_TRUE(irq);
  EXPECT_EQ(in(kIir), 0xccU);
  in(kData);
  EXPECT_FALSE(irq);
  to(160 * 10 - 1);
  EXPECT_FALSE(irq);
  to(160 * 10);
  EXPECT_TRUE(irq) << "and again for the one that is left";
}

TEST_F(TimedUartTest, CharactersThatNobodyReadsAreLost) {
  out(kFcr, 0x01);
  type("0123456789abcdefXYZ");
  to(160 * 19);
  EXPECT_EQ(in(kLsr)&0x03U, 0x03U);
  EXPECT_EQ(read_all(), "0123456789abcdef");
}

TEST_F(TimedUartTest, ARestoredUartGoesOnAsTheSavedOne) {
  out(kFcr, 0x01);
  out(kIer, 0x03);
  for (const char c : std::string_view("output")) out(kData, static_cast<std::uint8_t>(c));
  type("input");
  to(500);
  const SavedState saved = SavedState::of(uart);
  Port other(true);
  other.to(500);
  saved.restore(other.uart);
  EXPECT_EQ(SavedState::of(other.uart), saved);
  const std::string before = sent;
  to(5000);
  other.to(5000);
  EXPECT_EQ(before + other.sent, sent);
  EXPECT_EQ(SavedState::of(other.uart), SavedState::of(uart));
}

}  // namespace
}  // namespace mint
