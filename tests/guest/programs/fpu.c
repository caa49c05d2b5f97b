// SPDX-License-Identifier: GPL-2.0-only
// x87 and SSE: samples of arithmetic, rounding, flags, FXSAVE, and what an OS relies on to switch
// them. (Translating engines leave out some flags: those checks are limits.) Built for 32-bit and
// 64-bit mode; all floating point is in assembly.
#include "lib/expect.h"
#include "lib/guest.h"

static u16 status(void) {
  u16 s;
  asm volatile("fnstsw %0" : "=a"(s));
  return s;
}
static u32 mxcsr(void) {
  u32 v;
  asm volatile("stmxcsr %0" : "=m"(v));
  return v;
}
static void set_mxcsr(u32 v) { asm volatile("ldmxcsr %0" ::"m"(v)); }

static void x87(void) {
  asm volatile("fninit");
  u16 control;
  asm volatile("fnstcw %0" : "=m"(control));
  check_eq("control word after fninit", control, 0x37F);
  check_eq("status word after fninit", status(), 0);
  u64 v;
  asm volatile("fld1\n\tfld1\n\tfaddp\n\tfstpl %0" : "=m"(v));
  check_eq("1 + 1 = 2", v, 0x4000000000000000ull);
  asm volatile("fldpi\n\tfstpl %0" : "=m"(v));
  check_eq("pi", v, 0x400921FB54442D18ull);
  asm volatile("fld1\n\tfchs\n\tfsqrt\n\tfstpl %0" : "=m"(v));
  check_eq("sqrt(-1) is the default NaN", v, 0xFFF8000000000000ull);
  check_limit("and invalid", status() & 1);
  asm volatile("fnclex\n\tfld1\n\tfldz\n\tfdivrp\n\tfstpl %0" : "=m"(v));
  check_eq("1 / 0 is infinity", v, 0x7FF0000000000000ull);
  check_eq("and zero divide", status() & 0x3F, 4);
  asm volatile("fnclex");
  // Extended precision: 1 + 2^-63 is exact in 80 bits, not in 64.
  struct {
    u64 mantissa;
    u16 exponent;
  } __attribute__((packed)) wide;
  static const u32 scale = 63;
  asm volatile("fildl %1\n\tfchs\n\tfld1\n\tfscale\n\tfstp %%st(1)\n\tfld1\n\tfaddp\n\tfstpt %0"
               : "=m"(wide)
               : "m"(scale));
  check("80-bit precision", wide.mantissa == 0x8000000000000001ull && wide.exponent == 0x3FFF);
  static const u16 down = 0x77F, up = 0xB7F, nearest = 0x37F, chop = 0xF7F;
  static const u64 half = 0x4004000000000000ull;  // 2.5
  int r[4];
  asm volatile("fldcw %1\n\tfldl %2\n\tfistpl %0" : "=m"(r[0]) : "m"(nearest), "m"(half));
  asm volatile("fldcw %1\n\tfldl %2\n\tfistpl %0" : "=m"(r[1]) : "m"(down), "m"(half));
  asm volatile("fldcw %1\n\tfldl %2\n\tfistpl %0" : "=m"(r[2]) : "m"(up), "m"(half));
  asm volatile("fldcw %1\n\tfldl %2\n\tfchs\n\tfistpl %0" : "=m"(r[3]) : "m"(chop), "m"(half));
  asm volatile("fldcw %0" ::"m"(nearest));
  check("rounding control", r[0] == 2 && r[1] == 2 && r[2] == 3 && r[3] == -2);
  // Stack overflow and the tag word by fnstenv.
  u32 env[7];
  asm volatile("fninit\n\tfld1\n\tfldz\n\tfnstenv %0" : "=m"(env));
  check_eq("tag word by fnstenv", env[2] & 0xFFFF, 0x1FFF);
  check_eq("TOP", env[1] >> 11 & 7, 6);
  asm volatile("fninit\n\t.rept 9\n\tfld1\n\t.endr");
  check_eq_limit("stack overflow sets IE, SF, C1", status() & 0x241, 0x241);
  asm volatile("fninit\n\tfstp %st(0)");
  check_eq_limit("stack underflow sets IE and SF, not C1", status() & 0x241, 0x41);
  asm volatile("fninit");
  u8 below, equal;
  asm volatile("fldz\n\tfld1\n\tfcomip\n\tsetb %0\n\tsete %1\n\tfstp %%st(0)"
               : "=q"(below), "=q"(equal)::"cc");
  check("fcomi: 1 is above 0", !below && !equal);
  // Denormal operand and underflow.
  static const u64 tiny = 1;
  asm volatile("fnclex\n\tfldl %1\n\tfld1\n\tfaddp\n\tfstpl %0" : "=m"(v) : "m"(tiny));
  check_limit("a denormal operand sets DE", status() & 2);
  asm volatile("fninit");
}

