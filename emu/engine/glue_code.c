// Our side of Unicorn: which pages hold translated code, and what happens when one is written, by a
// core or by a device. A page with code is protected in the TLBs of all engines; a store to it goes
// through notdirty_write, which drops the blocks that it hits in every engine.

#include "emu/engine/glue_internal.h"

ram_addr_t qemu_ram_addr_from_host(struct uc_struct* uc, void* ptr);
void tb_invalidate_phys_range(struct uc_struct* uc, ram_addr_t start, ram_addr_t end);
struct page_collection;

// Engines of other lanes run on other threads. They may execute the same page (of the firmware) but
// not write what this one executes: that is watched elsewhere (emu/machine/lanes.hpp).
static uint64_t engines_in(const uint64_t* mask) { return __atomic_load_n(mask, __ATOMIC_RELAXED); }

static void set_bit_of(uint64_t* mask, const struct mint_engine* engine) {
  const uint64_t bit = UINT64_C(1) << engine->index;
  if (!(engines_in(mask) & bit)) __atomic_fetch_or(mask, bit, __ATOMIC_RELAXED);
}

// TLB_NOTDIRTY sends stores to a page through notdirty_write. Alone, that function would drop it
// again for a mapping that is not executable although the page still holds code; the watchpoint
// flag keeps it from recognising the entry.
#define PROTECTED (TLB_NOTDIRTY | TLB_WATCHPOINT)

static target_ulong unprotected(struct mint_engine* engine, target_ulong write) {
  write &= ~(target_ulong)PROTECTED;
  if (mint_watch_flags(engine->uc->cpu, write & TARGET_PAGE_MASK) & BP_MEM_WRITE)
    write |= TLB_WATCHPOINT;
  return write;
}

static void protect_entry(struct mint_engine* engine, CPUTLBEntry* entry, uintptr_t page,
                          bool protect) {
  const target_ulong write = entry->addr_write;
  if (write & (TLB_INVALID_MASK | TLB_MMIO | TLB_DISCARD_WRITE)) return;
  if ((uintptr_t)((write & TARGET_PAGE_MASK) + entry->addend) != page) return;
  entry->addr_write = protect ? write | PROTECTED : unprotected(engine, write);
}

// In every engine's TLB, main and victim: makes stores to a RAM page, which is at `page` on the
// host, visible, or fast again.
static void protect_page(const struct mint_engine* by, ram_addr_t ram, uintptr_t page,
                         bool protect) {
  struct mint_domain* domain = by->domain;
  const uint64_t writers =
      engines_in(&domain->writer_mask[ram >> TARGET_PAGE_BITS]) & by->neighbours;
  for (unsigned n = 0; n < domain->count && writers >> n != 0; n++) {
    struct mint_engine* engine = domain->engines[n];
    if (!engine || !(writers >> n & 1)) continue;
    CPUArchState* env = env_of(engine);
    for (int mode = 0; mode < NB_MMU_MODES; mode++) {
      CPUTLBDescFast* fast = &env_tlb(env)->f[mode];
      const size_t entries = (fast->mask >> CPU_TLB_ENTRY_BITS) + 1;
      for (size_t i = 0; i < entries; i++) protect_entry(engine, &fast->table[i], page, protect);
      for (size_t i = 0; i < CPU_VTLB_SIZE; i++)
        protect_entry(engine, &env_tlb(env)->d[mode].vtable[i], page, protect);
    }
  }
}

static uint8_t owner_of(const struct mint_engine* engine, hwaddr physical) {
  const uint64_t page = physical >> TARGET_PAGE_BITS;
  if (engine->page_owners == NULL || page >= engine->owned_pages) return 0;
  return engine->page_owners[page];
}

// Returns what the page may be used for until that is told, too.
static int check_owner(const struct mint_engine* engine, hwaddr physical, int prot) {
  const uint8_t owner = owner_of(engine, physical);
  if (owner == 0 || owner == engine->owner) return prot;
  const int access = engine->walk.access;
  mint_on_foreign_page(engine->host, physical,
                       access == MMU_DATA_STORE   ? 1
                       : access == MMU_INST_FETCH ? 2
                                                  : 0);
  return access == MMU_DATA_STORE ? prot : prot & ~PAGE_WRITE;
}

