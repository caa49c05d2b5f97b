// Our side of Unicorn: life, runs, interrupts and registers of an engine. See glue.h.

#include "emu/engine/glue_internal.h"

void do_interrupt_x86_hardirq(CPUX86State* env, int intno, int is_hw);

#define CR0_NW_MASK (1U << 29)
#define CR0_CD_MASK (1U << 30)

__thread struct mint_engine* mint_current;

// --- entry, exit, reset --------------------------------------------------------------------------

void mint_engine_set_current(struct mint_engine* engine) { mint_current = engine; }

static void on_exception(struct uc_struct* uc, uint32_t vector, void* data) {
  mint_deliver_exception(data);
}

// Unicorn treats #UD as the end of the run unless this hook says that it was dealt with.
static bool on_invalid_instruction(struct uc_struct* uc, void* data) {
  mint_deliver_exception(data);
  return true;
}

static uint64_t bus_address(uint64_t address) {
  return address < MINT_OVERLAY_WINDOW ? address
                                       : mint_current->io_page + (address - MINT_OVERLAY_WINDOW);
}

static uint64_t on_read(struct uc_struct* uc, uint64_t offset, unsigned size, void* base) {
  const uint64_t address = bus_address((uintptr_t)base + offset);
  if (mint_current->translation != NULL) return mint_on_fetch(mint_current->host, address, size);
  return mint_on_memory_read(mint_current->host, address, size, uc->cpu->mem_io_pc);
}

static void on_write(struct uc_struct* uc, uint64_t offset, unsigned size, uint64_t value,
                     void* base) {
  mint_on_memory_write(mint_current->host, bus_address((uintptr_t)base + offset), size, value,
                       uc->cpu->mem_io_pc);
}

bool mint_engine_map_ram(struct mint_engine* engine, uint64_t physical, uint64_t size, void* host) {
  if (uc_mem_map_ptr(engine->uc, physical, size, UC_PROT_ALL, host) != UC_ERR_OK) return false;
  if (engine->ram_ranges < MINT_MAX_RANGES) {
    const unsigned n = engine->ram_ranges++;
    engine->ram[n] =
        (struct mint_ram){physical, size, host, mint_engine_ram_offset(engine, host), NULL};
  }
  return true;
}

bool mint_engine_map_io(struct mint_engine* engine, uint64_t physical, uint64_t size) {
  void* base = (void*)(uintptr_t)physical;
  if (uc_mmio_map(engine->uc, physical, size, on_read, base, on_write, base) != UC_ERR_OK)
    return false;
  // Without this a fetch from the range ends the run.
  engine->uc->memory_mapping(engine->uc, physical)->perms |= UC_PROT_EXEC;
  return true;
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

// The translator goes through all of its globals at each access and each end of a block. The bounds
// registers of MPX, which it has made last, are a fifth of them, and this processor has none: no
// code can come to use them.
static void drop_bounds_registers(TCGContext* s) {
  while (s->nb_globals > 0 && s->temps[s->nb_globals - 1].name != NULL &&
         strncmp(s->temps[s->nb_globals - 1].name, "bnd", 3) == 0)
    s->nb_globals--;
  s->nb_temps = s->nb_globals;
}

struct uc_struct* mint_open_unicorn(struct mint_engine* engine, uint32_t code_bytes) {
  struct uc_struct* uc;
  uc_hook hook;
  mint_engine_set_current(NULL);  // there is no time yet
  if (uc_open(UC_ARCH_X86, UC_MODE_64, &uc) != UC_ERR_OK) return NULL;
  uc_ctl_set_cpu_model(uc, UC_CPU_X86_NEHALEM);
  uc_ctl_set_tcg_buffer_size(uc, code_bytes);
  uc_hook_add(uc, &hook, UC_HOOK_INTR, on_exception, engine, 1, 0);
  uc_hook_add(uc, &hook, UC_HOOK_INSN_INVALID, on_invalid_instruction, engine, 1, 0);
  // The walk for the address to stop at, at the end of each run, can fault where nothing catches
  // it.
  uc_ctl_exits_enable(uc);
  // No helper call after each load: blocks are left by the budget.
  uc->no_exit_request = true;
  drop_bounds_registers(uc->tcg_ctx);
  return uc;
}

bool mint_engine_open(struct mint_engine* engine, uint32_t code_bytes) {
  struct uc_struct* uc = mint_open_unicorn(engine, code_bytes);
  if (uc == NULL) return false;
  engine->uc = uc;
  mint_open_memory(engine);
  CPU_GET_CLASS(uc->cpu)->synchronize_from_tb = mint_leave_at_edge;
  CPU_GET_CLASS(uc->cpu)->do_unaligned_access = mint_misaligned;
  engine->budget = (int64_t*)&env_of(engine)->tsc;
  engine->delivering = -1;
  engine->io_page = MINT_NO_PAGE;
  engine->domain->engines[engine->index] = engine;
  if (engine->domain->count <= engine->index) engine->domain->count = engine->index + 1;
  mint_engine_set_current(engine);
  set_features(engine);
  mint_engine_reset(engine);
  return mint_engine_map_io(engine, MINT_OVERLAY_WINDOW, TARGET_PAGE_SIZE);
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
  engine->uc->cpu->watchpoint_hit = NULL;
  engine->delivering = -1;
  engine->mode = 0;
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
  mint_set_mxcsr(env, saved->mxcsr);
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
  mint_check_mode_here(env_of(engine));
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

void mint_engine_set_io_page(struct mint_engine* engine, uint64_t physical) {
  if (engine->io_page == physical) return;
  engine->io_page = physical;
  tlb_flush(engine->uc->cpu);
}

void mint_engine_set_a20(struct mint_engine* engine, bool enabled) {
  CPUX86State* env = env_of(engine);
  env->a20_mask = enabled ? ~0 : ~(1 << 20);
  tlb_flush(engine->uc->cpu);
}

void __wrap_qemu_system_reset_request(struct uc_struct* uc) {
  mint_on_shutdown(mint_current->host);
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

static void deliver_interrupt(CPUState* cs, int vector) {
  mint_current->delivering = vector;
  mint_current->delivering_external = true;
  mint_on_interrupt(mint_current->host, vector, true);
  do_interrupt_x86_hardirq(cs->env_ptr, vector, 1);
  mint_current->delivering = -1;
  mint_check_mode_here(cs->env_ptr);
}

bool __wrap_x86_cpu_exec_interrupt_x86_64(CPUState* cs, int request) {
  if ((request & CPU_INTERRUPT_NMI) && mint_engine_interruptible(mint_current, true)) {
    CPUX86State* env = cs->env_ptr;
    cs->interrupt_request &= ~CPU_INTERRUPT_NMI;
    env->hflags2 |= HF2_NMI_MASK;
    deliver_interrupt(cs, EXCP02_NMI);
    return true;
  }
  if ((request & CPU_INTERRUPT_HARD) && mint_engine_interruptible(mint_current, false)) {
    const int vector = mint_on_acknowledge(mint_current->host);
    if (vector < 0) return false;
    deliver_interrupt(cs, vector);
    return true;
  }
  return false;
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
    cpu_x86_load_seg_cache(env, i, in->segment[i].selector, in->segment[i].base,
                           in->segment[i].limit, in->segment[i].attributes);
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

bool mint_engine_is_plain(const struct mint_engine* engine) {
  const CPUX86State* env = env_of(engine);
  return (env->dr[7] & 0xff) == 0 && !(env->eflags & VM_MASK);
}
