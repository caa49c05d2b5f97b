// Our side of Unicorn: see glue.h. Compiled against Unicorn's internal headers.
//
// Functions named __wrap_X replace calls of X made by other object files of Unicorn (ld --wrap);
// __real_X is the original.

#include "emu/engine/glue.h"

#include "qemu/osdep.h"
#include "cpu.h"
#include "exec/cpu_ldst.h"
#include "exec/exec-all.h"
#include "exec/translator.h"
#include "tcg/tcg.h"
#include "tcg/tcg-op.h"
#include "uc_priv.h"

void do_interrupt_x86_hardirq(CPUX86State* env, int intno, int is_hw);
ram_addr_t qemu_ram_addr_from_host(struct uc_struct* uc, void* ptr);
void tb_invalidate_phys_range(struct uc_struct* uc, ram_addr_t start, ram_addr_t end);
void helper_check_exit_request_x86_64(void* argument, uint32_t kind);
struct page_collection;

#define CR0_NW_MASK (1U << 29)
#define CR0_CD_MASK (1U << 30)

static __thread struct mint_engine* current;

static CPUX86State* env_of(const struct mint_engine* engine) { return engine->uc->cpu->env_ptr; }

// Unicorn's env->tsc is not used for anything once cpu_get_tsc is out of the way.
#define BUDGET_OFFSET offsetof(CPUX86State, tsc)

// --- entry, exit, reset --------------------------------------------------------------------------

void mint_engine_set_current(struct mint_engine* engine) { current = engine; }

static void on_exception(struct uc_struct* uc, uint32_t vector, void* data) {
  struct mint_engine* engine = data;
  mint_on_interrupt(engine->host, (int)vector, false);
  x86_cpu_do_interrupt(uc->cpu);
}

// Unicorn treats #UD as the end of the run unless this hook says that it was dealt with.
static bool on_invalid_instruction(struct uc_struct* uc, void* data) {
  struct mint_engine* engine = data;
  mint_on_interrupt(engine->host, EXCP06_ILLOP, false);
  x86_cpu_do_interrupt(uc->cpu);
  return true;
}

static uint64_t on_read(struct uc_struct* uc, uint64_t offset, unsigned size, void* base) {
  return mint_on_memory_read(current->host, (uintptr_t)base + offset, size, uc->cpu->mem_io_pc);
}

static void on_write(struct uc_struct* uc, uint64_t offset, unsigned size, uint64_t value,
                     void* base) {
  mint_on_memory_write(current->host, (uintptr_t)base + offset, size, value, uc->cpu->mem_io_pc);
}

bool mint_engine_map_ram(struct mint_engine* engine, uint64_t physical, uint64_t size, void* host) {
  return uc_mem_map_ptr(engine->uc, physical, size, UC_PROT_ALL, host) == UC_ERR_OK;
}

bool mint_engine_map_io(struct mint_engine* engine, uint64_t physical, uint64_t size) {
  void* base = (void*)(uintptr_t)physical;
  return uc_mmio_map(engine->uc, physical, size, on_read, base, on_write, base) == UC_ERR_OK;
}

// The translator decides by these which instructions exist.
static void set_features(struct mint_engine* engine) {
  uint32_t out[4];
  CPUX86State* env = env_of(engine);
  mint_on_cpuid(engine->host, 1, 0, out, 0);
  env->cpuid_version = out[0];
  env->features[FEAT_1_ECX] = out[2];
  env->features[FEAT_1_EDX] = out[3];
  mint_on_cpuid(engine->host, 0x80000001, 0, out, 0);
  env->features[FEAT_8000_0001_ECX] = out[2];
  env->features[FEAT_8000_0001_EDX] = out[3] | CPUID_EXT2_SYSCALL;
  env->features[FEAT_7_0_EBX] = env->features[FEAT_7_0_ECX] = env->features[FEAT_7_0_EDX] = 0;
  mint_on_cpuid(engine->host, 0x80000008, 0, out, 0);
  X86_CPU(engine->uc->cpu)->phys_bits = out[0] & 0xff;
}

