// Our side of Unicorn: control registers, and the ways into and out of the kernel.

#include "emu/engine/glue_internal.h"

#define CR0_NW_MASK (1U << 29)
#define CR0_CD_MASK (1U << 30)

target_ulong __real_helper_read_crN_x86_64(CPUX86State* env, int reg);
target_ulong __wrap_helper_read_crN_x86_64(CPUX86State* env, int reg) {
  return reg == 8 ? mint_on_read_cr8(mint_current->host) : __real_helper_read_crN_x86_64(env, reg);
}

// SDM vol. 3A, 2.5: the bits that CR0 has; others are dropped.
#define CR0_BITS                                                                       \
  (CR0_PE_MASK | CR0_MP_MASK | CR0_EM_MASK | CR0_TS_MASK | CR0_ET_MASK | CR0_NE_MASK | \
   CR0_WP_MASK | CR0_AM_MASK | CR0_NW_MASK | CR0_CD_MASK | CR0_PG_MASK)

static bool pae_without_long_mode(target_ulong cr0, target_ulong cr4, const CPUX86State* env) {
  return (cr0 & CR0_PG_MASK) && (cr4 & CR4_PAE_MASK) && !(env->efer & MSR_EFER_LME);
}

// SDM vol. 3A, 4.4.1: which instructions load the PDPTE registers.
static bool pdptes_fault(CPUX86State* env, int reg, target_ulong value) {
  const target_ulong cr0_loads = CR0_CD_MASK | CR0_NW_MASK | CR0_PG_MASK;
  const target_ulong cr4_loads = CR4_PAE_MASK | CR4_PGE_MASK | CR4_PSE_MASK;
  switch (reg) {
    case 0:
      return ((value ^ env->cr[0]) & cr0_loads) && pae_without_long_mode(value, env->cr[4], env) &&
             !mint_load_pdptes(env, env->cr[3]);
    case 3:
      return pae_without_long_mode(env->cr[0], env->cr[4], env) && !mint_load_pdptes(env, value);
    case 4:
      return ((value ^ env->cr[4]) & cr4_loads) && pae_without_long_mode(env->cr[0], value, env) &&
             !mint_load_pdptes(env, env->cr[3]);
    default:
      return false;
  }
}

// SDM vol. 3A, 2.5 and vol. 2B, MOV to control registers: what raises #GP(0).
static bool control_register_faults(const CPUX86State* env, int reg, target_ulong value) {
  switch (reg) {
    case 0:
      if (value >> 32) return true;
      if ((value & CR0_PG_MASK) && !(value & CR0_PE_MASK)) return true;
      if ((value & CR0_NW_MASK) && !(value & CR0_CD_MASK)) return true;
      if (!(env->cr[0] & CR0_PG_MASK) && (value & CR0_PG_MASK) && (env->efer & MSR_EFER_LME))
        return !(env->cr[4] & CR4_PAE_MASK) || (env->segs[R_CS].flags & DESC_L_MASK);
      return !(value & CR0_PG_MASK) && (env->cr[0] & CR0_PG_MASK) && (env->hflags & HF_CS64_MASK);
    case 3:
      return (env->hflags & HF_LMA_MASK) && value >> MINT_PHYSICAL_BITS != 0;
    case 4: {
      const target_ulong known = CR4_VME_MASK | CR4_PVI_MASK | CR4_TSD_MASK | CR4_DE_MASK |
                                 CR4_PSE_MASK | CR4_PAE_MASK | CR4_MCE_MASK | CR4_PGE_MASK |
                                 CR4_PCE_MASK | CR4_OSFXSR_MASK | CR4_OSXMMEXCPT_MASK;
      return (value & ~known) != 0 || ((env->hflags & HF_LMA_MASK) && !(value & CR4_PAE_MASK));
    }
    case 8:
      return (value & ~(target_ulong)15) != 0;
    default:
      return false;
  }
}

