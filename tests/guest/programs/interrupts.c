// SPDX-License-Identifier: GPL-2.0-only
// Delivery of interrupts to one core: shadows of STI and MOV SS, HLT, NMI blocking, priorities, EOI
// (SDM Vol. 3, 6.8 and 10.8). Self-IPIs make the interrupts, so nothing hangs on outside timing.
#include "lib/expect.h"
#include "lib/guest.h"

static volatile u32 hits[256];
static volatile u8 order[64];
static volatile u32 order_count, depth, max_depth;
static volatile ulong last_ip, last_flags;

static void forget(void) {
  memset((void*)hits, 0, sizeof hits);
  order_count = depth = max_depth = 0;
  last_ip = 0;
}

static bool count(struct frame* f) {
  ++hits[f->vector];
  if (order_count < sizeof order) order[order_count++] = f->vector;
  last_ip = f->ip;
  last_flags = f->flags;
  eoi();
  return true;
}

// Makes a vector pending while interrupts are off.
static void pend(u8 vector) {
  lapic_write(LAPIC_ICR, ICR_SELF | ICR_ASSERT | vector);
  if (!wait_for(lapic_bit(LAPIC_IRR, vector), 10)) print("# vector %x never pending\n", vector);
}

static void shadows(void) {
  ulong after;
  forget();
  pend(0x51);
  check("a self-IPI waits in IRR while IF is clear", lapic_bit(LAPIC_IRR, 0x51) && !hits[0x51]);
  for (int i = 0; i < 1000; ++i) asm volatile("sti\n\tcli" ::: "memory");
  check_eq("sti; cli never takes a pending interrupt", hits[0x51], 0);
  asm volatile("sti\n\tnop\n1:\tcli\n\tmov $1b, %0" : "=r"(after)::"memory");
  check("sti; nop; cli takes it after the nop", hits[0x51] == 1 && last_ip == after);

  forget();
  u32 at_target = 0;
  for (u32 i = 0; i < 4; ++i) {
    pend(0x51);
    asm volatile(
        "call 2f\n1:\tcli\n\tmov $1b, %0\n\tjmp 3f\n"
        "2:\tsti\n\tret\n3:"
        : "=r"(after)::"memory");
    at_target += hits[0x51] == i + 1 && last_ip == after;
    if (hits[0x51] == i) asm volatile("sti\n\tnop\n\tcli" ::: "memory");
  }
  check_eq("sti; ret takes it where the ret leads, every time", at_target, 4);

  forget();
  pend(0x51);
  asm volatile("sti\n\tsti\n1:\tnop\n\tcli\n\tmov $1b, %0" : "=r"(after)::"memory");
  check("a second sti casts no new shadow", hits[0x51] == 1 && last_ip == after);

  forget();
  pend(0x51);
  asm volatile("sti\n\thlt\n1:\tcli\n\tmov $1b, %0" : "=r"(after)::"memory");
  check("sti; hlt with a pending interrupt wakes after the hlt",
        hits[0x51] == 1 && last_ip == after);

  forget();
  pend(0x51);
  asm volatile("pushf\n\torl $0x200, (%%" SP ")\n\tpopf\n1:\tnop\n\tcli\n\tmov $1b, %0"
               : "=r"(after)::"memory");
  check("popf that sets IF has no shadow", hits[0x51] == 1 && last_ip == after);
  check("the pushed flags have IF", last_flags & FLAG_IF);

  forget();
  pend(0x51);
#ifdef __x86_64__
  asm volatile(
      "mov %%rsp, %%rax\n\tpushq %1\n\tpush %%rax\n\tpushfq\n\torl $0x200, (%%rsp)\n\tpushq "
      "%2\n\tpushq $1f\n\tiretq\n"
      "1:\tnop\n\tcli\n\tmov $1b, %0"
      : "=r"(after)
      : "i"(SEL_KDATA), "i"(SEL_KCODE)
      : "rax", "memory");
#else
  asm volatile(
      "pushf\n\torl $0x200, (%%esp)\n\tpush %1\n\tpush $1f\n\tiret\n1:\tnop\n\tcli\n\tmov $1b, %0"
      : "=r"(after)
      : "i"(SEL_KCODE)
      : "memory");
#endif
  check("iret that sets IF has no shadow", hits[0x51] == 1 && last_ip == after);

  // An interrupt gate clears IF, a trap gate leaves it.
  forget();
  asm volatile("sti; int $0x51; cli" ::: "memory");
  check("int n pushes the flags as they were", hits[0x51] == 1 && (last_flags & FLAG_IF));
}

