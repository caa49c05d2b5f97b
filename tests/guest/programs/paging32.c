// SPDX-License-Identifier: GPL-2.0-only
// Paging in 32-bit mode: two-level with 4 KB and 4 MB pages, and PAE (SDM Vol. 3, 4.3 and 4.4).
#include "lib/expect.h"
#include "lib/guest.h"

#define P 1u
#define RW 2u
#define US 4u
#define ACCESSED 0x20u
#define DIRTY 0x40u
#define PS 0x80u
#define WINDOW 0x30000000u

static volatile u32 directory[1024] __attribute__((aligned(4096)));
static volatile u32 table[1024] __attribute__((aligned(4096)));
static volatile u64 pdpt[4] __attribute__((aligned(4096)));
static volatile u64 pd[4][512] __attribute__((aligned(4096)));
static volatile u64 table_pae[512] __attribute__((aligned(4096)));
static volatile u32 page_a[1024] __attribute__((aligned(4096)));
static volatile u32 page_b[1024] __attribute__((aligned(4096)));
#define A ((u32)page_a)
#define B ((u32)page_b)

static volatile u32* at(u32 page) { return (volatile u32*)(WINDOW + page * 4096); }

static long touch(volatile void* p, bool write) {
  trap_clear();
  if (write)
    asm volatile(TRAPPING("movb $1, (%0)")::"r"(p) : "memory");
  else
    asm volatile(TRAPPING("movb (%0), %%al")::"r"(p) : "eax", "memory");
  u32 v = trap_take();
  if (v == NO_TRAP) return -1;
  if (v != PF || trap_last.cr2 != (ulong)p) return -2;
  return trap_last.f.error;
}
static volatile void* user_address;
static void user_read(void) { asm volatile("movb (%0), %%al" ::"r"(user_address) : "eax"); }
static long user_touch(volatile void* p) {
  user_address = p;
  trap_clear();
  if (run_user(user_read, 2) != -1) return -1;
  if (trap_take() != PF || trap_last.cr2 != (ulong)p) return -2;
  return trap_last.f.error;
}

static void two_levels(void) {
  for (u32 i = 0; i < 1024; ++i) directory[i] = i << 22 | P | RW | US | PS;
  directory[WINDOW >> 22] = (u32)table | P | RW | US;
  page_a[0] = 0xA;
  page_b[0] = 0xB;
  table[0] = A | P | RW | US;
  table[1] = B | P | US;
  table[2] = A | P | RW;
  write_cr4(read_cr4() | CR4_PSE);
  write_cr3((u32)directory);
  write_cr0(read_cr0() | CR0_PG | CR0_WP);
  check("paging is on", read_cr0() & CR0_PG);
  check("two pages translate", *at(0) == 0xA && *at(1) == 0xB);
  check_eq("a read sets A", table[0] & (ACCESSED | DIRTY), ACCESSED);
  *at(0) = 0xA;
  check_eq("a write sets D", table[0] & (ACCESSED | DIRTY), ACCESSED | DIRTY);
  check("A in the directory entry", directory[WINDOW >> 22] & ACCESSED);
  check("A in a 4 MB entry", directory[0] & ACCESSED);
  check_eq("a write to a read-only page with WP", touch(at(1), true), 3);
  check_eq("a read of a page not present", touch(at(3), false), 0);
  check_eq("a write to a page not present", touch(at(3), true), 2);
  check_eq("ring 3 reads a supervisor page", user_touch(at(2)), 5);
  check_eq("ring 3 reads a page not present", user_touch(at(3)), 4);
  check_eq("ring 3 reads a user page", user_touch(at(0)), -1);
  write_cr0(read_cr0() & ~(ulong)CR0_WP);
  check_eq("a write to a read-only page without WP", touch(at(1), true), -1);
  write_cr0(read_cr0() | CR0_WP);
  table[0] = B | P | RW;
  invlpg(at(0));
  page_b[0] = 0xB;
  check_eq("remapped", *at(0), 0xB);
  // Without PSE bit 7 means nothing and the entry points to a table. (The program itself needs 4 MB
  // pages, so its own range goes through a table first.)
  static volatile u32 low_table[2][1024] __attribute__((aligned(4096)));
  for (u32 i = 0; i < 2048; ++i) low_table[i / 1024][i % 1024] = i << 12 | P | RW | US;
  directory[0] = (u32)low_table[0] | P | RW | US;
  directory[1] = (u32)low_table[1] | P | RW | US;
  directory[WINDOW >> 22] = (u32)table | P | RW | PS;
  flush_tlb();
  write_cr4(read_cr4() & ~(ulong)CR4_PSE);
  check_eq("without CR4.PSE bit 7 of a directory entry is ignored", *at(0), 0xB);
  write_cr4(read_cr4() | CR4_PSE);
  // 4 MB page over the window.
  directory[WINDOW >> 22] = (A & ~0x3FFFFFu) | P | RW | PS;
  flush_tlb();
  check_eq("a 4 MB page", *(volatile u32*)(WINDOW + (A & 0x3FFFFF)), 0xA);
  directory[WINDOW >> 22] = 0;
  flush_tlb();
  check_eq("a directory entry not present", touch(at(0), false), 0);
  write_cr0(read_cr0() & ~(ulong)CR0_PG);
}

