// SPDX-License-Identifier: GPL-2.0-only
// SYSCALL/SYSRET and SYSENTER/SYSEXIT as Intel has them (SDM Vol. 2, the instructions' pages; Vol.
// 3, 5.8.7 and 5.8.8): targets, selectors, flags, both operand sizes, faults. Built for 64-bit mode
// and (SYSENTER only) for 32-bit mode.
#include "lib/expect.h"
#include "lib/guest.h"

// What the entry point saw.
static struct seen { ulong cs, ss, flags, sp, cx, r11, from; } seen;
ulong entry_save[8];

void user_result(long value) { user_leave(value); }

#ifdef __x86_64__
// SYSCALL's entry: notes the state, then either leaves ring 3 or goes back by SYSRET (sysret_back).
extern u8 syscall_entry[], sysenter_entry[];
volatile ulong syscall_action;  // 0: leave; 1: sysretq; 2: sysretl; 3: sysexitq; 4: sysexitl
ulong syscall_ip, syscall_sp, syscall_flags;
asm(".text\n"
    "syscall_entry:\n"
    "  mov %rsp, entry_save+24\n"
    "  mov $boot_stack_top - 8192, %rsp\n"
    "  push %rax\n"
    "  pushfq\n  pop %rax\n  mov %rax, entry_save+16\n"
    "  mov %cs, %eax\n  mov %rax, entry_save\n"
    "  mov %ss, %eax\n  mov %rax, entry_save+8\n"
    "  mov %rcx, entry_save+32\n"
    "  mov %r11, entry_save+40\n"
    "  pop %rax\n"
    "  cmpq $1, syscall_action\n"
    "  je 1f\n"
    "  cmpq $2, syscall_action\n"
    "  je 2f\n"
    "  mov %rax, %rdi\n"
    "  call user_result\n"
    "1: movq $0, syscall_action\n"
    "  mov entry_save+24, %rsp\n"
    "  or syscall_flags, %r11\n"
    "  sysretq\n"
    "2: movq $0, syscall_action\n"
    "  mov entry_save+24, %rsp\n"
    "  mov syscall_ip, %rcx\n"
    "  sysretl\n"
    "sysenter_entry:\n"
    "  mov %rsp, entry_save+24\n"
    "  mov $boot_stack_top - 8192, %rsp\n"
    "  push %rax\n"
    "  pushfq\n  pop %rax\n  mov %rax, entry_save+16\n"
    "  mov %cs, %eax\n  mov %rax, entry_save\n"
    "  mov %ss, %eax\n  mov %rax, entry_save+8\n"
    "  pop %rax\n"
    "  cmpq $3, syscall_action\n"
    "  je 3f\n"
    "  cmpq $4, syscall_action\n"
    "  je 4f\n"
    "  mov %rax, %rdi\n"
    "  call user_result\n"
    "3: movq $0, syscall_action\n"
    "  mov syscall_ip, %rdx\n"
    "  mov syscall_sp, %rcx\n"
    "  sysexitq\n"
    "4: movq $0, syscall_action\n"
    "  mov syscall_ip, %rdx\n"
    "  mov syscall_sp, %rcx\n"
    "  sysexitl\n");

static void user_syscall(void) { asm volatile("mov $5, %eax\n\tsyscall\n\tint $0x80"); }
static void user_syscall_twice(void) {
  // The first comes back by SYSRET; the flags then and the second call's own.
  ulong flags, cs, ss;
  asm volatile("stc\n\tsyscall\n\tpushfq\n\tpop %0\n\tmov %%cs, %1\n\tmov %%ss, %2"
               : "=r"(flags), "=r"(cs), "=r"(ss)::"rcx", "r11", "memory", "cc");
  seen.flags = flags;
  seen.cs = cs;
  seen.ss = ss;
  asm volatile("mov $6, %eax\n\tsyscall");
}
static void user_sysenter(void) { asm volatile("mov $8, %eax\n\tsysenter"); }
static void user_sysret(void) {
  asm volatile(
      "mov $user_syscall_target, %rcx\n\tsysretq\n.globl "
      "user_syscall_target\nuser_syscall_target:");
}
static void user_sysexit(void) { asm volatile("sysexit"); }
static void sysret_far(void) {
  asm volatile("mov $2, %%r11d\n\tsysretq" ::"c"(0x800000000000ull) : "r11");
}

