// A core in the machine: its Cpu, its LAPIC, its state (running, halted, waiting for a SIPI) and
// its place in the order of time.
//
// Each core runs on a stack of its own. It gives way to the scheduler at a block edge when its time
// is up, and in the middle of an instruction when that touches a device or shared memory: then it
// waits until no other core is behind it and no earlier event is pending, so that all accesses of
// all cores happen in the order of their times, to the cycle, however long the slices are.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "devices/lapic.hpp"
#include "emu/engine/cpu.hpp"
#include "emu/machine/bus.hpp"
#include "emu/machine/coroutine.hpp"
#include "emu/machine/msrs.hpp"
#include "emu/machine/physical_memory.hpp"
#include "emu/machine/shared_poll.hpp"

namespace mint {

class Core;
class Lanes;
class Ownership;

// How long what leaves a core takes, in cycles.
struct AccessDelays {
  Cycles port;
  Cycles pci;
  Cycles io_apic;
  Cycles lapic;
  Cycles shared;
};

// What an instruction did outside of its core.
struct Access {
  enum class Kind : std::uint8_t { kPort, kDevice, kShared, kLapic };
  Kind kind = Kind::kPort;
  bool write = false;
  unsigned size = 0;
  std::uint64_t address = 0;
  std::uint64_t value = 0;
  bool own = false;  // of a device that only the core's OS has
};

// Watches cores from outside; costs the guest nothing.
class CoreObserver {
 public:
  virtual ~CoreObserver() = default;
  virtual void accessed(Core& core, Cycles at, const Access& access) = 0;
  virtual void interrupted(Core& core, Vector vector, bool hardware) = 0;
  // RDTSC and the like gave `value`.
  virtual void clock_read(Core&, Cycles, std::uint64_t) {}
  // The core is in another mode, from the instruction at linear address `pc` on.
  virtual void mode_changed(Core&, std::uint64_t) {}
  virtual void started(Core& core, Vector vector) = 0;  // by a SIPI
  virtual void shut_down(Core& core, const std::string& why) = 0;
  // As CpuHost: probes by linear address, and first executions of blocks.
  virtual std::uint32_t probe_at(Core& core, std::uint64_t pc) = 0;
  virtual void probe(Core& core, std::uint32_t id) = 0;
  virtual void translated(Core& core, std::uint64_t pc) = 0;
  virtual void foreign_page(Core&, PhysAddr, PageUse) {}
};

class Core final : private CpuHost, private LapicCore {
 public:
  enum class State : std::uint8_t { kRunning, kHalted, kWaitForSipi, kShutDown };

  // What the cores of a machine tell each other.
  struct Turns {
    std::atomic<bool> woken = false;  // a core begins to run while another one's access is handled
    Cycles end = Cycles::max();       // the run is over: no core goes further
    std::vector<Core*> parked;
  };
  struct Wiring {
    EventQueue& queue;
    ApicBus& apic_bus;
    PhysicalMemory& memory;
    AddressMap& ports;
    AddressMap& mmio;
    CodePages& pages;
    const TimingModel& timing;
    std::function<Vector()> acknowledge_8259;
    CoreObserver& observer;
    Turns& turns;
    const Ownership& ownership;
    Lanes* lanes = nullptr;  // null: all cores run on one thread
  };
  struct Config {
    ApicId id;
    bool bsp = false;
    Hertz core_clock;
    Hertz bus_clock;
    AccessDelays delays;
    Cycles halt_wake;    // a halted core runs again so much after the interrupt
    Cycles start_skew;   // leaves reset or a SIPI so much later
    Cycles start_delay;  // leaves a SIPI so much later still
    std::uint32_t code_bytes = 64u << 20;
    unsigned cores = 1;
    // Cores of one group share memory that is not declared as shared: one OS. Within it the
    // time-stamp counters are read in the order of their values.
    unsigned group = 0;
  };

  Core(const Wiring& wiring, const Config& config);
  ~Core() override;

  ApicId id() const { return config_.id; }
  State state() const { return state_; }
  bool runnable() const { return state_ == State::kRunning && !parked_ && !held_; }
  // The core's clock: of the access that it waits for, or of the next block.
  Cycles time() const { return waiting_ ? waiting_at_ : cpu_.now(); }
  // The linear address of the next block at the last block edge, or of the access.
  std::uint64_t pc() const;
  // While an access is observed: the linear address of the block that makes it.
  std::uint64_t accessing_pc() const { return cpu_.calling_block().value_or(pc()); }
  // It does nothing more unless another core or a non-maskable interrupt gets it to.
  bool stopped() const;
  std::string describe_state() const;

  Lapic& lapic() { return lapic_; }
  Cpu& cpu() { return cpu_; }
  const Cpu& cpu() const { return cpu_; }

  // Power-on or platform reset at the queue's time: core 0 starts at the reset vector, the others
  // wait for a SIPI.
  void reset();
  // INIT# of the board (ports 92h, CF9h, 8042): INIT of core 0 starts it at the reset vector.
  void init_pin();
  // Starts a bare-metal program: the core runs with these registers.
  void start_at(const mint_registers& registers);