void mint_engine_forget_foreign_pages(struct mint_engine* engine) {
  CPUArchState* env = env_of(engine);
  for (int mode = 0; mode < NB_MMU_MODES; mode++) {
    CPUTLBDesc* tlb = &env_tlb(env)->d[mode];
    CPUTLBDescFast* fast = &env_tlb(env)->f[mode];
    const size_t entries = (fast->mask >> CPU_TLB_ENTRY_BITS) + 1;
    for (size_t i = 0; i < entries + CPU_VTLB_SIZE; i++) {
      CPUTLBEntry* entry = i < entries ? &fast->table[i] : &tlb->vtable[i - entries];
      if ((entry->addr_read & entry->addr_write & entry->addr_code) == (target_ulong)-1) continue;
      const uint8_t owner = owner_of(engine, entry->paddr);
      if (owner == 0 || owner == engine->owner) continue;
      memset(entry, -1, sizeof *entry);
      tlb->n_used_entries--;
    }
  }
}

void __real_tlb_set_page_with_attrs_x86_64(CPUState*, target_ulong, hwaddr, MemTxAttrs, int, int,
                                           target_ulong);
void __wrap_tlb_set_page_with_attrs_x86_64(CPUState* cpu, target_ulong vaddr, hwaddr paddr,
                                           MemTxAttrs attrs, int prot, int mode,
                                           target_ulong size) {
  prot = check_owner(mint_current, paddr, prot);
  // An entry that was made for a fetch lets no data pass: see glue_fills.c.
  if (mint_current->walk.active && mint_current->walk.access == MMU_INST_FETCH) prot &= PAGE_EXEC;
  if ((paddr & TARGET_PAGE_MASK) == mint_current->io_page) paddr = MINT_OVERLAY_WINDOW;
  if (!mint_fill_from_ram(cpu, vaddr, paddr, attrs, prot, mode, size))
    __real_tlb_set_page_with_attrs_x86_64(cpu, vaddr, paddr, attrs, prot, mode, size);
  if (!(prot & PAGE_WRITE)) return;
  CPUArchState* env = cpu->env_ptr;
  vaddr &= TARGET_PAGE_MASK;
  CPUTLBEntry* entry = tlb_entry(env, mode, vaddr);
  if (entry->addr_write == (target_ulong)-1 || (entry->addr_write & TLB_MMIO)) return;
  const ram_addr_t ram = (env_tlb(env)->d[mode].iotlb[tlb_index(env, mode, vaddr)].addr + vaddr);
  const uint64_t page = ram >> TARGET_PAGE_BITS;
  if (page >= mint_current->domain->ram_pages) return;
  entry->addr_write = unprotected(mint_current, entry->addr_write);
  set_bit_of(&mint_current->domain->writer_mask[page], mint_current);
  if (mint_current->domain->read_only[page])
    entry->addr_write |= TLB_DISCARD_WRITE;
  else if (engines_in(&mint_current->domain->code_mask[page]))
    entry->addr_write |= PROTECTED;
}

static void mark_code_page(struct mint_engine* engine, ram_addr_t ram, uintptr_t host) {
  uint64_t* mask = &engine->domain->code_mask[ram >> TARGET_PAGE_BITS];
  if (engines_in(mask) == 0) protect_page(engine, ram, host, true);
  set_bit_of(mask, engine);
}

// Called for each new block with the range that it was translated from.
void __wrap_tlb_reset_dirty_by_vaddr_x86_64(CPUState* cpu, target_ulong start,
                                            target_ulong length) {
  CPUArchState* env = cpu->env_ptr;
  for (target_ulong page = start; page < start + length; page += TARGET_PAGE_SIZE) {
    void* host;
    const tb_page_addr_t ram = get_page_addr_code_hostp(env, page, &host);
    if (ram != (tb_page_addr_t)-1)
      mark_code_page(mint_current, ram, (uintptr_t)host & TARGET_PAGE_MASK);
  }
}

