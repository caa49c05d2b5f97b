// SPDX-License-Identifier: GPL-2.0-only
// Start and restart of cores, their register state, atomic instructions under contention, locks,
// TLB shootdown (SDM Vol. 3, 8.4, 9.1, 8.1.2, 4.10.5). For any number of cores from 2.
#include "lib/expect.h"
#include "lib/guest.h"

static u32 cores, rounds;  // rounds: of the contended loops, so that the total is about the same

// --- What a core looks like after INIT and SIPI (SDM Vol. 3, table 9-1) ---

struct core_state {
  u32 eax, ebx, ecx, edx, esi, edi, ebp, esp, cr0, cr2, cr3, cr4, flags;
  u16 cs, ds, ss, ip;
  u32 dr6, dr7;
  volatile u32 done;
};
#define PROBE 0x9000
#define STATE 0x7000
extern u8 probe_start[], probe_end[];
asm(".text\n.code16\n"
    "probe_start:\n"
    "  mov %eax, %cs:(0x800)\n"  // into the page of the probe itself
    "  mov %ebx, %cs:(0x804)\n"
    "  mov %ecx, %cs:(0x808)\n"
    "  mov %edx, %cs:(0x80c)\n"
    "  mov %esi, %cs:(0x810)\n"
    "  mov %edi, %cs:(0x814)\n"
    "  mov %ebp, %cs:(0x818)\n"
    "  mov %esp, %cs:(0x81c)\n"
    "  mov %cr0, %eax\n  mov %eax, %cs:(0x820)\n"
    "  mov %cr2, %eax\n  mov %eax, %cs:(0x824)\n"
    "  mov %cr3, %eax\n  mov %eax, %cs:(0x828)\n"
    "  mov %cr4, %eax\n  mov %eax, %cs:(0x82c)\n"
    "  mov %cs, %ax\n  mov %ax, %cs:(0x834)\n"
    "  mov %ds, %ax\n  mov %ax, %cs:(0x836)\n"
    "  mov %ss, %ax\n  mov %ax, %cs:(0x838)\n"
    "  mov %dr6, %eax\n  mov %eax, %cs:(0x83c)\n"
    "  mov %dr7, %eax\n  mov %eax, %cs:(0x840)\n"
    "  xor %ax, %ax\n  mov %ax, %ss\n  mov $0x7f00, %sp\n"
    "  call 1f\n1: pop %ax\n  sub $(1b - probe_start), %ax\n  mov %ax, %cs:(0x83a)\n"
    "  pushfl\n  popl %eax\n  mov %eax, %cs:(0x830)\n"
    "  lock incl %cs:(0x844)\n"
    "2: cli\n  hlt\n  jmp 2b\n"
    "probe_end:\n"
#ifdef __x86_64__
    ".code64\n"
#else
    ".code32\n"
#endif
);

static struct core_state* probe(u8 vector) {
  u8* page = (u8*)((ulong)vector << 12);
  asm("" : "+r"(page));
  memcpy(page, probe_start, probe_end - probe_start);
  memset(page + 0x800, 0xEE, 0x44);
  ((struct core_state*)(page + 0x800))->done = 0;
  return (struct core_state*)(page + 0x800);
}

static void start_state(void) {
  struct core_state* s = probe(PROBE >> 12);
  ipi(1, ICR_INIT | ICR_ASSERT);
  ipi(1, ICR_SIPI | ICR_ASSERT | PROBE >> 12);
  if (!check("an INIT and a SIPI right after it start a core", wait_for(s->done == 1, 200))) return;
  check_eq("CS after SIPI is the vector times 100h", s->cs, PROBE >> 4);
  check_eq("IP after SIPI is 0", s->ip, 0);
  check_eq("CR0 after INIT keeps CD and NW, else 10h", s->cr0 & ~0x60000000u, 0x10);
  check_eq_hw("CR0.CD and NW are set as at reset", s->cr0 & 0x60000000, 0x60000000);
  check_eq("CR2, CR3, CR4 are 0", s->cr2 | s->cr3 | s->cr4, 0);
  check_eq("DS and SS are 0", s->ds | s->ss, 0);
  check_eq("EAX, EBX, ECX, ESI, EDI, EBP, ESP are 0",
           s->eax | s->ebx | s->ecx | s->esi | s->edi | s->ebp | s->esp, 0);
  check_eq("EDX has family and model", s->edx & 0xF00, 0x600);
  check_eq_hw("EDX is the signature of CPUID", s->edx & 0xFF0, cpuid(1).a & 0xFF0);
  check_eq("flags are 2", s->flags & ~0xFD5u, 2);
  check_eq("DR6", s->dr6, 0xFFFF0FF0);
  check_eq("DR7", s->dr7, 0x400);

  s->done = 0;
  ipi(1, ICR_SIPI | ICR_ASSERT | PROBE >> 12);
  delay_us(500);
  check_eq("a SIPI to a core that runs is ignored", s->done, 0);
  ipi(1, ICR_INIT | ICR_ASSERT);
  delay_us(500);
  check_eq("after INIT a core waits", s->done, 0);
  ipi(1, ICR_SIPI | ICR_ASSERT | PROBE >> 12);
  ipi(1, ICR_SIPI | ICR_ASSERT | PROBE >> 12);
  wait_for(s->done >= 1, 200);
  delay_us(500);
  check_eq("of two SIPIs the second is ignored", s->done, 1);

  s = probe(0);
  ipi(1, ICR_INIT | ICR_ASSERT);
  ipi(1, ICR_SIPI | ICR_ASSERT);
  check("SIPI vector 0 starts at 0:0", wait_for(s->done == 1, 200) && s->cs == 0 && s->ip == 0);
  s = probe(0x9F);
  ipi(1, ICR_INIT | ICR_ASSERT);
  ipi(1, ICR_SIPI | ICR_ASSERT | 0x9F);
  check("SIPI vector 9Fh starts at 9F00:0",
        wait_for(s->done == 1, 200) && s->cs == 0x9F00 && s->ip == 0);
}

