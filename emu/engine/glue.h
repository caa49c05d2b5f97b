// The C boundary between `Cpu` and Unicorn's insides. Only glue.c sees Unicorn's internal headers
// and only cpu.cpp includes this file; nothing else in the tree knows Unicorn.
//
// Two directions: mint_engine_* are called by Cpu; mint_on_* are implemented in cpu.cpp and called
// from generated code and from the functions of Unicorn that the linker's --wrap sends through
// glue.c. Unicorn leaves its run loop by longjmp: no mint_on_* function may throw, and none of them
// may call a mint_engine_* function that is documented as "leaves".
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct uc_struct;
struct mint_engine;

enum { MINT_MAX_ENGINES = 64, MINT_MAX_RANGES = 32 };
enum { MINT_FILL_BITS = 13, MINT_FILLS = 1 << MINT_FILL_BITS };

// What the engines of one machine share: which pages hold translated code, and whose.
struct mint_domain {
  struct mint_engine* engines[MINT_MAX_ENGINES];
  unsigned count;
  uint64_t ram_pages;
  uint64_t* code_mask;  // per RAM page: bit n set when engine n holds blocks translated from it
  uint8_t* read_only;   // per RAM page: 1 for ROM, whose stores are dropped
  // Per RAM page: bit n set when engine n may have a TLB entry through which it can be written.
  uint64_t* writer_mask;
};

// The cycle budget is one signed word that every block decrements once:
// cycles left << MINT_BUDGET_SHIFT | instructions left.
enum { MINT_BUDGET_SHIFT = 24 };

// What a block is translated by, beside its bytes.
struct mint_block_name {
  uint64_t pc, cs_base;
  uint32_t flags, cflags;
  bool alignment;  // CR0.AM
};

struct mint_translation;

struct mint_engine {
  struct uc_struct* uc;
  void* host;  // the Cpu
  struct mint_domain* domain;
  unsigned index;
  uint64_t neighbours;     // the engines, by index, that never run while this one does; and itself
  bool event_costs;        // see mint_charge
  bool observes_accesses;  // mint_on_load, mint_on_store and mint_on_block are called
  // Executed instructions that the timing model does not know; generated code counts them.
  uint64_t unknown_instructions;
  int64_t* budget;  // in the engine's CPU state, where generated code decrements it
  bool flush_on_entry;
  uint64_t io_page;  // see mint_engine_set_io_page

  // The exception or interrupt being delivered, -1 for none, and whether it is no `int n`.
  int delivering;
  bool delivering_external;
  uint64_t int_eip;  // of the last `int n`
  uint32_t mode;     // of which the host was told last, see glue_modes.c; 0 for none

  // The translation that is going on: a DisasContextBase.
  void* translation;
  // Whether others translate for this engine, see mint_shadow_translate; and a translation of
  // theirs on its way into the code buffer.
  bool adopts;
  const struct mint_translation* adopted;
  struct mint_shadow* shadow;  // this is the engine of such a one
  // The block that a store into itself leaves, and the number of that instruction.
  const void* left_block;
  unsigned left_index;

  // Where RAM is mapped.
  struct mint_ram {
    uint64_t start, size;
    uint8_t* host;
    uint64_t offset;  // Unicorn's, of the first byte
    void* region;     // its MemoryRegion, once that was looked for
  } ram[MINT_MAX_RANGES];
  unsigned ram_ranges;

  uint64_t flushes;  // of the TLB

  // Pages filled for data, see glue_fills.c.
  struct {
    uint64_t flushes;  // since the table was last cleared, at least 1
    uint64_t pages[MINT_FILLS];
  } fills;

  // Who owns each page of physical memory, 0 for nobody, and who runs here: see
  // mint_on_foreign_page. Null when nobody asks.
  const uint8_t* page_owners;
  uint64_t owned_pages;
  uint8_t owner;

  // The page walk that is going on.
  struct {
    bool active;
    int access;  // Unicorn's MMUAccessType
    unsigned step;
    uint64_t linear;
  } walk;
  uint64_t pdpte[4];  // SDM vol. 3A, 4.4.1
};

// --- translation ahead (glue_ahead.c)
// -------------------------------------------------------------
//
// A shadow is an engine that executes nothing: on a thread of its own it translates blocks that
// another one may come to. What it makes names no address of its own code, so that it can be copied
// into the other's buffer, where it is what that one would have made itself.

enum { MINT_AHEAD_NAMES = 6 };

struct mint_translation {
  struct mint_block_name name;
  uint32_t cycles;
  uint16_t size, instructions;
  uint16_t looked_at;  // how many bytes from pc on it depends on
  uint16_t code_size;
  uint16_t jump_reset[2], jump_offset[2];
  uint8_t names;                       // places in the code that name the block
  uint16_t name_at[MINT_AHEAD_NAMES];  // they hold 8 bytes, to which its address is added
  // By instruction: offset, end of its code, condition codes (CC_OP), cycles before it.
  const uint16_t *starts, *ends, *before;
  const uint8_t* condition_codes;
  const uint8_t *bytes, *code;
};

