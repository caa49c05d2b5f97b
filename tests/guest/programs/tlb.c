// SPDX-License-Identifier: GPL-2.0-only
// Address translation in long mode: A and D bits, permissions, faults and their error codes,
// flushing (SDM Vol. 3, chapter 4). The window at 768 MB goes through a page table of the program's
// own.
#include "lib/expect.h"
#include "lib/guest.h"

#define P 1ull
#define RW 2ull
#define US 4ull
#define ACCESSED 0x20ull
#define DIRTY 0x40ull
#define PS 0x80ull
#define GLOBAL 0x100ull
#define NX (1ull << 63)

#define WINDOW 0x30000000ull
#define ERROR_P 1
#define ERROR_W 2
#define ERROR_U 4
#define ERROR_RSVD 8
#define ERROR_I 0x10

extern volatile u64 boot_pml4[], boot_pdpt[], boot_pd[];
static volatile u64 table[512] __attribute__((aligned(4096)));
static u64 other_pml4[512] __attribute__((aligned(4096)));
static u64 other_pdpt[512] __attribute__((aligned(4096)));
static u64 other_pd[512] __attribute__((aligned(4096)));
static u64 other_table[512] __attribute__((aligned(4096)));
static volatile u64 page_a[512] __attribute__((aligned(4096)));
static volatile u64 page_b[512] __attribute__((aligned(4096)));

#define A ((ulong)page_a)
#define B ((ulong)page_b)

static volatile u64* at(u32 page) { return (volatile u64*)(WINDOW + page * 4096ull); }
static void map(u32 page, u64 entry) {
  table[page] = entry;
  asm volatile("" ::: "memory");
  invlpg(at(page));
}

// Touches an address and returns the error code of the #PF, -1 if there was none, -2 if another
// trap.
static long touch(volatile void* p, bool write) {
  trap_clear();
  if (write)
    asm volatile(TRAPPING("movb $1, (%0)")::"r"(p) : "memory");
  else
    asm volatile(TRAPPING("movb (%0), %%al")::"r"(p) : "rax", "memory");
  u32 v = trap_take();
  if (v == NO_TRAP) return -1;
  if (v != PF || trap_last.cr2 != (ulong)p) return -2;
  return trap_last.f.error;
}

static volatile void* user_address;
static void user_read(void) { asm volatile("movb (%0), %%al" ::"r"(user_address) : "rax"); }
static void user_write(void) { asm volatile("movb $1, (%0)" ::"r"(user_address) : "memory"); }
static void user_jump(void) { asm volatile("jmp *%0" ::"r"(user_address) : "memory"); }
static long user_touch(volatile void* p, void (*how)(void)) {
  user_address = p;
  trap_clear();
  if (run_user(how, 2) != -1) return -1;
  if (trap_take() != PF || trap_last.cr2 != (ulong)p) return -2;
  return trap_last.f.error;
}

static void accessed_and_dirty(void) {
  page_a[0] = 0xA;
  page_b[0] = 0xB;
  map(0, A | P | RW);
  boot_pd[WINDOW >> 21] &= ~ACCESSED;
  boot_pdpt[0] &= ~ACCESSED;
  boot_pml4[0] &= ~ACCESSED;
  flush_tlb();
  check_eq("A and D are clear before use", table[0] & (ACCESSED | DIRTY), 0);
  (void)*at(0);
  check_eq("a read sets A, not D", table[0] & (ACCESSED | DIRTY), ACCESSED);
  check("A is set in the upper levels",
        (boot_pd[WINDOW >> 21] & boot_pdpt[0] & boot_pml4[0] & ACCESSED) != 0);
  check_eq("D is not set in upper levels", boot_pml4[0] & DIRTY, 0);
  *at(0) = 1;
  check_eq("a write after a read sets D", table[0] & (ACCESSED | DIRTY), ACCESSED | DIRTY);
  map(0, A | P | RW);
  *at(0) = 2;
  check_eq("a write sets A and D", table[0] & (ACCESSED | DIRTY), ACCESSED | DIRTY);
  map(0, A | P | RW | ACCESSED);
  asm volatile("lock cmpxchgl %1, (%2)" ::"a"(12345), "r"(1), "r"(at(0)) : "memory", "cc");
  check("a failing cmpxchg sets D", table[0] & DIRTY);
  map(0, A | P);
  touch(at(0), true);
  write_cr0(read_cr0() | CR0_WP);
  map(0, A | P);
  check_eq("a write to a read-only page faults with CR0.WP", touch(at(0), true), ERROR_P | ERROR_W);
  check_eq("a faulting write does not set D", table[0] & DIRTY, 0);
  map(0, 0);
  check_eq("a read of a page not present", touch(at(0), false), 0);
  check_eq("a write to a page not present", touch(at(0), true), ERROR_W);
  check_eq("an entry not present is not touched", table[0], 0);
  // 2 MB page.
  u64 saved = boot_pd[WINDOW >> 21];
  boot_pd[WINDOW >> 21] = (A & ~0x1FFFFFull) | P | RW | PS;
  flush_tlb();
  volatile u64* big = (volatile u64*)(WINDOW + (A & 0x1FFFFF));
  check("a 2 MB page translates", *big == page_a[0]);
  check_eq("a read sets A in a 2 MB entry", boot_pd[WINDOW >> 21] & (ACCESSED | DIRTY), ACCESSED);
  *big = 77;
  check("a write sets D in a 2 MB entry", (boot_pd[WINDOW >> 21] & DIRTY) && page_a[0] == 77);
  boot_pd[WINDOW >> 21] = saved;
  flush_tlb();
}

