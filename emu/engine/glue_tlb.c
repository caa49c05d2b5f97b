// Our side of Unicorn: short ways for what its memory core does by searching all regions of
// physical memory. TLB entries for RAM, bytes of code, and the size of the TLB.

#include "emu/engine/glue_internal.h"

// --- regions -------------------------------------------------------------------------------------

static MemoryRegion* (*search_region)(struct uc_struct*, hwaddr);

// Unicorn asks for the region of every access that takes the slow path.
static MemoryRegion* region_of(struct uc_struct* uc, hwaddr physical) {
  if (mint_current == NULL || mint_current->uc != uc) return search_region(uc, physical);
  struct mint_ram* ram = mint_ram_at(mint_current, physical);
  if (ram == NULL) return search_region(uc, physical);
  if (ram->region == NULL) ram->region = search_region(uc, physical);
  return ram->region;
}

void mint_open_memory(struct mint_engine* engine) {
  search_region = engine->uc->memory_mapping;
  engine->uc->memory_mapping = region_of;
}

// --- entries -------------------------------------------------------------------------------------

static bool is_of_page(const CPUTLBEntry* entry, target_ulong page) {
  const target_ulong tag = TARGET_PAGE_MASK | TLB_INVALID_MASK;
  return (entry->addr_read & tag) == page || (entry->addr_write & tag) == page ||
         (entry->addr_code & tag) == page;
}

static bool is_empty(const CPUTLBEntry* entry) {
  return (entry->addr_read & entry->addr_write & entry->addr_code) == (target_ulong)-1;
}

// A page of 2 or 4 MB is entered as one of 4 KB; INVLPG has to know of the rest. Unicorn remembers
// one range for all such pages.
static bool is_known_large_page(const CPUTLBDesc* tlb, target_ulong linear, target_ulong size) {
  return tlb->large_page_addr != (target_ulong)-1 &&
         (linear & tlb->large_page_mask) == tlb->large_page_addr &&
         ((size - 1) & tlb->large_page_mask) == 0;
}

bool mint_fill_from_ram(CPUState* cpu, target_ulong linear, hwaddr physical, MemTxAttrs attrs,
                        int prot, int mode, target_ulong size) {
  CPUArchState* env = cpu->env_ptr;
  CPUTLBDesc* tlb = &env_tlb(env)->d[mode];
  const struct mint_ram* ram = mint_ram_at(mint_current, physical);
  if (ram == NULL || size < TARGET_PAGE_SIZE) return false;
  if (size > TARGET_PAGE_SIZE && !is_known_large_page(tlb, linear, size)) return false;

  const target_ulong page = linear & TARGET_PAGE_MASK;
  const hwaddr frame = physical & TARGET_PAGE_MASK;
  const uintptr_t index = tlb_index(env, mode, page);
  CPUTLBEntry* entry = tlb_entry(env, mode, page);
  for (unsigned i = 0; i < CPU_VTLB_SIZE; i++) {
    CPUTLBEntry* victim = &tlb->vtable[i];
    if (!is_of_page(victim, page)) continue;
    memset(victim, -1, sizeof *victim);
    tlb->n_used_entries--;
  }
  if (!is_empty(entry)) {
    if (!is_of_page(entry, page)) {
      const unsigned victim = tlb->vindex++ % CPU_VTLB_SIZE;
      tlb->vtable[victim] = *entry;
      tlb->viotlb[victim] = tlb->iotlb[index];
    }
    tlb->n_used_entries--;
  }
  env_tlb(env)->c.dirty |= 1 << mode;
  tlb->n_used_entries++;
  tlb->iotlb[index].addr = ram->offset + (frame - ram->start) - page;
  tlb->iotlb[index].attrs = attrs;
  const target_ulong none = (target_ulong)-1;
  const int watched = mint_watch_flags(cpu, page);
  entry->addr_read = prot & PAGE_READ ? page : none;
  if ((prot & PAGE_READ) && (watched & BP_MEM_READ)) entry->addr_read |= TLB_WATCHPOINT;
  entry->addr_write = prot & PAGE_WRITE ? page : none;
  entry->addr_code = prot & PAGE_EXEC ? page : none;
  entry->paddr = frame;
  entry->addend = (uintptr_t)ram->host + (frame - ram->start) - page;
  return true;
}