// 32-bit code for compatibility mode.
extern u8 compat_after[], compat_sysenter[], compat_plain[], long_after[], compat_syscall[];
asm(".text\n.code32\n"
    "compat_after:\n"
    "  mov %cs, %ecx\n"
    "  mov %ss, %edx\n"
    "  mov %esp, %esi\n"
    "  dec %ebx\n"  // 4B: dec ebx; in 64-bit mode a REX prefix
    "  mov $21, %eax\n"
    "  int $0x81\n"
    "compat_sysenter:\n"
    "  mov $22, %eax\n"
    "  sysenter\n"
    "compat_syscall:\n"
    "  mov $24, %eax\n"
    "  syscall\n"
    "  mov $25, %eax\n"
    "  int $0x80\n"
    "compat_plain:\n"
    "  mov $23, %eax\n"
    "  int $0x80\n"
    ".code64\n"
    "long_after:\n"
    "  mov %cs, %ecx\n"
    "  mov %ss, %edx\n"
    "  mov %rsp, %rsi\n"
    "  mov $31, %eax\n"
    "  int $0x81\n");

static bool on_81(struct frame* f) {
  seen.cs = f->cx;
  seen.ss = f->dx;
  seen.sp = f->si;
  seen.flags = f->flags;
  user_leave(f->ax);
}

static void syscalls(void) {
  FAULT("#UD of syscall without EFER.SCE", UD, 0, "syscall");
  FAULT("#UD of sysret without EFER.SCE", UD, 0, "sysretq");
  wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
  wrmsr(MSR_STAR, (u64)(SEL_UCODE32 | 3) << 48 | (u64)SEL_KCODE << 32);
  wrmsr(MSR_LSTAR, (ulong)syscall_entry);
  wrmsr(MSR_FMASK, FLAG_IF | FLAG_DF | FLAG_TF | FLAG_CF);
  check_eq("STAR reads back", rdmsr(MSR_STAR), (u64)(SEL_UCODE32 | 3) << 48 | (u64)SEL_KCODE << 32);
  check_eq("LSTAR reads back", rdmsr(MSR_LSTAR), (ulong)syscall_entry);
  check_eq("FMASK reads back", rdmsr(MSR_FMASK), FLAG_IF | FLAG_DF | FLAG_TF | FLAG_CF);
  wrmsr(MSR_CSTAR, 0x1234);
  check_eq("CSTAR reads back", rdmsr(MSR_CSTAR), 0x1234);
  wrmsr(MSR_CSTAR, (ulong)syscall_entry);

  syscall_action = 0;
  check_eq("syscall from ring 3 comes to LSTAR", run_user(user_syscall, FLAG_IF | 3), 5);
  check_eq("syscall loads CS from STAR", entry_save[0], SEL_KCODE);
  check_eq("syscall loads SS from STAR", entry_save[1], SEL_KDATA);
  check_eq("syscall clears the flags of FMASK",
           entry_save[2] & (FLAG_IF | FLAG_DF | FLAG_TF | FLAG_CF), 0);
  check_eq("R11 has the flags from before", entry_save[5] & (FLAG_IF | FLAG_CF), FLAG_IF | FLAG_CF);
  check("RCX has the next instruction", *(u16*)entry_save[4] == 0x80CD);
  check("syscall leaves RSP",
        entry_save[3] > (ulong)user_stack && entry_save[3] < (ulong)user_stack + sizeof user_stack);

  syscall_action = 1;
  syscall_flags = 0;
  check_eq("sysret returns to ring 3, which calls again", run_user(user_syscall_twice, 2), 6);
  check_eq("sysret loads CS from STAR + 16", seen.cs, SEL_UCODE64 | 3);
  check_eq("sysret loads SS from STAR + 8", seen.ss, SEL_UDATA | 3);
  check_eq("sysret restores the flags from R11", seen.flags & (FLAG_CF | FLAG_IF), FLAG_CF);
  if (!skip_on_qemu("sysret clears RF and VM, sets IF")) {
    syscall_action = 1;
    syscall_flags = FLAG_RF | FLAG_VM | FLAG_IF;
    check("sysret clears RF and VM, sets IF",
          run_user(user_syscall_twice, 2) == 6 &&
              (seen.flags & (FLAG_RF | FLAG_VM | FLAG_IF)) == FLAG_IF);
    syscall_flags = 0;
  }

  trap_hook[0x81] = on_81;
  set_gate_dpl(0x81, 3);
  syscall_action = 2;
  syscall_ip = (ulong)compat_after;
  check_eq("sysret with a 32-bit operand enters compatibility mode", run_user(user_syscall, 2), 21);
  check("its selectors are STAR and STAR + 8",
        seen.cs == (SEL_UCODE32 | 3) && seen.ss == (SEL_UDATA | 3));

  trap_clear();
  check("#GP of sysret in ring 3",
        run_user(user_sysret, 2) == -1 && trap_take() == GP && trap_last.f.error == 0);
  trap_clear();
  long r = run_guarded(sysret_far);
  check_hw("#GP of sysret to a non-canonical address comes in ring 0",
           r == -1 && trap_take() == GP && (trap_last.f.cs & 3) == 0);

  // Intel: SYSCALL in compatibility mode is #UD.
  trap_clear();
  r = run_user_at((ulong)compat_syscall, SEL_UCODE32 | 3, 2, (ulong)user_stack + 8192);
  check_hw("#UD of syscall in compatibility mode", r == -1 && trap_take() == UD);
  check_eq("compatibility mode itself works",
           run_user_at((ulong)compat_plain, SEL_UCODE32 | 3, 2, (ulong)user_stack + 8192), 23);
}

