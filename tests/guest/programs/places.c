// SPDX-License-Identifier: GPL-2.0-only
// Code and registers in odd places: the LAPIC over RAM, fetches from devices, instructions that
// change themselves, faults in the middle of straight code, returns to addresses that are none.
#include "lib/apic.h"
#include "lib/expect.h"
#include "lib/guest.h"

#define RAM_PAGE 0x2000000ul
#define DEVICE_PAGE 0xFED80000ul  // nothing answers there
#define MSR_APIC_BASE_ENABLE 0x800

static u32 apic_read(ulong base, u32 offset) { return *(volatile u32*)(base + offset); }

static void lapic_over_ram(void) {
  volatile u32* ram = (volatile u32*)RAM_PAGE;
  u64 base = rdmsr(MSR_APIC_BASE);
  u32 version = apic_read(LAPIC_BASE, LAPIC_VERSION);
  ram[LAPIC_VERSION / 4] = 0x12345678;
  ram[LAPIC_TPR / 4] = 0x11111111;
  wrmsr(MSR_APIC_BASE, (base & 0xFFF) | RAM_PAGE);
  check_eq("a LAPIC relocated over RAM answers there", apic_read(RAM_PAGE, LAPIC_VERSION), version);
  ram[LAPIC_TPR / 4] = 0x20;
  check_eq("and is written there", apic_read(RAM_PAGE, LAPIC_TPR), 0x20);
  check("no longer at its old place", apic_read(LAPIC_BASE, LAPIC_VERSION) != version);
  ram[LAPIC_TPR / 4] = 0;
  wrmsr(MSR_APIC_BASE, base);
  check_eq("back again", apic_read(LAPIC_BASE, LAPIC_VERSION), version);
  check_eq("the RAM below shows again", ram[LAPIC_VERSION / 4], 0x12345678);
  check_eq("and was not written", ram[LAPIC_TPR / 4], 0x11111111);
  wrmsr(MSR_APIC_BASE, base & ~(u64)MSR_APIC_BASE_ENABLE);
  check("a disabled LAPIC does not answer", apic_read(LAPIC_BASE, LAPIC_VERSION) != version);
  wrmsr(MSR_APIC_BASE, base);
}

static void jump_to(ulong target) {
  trap_clear();
  asm volatile(
      "mov $1f, %%rax\n\tmov %%rax, trap_resume\n\tcall *%0\n1:\tadd $8, %%rsp" ::"r"(target)
      : "rax", "memory");
}

// Where nothing answers the bus reads as ones: FF FF is no instruction.
static void fetches(void) {
  jump_to(DEVICE_PAGE);
  check("a fetch where nothing is gives #UD", trap_take() == UD && trap_last.f.ip == DEVICE_PAGE);
  jump_to(LAPIC_BASE);
  check("a fetch from the LAPIC gives an exception there",
        trap_take() != NO_TRAP && trap_last.f.ip == LAPIC_BASE);

  static u8 code[64] __attribute__((aligned(64)));
  memset(code, 0x66, 14);
  code[14] = 0x90;
  code[15] = 0xC3;
  trap_clear();
  ((void (*)(void))(ulong)code)();
  check_eq("an instruction of 15 bytes runs", trap_take(), NO_TRAP);
  memset(code, 0x66, 15);
  code[15] = 0x90;
  jump_to((ulong)code);
  check("one of 16 bytes is #GP(0)",
        trap_take() == GP && trap_last.f.error == 0 && trap_last.f.ip == (ulong)code);
}

