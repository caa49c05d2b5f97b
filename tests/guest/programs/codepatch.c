// SPDX-License-Identifier: GPL-2.0-only
// Modified code runs as modified: by the same core, through an alias, from another core (SDM Vol.
// 3, 8.1.3 and 11.6). An engine that keeps translated code must notice each of these stores.
#include "lib/guest.h"

// Functions of the form: mov $imm32, %eax; ret.  (B8 imm32 C3)
typedef u32 (*function)(void);
static u8 code[4 * 4096] __attribute__((aligned(4096), section(".text.patched")));

static void emit(u8* p, u32 value) {
  p[0] = 0xB8;
  *(volatile u32*)(p + 1) = value;
  p[5] = 0xC3;
  asm volatile("" ::: "memory");
}
static u32 run(const void* p) { return ((function)(ulong)p)(); }

static void same_core(void) {
  emit(code, 1);
  check_eq("code written as data runs", run(code), 1);
  emit(code, 2);
  check_eq("rewritten code runs", run(code), 2);
  bool good = true;
  for (u32 i = 0; i < 1000; ++i) {
    *(volatile u32*)(code + 1) = i;
    good &= run(code) == i;
  }
  check("1000 times patched, 1000 times new", good);

  // A store to the next instruction, with and without a jump between (Intel honours both: the
  // processor compares linear addresses of prefetched code, SDM Vol. 3, 11.6).
  u32 v;
  asm volatile(
      "movl $7, 1f+1\n\tjmp 1f\n"
      "1:\t.byte 0xB8, 0, 0, 0, 0\n\t"
      "movl $0, 1b+1"
      : "=a"(v)::"memory");
  check_eq("a store to the instruction after a jump", v, 7);
  asm volatile(
      "movl $8, 1f+1\n"
      "1:\t.byte 0xB8, 0, 0, 0, 0\n\t"
      "movl $0, 1b+1"
      : "=a"(v)::"memory");
  check_eq("a store to the very next instruction", v, 8);
  // A loop that patches its own body each round, and once its own jump.
  u32 sum = 0;
  asm volatile(
      "mov $1, %%ecx\n"
      "0:\tmov %%ecx, 1f+1\n"
      "1:\tmov $0, %%eax\n\t"
      "add %%eax, %0\n\t"
      "inc %%ecx\n\tcmp $1001, %%ecx\n\tjne 0b"
      : "+r"(sum)::"eax", "ecx", "memory", "cc");
  check_eq("a loop that patches its own body", sum, 1000 * 1001 / 2);
  // rep stos over code that follows.
  asm volatile(
      "mov $1f, %%"
      "edi"
      "\n\tmov $0x90, %%al\n\tmov $8, %%ecx\n\txor %%edx, %%edx\n\trep stosb\n"
      "1:\t.byte 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42\n\t"
      "nop"
      : "=d"(v)::"eax", "ecx", "edi", "memory");
  (void)v;
  // An instruction across a page boundary, patched in either page.
  u8* p = code + 4096 - 3;
  emit(p, 0x11223344);
  check_eq("code across two pages", run(p), 0x11223344);
  p[2] = 0x55;  // last byte in the first page
  check_eq("patched in the first page", run(p), 0x11225544);
  p[4] = 0x66;  // in the second page
  check_eq("patched in the second page", run(p), 0x66225544);
  good = true;
  for (u32 i = 0; i < 300; ++i) {
    p[2] = i;
    p[4] = ~i;
    good &= run(p) == (0x00220044u | (i & 0xFF) << 8 | (~i & 0xFF) << 24);
  }
  check("patched in both pages, 300 times", good);

  // Code copied to ever new places, as a boot loader does.
  good = true;
  for (u32 i = 0; i < 500; ++i) {
    u8* q = code + 2 * 4096 + (i * 37) % 4000;
    emit(q, i);
    good &= run(q) == i;
  }
  check("500 overlapping functions in one page", good);
  emit(code, 5);
  memcpy(code + 64, code, 6);
  check_eq("code copied by rep movsb", run(code + 64), 5);
  emit(code, 6);
  memcpy(code + 64, code, 6);
  check_eq("copied over by rep movsb", run(code + 64), 6);
  // Stores of all widths.
  *(volatile u8*)(code + 1) = 0x21;
  check_eq("patched by a byte", run(code), 0x21);
  *(volatile u16*)(code + 1) = 0x4321;
  check_eq("patched by a word", run(code), 0x4321);
  asm volatile("lock xaddl %0, %1" ::"r"(0x10000), "m"(*(u32*)(code + 1)) : "memory");
  check_eq("patched by lock xadd", run(code), 0x14321);
  asm volatile("push %0\n\tpop %1" ::"r"((ulong)0x77), "m"(*(ulong*)(code + 1)) : "memory");
  code[5] = 0xC3;
  check_eq("patched by pop", run(code), 0x77);
}

