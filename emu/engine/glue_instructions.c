// Our side of Unicorn: instructions that the machine takes part in, and those that Unicorn does not
// carry out as an Intel processor does.

#include "emu/engine/glue_internal.h"

#define PORT_READ(suffix, type, size)                                                           \
  type __wrap_cpu_in##suffix##_x86_64(struct uc_struct* uc, uint32_t port, uintptr_t host_pc) { \
    return (type)mint_on_port_read(mint_current->host, port, size, host_pc);                    \
  }
#define PORT_WRITE(suffix, type, size)                                                  \
  void __wrap_cpu_out##suffix##_x86_64(struct uc_struct* uc, uint32_t port, type value, \
                                       uintptr_t host_pc) {                             \
    mint_on_port_write(mint_current->host, port, size, value, host_pc);                 \
  }
PORT_READ(b, uint8_t, 1)
PORT_READ(w, uint16_t, 2)
PORT_READ(l, uint32_t, 4)
PORT_WRITE(b, uint8_t, 1)
PORT_WRITE(w, uint16_t, 2)
PORT_WRITE(l, uint32_t, 4)

static void read_tsc(CPUX86State* env, uintptr_t host_pc) {
  if ((env->cr[4] & CR4_TSD_MASK) && (env->hflags & HF_CPL_MASK))
    raise_exception_ra(env, EXCP0D_GPF, host_pc);
  const uint64_t value = mint_on_rdtsc(mint_current->host, host_pc);
  env->regs[R_EAX] = (uint32_t)value;
  env->regs[R_EDX] = (uint32_t)(value >> 32);
}

void __wrap_helper_rdtsc_x86_64(CPUX86State* env) { read_tsc(env, GETPC()); }

void __wrap_helper_rdtscp_x86_64(CPUX86State* env) {
  read_tsc(env, GETPC());
  env->regs[R_ECX] = (uint32_t)env->tsc_aux;
}

// SDM vol. 2B, RDPMC: this processor has no performance counters to name.
void __wrap_helper_rdpmc_x86_64(CPUX86State* env) {
  raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
}

void __wrap_helper_cpuid_x86_64(CPUX86State* env) {
  uint32_t out[4];
  mint_on_cpuid(mint_current->host, (uint32_t)env->regs[R_EAX], (uint32_t)env->regs[R_ECX], out,
                GETPC());
  // SDM vol. 2A, CPUID: on Intel processors SYSCALL/SYSRET is reported in 64-bit mode only.
  if ((uint32_t)env->regs[R_EAX] == 0x80000001 && (env->hflags & HF_CS64_MASK))
    out[3] |= CPUID_EXT2_SYSCALL;
  env->regs[R_EAX] = out[0];
  env->regs[R_EBX] = out[1];
  env->regs[R_ECX] = out[2];
  env->regs[R_EDX] = out[3];
}

void __real_helper_rdmsr_x86_64(CPUX86State* env);
void __wrap_helper_rdmsr_x86_64(CPUX86State* env) {
  uint64_t value;
  const int done = mint_on_rdmsr(mint_current->host, (uint32_t)env->regs[R_ECX], &value, GETPC());
  if (done < 0) raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
  if (done == 0) {
    __real_helper_rdmsr_x86_64(env);
    return;
  }
  env->regs[R_EAX] = (uint32_t)value;
  env->regs[R_EDX] = (uint32_t)(value >> 32);
}

void __real_helper_wrmsr_x86_64(CPUX86State* env);
void __wrap_helper_wrmsr_x86_64(CPUX86State* env) {
  const uint32_t index = (uint32_t)env->regs[R_ECX];
  const uint64_t value = (uint32_t)env->regs[R_EAX] | (uint64_t)env->regs[R_EDX] << 32;
  const int done = mint_on_wrmsr(mint_current->host, index, value, GETPC());
  bool fault = done < 0;
  switch (index) {
    case MSR_EFER:
      fault |=
          (value & ~(uint64_t)(MSR_EFER_SCE | MSR_EFER_LME | MSR_EFER_LMA | MSR_EFER_NXE)) != 0;
      fault |= ((value ^ env->efer) & MSR_EFER_LME) && (env->cr[0] & CR0_PG_MASK);
      break;
    case MSR_LSTAR:
    case MSR_CSTAR:
    case MSR_FSBASE:
    case MSR_GSBASE:
    case MSR_KERNELGSBASE:
    case MSR_IA32_SYSENTER_ESP:
    case MSR_IA32_SYSENTER_EIP:
      fault |= !is_canonical(value);
      break;
    default:
      break;
  }
  if (fault) raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
  if (done == 0) __real_helper_wrmsr_x86_64(env);
}

void __wrap_helper_pause_x86_64(CPUX86State* env, int length) {
  mint_on_pause(mint_current->host, env->eip);
  env->eip += length;
}
