// What the engine asks and tells: the mint_on_* functions of glue.h.
#include "emu/engine/cpu.hpp"
#include "emu/timing/event_costs.hpp"

namespace mint {

// Their bodies, with access to Cpu.
struct CpuCallbacks {
  static Cpu& cpu(void* host) { return *static_cast<Cpu*>(host); }
  // For calls that are more than what a waiting loop does.
  static CpuHost& host(void* host) {
    cpu(host).spins_.disturb();
    return cpu(host).host_;
  }

  static std::uint8_t read_cr8(void* host) { return cpu(host).host_.read_cr8(); }
  static void paused(Cpu& cpu, std::uint64_t rip) {
    cpu.host_.pause();
    cpu.turn(rip);
  }
  static void turn(Cpu& cpu, std::uint64_t rip) { cpu.turn(rip); }
  static bool may_wait(const Cpu& cpu) { return cpu.spins_.may_wait(cpu.engine_); }
  static std::uint64_t read_tsc(Cpu& cpu, std::uintptr_t host_pc) {
    const std::uint64_t value = cpu.host_.read_tsc(cpu.now_at(host_pc));
    cpu.spins_.read_tsc(value);
    return value;
  }

  static mint_block_cost translated(Cpu& cpu, const void* name, std::uint64_t pc,
                                    const CodeBlock& code) {
    cpu.timing_.find_cost(code, cpu.cost_);
    put(cpu, name, pc, code);
    return {cpu.cost_.cycles, cpu.cost_.unknown};
  }
  // The block `code` costs cpu.cost_.
  static void put(Cpu& cpu, const void* name, std::uint64_t pc, const CodeBlock& code) {
    const unsigned generation = mint_engine_generation(&cpu.engine_);
    if (generation != cpu.blocks_generation_) {
      cpu.blocks_.clear();
      cpu.blocks_generation_ = generation;
    }
    cpu.blocks_.put(name, pc, code, cpu.cost_);
    cpu.host_.translated(pc);
  }
  static const TranslationStore& store(Cpu& cpu) { return *cpu.store_; }
  static BlockList& missed(Cpu& cpu) { return cpu.missed_; }
  static void adopted(Cpu& cpu, const void* name, const mint_translation& made) {
    cpu.cost_.cycles = made.cycles;
    cpu.cost_.unknown = 0;
    cpu.cost_.before.assign(made.before, made.before + made.instructions);
    const unsigned bits = made.name.flags >> 15 & 1 ? 64 : made.name.flags >> 4 & 1 ? 32 : 16;
    put(cpu, name, made.name.pc, {{made.bytes, made.size}, {made.starts, made.instructions}, bits});
  }

  static std::uint64_t read(Cpu& cpu, PhysAddr address, unsigned size, std::uintptr_t host_pc) {
    const Cpu::Caller* caller = cpu.caller(host_pc);
    const Cycles at = cpu.now_at(host_pc);
    const bool locked = caller != nullptr && caller->locked;
    cpu.locked_block_ = locked ? caller->block : nullptr;
    cpu.locked_index_ = locked ? caller->index : 0;
    cpu.locked_at_ = at;
    cpu.spins_.disturb();
    return cpu.host_.memory_read(at, address, size);
  }

  static void write(Cpu& cpu, PhysAddr address, unsigned size, std::uint64_t value,
                    std::uintptr_t host_pc) {
    const Cpu::Caller* caller = cpu.caller(host_pc);
    const bool locked = caller != nullptr && caller->locked && caller->block == cpu.locked_block_ &&
                        caller->index == cpu.locked_index_;
    cpu.spins_.disturb();
    cpu.host_.memory_write(locked ? cpu.locked_at_ : cpu.now_at(host_pc), address, size, value,
                           locked);
  }

  static CoreCaches& caches(Cpu& cpu) {
    cpu.caches_->set_time(cpu.now().count);
    return *cpu.caches_;
  }
  static bool foresees(Cpu& cpu, std::uint32_t probe) {
    constexpr std::uint32_t kOther = (1u << Cpu::kBlockProbeShift) - 1;
    return cpu.foresight_ != nullptr && (probe & kOther) == 0 &&
           cpu.foresight_->foresees(probe >> Cpu::kBlockProbeShift);
  }
  static CoreCaches::Translate translate(Cpu& cpu) {
    return [engine = &cpu.engine_](std::uint64_t linear, std::uint64_t& physical) {
      return mint_engine_translate(engine, linear, &physical);
    };
  }