static void sysenters(void) {
  wrmsr(MSR_SYSENTER_CS, 0);
  trap_clear();
  check("#GP of sysenter with a null CS",
        run_user(user_sysenter, 2) == -1 && trap_take() == GP && trap_last.f.error == 0);
  FAULT("#GP of sysexit with a null CS", GP, 0, "sysexit", "d"(0), "c"(0));
  wrmsr(MSR_SYSENTER_CS, SEL_KCODE);
  wrmsr(MSR_SYSENTER_EIP, (ulong)sysenter_entry);
  wrmsr(MSR_SYSENTER_ESP, 0xFFFFFFFF81234560);
  check_eq("SYSENTER_ESP is 64 bits wide", rdmsr(MSR_SYSENTER_ESP), 0xFFFFFFFF81234560);
  syscall_action = 0;
  check_eq("sysenter from 64-bit code", run_user(user_sysenter, FLAG_IF | FLAG_CF | 2), 8);
  check_eq("sysenter loads CS", entry_save[0], SEL_KCODE);
  check_eq("sysenter loads SS", entry_save[1], SEL_KDATA);
  check_eq("sysenter loads RSP", entry_save[3], 0xFFFFFFFF81234560);
  check_eq("sysenter clears IF and leaves CF", entry_save[2] & (FLAG_IF | FLAG_CF), FLAG_CF);
  check_eq("sysenter from compatibility mode",
           run_user_at((ulong)compat_sysenter, SEL_UCODE32 | 3, 2, (ulong)user_stack + 8192), 22);
  check_eq("comes to 64-bit code", entry_save[0], SEL_KCODE);
  check_eq("and the whole RSP", entry_save[3], 0xFFFFFFFF81234560);
  syscall_action = 3;
  syscall_ip = (ulong)long_after;
  syscall_sp = (ulong)user_stack + 4096;
  check_eq("sysexit with a 64-bit operand", run_user(user_sysenter, 2), 31);
  check("its selectors are CS + 32 and CS + 40",
        seen.cs == (SEL_UCODE64 | 3) && seen.ss == (SEL_UDATA2 | 3));
  check_eq("and RSP from RCX", seen.sp, syscall_sp);
  syscall_action = 4;
  syscall_ip = (ulong)compat_after;
  check_eq("sysexit with a 32-bit operand", run_user(user_sysenter, 2), 21);
  check("its selectors are CS + 16 and CS + 24",
        seen.cs == (SEL_UCODE32 | 3) && seen.ss == (SEL_UDATA | 3));
  check_eq("and ESP from ECX", seen.sp, syscall_sp);
  trap_clear();
  check("#GP of sysexit in ring 3",
        run_user(user_sysexit, 2) == -1 && trap_take() == GP && trap_last.f.error == 0);
}

