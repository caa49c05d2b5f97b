// SPDX-License-Identifier: GPL-2.0-only
// IDT, TSS, recorder of exceptions.
#include "trap.h"

#include "check.h"

struct trap trap_last;
volatile ulong trap_resume, trap_site, trap_after;
trap_hook_t trap_hook[256];
u32 tss[MAX_CORES][32] __attribute__((aligned(128)));
u8 trap_stack[MAX_CORES][TRAP_STACK_BYTES] __attribute__((aligned(16)));
u8 user_stack[16384] __attribute__((aligned(16)));
u64 idt[256 * (BITS64 + 1)] __attribute__((aligned(16)));
ulong user_saved_sp;
static bool guarded;

extern u8 trap_stubs[];
#define STUB_BYTES 16

void set_gate(u8 vector, ulong handler, u16 selector, enum gate type, u8 dpl, u8 ist) {
  if (!handler) handler = (ulong)trap_stubs + vector * STUB_BYTES;
  u64 low = (handler & 0xFFFF) | (u64)selector << 16 | (u64)ist << 32 |
            (u64)(0x80 | dpl << 5 | type) << 40 | (u64)(handler >> 16 & 0xFFFF) << 48;
#ifdef __x86_64__
  idt[2 * vector] = low;
  idt[2 * vector + 1] = handler >> 32;
#else
  idt[vector] = low;
#endif
}

void set_gate_dpl(u8 vector, u8 dpl) {
  u64* g = &idt[vector * (BITS64 + 1)];
  *g = (*g & ~(3ull << 45)) | (u64)dpl << 45;
}

void set_descriptor(u16 selector, u32 base, u32 limit, u8 access, u8 flags) {
  if (limit > 0xFFFFF) {
    limit >>= 12;
    flags |= 8;
  }
  gdt[selector / 8] = (limit & 0xFFFF) | (u64)(base & 0xFFFFFF) << 16 | (u64)access << 40 |
                      (u64)(limit >> 16) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56;
}

void trap_setup_core(u32 core) {
  if (core == 0)
    for (int v = 0; v < 256; ++v) set_gate(v, 0, SEL_KCODE, GATE_INT, v == 0x80 ? 3 : 0, 0);
  u32* t = tss[core];
  memset(t, 0, sizeof tss[core]);
  ulong stack = (ulong)&trap_stack[core][TRAP_STACK_BYTES];
  t[1] = stack;  // ESP0, or RSP0's low half at offset 4
  if (!BITS64) {
    t[2] = SEL_KDATA;
    t[7] = read_cr3();
  }
  t[25] = 104 << 16;  // no I/O permission bitmap
  u16 selector = SEL_TSS + 16 * core;
  set_descriptor(selector, (ulong)t, 103, 0x89, 0);
  gdt[selector / 8 + 1] = 0;

  struct {
    u16 limit;
    ulong base;
  } __attribute__((packed)) pointer;
  pointer.limit = GDT_BYTES - 1;
  pointer.base = (ulong)gdt;
  asm volatile("lgdt %0" ::"m"(pointer));
  pointer.limit = sizeof idt - 1;
  pointer.base = (ulong)idt;
  asm volatile("lidt %0" ::"m"(pointer));
  asm volatile("ltr %0" ::"r"(selector));
}

void trap_clear(void) {
  memset(&trap_last, 0, sizeof trap_last);
  trap_last.f.vector = NO_TRAP;
  trap_resume = 0;
}

u32 trap_take(void) {
  u32 vector = trap_last.count ? trap_last.f.vector : NO_TRAP;
  trap_last.count = 0;
  trap_resume = 0;
  return vector;
}

static void record(struct frame* f) {
  u32 count = trap_last.count + 1;
  trap_last.f = *f;
  trap_last.cr2 = read_cr2();
  trap_last.count = count;
}

// Ring 3, or virtual-8086 mode, whose CS is no selector.
static bool from_user(const struct frame* f) {
  return (f->cs & 3) == 3 || (!BITS64 && (f->flags & FLAG_VM));
}

void trap_dispatch(struct frame* f) {
  trap_hook_t hook = trap_hook[f->vector];
  if (hook && hook(f)) return;
  if (f->vector == 0x80 && from_user(f)) user_leave(f->ax);
  if (f->vector < 32 && user_saved_sp && (guarded || from_user(f))) {
    record(f);
    user_leave(-1);
  }
  if (f->vector < 32 && trap_resume) {
    record(f);
    f->ip = trap_resume;
    f->flags &= ~FLAG_TF;
    trap_resume = 0;
    return;
  }
  print("FAIL unexpected vector %lu on core %u: error %lx ip %lx cs %lx flags %lx cr2 %lx sp %lx\n",
        f->vector, core_id(), f->error, f->ip, f->cs, f->flags, read_cr2(), (ulong)f);
  stop(2);
}

long call_guarded(void (*fn)(void));
long run_guarded(void (*fn)(void)) {
  guarded = true;
  long r = call_guarded(fn);
  guarded = false;
  return r;
}

static void user_exit(void) { asm volatile("int $0x80" ::"a"(USER_RETURNED)); }

long run_user(void (*fn)(void), ulong flags) {
  *(ulong*)(user_stack + sizeof user_stack - 64) = (ulong)user_exit;
  return run_user_at((ulong)fn, (BITS64 ? SEL_UCODE64 : SEL_UCODE32) | 3, flags,
                     (ulong)user_stack + sizeof user_stack - 64);
}
