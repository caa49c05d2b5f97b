// SPDX-License-Identifier: GPL-2.0-only
// Interrupts between cores: every destination mode and shorthand, lowest priority, NMI, waking HLT
// (SDM Vol. 3, 10.6). Runs on 4 cores.
#include "lib/expect.h"
#include "lib/guest.h"

#define VECTOR 0x48
#define CORES 4

static volatile u32 got[MAX_CORES], nmis[MAX_CORES], pongs[MAX_CORES];
static volatile bool stop_listening;
static volatile u32 listening;

static bool on_vector(struct frame* f) {
  (void)f;
  __atomic_fetch_add(&got[core_id()], 1, __ATOMIC_RELAXED);
  eoi();
  return true;
}

static bool on_nmi(struct frame* f) {
  (void)f;
  __atomic_fetch_add(&nmis[core_id()], 1, __ATOMIC_RELAXED);
  return true;
}

static void listen(ulong core) {
  (void)core;
  sti();
  __atomic_fetch_add(&listening, 1, __ATOMIC_RELAXED);
  while (!stop_listening) pause();
  cli();
}

static void listen_all(void) {
  memset((void*)got, 0, sizeof got);
  listening = 0;
  stop_listening = false;
  for (u32 c = 1; c < CORES; ++c) smp_call(c, listen, c);
  wait_for(listening == CORES - 1, 100);
  sti();
}

static void listen_end(void) {
  stop_listening = true;
  for (u32 c = 1; c < CORES; ++c) smp_wait(c, 100);
  cli();
}

// Sends and checks which cores got it: bit n of the mask for core n.
static void expect_kind(const char* name, u8 destination, u32 command, u32 mask, int kind) {
  memset((void*)got, 0, sizeof got);
  ipi(destination, command | ICR_ASSERT | VECTOR);
  u32 want = 0;
  for (u32 c = 0; c < CORES; ++c) want += mask >> c & 1;
  wait_for(got[0] + got[1] + got[2] + got[3] >= want, 20);
  delay_us(50);
  u32 seen = 0;
  for (u32 c = 0; c < CORES; ++c)
    if (got[c]) seen |= (got[c] == 1 ? 1u : 0x100u) << c;
  check_equal(name, seen, mask, __LINE__, kind);
}
#define expect(name, destination, command, mask) expect_kind(name, destination, command, mask, 0)
#define expect_hw(name, destination, command, mask) expect_kind(name, destination, command, mask, 1)

static void destinations(void) {
  listen_all();
  for (u32 c = 0; c < CORES; ++c) {
    static const char* names[] = {"physical to core 0", "physical to core 1", "physical to core 2",
                                  "physical to core 3"};
    expect(names[c], c, ICR_FIXED, 1u << c);
  }
  expect("physical to nobody", 0x0E, ICR_FIXED, 0);
  expect("physical broadcast FFh", 0xFF, ICR_FIXED, 0xF);
  expect("shorthand self", 0x2, ICR_SELF, 1);
  expect("shorthand all", 0, ICR_ALL, 0xF);
  expect("shorthand all but self", 0, ICR_OTHERS, 0xE);
  expect("logical flat to one", 0x04, ICR_LOGICAL, 0x4);
  expect("logical flat to several", 0x0B, ICR_LOGICAL, 0xB);
  expect("logical flat to nobody", 0xF0, ICR_LOGICAL, 0);
  expect("logical flat broadcast", 0xFF, ICR_LOGICAL, 0xF);
  listen_end();
}

static void set_cluster(ulong core) {
  // Two clusters of two cores.
  lapic_write(LAPIC_DFR, 0x0FFFFFFF);
  lapic_write(LAPIC_LDR, (u32)((core / 2) << 4 | 1 << core % 2) << 24);
}
static void set_flat(ulong core) {
  lapic_write(LAPIC_DFR, 0xFFFFFFFF);
  lapic_write(LAPIC_LDR, 1u << (24 + core));
}

static void clusters(void) {
  smp_all(set_cluster, 100);
  listen_all();
  expect("cluster 0 member 1", 0x02, ICR_LOGICAL, 0x2);
  expect("cluster 1 both members", 0x13, ICR_LOGICAL, 0xC);
  expect("cluster 2 has nobody", 0x2F, ICR_LOGICAL, 0);
  expect_hw("cluster broadcast", 0xFF, ICR_LOGICAL, 0xF);
  listen_end();
  smp_all(set_flat, 100);
}

static void raise_tpr(ulong core) { lapic_write(LAPIC_TPR, core == 2 ? 0x10 : 0x30); }
static void drop_tpr(ulong core) {
  (void)core;
  lapic_write(LAPIC_TPR, 0);
}