static void permissions(void) {
  map(0, A | P | RW);
  check_eq("ring 3 may not read a supervisor page", user_touch(at(0), user_read),
           ERROR_P | ERROR_U);
  check_eq("ring 3 may not write a supervisor page", user_touch(at(0), user_write),
           ERROR_P | ERROR_U | ERROR_W);
  map(0, A | P | US);
  check_eq("ring 3 may read a user page", user_touch(at(0), user_read), -1);
  check_eq("ring 3 may not write a read-only page", user_touch(at(0), user_write),
           ERROR_P | ERROR_U | ERROR_W);
  write_cr0(read_cr0() & ~(ulong)CR0_WP);
  check_eq("nor without CR0.WP", user_touch(at(0), user_write), ERROR_P | ERROR_U | ERROR_W);
  check_eq("ring 0 may without CR0.WP", touch(at(0), true), -1);
  check("and sets D", table[0] & DIRTY);
  write_cr0(read_cr0() | CR0_WP);
  check_eq("setting CR0.WP takes effect at once", touch(at(0), true), ERROR_P | ERROR_W);
  map(0, A | P | RW | US);
  check_eq("ring 3 may write a writable user page", user_touch(at(0), user_write), -1);
  map(0, 0);
  check_eq("ring 3 reads a page not present", user_touch(at(0), user_read), ERROR_U);
  check_eq("ring 3 writes a page not present", user_touch(at(0), user_write), ERROR_U | ERROR_W);
  check_eq("ring 3 jumps to a page not present", user_touch(at(0), user_jump) & ~ERROR_I, ERROR_U);
  // The stricter level counts.
  map(0, A | P | RW | US);
  boot_pd[WINDOW >> 21] = (ulong)table | P | RW;
  flush_tlb();
  check_eq("a supervisor directory entry over a user page", user_touch(at(0), user_read),
           ERROR_P | ERROR_U);
  boot_pd[WINDOW >> 21] = (ulong)table | P | US;
  flush_tlb();
  check_eq("a read-only directory entry over a writable page", touch(at(0), true),
           ERROR_P | ERROR_W);
  boot_pd[WINDOW >> 21] = (ulong)table | P | RW | US;
  flush_tlb();
  check_eq("loosened again", touch(at(0), true), -1);
}

static void no_execute(void) {
  *(volatile u8*)page_a = 0xC3;  // ret
  map(0, A | P | RW | NX);
  write_cr4(read_cr4());
  check_eq_hw("bit 63 is reserved without EFER.NXE", touch(at(0), false), ERROR_P | ERROR_RSVD);
  wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
  flush_tlb();
  check_eq("with EFER.NXE a no-execute page can be read", touch(at(0), false), -1);
  trap_clear();
  asm volatile(
      "mov $1f, %%rax\n\tmov %%rax, trap_resume\n\tcall *%0\n1:\tmov %%rbx, %%rbx" ::"r"(at(0))
      : "rax", "memory");
  // The call pushed a return address that nobody pops: the resume address takes it off.
  asm volatile("add $8, %%rsp" ::: "memory");
  check("fetching from it is #PF",
        trap_take() == PF && trap_last.cr2 == (ulong)at(0) && trap_last.f.ip == (ulong)at(0));
  check_eq("with the fetch bit in the error code", trap_last.f.error, ERROR_P | ERROR_I);
  map(0, A | P | RW | US | NX);
  check_eq("ring 3 fetches from a no-execute page", user_touch(at(0), user_jump),
           ERROR_P | ERROR_U | ERROR_I);
  map(0, A | P | RW);
  ((void (*)(void))(ulong)at(0))();
  check("cleared, the code runs", true);
}

