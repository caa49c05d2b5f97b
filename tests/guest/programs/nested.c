// SPDX-License-Identifier: GPL-2.0-only
// Faults while an exception is delivered: double faults and what becomes none (SDM Vol. 3, table
// 6-5), caught through IST in 64-bit mode and through a task gate in 32-bit mode.
#include "lib/expect.h"
#include "lib/guest.h"

static volatile u32 double_faults;
static volatile ulong df_error, df_frame, pf_cr2;

#ifdef __x86_64__
static u8 ist_stack[8192] __attribute__((aligned(16)));
static bool on_double(struct frame* f) {
  ++double_faults;
  df_error = f->error;
  df_frame = (ulong)(f + 1);
  user_leave(-2);
}
static bool on_page(struct frame* f) {
  (void)f;
  pf_cr2 = read_cr2();
  user_leave(-3);
}

static void stack_gone(void) {
  // A stack that is not there: the push faults, delivering #PF needs the stack again.
  asm volatile("mov %0, %%rsp\n\tpush %%rax" ::"r"(0x7FFFFFF000ull) : "memory");
}
static void ud(void) { asm volatile("ud2"); }
static void divide(void) {
  asm volatile("xor %%ecx, %%ecx\n\tdiv %%ecx" ::: "eax", "ecx", "edx", "cc");
}
static void general(void) { asm volatile("mov %0, %%ds" ::"r"(0xFFF8)); }
static void page(void) { asm volatile("mov (%0), %%al" ::"r"(0x7FFFFFF000ull) : "rax"); }
static void breakpoint(void) { asm volatile("int3"); }

static void hide(u8 vector, bool hidden) {
  set_gate(vector, 0, SEL_KCODE, GATE_INT, 0, 0);
  if (hidden) idt[2 * vector] &= ~(1ull << 47);
}

static void expect_double(const char* name, void (*fn)(void)) {
  double_faults = 0;
  df_error = 0x999;
  long r = run_guarded(fn);
  check_eq(name, r, (u64)-2);
  check("its error code is 0", double_faults == 1 && df_error == 0);
}

void guest_main(void) {
  *(u64*)&tss[0][9] = (ulong)ist_stack + sizeof ist_stack;  // IST1
  set_gate(DF, 0, SEL_KCODE, GATE_INT, 0, 1);
  trap_hook[DF] = on_double;
  expect_double("a #PF whose delivery page-faults is #DF", stack_gone);
  check_eq("on the IST stack", df_frame, (ulong)ist_stack + sizeof ist_stack);
  for (int i = 0; i < 100; ++i) run_guarded(stack_gone);
  check_eq("a hundred times more", double_faults, 101);

  hide(DE, true);
  expect_double("a #DE whose delivery gives #NP is #DF", divide);
  hide(DE, false);

  hide(GP, true);
  expect_double("a #GP whose delivery gives #NP is #DF", general);
  hide(GP, false);
  hide(PF, true);
  expect_double("a #PF whose delivery gives #NP is #DF", page);
  hide(PF, false);
  hide(UD, true);
  trap_clear();
  check("a #UD (benign) whose delivery gives #NP is #NP",
        run_guarded(ud) == -1 && trap_take() == NP);
  check_eq_hw("its error code has vector, IDT and EXT", trap_last.f.error, UD * 8 + 3);
  hide(UD, false);
  hide(BP, true);
  trap_clear();
  check("an int3 whose delivery gives #NP is #NP",
        run_guarded(breakpoint) == -1 && trap_take() == NP);
  hide(BP, false);

  // Only two contributory exceptions, or a page fault followed by either kind, make a double fault.
  *(u64*)&tss[0][11] = 0x7FFFFFF000ull;  // IST2
  set_gate(UD, 0, SEL_KCODE, GATE_INT, 0, 2);
  set_gate(PF, 0, SEL_KCODE, GATE_INT, 0, 1);
  trap_hook[PF] = on_page;
  pf_cr2 = 0;
  check_eq("a #UD whose delivery page-faults is #PF", run_guarded(ud), (u64)-3);
  check_eq("CR2 is where the push went", pf_cr2, 0x7FFFFFF000ull - 8);
  set_gate(UD, 0, SEL_KCODE, GATE_INT, 0, 0);
  set_gate(GP, 0, SEL_KCODE, GATE_INT, 0, 2);
  check_eq("a #GP whose delivery page-faults is #PF", run_guarded(general), (u64)-3);
  set_gate(GP, 0, SEL_KCODE, GATE_INT, 0, 0);
  set_gate(PF, 0, SEL_KCODE, GATE_INT, 0, 0);
  trap_hook[PF] = 0;
  finish("nested64");
}
#else
// A task gate: #DF switches to a task of its own.
extern u8 df_task[];
static u8 task_stack[4096] __attribute__((aligned(16)));
#define TASK (SEL_SPARE + 8)
volatile u32 task_runs, task_error, task_flags, task_tr, task_backlink;
static u32 task_tss[32] __attribute__((aligned(128)));
asm(".text\n"
    "df_task:\n"
    "  pop task_error\n"
    "  incl task_runs\n"
    "  pushf\n  pop task_flags\n"
    "  str %ax\n  movzwl %ax, %eax\n  mov %eax, task_tr\n"
    "  call mend_interrupted\n"
    "  iret\n"
    "  jmp df_task\n");