bool mint_engine_open(struct mint_engine* engine, uint32_t code_bytes) {
  struct uc_struct* uc;
  uc_hook hook;
  mint_engine_set_current(NULL);  // there is no time yet
  if (uc_open(UC_ARCH_X86, UC_MODE_64, &uc) != UC_ERR_OK) return false;
  engine->uc = uc;
  uc_ctl_set_cpu_model(uc, UC_CPU_X86_NEHALEM);
  uc_ctl_set_tcg_buffer_size(uc, code_bytes);
  uc_hook_add(uc, &hook, UC_HOOK_INTR, on_exception, engine, 1, 0);
  uc_hook_add(uc, &hook, UC_HOOK_INSN_INVALID, on_invalid_instruction, engine, 1, 0);
  // The walk for the address to stop at, at the end of each run, can fault where nothing catches it.
  uc_ctl_exits_enable(uc);
  // No helper call after each load: blocks are left by the budget.
  uc->no_exit_request = true;
  engine->budget = (int64_t*)&env_of(engine)->tsc;
  engine->domain->engines[engine->index] = engine;
  if (engine->domain->count <= engine->index) engine->domain->count = engine->index + 1;
  mint_engine_set_current(engine);
  set_features(engine);
  mint_engine_reset(engine);
  return true;
}

void mint_engine_close(struct mint_engine* engine) {
  if (engine->uc == NULL) return;
  mint_engine_set_current(engine);
  engine->domain->engines[engine->index] = NULL;
  uc_close(engine->uc);
  engine->uc = NULL;
  mint_engine_set_current(NULL);
}

void mint_engine_reset(struct mint_engine* engine) {
  CPUX86State* env = env_of(engine);
  const int64_t budget = *engine->budget;
  cpu_reset(engine->uc->cpu);
  *engine->budget = budget;
  env->hflags2 &= ~HF2_NMI_MASK;
  engine->uc->cpu->halted = 0;
  engine->uc->cpu->interrupt_request = 0;
  engine->flush_on_entry = true;
}

// SDM vol. 3A, table 9-1: INIT leaves the x87/SSE state, MTRRs and the TSC alone, and CR0.CD and
// CR0.NW unchanged.
void mint_engine_init(struct mint_engine* engine) {
  CPUX86State* env = env_of(engine);
  const uint32_t cache_bits = env->cr[0] & (CR0_CD_MASK | CR0_NW_MASK);
  CPUX86State* saved = g_new(CPUX86State, 1);
  *saved = *env;
  mint_engine_reset(engine);
  memcpy(env->fpregs, saved->fpregs, sizeof env->fpregs);
  memcpy(env->fptags, saved->fptags, sizeof env->fptags);
  memcpy(env->xmm_regs, saved->xmm_regs, sizeof env->xmm_regs);
  env->fpstt = saved->fpstt;
  env->fpus = saved->fpus;
  cpu_set_fpuc(env, saved->fpuc);
  cpu_set_mxcsr(env, saved->mxcsr);
  env->mtrr_deftype = saved->mtrr_deftype;
  memcpy(env->mtrr_fixed, saved->mtrr_fixed, sizeof env->mtrr_fixed);
  memcpy(env->mtrr_var, saved->mtrr_var, sizeof env->mtrr_var);
  env->pat = saved->pat;
  env->msr_ia32_misc_enable = saved->msr_ia32_misc_enable;
  env->mcg_ctl = saved->mcg_ctl;
  env->mcg_status = saved->mcg_status;
  g_free(saved);
  cpu_x86_update_cr0(env, 0x10 | cache_bits);
}

void mint_engine_startup(struct mint_engine* engine, uint8_t vector) {
  CPUX86State* env = env_of(engine);
  cpu_x86_load_seg_cache(env, R_CS, vector << 8, (target_ulong)vector << 12, 0xffff,
                         DESC_P_MASK | DESC_S_MASK | DESC_CS_MASK | DESC_R_MASK | DESC_A_MASK);
  env->eip = 0;
  engine->uc->cpu->halted = 0;
  engine->flush_on_entry = true;
}

int mint_engine_run(struct mint_engine* engine) {
  struct uc_struct* uc = engine->uc;
  if (engine->flush_on_entry) {
    engine->flush_on_entry = false;
    tb_flush(uc->cpu);
    tlb_flush(uc->cpu);
  }
  return uc_emu_start(uc, env_of(engine)->eip, 0, 0, 0);
}

