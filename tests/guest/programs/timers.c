// SPDX-License-Identifier: GPL-2.0-only
// Interrupts of chips: 8254 through the 8259 (virtual wire) and through the I/O APIC,
// level-triggered pins with Remote IRR (pc-testdev's lines), the LAPIC timer, the UART.
#include "lib/guest.h"

static volatile u32 hits[256];
static volatile bool send_pic_eoi = true;

static bool on_pic(struct frame* f) {
  ++hits[f->vector];
  if (send_pic_eoi) pic_eoi(f->vector - 0x20);
  return true;
}

static bool on_apic(struct frame* f) {
  ++hits[f->vector];
  eoi();
  return true;
}

static void set_line(u8 irq, bool level) { outb(0x2000 + irq, level); }

static void run_with_interrupts(u32 us) {
  sti();
  delay_us(us);
  cli();
}

static void through_pic(void) {
  lapic_write(LAPIC_LVT_LINT0, LVT_EXTINT);
  pit_program(0, 2, PIT_HZ / 1000);
  run_with_interrupts(3000);
  check_eq("no tick while IRQ 0 is masked in the 8259", hits[0x20], 0);
  outb(0x20, 0x0A);
  check("IRR of the 8259 shows the masked request", inb(0x20) & 1);
  pic_mask(0xFFFE);
  hits[0x20] = 0;
  sti();
  check("PIT ticks arrive through the 8259 and LINT0", wait_for(hits[0x20] >= 10, 200));
  u64 start = rdtsc();
  u32 first = hits[0x20];
  wait_for(hits[0x20] >= first + 20, 500);
  u32 us = (u32)((rdtsc() - start) >> 10) * 1000 / (u32)(tsc_per_ms() >> 10);
  cli();
  print("# 20 PIT ticks of 1 ms took %u us\n", us);
  check_hw("20 ticks take 20 ms", us > 18500 && us < 21500);

  // Without EOI the 8259 sends no more of the same or lower priority.
  send_pic_eoi = false;
  hits[0x20] = 0;
  run_with_interrupts(4000);
  check_eq("no second tick without EOI to the 8259", hits[0x20], 1);
  outb(0x20, 0x0B);
  check("ISR of the 8259", inb(0x20) & 1);
  pic_eoi(0);
  check_eq("ISR of the 8259 after EOI", inb(0x20) & 1, 0);
  send_pic_eoi = true;
  run_with_interrupts(2500);
  check("ticks go on after EOI", hits[0x20] >= 2);

  lapic_write(LAPIC_LVT_LINT0, LVT_MASKED | LVT_EXTINT);
  hits[0x20] = 0;
  run_with_interrupts(3000);
  check_eq("no tick with LINT0 masked", hits[0x20], 0);
  lapic_write(LAPIC_LVT_LINT0, LVT_EXTINT);
  pic_mask(0xFFFF);
  pit_program(0, 0, 0);
  run_with_interrupts(10);

  // Slave input through the cascade: vector, EOI to both.
  hits[0x2A] = 0;
  pic_mask(0xFFFF & ~(1 << 10 | 1 << 2));
  set_line(10, true);
  run_with_interrupts(20);
  set_line(10, false);
  check_eq("IRQ 10 comes through the slave 8259", hits[0x2A], 1);
  set_line(10, true);
  run_with_interrupts(20);
  check_eq("a second edge on IRQ 10", hits[0x2A], 2);
  run_with_interrupts(20);
  check_eq("an edge counts once while the line stays high", hits[0x2A], 2);
  set_line(10, false);

  hits[0x27] = 0;
  pic_mask(0xFFFF & ~(1 << 5));
  set_line(5, true);
  delay_us(5);
  set_line(5, false);
  hits[0x25] = 0;
  run_with_interrupts(20);
  // ExtINT is level-sensitive (SDM Vol. 3, 10.5.1): whether the processor still takes notice of INTR
  // hangs on the 8259. What it then gives is never the vector of the line that is gone.
  check_hw("a request gone before INTA is at most a spurious IRQ 7", hits[0x27] <= 1 && hits[0x25] == 0);
  outb(0x20, 0x0B);
  u8 isr = inb(0x20);
  check_eq_hw("a spurious IRQ 7 leaves ISR alone", isr, 0);
  if (isr) pic_eoi(0);
  pic_mask(0xFFFF);
  lapic_write(LAPIC_LVT_LINT0, LVT_MASKED | LVT_EXTINT);
}

