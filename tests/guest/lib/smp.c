// SPDX-License-Identifier: GPL-2.0-only
#include "smp.h"

#include "apic.h"
#include "clock.h"
#include "trap.h"

volatile u32 core_alive[MAX_CORES];
static struct {
  work_t volatile fn;
  volatile ulong argument;
} jobs[MAX_CORES];
static u32 running = 1;

extern u8 trampoline[], trampoline_end[], gdt_pointer[];
#define GDT_POINTER_LOW 0x600

u32 core_count(void) {
  outb(0x70, 0x5F);
  return inb(0x71) + 1;
}

void smp_prepare(u8 vector) {
  memcpy((void*)GDT_POINTER_LOW, gdt_pointer, 6);
  u8* page = (u8*)((ulong)vector << 12);
  asm("" : "+r"(page));  // page 0 is an address like others
  memcpy(page, trampoline, trampoline_end - trampoline);
}

void core_main(u32 core) {
  trap_setup_core(core);
  lapic_setup();
  jobs[core].fn = 0;
  ++core_alive[core];
  for (;;) {
    work_t fn = jobs[core].fn;
    if (fn) {
      fn(jobs[core].argument);
      __atomic_store_n(&jobs[core].fn, 0, __ATOMIC_RELEASE);
    }
    pause();
  }
}

bool smp_start(u32 core) {
  u32 before = core_alive[core];
  smp_prepare(TRAMPOLINE >> 12);
  ipi(core, ICR_INIT | ICR_LEVEL | ICR_ASSERT);
  ipi(core, ICR_INIT | ICR_LEVEL);
  delay_us(200);
  ipi(core, ICR_SIPI | ICR_ASSERT | TRAMPOLINE >> 12);
  return wait_for(core_alive[core] != before, 500);
}

u32 smp_start_all(void) {
  u32 n = core_count();
  for (u32 core = 1; core < n; ++core)
    if (smp_start(core)) ++running;
  return running;
}

void smp_call(u32 core, work_t fn, ulong argument) {
  while (jobs[core].fn) pause();
  jobs[core].argument = argument;
  __atomic_store_n(&jobs[core].fn, fn, __ATOMIC_RELEASE);
}

bool smp_wait(u32 core, u32 ms) { return wait_for(!jobs[core].fn, ms); }

bool smp_all(work_t fn, u32 ms) {
  for (u32 core = 1; core < running; ++core) smp_call(core, fn, core);
  fn(0);
  bool all = true;
  for (u32 core = 1; core < running; ++core) all &= smp_wait(core, ms);
  return all;
}

void barrier_wait(struct barrier* b, u32 n) {
  u32 epoch = b->epoch;
  if (__atomic_add_fetch(&b->arrived, 1, __ATOMIC_ACQ_REL) == n) {
    b->arrived = 0;
    __atomic_add_fetch(&b->epoch, 1, __ATOMIC_RELEASE);
  } else {
    while (b->epoch == epoch) pause();
  }
}