void mint_engine_leave(struct mint_engine* engine) {
  engine->uc->stop_request = true;
  engine->uc->cpu->exit_request = true;
}

void mint_engine_abandon(struct mint_engine* engine) {
  CPUState* cpu = engine->uc->cpu;
  mint_engine_leave(engine);
  cpu->exception_index = EXCP_INTERRUPT;
  cpu_loop_exit(cpu);
}

bool mint_engine_halted(const struct mint_engine* engine) { return engine->uc->cpu->halted != 0; }

void mint_engine_flush_blocks(struct mint_engine* engine) { engine->flush_on_entry = true; }

void mint_engine_set_a20(struct mint_engine* engine, bool enabled) {
  CPUX86State* env = env_of(engine);
  env->a20_mask = enabled ? ~0 : ~(1 << 20);
  tlb_flush(engine->uc->cpu);
}

void __wrap_qemu_system_reset_request_x86_64(struct uc_struct* uc) {
  mint_on_shutdown(current->host);
}

// --- interrupts ----------------------------------------------------------------------------------

void mint_engine_set_interrupt(struct mint_engine* engine, bool pending) {
  if (pending)
    engine->uc->cpu->interrupt_request |= CPU_INTERRUPT_HARD;
  else
    engine->uc->cpu->interrupt_request &= ~CPU_INTERRUPT_HARD;
}

void mint_engine_set_nmi(struct mint_engine* engine) {
  engine->uc->cpu->interrupt_request |= CPU_INTERRUPT_NMI;
}

bool mint_engine_interruptible(const struct mint_engine* engine, bool nmi) {
  const CPUX86State* env = env_of(engine);
  if (env->hflags & HF_INHIBIT_IRQ_MASK) return false;
  return nmi ? !(env->hflags2 & HF2_NMI_MASK) : (env->eflags & IF_MASK) != 0;
}

bool __wrap_x86_cpu_exec_interrupt_x86_64(CPUState* cs, int request) {
  if ((request & CPU_INTERRUPT_NMI) && mint_engine_interruptible(current, true)) {
    CPUX86State* env = cs->env_ptr;
    cs->interrupt_request &= ~CPU_INTERRUPT_NMI;
    env->hflags2 |= HF2_NMI_MASK;
    mint_on_interrupt(current->host, EXCP02_NMI, true);
    do_interrupt_x86_hardirq(env, EXCP02_NMI, 1);
    return true;
  }
  if ((request & CPU_INTERRUPT_HARD) && mint_engine_interruptible(current, false)) {
    const int vector = mint_on_acknowledge(current->host);
    if (vector < 0) return false;
    mint_on_interrupt(current->host, vector, true);
    do_interrupt_x86_hardirq(cs->env_ptr, vector, 1);
    return true;
  }
  return false;
}

// --- translated code and who wrote where -----------------------------------------------------------

// TLB_NOTDIRTY sends stores to a page through notdirty_write. Alone, that function would drop it again
// for a mapping that is not executable although the page still holds code; the watchpoint flag (no
// watchpoint is ever set) keeps it from recognising the entry.
#define PROTECTED (TLB_NOTDIRTY | TLB_WATCHPOINT)

static void protect_entry(CPUTLBEntry* entry, uintptr_t page, bool protect) {
  const target_ulong write = entry->addr_write;
  if (write & (TLB_INVALID_MASK | TLB_MMIO | TLB_DISCARD_WRITE)) return;
  if ((uintptr_t)((write & TARGET_PAGE_MASK) + entry->addend) != page) return;
  entry->addr_write = protect ? write | PROTECTED : write & ~(target_ulong)PROTECTED;
}

// In every engine's TLB, main and victim: makes stores to a host page visible, or fast again.
static void protect_page(struct mint_domain* domain, uintptr_t page, bool protect) {
  for (unsigned n = 0; n < domain->count; n++) {
    if (!domain->engines[n]) continue;
    CPUArchState* env = env_of(domain->engines[n]);
    for (int mode = 0; mode < NB_MMU_MODES; mode++) {
      CPUTLBDescFast* fast = &env_tlb(env)->f[mode];
      const size_t entries = (fast->mask >> CPU_TLB_ENTRY_BITS) + 1;
      for (size_t i = 0; i < entries; i++) protect_entry(&fast->table[i], page, protect);
      for (size_t i = 0; i < CPU_VTLB_SIZE; i++)
        protect_entry(&env_tlb(env)->d[mode].vtable[i], page, protect);
    }
  }
}