static void spin_for_ever(ulong argument) {
  for (;;) ++*(volatile u32*)argument;
}

static void restart(void) {
  static volatile u32 counter;
  check("a core that ran a probe starts again in C", smp_start(1));
  smp_call(1, spin_for_ever, (ulong)&counter);
  wait_for(counter > 1000, 100);
  ipi(1, ICR_INIT | ICR_ASSERT);
  delay_us(200);
  u32 then = counter;
  delay_us(500);
  check("INIT stops a running core", counter == then && then > 1000);
  u32 before = core_alive[1];
  for (u32 i = 0; i < 20; ++i)
    if (!smp_start(1)) break;
  check_eq("20 INIT-SIPI rounds start a core 20 times", core_alive[1] - before, 20);
}

// --- Atomics ---

static volatile u32 inc_counter, add_counter, cas_counter, xchg_lock, xchg_counter;
static volatile u64 cas8_counter;
static volatile u32 bits;
static volatile u32 ticket_next, ticket_now, ticket_counter, dec_counter;
static volatile u8 add8;
static volatile u16 add16;
static struct barrier start_line;

static void contend(ulong core) {
  barrier_wait(&start_line, cores);
  for (u32 i = 0; i < rounds; ++i) {
    asm volatile("lock incl %0" : "+m"(inc_counter)::"cc");
    asm volatile("lock subl $1, %0" : "+m"(dec_counter)::"cc");
    asm volatile("lock addb $1, %0" : "+m"(add8)::"cc");
    asm volatile("lock addw $1, %0" : "+m"(add16)::"cc");
    u32 one = 1;
    asm volatile("lock xaddl %0, %1" : "+r"(one), "+m"(add_counter)::"cc");
    u32 old = cas_counter, seen;
    do {
      seen = old;
      asm volatile("lock cmpxchgl %2, %1" : "+a"(old), "+m"(cas_counter) : "r"(seen + 1) : "cc");
    } while (old != seen);
    // xchg as a lock around a plain counter
    for (;;) {
      u32 v = 1;
      asm volatile("xchgl %0, %1" : "+r"(v), "+m"(xchg_lock)::"memory");
      if (!v) break;
      pause();
    }
    ++xchg_counter;
    __atomic_store_n(&xchg_lock, 0, __ATOMIC_RELEASE);
    // ticket lock
    u32 my = 1;
    asm volatile("lock xaddl %0, %1" : "+r"(my), "+m"(ticket_next)::"memory", "cc");
    while (ticket_now != my) pause();
    ++ticket_counter;
    asm volatile("" ::: "memory");
    ++ticket_now;
  }
  asm volatile("lock btsl %1, %0" : "+m"(bits) : "r"((u32)core % 32) : "cc");
}

#ifdef __x86_64__
static volatile struct { u64 low, high; } __attribute__((aligned(16))) wide;
static struct barrier wide_line;
static void contend16(ulong core) {
  (void)core;
  barrier_wait(&wide_line, cores);
  for (u32 i = 0; i < rounds; ++i) {
    u64 lo = wide.low, hi = wide.high;
    u8 equal;
    do {
      asm volatile("lock cmpxchg16b %1\n\tsete %3"
                   : "+a"(lo), "+m"(wide), "+d"(hi), "=q"(equal)
                   : "b"(lo + 1), "c"(hi + 3)
                   : "cc", "memory");
    } while (!equal);
  }
}
#endif

static struct barrier eight_line;
static void contend_8b(ulong core) {
  (void)core;
  barrier_wait(&eight_line, cores);
  for (u32 i = 0; i < rounds; ++i) {
    u32 lo = 0, hi = 0;
    u8 equal;
    do {
      u64 next = ((u64)hi << 32 | lo) + 0x300000001ull;
      asm volatile("lock cmpxchg8b %1\n\tsete %3"
                   : "+a"(lo), "+m"(cas8_counter), "+d"(hi), "=q"(equal)
                   : "b"((u32)next), "c"((u32)(next >> 32))
                   : "cc", "memory");
    } while (!equal);
  }
}

