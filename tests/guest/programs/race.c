// SPDX-License-Identifier: GPL-2.0-only
// Two cores without a lock on registers that have an index or a byte order: I/O APIC
// IOREGSEL/IOWIN, PCI CF8h/CFCh, the PIT's latch, CMOS 70h/71h. Each access is logged with the TSC
// before and after it. Who clobbered whom must not hang on how the emulator slices time: the digest
// of all logs
// ("outcome HASH") has to be the same for every slice length. And whatever the order, a value read
// must be what the last index write in time selected, where the log leaves no doubt about the
// order.
//
// Plain memory is not ordered to the cycle between cores, so nothing that the digest sees may wait
// for another core through memory: both cores halt and one interrupt message starts them, and core
// 0 waits by the clock.
#include "lib/guest.h"

#define CORES 2
#define ROUNDS 400

struct access {
  u64 before, after;
  u32 index;  // write: the index; read: 0xFFFFFFFF
  u32 value;
};
#define READ 0xFFFFFFFFu

struct log {
  u32 n;
  struct access a[2 * ROUNDS + 2];
};
static struct log logs[CORES];
static u32 random_state[CORES];

static u32 random(u32 core) {
  u32 x = random_state[core];
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return random_state[core] = x;
}

// A device with an index register: how to write the index, read the window, what it must yield.
static void (*write_index)(u32 index);
static u32 (*read_window)(void);
static u32 (*pick_index)(u32 core, u32 round);
static u32 (*expected)(u32 index);

#define START_VECTOR 0x50
static bool on_start(struct frame* f) {
  (void)f;
  eoi();
  return true;
}

// Runs fn on both cores from the same moment.
static bool race_on_both(work_t fn) {
  smp_call(1, fn, 1);
  delay_us(200);  // it halts meanwhile
  ipi(0, ICR_ALL | ICR_ASSERT | START_VECTOR);
  fn(0);
  delay_us(5000);  // it ends meanwhile
  return smp_wait(1, 5000);
}

static void hammer(ulong core) {
  struct log* log = &logs[core];
  log->n = 0;
  halt_with_interrupts();
  for (u32 i = 0; i < ROUNDS; ++i) {
    struct access* a = &log->a[log->n];
    a->index = pick_index(core, i);
    a->before = rdtsc();
    write_index(a->index);
    a->after = rdtsc();
    for (volatile u32 n = random(core) & 15; n; --n) {
    }
    ++a;
    a->index = READ;
    a->before = rdtsc();
    a->value = read_window();
    a->after = rdtsc();
    log->n += 2;
    for (volatile u32 n = random(core) & 31; n; --n) {
    }
  }
}

static u64 hash = 0xCBF29CE484222325ull;
static void mix(u64 v) {
  for (int i = 0; i < 8; ++i, v >>= 8) hash = (hash ^ (v & 0xFF)) * 0x100000001B3ull;
}

// Does some index write that may have been the last before this read select the value read?
static bool explained(u32 core, u32 k) {
  const struct access* r = &logs[core].a[k];
  // Own last write.
  const struct access* own = &logs[core].a[k - 1];
  if (expected(own->index) == r->value) return true;
  // A write of the other core that may lie between the own write and the read.
  const struct log* other = &logs[1 - core];
  for (u32 j = 0; j < other->n; ++j) {
    const struct access* w = &other->a[j];
    if (w->index == READ) continue;
    if (w->after < own->before || w->before > r->after) continue;
    if (expected(w->index) == r->value) return true;
  }
  return false;
}

// A read is decided when a foreign write lies wholly between the own write and the read.
static bool decided_wrong(u32 core, u32 k) {
  const struct access *r = &logs[core].a[k], *own = &logs[core].a[k - 1];
  const struct log* other = &logs[1 - core];
  const struct access* last = 0;
  for (u32 j = 0; j < other->n; ++j) {
    const struct access* w = &other->a[j];
    if (w->index == READ || w->after <= own->before || w->before >= r->after) continue;
    if (w->before < own->after || w->after > r->before) return false;  // overlaps: open
    last = w;
  }
  return expected(last ? last->index : own->index) != r->value;
}

static u32 total_clobbered;

static void race(const char* name) {
  for (u32 c = 0; c < CORES; ++c) random_state[c] = 0x1234567 + c * 7919;
  check("both cores hammered", race_on_both(hammer));
  u32 clobbered = 0, unexplained = 0, wrong = 0;
  u64 before = hash;
  hash = 0xCBF29CE484222325ull;
  for (u32 c = 0; c < CORES; ++c)
    for (u32 k = 0; k < logs[c].n; ++k) {
      const struct access* a = &logs[c].a[k];
      mix(a->index);
      mix(a->value);
      mix(a->before - logs[0].a[0].before);
      mix(a->after - logs[0].a[0].before);
      if (a->index != READ) continue;
      if (a->value != expected(logs[c].a[k - 1].index)) ++clobbered;
      if (!explained(c, k)) ++unexplained;
      if (decided_wrong(c, k)) ++wrong;
    }
  print("outcome %s %llx clobbered %u of %u\n", name, hash, clobbered, ROUNDS * CORES);
  mix(before);
  total_clobbered += clobbered;
  print("# %s: unexplained %u, against the order of time %u\n", name, unexplained, wrong);
  check("every value read belongs to an index that was written", unexplained == 0);
  // Threads of a host have no common order to the cycle.
  check_hw("every read follows the last index write in time", wrong == 0);
}