void __real_tlb_set_page_with_attrs_x86_64(CPUState*, target_ulong, hwaddr, MemTxAttrs, int, int,
                                           target_ulong);
void __wrap_tlb_set_page_with_attrs_x86_64(CPUState* cpu, target_ulong vaddr, hwaddr paddr,
                                           MemTxAttrs attrs, int prot, int mode,
                                           target_ulong size) {
  __real_tlb_set_page_with_attrs_x86_64(cpu, vaddr, paddr, attrs, prot, mode, size);
  if (!(prot & PAGE_WRITE)) return;
  CPUArchState* env = cpu->env_ptr;
  vaddr &= TARGET_PAGE_MASK;
  CPUTLBEntry* entry = tlb_entry(env, mode, vaddr);
  if (entry->addr_write == (target_ulong)-1 || (entry->addr_write & TLB_MMIO)) return;
  const ram_addr_t ram = (env_tlb(env)->d[mode].iotlb[tlb_index(env, mode, vaddr)].addr + vaddr);
  const uint64_t page = ram >> TARGET_PAGE_BITS;
  if (page >= current->domain->ram_pages) return;
  entry->addr_write &= ~(target_ulong)PROTECTED;
  if (current->domain->read_only[page])
    entry->addr_write |= TLB_DISCARD_WRITE;
  else if (current->domain->code_mask[page])
    entry->addr_write |= PROTECTED;
}

static void mark_code_page(struct mint_engine* engine, ram_addr_t ram, uintptr_t host) {
  uint64_t* mask = &engine->domain->code_mask[ram >> TARGET_PAGE_BITS];
  if (*mask == 0) protect_page(engine->domain, host, true);
  *mask |= UINT64_C(1) << engine->index;
}

// Called for each new block with the range that it was translated from.
void __wrap_tlb_reset_dirty_by_vaddr_x86_64(CPUState* cpu, target_ulong start, target_ulong length) {
  CPUArchState* env = cpu->env_ptr;
  for (target_ulong page = start; page < start + length; page += TARGET_PAGE_SIZE) {
    void* host;
    const tb_page_addr_t ram = get_page_addr_code_hostp(env, page, &host);
    if (ram != (tb_page_addr_t)-1) mark_code_page(current, ram, (uintptr_t)host & TARGET_PAGE_MASK);
  }
}

static struct mint_engine* engine_of(struct uc_struct* uc) {
  struct mint_domain* domain = current->domain;
  if (current->uc == uc) return current;
  for (unsigned n = 0; n < domain->count; n++)
    if (domain->engines[n] && domain->engines[n]->uc == uc) return domain->engines[n];
  return current;
}

// An engine has dropped its last block of a page.
void __wrap_tlb_unprotect_code_x86_64(struct uc_struct* uc, ram_addr_t ram) {
  struct mint_engine* engine = engine_of(uc);
  uint64_t* mask = &engine->domain->code_mask[ram >> TARGET_PAGE_BITS];
  *mask &= ~(UINT64_C(1) << engine->index);
  if (*mask != 0) return;
  RAMBlock* block;  // RAMBLOCK_FOREACH walks those of `uc`
  RAMBLOCK_FOREACH(block) {
    if (ram - block->offset < block->max_length) {
      protect_page(engine->domain,
                   ((uintptr_t)block->host + (ram - block->offset)) & TARGET_PAGE_MASK, false);
      return;
    }
  }
}

// A core stored to a page that holds code.
void __real_tb_invalidate_phys_page_fast_x86_64(struct uc_struct*, struct page_collection*,
                                                tb_page_addr_t, int, uintptr_t);