  unsigned group() const { return config_.group; }

  // Stops the core where it is, at a probe or before its first instruction, until release(): as if
  // the block at `pc` had waited for the bus that long. Clocks go on and interrupts become pending.
  // Does not return when the core is reset meanwhile.
  void hold(std::uint64_t pc);
  // Goes on now; to be called from an event.
  void release();
  bool held() const { return held_; }
  // In the middle of an instruction, for its turn.
  bool waiting() const { return waiting_; }

  // For the scheduler. Runs until `limit`, or until an access that must wait for a core with
  // (time, id) before `all`. Reading the time-stamp counter waits for cores of the group only.
  struct Horizon {
    Cycles time = Cycles::max();
    ApicId id{255};
  };
  struct Horizons {
    Horizon all;
    Horizon group;
  };
  void resume(Cycles limit, const Horizons& horizons);

 private:
  // CpuHost
  void block_edge(std::uint64_t pc) override;
  std::uint64_t port_read(Cycles at, std::uint16_t port, unsigned size) override;
  void port_write(Cycles at, std::uint16_t port, unsigned size, std::uint64_t value) override;
  std::uint64_t memory_read(Cycles at, PhysAddr address, unsigned size) override;
  void memory_write(Cycles at, PhysAddr address, unsigned size, std::uint64_t value,
                    bool locked) override;
  std::uint64_t fetch(PhysAddr address, unsigned size) override;
  MsrAnswer read_msr(Cycles at, std::uint32_t index, std::uint64_t& value) override;
  MsrAnswer write_msr(Cycles at, std::uint32_t index, std::uint64_t value) override;
  std::uint64_t read_tsc(Cycles at) override;
  std::uint64_t tsc_limit() override;
  std::uint8_t read_cr8() override;
  void write_cr8(Cycles at, std::uint8_t value) override;
  void cpuid(std::uint32_t leaf, std::uint32_t subleaf, std::uint32_t out[4]) override;
  void pause() override;
  std::optional<Vector> acknowledge() override;
  void interrupt_taken(Vector vector, bool hardware) override;
  void mode_changed(std::uint64_t pc) override { wiring_.observer.mode_changed(*this, pc); }
  void shutdown() override;
  void translated(std::uint64_t pc) override;
  std::uint32_t probe_at(std::uint64_t pc) override;
  void probe(std::uint32_t id) override;
  void foreign_page(PhysAddr address, PageUse use) override;
  // LapicCore
  void interrupt_changed() override;
  void nmi() override;
  void smi() override {}
  void init() override;
  void startup(Vector vector) override;

  enum class Restart : std::uint8_t { kNone, kReset, kInit, kStartup, kInitPin };

  void body();
  void restart();
  // Waits until it is this core's turn at time `at`, and sets the machine's clock. `own`: no other
  // OS notices what it is about to do.
  void wait_for_turn(Cycles at, bool own);
  void wait_until(Cycles at, const Horizon& horizon, bool events);
  void finish_access(Cycles cost);
  // The time of the turn of `loop` that sees another core's write; the next one would be at `at`.
  // The next event that this core's accesses must not pass.
  Cycles next_event() const;
  void add_parked();
  void remove_parked();
  // Ends what wait_for_turn() began.
  void leave_board();
  // Goes on with what it left last: nobody can have come between.
  void hold_board();
  Cycles park(Cycles at, const SharedPoll::Loop& loop);
  void unpark(Cycles since, ApicId by);
  // Cores that wait for this core's write, or for anything that this core's OS does.
  void unpark_others(PhysAddr address, unsigned size);
  std::vector<std::uint8_t> code_at(std::uint64_t linear, std::uint64_t bytes);
  bool interrupt_ready() const;
  void stop(State state);
  void wake();
  void wake_from_halt();
  void go_on();
  bool is_own_lapic(PhysAddr address) const;
  void place_lapic();
  Cycles delay_of(PhysAddr address) const;
  // With the board. False: a device of another OS answers there, and that OS is past this.
  bool may_use_port(std::uint16_t port, unsigned size);
  bool may_use_device(PhysAddr address, unsigned size);

  Wiring wiring_;
  Config config_;
  std::atomic<State> state_ = State::kWaitForSipi;
  Lapic lapic_;
  Cpu cpu_;
  MsrFile msrs_;
  Coroutine coroutine_;

  Restart restart_ = Restart::kNone;
  Vector startup_vector_;
  bool leaving_ = false;  // the stack is to be unwound to body()
  bool dying_ = false;
  bool has_board_ = false;
  bool in_guest_ = false;  // between resume() and the next suspend
  bool nmi_pending_ = false;
  bool waiting_ = false;
  Cycles waiting_at_;
  SharedPoll poll_;
  Cycles read_at_;  // of the last read of shared memory
  struct Parked {
    Cycles at;
    SharedPoll::Loop loop;
  };
  std::optional<Parked> parked_;  // until somebody writes the word that it waits for
  bool held_ = false;
  std::uint64_t edge_pc_ = 0;
  Horizons horizons_;
};

}  // namespace mint