void __real_helper_write_crN_x86_64(CPUX86State* env, int reg, target_ulong value);
void __wrap_helper_write_crN_x86_64(CPUX86State* env, int reg, target_ulong value) {
  if (!(env->hflags & HF_CS64_MASK)) value = (uint32_t)value;
  if (control_register_faults(env, reg, value) || pdptes_fault(env, reg, value))
    raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
  if (reg == 8) {
    mint_on_write_cr8(mint_current->host, (uint8_t)value, GETPC());
    return;
  }
  if (reg == 0 && ((value ^ env->cr[0]) & CR0_AM_MASK)) tb_flush(env_cpu(env));
  __real_helper_write_crN_x86_64(env, reg, reg == 0 ? value & CR0_BITS : value);
}

#define FLAT_CODE \
  (DESC_G_MASK | DESC_P_MASK | DESC_S_MASK | DESC_CS_MASK | DESC_R_MASK | DESC_A_MASK)
#define FLAT_DATA \
  (DESC_G_MASK | DESC_B_MASK | DESC_P_MASK | DESC_S_MASK | DESC_W_MASK | DESC_A_MASK)

// SDM vol. 2B, SYSCALL: Intel processors accept it in 64-bit mode only.
void __wrap_helper_syscall_x86_64(CPUX86State* env, int length) {
  if (!(env->efer & MSR_EFER_SCE) || !(env->hflags & HF_CS64_MASK))
    raise_exception_err_ra(env, EXCP06_ILLOP, 0, GETPC());
  const int selector = (env->star >> 32) & 0xffff;
  env->regs[R_ECX] = env->eip + length;
  env->regs[11] = cpu_compute_eflags(env) & ~RF_MASK;
  cpu_load_eflags(env, env->regs[11] & ~(uint32_t)env->fmask & ~RF_MASK, 0xffffffff);
  cpu_x86_load_seg_cache(env, R_CS, selector & 0xfffc, 0, 0xffffffff, FLAT_CODE | DESC_L_MASK);
  cpu_x86_load_seg_cache(env, R_SS, (selector + 8) & 0xfffc, 0, 0xffffffff, FLAT_DATA);
  env->eip = env->lstar;
}

// SDM vol. 2B, SYSENTER.
void __wrap_helper_sysenter_x86_64(CPUX86State* env, int length) {
  if ((env->sysenter_cs & 0xfffc) == 0) raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
  const bool lma = (env->hflags & HF_LMA_MASK) != 0;
  env->eflags &= ~(VM_MASK | IF_MASK | RF_MASK);
  cpu_x86_load_seg_cache(env, R_CS, env->sysenter_cs & 0xfffc, 0, 0xffffffff,
                         FLAT_CODE | (lma ? DESC_L_MASK : DESC_B_MASK));
  cpu_x86_load_seg_cache(env, R_SS, (env->sysenter_cs + 8) & 0xfffc, 0, 0xffffffff, FLAT_DATA);
  env->regs[R_ESP] = lma ? env->sysenter_esp : (uint32_t)env->sysenter_esp;
  env->eip = lma ? env->sysenter_eip : (uint32_t)env->sysenter_eip;
}

#define USER (3 << DESC_DPL_SHIFT)

// SDM vol. 2B, SYSRET, as Intel processors do it.
void __wrap_helper_sysret_x86_64(CPUX86State* env, int operand_size) {
  if (!(env->efer & MSR_EFER_SCE) || !(env->hflags & HF_CS64_MASK))
    raise_exception_err_ra(env, EXCP06_ILLOP, 0, GETPC());
  const bool to64 = operand_size == 2;
  const uint64_t target = env->regs[R_ECX];
  if ((env->hflags & HF_CPL_MASK) != 0 || (to64 && !is_canonical(target)))
    raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
  const int selector = (env->star >> 48) & 0xffff;
  // Clears RF, VM and the reserved bits.
  cpu_load_eflags(env, (uint32_t)env->regs[11] & 0x3c7fd7, 0xffffffff & ~(uint32_t)2);
  if (to64)
    cpu_x86_load_seg_cache(env, R_CS, (selector + 16) | 3, 0, 0xffffffff,
                           FLAT_CODE | DESC_L_MASK | USER);
  else
    cpu_x86_load_seg_cache(env, R_CS, selector | 3, 0, 0xffffffff, FLAT_CODE | DESC_B_MASK | USER);
  cpu_x86_load_seg_cache(env, R_SS, (selector + 8) | 3, 0, 0xffffffff, FLAT_DATA | USER);
  env->eip = to64 ? target : (uint32_t)target;
}