void __wrap_tb_invalidate_phys_page_fast_x86_64(struct uc_struct* uc, struct page_collection* pages,
                                                tb_page_addr_t start, int length, uintptr_t host_pc) {
  struct mint_domain* domain = current->domain;
  const uint64_t others =
      domain->code_mask[start >> TARGET_PAGE_BITS] & ~(UINT64_C(1) << current->index);
  for (unsigned n = 0; others >> n != 0 && n < domain->count; n++)
    if (others >> n & 1)
      __real_tb_invalidate_phys_page_fast_x86_64(domain->engines[n]->uc, pages, start, length, 0);
  __real_tb_invalidate_phys_page_fast_x86_64(uc, pages, start, length, host_pc);
}

void mint_domain_ram_written(struct mint_domain* domain, uint64_t start, uint64_t end) {
  struct mint_engine* saved = current;
  for (uint64_t page = start >> TARGET_PAGE_BITS; page << TARGET_PAGE_BITS < end; page++) {
    const uint64_t mask = domain->code_mask[page];
    if (mask == 0) continue;
    const uint64_t from = MAX(start, page << TARGET_PAGE_BITS);
    const uint64_t to = MIN(end, (page + 1) << TARGET_PAGE_BITS);
    for (unsigned n = 0; n < domain->count; n++) {
      if (!(mask >> n & 1)) continue;
      current = domain->engines[n];
      tb_invalidate_phys_range(current->uc, from, to);
    }
  }
  current = saved;
}

uint64_t mint_engine_ram_offset(struct mint_engine* engine, void* host) {
  return qemu_ram_addr_from_host(engine->uc, host);
}

// Unicorn sizes its TLBs by the host's clock; give it the guest's.
int __wrap_gettimeofday(struct timeval* tv, void* zone) {
  const uint64_t us = current ? mint_on_microseconds(current->host) : 0;
  tv->tv_sec = us / 1000000;
  tv->tv_usec = us % 1000000;
  return 0;
}

// --- cycle accounting: a budget in the CPU state, decremented at the head of each block ------------

enum { EDGE = 1, PROBE = 2 };

// Stands in for Unicorn's own check at the head of a block (whose calls are taken out of the
// translated operations), because only registered helpers can be called from generated code.
void __wrap_helper_check_exit_request_x86_64(void* argument, uint32_t kind) {
  if (kind & PROBE) {
    mint_on_probe(current->host, (uint32_t)(uintptr_t)argument);
    return;
  }
  const TranslationBlock* block = argument;
  const bool leave = mint_on_block_edge(current->host, block->pc);
  // While this core was suspended, another one may have dropped the block that is about to run.
  current->leave_block = leave || (block->cflags & CF_INVALID) != 0;
}

static void gen_call(TCGContext* s, uintptr_t argument, uint32_t kind) {
  TCGv_ptr pointer = tcg_const_ptr(s, (void*)argument);
  TCGv_i32 number = tcg_const_i32(s, kind);
  gen_helper_check_exit_request(s, pointer, number);
  tcg_temp_free_i32(s, number);
  tcg_temp_free_ptr(s, pointer);
}

static bool is_call_of(const TCGOp* op, const void* function) {
  if (op->opc != INDEX_op_call) return false;
  return op->args[TCGOP_CALLO(op) + TCGOP_CALLI(op)] == (TCGArg)(uintptr_t)function;
}

// Emits, in front of a block:
//     head:  if (budget < one cycle) goto edge
//            budget -= cost << shift | instructions        (the constant is patched in afterwards)
// Returns the operation that holds the constant.
static TCGOp* gen_head(TCGContext* s, TCGLabel* head, TCGLabel* edge) {
  // The optimiser looks at the operation before a label: give it one, which it then drops.
  tcg_temp_free_i32(s, tcg_const_i32(s, 0));
  gen_set_label(s, head);
  TCGv_i64 budget = tcg_temp_new_i64(s);
  TCGv_i64 cycle = tcg_const_i64(s, INT64_C(1) << MINT_BUDGET_SHIFT);
  tcg_gen_ld_i64(s, budget, s->cpu_env, BUDGET_OFFSET);
  tcg_gen_brcond_i64(s, TCG_COND_LT, budget, cycle, edge);
  tcg_temp_free_i64(s, cycle);
  tcg_temp_free_i64(s, budget);
  // Temporaries do not live across the branch.
  budget = tcg_temp_new_i64(s);
  tcg_gen_ld_i64(s, budget, s->cpu_env, BUDGET_OFFSET);
  TCGv_i64 cost = tcg_const_i64(s, 0x7777777777);
  TCGOp* constant = tcg_last_op(s);
  tcg_gen_sub_i64(s, budget, budget, cost);
  tcg_gen_st_i64(s, budget, s->cpu_env, BUDGET_OFFSET);
  tcg_temp_free_i64(s, cost);
  tcg_temp_free_i64(s, budget);
  return constant;
}