// Timer interrupts at odd distances fall on every instruction of a loop, but never into a shadow.
static ulong forbidden;
static volatile u32 ticks, bad_ticks;
static bool tick(struct frame* f) {
  ++ticks;
  if (f->ip == forbidden) ++bad_ticks;
  lapic_write(LAPIC_TIMER_INITIAL, 20 + ticks % 37);
  eoi();
  return true;
}

static void shadows_under_fire(void) {
  trap_hook[0x61] = tick;
  lapic_write(LAPIC_TIMER_DIVIDE, 0xB);  // by 1
  lapic_write(LAPIC_LVT_TIMER, 0x61);
  ticks = bad_ticks = 0;
  forbidden = 0;
  lapic_write(LAPIC_TIMER_INITIAL, 50);
  ulong address;
  for (int round = 0; round < 2000 && ticks < 300; ++round) {
    asm volatile(
        "mov $1f, %0\n\tmov %0, %1\n\tmov %%ss, %%edx\n\tmov $500, %%ecx\n\tsti\n\tnop\n"
        "0:\tmov %%edx, %%ss\n"
        "1:\tnop\n\tdec %%ecx\n\tjnz 0b\n\tcli"
        : "=&r"(address), "=m"(forbidden)::"ecx", "edx", "memory", "cc");
  }
  check("timer interrupts arrive in a loop full of mov SS", ticks >= 300);
  check_eq("none arrives right after mov SS", bad_ticks, 0);
  ticks = 0;
  for (int round = 0; round < 2000 && ticks < 300; ++round) {
    asm volatile(
        "mov $1f, %0\n\tmov %0, %1\n\tmov $500, %%ecx\n"
        "0:\tsti\n"
        "1:\tnop\n\tcli\n\tdec %%ecx\n\tjnz 0b"
        : "=&r"(address), "=m"(forbidden)::"ecx", "memory", "cc");
  }
  check("timer interrupts arrive in a loop of sti; nop; cli", ticks >= 300);
  check_eq("none arrives right after sti", bad_ticks, 0);
  // No wake-up may be lost between the test and hlt.
  ticks = 0;
  u32 woken = 0;
  while (woken < 500) {
    u32 before = ticks;
    lapic_write(LAPIC_TIMER_INITIAL, 1 + woken % 23);
    while (ticks == before) halt_with_interrupts();
    ++woken;
  }
  check_eq("500 times sti; hlt with a timer about to fire", woken, 500);
  lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | 0x61);
  lapic_write(LAPIC_TIMER_INITIAL, 0);
  sti();
  cli();
  trap_hook[0x61] = count;
}

static volatile u32 nmis, nmi_depth, nmi_max_depth;
static volatile int nmi_action;

static void send_nmi(void) { ipi(core_id(), ICR_NMI | ICR_ASSERT); }

static bool on_nmi(struct frame* f) {
  (void)f;
  ++nmis;
  if (++nmi_depth > nmi_max_depth) nmi_max_depth = nmi_depth;
  int action = nmi_action;
  nmi_action = 0;
  if (action) {
    send_nmi();
    send_nmi();
    delay_us(5);
    if (action == 2) asm volatile("int $0x52" ::: "memory");  // its iret ends the blocking
  }
  --nmi_depth;
  return true;
}

static bool nothing(struct frame* f) {
  (void)f;
  return true;
}

