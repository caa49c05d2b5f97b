// What the files of the glue share. Included first by each of them: it brings in Unicorn's internal
// headers, for which they are compiled with options of their own (cmake/unicorn.cmake).
//
// Functions named __wrap_X replace calls of X made by other object files of Unicorn (ld --wrap;
// CMakeLists.txt has the list); __real_X is the original. Helpers are wrapped, too: generated code
// finds them by a table in another object file.
#pragma once

#include "cpu.h"
#include "emu/engine/glue.h"
#include "exec/cpu_ldst.h"
#include "exec/exec-all.h"
#include "exec/translator.h"
#include "qemu/osdep.h"
#include "tcg/tcg-op.h"
#include "tcg/tcg.h"
#include "uc_priv.h"

// The engine that runs on this thread, see mint_engine_set_current.
extern __thread struct mint_engine* mint_current;

static inline CPUX86State* env_of(const struct mint_engine* engine) {
  return engine->uc->cpu->env_ptr;
}

// Unicorn's env->tsc is not used for anything once cpu_get_tsc is out of the way.
#define BUDGET_OFFSET offsetof(CPUX86State, tsc)

// MAXPHYADDR, as CPUID leaf 80000008h says.
enum { MINT_PHYSICAL_BITS = 36 };
// An I/O page beyond what the guest can address: where a page that must not go to RAM is mapped to.
#define MINT_OVERLAY_WINDOW (UINT64_C(1) << MINT_PHYSICAL_BITS)

static inline bool is_canonical(uint64_t address) {
  return (int64_t)(address << 16) >> 16 == (int64_t)address;
}

// glue_fills.c
// Whether a fill for a data access to this page is the first one since its last flush.
bool mint_is_first_fill(struct mint_engine* engine, uint64_t linear);
// All of the TLB is flushed.
void mint_forget_fills(struct mint_engine* engine);

// glue_timing.c
// Takes the cost of an event off the budget, where the timing model has such costs.
void mint_charge(struct mint_engine* engine, uint32_t cycles);

// glue.c
// Opens Unicorn as a core of our kind.
struct uc_struct* mint_open_unicorn(struct mint_engine* engine, uint32_t code_bytes);

// glue_ahead.c
// Takes over what was translated ahead for `tb`, if anything was: all but its code, which
// tcg_gen_code then puts in place.
bool mint_adopt(CPUState* cpu, TranslationBlock* tb);
// Tells whoever translates ahead what was translated here.
void mint_tell_ahead(CPUState* cpu, const TranslationBlock* tb);
// Reads a shadow's code, of `size` bytes.
uint64_t mint_shadow_read(struct mint_shadow* shadow, uint64_t linear, unsigned size);
// The cycles of the block that a shadow translates. 0 when it can't.
uint32_t mint_shadow_cost(struct mint_shadow* shadow, const TranslationBlock* tb,
                          const uint16_t* starts, unsigned count, unsigned bits,
                          const uint8_t* code);

// glue_cache.c
// Emits the calls that tell of a block and its accesses: of the operations behind `before`.
void mint_observe_block(TCGContext* s, TCGOp* before, uint64_t pc, uint32_t size);

// glue_exceptions.c
// Delivers what cpu->exception_index, error_code and exception_is_int say.
void mint_deliver_exception(struct mint_engine* engine);

// glue_blocks.c
bool mint_is_call_of(const TCGOp* op, const void* function);

// Whether a block's last instruction jumps back a little, as the loops do that wait for something.
bool mint_jumps_back(const TranslationBlock* tb, const uint8_t* last, unsigned length);

// glue_modes.c
// Tells the host when the mode is not the one that it knows; the code at `next` is executed next.
void mint_check_mode(CPUX86State* env, uint64_t next);
void mint_check_mode_here(CPUX86State* env);
// The MINT_CALL that is wanted behind an operation, 0 for none.
unsigned mint_mode_call_behind(const TCGOp* op);

// glue_paging.c
// Loads the PDPTE registers from CR3 for PAE paging; false, and no change, when one has reserved
// bits.
bool mint_load_pdptes(CPUX86State* env, uint64_t cr3);

