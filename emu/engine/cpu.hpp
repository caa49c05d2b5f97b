// One x86-64 core: instruction execution on Unicorn with an exact cycle budget. The core knows
// nothing of the chips around it; what an instruction does outside of the core goes to its CpuHost.
//
//   CodePages pages(ram_bytes);
//   Cpu cpu(host, pages, timing, 0);
//   cpu.map_ram({0}, 0xa0000, host_memory); ... cpu.map_io({0xfec00000}, 0x1000);
//   cpu.set_limit({100'000});
//   cpu.run();    // returns on hlt, on shutdown, or when the host asked for it
//
// Time: every translated block subtracts its cost from a budget, once, at its head. When the budget
// is spent, the host's block_edge() is called there; it may switch to another stack, set a new
// limit and return. Calls to the host carry the time of the instruction that made them, not the
// block's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "emu/base/types.hpp"
#include "emu/engine/block_foresight.hpp"
#include "emu/engine/block_table.hpp"
#include "emu/engine/glue.h"
#include "emu/engine/spin_loop.hpp"
#include "emu/engine/translate_ahead.hpp"
#include "emu/timing/core_caches.hpp"
#include "emu/timing/timing_model.hpp"

namespace mint {

enum class MsrAnswer { kDone, kEngine, kFault };

enum class PageUse : std::uint8_t { kLoad, kStore, kFetch };

// What a core needs from the machine. None of these may throw.
class CpuHost {
 public:
  virtual ~CpuHost() = default;
  // The budget is spent, in front of the block at linear address `pc`. Afterwards the core takes a
  // pending interrupt, ends its run (after leave()) or goes on (with a later limit).
  virtual void block_edge(std::uint64_t pc) = 0;
  virtual std::uint64_t port_read(Cycles at, std::uint16_t port, unsigned size) = 0;
  virtual void port_write(Cycles at, std::uint16_t port, unsigned size, std::uint64_t value) = 0;
  virtual std::uint64_t memory_read(Cycles at, PhysAddr address, unsigned size) = 0;
  // `locked`: the store of a LOCK or XCHG instruction whose load was the access before this one;
  // nothing may come between the two.
  virtual void memory_write(Cycles at, PhysAddr address, unsigned size, std::uint64_t value,
                            bool locked) = 0;
  // An instruction fetch from a page that is not mapped as RAM. Must not wait nor change anything.
  virtual std::uint64_t fetch(PhysAddr address, unsigned size) = 0;
  virtual MsrAnswer read_msr(Cycles at, std::uint32_t index, std::uint64_t& value) = 0;
  virtual MsrAnswer write_msr(Cycles at, std::uint32_t index, std::uint64_t value) = 0;
  virtual std::uint64_t read_tsc(Cycles at) = 0;
  // read_tsc() gives values below this one without waiting for another core.
  virtual std::uint64_t tsc_limit() = 0;
  virtual std::uint8_t read_cr8() = 0;
  virtual void write_cr8(Cycles at, std::uint8_t value) = 0;
  virtual void cpuid(std::uint32_t leaf, std::uint32_t subleaf, std::uint32_t out[4]) = 0;
  virtual void pause() = 0;
  // The external interrupt to take; nothing when it has gone away meanwhile.
  virtual std::optional<Vector> acknowledge() = 0;
  virtual void interrupt_taken(Vector vector, bool hardware) = 0;
  // The core is in another mode, from the instruction at linear address `pc` on.
  virtual void mode_changed(std::uint64_t) {}
  // A triple fault (SDM vol. 3A, 6.15, #DF).
  virtual void shutdown() = 0;
  // A block is translated for the first time, just before it runs.
  virtual void translated(std::uint64_t pc) = 0;
  // The probe at the block at linear address `pc`, 0 for none; probe() is called whenever it runs.
  virtual std::uint32_t probe_at(std::uint64_t pc) = 0;
  virtual void probe(std::uint32_t id) = 0;
  // The core begins to use a page that Cpu::watch_pages() was told is another's.
  virtual void foreign_page(PhysAddr, PageUse) {}
};

// Which RAM pages hold translated code of which core: shared by the cores of one machine.
class CodePages {
 public:
  explicit CodePages(std::uint64_t ram_bytes);
  CodePages(const CodePages&) = delete;
  CodePages& operator=(const CodePages&) = delete;

