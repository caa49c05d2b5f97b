// SPDX-License-Identifier: GPL-2.0-only
// What a multiboot program is given (specification 0.6.96, 3.2 and 3.3), and QEMU's debug parts:
// debugcon, fw_cfg, pc-testdev. The last part, isa-debug-exit, ends every program.
#include "lib/guest.h"

struct multiboot {
  u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4],
      mmap_length, mmap_addr;
};

static bool contains(const char* text, const char* part) {
  for (; *text; ++text) {
    const char *a = text, *b = part;
    while (*b && *a == *b) ++a, ++b;
    if (!*b) return true;
  }
  return false;
}

extern u8 _end[];
static u8 big_bss[8 << 20];

static void multiboot(void) {
  check_eq("magic", multiboot_magic, 0x2BADB002);
  const struct multiboot* m = (const struct multiboot*)(ulong)multiboot_info;
  check("memory, command line and memory map are there", (m->flags & 0x45) == 0x45);
  check("lower memory", m->mem_lower >= 512 && m->mem_lower <= 640);
  check("upper memory", m->mem_upper >= 60 * 1024 && m->mem_upper <= 63 * 1024);
  check("the command line begins with the program's name",
        contains((const char*)(ulong)m->cmdline, "debugparts"));
  print("# command line: %s\n", (const char*)(ulong)m->cmdline);
  if (contains((const char*)(ulong)m->cmdline, "with-module")) {
    const u32* module = (const u32*)(ulong)m->mods_addr;
    check("one module is there",
          (m->flags & 8) && m->mods_count == 1 && module[1] - module[0] == 11);
    check("its bytes are those of the file",
          !memcmp((const void*)(ulong)module[0], "module text", 11));
    check_eq("it starts at a page", module[0] & 0xFFF, 0);
    check("it lies outside the program", module[0] >= (ulong)_end || module[1] <= 0x100000);
  }
  u64 ram = 0;
  bool has_program = false;
  for (ulong p = m->mmap_addr; p < (ulong)m->mmap_addr + m->mmap_length;) {
    const struct {
      u32 size;
      u64 base, length;
      u32 type;
    } __attribute__((packed))* e = (const void*)p;
    if (e->type == 1) ram += e->length;
    if (e->type == 1 && e->base <= 0x100000 && e->base + e->length >= 0x200000) has_program = true;
    p += e->size + 4;
  }
  check("the memory map has the 64 MB of RAM", ram >= 63ull << 20 && ram <= 64ull << 20);
  check("and the program lies in it", has_program);
  bool zero = true;
  for (u32 i = 0; i < sizeof big_bss; i += 4096) zero &= !big_bss[i];
  check("8 MB of bss are zero", zero);
  check_eq("interrupts are off", read_flags() & FLAG_IF, 0);
}

static u32 fw_cfg(u16 selector, u32 bytes) {
  outw(0x510, selector);
  u32 v = 0;
  for (u32 i = 0; i < bytes; ++i) v |= (u32)inb(0x511) << (8 * i);
  return v;
}

static void parts(void) {
  check_eq("fw_cfg signature", fw_cfg(0, 4), 0x554D4551);
  check_eq("fw_cfg number of cores", fw_cfg(5, 2), core_count());
  check_eq("fw_cfg RAM size", fw_cfg(3, 4), 64u << 20);
  check_eq("CMOS has the number of cores", core_count(), 2);
  for (const char* s = "debugcon works\n"; *s; ++s) outb(0xE9, *s);
  outl(0xE0, 0x12345678);
  check_eq("pc-testdev echoes at E0h", inl(0xE0), 0x12345678);
  outb(0xE0, 0x5A);
  check_eq("by bytes", inb(0xE0), 0x5A);
  volatile u32* window = (volatile u32*)0xFF000000;
  window[0] = 0xCAFEBABE;
  window[100] = 0x11223344;
  check("pc-testdev's window at FF000000h holds what is written",
        window[0] == 0xCAFEBABE && window[100] == 0x11223344);
  check_eq("a byte of it", *(volatile u8*)0xFF000001, 0xBA);
  check_eq("an empty port reads ones", inb(0x1F00), 0xFF);
  check_eq_hw("empty memory reads ones", *(volatile u32*)0xFEB00000, 0xFFFFFFFF);
}

void guest_main(void) {
  multiboot();
  parts();
  finish("debugparts");
}
