// SPDX-License-Identifier: GPL-2.0-only
// Nonsense written to every port and every chip's registers, in all widths, by a fixed
// pseudo-random sequence. What the chips do then is their business; the emulator must not fall over
// it, and after a proper initialisation everything must work again. Left out is what would end the
// run by right: resets, INIT to the own core, debug exit, power-off, DMA of QEMU's fw_cfg.
#include "lib/guest.h"

static u64 state = 0x9E3779B97F4A7C15ull;
static u32 random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (u32)(state >> 11);
}

static bool overlaps(u16 port, u32 size, u16 first, u16 last) {
  return port <= last && port + size - 1 >= first;
}

static bool deadly(u16 port, u32 size, u32 value) {
  if (overlaps(port, size, 0xF4, 0xF7)) return true;  // debug exit
  if (overlaps(port, size, 0xCF9, 0xCF9) && !(port == 0xCF8 && size == 4)) return true;
  if (overlaps(port, size, 0x92, 0x92)) return true;  // fast reset; tried below
  if (overlaps(port, size, 0x60, 0x64) && (port != 0x64 || size != 1 || value >= 0xD1)) return true;
  if (overlaps(port, size, 0xE9, 0xE9) || overlaps(port, size, 0x402, 0x402))
    return true;                                          // consoles
  if (overlaps(port, size, 0x3F8, 0x3F8)) return true;    // COM1's transmitter
  if (overlaps(port, size, 0x510, 0x51B)) return true;    // fw_cfg's DMA
  if (overlaps(port, size, 0x600, 0x63F)) return true;    // QEMU: power management
  if (overlaps(port, size, 0xB2, 0xB3)) return true;      // QEMU: system management interrupts
  if (overlaps(port, size, 0xAE00, 0xAFFF)) return true;  // QEMU: hot-plug
  if (overlaps(port, size, 0xB000, 0xB1FF)) return true;  // QEMU: power management, SMBus
  return false;
}

static void port_access(u16 port, bool write) {
  u32 value = random();
  switch (random() % 3) {
    case 0:
      if (!write)
        (void)inb(port);
      else if (!deadly(port, 1, value & 0xFF))
        outb(port, value);
      break;
    case 1:
      if (!write)
        (void)inw(port);
      else if (!deadly(port, 2, value))
        outw(port, value);
      break;
    default:
      if (!write)
        (void)inl(port);
      else if (!deadly(port, 4, value))
        outl(port, value);
  }
}

static void ports(void) {
  // Every port once, then the chips' ports many times.
  for (u32 port = 0; port < 0xFFFC; ++port) port_access(port, false);
  for (u32 port = 0; port < 0xFFFC; ++port) port_access(port, true);
  static const struct {
    u16 first, count;
  } chips[] = {{0x00, 0x20}, {0x20, 2},  {0xA0, 2},  {0x4D0, 2},   {0x40, 4},  {0x61, 1},
               {0x70, 2},    {0x80, 16}, {0x2E8, 8}, {0x2F8, 8},   {0x3E8, 8}, {0x3F9, 7},
               {0x3B0, 48},  {0xCF8, 1}, {0xCFC, 4}, {0x2000, 24}, {0xE0, 8}};
  for (u32 i = 0; i < 100000; ++i) {
    u32 c = random() % (sizeof chips / sizeof *chips);
    port_access(chips[c].first + random() % chips[c].count, random() & 3);
  }
  for (u32 i = 0; i < 1000; ++i) outb(0x92, random() & 0xFE);
  outb(0x92, 2);
  // String I/O on all of them.
  static u8 buffer[256];
  for (u32 i = 0; i < 2000; ++i) {
    u32 c = random() % (sizeof chips / sizeof *chips);
    u16 port = chips[c].first + random() % chips[c].count;
    void* p = buffer;
    ulong n = random() % 64;
    asm volatile("rep insb" : "+D"(p), "+c"(n) : "d"(port) : "memory");
    p = buffer;
    n = random() % 64;
    if (port != 0x64) asm volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(port) : "memory");
  }
}

static void touch(ulong address, bool write) {
  u32 value = random();
  switch (random() % 3) {
    case 0:
      if (write)
        *(volatile u8*)address = value;
      else
        (void)*(volatile u8*)address;
      break;
    case 1:
      if (write)
        *(volatile u16*)address = value;
      else
        (void)*(volatile u16*)address;
      break;
    default:
      if (write)
        *(volatile u32*)address = value;
      else
        (void)*(volatile u32*)address;
  }
}

