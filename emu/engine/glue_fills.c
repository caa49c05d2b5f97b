// Our side of Unicorn: which TLB fills are charged.
//
// Unicorn fills its TLB more often than the guest's accesses ask for: a block that is entered from
// the run loop is looked up by its address, which takes an entry and may displace another. How
// often that happens hangs on the length of the scheduler's slices, and no time may hang on that.
// So a table of the pages filled since the last flush decides: only the first fill of a page for
// data is charged. It holds every page through which Unicorn's TLB lets data pass: what it
// displaces goes from there, too, and an entry for a fetch lets no data pass.

#include "emu/engine/glue_internal.h"

static bool is_for_page(const CPUTLBEntry* entry, target_ulong page) {
  const target_ulong tag = TARGET_PAGE_MASK | TLB_INVALID_MASK;
  return (entry->addr_read & tag) == page || (entry->addr_write & tag) == page;
}

// Takes one page of 4 KB out of Unicorn's TLB, also where that is part of a larger one.
static void displace(CPUArchState* env, target_ulong page) {
  for (int mode = 0; mode < NB_MMU_MODES; mode++) {
    CPUTLBDesc* tlb = &env_tlb(env)->d[mode];
    CPUTLBEntry* entry = tlb_entry(env, mode, page);
    if (is_for_page(entry, page)) {
      memset(entry, -1, sizeof *entry);
      tlb->n_used_entries--;
    }
    for (unsigned i = 0; i < CPU_VTLB_SIZE; i++) {
      if (!is_for_page(&tlb->vtable[i], page)) continue;
      memset(&tlb->vtable[i], -1, sizeof tlb->vtable[i]);
      tlb->n_used_entries--;
    }
  }
}

static uint64_t* slot_of(struct mint_engine* engine, target_ulong page) {
  const uint64_t number = page >> TARGET_PAGE_BITS;
  return &engine->fills.pages[(number ^ number >> MINT_FILL_BITS) % MINT_FILLS];
}

// Page numbers have 36 bits, above them is the count of flushes.
enum { NUMBER_BITS = 36 };
static uint64_t tag_of(const struct mint_engine* engine, target_ulong page) {
  const uint64_t number = page >> TARGET_PAGE_BITS & ((UINT64_C(1) << NUMBER_BITS) - 1);
  return engine->fills.flushes << NUMBER_BITS | number;
}

bool mint_is_first_fill(struct mint_engine* engine, uint64_t linear) {
  const target_ulong page = linear & TARGET_PAGE_MASK;
  uint64_t* slot = slot_of(engine, page);
  const uint64_t tag = tag_of(engine, page);
  const uint64_t old = *slot;
  if (old == tag) return false;
  *slot = tag;
  if (old >> NUMBER_BITS == engine->fills.flushes) {
    const unsigned unused = 64 - NUMBER_BITS - TARGET_PAGE_BITS;
    const uint64_t address = old << (64 - NUMBER_BITS);  // of 48 bits, canonical
    displace(env_of(engine), (target_ulong)((int64_t)address >> unused) & TARGET_PAGE_MASK);
  }
  return true;
}

void mint_forget_fills(struct mint_engine* engine) {
  // 0 is what an empty slot has.
  if (++engine->fills.flushes >> (64 - NUMBER_BITS) == 0) return;
  memset(engine->fills.pages, 0, sizeof engine->fills.pages);
  engine->fills.flushes = 1;
}

void __real_tlb_flush_page_x86_64(CPUState* cpu, target_ulong linear);
void __wrap_tlb_flush_page_x86_64(CPUState* cpu, target_ulong linear) {
  if (mint_current != NULL) {
    const target_ulong page = linear & TARGET_PAGE_MASK;
    uint64_t* slot = slot_of(mint_current, page);
    if (*slot == tag_of(mint_current, page)) *slot = 0;
  }
  __real_tlb_flush_page_x86_64(cpu, linear);
}
