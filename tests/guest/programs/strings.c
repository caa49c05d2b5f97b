// SPDX-License-Identifier: GPL-2.0-only
// String instructions with rep: progress kept across faults and interrupts, direction, address
// sizes (SDM Vol. 1, 7.3.9.3 and Vol. 2, REP).
#include "lib/expect.h"
#include "lib/guest.h"

#define WINDOW 0x30000000ul
extern volatile u64 boot_pd[];
static volatile u64 table[512] __attribute__((aligned(4096)));
static u8 pages[3][4096] __attribute__((aligned(4096)));
static u8 source[8192] __attribute__((aligned(4096)));

// The registers of the recorded frame: what the interrupted rep has done so far.
static bool stopped_at(u64 cx, u64 si, u64 di) {
  bool good = trap_take() == PF && trap_last.f.cx == cx && trap_last.f.si == si &&
              trap_last.f.di == di && trap_last.f.ip == trap_site;
  if (!good)
    print("# stopped with cx %lx si %lx di %lx ip %lx, site %lx\n", trap_last.f.cx, trap_last.f.si,
          trap_last.f.di, trap_last.f.ip, trap_site);
  return good;
}

static void faults(void) {
  for (u32 i = 0; i < sizeof source; ++i) source[i] = i * 7;
  table[0] = (ulong)pages[0] | 3;
  table[1] = 0;
  table[2] = (ulong)pages[2] | 3;
  boot_pd[WINDOW >> 21] = (ulong)table | 3;
  flush_tlb();
  u64 edge = WINDOW + 4096;
  u64 s = (ulong)source;

  trap_clear();
  asm volatile(TRAPPING("rep movsb")::"c"(300ull), "S"(s), "D"(edge - 100) : "memory");
  check("rep movsb stops at the fault with its progress in the registers",
        stopped_at(200, s + 100, edge));
  check("what came before is written", !memcmp(pages[0] + 3996, source, 100));
  check_eq("CR2 is the first byte not present", trap_last.cr2, edge);

  trap_clear();
  asm volatile(TRAPPING("rep movsl")::"c"(50ull), "S"(s), "D"(edge - 42) : "memory");
  check("rep movsl stops before the element that faults", stopped_at(40, s + 40, edge - 2));

  trap_clear();
  asm volatile(TRAPPING("rep stosq")::"c"(10ull), "D"(edge - 24), "S"(1ull), "a"(0x1122334455667788)
               : "memory");
  check("rep stosq", stopped_at(7, 1, edge));

  trap_clear();
  asm volatile(TRAPPING("rep lodsw")::"c"(10ull), "S"(edge - 6), "D"(2ull) : "rax", "memory");
  check("rep lodsw", stopped_at(7, edge, 2));

  // Descending, into the page not present from above.
  trap_clear();
  asm volatile("std\n\t" TRAPPING("rep movsb") "cld" ::"c"(300ull), "S"(s + 299),
               "D"(edge + 4096 + 99)
               : "memory");
  check("rep movsb descending", stopped_at(200, s + 199, edge + 4095));
  check("what it wrote", !memcmp(pages[2], source + 200, 100));

  memset(pages[0] + 3996, 0xAA, 100);
  trap_clear();
  asm volatile(TRAPPING("repne scasb")::"c"(300ull), "D"(edge - 100), "a"(0x55), "S"(3ull)
               : "memory", "cc");
  check("repne scasb stops at the fault", stopped_at(200, 3, edge));
  memcpy(pages[0] + 3996, source, 100);
  trap_clear();
  asm volatile(TRAPPING("repe cmpsb")::"c"(300ull), "S"(s), "D"(edge - 100) : "memory", "cc");
  check("repe cmpsb stops at the fault", stopped_at(200, s + 100, edge));
}

// A handler that maps the page: the instruction goes on where it was.
static volatile u32 mended;
static bool mend(struct frame* f) {
  (void)f;
  ++mended;
  table[1] = (ulong)pages[1] | 3;
  return true;
}

static void restart(void) {
  trap_hook[PF] = mend;
  memset(pages, 0, sizeof pages);
  u64 cx = 6000, si = (ulong)source, di = WINDOW + 1000;
  asm volatile("rep movsb" : "+c"(cx), "+S"(si), "+D"(di)::"memory");
  check("a rep movsb over a page mended by the handler ends",
        cx == 0 && mended == 1 && di == WINDOW + 7000);
  check("and copied all",
        !memcmp(pages[0] + 1000, source, 3096) && !memcmp(pages[1], source + 3096, 2904));
  table[1] = 0;
  invlpg((void*)(WINDOW + 4096));
  mended = 0;
  cx = 600, si = (ulong)source, di = WINDOW + 4;
  // An unaligned store across the boundary, restarted whole.
  asm volatile("movq %0, (%1)" ::"r"(0x8877665544332211), "r"(WINDOW + 4096 - 3) : "memory");
  check("a store across the boundary is restarted",
        mended == 1 && pages[0][4093] == 0x11 && pages[1][4] == 0x88);
  trap_hook[PF] = 0;
}