// SDM vol. 2B, SYSEXIT.
void __wrap_helper_sysexit_x86_64(CPUX86State* env, int operand_size) {
  const bool to64 = operand_size == 2;
  if ((env->sysenter_cs & 0xfffc) == 0 || (env->hflags & HF_CPL_MASK) != 0 ||
      (to64 && (!is_canonical(env->regs[R_ECX]) || !is_canonical(env->regs[R_EDX]))))
    raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
  const int code = (env->sysenter_cs + (to64 ? 32 : 16)) & 0xfffc;
  cpu_x86_load_seg_cache(env, R_CS, code | 3, 0, 0xffffffff,
                         FLAT_CODE | (to64 ? DESC_L_MASK : DESC_B_MASK) | USER);
  cpu_x86_load_seg_cache(env, R_SS, (code + 8) | 3, 0, 0xffffffff, FLAT_DATA | USER);
  env->regs[R_ESP] = to64 ? env->regs[R_ECX] : (uint32_t)env->regs[R_ECX];
  env->eip = to64 ? env->regs[R_EDX] : (uint32_t)env->regs[R_EDX];
}

// A return to an outer ring makes FS and GS null when that ring may not have them, and leaves their
// bases as they are. QEMU clears the bases, unless the selectors are null already.
static void leave_segments(CPUX86State* env, unsigned ring) {
  if (ring <= (env->hflags & HF_CPL_MASK)) return;
  for (int segment = R_FS; segment <= R_GS; segment++) {
    const SegmentCache* cache = &env->segs[segment];
    const bool conforming = (cache->flags & DESC_CS_MASK) && (cache->flags & DESC_C_MASK);
    const unsigned dpl = (cache->flags >> DESC_DPL_SHIFT) & 3;
    if ((cache->selector & 0xfffc) != 0 && !conforming && dpl < ring)
      cpu_x86_load_seg_cache(env, segment, 0, cache->base, 0, 0);
  }
}

// SDM vol. 2A, IRET: a non-canonical RIP is #GP(0) of the IRET, not of what it returns to.
void __real_helper_iret_protected_x86_64(CPUX86State* env, int shift, int next_eip);
void __wrap_helper_iret_protected_x86_64(CPUX86State* env, int shift, int next_eip) {
  if (shift == 2 && (env->hflags & HF_CS64_MASK) && !(env->eflags & NT_MASK)) {
    const uint64_t target = cpu_ldq_data_ra(env, env->regs[R_ESP], GETPC());
    if (!is_canonical(target)) raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
    leave_segments(env, cpu_ldq_data_ra(env, env->regs[R_ESP] + 8, GETPC()) & 3);
  }
  __real_helper_iret_protected_x86_64(env, shift, next_eip);
}

// SDM vol. 2B, MOV: in 64-bit mode a null selector for SS must have the current privilege level.
void __real_helper_load_seg_x86_64(CPUX86State* env, int segment, int selector);
void __wrap_helper_load_seg_x86_64(CPUX86State* env, int segment, int selector) {
  const unsigned level = env->hflags & HF_CPL_MASK;
  if (segment == R_SS && (selector & 0xfffc) == 0 && (selector & 3u) != level)
    raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
  __real_helper_load_seg_x86_64(env, segment, selector);
}

// SDM vol. 2A, LTR: the null selector is #GP(0).
void __real_helper_ltr_x86_64(CPUX86State* env, int selector);
void __wrap_helper_ltr_x86_64(CPUX86State* env, int selector) {
  if ((selector & 0xfffc) == 0) raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
  __real_helper_ltr_x86_64(env, selector);
}