// Null when out of memory, or when the host's address space has no place for it.
struct mint_shadow* mint_shadow_open(struct mint_engine* of, void* host);
void mint_shadow_close(struct mint_shadow* shadow);
// Translates one block of `size` bytes; on any thread, one at a time. Null when it is one of those
// that only the engine itself can translate. To be given to free().
struct mint_translation* mint_shadow_translate(struct mint_shadow* shadow,
                                               const struct mint_block_name* name,
                                               const uint8_t* code, uint32_t size);

// --- called by Cpu -------------------------------------------------------------------------------

// Creates the engine and its hooks; the caller has filled in host, domain and index. `code_bytes`
// is the size of its buffer for translated code. False when out of memory.
bool mint_engine_open(struct mint_engine* engine, uint32_t code_bytes);
void mint_engine_close(struct mint_engine* engine);
// Physical memory: RAM or ROM at a host address, or accesses that go to mint_on_memory_*. Engines
// of one domain must map the same RAM in the same order, so that RAM offsets agree. Addresses and
// sizes are multiples of 4096. False when Unicorn refuses.
bool mint_engine_map_ram(struct mint_engine* engine, uint64_t physical, uint64_t size, void* host);
bool mint_engine_map_io(struct mint_engine* engine, uint64_t physical, uint64_t size);
// The engine that generated code runs on now; set before each entry and after each switch of
// stacks.
void mint_engine_set_current(struct mint_engine* engine);
// State after power-on (SDM vol. 3A, table 9-1).
void mint_engine_reset(struct mint_engine* engine);
// State after INIT, then CS:IP of a startup IPI.
void mint_engine_init(struct mint_engine* engine);
void mint_engine_startup(struct mint_engine* engine, uint8_t vector);
// Runs until hlt, shutdown or mint_engine_leave. Returns Unicorn's error code (0: none).
int mint_engine_run(struct mint_engine* engine);
// Makes mint_engine_run return at the next block edge.
void mint_engine_leave(struct mint_engine* engine);
// From within a mint_on_* function: abandons the instruction and the block; mint_engine_run
// returns. Leaves; does not return.
void mint_engine_abandon(struct mint_engine* engine) __attribute__((noreturn));
bool mint_engine_halted(const struct mint_engine* engine);
// Drops every translated block.
void mint_engine_flush_blocks(struct mint_engine* engine);
// Drops blocks of engines (a bit for each index) that overlap RAM bytes [start, end): something
// other than a core wrote.
void mint_domain_ram_written(struct mint_domain* domain, uint64_t engines, uint64_t start,
                             uint64_t end);
// The RAM offset that the engine gave to a mapped host address.
uint64_t mint_engine_ram_offset(struct mint_engine* engine, void* host);

void mint_engine_set_interrupt(struct mint_engine* engine, bool pending);
void mint_engine_set_nmi(struct mint_engine* engine);
// Whether an external interrupt (or, for nmi, an NMI) would be taken at the next instruction.
bool mint_engine_interruptible(const struct mint_engine* engine, bool nmi);
// Takes pages of other owners (page_owners) out of the TLB, without any effect on time.
void mint_engine_forget_foreign_pages(struct mint_engine* engine);
// Accesses to this page go to mint_on_memory_* even where RAM is mapped; MINT_NO_PAGE for none.
#define MINT_NO_PAGE UINT64_MAX
void mint_engine_set_io_page(struct mint_engine* engine, uint64_t physical);
void mint_engine_set_a20(struct mint_engine* engine, bool enabled);

// Finds the instruction whose generated code contains `host_pc`: its block and its index in it.
bool mint_engine_locate(const struct mint_engine* engine, uintptr_t host_pc, const void** block,
                        unsigned* index);
// Changes when the buffer of generated code has been emptied: addresses in it mean something else.
unsigned mint_engine_generation(const struct mint_engine* engine);

struct mint_segment {
  uint16_t selector;
  uint64_t base;
  uint32_t limit;
  uint32_t attributes;  // bits 8-23 of the descriptor's high word, as in bits 8-23
};

struct mint_registers {
  uint64_t general[16];  // RAX RCX RDX RBX RSP RBP RSI RDI R8-R15
  uint64_t rip, rflags;
  uint64_t cr0, cr2, cr3, cr4, cr8, efer;
  struct mint_segment segment[6];  // ES CS SS DS FS GS
  struct mint_segment ldtr, tr;
  uint64_t gdt_base, idt_base;
  uint32_t gdt_limit, idt_limit;
};
void mint_engine_get_registers(const struct mint_engine* engine, struct mint_registers* out);
// Sets general registers, RIP, RFLAGS, CR0 and the six segments.
void mint_engine_set_registers(struct mint_engine* engine, const struct mint_registers* in);
// Translates a linear address by the current page tables without side effects.
bool mint_engine_translate(struct mint_engine* engine, uint64_t linear, uint64_t* physical);