static void nmi(void) {
  trap_hook[NMI_VECTOR] = on_nmi;
  trap_hook[0x52] = nothing;
  send_nmi();
  check("an NMI comes with IF clear", wait_for(nmis == 1, 10));
  nmis = nmi_max_depth = 0;
  nmi_action = 1;
  send_nmi();
  wait_for(nmis == 2, 10);
  delay_us(5);
  check_eq("NMIs are blocked until iret", nmi_max_depth, 1);
  check_eq("NMIs while blocked become one", nmis, 2);
  nmis = nmi_max_depth = 0;
  nmi_action = 2;
  send_nmi();
  wait_for(nmis == 2, 10);
  delay_us(5);
  check("any iret in the handler ends the blocking", nmis == 2 && nmi_max_depth == 2);
  nmis = 0;
  lapic_write(LAPIC_LVT_TIMER, LVT_NMI);
  lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | 0x61);
  lapic_write(LAPIC_LVT_LINT1, LVT_NMI);
  lapic_write(LAPIC_LVT_LINT1, LVT_MASKED | LVT_NMI);
  check_eq("writing an LVT with NMI mode delivers nothing", nmis, 0);
}

static volatile u8 nested_vector;
static volatile bool nested_seen, lower_seen;
static volatile u32 ppr_inside, isr_inside;

static bool nest(struct frame* f) {
  ++hits[f->vector];
  order[order_count++] = f->vector;
  ppr_inside = lapic_read(LAPIC_PPR);
  isr_inside = lapic_bit(LAPIC_ISR, f->vector);
  pend(0x45);  // same class: waits
  pend(0x61);  // higher class: nests
  sti();
  asm volatile("nop; nop");
  cli();
  nested_seen = hits[0x61] == 1;
  lower_seen = hits[0x45] != 0;
  eoi();
  return true;
}

static void priorities(void) {
  forget();
  pend(0x41);
  pend(0x61);
  pend(0x51);
  sti();
  asm volatile("nop; nop; nop");
  cli();
  check("pending interrupts come by falling vector",
        order_count == 3 && order[0] == 0x61 && order[1] == 0x51 && order[2] == 0x41);

  forget();
  trap_hook[0x43] = nest;
  pend(0x43);
  sti();
  asm volatile("nop; nop; nop");
  cli();
  check_eq("PPR in a handler is the class of the vector in service", ppr_inside & 0xF0, 0x40);
  check("ISR bit in a handler", isr_inside);
  check("a higher class nests", nested_seen);
  check("the same class waits for EOI", !lower_seen && hits[0x45] == 1 && order[2] == 0x45);
  check_eq("PPR is 0 after all EOIs", lapic_read(LAPIC_PPR), 0);

  forget();
  lapic_write(LAPIC_TPR, 0x50);
  pend(0x41);
  lapic_write(LAPIC_ICR, ICR_SELF | ICR_ASSERT | 0x51);
  pend(0x61);
  sti();
  asm volatile("nop; nop; nop");
  cli();
  check("TPR 50h lets only class 6 and up pass", order_count == 1 && order[0] == 0x61);
  check_eq("PPR follows TPR", lapic_read(LAPIC_PPR), 0x50);
  sti();
  lapic_write(LAPIC_TPR, 0x40);
  delay_us(1);
  cli();
  check("lowering TPR to 40h delivers class 5", order_count == 2 && order[1] == 0x51);
#ifdef __x86_64__
  u64 cr8;
  asm volatile("mov %%cr8, %0" : "=r"(cr8));
  check_eq("CR8 mirrors TPR", cr8, 4);
  sti();
  asm volatile("mov %0, %%cr8" ::"r"(0ull) : "memory");
  delay_us(1);
  cli();
  check("lowering CR8 delivers the rest", order_count == 3 && order[2] == 0x41);
  asm volatile("mov %0, %%cr8" ::"r"(0xAull));
  check_eq("TPR mirrors CR8", lapic_read(LAPIC_TPR), 0xA0);
  asm volatile("mov %0, %%cr8" ::"r"(0ull));
  FAULT_HW("#GP of a reserved bit in CR8", GP, 0, "mov %0, %%cr8", "r"(0x10ull));
#endif
  lapic_write(LAPIC_TPR, 0);
  sti();
  asm volatile("nop; nop");
  cli();
  check_eq("nothing is left", order_count, 3);

  // IRR and ISR each hold a vector once.
  forget();
  pend(0x53);
  pend(0x53);
  sti();
  asm volatile("nop; nop");
  cli();
  check_eq("two sends of a pending vector are one", hits[0x53], 1);
}

