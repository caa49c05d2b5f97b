// SPDX-License-Identifier: GPL-2.0-only
// The modes of the processor and the ways between them: real mode and its interrupt table, unreal
// mode, A20, 16-bit protected mode, virtual-8086 mode, long mode and back (SDM Vol. 3, chapters 9,
// 20).
#include "lib/expect.h"
#include "lib/guest.h"

#define LOW 0x10000ul

extern u8 low_start[], low_end[], low_results[], low_handler_61[], low_handler_93[], low_v86[];
void real_run(void);
u32 call_low(void);
long run_v86(u32 offset, u32 flags);
void go_long(void);

// As laid out at low_results in modes_low.S.
struct results {
  u16 int_ip, int_next, int_cs, int_flags, int_inner;
  u16 div_ip, div_ip_want, div_vector;
  u16 ud_ip, ud_ip_want, ud_vector;
  u16 ticks, r61, stos_di, far_call, sp, loop;
  u16 pop16, int16_ip, int16_want, int16_cs, int16_sp;
  u16 fault_ip, fault_vector;
  u32 unreal, a20_on, a20_off, a20_on_again, ivt0, loop_ecx, esp16;
  u32 high;
};

static volatile u32 high_word = 0xFEEDF00D;

static volatile struct results* low_copy(void) {
  memcpy((void*)LOW, low_start, low_end - low_start);
  set_descriptor(SEL_SPARE, LOW, 0xFFFF, 0x9B, 0);
  set_descriptor(SEL_SPARE + 8, LOW, 0xFFFF, 0x93, 0);
  return (volatile struct results*)(LOW + (low_results - low_start));
}

static void real_mode(void) {
  volatile struct results* r = low_copy();
  r->high = (ulong)&high_word;
  *(volatile u16*)(0x20000 + 0x61 * 4) = low_handler_61 - low_start;
  *(volatile u16*)(0x20000 + 0x61 * 4 + 2) = 0x1000;
  volatile u8* segment = (volatile u8*)0x30000;
  segment[0] = segment[1] = segment[2] = segment[0xFFFE] = segment[0xFFFF] = segment[0x10000] = 0;
  lapic_write(LAPIC_LVT_LINT0, LVT_EXTINT);
  pit_program(0, 2, PIT_HZ / 1000);
  real_run();
  lapic_write(LAPIC_LVT_LINT0, LVT_MASKED | LVT_EXTINT);
  pit_program(0, 0, 0);
  check("back from real mode", true);
  check("int in real mode pushes CS and the next IP",
        r->int_ip == r->int_next && r->int_cs == 0x1000);
  check("it pushes the flags and clears IF", (r->int_flags & FLAG_IF) && !(r->int_inner & FLAG_IF));
  check("division by zero in real mode is a fault through vector 0",
        r->div_vector == 0 && r->div_ip == r->div_ip_want);
  check("ud2 in real mode is a fault through vector 6",
        r->ud_vector == 6 && r->ud_ip == r->ud_ip_want);
  check_eq("a segment loaded in protected mode keeps its limit in real mode", r->unreal, high_word);
  check_eq("FFFF:0010 is 1 MB with A20", r->a20_on, *(volatile u32*)0x100000);
  check_eq("FFFF:0010 is 0 without A20", r->a20_off, r->ivt0);
  check_eq("and 1 MB again", r->a20_on_again, *(volatile u32*)0x100000);
  check("hlt wakes by IRQ 0 through the interrupt table", r->ticks >= 3);
  check_eq("lidt moves the interrupt table of real mode", r->r61, 0x61);
  check("rep stosb wraps at 64 KB", segment[0xFFFE] == 0x5A && segment[0xFFFF] == 0x5A &&
                                        segment[0] == 0x5A && segment[1] == 0x5A && !segment[2] &&
                                        !segment[0x10000] && r->stos_di == 2);
  check("far call and return", r->far_call == 0xFA && r->sp == 0xFF00);
  check("loop counts CX in 16-bit code", r->loop == 3 && r->loop_ecx == 0x10000);
  u32 before = rdtsc();
  for (int i = 0; i < 100; ++i) {
    volatile struct results* again = low_copy();
    again->high = (ulong)&high_word;
    again->ticks = 3;
    // One tick is enough to leave the wait.
    lapic_write(LAPIC_LVT_LINT0, LVT_EXTINT);
    pit_program(0, 2, 100);
    real_run();
    lapic_write(LAPIC_LVT_LINT0, LVT_MASKED | LVT_EXTINT);
  }
  pit_program(0, 0, 0);
  check("100 times to real mode and back", true);
  print("# %u cycles a round\n", ((u32)rdtsc() - before) / 100);
}

