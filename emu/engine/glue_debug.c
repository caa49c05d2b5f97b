// Our side of Unicorn: debug registers (SDM vol. 3B, 17.2 and 17.3). Unicorn has taken out data
// breakpoints and ICEBP; here they are again.
//
// A data breakpoint is a trap. An access to a watched page takes the slow path, which asks
// cpu_check_watchpoint() first. A hit leaves the block before the instruction and runs that alone
// in a block that ends with helper_debug (cflags with CF_LAST_IO, which nothing else sets); there
// the same access is let through, and the trap comes behind the instruction.

#include "emu/engine/glue_internal.h"

#define DR6_WRITABLE 0xe00fu  // others are fixed
#define DR7_WRITABLE 0xffff23ffu

// --- registers
// -------------------------------------------------------------------------------------

// MOV from or to a debug register with DR7.GD: #DB in front of the instruction.
static void detect_access(CPUX86State* env, uintptr_t host_pc) {
  if (!(env->dr[7] & DR7_GD)) return;
  cpu_restore_state(env_cpu(env), host_pc, true);
  env->dr[6] |= DR6_BD;
  env->eflags |= RF_MASK;
  raise_exception_err_ra(env, EXCP01_DB, 0, 0);
}

static bool exists(const CPUX86State* env, int reg) {
  return (reg != 4 && reg != 5) || !(env->cr[4] & CR4_DE_MASK);
}

target_ulong __wrap_helper_get_dr_x86_64(CPUX86State* env, int reg) {
  if (!exists(env, reg)) raise_exception_err_ra(env, EXCP06_ILLOP, 0, GETPC());
  detect_access(env, GETPC());
  return env->dr[reg == 4 || reg == 5 ? reg + 2 : reg];
}

void __real_helper_set_dr_x86_64(CPUX86State* env, int reg, target_ulong value);
void __wrap_helper_set_dr_x86_64(CPUX86State* env, int reg, target_ulong value) {
  if (!exists(env, reg)) raise_exception_err_ra(env, EXCP06_ILLOP, 0, GETPC());
  detect_access(env, GETPC());
  if (!(env->hflags & HF_CS64_MASK)) value = (uint32_t)value;
  if (reg >= 4) {
    if (value >> 32 != 0) raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
    value &= reg == 4 || reg == 6 ? DR6_WRITABLE : DR7_WRITABLE;
  }
  __real_helper_set_dr_x86_64(env, reg, value);
}

// --- data breakpoints
// ------------------------------------------------------------------------------

int __wrap_cpu_watchpoint_insert_x86_64(CPUState* cpu, vaddr address, vaddr size, int flags,
                                        CPUWatchpoint** out) {
  CPUWatchpoint* w = g_new0(CPUWatchpoint, 1);
  w->vaddr = address & ~(size - 1);
  w->len = size;
  w->flags = flags;
  QTAILQ_INSERT_TAIL(&cpu->watchpoints, w, entry);
  tlb_flush_page(cpu, w->vaddr);
  *out = w;
  return 0;
}

void __wrap_cpu_watchpoint_remove_by_ref_x86_64(CPUState* cpu, CPUWatchpoint* w) {
  QTAILQ_REMOVE(&cpu->watchpoints, w, entry);
  tlb_flush_page(cpu, w->vaddr);
  if (cpu->watchpoint_hit == w) cpu->watchpoint_hit = NULL;
  g_free(w);
}

void __wrap_cpu_watchpoint_remove_all_x86_64(CPUState* cpu, int mask) {
  CPUWatchpoint *w, *next;
  QTAILQ_FOREACH_SAFE(w, &cpu->watchpoints, entry, next) {
    if (w->flags & mask) __wrap_cpu_watchpoint_remove_by_ref_x86_64(cpu, w);
  }
}

static bool overlap(const CPUWatchpoint* w, vaddr address, vaddr size) {
  return address <= w->vaddr + (w->len - 1) && w->vaddr <= address + (size - 1);
}

int mint_watch_flags(CPUState* cpu, target_ulong page) {
  const CPUWatchpoint* w;
  int flags = 0;
  QTAILQ_FOREACH(w, &cpu->watchpoints, entry) {
    if (overlap(w, page, TARGET_PAGE_SIZE)) flags |= w->flags;
  }
  return flags;
}

int __wrap_cpu_watchpoint_address_matches_x86_64(CPUState* cpu, vaddr address, vaddr size) {
  return mint_watch_flags(cpu, address & TARGET_PAGE_MASK);
}

void __wrap_cpu_check_watchpoint_x86_64(CPUState* cpu, vaddr address, vaddr size, MemTxAttrs attrs,
                                        int flags, uintptr_t host_pc) {
  CPUWatchpoint *w, *hit = NULL;
  QTAILQ_FOREACH(w, &cpu->watchpoints, entry) {
    if ((w->flags & flags) && overlap(w, address, size)) hit = w;
  }
  const void* name = NULL;
  unsigned index;
  // Accesses of the delivery of an exception have no instruction: those are not watched.
  if (hit == NULL || !mint_engine_locate(mint_current, host_pc, &name, &index)) return;
  const TranslationBlock* block = name;
  if (!(block->cflags & CF_LAST_IO)) {
    cpu_restore_state(cpu, host_pc, true);
    cpu->cflags_next_tb = curr_cflags() | CF_LAST_IO | 1;
    cpu_loop_exit_noexc(cpu);
  }
  QTAILQ_FOREACH(w, &cpu->watchpoints, entry) {
    if ((w->flags & flags) && overlap(w, address, size)) w->flags |= BP_WATCHPOINT_HIT;
  }
  cpu->watchpoint_hit = hit;
}

// --- traps
// -----------------------------------------------------------------------------------------

// After helper_debug: a block that ran for a data breakpoint, or a block in front of an instruction
// breakpoint.
void __wrap_breakpoint_handler_x86_64(CPUState* cpu) {
  CPUX86State* env = cpu->env_ptr;
  const target_ulong pc = env->segs[R_CS].base + env->eip;
  const bool trap = cpu->watchpoint_hit != NULL;
  uint32_t hits = 0;
  for (int i = 0; i < 4; i++) {
    const unsigned type = env->dr[7] >> (DR7_TYPE_SHIFT + 4 * i) & 3;
    if (type == DR7_TYPE_BP_INST) {
      if (!trap && env->dr[i] == pc && (env->dr[7] >> (2 * i) & 3)) hits |= 1u << i;
    } else if (type != DR7_TYPE_IO_RW && env->cpu_watchpoint[i] != NULL &&
               (env->cpu_watchpoint[i]->flags & BP_WATCHPOINT_HIT)) {
      hits |= 1u << i;
      env->cpu_watchpoint[i]->flags &= ~BP_WATCHPOINT_HIT;
    }
  }
  cpu->watchpoint_hit = NULL;
  if (trap && (env->eflags & TF_MASK)) hits |= DR6_BS;
  if (hits == 0) cpu_loop_exit_noexc(cpu);
  env->dr[6] = (env->dr[6] & ~(target_ulong)15) | hits;
  raise_exception_err_ra(env, EXCP01_DB, 0, 0);
}

void mint_raise_icebp(CPUX86State* env, unsigned length, uintptr_t host_pc) {
  cpu_restore_state(env_cpu(env), host_pc, true);
  env->eip += length;
  raise_exception_err_ra(env, EXCP01_DB, 0, 0);
}