 private:
  friend class Cpu;
  std::vector<std::uint64_t> mask_;
  std::vector<std::uint8_t> read_only_;
  std::vector<std::uint64_t> writers_;
  mint_domain domain_{};
};

class Cpu {
 public:
  enum class Exit { kHalted, kLeft, kError };

  // `index` is 0 to 63 and unique within `pages`. Fails by std::bad_alloc only.
  Cpu(CpuHost& host, CodePages& pages, const TimingModel& timing, unsigned index,
      std::uint32_t code_bytes);
  ~Cpu();
  Cpu(const Cpu&) = delete;
  Cpu& operator=(const Cpu&) = delete;

  // All cores of a machine map the same RAM in the same order, the largest ranges first, before the
  // first run.
  void map_ram(PhysAddr address, std::uint64_t size, std::uint8_t* memory, bool read_only);
  void map_io(PhysAddr address, std::uint64_t size);

  void reset();                 // power-on state: F000:FFF0
  void init();                  // INIT
  void startup(Vector vector);  // startup IPI: vector * 1000h
  // To be called on the stack on which the core runs, after every switch to it.
  void make_current();
  Exit run();
  // Makes run() return at the next block edge.
  void leave() { mint_engine_leave(&engine_); }
  // From within a call to the host: ends the run in the middle of the instruction. Does not return,
  // and destroys nothing on the way.
  [[noreturn]] void abandon() { mint_engine_abandon(&engine_); }
  const char* error() const { return error_; }

  Cycles now() const { return {limit_.count - static_cast<std::uint64_t>(cycles_left())}; }
  // The time of the instruction whose generated code holds `host_pc`; now() when it is not known.
  Cycles now_at(std::uintptr_t host_pc) const;
  // The linear address of the block whose instruction called the host last; nothing when that is
  // not known.
  std::optional<std::uint64_t> calling_block() const;
  Cycles limit() const { return limit_; }
  // The core runs until the first block edge at or after `limit`.
  void set_limit(Cycles limit);
  // Moves the clock of a core that does not run.
  void set_time(Cycles time);
  void charge(std::uint64_t cycles) {
    *engine_.budget -= static_cast<std::int64_t>(cycles << MINT_BUDGET_SHIFT);
  }
  // As charge(), for what only a timing model with event costs charges.
  void charge_event(std::uint64_t cycles) {
    if (engine_.event_costs) charge(cycles);
  }
  // Counts instructions that the host knows to change nothing; it charges their cycles.
  void retire(std::uint64_t instructions) { instructions_ += instructions; }
  // Instructions retired so far.
  std::uint64_t instructions() const;
  // Those of them that the timing model does not know (BlockCost::unknown), by executed blocks.
  std::uint64_t unknown_instructions() const { return engine_.unknown_instructions; }

