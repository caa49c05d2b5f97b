// SPDX-License-Identifier: GPL-2.0-only
// Every exception a program can raise: vector, error code, pushed instruction pointer (SDM Vol. 3,
// chapter 6), from ring 0 and ring 3; built for 32-bit and for 64-bit mode.
#include "lib/expect.h"
#include "lib/guest.h"

// QEMU before 8 has vector * 16 in these error codes in long mode.
#define FAULT_64(name, vector, error, instruction, ...) \
  RAISE_(name, vector, error, trap_site, BITS64, instruction, ##__VA_ARGS__)
#define UNUSED_MSR 0x12345
#define NOT_PRESENT SEL_SPARE
#define SMALL_TSS (SEL_SPARE + 8)

static ulong seen_frame;
static struct trap_seen { ulong sp, ss, cs, flags; } seen;

static void arithmetic_and_software(void) {
  u32 rest;
  trap_clear();
  asm volatile("xor %%ecx, %%ecx\n\t" TRAPPING("divl %%ecx")
               : "=d"(rest)
               : "a"(1), "0"(0)
               : "ecx", "memory");
  expect_trap("#DE on division by zero is a fault", DE, 0, trap_site, __LINE__, 0);
  trap_clear();
  asm volatile("mov $1, %%ecx\n\t" TRAPPING("divl %%ecx")
               : "=d"(rest)
               : "a"(1), "0"(1)
               : "ecx", "memory");
  expect_trap("#DE on quotient overflow", DE, 0, trap_site, __LINE__, 0);
  trap_clear();
  asm volatile("mov $-1, %%ecx\n\t" TRAPPING("idivl %%ecx")
               : "=d"(rest)
               : "a"(0x80000000), "0"(-1)
               : "ecx", "memory");
  expect_trap("#DE on INT_MIN / -1", DE, 0, trap_site, __LINE__, 0);

  TRAP("#BP of int3 pushes the next instruction", BP, 0, "int3");
  TRAP("int 3 in two bytes", BP, 0, ".byte 0xCD, 3");
  trap_clear();
  write_dr6(0xFFFF0FF0);
  TRAP_HW("icebp is #DB as a trap", DB, 0, ".byte 0xF1");
  TRAP("int 0 pushes no error code and the next instruction", DE, 0, ".byte 0xCD, 0");
  if (BITS64) {
    FAULT("into is #UD in 64-bit mode", UD, 0, ".byte 0xCE");
    FAULT("pusha is #UD in 64-bit mode", UD, 0, ".byte 0x60");
    FAULT("daa is #UD in 64-bit mode", UD, 0, ".byte 0x27");
    FAULT("far jmp immediate is #UD in 64-bit mode", UD, 0, ".byte 0xEA");
  } else {
    trap_clear();
    asm volatile("mov $0x7fffffff, %%eax\n\tadd $1, %%eax\n\t" TRAPPING(".byte 0xCE")::
                     : "eax", "memory", "cc");
    expect_trap("#OF of into is a trap", OF, 0, trap_after, __LINE__, 0);
    trap_clear();
    asm volatile("xor %%eax, %%eax\n\t" TRAPPING(".byte 0xCE")::: "eax", "memory", "cc");
    check_eq("into without overflow does nothing", trap_take(), NO_TRAP);
    static const int bounds[2] = {5, 10};
    trap_clear();
    asm volatile(TRAPPING(".byte 0x62, 0x01")::"a"(11), "c"(bounds)
                 : "memory");  // bound eax, [ecx]
    expect_trap("#BR of bound is a fault", BR, 0, trap_site, __LINE__, 0);
    trap_clear();
    asm volatile(TRAPPING(".byte 0x62, 0x01")::"a"(10), "c"(bounds) : "memory");
    check_eq("bound inside the bounds does nothing", trap_take(), NO_TRAP);
  }
}

static void undefined_and_fpu(void) {
  FAULT("#UD of ud2 is a fault", UD, 0, "ud2");
  FAULT("#UD of 0F FF", UD, 0, ".byte 0x0F, 0xFF, 0xC0");
  FAULT("#UD of lock on a register", UD, 0, ".byte 0xF0, 0x01, 0xC0");
  FAULT_HW("#UD of lock on mov", UD, 0, ".byte 0xF0, 0x89, 0x00", "a"(&seen));
  FAULT("#UD of mov to CS", UD, 0, ".byte 0x8E, 0xC8", "a"(0));
  FAULT("#UD of cr1", UD, 0, ".byte 0x0F, 0x20, 0xC8");
  FAULT("#UD of lea from a register", UD, 0, ".byte 0x8D, 0xC0");

  ulong cr0 = read_cr0();
  write_cr0((cr0 & ~CR0_EM) | CR0_TS | CR0_MP | CR0_NE);
  FAULT("#NM of an x87 instruction with CR0.TS", NM, 0, "fninit");
  FAULT("#NM of fwait with CR0.TS and CR0.MP", NM, 0, "fwait");
  write_cr0((cr0 & ~(CR0_EM | CR0_MP)) | CR0_TS | CR0_NE);
  NO_FAULT("fwait with CR0.TS without CR0.MP", "fwait");
  asm volatile("clts");
  NO_FAULT("clts clears CR0.TS", "fninit");
  write_cr0((read_cr0() & ~CR0_TS) | CR0_EM);
  FAULT("#NM of an x87 instruction with CR0.EM", NM, 0, "fninit");
  write_cr4(read_cr4() | CR4_OSFXSR);
  FAULT("#UD of SSE with CR0.EM", UD, 0, "xorps %%xmm0, %%xmm0");
  write_cr0((read_cr0() & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
  write_cr4(read_cr4() & ~CR4_OSFXSR);
  FAULT("#UD of SSE without CR4.OSFXSR", UD, 0, "xorps %%xmm0, %%xmm0");
  write_cr4(read_cr4() | CR4_OSFXSR);
  write_cr0(read_cr0() | CR0_TS);
  FAULT("#NM of SSE with CR0.TS", NM, 0, "xorps %%xmm0, %%xmm0");
  asm volatile("clts");
  NO_FAULT("SSE works when enabled", "xorps %%xmm0, %%xmm0");

  // #MF: divide 1 by 0 unmasked; reported by the next waiting x87 instruction.
  static u16 control = 0x033B;  // all masked but zero divide
  trap_clear();
  asm volatile("fninit\n\tfldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\t" TRAPPING("fwait")::"m"(control)
               : "memory");
  expect_trap("#MF comes at the next waiting instruction", MF, 0, trap_site, __LINE__, 0);
  asm volatile("fnclex; fninit");

  write_cr4(read_cr4() | CR4_OSXMMEXCPT);
  static u32 mxcsr = 0x1D80;  // zero divide unmasked
  static const u32 one = 0x3F800000;
  asm volatile("ldmxcsr %0" ::"m"(mxcsr));
  trap_clear();
  asm volatile(
      "movss %0, %%xmm0\n\txorps %%xmm1, %%xmm1\n\t" TRAPPING("divss %%xmm1, %%xmm0")::"m"(one)
      : "memory");
  expect_trap("#XM of an unmasked SSE exception is a fault", XM, 0, trap_site, __LINE__, 2);
  mxcsr = 0x1F80;
  asm volatile("ldmxcsr %0" ::"m"(mxcsr));
  mxcsr = 0x11F80;
  FAULT_HW("#GP of a reserved MXCSR bit", GP, 0, "ldmxcsr %0", "m"(mxcsr));
}

static void segments(void) {
  set_descriptor(NOT_PRESENT, 0, 0xFFFFFFFF, 0x13, 4);
  FAULT("#NP of a data segment not present", NP, NOT_PRESENT, "mov %0, %%ds", "r"(NOT_PRESENT));
  set_descriptor(NOT_PRESENT, 0, 0xFFFFFFFF, 0x73, 4);
  FAULT("#NP's error code drops the RPL", NP, NOT_PRESENT, "mov %0, %%es", "r"(NOT_PRESENT | 3));
  set_descriptor(NOT_PRESENT, 0, 0xFFFFFFFF, 0x13, 4);
  FAULT("#SS of a stack segment not present", SS, NOT_PRESENT, "mov %0, %%ss", "r"(NOT_PRESENT));
  FAULT("#GP of a selector beyond the GDT", GP, 0xFFF8, "mov %0, %%ds", "r"(0xFFF8));
  asm volatile("lldt %w0" ::"r"(0));
  FAULT("#GP of an LDT selector without LDT", GP, 0x1C, "mov %0, %%ds", "r"(0x1F));
  if (BITS64) {
    NO_FAULT("a null SS is allowed in ring 0 of 64-bit mode", "mov %0, %%ss\n\tmov %1, %%ss",
             "r"(0), "r"(SEL_KDATA));
    FAULT_HW("#GP of a null SS with another RPL", GP, 0, "mov %0, %%ss", "r"(3));
  } else
    FAULT("#GP of a null SS", GP, 0, "mov %0, %%ss", "r"(0));
  NO_FAULT("a null data selector may be loaded", "mov %0, %%fs", "r"(0));
  FAULT("#GP of SS with another RPL", GP, SEL_KDATA, "mov %0, %%ss", "r"(SEL_KDATA | 3));
  FAULT("#GP of a code segment in SS", GP, SEL_KCODE, "mov %0, %%ss", "r"(SEL_KCODE));
  FAULT("#GP of a TSS in DS", GP, SEL_TSS, "mov %0, %%ds", "r"(SEL_TSS));
  FAULT("#GP of ltr with a busy TSS", GP, SEL_TSS, "ltr %w0", "r"(SEL_TSS));
  FAULT("#GP of ltr with a data segment", GP, SEL_KDATA, "ltr %w0", "r"(SEL_KDATA));
  FAULT("#GP of lldt with a data segment", GP, SEL_KDATA, "lldt %w0", "r"(SEL_KDATA));
  check("the busy bit is set by ltr", (gdt[SEL_TSS / 8] >> 40 & 0xFF) == 0x8B);

  struct {
    u32 offset;
    u16 selector;
  } __attribute__((packed)) far = {0, 0};
  FAULT("#GP of a far jump to the null selector", GP, 0, "ljmp *%0", "m"(far));
  far.selector = SEL_KDATA;
  FAULT("#GP of a far jump to data", GP, SEL_KDATA, "ljmp *%0", "m"(far));
  far.selector = SEL_UCODE32 | 3;
  FAULT("#GP of a far jump to ring 3 code", GP, SEL_UCODE32, "ljmp *%0", "m"(far));
  set_descriptor(NOT_PRESENT, 0, 0xFFFFFFFF, 0x1B, BITS64 ? 2 : 4);
  far.selector = NOT_PRESENT;
  FAULT("#NP of a far jump to code not present", NP, NOT_PRESENT, "ljmp *%0", "m"(far));
  if (BITS64) {
    far.selector = SEL_TSS;
    FAULT("#GP of a far jump to a TSS in 64-bit mode", GP, SEL_TSS, "ljmp *%0", "m"(far));
  } else {
    set_descriptor(SMALL_TSS, (ulong)tss[1], 0x10, 0x89, 0);
    far.selector = SMALL_TSS;
    FAULT("#TS of a TSS that is too small", TS, SMALL_TSS, "ljmp *%0", "m"(far));
    static struct { u32 data[4]; } small;
    set_descriptor(NOT_PRESENT, (ulong)&small, 15, 0x93, 4);
    asm volatile("mov %0, %%fs" ::"r"(NOT_PRESENT));
    FAULT_LIMIT("#GP beyond a data segment's limit", GP, 0, "movl %%fs:16, %%eax", "a"(0));
    set_descriptor(NOT_PRESENT, 0, 0xFFFFFFFF, 0x91, 4);
    asm volatile("mov %0, %%fs" ::"r"(NOT_PRESENT));
    FAULT_LIMIT("#GP of a write to a read-only segment", GP, 0, "movl %%eax, %%fs:(%1)", "a"(0),
                "r"(&small));
    asm volatile("mov %0, %%fs" ::"r"(0));
    FAULT_LIMIT("#GP of an access through a null selector", GP, 0, "movl %%fs:(%0), %%eax",
                "r"(&small), "a"(0));
  }

  // Gates.
  set_gate(0x90, 0, SEL_KCODE, GATE_INT, 0, 0);
  idt[0x90 * (BITS64 + 1)] &= ~(1ull << 47);
  FAULT_64("#NP of a gate not present has the IDT bit", NP, 0x90 * 8 + 2, "int $0x90");
  set_gate(0x90, 0, SEL_KDATA, GATE_INT, 0, 0);
  FAULT("#GP of a gate to a data segment names the segment", GP, SEL_KDATA, "int $0x90");
  set_gate(0x90, 0, 0, GATE_INT, 0, 0);
  FAULT("#GP of a gate with a null selector", GP, 0, "int $0x90");
  set_gate(0x90, 0, SEL_KCODE, 2, 0, 0);
  FAULT_64("#GP of a descriptor that is no gate", GP, 0x90 * 8 + 2, "int $0x90");
  set_gate(0x90, 0, SEL_KCODE, GATE_INT, 0, 0);
  struct {
    u16 limit;
    ulong base;
  } __attribute__((packed)) table = {0x90 * 8 * (BITS64 + 1) - 1, (ulong)idt};
  asm volatile("lidt %0" ::"m"(table));
  FAULT_64("#GP of a vector beyond the IDT", GP, 0x90 * 8 + 2, "int $0x90");
  table.limit = sizeof(u64) * 256 * (BITS64 + 1) - 1;
  asm volatile("lidt %0" ::"m"(table));
}

static void general_protection(void) {
  FAULT_HW("#GP of rdmsr of an unknown MSR", GP, 0, "rdmsr", "c"(UNUSED_MSR));
  FAULT_HW("#GP of wrmsr of an unknown MSR", GP, 0, "wrmsr", "c"(UNUSED_MSR), "a"(0), "d"(0));
#ifdef __x86_64__
  FAULT("#GP of a load from a non-canonical address", GP, 0, "mov (%0), %%rax", "c"(0x800000000000),
        "a"(0));
  FAULT("#GP of a store to a non-canonical address", GP, 0, "mov %%rax, (%0)",
        "c"(0xFFFF7FFFFFFFFFFF), "a"(0));
  trap_clear();
  asm volatile("mov %%rbp, %%rbx\n\tmov %0, %%rbp\n\t" TRAPPING("mov 8(%%rbp), %%rax") "mov %%rbx, %%rbp"
               ::"c"(0x800000000000) : "rax", "rbx", "memory");
  expect_trap("#SS of a load through RBP from a non-canonical address", SS, 0, trap_site, __LINE__, 1);
  trap_clear();
  asm volatile("mov %%rsp, %%rbx\n\tmov %0, %%rsp\n\t" TRAPPING("nop") "mov %%rbx, %%rsp" ::"r"(
                   0x800000000000)
               : "rbx", "memory");
  check_eq("a non-canonical stack pointer by itself is fine", trap_take(), NO_TRAP);
  set_gate(SS, 0, SEL_KCODE, GATE_INT, 0, 1);
  set_gate(GP, 0, SEL_KCODE, GATE_INT, 0, 1);
  static u8 stack[4096] __attribute__((aligned(16)));
  *(u64*)&tss[0][9] = (ulong)stack + sizeof stack;  // IST1
  trap_clear();
  asm volatile("mov %%rsp, %%rbx\n\tmov %0, %%rsp\n\t" TRAPPING(
                   "push %%rax") "mov %%rbx, %%rsp" ::"r"(0x800000001000)
               : "rbx", "memory");
  expect_trap("#SS of a push to a non-canonical address", SS, 0, trap_site, __LINE__, 2);
  set_gate(SS, 0, SEL_KCODE, GATE_INT, 0, 0);
  set_gate(GP, 0, SEL_KCODE, GATE_INT, 0, 0);
#endif
}

// --- Debug exceptions ---

static volatile u32 steps;
static ulong step_ip[8], step_dr6[8], step_flags[8];

static bool count_step(struct frame* f) {
  if (steps < 8) {
    step_ip[steps] = f->ip;
    step_dr6[steps] = read_dr6();
    step_flags[steps] = f->flags;
  }
  ++steps;
  if ((step_dr6[0] & 1) && steps > 2) f->flags |= FLAG_RF;
  if (steps > 16) {
    f->flags &= ~FLAG_TF;
    write_dr7(0x400);
  }
  return true;
}

static volatile u32 watched;

static void debug(void) {
  trap_hook[DB] = count_step;
  ulong first, second, third;
  write_dr6(0xFFFF0FF0);
  asm volatile("pushf\n\torl $0x100, (%%" SP
               ")\n\tpopf\n\t"  // TF is looked at after the next instruction
               "nop\n"
               "1:\tnop\n"
               "2:\tpushf\n\tandl $~0x100, (%%" SP
               ")\n\tpopf\n"
               "3:\tnop\n\t"
               "mov $1b, %0\n\tmov $2b, %1\n\tmov $3b, %2"
               : "=r"(first), "=r"(second), "=r"(third)::"memory", "cc");
  check_eq("single step starts after the instruction that follows popf", step_ip[0], first);
  check_eq("single step stops at each instruction", step_ip[1], second);
  check_eq("single step traps once more after the popf that clears TF", step_ip[4], third);
  check_eq("number of single steps", steps, 5);
  check_eq("DR6.BS", step_dr6[0] & 0xF00F, 0x4000);
  check("the handler runs with TF clear", steps == 5);

  // MOV SS delays the trap by an instruction.
  steps = 0;
  asm volatile("mov %%ss, %%ebx\n\tpushf\n\torl $0x100, (%%" SP
               ")\n\tpopf\n\t"
               "mov %%ebx, %%ss\n\tnop\n"
               "1:\tpushf\n\tandl $~0x100, (%%" SP
               ")\n\tpopf\n\t"
               "nop\n\tmov $1b, %0"
               : "=r"(first)::"ebx", "memory", "cc");
  check_eq("no single-step trap between mov SS and the next instruction", step_ip[0], first);

  // Instruction breakpoint: a fault before the instruction, RF lets it pass.
  steps = 0;
  write_dr6(0xFFFF0FF0);
  asm volatile(
      "mov $1f, %0\n\tmov %0, %%dr0\n\tmov %1, %%dr7\n\t"
      "jmp 1f\n"
      "1:\tnop\n\t"
      "xor %1, %1\n\tmov %1, %%dr7\n\t"
      : "=&r"(first), "=&r"(second)
      : "1"((ulong)0x402)
      : "memory", "cc");
  // RF is not set in the flags that this fault pushes (SDM Vol. 3, 17.3.1.1): the handler has to, or
  // the breakpoint hits again. Ours does the third time.
  check_eq("instruction breakpoint hits until the handler sets RF", steps, 3);
  check_eq("RF is not set in the pushed flags", step_flags[0] & FLAG_RF, 0);
  check_eq("instruction breakpoint is a fault at the instruction", step_ip[0], first);
  check_eq("DR6.B0 of the instruction breakpoint", step_dr6[0] & 0xF, 1);

  steps = 0;
  write_dr6(0xFFFF0FF0);
  write_dr1((ulong)&watched);
  write_dr7(0x400 | 0x8 | 0xD << 20);  // G1, write, 4 bytes
  asm volatile("movl $5, %1\n1:\tnop\n\tmov $1b, %0" : "=r"(first), "=m"(watched)::"memory");
  u32 read_back = watched;
  write_dr7(0x400);
  check_eq("data breakpoint hits once, on the write", steps, 1);
  check_eq("data breakpoint is a trap after the store", step_ip[0], first);
  check("DR6.B1 of the data breakpoint", (step_dr6[0] & 0xF) == 2 && read_back == 5);

  steps = 0;
  write_dr6(0xFFFF0FF0);
  write_dr7(0x2400);  // GD
  asm volatile("mov $1f, %0\n1:\tmov %%dr0, %1" : "=&r"(first), "=r"(second)::"memory");
  check_hw("general detect faults on a DR access and is cleared",
           steps == 1 && step_ip[0] == first && (step_dr6[0] & 0x2000));
  write_dr7(0x400);
  write_dr6(0xFFFF0FF0);
  trap_hook[DB] = 0;
}

// --- Ring 3 ---

static void user_nothing(void) { asm volatile("int $0x80" ::"a"(42)); }
static void user_int91(void) { asm volatile("int $0x91"); }
static void user_int3(void) { asm volatile("int3"); }
static void user_icebp(void) { asm volatile(".byte 0xF1"); }
static void user_cli(void) { asm volatile("cli"); }
static void user_hlt(void) { asm volatile("hlt"); }
static void user_in(void) { inb(0x80); }
static void user_cr0(void) { read_cr0(); }
static void user_clts(void) { asm volatile("clts"); }
static void user_rdmsr(void) { rdmsr(MSR_TSC); }
static void user_wbinvd(void) { asm volatile("wbinvd"); }
static void user_invlpg(void) { invlpg(&seen); }
static void user_dr7(void) { read_dr7(); }
static void user_rdtsc(void) {
  rdtsc();
  user_nothing();
}
static void user_kdata(void) { asm volatile("mov %0, %%ds" ::"r"(SEL_KDATA)); }
static void user_popf(void) {
  // Neither IF nor IOPL change at CPL 3 with IOPL 0, and nothing is raised.
  ulong flags;
  asm volatile("push $0x3202\n\tpopf\n\tpushf\n\tpop %0" : "=r"(flags)::"memory", "cc");
  asm volatile("int $0x80" ::"a"(flags));
}
static void user_unaligned(void) {
  asm volatile("pushf\n\torl $0x40000, (%%" SP ")\n\tpopf\n\tmovl 1(%0), %%eax" ::"r"(&seen)
               : "eax", "memory");
  user_nothing();
}

static bool look_at_frame(struct frame* f) {
  seen_frame = (ulong)(f + 1);
  seen = (struct trap_seen){f->sp, f->ss, f->cs, f->flags};
  user_leave(7);
}

static void expect_user_kind(const char* name, void (*fn)(void), u32 vector, ulong error,
                             int kind) {
  trap_clear();
  long r = run_user(fn, 2);
  u32 got = trap_take();
  if (got != vector)
    check_equal(name, got, vector, __LINE__, kind);
  else if (trap_last.f.error != error)
    check_equal(name, trap_last.f.error, error, __LINE__, kind);
  else
    check(name, r == -1 && (trap_last.f.cs & 3) == 3);
}

static void expect_user(const char* name, void (*fn)(void), u32 vector, ulong error) {
  expect_user_kind(name, fn, vector, error, 0);
}

static void ring3(void) {
  check_eq("ring 3 and back through a gate with DPL 3", run_user(user_nothing, 2), 42);
  expect_user_kind("#GP of int n with a gate of DPL 0", user_int91, GP, 0x91 * 8 + 2, BITS64);
  set_gate_dpl(0x91, 3);
  trap_hook[0x91] = look_at_frame;
  check_eq("int n with a gate of DPL 3", run_user(user_int91, 0x202), 7);
  check_eq("the stack comes from the TSS", seen_frame, (ulong)&trap_stack[0][TRAP_STACK_BYTES]);
  check_eq("ring 3's SS is pushed", seen.ss, SEL_UDATA | 3);
  check("ring 3's stack pointer is pushed",
        seen.sp >= (ulong)user_stack && seen.sp <= (ulong)user_stack + sizeof user_stack);
  check_eq("ring 3's CS is pushed", seen.cs, (BITS64 ? SEL_UCODE64 : SEL_UCODE32) | 3);
  check("ring 3's IF is pushed", seen.flags & FLAG_IF);
  expect_user_kind("#GP of int3 with a gate of DPL 0", user_int3, GP, 3 * 8 + 2, BITS64);
  set_gate_dpl(BP, 3);
  expect_user("int3 with a gate of DPL 3", user_int3, BP, 0);
  set_gate_dpl(BP, 0);
  expect_user_kind("icebp does not look at the gate's DPL", user_icebp, DB, 0, 1);
  expect_user("#GP of cli at IOPL 0", user_cli, GP, 0);
  expect_user("#GP of hlt", user_hlt, GP, 0);
  expect_user("#GP of in at IOPL 0 without a bitmap", user_in, GP, 0);
  expect_user("#GP of mov from CR0", user_cr0, GP, 0);
  expect_user("#GP of clts", user_clts, GP, 0);
  expect_user("#GP of rdmsr", user_rdmsr, GP, 0);
  expect_user("#GP of wbinvd", user_wbinvd, GP, 0);
  expect_user("#GP of invlpg", user_invlpg, GP, 0);
  expect_user("#GP of mov from DR7", user_dr7, GP, 0);
  expect_user("#GP of loading a ring 0 data segment", user_kdata, GP, SEL_KDATA);
  check_eq("rdtsc in ring 3", run_user(user_rdtsc, 2), 42);
  write_cr4(read_cr4() | CR4_TSD);
  expect_user("#GP of rdtsc in ring 3 with CR4.TSD", user_rdtsc, GP, 0);
  write_cr4(read_cr4() & ~(ulong)CR4_TSD);
  check_eq("popf at CPL 3 leaves IF and IOPL", run_user(user_popf, 0x202) & 0x3200, 0x200);
  check_eq("popf at CPL 3 with IOPL 3 changes IF", run_user(user_popf, 0x3002) & 0x3200, 0x3200);

  write_cr0(read_cr0() | CR0_AM);
  trap_clear();
  long r = run_user(user_unaligned, 2);
  check_limit("#AC of an unaligned access with CR0.AM and EFLAGS.AC",
              r == -1 && trap_take() == AC && trap_last.f.error == 0);
  write_cr0(read_cr0() & ~(ulong)CR0_AM);

  // I/O permission bitmap: port 80h allowed, 81h not.
  u8* t = (u8*)tss[0];
  u8* bitmap = t + 104;
  memset(bitmap, 0xFF, 24);
  tss[0][25] = 104 << 16;
  set_descriptor(SEL_TSS, (ulong)t, 104 + 20, 0x89, 0);
  asm volatile("ltr %w0" ::"r"(SEL_TSS));
  bitmap[0x10] = 0xFE;
  check_eq("the I/O bitmap allows a port", run_user(user_in, 2), USER_RETURNED);
  bitmap[0x10] = 0xFF;
  expect_user("the I/O bitmap forbids a port", user_in, GP, 0);
  bitmap[0x10] = 0xFE;
  memset(bitmap, 0, 16);
}

// --- Gates and stacks ---

#ifdef __x86_64__
static ulong frame_at;
static bool note_frame(struct frame* f) {
  frame_at = (ulong)f;
  seen.sp = f->sp;
  seen.ss = f->ss;
  return true;
}

static void stacks64(void) {
  trap_hook[0x92] = note_frame;
  ulong sp;
  asm volatile("mov %%rsp, %%rbx\n\tsub $3, %%rsp\n\tmov %%rsp, %0\n\tint $0x92\n\tmov %%rbx, %%rsp"
               : "=&r"(sp)::"rbx", "memory");
  check("64-bit delivery aligns the stack to 16", ((frame_at + sizeof(struct frame)) & 15) == 0);
  check_eq("64-bit delivery pushes the unaligned RSP", seen.sp, sp);
  check_eq("64-bit delivery pushes SS without a change of ring", seen.ss, SEL_KDATA);
  static u8 stack[4096] __attribute__((aligned(16)));
  *(u64*)&tss[0][9 + 2 * 6] = (ulong)stack + sizeof stack;  // IST7
  set_gate(0x92, 0, SEL_KCODE, GATE_INT, 0, 7);
  asm volatile("int $0x92" ::: "memory");
  check_eq("IST7 gives the stack", frame_at + sizeof(struct frame), (ulong)stack + sizeof stack);
  set_gate(0x92, 0, SEL_KCODE, GATE_INT, 0, 0);
}
#endif

// What a call gate leads to: takes down what it sees and leaves ring 3.
void gate_body(ulong* sp) {
  seen_frame = (ulong)sp;
  seen.cs = sp[1];
  user_leave(9);
}
extern u8 gate_entry[];
asm(".text\ngate_entry:\n\t"
#ifdef __x86_64__
    "mov %rsp, %rdi\n\tcall gate_body\n"
#else
    "push %esp\n\tcall gate_body\n"
#endif
);
#define CALL_GATE (SEL_SPARE + 16)

static void user_call(void) {
#ifdef __x86_64__
  static const struct {
    u32 offset;
    u16 selector;
  } __attribute__((packed)) target = {0, CALL_GATE | 3};
  asm volatile("lcall *%0" ::"m"(target) : "memory");
#else
  asm volatile("push $0x1234\n\tpush $0x5678\n\tlcall %0, $0" ::"i"(CALL_GATE | 3) : "memory");
#endif
}

static void call_gates(void) {
  ulong entry = (ulong)gate_entry;
  gdt[CALL_GATE / 8] = (entry & 0xFFFF) | (u64)SEL_KCODE << 16 | (u64)(BITS64 ? 0 : 2) << 32 |
                       0xECull << 40 | (u64)(entry >> 16) << 48;
  gdt[CALL_GATE / 8 + 1] = 0;
  check_eq("a call gate leads from ring 3 to ring 0", run_user(user_call, 2), 9);
  ulong* sp = (ulong*)seen_frame;
  check_eq("the call gate pushes ring 3's CS", seen.cs, (BITS64 ? SEL_UCODE64 : SEL_UCODE32) | 3);
#ifdef __x86_64__
  check_eq("the call gate's stack comes from the TSS", (ulong)(sp + 4),
           (ulong)&trap_stack[0][TRAP_STACK_BYTES]);
#else
  check("the call gate copies parameters",
        sp[2] == 0x5678 && sp[3] == 0x1234 && sp[5] == (SEL_UDATA | 3));
  check_eq("the call gate's stack comes from the TSS", (ulong)(sp + 6),
           (ulong)&trap_stack[0][TRAP_STACK_BYTES]);
#endif
  gdt[CALL_GATE / 8] &= ~(3ull << 45);  // DPL 0
  expect_user("#GP of a call gate with DPL 0", user_call, GP, CALL_GATE);
  gdt[CALL_GATE / 8] |= 3ull << 45;
  gdt[CALL_GATE / 8] &= ~(1ull << 47);
  expect_user("#NP of a call gate not present", user_call, NP, CALL_GATE);
}

void guest_main(void) {
  check_eq("multiboot magic in EAX", multiboot_magic, 0x2BADB002);
  arithmetic_and_software();
  undefined_and_fpu();
  segments();
  general_protection();
  debug();
  ring3();
#ifdef __x86_64__
  stacks64();
#endif
  call_gates();
  finish(BITS64 ? "exceptions64" : "exceptions32");
}