// Emits, behind a block:
//     edge:  mint_on_block_edge(); if (!leave_block) goto head; exit to the run loop
static void gen_edge(TCGContext* s, TranslationBlock* tb, TCGLabel* head, TCGLabel* edge) {
  gen_set_label(s, edge);
  gen_call(s, (uintptr_t)tb, EDGE);
  TCGv_ptr engine = tcg_const_ptr(s, current);
  TCGv_i32 leave = tcg_temp_new_i32(s);
  tcg_gen_ld8u_i32(s, leave, engine, offsetof(struct mint_engine, leave_block));
  tcg_temp_free_ptr(s, engine);
  TCGv_i32 zero = tcg_const_i32(s, 0);
  tcg_gen_brcond_i32(s, TCG_COND_EQ, leave, zero, head);
  tcg_temp_free_i32(s, zero);
  tcg_temp_free_i32(s, leave);
  tcg_gen_exit_tb(s, tb, TB_EXIT_REQUESTED);
}

// Moves the operations after `last` to just behind `position`.
static void move_operations(TCGContext* s, TCGOp* last, TCGOp* position) {
  TCGOp* op;
  while ((op = QTAILQ_NEXT(last, link)) != NULL) {
    QTAILQ_REMOVE(&s->ops, op, link);
    QTAILQ_INSERT_AFTER(&s->ops, position, op, link);
    position = op;
  }
}

void __real_translator_loop_x86_64(const TranslatorOps*, DisasContextBase*, CPUState*,
                                   TranslationBlock*, int);
void __wrap_translator_loop_x86_64(const TranslatorOps* ops, DisasContextBase* db, CPUState* cpu,
                                   TranslationBlock* tb, int max_insns) {
  TCGContext* s = cpu->uc->tcg_ctx;
  const uint32_t probe = mint_on_probe_lookup(current->host, tb->pc);
  TCGLabel* head = gen_new_label(s);
  TCGLabel* edge = gen_new_label(s);
  TCGOp* constant = gen_head(s, head, edge);
  if (probe != 0) gen_call(s, probe, PROBE);
  TCGOp* before = tcg_last_op(s);

  __real_translator_loop_x86_64(ops, db, cpu, tb, max_insns);

  static __thread uint16_t starts[TCG_MAX_INSNS];
  unsigned count = 0;
  TCGOp *op, *next, *pause = NULL;
  for (op = QTAILQ_NEXT(before, link); op != NULL; op = next) {
    next = QTAILQ_NEXT(op, link);
    if (op->opc == INDEX_op_insn_start && count < TCG_MAX_INSNS)
      starts[count++] = (uint16_t)(op->args[0] - tb->pc);
    else if (is_call_of(op, helper_check_exit_request_x86_64))
      tcg_op_remove(s, op);
    else if (is_call_of(op, helper_pause))
      pause = op;
  }
  if (pause != NULL) {
    // helper_pause leaves the run loop in Unicorn, so the translator ends the block without a way on.
    TCGOp* last = tcg_last_op(s);
    tcg_gen_lookup_and_goto_ptr(s);
    move_operations(s, last, pause);
  }
  static __thread uint8_t code[TCG_MAX_INSNS * 16];
  const unsigned size = MIN(tb->size, sizeof code);
  for (unsigned i = 0; i < size; i++) code[i] = cpu_ldub_code(cpu->env_ptr, tb->pc + i);
  const unsigned bits = tb->flags & HF_CS64_MASK ? 64 : tb->flags & HF_CS32_MASK ? 32 : 16;
  const uint32_t cost =
      mint_on_translated(current->host, tb, tb->pc, size, starts, count, bits, code);
  constant->args[1] = (TCGArg)cost << MINT_BUDGET_SHIFT | count;
  gen_edge(s, tb, head, edge);
}

unsigned mint_engine_generation(const struct mint_engine* engine) {
  return engine->uc->tcg_ctx->tb_ctx.tb_flush_count;
}