const void* mint_engine_peek(const struct mint_engine* engine, uint64_t linear, int access) {
  CPUX86State* env = env_of(engine);
  const int mode = cpu_mmu_index(env, access == MINT_PEEK_CODE);
  const CPUTLBEntry* entry = tlb_entry(env, mode, linear);
  const target_ulong tag = access == MINT_PEEK_CODE    ? entry->addr_code
                           : access == MINT_PEEK_WRITE ? entry->addr_write
                                                       : entry->addr_read;
  // Anything special about the page is in the low bits of the tag.
  if (tag == (linear & TARGET_PAGE_MASK)) return (const void*)(uintptr_t)(linear + entry->addend);
  uint64_t physical;
  if (access != MINT_PEEK_WALK ||
      !mint_engine_translate((struct mint_engine*)engine, linear, &physical))
    return NULL;
  const struct mint_ram* ram = mint_ram_at(engine, physical);
  return ram == NULL ? NULL : ram->host + (physical - ram->start);
}

// --- code ----------------------------------------------------------------------------------------

// The translator reads instructions byte by byte, each time through all of the slow path.
#define CODE_LOAD(suffix, type)                                                          \
  type __real_cpu_ld##suffix##_code_x86_64(CPUArchState* env, abi_ptr address);          \
  type __wrap_cpu_ld##suffix##_code_x86_64(CPUArchState* env, abi_ptr address) {         \
    if (mint_current->shadow != NULL)                                                    \
      return (type)mint_shadow_read(mint_current->shadow, address, CODE_SIZE_##suffix);  \
    const CPUTLBEntry* entry = tlb_entry(env, cpu_mmu_index(env, true), address);        \
    const bool plain = entry->addr_code == (address & TARGET_PAGE_MASK);                 \
    if (!plain || (address & ~TARGET_PAGE_MASK) > TARGET_PAGE_SIZE - CODE_SIZE_##suffix) \
      return __real_cpu_ld##suffix##_code_x86_64(env, address);                          \
    return CODE_READ_##suffix((const void*)(uintptr_t)(address + entry->addend));        \
  }
#define CODE_SIZE_ub 1
#define CODE_SIZE_uw 2
#define CODE_SIZE_l 4
#define CODE_SIZE_q 8
#define CODE_READ_ub ldub_p
#define CODE_READ_uw lduw_le_p
#define CODE_READ_l (uint32_t) ldl_le_p
#define CODE_READ_q ldq_le_p
CODE_LOAD(ub, uint32_t)
CODE_LOAD(uw, uint32_t)
CODE_LOAD(l, uint32_t)
CODE_LOAD(q, uint64_t)

// --- size ----------------------------------------------------------------------------------------

// Unicorn makes a TLB smaller when less of it was used for 100 ms of the host's time; nothing else
// asks for the time. Here the time passes with the flushes, each of which clears all of the TLB:
// what is too large costs too much after a few of them, however much later they come.
enum { FLUSHES_PER_WINDOW = 16 };
int __wrap_gettimeofday(struct timeval* tv, void* zone) {
  const uint64_t flushes = mint_current != NULL ? mint_current->flushes++ : 0;
  const uint64_t us = flushes * (100000 / FLUSHES_PER_WINDOW);
  tv->tv_sec = us / 1000000;
  tv->tv_usec = us % 1000000;
  return 0;
}

// Nor is it good when it is too small: it is direct-mapped, so a copy between two pages that share
// an entry misses at every step. Unicorn goes by the most entries that were in use lately.
enum { SMALLEST_TLB = 512 };
void __real_tlb_flush_x86_64(CPUState* cpu);
void __wrap_tlb_flush_x86_64(CPUState* cpu) {
  if (mint_current != NULL) mint_forget_fills(mint_current);
  CPUArchState* env = cpu->env_ptr;
  for (int mode = 0; mode < NB_MMU_MODES; mode++) {
    CPUTLBDesc* tlb = &env_tlb(env)->d[mode];
    tlb->window_max_entries = MAX(tlb->window_max_entries, SMALLEST_TLB * 6 / 10);
  }
  __real_tlb_flush_x86_64(cpu);
}
