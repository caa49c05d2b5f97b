// SPDX-License-Identifier: GPL-2.0-only
// Locked instructions of several cores on one page (SDM Vol. 3, 8.1.2). Run twice: with the page as
// plain RAM, and with it declared as shared between operating systems, where every access takes its
// own time and all cores take turns in the middle of instructions.
#include "lib/expect.h"
#include "lib/guest.h"

#define PAGE 0x2000000ul
#define ROUNDS 500

struct page {
  volatile u32 incremented, added, lock, spin, bits;
  volatile u64 exchanged64;
  volatile u32 plain;        // guarded by `lock`
  volatile u32 plain_xchg;   // guarded by `spin`
  volatile u32 tickets[16];  // how often each result of xadd came, modulo 16
  volatile u32 code[16];
};
#define page ((struct page*)PAGE)

static volatile u32 inside;
static volatile u32 intruders;

static void hammer(ulong core) {
  for (u32 i = 0; i < ROUNDS; ++i) {
    asm volatile("lock incl %0" : "+m"(page->incremented)::"cc");
    u32 one = 1;
    asm volatile("lock xaddl %0, %1" : "+r"(one), "+m"(page->added)::"cc");
    asm volatile("lock incl %0" : "+m"(page->tickets[one & 15])::"cc");

    // A lock taken with cmpxchg: what it guards is written with plain instructions.
    for (;;) {
      u32 free = 0;
      asm volatile("lock cmpxchgl %2, %1"
                   : "+a"(free), "+m"(page->lock)
                   : "r"((u32)core + 1)
                   : "cc", "memory");
      if (free == 0) break;
      pause();
    }
    if (inside++) ++intruders;
    page->plain = page->plain + 1;
    --inside;
    asm volatile("" ::: "memory");
    page->lock = 0;

    // And one taken with xchg, which is locked without the prefix.
    u32 taken = 1;
    for (;;) {
      asm volatile("xchgl %0, %1" : "+r"(taken), "+m"(page->spin)::"memory");
      if (!taken) break;
      pause();
    }
    page->plain_xchg = page->plain_xchg + 1;
    asm volatile("" ::: "memory");
    page->spin = 0;

    u64 old = page->exchanged64;
    for (;;) {
      u32 lo = (u32)old, hi = (u32)(old >> 32), swapped;
      u64 next = old + 0x100000001ull;
      asm volatile("lock cmpxchg8b %2\n\tsete %b3\n\tmovzbl %b3, %3"
                   : "+a"(lo), "+d"(hi), "+m"(page->exchanged64), "=&q"(swapped)
                   : "b"((u32)next), "c"((u32)(next >> 32))
                   : "cc", "memory");
      if (swapped) break;
      old = (u64)hi << 32 | lo;
    }
  }
}

void guest_main(void) {
  u32 cores = smp_start_all();
  memset((void*)page, 0, sizeof *page);
  check("all cores hammered", smp_all(hammer, 20000));
  u32 total = cores * ROUNDS;
  check_eq("lock inc loses nothing", page->incremented, total);
  check_eq("lock xadd loses nothing", page->added, total);
  u32 sum = 0, least = -1u, most = 0;
  for (u32 i = 0; i < 16; ++i) {
    u32 n = page->tickets[i];
    sum += n;
    if (n < least) least = n;
    if (n > most) most = n;
  }
  check("lock xadd gives each number once", sum == total && most - least <= 1);
  check_eq("a lock taken with lock cmpxchg holds", page->plain, total);
  check_eq("nobody was inside it with another", intruders, 0);
  check_eq("a lock taken with xchg holds", page->plain_xchg, total);
  check_eq("lock cmpxchg8b loses nothing", page->exchanged64, total * 0x100000001ull);

  // Code in the page, changed between two calls.
  u8* code = (u8*)page->code;
  u32 (*fn)(void) = (u32(*)(void))(ulong)code;
  bool good = true;
  for (u32 i = 0; i < 20; ++i) {
    code[0] = 0xB8;  // mov $i, %eax; ret
    *(u32*)(code + 1) = i;
    code[5] = 0xC3;
    serialise();
    good &= fn() == i;
  }
  check("code in the page runs as it was written last", good);
  finish("sharedmem");
}