static struct mint_engine* engine_of(struct uc_struct* uc) {
  struct mint_domain* domain = mint_current->domain;
  if (mint_current->uc == uc) return mint_current;
  for (unsigned n = 0; n < domain->count; n++)
    if (domain->engines[n] && domain->engines[n]->uc == uc) return domain->engines[n];
  return mint_current;
}

// An engine has dropped its last block of a page.
void __wrap_tlb_unprotect_code_x86_64(struct uc_struct* uc, ram_addr_t ram) {
  struct mint_engine* engine = engine_of(uc);
  uint64_t* mask = &engine->domain->code_mask[ram >> TARGET_PAGE_BITS];
  const uint64_t bit = UINT64_C(1) << engine->index;
  if ((__atomic_and_fetch(mask, ~bit, __ATOMIC_RELAXED) & engine->neighbours) != 0) return;
  RAMBlock* block;  // RAMBLOCK_FOREACH walks those of `uc`
  RAMBLOCK_FOREACH(block) {
    if (ram - block->offset < block->max_length) {
      protect_page(engine, ram, ((uintptr_t)block->host + (ram - block->offset)) & TARGET_PAGE_MASK,
                   false);
      return;
    }
  }
}

// A core stored to a page that holds code.
void __real_tb_invalidate_phys_page_fast_x86_64(struct uc_struct*, struct page_collection*,
                                                tb_page_addr_t, int, uintptr_t);
void __wrap_tb_invalidate_phys_page_fast_x86_64(struct uc_struct* uc, struct page_collection* pages,
                                                tb_page_addr_t start, int length,
                                                uintptr_t host_pc) {
  struct mint_domain* domain = mint_current->domain;
  const uint64_t others = engines_in(&domain->code_mask[start >> TARGET_PAGE_BITS]) &
                          mint_current->neighbours & ~(UINT64_C(1) << mint_current->index);
  for (unsigned n = 0; others >> n != 0 && n < domain->count; n++)
    if (others >> n & 1)
      __real_tb_invalidate_phys_page_fast_x86_64(domain->engines[n]->uc, pages, start, length, 0);
  // A block that stores into itself is left before the store, which is then executed anew: what
  // follows in the block has not been executed, see below.
  mint_current->left_block = NULL;
  mint_engine_locate(mint_current, host_pc, &mint_current->left_block, &mint_current->left_index);
  __real_tb_invalidate_phys_page_fast_x86_64(uc, pages, start, length, host_pc);
  mint_current->left_block = NULL;
}

void __real_cpu_loop_exit_noexc_x86_64(CPUState* cpu);
void __wrap_cpu_loop_exit_noexc_x86_64(CPUState* cpu) {
  const void* block = mint_current->left_block;
  mint_current->left_block = NULL;
  if (block != NULL) mint_on_fault(mint_current->host, block, mint_current->left_index);
  __real_cpu_loop_exit_noexc_x86_64(cpu);
}

void mint_domain_ram_written(struct mint_domain* domain, uint64_t engines, uint64_t start,
                             uint64_t end) {
  struct mint_engine* saved = mint_current;
  for (uint64_t page = start >> TARGET_PAGE_BITS; page << TARGET_PAGE_BITS < end; page++) {
    const uint64_t mask = engines_in(&domain->code_mask[page]) & engines;
    if (mask == 0) continue;
    const uint64_t from = MAX(start, page << TARGET_PAGE_BITS);
    const uint64_t to = MIN(end, (page + 1) << TARGET_PAGE_BITS);
    for (unsigned n = 0; n < domain->count; n++) {
      if (!(mask >> n & 1)) continue;
      mint_current = domain->engines[n];
      tb_invalidate_phys_range(mint_current->uc, from, to);
    }
  }
  mint_current = saved;
}

uint64_t mint_engine_ram_offset(struct mint_engine* engine, void* host) {
  return qemu_ram_addr_from_host(engine->uc, host);
}
