// SPDX-License-Identifier: GPL-2.0-only
// Power-on self test, and the way from an interrupt vector to its service.
#include "firmware/bios/bios.h"

u8 cmos_read(u8 index) {
  outb(0x70, index | 0x80);
  u8 value = inb(0x71);
  outb(0x70, 0x0D);  // NMI on again
  return value;
}

void cmos_write(u8 index, u8 value) {
  outb(0x70, index | 0x80);
  outb(0x71, value);
  outb(0x70, 0x0D);
}

static void post_code(u8 code) { outb(0x80, code); }

// real.asm; offsets in segment F000h.
extern const u8 entry_iret[], entry_irq0[], entry_irq_master[], entry_irq_slave[],
    entry_lapic_timer[], entry_09[], entry_10[], entry_11[], entry_12[], entry_13[], entry_14[],
    entry_15[], entry_16[], entry_17[], entry_18[], entry_19[], entry_1a[], entry_70[];

static void set_vector(u32 vector, const u8* entry) {
  *(volatile u32*)(vector * 4) = entry ? 0xF0000000 | (u32)entry : 0;
}

static void vectors_init(void) {
  static const struct {
    u8 vector;
    const u8* entry;
  } kServices[] = {{0x08, entry_irq0},
                   {0x09, entry_09},
                   {0x10, entry_10},
                   {0x11, entry_11},
                   {0x12, entry_12},
                   {0x13, entry_13},
                   {0x14, entry_14},
                   {0x15, entry_15},
                   {0x16, entry_16},
                   {0x17, entry_17},
                   {0x18, entry_18},
                   {0x19, entry_19},
                   {0x1A, entry_1a},
                   {0x70, entry_70},
                   {kLapicTimerVector, entry_lapic_timer},
                   {kLapicSpuriousVector, entry_iret}};
  for (u32 vector = 0; vector < 0x78; ++vector) {
    const u8* entry = entry_iret;
    if (vector >= 0x08 && vector < 0x10) entry = entry_irq_master;
    if (vector >= 0x70) entry = entry_irq_slave;
    // User vectors and the pointers to tables that this machine has no use for stay zero.
    if ((vector >= 0x1D && vector < 0x20) || (vector >= 0x60 && vector < 0x68)) entry = NULL;
    set_vector(vector, entry);
  }
  for (u32 i = 0; i < sizeof(kServices) / sizeof(kServices[0]); ++i)
    set_vector(kServices[i].vector, kServices[i].entry);
}

static void data_areas_init(void) {
  bda.ebda_segment = kEbda >> 4;
  bda.memory_kb = kEbda >> 10;
  bda.equipment = 0x0020;  // 80x25 colour; the serial ports are counted in serial_init
  bda.keyboard_start = 0x1E;
  bda.keyboard_end = 0x3E;
  bda.keyboard_head = bda.keyboard_tail = 0x1E;
  bda.keyboard_mode = 0x10;  // 101 keys
  ebda.kilobytes = 1;
}

static void a20_enable(void) {
  u8 control = inb(0x92);
  if (!(control & 2)) outb(0x92, (control & 0xFE) | 2);
}

static void mtrr_start(void) {
  extern void mtrr_bootstrap(void);
  u32 id[4];
  cpuid(1, id);
  if (!(id[3] & 0x1000)) return;
  u32 address_bits = 36;
  cpuid(0x80000000, id);
  if (id[0] >= 0x80000008) {
    cpuid(0x80000008, id);
    address_bits = id[0] & 0xFF;
  }
  ebda.mtrr_mask[0] = 0xC0000800;
  ebda.mtrr_mask[1] = (1u << (address_bits - 32)) - 1;
  mtrr_bootstrap();
}

static void print_processor(void) {
  u32 name[13];
  cpuid(0x80000000, name);
  if (name[0] < 0x80000004) return;
  for (u32 leaf = 0; leaf < 3; ++leaf) cpuid(0x80000002 + leaf, name + leaf * 4);
  name[12] = 0;
  const char* text = (const char*)name;
  while (*text == ' ') ++text;
  print("Processor  %s\n", text);
}

void post(void) {
  post_code(0x02);
  vectors_init();
  data_areas_init();
  post_code(0x03);
  pic_init();
  lapic_init();
  mtrr_start();
  post_code(0x04);
  a20_enable();
  timers_init();
  clock_init();
  post_code(0x10);
  post_wait(kWaitChipset);
  post_code(0x20);
  memory_size();
  post_wait(kWaitMemory);
  post_code(0x30);
  pci_init();
  post_code(0x40);
  post_wait(kWaitVideoRom);
  screen_init();
  print("Mint BIOS, GPL-2.0-only\n\n");
  print_processor();
  post_code(0x50);
  cores_start();
  post_wait(kWaitCores);
  print("Cores      %u\n", ebda.cores);
  print("Memory     %u MB\n", (ebda.ram_below_4g >> 20) + (ebda.ram_above_4g_64k >> 4));
  post_code(0x60);
  post_wait(kWaitUsb);
  post_code(0x61);
  keyboard_init();
  post_wait(kWaitKeyboard);
  post_code(0x62);
  serial_init();
  post_code(0x70);
  post_wait(kWaitStorageRom);
  ahci_init();
  post_code(0x80);
  mp_table_build();
  post_code(0x90);
  if (wait_ms(kWaitSetupPrompt)) print("\nPress DEL for setup\n");
  post_wait(kWaitSetupPrompt);
  post_wait(kWaitBootMenu);
  post_code(0xA0);
  ebda.pm_esp = ebda.reserved_base + kStackOffset;
}

void dispatch(struct Regs* r) {
  switch (r->vector) {
    case 0x09:
      keyboard_interrupt();
      return;
    case 0x10:
      video_service(r);
      return;
    case 0x11:
      r->ax = bda.equipment;
      return;
    case 0x12:
      r->ax = bda.memory_kb;
      return;
    case 0x13:
      disk_service(r);
      return;
    case 0x14:
      serial_service(r);
      return;
    case 0x15:
      system_service(r);
      return;
    case 0x16:
      keyboard_service(r);
      return;
    case 0x17:
      r->ah = 0x01;
      return;  // no printer: time-out
    case 0x18:
      no_boot_device();
      return;
    case 0x19:
      boot(r);
      return;
    case 0x1A:
      time_service(r);
      return;
    case 0x70:
      rtc_interrupt();
      return;
  }
}
