#include "emu/engine/cpu.hpp"

#include <unicorn/unicorn.h>

#include <algorithm>
#include <new>

namespace mint {
namespace {

// A run of this many cycles retires fewer instructions than the budget's instruction field counts:
// a block costs at least one cycle, and a fifth of a cycle for each of its instructions.
constexpr std::uint64_t kLongestRun = std::uint64_t{1} << (MINT_BUDGET_SHIFT - 3);

}  // namespace

CodePages::CodePages(std::uint64_t ram_bytes)
    : mask_(ram_bytes >> 12), read_only_(ram_bytes >> 12), writers_(ram_bytes >> 12) {
  domain_.ram_pages = mask_.size();
  domain_.code_mask = mask_.data();
  domain_.read_only = read_only_.data();
  domain_.writer_mask = writers_.data();
}

Cpu::Cpu(CpuHost& host, CodePages& pages, const TimingModel& timing, unsigned index,
         std::uint32_t code_bytes)
    : host_(host), pages_(pages), timing_(timing) {
  engine_.host = this;
  engine_.domain = &pages.domain_;
  engine_.index = index;
  engine_.neighbours = ~std::uint64_t{0};
  engine_.event_costs = timing.has_event_costs();
  caches_ = timing.make_caches();
  engine_.observes_accesses = caches_ != nullptr;
  if (!mint_engine_open(&engine_, code_bytes)) throw std::bad_alloc();
  *engine_.budget = kInstructionField;
}

Cpu::~Cpu() { mint_engine_close(&engine_); }

void Cpu::adopt_from(const TranslationStore& store) {
  store_ = &store;
  engine_.adopts = true;
}

void Cpu::map_ram(PhysAddr address, std::uint64_t size, std::uint8_t* memory, bool read_only) {
  if (!mint_engine_map_ram(&engine_, address.value, size, memory)) throw std::bad_alloc();
  const std::uint64_t first = mint_engine_ram_offset(&engine_, memory) >> 12;
  if (read_only)
    std::fill_n(pages_.read_only_.begin() + static_cast<std::ptrdiff_t>(first), size >> 12, 1);
}

void Cpu::map_io(PhysAddr address, std::uint64_t size) {
  if (!mint_engine_map_io(&engine_, address.value, size)) throw std::bad_alloc();
}

void Cpu::reset() { mint_engine_reset(&engine_); }
void Cpu::init() { mint_engine_init(&engine_); }
void Cpu::startup(Vector vector) { mint_engine_startup(&engine_, vector.value); }
void Cpu::make_current() { mint_engine_set_current(&engine_); }

Cpu::Exit Cpu::run() {
  const int error = mint_engine_run(&engine_);
  if (error != UC_ERR_OK) {
    error_ = uc_strerror(static_cast<uc_err>(error));
    return Exit::kError;
  }
  return mint_engine_halted(&engine_) ? Exit::kHalted : Exit::kLeft;
}

std::optional<Cpu::Caller> Cpu::find_caller(std::uintptr_t host_pc) const {
  Caller caller;
  if (!mint_engine_locate(&engine_, host_pc, &caller.block, &caller.index)) return std::nullopt;
  const BlockTable::Block* block = blocks_.find(caller.block, caller.index);
  if (block == nullptr) return std::nullopt;
  caller.host_pc = host_pc;
  caller.before_end = block->cycles - blocks_.before(*block, caller.index);
  caller.locked = blocks_.locked(*block, caller.index);
  return caller;
}

const Cpu::Caller* Cpu::caller(std::uintptr_t host_pc) const {
  if (host_pc == 0) return nullptr;
  const unsigned generation = mint_engine_generation(&engine_);
  if (generation != callers_generation_) {
    callers_.fill({});
    callers_generation_ = generation;
  }
  Caller& slot = callers_[(host_pc >> 2) % kCallers];
  if (slot.host_pc != host_pc) {
    const std::optional<Caller> found = find_caller(host_pc);
    if (!found) return nullptr;
    slot = *found;
  }
  return &slot;
}

std::optional<std::uint64_t> Cpu::calling_block() const {
  const Caller* known = caller(last_call_);
  if (known == nullptr) return std::nullopt;
  const BlockTable::Block* block = blocks_.find(known->block, known->index);
  if (block == nullptr) return std::nullopt;
  return block->pc;
}

Cycles Cpu::now_at(std::uintptr_t host_pc) const {
  last_call_ = host_pc;
  const Caller* known = caller(host_pc);
  return known == nullptr ? now() : Cycles{now().count - known->before_end};
}

void Cpu::take_instructions() {
  const std::int64_t left = *engine_.budget & kInstructionField;
  instructions_ += static_cast<std::uint64_t>(kInstructionField - left);
  *engine_.budget |= kInstructionField;
}

std::uint64_t Cpu::instructions() const {
  return instructions_ +
         static_cast<std::uint64_t>(kInstructionField - (*engine_.budget & kInstructionField));
}

void Cpu::set_limit(Cycles limit) {
  spins_.disturb();
  take_instructions();
  const Cycles time = now();
  limit_ = std::min(limit, time + Cycles{kLongestRun});
  const auto left = static_cast<std::int64_t>(limit_.count - time.count);
  *engine_.budget = left * (kInstructionField + 1) | kInstructionField;
}

void Cpu::set_time(Cycles time) {
  spins_.disturb();
  take_instructions();
  limit_ = time;
  *engine_.budget = kInstructionField;
}

void Cpu::turn(std::uint64_t rip) {
  if (spins_.turn(rip)) *engine_.budget -= spins_.look(engine_, *engine_.budget, host_.tsc_limit());
}

mint_registers Cpu::registers() const {
  mint_registers out;
  mint_engine_get_registers(&engine_, &out);
  return out;
}

std::optional<PhysAddr> Cpu::translate(std::uint64_t linear) {
  std::uint64_t physical = 0;
  if (!mint_engine_translate(&engine_, linear, &physical)) return std::nullopt;
  return PhysAddr{physical};
}

void Cpu::ram_written(const std::uint8_t* memory, std::uint64_t size) {
  const std::uint64_t start = mint_engine_ram_offset(&engine_, const_cast<std::uint8_t*>(memory));
  mint_domain_ram_written(&pages_.domain_, engine_.neighbours, start, start + size);
}

}  // namespace mint