static void write_ioregsel(u32 index) { *(volatile u32*)IOAPIC_BASE = index; }
static u32 read_iowin(void) { return *(volatile u32*)(IOAPIC_BASE + 0x10); }
static u32 pick_pin(u32 core, u32 round) { return 0x10 + 2 * (core * 12 + round % 12); }
static u32 expected_pin(u32 index) { return REDIR_MASKED | (0x30 + (index - 0x10) / 2); }

static void write_cf8(u32 index) { outl(0xCF8, index); }
static u32 read_cfc(void) { return inl(0xCFC); }
static u32 pci_id[2];
static u32 pick_function(u32 core, u32 round) { return 0x80000000u | (core ? 8 : 0) | (round & 0); }
static u32 expected_function(u32 index) { return pci_id[index >> 3 & 1]; }

static void write_70(u32 index) { outb(0x70, index); }
static u32 read_71(void) { return inb(0x71); }
static u32 pick_cmos(u32 core, u32 round) { return 0x40 + core * 8 + round % 8; }
static u32 expected_cmos(u32 index) { return index ^ 0xA5; }

// The PIT: two cores latch and read counter 2; halves get mixed. Consistency: every value read is 8
// bits; the digest alone tells.
static void hammer_pit(ulong core) {
  struct log* log = &logs[core];
  log->n = 0;
  halt_with_interrupts();
  for (u32 i = 0; i < ROUNDS; ++i) {
    struct access* a = &log->a[log->n++];
    a->index = 0;
    a->before = rdtsc();
    outb(0x43, 0x80);
    u8 low = inb(0x42);
    for (volatile u32 n = random(core) & 7; n; --n) {
    }
    a->value = low | inb(0x42) << 8;
    a->after = rdtsc();
    for (volatile u32 n = random(core) & 31; n; --n) {
    }
  }
}

static void race_pit(void) {
  for (u32 c = 0; c < CORES; ++c) random_state[c] = 0x7654321 + c * 7919;
  outb(0x61, (inb(0x61) & ~3) | 1);
  pit_program(2, 2, 0);
  check("both cores hammered", race_on_both(hammer_pit));
  u64 before = hash;
  u32 torn = 0;
  hash = 0xCBF29CE484222325ull;
  for (u32 c = 0; c < CORES; ++c)
    for (u32 k = 0; k < logs[c].n; ++k) {
      mix(logs[c].a[k].value);
      mix(logs[c].a[k].before - logs[0].a[0].before);
      // A clean pair of readings steps down by what the time between says; a torn one jumps.
      if (k) {
        u32 step = (logs[c].a[k - 1].value - logs[c].a[k].value) & 0xFFFF;
        if (step > 0x8000) ++torn;
      }
    }
  print("outcome pit %llx torn %u\n", hash, torn);
  mix(before);
}

static bool start_other(void) {
  smp_prepare(TRAMPOLINE >> 12);
  ipi(1, ICR_INIT | ICR_ASSERT);
  delay_us(200);
  ipi(1, ICR_SIPI | ICR_ASSERT | TRAMPOLINE >> 12);
  delay_us(1000);
  return wait_for(core_alive[1], 1000);
}

void guest_main(void) {
  trap_hook[START_VECTOR] = on_start;
  check("the other core started", start_other());
  for (u32 pin = 0; pin < 24; ++pin) ioapic_write(0x10 + 2 * pin, expected_pin(0x10 + 2 * pin));
  write_index = write_ioregsel, read_window = read_iowin, pick_index = pick_pin,
  expected = expected_pin;
  race("ioapic");
  write_cf8(0x80000000);
  pci_id[0] = read_cfc();
  write_cf8(0x80000008);
  pci_id[1] = read_cfc();
  check("the host bridge answers on CF8h/CFCh", pci_id[0] != 0xFFFFFFFF && pci_id[0] != pci_id[1]);
  write_index = write_cf8, read_window = read_cfc, pick_index = pick_function,
  expected = expected_function;
  race("pci");
  for (u32 i = 0x40; i < 0x50; ++i) {
    write_70(i);
    outb(0x71, i ^ 0xA5);
  }
  write_index = write_70, read_window = read_71, pick_index = pick_cmos, expected = expected_cmos;
  race("cmos");
  race_pit();
  check_hw("the cores did clobber each other", total_clobbered > 0);
  print("outcome %llx\n", hash);
  finish("race");
}
