// Our side of Unicorn: telling the host when the processor's mode changes, at the instruction,
// fault or interrupt that changes it. Blocks that cannot change it pay nothing.

#include "emu/engine/glue_internal.h"

// CR0.PE, CR0.PG, EFER.LMA, EFLAGS.VM, and CS.L and CS.D, which are a mode's own.
static uint32_t mode_of(const CPUX86State* env) {
  const uint32_t flags = HF_PE_MASK | HF_LMA_MASK | HF_CS32_MASK | HF_CS64_MASK;
  _Static_assert(
      !((HF_PE_MASK | HF_LMA_MASK | HF_CS32_MASK | HF_CS64_MASK) & (VM_MASK | CR0_PG_MASK | 1)),
      "bits of their own");
  return (env->hflags & flags) | (uint32_t)(env->eflags & VM_MASK) |
         (uint32_t)(env->cr[0] & CR0_PG_MASK) | 1;
}

void mint_check_mode(CPUX86State* env, uint64_t next) {
  const uint32_t mode = mode_of(env);
  if (mode == mint_current->mode) return;
  mint_current->mode = mode;
  mint_on_mode(mint_current->host, next);
}

void mint_check_mode_here(CPUX86State* env) {
  mint_check_mode(env, env->eip + env->segs[R_CS].base);
}

// MOV to CR0, LMSW: the mode is that of the next instruction.
static bool is_control(const TCGOp* op) {
  return mint_is_call_of(op, helper_write_crN) || mint_is_call_of(op, helper_lmsw);
}

// Far transfers, which load CS. (SDM vol. 3A, 5.8 and 9.8 to 9.9.)
static bool is_transfer(const TCGOp* op) {
  return mint_is_call_of(op, helper_ljmp_protected) ||
         mint_is_call_of(op, helper_lcall_protected) ||
         mint_is_call_of(op, helper_lret_protected) || mint_is_call_of(op, helper_iret_protected) ||
         mint_is_call_of(op, helper_iret_real) || mint_is_call_of(op, helper_syscall) ||
         mint_is_call_of(op, helper_sysret) || mint_is_call_of(op, helper_sysenter) ||
         mint_is_call_of(op, helper_sysexit);
}

unsigned mint_mode_call_behind(const TCGOp* op) {
  if (op->opc != INDEX_op_call) return 0;
  return is_control(op) ? MINT_CALL_CONTROL : is_transfer(op) ? MINT_CALL_TRANSFER : 0;
}