static void memory_mapped(void) {
  for (u32 i = 0; i < 50000; ++i) {
    u32 offset = random() & 0xFFF;
    bool write = random() & 1;
    // A write that may reach the command register could send an INIT home.
    if (write && offset >= 0x2FD && offset < 0x310) {
      lapic_write(LAPIC_ICR, (random() & 0xC08FF) | 0x10);
      continue;
    }
    touch(LAPIC_BASE + offset, write);
  }
  // I/O APIC: registers of every index; entries that are not masked get the fixed delivery mode.
  for (u32 i = 0; i < 50000; ++i) {
    u32 index = random() & 0xFF;
    *(volatile u32*)IOAPIC_BASE = index;
    u32 value = random();
    if (index >= 0x10 && !(index & 1) && !(value & REDIR_MASKED)) value &= ~0x700u;
    *(volatile u32*)(IOAPIC_BASE + 0x10) = value;
    touch(IOAPIC_BASE + (random() & 0xFFF), false);
    outb(0x2000 + random() % 24, random() & 1);
  }
  // Odd widths and places of the I/O APIC, with every entry masked.
  for (u8 pin = 0; pin < 24; ++pin) ioapic_write(0x10 + 2 * pin, REDIR_MASKED);
  for (u32 i = 0; i < 10000; ++i) {
    *(volatile u32*)IOAPIC_BASE = 0;
    touch(IOAPIC_BASE + 0x20 + random() % 0xFD0, true);
  }
  // The video buffer, holes, the ROM, the PCI window.
  static const u32 places[] = {0xA0000,    0xB8000,    0xC0000,    0xF0000,    0xC0000000,
                               0xE0000000, 0xFEB00000, 0xFED00000, 0xFF000000, 0xFFFF0000};
  for (u32 i = 0; i < 50000; ++i)
    touch(places[random() % (sizeof places / sizeof *places)] + (random() & 0x7FFC), random() & 1);
}

static volatile u32 hits[256];
static bool on_apic(struct frame* f) {
  ++hits[f->vector];
  eoi();
  return true;
}
static bool on_pic(struct frame* f) {
  ++hits[f->vector];
  pic_eoi(f->vector - 0x20);
  return true;
}
static bool ignore(struct frame* f) {
  (void)f;
  return true;
}

static void all_works_again(void) {
  for (u32 i = 0; i < 24; ++i) outb(0x2000 + i, 0);
  outb(0x61, 0);
  pic_setup();
  // Off and on again empties IRR and ISR of vectors that are exceptions'.
  u64 base = rdmsr(MSR_APIC_BASE);
  wrmsr(MSR_APIC_BASE, base & ~0x800ull);
  wrmsr(MSR_APIC_BASE, base);
  lapic_write(LAPIC_ID, core_id() << 24);
  lapic_setup();
  console_reset();
  print("# initialised again\n");
  lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | 0x60);
  // What is pending from before comes now, to handlers that ignore it.
  for (u32 v = 0x20; v < 256; ++v) trap_hook[v] = on_apic;
  for (u32 v = 0x20; v < 0x30; ++v) trap_hook[v] = on_pic;
  sti();
  delay_us(200);
  cli();
  lapic_setup();
  memset((void*)hits, 0, sizeof hits);
  pit_program(0, 2, PIT_HZ / 1000);
  lapic_write(LAPIC_LVT_LINT0, LVT_EXTINT);
  pic_mask(0xFFFE);
  sti();
  check("after all that the PIT ticks through the 8259", wait_for(hits[0x20] >= 5, 200));
  cli();
  pic_mask(0xFFFF);
  lapic_write(LAPIC_LVT_LINT0, LVT_MASKED | LVT_EXTINT);
  ioapic_route(2, core_id(), 0x70);
  sti();
  check("and through the I/O APIC", wait_for(hits[0x70] >= 5, 200));
  cli();
  ioapic_route(2, 0, REDIR_MASKED);
  lapic_write(LAPIC_TIMER_DIVIDE, 3);
  lapic_write(LAPIC_LVT_TIMER, 0x71);
  lapic_write(LAPIC_TIMER_INITIAL, 1000);
  sti();
  check("the LAPIC timer fires", wait_for(hits[0x71] >= 1, 200));
  lapic_write(LAPIC_ICR, ICR_SELF | ICR_ASSERT | 0x72);
  check("a self-IPI arrives", wait_for(hits[0x72] >= 1, 200));
  cli();
}

void guest_main(void) {
  print("# nonsense begins\n");
  tsc_per_ms();
  trap_hook[2] = ignore;
  trap_hook[18] = ignore;
  ports();
  memory_mapped();
  all_works_again();
  check("the emulator survived", true);
  finish("hostile");
}
