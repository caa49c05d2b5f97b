// Our side of Unicorn: what its page walk leaves out. Reserved bits by our MAXPHYADDR, 1 GB pages
// (which this processor has not), the PDPTE registers of PAE paging, non-canonical addresses, and
// faults of fetches at the right instruction.

#include "emu/engine/glue_internal.h"

// SDM vol. 3A, 4.4.1, table 4-8.
#define PDPTE_RESERVED (~((UINT64_C(1) << MINT_PHYSICAL_BITS) - 1) | 0x1e6)

bool mint_load_pdptes(CPUX86State* env, uint64_t cr3) {
  uint64_t entries[4];
  for (unsigned i = 0; i < 4; i++) {
    entries[i] = x86_ldq_phys(env_cpu(env), (cr3 & 0xffffffe0) + 8 * i);
    if ((entries[i] & PG_PRESENT_MASK) && (entries[i] & PDPTE_RESERVED)) return false;
  }
  memcpy(mint_current->pdpte, entries, sizeof entries);
  return true;
}

// A task switch or an instruction that __wrap_helper_write_crN has let pass.
void __real_cpu_x86_update_cr3_x86_64(CPUX86State* env, target_ulong cr3);
void __wrap_cpu_x86_update_cr3_x86_64(CPUX86State* env, target_ulong cr3) {
  if ((env->cr[0] & CR0_PG_MASK) && (env->cr[4] & CR4_PAE_MASK) && !(env->hflags & HF_LMA_MASK))
    mint_load_pdptes(env, cr3);
  __real_cpu_x86_update_cr3_x86_64(env, cr3);
  if (mint_current->observes_accesses) mint_on_address_space(mint_current->host);
}

bool mint_walk_accepts(hwaddr physical, target_ulong size) {
  if (!mint_current->walk.active) return true;
  const bool good = physical >> MINT_PHYSICAL_BITS == 0 && size < (1u << 30);
  mint_current->walk.reserved |= !good;
  return good;
}

// An entry in RAM, by the short way; null when it is somewhere else.
static const void* entry_in_ram(const struct mint_engine* engine, hwaddr address) {
  for (unsigned n = 0; n < engine->ram_ranges; n++) {
    const uint64_t offset = address - engine->ram[n].start;
    if (offset < engine->ram[n].size) return engine->ram[n].host + offset;
  }
  return NULL;
}

// Entries of two-level paging.
uint32_t __real_x86_ldl_phys_x86_64(CPUState* cs, hwaddr address);
uint32_t __wrap_x86_ldl_phys_x86_64(CPUState* cs, hwaddr address) {
  const struct mint_engine* engine = mint_current;
  const void* entry = engine != NULL && engine->walk.active ? entry_in_ram(engine, address) : NULL;
  return entry != NULL ? ldl_le_p(entry) : __real_x86_ldl_phys_x86_64(cs, address);
}

// Entries of PAE and long-mode paging structures. A table beyond the physical addresses means that
// the entry before had reserved bits: the walk ends with "not present", and the fault's error code
// is mended below.
uint64_t __real_x86_ldq_phys_x86_64(CPUState* cs, hwaddr address);
uint64_t __wrap_x86_ldq_phys_x86_64(CPUState* cs, hwaddr address) {
  struct mint_engine* engine = mint_current;
  if (engine == NULL || !engine->walk.active) return __real_x86_ldq_phys_x86_64(cs, address);
  if (address >> MINT_PHYSICAL_BITS != 0) {
    engine->walk.reserved = true;
    return 0;
  }
  const CPUX86State* env = cs->env_ptr;
  if (engine->walk.step++ == 0 && !(env->hflags & HF_LMA_MASK))
    return engine->pdpte[engine->walk.linear >> 30 & 3];
  const void* entry = entry_in_ram(engine, address);
  return entry != NULL ? ldq_le_p(entry) : __real_x86_ldq_phys_x86_64(cs, address);
}

// A fetch that faults while a block is translated must not fault before the instructions in front
// of it have run: the block is made anew without the instruction.
static void end_block_before_instruction(CPUState* cs) {
  DisasContextBase* db = mint_current->translation;
  mint_current->translation = NULL;
  if (db == NULL || db->num_insns < 2) return;
  cs->cflags_next_tb = curr_cflags() | (db->num_insns - 1);
  cpu_loop_exit_noexc(cs);
}

bool __real_x86_cpu_tlb_fill_x86_64(CPUState* cs, vaddr address, int size, MMUAccessType type,
                                    int mode, bool probe, uintptr_t host_pc);
bool __wrap_x86_cpu_tlb_fill_x86_64(CPUState* cs, vaddr address, int size, MMUAccessType type,
                                    int mode, bool probe, uintptr_t host_pc) {
  struct mint_engine* engine = mint_current;
  CPUX86State* env = cs->env_ptr;
  const target_ulong cr2 = env->cr[2];
  engine->walk.active = true;
  engine->walk.reserved = false;
  engine->walk.step = 0;
  engine->walk.linear = address;
  bool present = __real_x86_cpu_tlb_fill_x86_64(cs, address, size, type, mode, true, host_pc);
  engine->walk.active = false;
  if (engine->walk.reserved) {
    if (present) {
      present = false;
      env->error_code = (type == MMU_DATA_STORE ? PG_ERROR_W_MASK : 0) |
                        (mode == MMU_USER_IDX ? PG_ERROR_U_MASK : 0);
      if (type == MMU_INST_FETCH && (env->efer & MSR_EFER_NXE) && (env->cr[4] & CR4_PAE_MASK))
        env->error_code |= PG_ERROR_I_D_MASK;
      env->cr[2] = address;
      cs->exception_index = EXCP0E_PAGE;
    }
    env->error_code |= PG_ERROR_P_MASK | PG_ERROR_RSVD_MASK;
  }
  if (present) {
    // A model with TLBs of its own charges their misses.
    if ((env->cr[0] & CR0_PG_MASK) && !engine->observes_accesses)
      mint_charge(engine, mint_tlb_fill_cycles());
    return true;
  }
  const int vector = cs->exception_index;
  const target_ulong fault = env->cr[2];
  cs->exception_index = -1;
  env->cr[2] = cr2;
  if (probe) return false;
  if (type == MMU_INST_FETCH) end_block_before_instruction(cs);
  if (vector == EXCP0E_PAGE) {
    env->cr[2] = fault;
    raise_exception_err_ra(env, vector, env->error_code, host_pc);
  }
  // SDM vol. 3A, 3.3.7.1: a non-canonical reference to the stack is #SS.
  bool stack = false;
  if (host_pc != 0 && type != MMU_INST_FETCH) {
    cpu_restore_state(cs, host_pc, true);
    stack = mint_uses_stack(env);
  } else if (engine->delivering >= 0) {
    stack = type == MMU_DATA_STORE;
  }
  raise_exception_err_ra(env, stack ? EXCP0C_STACK : vector, 0, 0);
}
