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

// An entry in RAM, by the short way; null when it is somewhere else.
static const void* entry_in_ram(const struct mint_engine* engine, hwaddr address) {
  const struct mint_ram* ram = mint_ram_at(engine, address);
  return ram == NULL ? NULL : ram->host + (address - ram->start);
}

// Reserved bits of this processor that QEMU's walk does not know become one that it does: it ends
// there, before it marks the entry as accessed.
#define QEMU_RESERVED (UINT64_C(1) << 51)
#define QEMU_RESERVED_4MB (1u << 21)
#define RESERVED_4MB (0x1fe000u & ~((1u << (MINT_PHYSICAL_BITS - 32 + 13)) - 1))

// Entries of two-level paging (SDM vol. 3A, table 4-4).
uint32_t __real_x86_ldl_phys_x86_64(CPUState* cs, hwaddr address);
uint32_t __wrap_x86_ldl_phys_x86_64(CPUState* cs, hwaddr address) {
  struct mint_engine* engine = mint_current;
  if (engine == NULL || !engine->walk.active) return __real_x86_ldl_phys_x86_64(cs, address);
  const void* ram = entry_in_ram(engine, address);
  const uint32_t entry = ram != NULL ? ldl_le_p(ram) : __real_x86_ldl_phys_x86_64(cs, address);
  const CPUX86State* env = cs->env_ptr;
  const bool large =
      engine->walk.step++ == 0 && (entry & PG_PSE_MASK) && (env->cr[4] & CR4_PSE_MASK);
  return large && (entry & RESERVED_4MB) ? entry | QEMU_RESERVED_4MB : entry;
}

// Entries of PAE and long-mode paging structures (SDM vol. 3A, 4.4.2 and 4.5.4).
uint64_t __real_x86_ldq_phys_x86_64(CPUState* cs, hwaddr address);
uint64_t __wrap_x86_ldq_phys_x86_64(CPUState* cs, hwaddr address) {
  struct mint_engine* engine = mint_current;
  if (engine == NULL || !engine->walk.active) return __real_x86_ldq_phys_x86_64(cs, address);
  const CPUX86State* env = cs->env_ptr;
  const bool four_levels = (env->hflags & HF_LMA_MASK) != 0;
  const unsigned step = engine->walk.step++;
  if (step == 0 && !four_levels) return engine->pdpte[engine->walk.linear >> 30 & 3];
  const void* ram = entry_in_ram(engine, address);
  const uint64_t entry = ram != NULL ? ldq_le_p(ram) : __real_x86_ldq_phys_x86_64(cs, address);
  const bool beyond = (entry & PG_ADDRESS_MASK) >> MINT_PHYSICAL_BITS != 0;
  const bool one_gb = four_levels && step == 1 && (entry & PG_PSE_MASK);
  return beyond || one_gb ? entry | QEMU_RESERVED : entry;
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
  engine->walk.step = 0;
  engine->walk.linear = address;
  engine->walk.access = type;
  const bool present = __real_x86_cpu_tlb_fill_x86_64(cs, address, size, type, mode, true, host_pc);
  engine->walk.active = false;
  if (present) {
    // A model with TLBs of its own charges their misses.
    if ((env->cr[0] & CR0_PG_MASK) && !engine->observes_accesses && type != MMU_INST_FETCH &&
        mint_is_first_fill(engine, address))
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
