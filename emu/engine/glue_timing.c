// Our side of Unicorn: instructions whose time depends on their operands. The wrappers charge what
// they take beyond their share of the block and hand on to Unicorn's helpers, as tail calls where
// those can fault.

#include <math.h>

#include "emu/engine/glue_internal.h"

void mint_charge(struct mint_engine* engine, uint32_t cycles) {
  if (engine->event_costs) *engine->budget -= (int64_t)cycles << MINT_BUDGET_SHIFT;
}

// --- DIV, IDIV
// ------------------------------------------------------------------------------------------

#define DIVISION(name, width, is_signed, low, high)                                            \
  void __real_helper_##name##_x86_64(CPUX86State* env, target_ulong divisor);                  \
  void __wrap_helper_##name##_x86_64(CPUX86State* env, target_ulong divisor) {                 \
    mint_charge(mint_current, mint_division_cycles(width, is_signed, (low), (high), divisor)); \
    __real_helper_##name##_x86_64(env, divisor);                                               \
  }
#define EAX env->regs[R_EAX]
#define EDX env->regs[R_EDX]
DIVISION(divb_AL, 8, false, EAX, EAX >> 8)
DIVISION(idivb_AL, 8, true, EAX, EAX >> 8)
DIVISION(divw_AX, 16, false, EAX, EDX)
DIVISION(idivw_AX, 16, true, EAX, EDX)
DIVISION(divl_EAX, 32, false, EAX, EDX)
DIVISION(idivl_EAX, 32, true, EAX, EDX)
DIVISION(divq_EAX, 64, false, EAX, EDX)
DIVISION(idivq_EAX, 64, true, EAX, EDX)

// --- SSE
// ----------------------------------------------------------------------------------------------

// The divider has a short cut for a zero dividend and for a power of two as divisor, the root for 0
// and powers of two.
static bool single_is_short(uint32_t dividend, uint32_t divisor) {
  return (dividend << 1) == 0 || (divisor << 9) == 0;
}
static bool double_is_short(uint64_t dividend, uint64_t divisor) {
  return (dividend << 1) == 0 || (divisor << 12) == 0;
}

static void charge_singles(const ZMMReg* dividend, const ZMMReg* divisor, unsigned lanes,
                           bool root) {
  for (unsigned i = 0; i < lanes; i++)
    if (!single_is_short(dividend == NULL ? 1 : dividend->ZMM_L(i), divisor->ZMM_L(i))) {
      mint_charge(mint_current, mint_float_cycles(root, MINT_SINGLE));
      return;
    }
}
static void charge_doubles(const ZMMReg* dividend, const ZMMReg* divisor, unsigned lanes,
                           bool root) {
  for (unsigned i = 0; i < lanes; i++)
    if (!double_is_short(dividend == NULL ? 1 : dividend->ZMM_Q(i), divisor->ZMM_Q(i))) {
      mint_charge(mint_current, mint_float_cycles(root, MINT_DOUBLE));
      return;
    }
}

#define SSE(name, charge, dividend, lanes, root)                               \
  void __real_helper_##name##_x86_64(CPUX86State* env, ZMMReg* d, ZMMReg* s);  \
  void __wrap_helper_##name##_x86_64(CPUX86State* env, ZMMReg* d, ZMMReg* s) { \
    charge(dividend, s, lanes, root);                                          \
    __real_helper_##name##_x86_64(env, d, s);                                  \
  }
SSE(divss, charge_singles, d, 1, false)
SSE(divps, charge_singles, d, 4, false)
SSE(divsd, charge_doubles, d, 1, false)
SSE(divpd, charge_doubles, d, 2, false)
SSE(sqrtss, charge_singles, NULL, 1, true)
SSE(sqrtps, charge_singles, NULL, 4, true)
SSE(sqrtsd, charge_doubles, NULL, 1, true)
SSE(sqrtpd, charge_doubles, NULL, 2, true)

// --- x87
// ----------------------------------------------------------------------------------------------

// SDM vol. 1, 8.1.5.2: precision control.
static unsigned precision_of(const CPUX86State* env) {
  switch (env->fpuc >> 8 & 3) {
    case 0:
      return MINT_SINGLE;
    case 2:
      return MINT_DOUBLE;
    default:
      return MINT_EXTENDED;
  }
}

static void charge_x87(const CPUX86State* env, floatx80 dividend, floatx80 divisor, bool root) {
  const bool zero = dividend.low == 0;
  const bool power = divisor.low == UINT64_C(1) << 63 || divisor.low == 0;
  if (!zero && !power) mint_charge(mint_current, mint_float_cycles(root, precision_of(env)));
}

static floatx80 stack_register(const CPUX86State* env, unsigned index) {
  return env->fpregs[(env->fpstt + index) & 7].d;
}

#define X87(name, dividend, divisor)                     \
  void __real_helper_##name##_x86_64(CPUX86State* env);  \
  void __wrap_helper_##name##_x86_64(CPUX86State* env) { \
    charge_x87(env, (dividend), (divisor), false);       \
    __real_helper_##name##_x86_64(env);                  \
  }
X87(fdiv_ST0_FT0, stack_register(env, 0), env->ft0)
X87(fdivr_ST0_FT0, env->ft0, stack_register(env, 0))

#define X87_INDEXED(name, dividend, divisor)                        \
  void __real_helper_##name##_x86_64(CPUX86State* env, int index);  \
  void __wrap_helper_##name##_x86_64(CPUX86State* env, int index) { \
    charge_x87(env, (dividend), (divisor), false);                  \
    __real_helper_##name##_x86_64(env, index);                      \
  }
X87_INDEXED(fdiv_STN_ST0, stack_register(env, index), stack_register(env, 0))
X87_INDEXED(fdivr_STN_ST0, stack_register(env, 0), stack_register(env, index))

void __real_helper_fsqrt_x86_64(CPUX86State* env);
void __wrap_helper_fsqrt_x86_64(CPUX86State* env) {
  const floatx80 value = stack_register(env, 0);
  charge_x87(env, value, value, true);
  __real_helper_fsqrt_x86_64(env);
}

static double as_double(floatx80 value) {
  const int exponent = (value.high & 0x7fff) - 16383 - 63;
  return ldexp((double)value.low, exponent) * (value.high & 0x8000 ? -1 : 1);
}

#define TRIGONOMETRIC(name)                                        \
  void __real_helper_##name##_x86_64(CPUX86State* env);            \
  void __wrap_helper_##name##_x86_64(CPUX86State* env) {           \
    const double argument = as_double(stack_register(env, 0));     \
    __real_helper_##name##_x86_64(env);                            \
    const double result = as_double(stack_register(env, 0));       \
    mint_charge(mint_current, mint_sine_cycles(argument, result)); \
  }
TRIGONOMETRIC(fsin)
TRIGONOMETRIC(fcos)
