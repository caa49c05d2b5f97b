// SPDX-License-Identifier: GPL-2.0-only
// CPUID and MSRs of a Core i7 860 (family 6, model 1Eh, stepping 5), and that what CPUID promises
// and denies is so.
#include "lib/expect.h"
#include "lib/guest.h"

static bool bit(u32 v, u32 n) { return v >> n & 1; }

static void identity(void) {
  struct cpuid c = cpuid(0);
  check("vendor is GenuineIntel", c.b == 0x756E6547 && c.d == 0x49656E69 && c.c == 0x6C65746E);
  check_hw("highest leaf is at least 0Bh", c.a >= 0xB);
  u32 highest = c.a;
  c = cpuid(1);
  check_eq_hw("signature is 106E5h", c.a, 0x106E5);
  check_eq("initial APIC id of the first core", c.b >> 24, 0);
  check_eq("CLFLUSH line is 64 bytes", c.b >> 8 & 0xFF, 8);
  char brand[49];
  for (u32 i = 0; i < 3; ++i) {
    struct cpuid b = cpuid(0x80000002 + i);
    memcpy(brand + 16 * i, &b, 16);
  }
  brand[48] = 0;
  print("# %s\n", brand);
  static const char want[] = "Intel(R) Core(TM) i7 CPU         860  @ 2.80GHz";
  const char* p = brand;
  while (*p == ' ') ++p;
  check_hw("brand string", !memcmp(p, want, sizeof want));
  check("highest extended leaf", cpuid(0x80000000).a >= 0x80000008);
  check_eq_hw("36 physical address bits", cpuid(0x80000008).a & 0xFF, 36);
  check_eq("48 linear address bits", cpuid(0x80000008).a >> 8 & 0xFF, 48);
  check_hw("no hypervisor bit", !bit(c.c, 31));
  if (highest >= 0xB) {
    struct cpuid t = cpuid_sub(0xB, 0);
    check_eq("leaf 0Bh knows the APIC id", t.d, 0);
  }
  struct cpuid beyond = cpuid(highest + 1), last = cpuid(highest);
  check_hw("a leaf beyond the highest gives the highest one's data",
           beyond.a == last.a && beyond.b == last.b);
  beyond = cpuid(0x8000FFFF);
  check_hw("so does an extended leaf beyond the highest", beyond.a == last.a && beyond.b == last.b);
  // Caches by leaf 4: 32 KB + 32 KB, 256 KB, 8 MB.
  u32 level[4] = {0};
  for (u32 i = 0; i < 8; ++i) {
    struct cpuid k = cpuid_sub(4, i);
    if (!(k.a & 31)) break;
    u32 bytes = ((k.b >> 22) + 1) * ((k.b >> 12 & 0x3FF) + 1) * ((k.b & 0xFFF) + 1) * (k.c + 1);
    if ((k.a >> 5 & 7) < 4) level[k.a >> 5 & 7] += bytes;
  }
  check_hw("caches are 32+32 KB, 256 KB, 8 MB",
           level[1] == 65536 && level[2] == 262144 && level[3] == 8388608);
}