static void sse(void) {
  write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
  set_mxcsr(0x1F80);
  static const u32 a[4]
      __attribute__((aligned(16))) = {0x3F800000, 0x40000000, 0x40400000, 0x40800000};  // 1 2 3 4
  u32 r[4] __attribute__((aligned(16)));
  asm volatile("movaps %1, %%xmm0\n\taddps %%xmm0, %%xmm0\n\tmovaps %%xmm0, %0" : "=m"(r) : "m"(a));
  check("addps", r[0] == 0x40000000 && r[3] == 0x41000000);
  check_eq("no flag for exact results", mxcsr() & 0x3F, 0);
  asm volatile(
      "movaps %1, %%xmm0\n\txorps %%xmm1, %%xmm1\n\tdivps %%xmm1, %%xmm0\n\tmovaps %%xmm0, %0"
      : "=m"(r)
      : "m"(a));
  check("divps by 0 is infinity", r[0] == 0x7F800000 && r[3] == 0x7F800000);
  check_eq_limit("zero divide flag", mxcsr() & 0x3F, 4);
  set_mxcsr(0x1F80);
  static const u32 denormal[4] __attribute__((aligned(16))) = {1, 0, 0, 0};
  asm volatile("movaps %1, %%xmm0\n\taddps %%xmm0, %%xmm0\n\tmovaps %%xmm0, %0"
               : "=m"(r)
               : "m"(denormal));
  check_eq("a denormal doubles", r[0], 2);
  check_eq_limit("denormal flag", mxcsr() & 0x3F, 2);
  set_mxcsr(0x1F80 | 0x40);  // DAZ
  asm volatile("movaps %1, %%xmm0\n\taddps %%xmm0, %%xmm0\n\tmovaps %%xmm0, %0"
               : "=m"(r)
               : "m"(denormal));
  check_eq("with DAZ it is 0", r[0], 0);
  set_mxcsr(0x1F80 | 0x8000);  // FTZ
  static const u32 small[4] __attribute__((aligned(16))) = {0x00800000, 0, 0, 0};
  static const u32 halves[4] __attribute__((aligned(16))) = {0x3F000000, 0, 0, 0};
  asm volatile("movaps %1, %%xmm0\n\tmulss %2, %%xmm0\n\tmovaps %%xmm0, %0"
               : "=m"(r)
               : "m"(small), "m"(halves));
  check_eq_limit("with FTZ an underflow is 0", r[0], 0);
  check_limit("and sets underflow and precision", (mxcsr() & 0x30) == 0x30);
  set_mxcsr(0x1F80 | 0x4000);  // round up
  static const u64 value = 0x4004000000000000ull;
  u32 rounded;
  asm volatile("cvtsd2si %1, %0" : "=r"(rounded) : "m"(value));
  check_eq("cvtsd2si rounds up when told", rounded, 3);
  asm volatile("cvttsd2si %1, %0" : "=r"(rounded) : "m"(value));
  check_eq("cvttsd2si chops", rounded, 2);
  set_mxcsr(0x1F80);
  static const u64 huge = 0x4415AF1D78B58C40ull;  // 1e20
  asm volatile("cvttsd2si %1, %0" : "=r"(rounded) : "m"(huge));
  check_limit("an overflow gives the integer indefinite and invalid",
              rounded == 0x80000000 && (mxcsr() & 1));
  set_mxcsr(0x1F80);
  u8 parity, carry;
  static const u64 nan = 0x7FF8000000000000ull;
  asm volatile("movsd %2, %%xmm0\n\tucomisd %%xmm0, %%xmm0\n\tsetp %0\n\tsetc %1"
               : "=q"(parity), "=q"(carry)
               : "m"(nan)
               : "cc");
  check("ucomisd with NaN is unordered", parity && carry && !(mxcsr() & 1));
  asm volatile("movsd %2, %%xmm0\n\tcomisd %%xmm0, %%xmm0\n\tsetp %0\n\tsetc %1"
               : "=q"(parity), "=q"(carry)
               : "m"(nan)
               : "cc");
  check_limit("comisd with a quiet NaN is invalid", mxcsr() & 1);
  set_mxcsr(0x1F80);
  trap_clear();
  asm volatile("lea 1(%0), %0\n\t" TRAPPING("movaps (%0), %%xmm0")::"r"(a) : "memory");
  check_limit("#GP of movaps at an odd address", trap_take() == GP);

  // Integers, shuffles, SSSE3, SSE4.
  static const u8 bytes[16]
      __attribute__((aligned(16))) = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  static const u8 reverse[16]
      __attribute__((aligned(16))) = {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0x80};
  u8 out[16] __attribute__((aligned(16)));
  asm volatile("movdqa %1, %%xmm0\n\tpshufb %2, %%xmm0\n\tmovdqa %%xmm0, %0"
               : "=m"(out)
               : "m"(bytes), "m"(reverse));
  check("pshufb", out[0] == 15 && out[14] == 1 && out[15] == 0);
  asm volatile("movdqa %1, %%xmm0\n\tpaddb %%xmm0, %%xmm0\n\tpmovmskb %%xmm0, %0"
               : "=r"(rounded)
               : "m"(bytes));
  check_eq("pmovmskb", rounded, 0);
  asm volatile("movdqa %1, %%xmm0\n\tpextrd $2, %%xmm0, %0" : "=r"(rounded) : "m"(bytes));
  check_eq("pextrd", rounded, 0x0B0A0908);
  u8 zero;
  asm volatile("movdqa %1, %%xmm0\n\tptest %%xmm0, %%xmm0\n\tsetz %0"
               : "=q"(zero)
               : "m"(bytes)
               : "cc");
  check("ptest", !zero);
  static const u8 needle[16]
      __attribute__((aligned(16))) = {7, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  asm volatile(
      "movdqa %1, %%xmm0\n\tmovdqa %2, %%xmm1\n\tmov $2, %%eax\n\tmov $16, %%edx\n\tpcmpestri $0, "
      "%%xmm1, %%xmm0"
      : "=c"(rounded)
      : "m"(needle), "m"(bytes)
      : "eax", "edx", "cc");
  check_eq("pcmpestri finds a byte", rounded, 7);
  u64 dpps;
  asm volatile("movaps %1, %%xmm0\n\tdpps $0xF1, %%xmm0, %%xmm0\n\tmovq %%xmm0, %0"
               : "=m"(dpps)
               : "m"(a));
  check_eq("dpps 1*1+2*2+3*3+4*4 = 30", dpps, 0x41F00000);
}

static u8 area[2][512] __attribute__((aligned(16)));

static void save_and_restore(void) {
  asm volatile("fninit\n\tfld1\n\tfldpi");
  set_mxcsr(0x1FA0);
  static const u64 mark[2]
      __attribute__((aligned(16))) = {0x1122334455667788ull, 0x99AABBCCDDEEFF00ull};
  asm volatile("movdqa %0, %%xmm5" ::"m"(mark));
  asm volatile("fxsave %0" : "=m"(area[0]));
  asm volatile("fninit\n\tpxor %xmm5, %xmm5");
  set_mxcsr(0x1F80);
  check_eq("fxsave: control word", *(u16*)&area[0][0], 0x37F);
  check_eq("fxsave: TOP", *(u16*)&area[0][2] >> 11 & 7, 6);
  check_eq("fxsave: abridged tags", area[0][4], 0xC0);
  check_eq("fxsave: MXCSR", *(u32*)&area[0][24], 0x1FA0);
  check("fxsave: MXCSR mask has DAZ", *(u32*)&area[0][28] == 0 || (*(u32*)&area[0][28] & 0x40));
  check("fxsave: XMM5", !memcmp(&area[0][160 + 16 * 5], mark, 16));
  asm volatile("fxrstor %0" ::"m"(area[0]));
  u64 pi, one, low;
  asm volatile("fstpl %0\n\tfstpl %1\n\tmovq %%xmm5, %2" : "=m"(pi), "=m"(one), "=m"(low));
  check("fxrstor brings all back", pi == 0x400921FB54442D18ull && one == 0x3FF0000000000000ull &&
                                       low == mark[0] && mxcsr() == 0x1FA0);
  trap_clear();
  asm volatile("lea 8(%0), %0\n\t" TRAPPING("fxsave (%0)")::"r"(area[0]) : "memory");
  check_limit("#GP of fxsave at an address that is no multiple of 16", trap_take() == GP);
  *(u32*)&area[0][24] = 0x10000;
  FAULT_HW("#GP of fxrstor with reserved MXCSR bits", GP, 0, "fxrstor %0", "m"(area[0]));
  set_mxcsr(0x1F80);
  asm volatile("fninit");
}

// Lazy switching: #NM on first use, clts in the handler, and on it goes.
static volatile u32 switches;
static bool on_nm(struct frame* f) {
  (void)f;
  ++switches;
  asm volatile("clts");
  return true;
}
static void lazy(void) {
  trap_hook[NM] = on_nm;
  u64 v;
  for (u32 i = 0; i < 100; ++i) {
    write_cr0(read_cr0() | CR0_TS);
    if (i & 1)
      asm volatile("fld1\n\tfstpl %0" : "=m"(v));
    else
      asm volatile("xorps %xmm0, %xmm0");
  }
  check_eq("#NM at each first use after CR0.TS", switches, 100);
  trap_hook[NM] = 0;
}

void guest_main(void) {
  write_cr0((read_cr0() & ~(ulong)(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
  x87();
  sse();
  save_and_restore();
  lazy();
  finish(BITS64 ? "fpu64" : "fpu32");
}