// FS, GS bases and swapgs belong to the same entry path.
static void bases(void) {
  static volatile u64 words[4] = {0x11, 0x22, 0x33, 0x44};
  wrmsr(MSR_FS_BASE, (ulong)&words[1]);
  wrmsr(MSR_GS_BASE, (ulong)&words[2]);
  wrmsr(MSR_KERNEL_GS_BASE, (ulong)&words[3]);
  u64 f, g, h;
  asm volatile("mov %%fs:0, %0\n\tmov %%gs:0, %1\n\tswapgs\n\tmov %%gs:0, %2"
               : "=r"(f), "=r"(g), "=r"(h));
  check("FS and GS bases count", f == 0x22 && g == 0x33);
  check_eq("swapgs swaps", h, 0x44);
  check_eq("the MSRs follow", rdmsr(MSR_KERNEL_GS_BASE), (ulong)&words[2]);
  asm volatile("mov %0, %%fs" ::"r"(SEL_UDATA));
  check_eq("loading FS with a selector loads the base from the descriptor", rdmsr(MSR_FS_BASE), 0);
  asm volatile("mov %0, %%gs" ::"r"(0));
}
#else
extern u8 sysenter_entry[];
volatile ulong syscall_action;
ulong syscall_ip, syscall_sp;
asm(".text\n"
    "sysenter_entry:\n"
    "  mov %esp, entry_save+12\n"
    "  mov $boot_stack_top - 8192, %esp\n"
    "  push %eax\n"
    "  pushf\n  pop %eax\n  mov %eax, entry_save+8\n"
    "  mov %cs, %eax\n  mov %eax, entry_save\n"
    "  mov %ss, %eax\n  mov %eax, entry_save+4\n"
    "  pop %eax\n"
    "  cmpl $4, syscall_action\n"
    "  je 4f\n"
    "  push %eax\n"
    "  call user_result\n"
    "4: movl $0, syscall_action\n"
    "  mov syscall_ip, %edx\n"
    "  mov syscall_sp, %ecx\n"
    "  sysexit\n"
    "after_sysexit:\n"
    "  mov %cs, %ecx\n"
    "  mov %ss, %edx\n"
    "  mov %esp, %esi\n"
    "  mov $21, %eax\n"
    "  int $0x81\n");
extern u8 after_sysexit[];
static void user_sysenter(void) { asm volatile("mov $8, %eax\n\tsysenter"); }
static void user_sysexit(void) { asm volatile("sysexit"); }
static bool on_81(struct frame* f) {
  seen.cs = f->cx;
  seen.ss = f->dx;
  seen.sp = f->si;
  user_leave(f->ax);
}
static void sysenters(void) {
  trap_hook[0x81] = on_81;
  set_gate_dpl(0x81, 3);
  wrmsr(MSR_SYSENTER_CS, 0);
  trap_clear();
  check("#GP of sysenter with a null CS",
        run_user(user_sysenter, 2) == -1 && trap_take() == GP && trap_last.f.error == 0);
  FAULT("#GP of sysexit with a null CS", GP, 0, "sysexit", "d"(0), "c"(0));
  wrmsr(MSR_SYSENTER_CS, SEL_KCODE);
  wrmsr(MSR_SYSENTER_EIP, (ulong)sysenter_entry);
  wrmsr(MSR_SYSENTER_ESP, 0x81234560);
  check_eq("sysenter from ring 3", run_user(user_sysenter, FLAG_IF | FLAG_CF | 2), 8);
  check_eq("sysenter loads CS", entry_save[0], SEL_KCODE);
  check_eq("sysenter loads SS", entry_save[1], SEL_KDATA);
  check_eq("sysenter loads ESP", entry_save[3], 0x81234560);
  check_eq("sysenter clears IF and leaves CF", entry_save[2] & (FLAG_IF | FLAG_CF), FLAG_CF);
  syscall_action = 4;
  syscall_ip = (ulong)after_sysexit;
  syscall_sp = (ulong)user_stack + 4096;
  check_eq("sysexit returns to ring 3", run_user(user_sysenter, 2), 21);
  check("its selectors are CS + 16 and CS + 24",
        seen.cs == (SEL_UCODE32 | 3) && seen.ss == (SEL_UDATA | 3));
  check_eq("and ESP from ECX", seen.sp, syscall_sp);
  trap_clear();
  check("#GP of sysexit in ring 3",
        run_user(user_sysexit, 2) == -1 && trap_take() == GP && trap_last.f.error == 0);
}
#endif

void guest_main(void) {
#ifdef __x86_64__
  syscalls();
  sysenters();
  bases();
#else
  sysenters();
#endif
  finish(BITS64 ? "syscall64" : "syscall32");
}