static void features(void) {
  struct cpuid c = cpuid(1), x = cpuid(0x80000001);
  static const struct {
    u8 bit;
    const char* name;
  } edx[] = {{0, "FPU"},  {2, "DE"},     {3, "PSE"},  {4, "TSC"},   {5, "MSR"},  {6, "PAE"},
             {8, "CX8"},  {9, "APIC"},   {11, "SEP"}, {12, "MTRR"}, {13, "PGE"}, {15, "CMOV"},
             {16, "PAT"}, {19, "CLFSH"}, {23, "MMX"}, {24, "FXSR"}, {25, "SSE"}, {26, "SSE2"}},
    ecx[] = {{0, "SSE3"},    {9, "SSSE3"},   {13, "CX16"},
             {19, "SSE4.1"}, {20, "SSE4.2"}, {23, "POPCNT"}};
  bool all = true;
  for (u32 i = 0; i < sizeof edx / sizeof *edx; ++i)
    if (!bit(c.d, edx[i].bit)) print("# missing %s\n", edx[i].name), all = false;
  for (u32 i = 0; i < sizeof ecx / sizeof *ecx; ++i)
    if (!bit(c.c, ecx[i].bit)) print("# missing %s\n", ecx[i].name), all = false;
  check("features of the i7 that every kernel looks for", all);
  check("SYSCALL, NX, LM, LAHF", bit(x.d, 11) && bit(x.d, 20) && bit(x.d, 29) && bit(x.c, 0));

  u64 r = 0;
  asm volatile("popcnt %1, %0" : "=r"(r) : "r"(0xF0F0ull));
  check_eq("POPCNT", r, 8);
  u32 crc = 0;
  asm volatile("crc32b %1, %0" : "+r"(crc) : "q"((u8)'a'));
  check_eq("CRC32", crc, 0x93AD1061);
  u32 eax;
  asm volatile("stc\n\tlahf" : "=a"(eax)::"cc");
  check("LAHF in 64-bit mode", eax >> 8 & 1);
  if (bit(c.c, 3))
    print("# MONITOR is there\n");
  else
    FAULT("MONITOR is absent and #UD", UD, 0, "monitor", "a"(0), "c"(0), "d"(0));
  if (!bit(c.c, 5)) FAULT("VMX is absent and VMXOFF #UD", UD, 0, ".byte 0x0F, 0x01, 0xC4");
  if (!bit(c.c, 26)) FAULT("XSAVE is absent and XGETBV #UD", UD, 0, "xgetbv", "c"(0));
  if (!bit(c.c, 28)) FAULT_HW("AVX is absent and VEX #UD", UD, 0, ".byte 0xC5, 0xF8, 0x57, 0xC0");
  if (bit(x.d, 27)) {
    u32 aux;
    wrmsr(0xC0000103, 0x77);
    asm volatile("rdtscp" : "=c"(aux)::"rax", "rdx");
    check_eq("RDTSCP is what CPUID says", aux, 0x77);
  } else {
    FAULT("RDTSCP is what CPUID says", UD, 0, "rdtscp");
  }
  struct cpuid seven = cpuid_sub(7, 0);
  if (cpuid(0).a < 7 || !bit(seven.b, 1))
    FAULT_HW("IA32_TSC_ADJUST is absent and #GP", GP, 0, "rdmsr", "c"(0x3B));
  if (skip_on_qemu("CR4 bits without their feature are reserved")) return;
  if (!bit(c.c, 17))
    FAULT("CR4.PCIDE is reserved without PCID", GP, 0, "mov %0, %%cr4", "r"(read_cr4() | 1 << 17));
  if (cpuid(0).a < 7 || !bit(seven.b, 7))
    FAULT("CR4.SMEP is reserved without SMEP", GP, 0, "mov %0, %%cr4", "r"(read_cr4() | 1 << 20));
}

static void msrs(void) {
  static const u32 unknown[] = {0x3, 0x12345, 0x1FFFF, 0x40000000, 0xC0000090, 0xC0010000};
  bool reads = true, writes = true;
  for (u32 i = 0; i < sizeof unknown / sizeof *unknown; ++i) {
    trap_clear();
    asm volatile(TRAPPING("rdmsr")::"c"(unknown[i]) : "rax", "rdx", "memory");
    reads &= trap_take() == GP && trap_last.f.error == 0;
    trap_clear();
    asm volatile(TRAPPING("wrmsr")::"c"(unknown[i]), "a"(0), "d"(0) : "memory");
    writes &= trap_take() == GP && trap_last.f.error == 0;
  }
  check_hw("unknown MSRs are #GP to read", reads);
  check_hw("unknown MSRs are #GP to write", writes);

  u64 cap = rdmsr(0xFE);
  check_hw("MTRRCAP: 8 variable ranges, fixed ranges, write-combining",
           (cap & 0xFF) == 8 && (cap & 0x100) && (cap & 0x400));
  static const u32 fixed[] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26A,
                              0x26B, 0x26C, 0x26D, 0x26E, 0x26F};
  bool good = true;
  for (u32 i = 0; i < sizeof fixed / sizeof *fixed; ++i) {
    u64 old = rdmsr(fixed[i]);
    wrmsr(fixed[i], 0x0606060605050000ull);
    good &= rdmsr(fixed[i]) == 0x0606060605050000ull;
    wrmsr(fixed[i], old);
  }
  check("fixed MTRRs read back", good);
  good = true;
  for (u32 i = 0; i < 8; ++i) {
    u64 base = rdmsr(0x200 + 2 * i), mask = rdmsr(0x201 + 2 * i);
    wrmsr(0x200 + 2 * i, 0x40000006);
    wrmsr(0x201 + 2 * i, 0xFC0000800);
    good &= rdmsr(0x200 + 2 * i) == 0x40000006 && rdmsr(0x201 + 2 * i) == 0xFC0000800;
    wrmsr(0x200 + 2 * i, base);
    wrmsr(0x201 + 2 * i, mask);
  }
  check("variable MTRRs read back", good);
  u64 def = rdmsr(0x2FF);
  wrmsr(0x2FF, 0xC06);
  check_eq("MTRR default type reads back", rdmsr(0x2FF), 0xC06);
  wrmsr(0x2FF, def);
  FAULT_HW("#GP of a reserved memory type in an MTRR", GP, 0, "wrmsr", "c"(0x250), "a"(2), "d"(0));

  check_eq("PAT after reset", rdmsr(MSR_PAT), 0x0007040600070406ull);
  wrmsr(MSR_PAT, 0x0007010600070106ull);
  check_eq("PAT reads back", rdmsr(MSR_PAT), 0x0007010600070106ull);
  wrmsr(MSR_PAT, 0x0007040600070406ull);
  FAULT_HW("#GP of a reserved memory type in PAT", GP, 0, "wrmsr", "c"(MSR_PAT), "a"(0x02), "d"(0));

  // SDM vol. 3A, 15.3.2.2
  wrmsr(0x401, 0);
  FAULT_HW("#GP of ones for MC0_STATUS", GP, 0, "wrmsr", "c"(0x401), "a"(1), "d"(0));

  u64 misc = rdmsr(0x1A0);
  wrmsr(0x1A0, misc);
  check("MISC_ENABLE: fast strings", misc & 1);
  wrmsr(0x8B, 0);
  cpuid(1);
  print("# microcode revision %x\n", (u32)(rdmsr(0x8B) >> 32));
  u64 efer = rdmsr(MSR_EFER);
  wrmsr(MSR_EFER, efer | EFER_SCE | EFER_NXE);
  check_eq("EFER.SCE and NXE can be set", rdmsr(MSR_EFER), efer | EFER_SCE | EFER_NXE);
  wrmsr(MSR_EFER, (efer & ~(u64)EFER_LMA) | EFER_SCE);
  check_eq("EFER.LMA is read-only", rdmsr(MSR_EFER), efer | EFER_SCE);
  wrmsr(MSR_EFER, efer);
  FAULT_HW("#GP of reserved EFER bits", GP, 0, "wrmsr", "c"(MSR_EFER), "a"((u32)efer | 0x10000),
           "d"(0));
  FAULT_HW("#GP of a non-canonical LSTAR", GP, 0, "wrmsr", "c"(MSR_LSTAR), "a"(0), "d"(0x8000));
  FAULT_HW("#GP of a non-canonical FS base", GP, 0, "wrmsr", "c"(MSR_FS_BASE), "a"(0), "d"(0x8000));
  FAULT_HW("#GP of a non-canonical kernel GS base", GP, 0, "wrmsr", "c"(MSR_KERNEL_GS_BASE), "a"(0),
           "d"(0x8000));
  FAULT_HW("#GP of a non-canonical SYSENTER_EIP", GP, 0, "wrmsr", "c"(MSR_SYSENTER_EIP), "a"(0),
           "d"(0x8000));
}