// The same physical page under several linear addresses: 4 GB identity map plus windows.
extern u64 boot_pd[];
static u64 page_table[512] __attribute__((aligned(4096)));
#define WINDOW 0x30000000ul
#define WINDOW_READ_ONLY 0x30001000ul
#define WINDOW_MOVING 0x30002000ul

static void aliases(void) {
  page_table[0] = (ulong)code | 3;
  page_table[1] = (ulong)code | 1;
  page_table[2] = (ulong)code | 3;
  boot_pd[WINDOW >> 21] = (ulong)page_table | 3;
  flush_tlb();
  u8* window = (u8*)WINDOW;
  u8* read_only = (u8*)WINDOW_READ_ONLY;
  emit(code, 10);
  check_eq("code runs under an alias", run(window), 10);
  emit(window, 11);
  check_eq("written through an alias, run at the original", run(code), 11);
  check_eq("and run at a read-only alias", run(read_only), 11);
  bool good = true;
  for (u32 i = 0; i < 1000; ++i) {
    *(volatile u32*)((i & 1 ? window : code) + 1) = i;
    good &= run(i & 2 ? read_only : code) == i;
  }
  check("1000 patches through changing aliases", good);

  // A non-executable, writable alias and an executable read-only one (as Linux' page cache and a
  // process have it).
  wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
  page_table[0] = (ulong)code | 3 | 1ull << 63;
  flush_tlb();
  good = true;
  for (u32 i = 0; i < 1000; ++i) {
    *(volatile u32*)(window + 1) = i + 5000;
    good &= run(read_only) == i + 5000;
  }
  check("1000 patches through a non-executable alias", good);

  // The translation changes under the code: same linear address, other page.
  emit(code, 1);
  emit(code + 4096, 2);
  good = true;
  for (u32 i = 0; i < 500; ++i) {
    page_table[2] = (ulong)(code + 4096 * (i & 1)) | 3;
    invlpg((void*)WINDOW_MOVING);
    good &= run((void*)WINDOW_MOVING) == 1 + (i & 1);
  }
  check("another page behind a linear address is other code", good);
  // Direct jumps between pages must not stick to the old page: a call in page 0 into page 1.
  // 2000: jmp 3000 ... E9 rel32 in WINDOW_MOVING's page to the page after it.
  page_table[2] = (ulong)(code + 2 * 4096) | 3;
  page_table[3] = (ulong)code | 3;
  flush_tlb();
  u8* jumper = code + 2 * 4096;
  jumper[0] = 0xE9;
  *(volatile u32*)(jumper + 1) = 4096 - 5;
  good = true;
  for (u32 i = 0; i < 500; ++i) {
    page_table[3] = (ulong)(code + 4096 * (i & 1)) | 3;
    invlpg((void*)(WINDOW + 3 * 4096));
    good &= run((void*)WINDOW_MOVING) == 1 + (i & 1);
  }
  check("a direct jump into a remapped page goes to the new page", good);
}

// --- From another core ---

static volatile u32 turn, seen, rounds;
static void follow(ulong n) {
  for (u32 i = 1; i <= n; ++i) {
    while (turn != i) pause();
    serialise();
    seen = run(code);
    asm volatile("" ::: "memory");
    turn = 0x80000000 | i;
  }
}

static volatile bool run_free;
static volatile u32 free_last, free_bad, free_runs;
static void run_in_a_loop(ulong argument) {
  (void)argument;
  // A direct loop around the patched code, without any serialising instruction of its own.
  while (run_free) {
    u32 v = run(code);
    if (v < free_last) ++free_bad;  // values only grow
    free_last = v;
    ++free_runs;
  }
}