// QEMU 7.2 leaves the P bit out of the error code of a reserved bit.
static void reserved_bits(void) {
  map(0, A | P | RW | 1ull << 46);
  check_eq_hw("an address bit beyond the physical width is reserved", touch(at(0), false),
              ERROR_P | ERROR_RSVD);
  map(0, A | P | RW | 1ull << 36);
  check_eq_hw("bit 36 is reserved with 36 physical address bits", touch(at(0), false),
              ERROR_P | ERROR_RSVD);
  check_eq_hw("an entry with reserved bits is not marked as accessed", table[0] & ACCESSED, 0);
  map(0, A | P | RW);
  u64 saved = boot_pd[WINDOW >> 21];
  boot_pd[WINDOW >> 21] = (A & ~0x1FFFFFull) | 0x2000 | P | RW | PS;
  flush_tlb();
  check_eq_hw("bit 13 of a 2 MB entry is reserved", touch(at(0), false), ERROR_P | ERROR_RSVD);
  boot_pd[WINDOW >> 21] = saved;
  boot_pml4[100] = (ulong)boot_pdpt | P | RW | PS;
  volatile void* far = (volatile void*)(100ull << 39);
  flush_tlb();
  check_eq_hw("bit 7 of a PML4 entry is reserved", touch(far, false), ERROR_P | ERROR_RSVD);
  boot_pml4[100] = (ulong)boot_pdpt | P | RW;
  flush_tlb();
  check_eq("without it the address translates", touch(far, false), -1);
  if (!(cpuid(0x80000001).d >> 26 & 1)) {
    u64 pdpte = boot_pdpt[3];
    boot_pdpt[5] = 0 | P | RW | PS;
    flush_tlb();
    check_eq_hw("bit 7 of a PDPT entry is reserved without 1 GB pages",
                touch((volatile void*)(5ull << 30), false), ERROR_P | ERROR_RSVD);
    boot_pdpt[5] = 0;
    boot_pdpt[3] = pdpte;
  }
  boot_pml4[100] = 0;
  flush_tlb();
  check_eq("a removed top-level entry is not present", touch(far, false), 0);
}

static void top_levels(void) {
  // The upper half through PML4 entry 511 and 256; all nine bits of each level count.
  boot_pml4[511] = (ulong)other_pdpt | P | RW;
  boot_pml4[256] = (ulong)other_pdpt | P | RW;
  other_pdpt[511] = (ulong)other_pd | P | RW;
  other_pd[511] = (ulong)other_table | P | RW;
  other_table[511] = A | P | RW;
  other_table[510] = B | P | RW;
  page_a[1] = 0x1234;
  page_b[1] = 0x5678;
  flush_tlb();
  check_eq("the last page of the address space", *(volatile u64*)0xFFFFFFFFFFFFF008, 0x1234);
  check_eq("the page before", *(volatile u64*)0xFFFFFFFFFFFFE008, 0x5678);
  check_eq("the same below PML4 entry 256", *(volatile u64*)0xFFFF807FFFFFF008, 0x1234);
  check_eq("an entry missing in the second level", touch((volatile void*)0xFFFFFFFFBFFFF008, false),
           0);
}

static void faults_in_pieces(void) {
  map(0, A | P | RW);
  map(1, 0);
  volatile u8* end = (volatile u8*)at(1);
  end[-1] = end[-2] = 0x11;
  trap_clear();
  asm volatile(TRAPPING("movl (%0), %%eax")::"r"(end - 2) : "rax", "memory");
  check("a read into a page not present: CR2 is the page's first byte",
        trap_take() == PF && trap_last.cr2 == (ulong)end);
  trap_clear();
  asm volatile(TRAPPING("movl $0x22222222, (%0)")::"r"(end - 2) : "memory");
  check("a write into a page not present: CR2 likewise",
        trap_take() == PF && trap_last.cr2 == (ulong)end);
  check("and nothing of it was written", end[-1] == 0x11 && end[-2] == 0x11);
  ulong sp = 0;
  trap_clear();
  asm volatile("mov %%rsp, %%rbx\n\tlea 4096(%1), %%rsp\n\t" TRAPPING(
                   "push %%rax") "mov %%rsp, %0\n\tmov %%rbx, %%rsp"
               : "=r"(sp)
               : "r"(at(0))
               : "rbx", "memory");
  check_eq("a push that works moves RSP", sp, (ulong)at(1) - 8);
  // An instruction across the boundary: fault at its start, CR2 in the second page.
  volatile u8* code = (volatile u8*)A;
  code[4094] = 0xB8;  // mov $imm32, %eax
  code[4095] = 1;
  trap_clear();
  asm volatile("mov $1f, %%rax\n\tmov %%rax, trap_resume\n\tcall *%0\n1:\tadd $8, %%rsp" ::"r"(
                   (ulong)at(1) - 2)
               : "rax", "memory");
  check("an instruction into a page not present",
        trap_take() == PF && trap_last.f.ip == (ulong)at(1) - 2 && trap_last.cr2 == (ulong)at(1));
  page_b[0] = 0xC3000000;
  map(1, B | P | RW);
  u32 v;
  asm volatile("call *%1" : "=a"(v) : "r"((ulong)at(1) - 2) : "memory");
  check_eq("and when it is present", v, 1);
}