bool mint_engine_locate(const struct mint_engine* engine, uintptr_t host_pc, const void** block,
                        unsigned* index) {
  if (host_pc == 0) return false;
  TCGContext* s = engine->uc->tcg_ctx;
  if (host_pc - (uintptr_t)s->code_gen_buffer >= s->code_gen_buffer_size) return false;
  TranslationBlock* tb = tcg_tb_lookup(s, host_pc);
  if (tb == NULL) return false;
  // The table that encode_search() in translate-all.c puts behind a block's code: for each
  // instruction TARGET_INSN_START_WORDS guest words and the length of its code, as LEB128 deltas.
  const uint8_t* p = (const uint8_t*)tb->tc.ptr + tb->tc.size;
  uintptr_t end = (uintptr_t)tb->tc.ptr;
  for (unsigned i = 0; i < tb->icount; i++) {
    for (unsigned word = 0; word <= TARGET_INSN_START_WORDS; word++) {
      int64_t value = 0;
      unsigned shift = 0;
      uint8_t byte;
      do {
        byte = *p++;
        value |= (int64_t)(byte & 0x7f) << shift;
        shift += 7;
      } while (byte & 0x80);
      if (shift < 64 && (byte & 0x40)) value |= -(INT64_C(1) << shift);
      if (word == TARGET_INSN_START_WORDS) end += value;
    }
    if (end > host_pc - GETPC_ADJ) {
      *block = tb;
      *index = i;
      return true;
    }
  }
  return false;
}

bool __real_cpu_restore_state_x86_64(CPUState*, uintptr_t, bool);
bool __wrap_cpu_restore_state_x86_64(CPUState* cpu, uintptr_t host_pc, bool will_exit) {
  const void* block;
  unsigned index;
  if (mint_engine_locate(current, host_pc, &block, &index))
    mint_on_fault(current->host, block, index);
  return __real_cpu_restore_state_x86_64(cpu, host_pc, will_exit);
}

// --- instructions that the machine takes part in ---------------------------------------------------

#define PORT_READ(suffix, type, size)                                                         \
  type __wrap_cpu_in##suffix##_x86_64(struct uc_struct* uc, uint32_t port, uintptr_t host_pc) { \
    return (type)mint_on_port_read(current->host, port, size, host_pc);                       \
  }
#define PORT_WRITE(suffix, type, size)                                                      \
  void __wrap_cpu_out##suffix##_x86_64(struct uc_struct* uc, uint32_t port, type value,     \
                                       uintptr_t host_pc) {                                 \
    mint_on_port_write(current->host, port, size, value, host_pc);                          \
  }
PORT_READ(b, uint8_t, 1)
PORT_READ(w, uint16_t, 2)
PORT_READ(l, uint32_t, 4)
PORT_WRITE(b, uint8_t, 1)
PORT_WRITE(w, uint16_t, 2)
PORT_WRITE(l, uint32_t, 4)

void __wrap_helper_rdtsc_x86_64(CPUX86State* env) {
  if ((env->cr[4] & CR4_TSD_MASK) && (env->hflags & HF_CPL_MASK))
    raise_exception_ra(env, EXCP0D_GPF, GETPC());
  const uint64_t value = mint_on_rdtsc(current->host, GETPC());
  env->regs[R_EAX] = (uint32_t)value;
  env->regs[R_EDX] = (uint32_t)(value >> 32);
}

void __wrap_helper_rdtscp_x86_64(CPUX86State* env) {
  __wrap_helper_rdtsc_x86_64(env);
  env->regs[R_ECX] = (uint32_t)env->tsc_aux;
}

void __wrap_helper_cpuid_x86_64(CPUX86State* env) {
  uint32_t out[4];
  mint_on_cpuid(current->host, (uint32_t)env->regs[R_EAX], (uint32_t)env->regs[R_ECX], out, GETPC());
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
  const int done = mint_on_rdmsr(current->host, (uint32_t)env->regs[R_ECX], &value, GETPC());
  if (done < 0) raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
  if (done == 0) {
    __real_helper_rdmsr_x86_64(env);
    return;
  }
  env->regs[R_EAX] = (uint32_t)value;
  env->regs[R_EDX] = (uint32_t)(value >> 32);
}

