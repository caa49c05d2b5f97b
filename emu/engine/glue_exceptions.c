// Our side of Unicorn: delivery of exceptions. Unicorn's own code builds the frame; here is what it
// gets wrong around that: where a failing `int n` is, RF in the pushed flags, error codes of faults
// during delivery.

#include "emu/engine/glue_internal.h"

void __real_helper_raise_interrupt_x86_64(CPUX86State* env, int vector, int length);
void __wrap_helper_raise_interrupt_x86_64(CPUX86State* env, int vector, int length) {
  mint_current->int_eip = env->eip;
  __real_helper_raise_interrupt_x86_64(env, vector, length);
}

// INTO comes this way.
void __real_raise_interrupt_x86_64(CPUX86State* env, int vector, int is_int, int error, int length)
    __attribute__((noreturn));
void __wrap_raise_interrupt_x86_64(CPUX86State* env, int vector, int is_int, int error,
                                   int length) {
  mint_current->int_eip = env->eip;
  __real_raise_interrupt_x86_64(env, vector, is_int, error, length);
}

void mint_deliver_exception(struct mint_engine* engine) {
  CPUState* cpu = engine->uc->cpu;
  CPUX86State* env = env_of(engine);
  const int vector = cpu->exception_index;
  mint_on_interrupt(engine->host, vector, false);
  cpu->watchpoint_hit = NULL;
  if (env->exception_is_int) {
    // The run loop has moved on to the next instruction already; a fault of the delivery is one of
    // this instruction.
    env->eip = engine->int_eip;
    env->eflags &= ~RF_MASK;
  } else if (vector == EXCP01_DB) {
    env->dr[7] &= ~DR7_GD;
  } else {
    // SDM vol. 3B, 17.3.1.1: pushed with faults, so that an instruction breakpoint does not hit
    // again.
    env->eflags |= RF_MASK;
  }
  engine->delivering = vector;
  engine->delivering_external = !env->exception_is_int;
  x86_cpu_do_interrupt(cpu);
  engine->delivering = -1;
  mint_check_mode_here(env);
}

// A fault while something is delivered: the error code's EXT bit (SDM vol. 3A, 6.13), and IDT
// indices, which Unicorn takes for multiples of 16 in long mode.
static int error_code_of(CPUX86State* env, int vector, int error) {
  struct mint_engine* engine = mint_current;
  if (engine->delivering < 0) return error;
  if (vector >= EXCP0A_TSS && vector <= EXCP0D_GPF) {
    if ((env->hflags & HF_LMA_MASK) && error == engine->delivering * 16 + 2)
      error = engine->delivering * 8 + 2;
    if (engine->delivering_external) error |= 1;
  }
  engine->delivering = -1;
  return error;
}

void __real_raise_exception_err_x86_64(CPUX86State* env, int vector, int error)
    __attribute__((noreturn));
void __wrap_raise_exception_err_x86_64(CPUX86State* env, int vector, int error) {
  __real_raise_exception_err_x86_64(env, vector, error_code_of(env, vector, error));
}

void __real_raise_exception_err_ra_x86_64(CPUX86State* env, int vector, int error,
                                          uintptr_t host_pc) __attribute__((noreturn));
void __wrap_raise_exception_err_ra_x86_64(CPUX86State* env, int vector, int error,
                                          uintptr_t host_pc) {
  __real_raise_exception_err_ra_x86_64(env, vector, error_code_of(env, vector, error), host_pc);
}