static void pae(void) {
  for (u32 g = 0; g < 4; ++g) {
    pdpt[g] = (u32)pd[g] | P;
    for (u32 i = 0; i < 512; ++i) pd[g][i] = ((u64)g << 30 | (u64)i << 21) | P | RW | US | PS;
  }
  table_pae[0] = A | P | RW | US;
  table_pae[1] = B | P;
  pd[WINDOW >> 30][WINDOW >> 21 & 511] = (u32)table_pae | P | RW | US;
  page_a[0] = 0xA;
  write_cr4(read_cr4() | CR4_PAE);
  write_cr3((u32)pdpt);
  write_cr0(read_cr0() | CR0_PG | CR0_WP);
  check("PAE paging is on", (read_cr0() & CR0_PG) && (read_cr4() & CR4_PAE));
  check_eq("a page translates", *at(0), 0xA);
  *at(0) = 0xAA;
  check_eq("a write sets A and D", (u32)table_pae[0] & (ACCESSED | DIRTY), ACCESSED | DIRTY);
  check_eq("a write to a read-only page", touch(at(1), true), 3);
  wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
  *(volatile u8*)A = 0xC3;
  table_pae[0] = A | P | RW | US | 1ull << 63;
  invlpg(at(0));
  trap_clear();
  asm volatile("movl $1f, trap_resume\n\tcall *%0\n1:\tadd $4, %%esp" ::"r"(at(0)) : "memory");
  check("a fetch from a no-execute page", trap_take() == PF && trap_last.f.error == 0x11);
  table_pae[0] = A | P | RW | US | 1ull << 50;
  invlpg(at(0));
  check_eq_hw("a reserved bit", touch(at(0), false), 9);
  table_pae[0] = A | P | RW | US;
  invlpg(at(0));
  // The PDPTEs are registers, loaded with CR3.
  volatile u32* far = (volatile u32*)0x80000000;
  check_eq("a page under the third PDPTE", touch(far, false), -1);
  pdpt[2] = 0;
  invlpg(far);
  check_limit("a PDPTE changed in memory has no effect before CR3 is loaded",
              touch(far, false) == -1);
  flush_tlb();
  check_eq("after loading CR3 it has", touch(far, false), 0);
  pdpt[2] = (u32)pd[2] | P | RW;
  FAULT_LIMIT("#GP of loading CR3 with a reserved bit in a PDPTE", GP, 0, "mov %0, %%cr3",
              "r"((u32)pdpt));
  pdpt[2] = (u32)pd[2] | P;
  flush_tlb();
  check_eq("mended", touch(far, false), -1);
  write_cr0(read_cr0() & ~(ulong)CR0_PG);
  write_cr4(read_cr4() & ~(ulong)CR4_PAE);
}

void guest_main(void) {
  two_levels();
  pae();
  two_levels();
  finish("paging32");
}