static void self_modification(void) {
  u32 v;
  // The store is in the block that it changes, one instruction ahead.
  asm volatile(
      "movl $0x22222222, 1f+1(%%rip)\n"
      "1:\tmovl $0x11111111, %0\n\t"
      : "=a"(v)::"memory");
  check_eq("a store into the next instruction counts at once", v, 0x22222222);
  u32 rounds = 0;
  asm volatile(
      "xor %%ecx, %%ecx\n"
      "1:\tmovl %%ecx, 2f+1(%%rip)\n"
      "2:\tmovl $0x11111111, %%eax\n\t"
      "cmp %%eax, %%ecx\n\tjne 3f\n\t"
      "incl %0\n\tincl %%ecx\n\tcmp $1000, %%ecx\n\tjne 1b\n"
      "3:\tmovl $0x11111111, 2b+1(%%rip)\n"
      : "+m"(rounds)::"eax", "ecx", "cc", "memory");
  check_eq("a thousand times", rounds, 1000);
  // A string instruction over what follows it.
  static const u8 patch[] = {0xB8, 0x44, 0x44, 0x44, 0x44};  // mov $0x44444444, %eax
  asm volatile(
      "lea 1f(%%rip), %%rdi\n\tmov $5, %%ecx\n\trep movsb\n"
      "1:\tmovl $0x33333333, %%eax\n\t"
      : "=a"(v)
      : "S"(patch)
      : "rdi", "rcx", "memory");
  check_eq("a string instruction over the one that follows", v, 0x44444444);
  // A push over the next instruction; the stack pointer moves by one word only.
  u64 moved;
  asm volatile(
      "mov %%rsp, %%rbx\n\tlea 1f+8(%%rip), %%rsp\n\tmov %%rsp, %%rdx\n\t"
      "push %2\n"
      "1:\tmovl $0x55555555, %%eax\n\tnop\n\tnop\n\tnop\n\t"
      "sub %%rsp, %%rdx\n\tmov %%rbx, %%rsp\n\tmov %%rdx, %1"
      : "=&a"(v), "=m"(moved)
      : "r"(0x90909066666666B8ull)
      : "rbx", "rdx", "memory");
  check_eq("a push over the next instruction", v, 0x66666666);
  check_eq("moves the stack pointer once", moved, 8);
}

// The fault is in the middle of straight code: what is before it has happened, what is behind has
// not.
static void middle_of_a_block(void) {
  ulong a = 0, b = 0;
  trap_clear();
  asm volatile(
      "mov $1f, %%rcx\n\tmov %%rcx, trap_resume\n\txor %%ecx, %%ecx\n\t"
      "inc %0\n\tadd $2, %0\n\tmov (%2), %%rdx\n\tadd $100, %0\n"
      "1:\tmov %0, %1"
      : "+&r"(a), "=&r"(b)
      : "r"(0x7FFFFFF000ull)
      : "rcx", "rdx", "cc", "memory");
  check("a fault in the middle of a block", trap_take() == PF);
  check_eq("what is before it has happened once", b, 3);
}

#define PUSH_FRAME(ip)                                                                     \
  "mov %%rsp, %%rbx\n\tmov %%ss, %%eax\n\tpush %%rax\n\tpush %%rbx\n\tpushf\n\tmov %%cs, " \
  "%%eax\n\tpush %%rax\n\tpush " ip "\n\t"
static void returns(void) {
  trap_clear();
  asm volatile(PUSH_FRAME("%0") TRAPPING("iretq") "mov %%rbx, %%rsp" ::"r"(0x800000000000)
               : "rax", "rbx", "memory");
  expect_trap("#GP of iret to a non-canonical address is the iret's own", GP, 0, trap_site,
              __LINE__, 0);
  FAULT("#GP of ltr with the null selector", GP, 0, "ltr %w0", "r"(0));
  FAULT("#GP of rdpmc without counters", GP, 0, "rdpmc", "c"(0x12345));
  FAULT("#UD of monitor without it in CPUID", UD, 0, "monitor", "a"(&trap_last), "c"(0), "d"(0));
  FAULT("#UD of mwait", UD, 0, "mwait", "a"(0), "c"(0));
  FAULT("#UD of lock cmp", UD, 0, ".byte 0xF0, 0x39, 0x01", "c"(&trap_last));
}

void guest_main(void) {
  lapic_over_ram();
  fetches();
  self_modification();
  middle_of_a_block();
  returns();
  finish("places");
}