static void flushing(void) {
  page_a[0] = 0xA;
  page_b[0] = 0xB;
  map(0, 0);
  touch(at(0), false);
  table[0] = A | P | RW;
  asm volatile("" ::: "memory");
  check_eq("an entry that becomes present needs no flush", *at(0), 0xA);
  bool good = true;
  for (u32 i = 0; i < 1000; ++i) {
    map(0, (i & 1 ? A : B) | P | RW);
    good &= *at(0) == (i & 1 ? 0xA : 0xB);
  }
  check("1000 times remapped with invlpg", good);
  for (u32 i = 0; i < 1000; ++i) {
    table[0] = (i & 1 ? A : B) | P | RW;
    flush_tlb();
    good &= *at(0) == (i & 1 ? 0xA : 0xB);
  }
  check("1000 times remapped with a CR3 load", good);
  // Global pages.
  write_cr4(read_cr4() | CR4_PGE);
  map(0, A | P | RW | GLOBAL);
  (void)*at(0);
  map(0, B | P | RW | GLOBAL);
  check_eq("invlpg flushes a global page", *at(0), 0xB);
  table[0] = A | P | RW | GLOBAL;
  write_cr4(read_cr4() & ~(ulong)CR4_PGE);
  check_eq("clearing CR4.PGE flushes global pages", *at(0), 0xA);
  table[0] = B | P | RW | GLOBAL;
  write_cr4(read_cr4() | CR4_PGE);
  check_eq("setting CR4.PGE flushes too", *at(0), 0xB);
  table[0] = A | P | RW | GLOBAL;
  write_cr0(read_cr0());
  flush_tlb();
  u64 v = *at(0);
  print("# a global page after a CR3 load: %s\n", v == 0xA ? "new (flushed)" : "old (kept)");
  invlpg(at(0));
  check("an entry that is tightened and flushed faults",
        (table[0] = B | P, invlpg(at(0)), touch(at(0), true)) == (ERROR_P | ERROR_W));
  table[0] = B | P | RW;
  check("after loosening a spurious fault goes away by itself",
        touch(at(0), true) == -1 || touch(at(0), true) == -1);
  write_cr4(read_cr4() & ~(ulong)CR4_PGE);

  // Two address spaces.
  memcpy(other_pml4, (void*)boot_pml4, 4096);
  memcpy(other_pdpt, (void*)boot_pdpt, 4096);
  memcpy(other_pd, (void*)boot_pd, 4096);
  memset(other_table, 0, 4096);
  other_pml4[511] = other_pml4[256] = boot_pml4[511] = boot_pml4[256] = 0;
  other_pml4[0] = (ulong)other_pdpt | P | RW | US;
  other_pdpt[0] = (ulong)other_pd | P | RW | US;
  other_pd[WINDOW >> 21] = (ulong)other_table | P | RW | US;
  other_table[0] = B | P | RW;
  map(0, A | P | RW);
  page_a[0] = 0xA;
  page_b[0] = 0xB;
  good = true;
  for (u32 i = 0; i < 1000; ++i) {
    write_cr3(i & 1 ? (ulong)other_pml4 : (ulong)boot_pml4);
    good &= *at(0) == (i & 1 ? 0xB : 0xA);
  }
  write_cr3((ulong)boot_pml4);
  check("1000 switches between two address spaces", good);
}

void guest_main(void) {
  boot_pd[WINDOW >> 21] = (ulong)table | P | RW | US;
  flush_tlb();
  accessed_and_dirty();
  permissions();
  no_execute();
  reserved_bits();
  top_levels();
  faults_in_pieces();
  flushing();
  finish("tlb");
}