  void set_interrupt(bool pending) { mint_engine_set_interrupt(&engine_, pending); }
  void set_nmi() { mint_engine_set_nmi(&engine_); }
  bool interruptible(bool nmi) const { return mint_engine_interruptible(&engine_, nmi); }
  // A page whose accesses go to the host even where RAM is mapped; nothing for none.
  void set_io_page(std::optional<PhysAddr> page) {
    mint_engine_set_io_page(&engine_, page ? page->value : MINT_NO_PAGE);
  }
  // From now on the host is told when a page enters the TLB whose owner is neither `own` nor 0.
  // `owners` has an entry for each page of RAM and outlives the core's runs.
  void watch_pages(const std::vector<std::uint8_t>& owners, std::uint8_t own) {
    engine_.page_owners = owners.data();
    engine_.owned_pages = owners.size();
    engine_.owner = own;
  }
  // The next use of a page of another owner will be told again, also where it is used already.
  void forget_foreign_pages() { mint_engine_forget_foreign_pages(&engine_); }
  void set_a20(bool enabled) { mint_engine_set_a20(&engine_, enabled); }
  // Only these engines (a bit for each index) never run while this one does, on other threads.
  void set_neighbours(std::uint64_t indices) { engine_.neighbours = indices; }
  // Takes the blocks from there that are there, from now on; it outlives the core's runs. The
  // others are noted in missed().
  void adopt_from(const TranslationStore& store);
  const BlockList& missed() const { return missed_; }
  // Translates for cores like this one, which has to outlive their runs: what is translated leaves
  // generated code by this core's epilogue.
  std::unique_ptr<TranslateAhead> translate_ahead(const BlockList& list, TranslationStore& store) {
    return TranslateAhead::start(engine_, timing_, list, store);
  }
  // Forget the translated blocks before the next run.
  void flush_blocks() { mint_engine_flush_blocks(&engine_); }

  // Probes whose ids have zeros below this bit say which block it is, and are for nothing else.
  static constexpr unsigned kBlockProbeShift = 8;
  // Such probes of blocks that are foreseen do not come to the host; null for none.
  void foresee_blocks(BlockForesight* foresight) { foresight_ = foresight; }

  mint_registers registers() const;
  void set_registers(const mint_registers& registers) {
    mint_engine_set_registers(&engine_, &registers);
  }
  // Physical address of a linear one by the core's page tables, without side effects.
  std::optional<PhysAddr> translate(std::uint64_t linear);

  // Bytes [address, address + size) of a mapped RAM range were written by something other than a
  // core; `memory` is where that range is mapped.
  void ram_written(const std::uint8_t* memory, std::uint64_t size);

 private:
  friend struct CpuCallbacks;
  // The budget's lower part: instructions left.
  static constexpr std::int64_t kInstructionField = (std::int64_t{1} << MINT_BUDGET_SHIFT) - 1;
  // What is known about an instruction by the address in its generated code that called the host:
  // how long before its block's end it begins, and which it is. The same few addresses ask again
  // and again (delay loops read the TSC), and finding the block that an address belongs to is a
  // search.
  struct Caller {
    std::uintptr_t host_pc = 0;
    std::uint32_t before_end = 0;
    const void* block = nullptr;
    unsigned index = 0;
    bool locked = false;
  };
  static constexpr std::size_t kCallers = 256;
  // Null when the address is not in generated code.
  const Caller* caller(std::uintptr_t host_pc) const;
  std::optional<Caller> find_caller(std::uintptr_t host_pc) const;

  std::int64_t cycles_left() const { return *engine_.budget >> MINT_BUDGET_SHIFT; }
  void take_instructions();
  void turn(std::uint64_t rip);

  CpuHost& host_;
  CodePages& pages_;
  const TimingModel& timing_;
  mint_engine engine_{};
  std::unique_ptr<CoreCaches> caches_;  // null when the model has none
  BlockTable blocks_;
  BlockCost cost_;  // of the block that was translated last
  SpinDetector spins_;
  BlockForesight* foresight_ = nullptr;
  unsigned blocks_generation_ = 0;  // of the code buffer that blocks_ is about
  mutable std::array<Caller, kCallers> callers_{};
  mutable unsigned callers_generation_ = 0;  // of the code buffer that callers_ is about
  mutable std::uintptr_t last_call_ = 0;     // the host_pc asked about last
  // The instruction of the last access, when that was a load of a locked instruction.
  const void* locked_block_ = nullptr;
  unsigned locked_index_ = 0;
  Cycles locked_at_;
  Cycles limit_;
  const TranslationStore* store_ = nullptr;
  BlockList missed_;
  std::uint64_t instructions_ = 0;
  const char* error_ = "";
};

}  // namespace mint