extern u8 tight_loop[], tight_value[];
asm(".text\n.balign 64\n"
    "tight_loop:\n"
    "1: mov $0, %eax\n"  // patched: at tight_value
    ".set tight_value, 1b + 1\n"
    "  mov %eax, (%rdi)\n"
    "  test %eax, %eax\n"
    "  jns 1b\n"
    "  ret\n");
static volatile u32 tight_seen;
static void run_tight(ulong argument) {
  ((void (*)(volatile u32*))(ulong)tight_loop)((volatile u32*)argument);
}

static void cross_core(void) {
  bool good = true;
  u32 n = 2000;
  turn = 0;
  smp_call(1, follow, n);
  for (u32 i = 1; i <= n; ++i) {
    *(volatile u32*)(code + 1) = i * 3;
    turn = i;
    if (!wait_for(turn == (0x80000000 | i), 1000)) {
      good = false;
      break;
    }
    good &= seen == i * 3;
  }
  smp_wait(1, 1000);
  check("2000 patches by one core run on another after serialisation", good);

  // QEMU with one thread switches cores every 100 ms, and these cores do not yield.
  u32 patches = on_qemu() ? 10 : 500;
  emit(code, 0);
  run_free = true;
  free_last = 0;
  smp_call(1, run_in_a_loop, 0);
  bool arrives = true;
  for (u32 i = 1; i <= patches; ++i) {
    *(volatile u32*)(code + 1) = i;  // one aligned store? the operand may cross: values still grow
    arrives &= wait_for(free_last == i, 1000);
  }
  run_free = false;
  smp_wait(1, 500);
  check_hw("a core in a loop around patched code gets every new version", arrives);
  check_eq("and never an older one after a newer", free_bad, 0);

  // (QEMU with a thread per core may retranslate just before the store lands, and keep the old
  // code.) A loop that never leaves its block's chain must see the patch as well.
  smp_call(1, run_tight, (ulong)&tight_seen);
  arrives = true;
  for (u32 i = 1; i <= patches; ++i) {
    *(volatile u32*)tight_value = i;
    arrives &= wait_for(tight_seen == i, 1000);
  }
  *(volatile u32*)tight_value = 0x80000000;
  check_hw("a core in a tight loop over the patched instruction gets every version", arrives);
  check("and leaves the loop when told", smp_wait(1, 500));
  *(volatile u32*)tight_value = 0;

  // int3 method: breakpoint in the first byte, then the rest, then the first byte.
  // Both cores run the same function and patch it in turn.
  good = true;
  turn = 0;
  smp_call(1, follow, 300);
  for (u32 i = 1; i <= 300; ++i) {
    *(volatile u32*)(code + 1) = i;
    serialise();
    good &= run(code) == i;  // so that both have it translated
    *(volatile u32*)(code + 1) = i + 1;
    turn = i;
    if (!wait_for(turn == (0x80000000 | i), 1000)) {
      good = false;
      break;
    }
    good &= seen == i + 1 && run(code) == i + 1;
  }
  smp_wait(1, 1000);
  check("code translated on both cores is patched on both", good);
}

static void many(void) {
  // 100,000 patches with execution in between; the time is printed for the engine's sake.
  u64 start = rdtsc();
  u32 sum = 0, want = 0;
  for (u32 i = 0; i < 100000; ++i) {
    *(volatile u32*)(code + 1) = i;
    sum += run(code);
    want += i;
  }
  check_eq("100000 patches", sum, want);
  // Data next to code in one page, written often: no code changes.
  emit(code, 3);
  volatile u32* data = (volatile u32*)(code + 2048);
  sum = 0;
  for (u32 i = 0; i < 100000; ++i) {
    *data = i;
    sum += run(code);
  }
  check_eq("100000 stores to data beside code", sum, 300000);
  print("# %u million cycles for both\n", (u32)((rdtsc() - start) >> 20));
}

void guest_main(void) {
  check_eq("cores started", smp_start_all() >= 2, 1);
  same_core();
  aliases();
  cross_core();
  many();
  finish("codepatch");
}