static void lowest_priority(void) {
  listen_all();
  memset((void*)got, 0, sizeof got);
  for (int i = 0; i < 8; ++i) {
    ipi(0x0F, ICR_LOGICAL | ICR_LOWEST | ICR_ASSERT | VECTOR);
    u32 want = i + 1;
    wait_for(got[0] + got[1] + got[2] + got[3] >= want, 20);
  }
  delay_us(50);
  check_eq("lowest priority goes to exactly one core each time", got[0] + got[1] + got[2] + got[3],
           8);
  listen_end();
  smp_all(raise_tpr, 100);
  listen_all();
  expect_hw("lowest priority goes to the core with the lowest TPR", 0x0F, ICR_LOGICAL | ICR_LOWEST,
            0x4);
  listen_end();
  smp_all(drop_tpr, 100);

  // Through the I/O APIC as well.
  listen_all();
  memset((void*)got, 0, sizeof got);
  ioapic_route(10, 0x0E, ICR_LOGICAL | ICR_LOWEST | VECTOR);
  for (u32 i = 0; i < 6; ++i) {
    outb(0x200A, 1);
    wait_for(got[1] + got[2] + got[3] > i, 20);
    outb(0x200A, 0);
  }
  check("I/O APIC lowest priority reaches one of the set",
        got[1] + got[2] + got[3] == 6 && got[0] == 0);
  memset((void*)got, 0, sizeof got);
  ioapic_route(10, 0x0C, ICR_LOGICAL | VECTOR);
  outb(0x200A, 1);
  wait_for(got[2] + got[3] == 2, 20);
  outb(0x200A, 0);
  check("I/O APIC logical fixed reaches all of the set",
        got[2] == 1 && got[3] == 1 && got[0] + got[1] == 0);
  memset((void*)got, 0, sizeof got);
  ioapic_route(10, 3, VECTOR);
  outb(0x200A, 1);
  wait_for(got[3] == 1, 20);
  outb(0x200A, 0);
  check("I/O APIC physical reaches its core", got[3] == 1 && got[0] + got[1] + got[2] == 0);
  ioapic_route(10, 0, REDIR_MASKED);
  listen_end();
}

static volatile u32 asleep[MAX_CORES], awake[MAX_CORES];
static void sleep_with_interrupts(ulong core) {
  asleep[core] = 1;
  halt_with_interrupts();
  awake[core] = 1;
}
static void sleep_without_interrupts(ulong core) {
  asleep[core] = 1;
  asm volatile("cli; hlt");
  awake[core] = 1;
}

static void sleep(work_t how) {
  memset((void*)asleep, 0, sizeof asleep);
  memset((void*)awake, 0, sizeof awake);
  for (u32 c = 1; c < CORES; ++c) smp_call(c, how, c);
  wait_for(asleep[1] && asleep[2] && asleep[3], 100);
  delay_us(100);
}

static void halt_and_nmi(void) {
  sleep(sleep_with_interrupts);
  check("halted cores sleep", !awake[1] && !awake[2] && !awake[3]);
  ipi(2, ICR_ASSERT | VECTOR);
  check("an IPI wakes its core", wait_for(awake[2], 50));
  check("and only that", !awake[1] && !awake[3]);
  ipi(0, ICR_OTHERS | ICR_ASSERT | VECTOR);
  check("a broadcast wakes all", wait_for(awake[1] && awake[3], 50));
  for (u32 c = 1; c < CORES; ++c) smp_wait(c, 50);
  // The broadcast may still wait in core 2's IRR: taken when it next opens up.
  memset((void*)nmis, 0, sizeof nmis);
  sleep(sleep_without_interrupts);
  ipi(1, ICR_ASSERT | VECTOR);
  delay_us(100);
  check("an interrupt does not wake a core that halted with IF clear", !awake[1]);
  ipi(1, ICR_NMI | ICR_ASSERT);
  check("an NMI wakes it", wait_for(awake[1] && nmis[1] == 1, 50));
  ipi(0, ICR_OTHERS | ICR_NMI | ICR_ASSERT);
  check("NMI to all but self",
        wait_for(awake[2] && awake[3] && nmis[1] == 2 && nmis[2] == 1 && nmis[3] == 1, 50));
  check_eq("not to self", nmis[0], 0);
}

// Ping-pong: core 0 sends to core 1, whose handler answers, many times.
static volatile u32 pings;
static bool on_ping(struct frame* f) {
  (void)f;
  ++pongs[core_id()];
  eoi();
  lapic_write(LAPIC_ICR_HIGH, 0);
  lapic_write(LAPIC_ICR, ICR_ASSERT | 0x4A);
  return true;
}
static bool on_pong(struct frame* f) {
  (void)f;
  ++pings;
  eoi();
  return true;
}

static void ping_pong(void) {
  trap_hook[0x49] = on_ping;
  trap_hook[0x4A] = on_pong;
  listen_all();
  u64 start = rdtsc();
  u32 i;
  for (i = 0; i < 1000; ++i) {
    ipi(1 + i % 3, ICR_ASSERT | 0x49);
    if (!wait_for(pings == i + 1, 1000)) break;
  }
  u64 cycles = rdtsc() - start;
  check_eq("1000 IPI round trips", i, 1000);
  print("# %u cycles a round trip\n", (u32)cycles / 1000);
  listen_end();
  check("each core answered its share", pongs[1] == 334 && pongs[2] == 333 && pongs[3] == 333);
}

void guest_main(void) {
  trap_hook[VECTOR] = on_vector;
  trap_hook[NMI_VECTOR] = on_nmi;
  check_eq("cores started", smp_start_all(), CORES);
  destinations();
  clusters();
  lowest_priority();
  halt_and_nmi();
  ping_pong();
  finish("ipi");
}