  static void fault(Cpu& cpu, const void* name, unsigned index) {
    const BlockTable::Block* block = cpu.blocks_.find(name, index);
    if (block == nullptr) return;
    const std::int64_t cycles = block->cycles - cpu.blocks_.before(*block, index);
    *cpu.engine_.budget += cycles * (Cpu::kInstructionField + 1) + (block->instructions - index);
  }
};

}  // namespace mint

using mint::Cpu;
using mint::CpuCallbacks;
using mint::Cycles;

extern "C" {

void mint_on_block_edge(void* host, std::uint64_t pc) { CpuCallbacks::host(host).block_edge(pc); }

mint_block_cost mint_on_translated(void* host, const void* block, std::uint64_t pc,
                                   std::uint32_t size, const std::uint16_t* starts, unsigned count,
                                   unsigned bits, const std::uint8_t* code) {
  return CpuCallbacks::translated(CpuCallbacks::cpu(host), block, pc,
                                  {{code, size}, {starts, count}, bits});
}

void mint_on_adopted(void* host, const void* block, const mint_translation* translation) {
  CpuCallbacks::adopted(CpuCallbacks::cpu(host), block, *translation);
}

const mint_translation* mint_on_take(void* host, const mint_block_name* name,
                                     const std::uint8_t* code) {
  return CpuCallbacks::store(CpuCallbacks::cpu(host)).find(*name, code);
}

void mint_on_made(void* host, const mint_block_name* name, const std::uint8_t* code,
                  std::uint32_t size) {
  CpuCallbacks::missed(CpuCallbacks::cpu(host)).add(*name, code, size);
}

std::uint32_t mint_division_cycles(unsigned width, bool is_signed, std::uint64_t low,
                                   std::uint64_t high, std::uint64_t divisor) {
  return mint::division_cycles(width, is_signed, low, high, divisor);
}

std::uint32_t mint_float_cycles(bool root, unsigned precision) {
  const auto of = static_cast<mint::Precision>(precision);
  return root ? mint::square_root_cycles(of) : mint::float_division_cycles(of);
}

std::uint32_t mint_sine_cycles(double argument, double result) {
  return mint::sine_cycles(argument, result);
}

void mint_on_block(void* host, std::uint64_t pc, std::uint32_t size) {
  Cpu& cpu = CpuCallbacks::cpu(host);
  cpu.charge(CpuCallbacks::caches(cpu).block(pc, size, CpuCallbacks::translate(cpu)));
}

void mint_on_load(void* host, std::uint64_t linear) {
  Cpu& cpu = CpuCallbacks::cpu(host);
  cpu.charge(CpuCallbacks::caches(cpu).load(linear, CpuCallbacks::translate(cpu)));
}

void mint_on_store(void* host, std::uint64_t linear) {
  Cpu& cpu = CpuCallbacks::cpu(host);
  cpu.charge(CpuCallbacks::caches(cpu).store(linear, CpuCallbacks::translate(cpu)));
}

void mint_on_address_space(void* host) {
  CpuCallbacks::caches(CpuCallbacks::cpu(host)).flush_tlbs();
}

std::uint32_t mint_tlb_fill_cycles() { return mint::kTlbFillCycles; }

std::uint32_t mint_on_probe_lookup(void* host, std::uint64_t pc) {
  return CpuCallbacks::host(host).probe_at(pc);
}

void mint_on_foreign_page(void* host, std::uint64_t physical, int access) {
  CpuCallbacks::host(host).foreign_page({physical}, static_cast<mint::PageUse>(access));
}

void mint_on_probe(void* host, std::uint32_t probe) {
  if (!CpuCallbacks::foresees(CpuCallbacks::cpu(host), probe))
    CpuCallbacks::host(host).probe(probe);
}

void mint_on_fault(void* host, const void* block, unsigned index) {
  CpuCallbacks::fault(CpuCallbacks::cpu(host), block, index);
}

std::uint64_t mint_on_port_read(void* host, std::uint32_t port, unsigned size,
                                std::uintptr_t host_pc) {
  const Cycles at = CpuCallbacks::cpu(host).now_at(host_pc);
  return CpuCallbacks::host(host).port_read(at, static_cast<std::uint16_t>(port), size);
}

void mint_on_port_write(void* host, std::uint32_t port, unsigned size, std::uint64_t value,
                        std::uintptr_t host_pc) {
  const Cycles at = CpuCallbacks::cpu(host).now_at(host_pc);
  CpuCallbacks::host(host).port_write(at, static_cast<std::uint16_t>(port), size, value);
}

std::uint64_t mint_on_memory_read(void* host, std::uint64_t address, unsigned size,
                                  std::uintptr_t host_pc) {
  return CpuCallbacks::read(CpuCallbacks::cpu(host), {address}, size, host_pc);
}

void mint_on_memory_write(void* host, std::uint64_t address, unsigned size, std::uint64_t value,
                          std::uintptr_t host_pc) {
  CpuCallbacks::write(CpuCallbacks::cpu(host), {address}, size, value, host_pc);
}

std::uint64_t mint_on_fetch(void* host, std::uint64_t address, unsigned size) {
  return CpuCallbacks::host(host).fetch({address}, size);
}

std::uint64_t mint_on_rdtsc(void* host, std::uintptr_t host_pc) {
  return CpuCallbacks::read_tsc(CpuCallbacks::cpu(host), host_pc);
}

void mint_on_cpuid(void* host, std::uint32_t leaf, std::uint32_t subleaf, std::uint32_t out[4],
                   std::uintptr_t host_pc) {
  // Without an instruction: the engine itself asks, while the core is being built.
  if (host_pc != 0) CpuCallbacks::cpu(host).charge(mint::cpuid_cycles(leaf));
  CpuCallbacks::host(host).cpuid(leaf, subleaf, out);
}

static int answer(mint::MsrAnswer answer) {
  switch (answer) {
    case mint::MsrAnswer::kDone:
      return 1;
    case mint::MsrAnswer::kEngine:
      return 0;
    case mint::MsrAnswer::kFault:
      break;
  }
  return -1;
}

int mint_on_rdmsr(void* host, std::uint32_t index, std::uint64_t* value, std::uintptr_t host_pc) {
  const Cycles at = CpuCallbacks::cpu(host).now_at(host_pc);
  return answer(CpuCallbacks::host(host).read_msr(at, index, *value));
}

int mint_on_wrmsr(void* host, std::uint32_t index, std::uint64_t value, std::uintptr_t host_pc) {
  const Cycles at = CpuCallbacks::cpu(host).now_at(host_pc);
  return answer(CpuCallbacks::host(host).write_msr(at, index, value));
}

std::uint8_t mint_on_read_cr8(void* host) { return CpuCallbacks::read_cr8(host); }

void mint_on_write_cr8(void* host, std::uint8_t value, std::uintptr_t host_pc) {
  const Cycles at = CpuCallbacks::cpu(host).now_at(host_pc);
  CpuCallbacks::host(host).write_cr8(at, value);
}

void mint_on_pause(void* host, std::uint64_t rip) {
  CpuCallbacks::paused(CpuCallbacks::cpu(host), rip);
}

bool mint_on_jump_back(void* host) { return CpuCallbacks::may_wait(CpuCallbacks::cpu(host)); }

void mint_on_wait(void* host, std::uint64_t rip) {
  CpuCallbacks::turn(CpuCallbacks::cpu(host), rip);
}

int mint_on_acknowledge(void* host) {
  const std::optional<mint::Vector> vector = CpuCallbacks::host(host).acknowledge();
  return vector ? vector->value : -1;
}

void mint_on_mode(void* host, std::uint64_t pc) { CpuCallbacks::host(host).mode_changed(pc); }

void mint_on_interrupt(void* host, int vector, bool hardware) {
  // What an interrupt takes is charged when it is acknowledged.
  Cpu& cpu = CpuCallbacks::cpu(host);
  if (!hardware) cpu.charge_event(mint::kExceptionCycles);
  CpuCallbacks::host(host).interrupt_taken({static_cast<std::uint8_t>(vector)}, hardware);
}

void mint_on_shutdown(void* host) { CpuCallbacks::host(host).shutdown(); }

}  // extern "C"
