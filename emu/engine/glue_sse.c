// Our side of Unicorn: what it leaves out of SSE (flags of MXCSR, flush to zero, aligned operands),
// and alignment checks.

#include "emu/engine/glue_internal.h"
#include "fpu/softfloat.h"

#define MXCSR_RESERVED 0xffff0000u
#define MXCSR_FLUSH_TO_ZERO (1u << 15)

// --- MXCSR
// -----------------------------------------------------------------------------------------

void mint_set_mxcsr(CPUX86State* env, uint32_t value) {
  cpu_set_mxcsr(env, value);
  // Unicorn sets this in the x87's status.
  set_flush_to_zero(0, &env->fp_status);
  set_flush_to_zero((value & MXCSR_FLUSH_TO_ZERO) != 0, &env->sse_status);
  set_float_exception_flags(0, &env->sse_status);
}

// The helpers leave their exceptions in softfloat's flags (SDM vol. 1, figure 10-3).
void mint_update_mxcsr(CPUX86State* env) {
  const int flags = get_float_exception_flags(&env->sse_status);
  if (flags & float_flag_invalid) env->mxcsr |= 1;
  if (flags & float_flag_divbyzero) env->mxcsr |= 4;
  if (flags & float_flag_overflow) env->mxcsr |= 8;
  if (flags & (float_flag_underflow | float_flag_output_denormal)) env->mxcsr |= 0x10;
  if (flags & (float_flag_inexact | float_flag_output_denormal)) env->mxcsr |= 0x20;
}

// SDM vol. 1, 10.2.3: setting a reserved bit of MXCSR is #GP(0).
void __wrap_helper_ldmxcsr_x86_64(CPUX86State* env, uint32_t value) {
  if (value & MXCSR_RESERVED) raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
  mint_set_mxcsr(env, value);
}

void __real_helper_fxrstor_x86_64(CPUX86State* env, target_ulong address);
void __wrap_helper_fxrstor_x86_64(CPUX86State* env, target_ulong address) {
  if ((address & 15) || !(env->cr[4] & CR4_OSFXSR_MASK)) {
    __real_helper_fxrstor_x86_64(env, address);
    return;
  }
  // All that can fault does so here: the original does not know where it was called from.
  const uint32_t mxcsr = cpu_ldl_data_ra(env, address + 24, GETPC());
  cpu_ldub_data_ra(env, address + 511, GETPC());
  if (mxcsr & MXCSR_RESERVED) raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
  __real_helper_fxrstor_x86_64(env, address);
  mint_set_mxcsr(env, mxcsr);
}

// --- alignment
// -------------------------------------------------------------------------------------

void mint_align_accesses(TCGContext* s, TCGOp* from, bool sixteen) {
  for (TCGOp* op = QTAILQ_NEXT(from, link); op != NULL; op = QTAILQ_NEXT(op, link)) {
    if (op->opc != INDEX_op_qemu_ld_i32 && op->opc != INDEX_op_qemu_ld_i64 &&
        op->opc != INDEX_op_qemu_st_i32 && op->opc != INDEX_op_qemu_st_i64)
      continue;
    const TCGMemOpIdx oi = (TCGMemOpIdx)op->args[2];
    const MemOp memop = (get_memop(oi) & ~MO_AMASK) | (sixteen ? MO_ALIGN_16 : MO_ALIGN);
    op->args[2] = make_memop_idx(memop, get_mmuidx(oi));
    if (sixteen) return;
  }
}

void mint_misaligned(CPUState* cpu, vaddr address, MMUAccessType type, int mode,
                     uintptr_t host_pc) {
  CPUX86State* env = cpu->env_ptr;
  cpu_restore_state(cpu, host_pc, true);
  raise_exception_err_ra(env, mint_moves_aligned(env) ? EXCP0D_GPF : EXCP11_ALGN, 0, 0);
}