static bool is_canonical(uint64_t address) { return (int64_t)(address << 16) >> 16 == (int64_t)address; }

void __real_helper_wrmsr_x86_64(CPUX86State* env);
void __wrap_helper_wrmsr_x86_64(CPUX86State* env) {
  const uint32_t index = (uint32_t)env->regs[R_ECX];
  const uint64_t value = (uint32_t)env->regs[R_EAX] | (uint64_t)env->regs[R_EDX] << 32;
  const int done = mint_on_wrmsr(current->host, index, value, GETPC());
  bool fault = done < 0;
  switch (index) {
    case MSR_EFER:
      fault |= (value & ~(uint64_t)(MSR_EFER_SCE | MSR_EFER_LME | MSR_EFER_LMA | MSR_EFER_NXE)) != 0;
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

target_ulong __real_helper_read_crN_x86_64(CPUX86State* env, int reg);
target_ulong __wrap_helper_read_crN_x86_64(CPUX86State* env, int reg) {
  return reg == 8 ? mint_on_read_cr8(current->host) : __real_helper_read_crN_x86_64(env, reg);
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
  if (control_register_faults(env, reg, value)) raise_exception_err_ra(env, EXCP0D_GPF, 0, GETPC());
  if (reg == 8) {
    mint_on_write_cr8(current->host, (uint8_t)value, GETPC());
    return;
  }
  __real_helper_write_crN_x86_64(env, reg, value);
}

void __wrap_helper_pause_x86_64(CPUX86State* env, int length) {
  mint_on_pause(current->host);
  env->eip += length;
}

#define FLAT_CODE (DESC_G_MASK | DESC_P_MASK | DESC_S_MASK | DESC_CS_MASK | DESC_R_MASK | DESC_A_MASK)
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

// --- registers -----------------------------------------------------------------------------------

static struct mint_segment segment_of(const SegmentCache* cache) {
  return (struct mint_segment){.selector = (uint16_t)cache->selector,
                               .base = cache->base,
                               .limit = cache->limit,
                               .attributes = cache->flags & 0x00f0ff00};
}

void mint_engine_get_registers(const struct mint_engine* engine, struct mint_registers* out) {
  CPUX86State* env = env_of(engine);
  for (int i = 0; i < 16; i++) out->general[i] = env->regs[i];
  out->rip = env->eip;
  out->rflags = cpu_compute_eflags(env);
  out->cr0 = env->cr[0];
  out->cr2 = env->cr[2];
  out->cr3 = env->cr[3];
  out->cr4 = env->cr[4];
  out->cr8 = mint_on_read_cr8(engine->host);
  out->efer = env->efer;
  for (int i = 0; i < 6; i++) out->segment[i] = segment_of(&env->segs[i]);
  out->ldtr = segment_of(&env->ldt);
  out->tr = segment_of(&env->tr);
  out->gdt_base = env->gdt.base;
  out->gdt_limit = env->gdt.limit;
  out->idt_base = env->idt.base;
  out->idt_limit = env->idt.limit;
}

void mint_engine_set_registers(struct mint_engine* engine, const struct mint_registers* in) {
  CPUX86State* env = env_of(engine);
  for (int i = 0; i < 16; i++) env->regs[i] = in->general[i];
  cpu_x86_update_cr0(env, (uint32_t)in->cr0);
  for (int i = 0; i < 6; i++)
    cpu_x86_load_seg_cache(env, i, in->segment[i].selector, in->segment[i].base, in->segment[i].limit,
                           in->segment[i].attributes);
  env->eip = in->rip;
  env->eflags = (in->rflags & ~(uint64_t)(CC_O | CC_S | CC_Z | CC_A | CC_P | CC_C)) | 2;
}

bool mint_engine_translate(struct mint_engine* engine, uint64_t linear, uint64_t* physical) {
  MemTxAttrs attributes;
  const hwaddr page =
      x86_cpu_get_phys_page_attrs_debug(engine->uc->cpu, linear & TARGET_PAGE_MASK, &attributes);
  if (page == (hwaddr)-1) return false;
  *physical = (page & TARGET_PAGE_MASK) | (linear & ~TARGET_PAGE_MASK);
  return true;
}
