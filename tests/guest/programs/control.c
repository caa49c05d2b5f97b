// SPDX-License-Identifier: GPL-2.0-only
// Rules of the control and debug registers: which combinations are #GP, which bits stick (SDM Vol.
// 3, 2.5 and 17.2.2; Vol. 2, MOV CR/DR, LMSW). A combination that an engine lets through may end
// the program, so QEMU is not asked for those.
#include "lib/expect.h"
#include "lib/guest.h"

static void cr0(void) {
  ulong v = read_cr0();
  write_cr0(v & ~(ulong)CR0_ET);
  check("CR0.ET is always 1", read_cr0() & CR0_ET);
  write_cr0(v | CR0_AM | CR0_MP);
  check_eq("CR0.AM and MP can be set", read_cr0() & (CR0_AM | CR0_MP), CR0_AM | CR0_MP);
  write_cr0(v | CR0_CD);
  check("CR0.CD can be set", read_cr0() & CR0_CD);
  write_cr0(v);
  check_eq_hw("reserved bits of CR0 are dropped", (write_cr0(v | 0xFF80), read_cr0()), v);
  write_cr0(v);
  ulong w = 0;
  asm volatile("smsw %0" : "=r"(w));
  check_eq("smsw reads CR0", w & 0xFFFF, v & 0xFFFF);
  asm volatile("lmsw %w0" ::"r"(CR0_TS));
  check_eq("lmsw sets TS and cannot clear PE", read_cr0() & (CR0_PE | CR0_TS), CR0_PE | CR0_TS);
  asm volatile("clts");
  check_eq("clts", read_cr0() & CR0_TS, 0);
  write_cr0(v);
  if (!skip_on_qemu("#GP of CR0.NW without CR0.CD"))
    FAULT("#GP of CR0.NW without CR0.CD", GP, 0, "mov %0, %%cr0",
          "r"((v & ~(ulong)CR0_CD) | CR0_NW));
  if (!skip_on_qemu("#GP of CR0.PG without CR0.PE"))
    FAULT("#GP of CR0.PG without CR0.PE", GP, 0, "mov %0, %%cr0",
          "r"((v & ~(ulong)CR0_PE) | CR0_PG));
  check_eq("CR0 is as before", read_cr0(), v);
}

static void cr4(void) {
  ulong v = read_cr4();
  write_cr4(v | CR4_TSD | CR4_DE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT);
  check_eq("CR4 bits that the i7 has can be set", read_cr4() & ~v,
           (CR4_TSD | CR4_DE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT) & ~v);
  write_cr4(v);
  if (!skip_on_qemu("#GP of reserved CR4 bits")) {
    FAULT("#GP of reserved CR4 bit 30", GP, 0, "mov %0, %%cr4", "r"(v | 1u << 30));
    FAULT("#GP of reserved CR4 bit 12", GP, 0, "mov %0, %%cr4", "r"(v | 1u << 12));
    if (!(cpuid(1).c >> 5 & 1))
      FAULT("#GP of CR4.VMXE without VMX", GP, 0, "mov %0, %%cr4", "r"(v | 1u << 13));
    if (!(cpuid(1).c >> 26 & 1))
      FAULT("#GP of CR4.OSXSAVE without XSAVE", GP, 0, "mov %0, %%cr4", "r"(v | 1u << 18));
  }
  check_eq("CR4 is as before", read_cr4(), v);
}

static void debug_registers(void) {
  write_dr0(0x12345678);
  check_eq("DR0 reads back", read_dr0(), 0x12345678);
  write_cr4(read_cr4() & ~(ulong)CR4_DE);
  ulong v;
  asm volatile(".byte 0x0F, 0x21, 0xE0" : "=a"(v));  // mov dr4, eax
  check_eq("DR4 is DR6 without CR4.DE", v, read_dr6());
  write_cr4(read_cr4() | CR4_DE);
  FAULT("#UD of DR4 with CR4.DE", UD, 0, ".byte 0x0F, 0x21, 0xE0", "a"(0));
  write_cr4(read_cr4() & ~(ulong)CR4_DE);
  write_dr7(0);
  check_eq("DR7 bit 10 is always 1", read_dr7(), 0x400);
  write_dr6(0);
  check_eq("DR6's reserved bits are 1", read_dr6(), 0xFFFF0FF0);
  write_dr6(0xFFFF0FF0);
#ifdef __x86_64__
  FAULT_HW("#GP of DR7 beyond 32 bits", GP, 0, "mov %0, %%dr7", "r"(1ull << 32 | 0x400));
  FAULT_HW("#GP of DR6 beyond 32 bits", GP, 0, "mov %0, %%dr6", "r"(1ull << 32 | 0xFFFF0FF0));
#endif
}

#ifdef __x86_64__
static void long_mode(void) {
  if (skip_on_qemu("rules of long mode")) return;
  ulong v0 = read_cr0(), v3 = read_cr3(), v4 = read_cr4();
  u64 efer = rdmsr(MSR_EFER);
  FAULT("#GP of CR0 beyond 32 bits", GP, 0, "mov %0, %%cr0", "r"(v0 | 1ull << 32));
  FAULT("#GP of CR4 beyond 32 bits", GP, 0, "mov %0, %%cr4", "r"(v4 | 1ull << 32));
  FAULT("#GP of CR3 beyond the physical width", GP, 0, "mov %0, %%cr3", "r"(v3 | 1ull << 52));
  write_cr3(v3);
  FAULT("#GP of clearing CR4.PAE in long mode", GP, 0, "mov %0, %%cr4", "r"(v4 & ~(ulong)CR4_PAE));
  FAULT("#GP of changing EFER.LME with paging", GP, 0, "wrmsr", "c"(MSR_EFER),
        "a"((u32)efer & ~EFER_LME), "d"(0));
  FAULT("#GP of clearing CR0.PG in 64-bit mode", GP, 0, "mov %0, %%cr0", "r"(v0 & ~(ulong)CR0_PG));
  check("control registers are as before",
        read_cr0() == v0 && read_cr3() == v3 && read_cr4() == v4 && rdmsr(MSR_EFER) == efer);
}
#else
static u32 directory[1024] __attribute__((aligned(4096)));
static void protected_mode(void) {
  for (u32 i = 0; i < 1024; ++i) directory[i] = i << 22 | 0x83;
  write_cr4(read_cr4() | CR4_PSE);
  write_cr3((ulong)directory);
  if (!skip_on_qemu("#GP of CR0.PG with EFER.LME without CR4.PAE")) {
    wrmsr(MSR_EFER, EFER_LME);
    FAULT("#GP of CR0.PG with EFER.LME without CR4.PAE", GP, 0, "mov %0, %%cr0",
          "r"(read_cr0() | CR0_PG));
    wrmsr(MSR_EFER, 0);
  }
  write_cr0(read_cr0() | CR0_PG);
  if (!skip_on_qemu("#GP of setting EFER.LME with paging"))
    FAULT("#GP of setting EFER.LME with paging", GP, 0, "wrmsr", "c"(MSR_EFER), "a"(EFER_LME),
          "d"(0));
  write_cr0(read_cr0() & ~(ulong)CR0_PG);
  check("paging on and off", !(read_cr0() & CR0_PG));
}
#endif

void guest_main(void) {
  cr0();
  cr4();
  debug_registers();
#ifdef __x86_64__
  long_mode();
#else
  protected_mode();
#endif
  finish(BITS64 ? "control64" : "control32");
}