// Without EOI a vector in service holds back its class; EOI ends the highest in service.
static bool no_eoi(struct frame* f) {
  ++hits[f->vector];
  return true;
}
static void eoi_order(void) {
  forget();
  trap_hook[0x44] = trap_hook[0x64] = no_eoi;
  pend(0x44);
  sti();
  asm volatile("nop; nop");
  lapic_write(LAPIC_ICR, ICR_SELF | ICR_ASSERT | 0x64);
  wait_for(hits[0x64], 10);
  asm volatile("nop; nop");
  cli();
  check("both vectors are in service",
        lapic_bit(LAPIC_ISR, 0x44) && lapic_bit(LAPIC_ISR, 0x64) && hits[0x64] == 1);
  pend(0x64);
  sti();
  asm volatile("nop; nop");
  cli();
  check("a vector in service waits in IRR", hits[0x64] == 1 && lapic_bit(LAPIC_IRR, 0x64));
  eoi();
  check("EOI ends the highest in service",
        lapic_bit(LAPIC_ISR, 0x44) && !lapic_bit(LAPIC_ISR, 0x64));
  sti();
  asm volatile("nop; nop");
  cli();
  check_eq("then the waiting one is delivered again", hits[0x64], 2);
  eoi();
  eoi();
  check("all EOIs done", !lapic_bit(LAPIC_ISR, 0x44) && !lapic_bit(LAPIC_ISR, 0x64));
  eoi();
  check_eq("an EOI with nothing in service does nothing", lapic_read(LAPIC_PPR), 0);
}

static void lapic_switches(void) {
  forget();
  lapic_write(LAPIC_LVT_TIMER, 0x51);
  lapic_write(LAPIC_SVR, 0xFF);
  check_hw("a software-disabled LAPIC masks its LVTs", lapic_read(LAPIC_LVT_TIMER) & LVT_MASKED);
  lapic_write(LAPIC_LVT_TIMER, 0x51);
  check_hw("and they cannot be unmasked", lapic_read(LAPIC_LVT_TIMER) & LVT_MASKED);
  lapic_write(LAPIC_SVR, 0x1FF);
  check_hw("enabling leaves them masked", lapic_read(LAPIC_LVT_TIMER) & LVT_MASKED);

  // Error register: sending an illegal vector (SDM Vol. 3, 10.5.3).
  lapic_write(LAPIC_ESR, 0);
  lapic_write(LAPIC_ICR, ICR_SELF | ICR_ASSERT | 5);
  delay_us(5);
  lapic_write(LAPIC_ESR, 0);
  check_hw("sending vector 5 sets an illegal vector error", lapic_read(LAPIC_ESR) & 0x60);
  lapic_write(LAPIC_ESR, 0);
  lapic_write(LAPIC_ESR, 0);
  check_eq("ESR is empty after two writes", lapic_read(LAPIC_ESR), 0);
  check("LAPIC version 14h or later", (lapic_read(LAPIC_VERSION) & 0xFF) >= 0x14);
  check("number of LVT entries", (lapic_read(LAPIC_VERSION) >> 16 & 0xFF) >= 5);
  check_eq("LAPIC id", lapic_read(LAPIC_ID) >> 24, core_id());
}

void guest_main(void) {
  for (int v = 0x40; v < 0x70; ++v) trap_hook[v] = count;
  shadows();
  shadows_under_fire();
  nmi();
  priorities();
  eoi_order();
  lapic_switches();
  finish(BITS64 ? "interrupts64" : "interrupts32");
}