// glue_instructions.c
// Emits what the translator leaves out of the instruction at the front of `db`; before it is
// translated. True for an instruction whose operand must be aligned to 16 bytes.
bool mint_before_instruction(DisasContextBase* db, CPUState* cpu);
// Whether the instruction at CS:RIP is such a one.
bool mint_moves_aligned(CPUX86State* env);

// Whether the instruction at CS:RIP accesses memory through SS.
bool mint_uses_stack(CPUX86State* env);

// glue_sse.c
// Sets and reads MXCSR with all of its effects and flags.
void mint_set_mxcsr(CPUX86State* env, uint32_t value);
void mint_update_mxcsr(CPUX86State* env);
// Makes the accesses behind operation `from` check their alignment: to 16 bytes the first, or all
// of them to their size.
void mint_align_accesses(TCGContext* s, TCGOp* from, bool sixteen);
void mint_misaligned(CPUState* cpu, vaddr address, MMUAccessType type, int mode, uintptr_t host_pc);

// What helper_check_exit_request is called for from generated code: its second argument.
enum {
  MINT_CALL_PROBE = 1,  // first argument: the probe
  MINT_CALL_UNDEFINED,  // raise #UD
  MINT_CALL_MXCSR,      // bring MXCSR up to date
  MINT_CALL_BREAK,      // ICEBP; first argument: its length
  MINT_CALL_LOAD,       // first argument: the linear address
  MINT_CALL_STORE,
  MINT_CALL_BLOCK,     // and its size in the bits from 8 on; first argument: its linear address
  MINT_CALL_WAIT,      // a turn of a loop that waits; first argument: RIP
  MINT_CALL_CONTROL,   // CR0 was written; first argument: the linear address of what comes next
  MINT_CALL_TRANSFER,  // CS was loaded
  MINT_CALL_STRING,    // first argument: the block of a REP MOVS or STOS; plus the operation
};
void mint_emit_call(TCGContext* s, uintptr_t argument, uint32_t kind);

// glue_blocks.c
// What a block takes off the budget. A block in the cache has no use for `orig_tb`.
static inline int64_t mint_cost_of(const TranslationBlock* block) {
  return (intptr_t)block->orig_tb;
}
static inline int64_t mint_cost(uint32_t cycles, unsigned instructions) {
  return (int64_t)cycles << MINT_BUDGET_SHIFT | instructions;
}
// The run loop is told that `block` was left at its head.
void mint_leave_at_edge(CPUState* cpu, TranslationBlock* block);

// glue_tlb.c
void mint_open_memory(struct mint_engine* engine);
// Puts a page of RAM into the TLB by the short way, but not what stores to it need; false when
// Unicorn has to do it.
bool mint_fill_from_ram(CPUState* cpu, target_ulong linear, hwaddr physical, MemTxAttrs attrs,
                        int prot, int mode, target_ulong size);
// The RAM at a physical address; null when there is none.
static inline struct mint_ram* mint_ram_at(const struct mint_engine* engine, hwaddr physical) {
  for (unsigned n = 0; n < engine->ram_ranges; n++) {
    const struct mint_ram* ram = &engine->ram[n];
    if (physical - ram->start < ram->size) return (struct mint_ram*)ram;
  }
  return NULL;
}

// glue_string.c
// Whether a block is nothing but a REP MOVS or REP STOS that mint_do_string can do; with what.
#define MINT_STRING_MOVE 0x10u
bool mint_is_string_block(const TranslationBlock* tb, const uint8_t* code, unsigned size,
                          uint32_t* operation);
// At the head of such a block: does as many elements as the page and the budget allow.
void mint_do_string(const TranslationBlock* tb, uint32_t operation);

// glue_debug.c
// Watchpoint flags of a page of linear addresses.
int mint_watch_flags(CPUState* cpu, target_ulong page);
void mint_raise_icebp(CPUX86State* env, unsigned length, uintptr_t host_pc)
    __attribute__((noreturn));