static void protected16(void) {
  volatile struct results* r = low_copy();
  set_gate(0x93, low_handler_93 - low_start, SEL_SPARE, GATE_INT16, 0, 0);
  u32 eax = call_low();
  check_eq("16-bit code has 16-bit operands", eax, 0xABCD1234);
  check_eq("push on a 16-bit stack leaves the upper half of ESP", r->esp16, 0x123480FE);
  check_eq("pop from a 16-bit stack", r->pop16, 0x55AA);
  check("a 16-bit interrupt gate pushes words",
        r->int16_ip == r->int16_want && r->int16_cs == SEL_SPARE && r->int16_sp == 0x8100 - 8);
}

static struct { ulong flags, cs, sp, ss, es, ds, fs, gs, ax, bx, frame; } v86;
static bool from_v86(struct frame* f) {
  ulong* more = (ulong*)(f + 1);  // ES, DS, FS, GS
  v86.flags = f->flags;
  v86.cs = f->cs;
  v86.sp = f->sp;
  v86.ss = f->ss;
  v86.es = more[0];
  v86.ds = more[1];
  v86.fs = more[2];
  v86.gs = more[3];
  v86.ax = f->ax;
  v86.bx = f->bx;
  v86.frame = (ulong)(more + 4);
  user_leave(f->vector);
}

static void virtual_8086(void) {
  low_copy();
  u32 offset = low_v86 - low_start;
  trap_hook[0x80] = trap_hook[GP] = from_v86;
  *(volatile u8*)0x30010 = 0;
  check_eq("virtual-8086 mode with IOPL 3 runs to its int",
           run_v86(offset, FLAG_VM | FLAG_IOPL | 2), 0x80);
  check_eq("it stored through a real-mode segment", *(volatile u8*)0x30010, 0x77);
  check("CS and DS are segments", v86.ax == 0x1000 && v86.bx == 0x3000);
  check("the pushed flags have VM", v86.flags & FLAG_VM);
  check("all segments are pushed", v86.cs == 0x1000 && v86.ss == 0x3000 && v86.es == 0x3000 &&
                                       v86.ds == 0x3000 && v86.fs == 0x2222 && v86.gs == 0x3333);
  check_eq("onto the stack of the TSS", v86.frame, (ulong)&trap_stack[0][TRAP_STACK_BYTES]);
  u32 fs, gs;
  asm volatile("mov %%fs, %0\n\tmov %%gs, %1" : "=r"(fs), "=r"(gs));
  check("FS and GS are null after leaving virtual-8086 mode", fs == 0 && gs == 0);
  check_eq("cli with IOPL 0 is #GP in virtual-8086 mode", run_v86(offset, FLAG_VM | 2), GP);
  asm volatile("mov %0, %%fs; mov %0, %%gs" ::"r"(SEL_KDATA));
  trap_hook[0x80] = trap_hook[GP] = 0;
}

static u64 pml4[512] __attribute__((aligned(4096)));
static u64 pdpt[512] __attribute__((aligned(4096)));
static u64 pd[512] __attribute__((aligned(4096)));
extern u32 long_cr3, long_efer_before, long_efer_after, long_compat_dec, long_64_dec, long_cs,
    long_back_cs, long_efer_left;
extern u64 long_rax, long_r10, long_zero_extended;

static void long_mode(void) {
  pml4[0] = (ulong)pdpt | 3;
  pdpt[0] = (ulong)pd | 3;
  for (u32 i = 0; i < 512; ++i) pd[i] = (u64)i << 21 | 0x83;
  long_cr3 = (ulong)pml4;
  for (int i = 0; i < 3; ++i) go_long();
  check_eq("EFER.LME alone is not long mode", long_efer_before & (EFER_LME | EFER_LMA), EFER_LME);
  check_eq("EFER.LMA with paging", long_efer_after & (EFER_LME | EFER_LMA), EFER_LME | EFER_LMA);
  check_eq("compatibility mode decodes 48h as dec", long_compat_dec, 0);
  check_eq("64-bit mode decodes 48h as REX", long_64_dec, 1);
  check_eq("64-bit registers", long_rax, 0x123456789ABCDEF0ull);
  check_eq("R8 to R15", long_r10, 0x2222222244444444ull);
  check_eq("32-bit results are zero-extended", long_zero_extended, 5);
  check_eq("CS in 64-bit mode", long_cs, SEL_KCODE64);
  check_eq("CS after a far return to compatibility mode", long_back_cs, SEL_KCODE32);
  check_eq("EFER.LMA is clear without paging", long_efer_left & (EFER_LME | EFER_LMA), EFER_LME);
}

void guest_main(void) {
  real_mode();
  protected16();
  virtual_8086();
  long_mode();
  finish("modes");
}