static void through_ioapic(void) {
  u8 self = core_id();
  pit_program(0, 2, PIT_HZ / 1000);
  ioapic_route(2, self, 0x60);
  hits[0x60] = 0;
  sti();
  check("PIT ticks arrive through pin 2 of the I/O APIC", wait_for(hits[0x60] >= 10, 200));
  cli();
  ioapic_route(2, self, REDIR_MASKED | 0x60);
  run_with_interrupts(10);
  hits[0x60] = 0;
  run_with_interrupts(3000);
  check_eq("no tick while pin 2 is masked", hits[0x60], 0);
  pit_program(0, 0, 0);

  // ExtINT through pin 0 from the 8259.
  ioapic_route(0, self, 0x700);
  pic_mask(0xFFFF & ~(1 << 5));
  hits[0x25] = 0;
  set_line(5, true);
  run_with_interrupts(50);
  set_line(5, false);
  check_hw("ExtINT through pin 0 of the I/O APIC", hits[0x25] == 1);
  pic_mask(0xFFFF);
  ioapic_route(0, self, REDIR_MASKED);

  // Edge pins.
  ioapic_route(10, self, 0x61);
  set_line(10, true);
  run_with_interrupts(20);
  check_eq("an edge on pin 10", hits[0x61], 1);
  check("TMR is clear for an edge", !lapic_bit(LAPIC_TMR, 0x61));
  run_with_interrupts(20);
  check_eq("an edge counts once", hits[0x61], 1);
  set_line(10, false);
  ioapic_route(10, self, REDIR_MASKED | 0x61);
  set_line(10, true);
  ioapic_write(0x10 + 20, 0x61);
  run_with_interrupts(20);
  check_eq("an edge while masked is lost", hits[0x61], 1);
  set_line(10, false);
}

static volatile u32 level_rounds;
static volatile u32 remote_irr_inside;
static bool on_level(struct frame* f) {
  ++hits[f->vector];
  remote_irr_inside = ioapic_low(11) & REDIR_REMOTE_IRR;
  if (hits[f->vector] == level_rounds) set_line(11, false);
  eoi();
  return true;
}
static volatile bool level_tmr;
static bool on_level_wait(struct frame* f) {
  ++hits[f->vector];
  level_tmr = lapic_bit(LAPIC_TMR, f->vector);
  return true;
}

static void level(void) {
  u8 self = core_id();
  trap_hook[0x62] = on_level;
  trap_hook[0x63] = on_level_wait;
  level_rounds = 3;
  ioapic_route(11, self, REDIR_LEVEL | 0x62);
  set_line(11, true);
  run_with_interrupts(100);
  check_eq("a level is delivered again at each EOI while the line is high", hits[0x62], 3);
  check("Remote IRR is set until EOI", remote_irr_inside);
  check_eq("Remote IRR is clear after the last EOI", ioapic_low(11) & REDIR_REMOTE_IRR, 0);

  ioapic_route(11, self, REDIR_MASKED | REDIR_LEVEL | 0x63);
  set_line(11, true);
  run_with_interrupts(20);
  check_eq("a masked level is not delivered", hits[0x63], 0);
  ioapic_write(0x10 + 22, REDIR_LEVEL | 0x63);
  run_with_interrupts(20);
  check_eq("a level that came while masked is delivered at unmasking", hits[0x63], 1);
  check("TMR is set for a level", level_tmr);
  check("Remote IRR stays set without EOI", ioapic_low(11) & REDIR_REMOTE_IRR);
  run_with_interrupts(20);
  check_eq("nothing more comes before EOI", hits[0x63], 1);
  set_line(11, false);
  eoi();
  run_with_interrupts(20);
  check_eq("the line fell before EOI: nothing more", hits[0x63], 1);
  check_eq("Remote IRR is clear after EOI", ioapic_low(11) & REDIR_REMOTE_IRR, 0);
  ioapic_write(0x10 + 22, REDIR_LEVEL | 0x63 | REDIR_REMOTE_IRR | REDIR_PENDING);
  check_eq("Remote IRR and delivery status are read-only",
           ioapic_low(11) & (REDIR_REMOTE_IRR | REDIR_PENDING), 0);
  ioapic_route(11, self, REDIR_MASKED);

  check_eq("I/O APIC has 24 pins", ioapic_read(1) >> 16 & 0xFF, 23);
  ioapic_write(1, 0);
  check_eq("the version register is read-only", ioapic_read(1) >> 16 & 0xFF, 23);
  ioapic_write(0x10 + 26, REDIR_MASKED | 0x0FFE0000);
  check_eq_hw("reserved bits of an entry read as 0", ioapic_low(13) & 0xFFFE0000, 0);
}