static void sizes(void) {
  u64 cx, di, si;
  // 32-bit addresses use ECX, ESI, EDI and clear the upper halves of what they write.
  cx = 0xFFFFFFFF00000005, di = 0xFFFFFFFF00000000 | (ulong)pages[0];
  asm volatile("mov $0x77, %%al\n\taddr32 rep stosb" : "+c"(cx), "+D"(di)::"rax", "memory");
  check("addr32 rep stosb counts ECX and EDI",
        cx == 0 && di == (ulong)pages[0] + 5 && pages[0][4] == 0x77);
  cx = 0xFFFFFFFF00000000, di = (ulong)pages[0] + 100;
  pages[0][100] = 1;
  asm volatile("addr32 rep stosb" : "+c"(cx), "+D"(di) : "a"(2) : "memory");
  check("addr32 rep with ECX 0 stores nothing", pages[0][100] == 1);
  cx = 0;
  di = si = (ulong)pages[0];
  asm volatile("rep movsb" : "+c"(cx), "+S"(si), "+D"(di)::"memory");
  check("rep with RCX 0 does nothing", di == (ulong)pages[0] && cx == 0);
  u8 equal, below;
  cx = 0;
  asm volatile("xor %%eax, %%eax\n\tcmp $1, %%eax\n\trepe cmpsb\n\tsete %3\n\tsetb %4"
               : "+c"(cx), "+S"(si), "+D"(di), "=q"(equal), "=q"(below)::"rax", "cc");
  check("repe cmpsb with RCX 0 leaves the flags", !equal && below);
  memcpy(pages[1], pages[0], 64);
  pages[1][10] ^= 1;
  cx = 64, si = (ulong)pages[0], di = (ulong)pages[1];
  asm volatile("repe cmpsb\n\tsete %3" : "+c"(cx), "+S"(si), "+D"(di), "=q"(equal)::"cc");
  check("repe cmpsb stops after the difference",
        !equal && cx == 64 - 11 && si == (ulong)pages[0] + 11);
  // Overlapping forward copy spreads the first bytes (no memmove).
  memset(pages[0], 0, 64);
  pages[0][0] = 9;
  cx = 20, si = (ulong)pages[0], di = (ulong)pages[0] + 1;
  asm volatile("rep movsb" : "+c"(cx), "+S"(si), "+D"(di)::"memory");
  check("an overlapping copy goes byte by byte", pages[0][20] == 9 && pages[0][21] == 0);
  // outs and ins with a count (the POST port and the debug exit's neighbour are harmless).
  cx = 16, si = (ulong)source;
  asm volatile("rep outsb" : "+c"(cx), "+S"(si) : "d"(0x80) : "memory");
  check("rep outsb", cx == 0 && si == (ulong)source + 16);
  cx = 8, di = (ulong)pages[0];
  asm volatile("rep insw" : "+c"(cx), "+D"(di) : "d"(0x3FD) : "memory");
  check("rep insw", cx == 0 && di == (ulong)pages[0] + 16);
}

static volatile u32 ticks, inside;
static ulong rep_ip;
static bool tick(struct frame* f) {
  ++ticks;
  if (f->ip == rep_ip && f->cx != 0 && f->cx != 4096) ++inside;
  lapic_write(LAPIC_TIMER_INITIAL, 97 + ticks % 31);
  eoi();
  return true;
}

static void interrupted(void) {
  static u8 big[2][64 * 1024];
  for (u32 i = 0; i < sizeof big[0]; ++i) big[0][i] = i * 13 >> 3;
  trap_hook[0x60] = tick;
  lapic_write(LAPIC_LVT_TIMER, 0x60);
  lapic_write(LAPIC_TIMER_DIVIDE, 0xB);
  lapic_write(LAPIC_TIMER_INITIAL, 100);
  bool good = true;
  for (u32 round = 0; round < 200; ++round) {
    memset(big[1], 0, sizeof big[1]);
    u64 cx = sizeof big[0], si = (ulong)big[0], di = (ulong)big[1];
    sti();
    asm volatile("mov $1f, %3\n1:\trep movsb"
                 : "+c"(cx), "+S"(si), "+D"(di), "=m"(rep_ip)::"memory");
    cli();
    good &= cx == 0 && di == (ulong)big[1] + sizeof big[1];
    if (round % 20 == 0) good &= !memcmp(big[0], big[1], sizeof big[0]);
  }
  lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | 0x60);
  lapic_write(LAPIC_TIMER_INITIAL, 0);
  check("200 long copies under timer interrupts are whole", good);
  print("# %u interrupts, %u between iterations\n", ticks, inside);
  check("interrupts come between iterations", inside > 0);
}

// Single step traps after each iteration.
static volatile u32 steps;
static bool step(struct frame* f) {
  (void)f;
  ++steps;
  return true;
}
static void stepped(void) {
  trap_hook[DB] = step;
  u64 cx = 10, di = (ulong)pages[0];
  asm volatile(
      "pushf\n\torl $0x100, (%%rsp)\n\tpopf\n\t"
      "rep stosb\n\t"
      "pushf\n\tandl $~0x100, (%%rsp)\n\tpopf"
      : "+c"(cx), "+D"(di)
      : "a"(1)
      : "memory", "cc");
  check("single step traps after each iteration of rep", cx == 0 && steps >= 10 + 3);
  trap_hook[DB] = 0;
}

void guest_main(void) {
  faults();
  restart();
  sizes();
  interrupted();
  stepped();
  finish("strings");
}