static void atomics(void) {
  check("contended atomics end on all cores", smp_all(contend, 20000));
  u32 total = cores * rounds;
  check_eq("lock inc", inc_counter, total);
  check_eq("lock sub", dec_counter, (u32)-total);
  check_eq("lock add on a byte", add8, (u8)total);
  check_eq("lock add on a word", add16, (u16)total);
  check_eq("lock xadd", add_counter, total);
  check_eq("lock cmpxchg", cas_counter, total);
  check_eq("xchg as a spin lock", xchg_counter, total);
  check_eq("ticket lock", ticket_counter, total);
  check_eq("lock bts", bits, cores >= 32 ? 0xFFFFFFFF : (1u << cores) - 1);
  cas8_counter = 0;
  check("contended cmpxchg8b ends on all cores", smp_all(contend_8b, 20000));
  check_eq("lock cmpxchg8b", cas8_counter, (u64)total * 3 << 32 | total);
#ifdef __x86_64__
  check("contended cmpxchg16b ends on all cores", smp_all(contend16, 20000));
  check("lock cmpxchg16b", wide.low == total && wide.high == 3ull * total);
#endif
}

// --- Order of memory: what total store order forbids (SDM Vol. 3, 8.2.3.2) ---

static volatile u32 data_word, flag_word, order_errors;
static struct barrier order_line;
static void message_passing(ulong core) {
  barrier_wait(&order_line, cores);
  for (u32 i = 1; i <= 3000; ++i) {
    if (core == 0) {
      data_word = i;
      asm volatile("" ::: "memory");
      flag_word = i;
    } else if (core == 1) {
      u32 f = flag_word;
      asm volatile("" ::: "memory");
      if (data_word < f) ++order_errors;
    }
  }
}

// --- TLB shootdown: core 0 takes a page away, the others must fault after the IPI ---

#ifdef __x86_64__
extern u64 boot_pml4[], boot_pdpt[], boot_pd[];
static u64 page_table[512] __attribute__((aligned(4096)));
static volatile u32 page_a[1024] __attribute__((aligned(4096)));
static volatile u32 page_b[1024] __attribute__((aligned(4096)));
#define WINDOW 0x30000000ul  // remapped through a page table of our own
static volatile u32 acknowledged, phase, wrong_reads, reads;

static bool on_shootdown(struct frame* f) {
  (void)f;
  invlpg((void*)WINDOW);
  eoi();
  __atomic_fetch_add(&acknowledged, 1, __ATOMIC_RELEASE);
  return true;
}

static void use_window(ulong core) {
  (void)core;
  sti();
  while (phase != 0xFFFF) {
    cli();  // so that phase and value belong together
    u32 p = phase;
    u32 v = *(volatile u32*)WINDOW;
    u32 q = phase;
    if (p == q && p % 2 == 0 && p != 0xFFFF && v != (p % 4 == 0 ? 0xAAAA : 0xBBBB)) ++wrong_reads;
    ++reads;
    sti();
    pause();
  }
  cli();
}

static void shootdown(void) {
  trap_hook[0x50] = on_shootdown;
  page_a[0] = 0xAAAA;
  page_b[0] = 0xBBBB;
  page_table[0] = (ulong)page_a | 3;
  boot_pd[WINDOW >> 21] = (ulong)page_table | 7;
  flush_tlb();
  for (u32 c = 1; c < cores; ++c) smp_call(c, use_window, c);
  // Even phase p: window shows page A (p mod 4 == 0) or B (2); odd: change under way.
  bool all = true;
  for (u32 round = 0; round < 200; ++round) {
    phase = phase + 1;
    page_table[0] = (round % 2 ? (ulong)page_a : (ulong)page_b) | 3;
    invlpg((void*)WINDOW);
    acknowledged = 0;
    ipi(0, ICR_OTHERS | ICR_ASSERT | 0x50);
    all &= wait_for(acknowledged == cores - 1, 200);
    phase = phase + 1;
    if (*(volatile u32*)WINDOW != (round % 2 ? 0xAAAAu : 0xBBBBu)) ++wrong_reads;
    u32 now = reads;
    wait_for(reads > now + cores, 10);
  }
  phase = 0xFFFF;
  for (u32 c = 1; c < cores; ++c) smp_wait(c, 200);
  check("every shootdown IPI is answered", all);
  check_eq("no stale translation is used after a shootdown", wrong_reads, 0);
}
#endif

void guest_main(void) {
  cores = core_count();
  start_state();
  restart();
  cores = smp_start_all();
  check_eq("all cores run", cores, core_count());
  rounds = (cores > 8 ? 8000 : 20000) / cores;
  atomics();
  smp_all(message_passing, 2000);
  check_eq("stores are seen in order", order_errors, 0);
#ifdef __x86_64__
  shootdown();
#endif
  finish(BITS64 ? "smp64" : "smp32");
}