static u32 timer_ticks_in(u32 us) {
  u32 a = lapic_read(LAPIC_TIMER_CURRENT);
  u64 start = rdtsc();
  u64 want = (u64)us * ((u32)tsc_per_ms() / 1000u);
  while (rdtsc() - start < want) pause();
  return a - lapic_read(LAPIC_TIMER_CURRENT);
}

static void lapic_timer(void) {
  lapic_write(LAPIC_LVT_TIMER, 0x64);
  lapic_write(LAPIC_TIMER_DIVIDE, 0x3);  // by 16
  hits[0x64] = 0;
  lapic_write(LAPIC_TIMER_INITIAL, 50000);
  u32 now = lapic_read(LAPIC_TIMER_CURRENT);
  check("the LAPIC timer counts down from the initial count", now <= 50000 && now > 0);
  sti();
  check("one-shot timer fires", wait_for(hits[0x64] == 1, 100));
  delay_us(2000);
  cli();
  check_eq("one-shot timer fires once", hits[0x64], 1);
  check_eq("and stays at 0", lapic_read(LAPIC_TIMER_CURRENT), 0);

  lapic_write(LAPIC_LVT_TIMER, LVT_PERIODIC | 0x64);
  hits[0x64] = 0;
  lapic_write(LAPIC_TIMER_INITIAL, 2000);
  sti();
  check("periodic timer fires again and again", wait_for(hits[0x64] >= 10, 200));
  cli();
  lapic_write(LAPIC_TIMER_INITIAL, 0);
  run_with_interrupts(20);
  hits[0x64] = 0;
  run_with_interrupts(1000);
  check_eq("initial count 0 stops the timer", hits[0x64], 0);

  lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | 0x64);
  lapic_write(LAPIC_TIMER_INITIAL, 100);
  run_with_interrupts(500);
  check_eq("a masked timer delivers nothing", hits[0x64], 0);

  static const u8 codes[8] = {0xB, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xA};  // by 1, 2, 4 ... 128
  bool good = true;
  u32 per_ms = 0;
  for (u32 i = 0; i < 8; ++i) {
    lapic_write(LAPIC_TIMER_DIVIDE, codes[i]);
    lapic_write(LAPIC_TIMER_INITIAL, 0xFFFFFFFF);
    u32 t = timer_ticks_in(2000) << i;
    if (i == 0) per_ms = t / 2;
    print("# divide by %u: %u bus clocks in 2 ms\n", 1u << i, t);
    if (t < per_ms * 2 - per_ms / 8 || t > per_ms * 2 + per_ms / 8) good = false;
  }
  check_hw("every divide setting gives its rate", good);
  u64 tsc = tsc_per_ms();
  print("# TSC cycles in 1 ms %u, bus clocks %u\n", (u32)tsc, per_ms);
  check_hw("the LAPIC timer counts at a 21st of 2.8 GHz (133.33 MHz)",
           per_ms > 132000 && per_ms < 134700);
  lapic_write(LAPIC_TIMER_INITIAL, 0);
}

static volatile u32 uart_hits;
static volatile u8 uart_iir;
static bool on_uart(struct frame* f) {
  (void)f;
  ++uart_hits;
  uart_iir = inb(0x3FA);
  eoi();
  return true;
}

static void uart(void) {
  trap_hook[0x65] = on_uart;
  print("# UART\n");
  wait_for(inb(0x3FD) & 0x40, 100);
  ioapic_route(4, core_id(), 0x65);
  sti();
  outb(0x3FC, 0x0B);
  outb(0x3F9, 0x02);
  check("the transmitter's empty interrupt comes as IRQ 4", wait_for(uart_hits >= 1, 100));
  check_eq("IIR says transmitter empty", uart_iir & 0x0F, 0x02);
  cli();
  outb(0x3F9, 0x00);
  check_eq("no interrupt pending with IER 0", inb(0x3FA) & 0x0F, 0x01);
  ioapic_route(4, core_id(), REDIR_MASKED);
}

void guest_main(void) {
  for (int v = 0x20; v < 0x30; ++v) trap_hook[v] = on_pic;
  trap_hook[0x60] = trap_hook[0x61] = trap_hook[0x64] = on_apic;
  through_pic();
  through_ioapic();
  level();
  lapic_timer();
  uart();
  finish("timers");
}