// The memory at a linear address as the core's TLB has it, up to the end of the page; null when an
// access of this kind would be more than a load or store of RAM: a page walk, a device, code, a
// breakpoint.
// MINT_PEEK_WALK is MINT_PEEK_READ that goes on to the page tables, without side effects, and cares
// for nothing but RAM.
enum { MINT_PEEK_CODE, MINT_PEEK_READ, MINT_PEEK_WRITE, MINT_PEEK_WALK };
const void* mint_engine_peek(const struct mint_engine* engine, uint64_t linear, int access);
// Nothing watches single instructions: no breakpoints; no virtual-8086 mode.
bool mint_engine_is_plain(const struct mint_engine* engine);

// --- implemented by Cpu --------------------------------------------------------------------------

// In front of a block, the budget is spent. The run loop looks for interrupts and for
// mint_engine_leave afterwards.
void mint_on_block_edge(void* host, uint64_t linear_pc);
struct mint_block_cost {
  uint32_t cycles;
  uint32_t unknown;  // instructions that the timing model does not know
};
// A block was translated: its bytes by instruction. Returns its cost.
// `starts` are the offsets of its instructions; `block` names it in mint_engine_locate.
struct mint_block_cost mint_on_translated(void* host, const void* block, uint64_t linear_pc,
                                          uint32_t size, const uint16_t* starts, unsigned count,
                                          unsigned bits, const uint8_t* code);
// The same for a shadow, on its thread: `before`, which stays valid until the next call, are the
// cycles in front of each instruction. False for a block that it is not to translate.
bool mint_on_shadow_translated(void* host, uint32_t size, const uint16_t* starts, unsigned count,
                               unsigned bits, const uint8_t* code, uint32_t* cycles,
                               const uint16_t** before);
// What others have translated for a block of that name with the bytes at `code`, null when nothing.
const struct mint_translation* mint_on_take(void* host, const struct mint_block_name* name,
                                            const uint8_t* code);
// The engine itself has translated a block, one of those that a shadow could.
void mint_on_made(void* host, const struct mint_block_name* name, const uint8_t* code,
                  uint32_t size);
// In place of mint_on_translated.
void mint_on_adopted(void* host, const void* block, const struct mint_translation* translation);
// Times that depend on operands, in cycles beyond the block's (emu/timing/event_costs.hpp).
enum { MINT_SINGLE, MINT_DOUBLE, MINT_EXTENDED };
uint32_t mint_division_cycles(unsigned width, bool is_signed, uint64_t low, uint64_t high,
                              uint64_t divisor);
uint32_t mint_float_cycles(bool root, unsigned precision);
uint32_t mint_sine_cycles(double argument, double result);
uint32_t mint_tlb_fill_cycles(void);
// A page that is another's is entered into the TLB, for a load (0), store (1) or fetch (2).
void mint_on_foreign_page(void* host, uint64_t physical, int access);
// A block begins to run; a load, a store is about to happen.
void mint_on_block(void* host, uint64_t linear_pc, uint32_t size);
void mint_on_load(void* host, uint64_t linear);
void mint_on_store(void* host, uint64_t linear);
void mint_on_address_space(void* host);
// Asked before a block is translated: the probe at this address, 0 for none.
uint32_t mint_on_probe_lookup(void* host, uint64_t linear_pc);
void mint_on_probe(void* host, uint32_t probe);
// Gives back the cost of the instructions of a block after number `index`, which faulted.
void mint_on_fault(void* host, const void* block, unsigned index);

uint64_t mint_on_port_read(void* host, uint32_t port, unsigned size, uintptr_t host_pc);
void mint_on_port_write(void* host, uint32_t port, unsigned size, uint64_t value,
                        uintptr_t host_pc);
uint64_t mint_on_memory_read(void* host, uint64_t address, unsigned size, uintptr_t host_pc);
void mint_on_memory_write(void* host, uint64_t address, unsigned size, uint64_t value,
                          uintptr_t host_pc);
// An instruction fetch from memory that is no RAM of the engine's; it must not take time.
uint64_t mint_on_fetch(void* host, uint64_t address, unsigned size);
uint64_t mint_on_rdtsc(void* host, uintptr_t host_pc);
void mint_on_cpuid(void* host, uint32_t leaf, uint32_t subleaf, uint32_t out[4], uintptr_t host_pc);
// 1: done; 0: the engine's own register; -1: #GP(0).
int mint_on_rdmsr(void* host, uint32_t index, uint64_t* value, uintptr_t host_pc);
int mint_on_wrmsr(void* host, uint32_t index, uint64_t value, uintptr_t host_pc);
uint8_t mint_on_read_cr8(void* host);
void mint_on_write_cr8(void* host, uint8_t value, uintptr_t host_pc);
void mint_on_pause(void* host, uint64_t rip);
// A block was translated that ends in a jump back. Whether the loop waits for something, by the
// registers of this moment: then mint_on_wait is called at the head of the block.
bool mint_on_jump_back(void* host);
void mint_on_wait(void* host, uint64_t rip);
// Vector of the interrupt to take, or -1 when there is none after all.
int mint_on_acknowledge(void* host);
void mint_on_interrupt(void* host, int vector, bool hardware);
void mint_on_shutdown(void* host);
// The processor's mode may be another one, from the instruction at this address on.
void mint_on_mode(void* host, uint64_t linear_pc);

#ifdef __cplusplus
}
#endif