// The interrupted task's state is in its TSS: let it go on at its resume address with a good stack.
static ulong good_sp, good_ip;
void mend_interrupted(void) {
  task_backlink = *(u16*)task_tss;
  u32* t = tss[0];
  t[14] = good_sp;
  t[8] = good_ip;
}

static void task_gates(void) {
  memset(task_tss, 0, sizeof task_tss);
  task_tss[1] = (ulong)task_stack + 2048;
  task_tss[2] = SEL_KDATA;
  task_tss[7] = read_cr3();
  task_tss[8] = (ulong)df_task;
  task_tss[9] = 2;
  task_tss[14] = (ulong)task_stack + sizeof task_stack;
  task_tss[18] = task_tss[20] = task_tss[21] = task_tss[22] = task_tss[23] = SEL_KDATA;
  task_tss[19] = SEL_KCODE;
  task_tss[25] = 104 << 16;
  set_descriptor(TASK, (ulong)task_tss, 103, 0x89, 0);
  set_gate(DF, 1, TASK, GATE_TASK, 0, 0);
  idt[DF] = (u64)TASK << 16 | 0x8500ull << 32;

  // #GP whose gate is not present, and #NP's neither.
  idt[GP] &= ~(1ull << 47);
  u32 ebx = 0x1234, after = 0;
  asm volatile(
      "mov %%esp, %2\n\tmovl $1f, %3\n\tmov $0x1234, %%ebx\n\t"
      "mov $0xFFF8, %%eax\n\tmov %%eax, %%ds\n"
      "1:\tmov %%ebx, %0\n\tmovl $1, %1"
      : "=r"(ebx), "=m"(after), "=m"(good_sp), "=m"(good_ip)::"eax", "ebx", "memory");
  check("#DF through a task gate switches tasks and iret comes back", task_runs == 1 && after == 1);
  check_eq("registers survive in the TSS", ebx, 0x1234);
  check_eq("the error code is on the new stack", task_error, 0);
  check("the new task has NT set", task_flags & FLAG_NT);
  check_eq("TR is the new task's", task_tr, TASK);
  check_eq("the back link names the old task", task_backlink, SEL_TSS);
  u32 tr = 0;
  asm volatile("str %w0" : "+r"(tr));
  check_eq("TR is the old task's again", tr, SEL_TSS);
  check_eq("the other task is not busy any more", gdt[TASK / 8] >> 40 & 0xFF, 0x89);
  check_eq("this task is busy", gdt[SEL_TSS / 8] >> 40 & 0xFF, 0x8B);
  check("CR0.TS is set by the task switch", read_cr0() & CR0_TS);
  asm volatile("clts");
  set_gate(GP, 0, SEL_KCODE, GATE_INT, 0, 0);
  set_gate(DF, 0, SEL_KCODE, GATE_INT, 0, 0);
}

// Far jump and far call to a TSS.
extern u8 jump_task[];
volatile u32 jump_task_runs;
asm(".text\njump_task:\n  incl jump_task_runs\n  iret\n  incl jump_task_runs\n  ljmp $0x80, $0\n");
static void far_tasks(void) {
  task_tss[8] = (ulong)jump_task;
  task_tss[9] = 2;
  task_tss[14] = (ulong)task_stack + sizeof task_stack;
  set_descriptor(TASK, (ulong)task_tss, 103, 0x89, 0);
  struct {
    u32 offset;
    u16 selector;
  } __attribute__((packed)) far = {0, TASK};
  asm volatile("lcall *%0" ::"m"(far) : "memory");
  check_eq("a far call to a TSS runs the task; iret with NT returns", jump_task_runs, 1);
  // The task's EIP is now behind its iret: the next switch goes on there, and it jumps back to us.
  asm volatile("ljmp *%0" ::"m"(far) : "memory");
  check_eq("a far jump to it goes on behind the iret", jump_task_runs, 2);
  asm volatile("clts");
  FAULT("#GP of a far jump to a busy TSS", GP, SEL_TSS, "ljmp *%0", "m"(((struct {
          u32 o;
          u16 s;
        } __attribute__((packed))){0, SEL_TSS})));
}

void guest_main(void) {
  task_gates();
  far_tasks();
  finish("nested32");
}
#endif