static volatile u64 other_base;
static volatile u32 other_id, other_signature;
static void look(ulong core) {
  (void)core;
  other_base = rdmsr(MSR_APIC_BASE);
  other_id = cpuid(1).b >> 24;
  other_signature = cpuid(1).a;
}

static void apic_base(void) {
  u64 base = rdmsr(MSR_APIC_BASE);
  check_eq("IA32_APIC_BASE of the boot core: enabled, BSP, FEE00000h", base, 0xFEE00900ull);
  if (smp_start_all() >= 2) {
    smp_call(1, look, 1);
    smp_wait(1, 100);
    check_eq("IA32_APIC_BASE of another core has no BSP bit", other_base, 0xFEE00800ull);
    check("its APIC id and the same signature", other_id == 1 && other_signature == cpuid(1).a);
  }
  if (skip_on_qemu("IA32_APIC_BASE can disable, enable and move the LAPIC")) return;
  FAULT("#GP of a reserved bit in IA32_APIC_BASE", GP, 0, "wrmsr", "c"(MSR_APIC_BASE),
        "a"(0xFEE00901), "d"(0));
  FAULT("#GP of an address beyond 36 bits in IA32_APIC_BASE", GP, 0, "wrmsr", "c"(MSR_APIC_BASE),
        "a"(0xFEE00900), "d"(0x100));
  if (!bit(cpuid(1).c, 21))
    FAULT("#GP of enabling x2APIC without x2APIC", GP, 0, "wrmsr", "c"(MSR_APIC_BASE),
          "a"(0xFEE00D00), "d"(0));
  wrmsr(MSR_APIC_BASE, 0xFEE00100);
  check("CPUID.APIC is clear while the LAPIC is disabled", !bit(cpuid(1).d, 9));
  wrmsr(MSR_APIC_BASE, 0xFEE00900);
  check("CPUID.APIC is set again", bit(cpuid(1).d, 9));
  check_eq("a LAPIC enabled again is as after reset", lapic_read(LAPIC_SVR), 0xFF);
  check_eq("but has its id", lapic_read(LAPIC_ID) >> 24, 0);
  wrmsr(MSR_APIC_BASE, 0xFED10900);
  check("moved to FED10000h it answers there",
        (*(volatile u32*)0xFED10030 & 0xFF) >= 0x14 && *(volatile u32*)0xFED10030 != 0xFFFFFFFF);
  check("and not at FEE00000h", lapic_read(LAPIC_VERSION) != *(volatile u32*)0xFED10030);
  wrmsr(MSR_APIC_BASE, 0xFEE00900);
  check("moved back",
        (lapic_read(LAPIC_VERSION) & 0xFF) >= 0x14 && lapic_read(LAPIC_VERSION) != 0xFFFFFFFF);
  lapic_setup();
}

void guest_main(void) {
  identity();
  features();
  msrs();
  apic_base();
  finish("cpuid");
}
