#include "emu/machine/core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "emu/machine/lanes.hpp"
#include "emu/machine/ownership.hpp"

namespace mint {
namespace {

constexpr std::size_t kStackBytes = 512 * 1024;

// Cycles, on a Core i7 860 (InstLatx64 dump 00106E5).
constexpr std::uint64_t kInterruptCycles = 100;

}  // namespace

Core::Core(const Wiring& wiring, const Config& config)
    : wiring_(wiring),
      config_(config),
      lapic_({.id = config.id,
              .bsp = config.bsp,
              .core_clock = config.core_clock,
              .timer_clock = config.bus_clock},
             *this, wiring.apic_bus, wiring.queue, wiring.acknowledge_8259),
      cpu_(*this, wiring.pages, wiring.timing, config.id.value, config.code_bytes),
      coroutine_(kStackBytes, [this] { body(); }) {
  // Largest first: Unicorn hands out overlapping RAM offsets when a block is larger than the one
  // mapped before it (find_ram_offset_last), and marks of translated code go by those offsets.
  std::vector<PhysicalMemory::Segment> segments = wiring.memory.segments();
  std::stable_sort(segments.begin(), segments.end(),
                   [](const auto& a, const auto& b) { return a.size > b.size; });
  for (const PhysicalMemory::Segment& s : segments) {
    if (s.kind == PhysicalMemory::Kind::kRam || s.kind == PhysicalMemory::Kind::kRom)
      cpu_.map_ram(s.start, s.size, s.memory, s.kind == PhysicalMemory::Kind::kRom);
    else
      cpu_.map_io(s.start, s.size);
  }
}

Core::~Core() {
  // Unwind the core's stack: Unicorn's frames own memory.
  dying_ = true;
  leaving_ = true;
  while (!coroutine_.finished()) {
    cpu_.make_current();
    coroutine_.resume();
  }
}

std::uint64_t Core::pc() const {
  if (waiting_ || state_ != State::kRunning) {
    const mint_registers r = cpu_.registers();
    return r.rip + r.segment[1].base;
  }
  return edge_pc_;
}

std::string Core::describe_state() const {
  switch (state_.load()) {
    case State::kRunning:
      if (held_) return "held at a meeting";
      return waiting_ ? "in a device access" : "running";
    case State::kHalted:
      return cpu_.interruptible(false) ? "halted, waiting for an interrupt"
                                       : "halted with interrupts off";
    case State::kWaitForSipi:
      return "waiting for a startup IPI";
    case State::kShutDown:
      return "shut down";
  }
  return "";
}

bool Core::stopped() const {
  return state_ == State::kWaitForSipi || state_ == State::kShutDown ||
         (state_ == State::kHalted && !cpu_.interruptible(false));
}

// --- start and stop ------------------------------------------------------------------------------

void Core::stop(State state) {
  state_ = state;
  leaving_ = true;
  waiting_ = false;
  held_ = false;
  nmi_pending_ = false;
  if (parked_) {
    parked_.reset();
    remove_parked();
  }
}

void Core::wake() {
  state_ = State::kRunning;
  go_on();
}

// HLT is C1: clocks that stand still have to run again before the interrupt is looked at.
void Core::wake_from_halt() {
  wake();
  cpu_.set_time(cpu_.now() + config_.halt_wake);
}

void Core::go_on() {
  const Lanes::Lock lock(wiring_.lanes);
  cpu_.set_time(std::max(cpu_.now(), wiring_.queue.now()));
  wiring_.turns.woken = true;
  for (Core* core : std::vector(wiring_.turns.parked))
    if (core->group() == group()) core->unpark(wiring_.queue.now(), config_.id);
}

void Core::hold(std::uint64_t pc) {
  held_ = true;
  edge_pc_ = pc;
  if (!in_guest_) return;
  while (held_ && !leaving_) coroutine_.suspend();
  if (leaving_) cpu_.abandon();
}

void Core::release() {
  held_ = false;
  go_on();
}

void Core::reset() {
  lapic_.reset();
  place_lapic();
  msrs_.reset();
  stop(State::kWaitForSipi);
  restart_ = Restart::kReset;
  cpu_.set_time(std::max(cpu_.now(), wiring_.queue.now() + config_.start_skew));
  if (config_.bsp) state_ = State::kRunning;
}

void Core::init_pin() {
  lapic_.init_reset();
  stop(config_.bsp ? State::kRunning : State::kWaitForSipi);
  restart_ = config_.bsp ? Restart::kInitPin : Restart::kInit;
  cpu_.set_time(std::max(cpu_.now(), wiring_.queue.now()));
}

void Core::start_at(const mint_registers& registers) {
  cpu_.make_current();
  cpu_.reset();
  cpu_.set_registers(registers);
  restart_ = Restart::kNone;
  leaving_ = false;
  wake();
}

void Core::init() {
  stop(State::kWaitForSipi);
  restart_ = Restart::kInit;
}

void Core::startup(Vector vector) {
  if (state_ != State::kWaitForSipi) return;
  restart_ = Restart::kStartup;
  startup_vector_ = vector;
  wake();
  cpu_.set_time(cpu_.now() + config_.start_skew + config_.start_delay);
  wiring_.observer.started(*this, vector);
}

void Core::restart() {
  switch (restart_) {
    case Restart::kNone:
      break;
    case Restart::kReset:
      cpu_.reset();
      break;
    case Restart::kInit:
    case Restart::kInitPin:
      cpu_.init();
      break;
    case Restart::kStartup:
      cpu_.init();
      cpu_.startup(startup_vector_);
      break;
  }
  restart_ = Restart::kNone;
  // What has arrived since the message that starts it.
  cpu_.set_interrupt(lapic_.has_interrupt());
  if (nmi_pending_) cpu_.set_nmi();
}

void Core::body() {
  while (!dying_) {
    leaving_ = false;
    if (state_ == State::kRunning) {
      restart();
      switch (cpu_.run()) {
        case Cpu::Exit::kHalted:
          if (state_ == State::kRunning && !leaving_ && !interrupt_ready()) state_ = State::kHalted;
          break;
        case Cpu::Exit::kLeft:
          break;
        case Cpu::Exit::kError:
          if (!leaving_) {
            stop(State::kShutDown);
            wiring_.observer.shut_down(
                *this, fmt::format("the core cannot go on at {:x}: {}", pc(), cpu_.error()));
          }
          break;
      }
    }
    if (state_ != State::kRunning && !dying_) coroutine_.suspend();
  }
}

// --- turns ---------------------------------------------------------------------------------------

bool Core::interrupt_ready() const {
  return (lapic_.has_interrupt() && cpu_.interruptible(false)) ||
         (nmi_pending_ && cpu_.interruptible(true));
}

void Core::resume(Cycles limit, const Horizons& horizons) {
  horizons_ = horizons;
  wiring_.turns.woken = false;
  cpu_.make_current();
  cpu_.set_limit(interrupt_ready() && !waiting_ ? cpu_.now() : limit);
  in_guest_ = true;
  coroutine_.resume();
  in_guest_ = false;
}

void Core::block_edge(std::uint64_t pc) {
  edge_pc_ = pc;
  if (!leaving_ && !interrupt_ready()) coroutine_.suspend();
  if (leaving_) cpu_.leave();
}

// `horizon` is a member of horizons_: it changes while the core is suspended.
void Core::wait_until(Cycles at, const Horizon& horizon, bool events) {
  const auto my_turn = [&] {
    if (events && (at >= next_event() || wiring_.turns.end != Cycles::max())) return false;
    return at < horizon.time || (at == horizon.time && config_.id < horizon.id);
  };
  while (!my_turn() && !leaving_) {
    waiting_ = true;
    waiting_at_ = at;
    coroutine_.suspend();
    waiting_ = false;
  }
  // Stopped in the middle of the instruction: it does not happen. No frame up to here has anything
  // to destroy.
  if (leaving_) cpu_.abandon();
}

Cycles Core::park(Cycles at, const SharedPoll::Loop& loop) {
  parked_ = Parked{at, loop};
  add_parked();
  leave_board();
  waiting_ = true;
  waiting_at_ = at;
  while (parked_ && !leaving_) coroutine_.suspend();
  waiting_ = false;
  if (leaving_) cpu_.abandon();
  const std::uint64_t turns = (waiting_at_ - at).count / loop.period.count;
  cpu_.charge(turns * loop.period.count);
  cpu_.retire(turns * loop.instructions);
  at = waiting_at_;
  poll_.disturb();
  wait_for_turn(at, false);
  return at;
}

void Core::unpark(Cycles since, ApicId by) {
  const auto [at, loop] = *parked_;
  // The first turn after that write; accesses of one time happen in the order of core numbers.
  const std::uint64_t late = since < at ? 0 : (since - at).count;
  std::uint64_t turns = (late + loop.period.count - 1) / loop.period.count;
  if (late == turns * loop.period.count && config_.id < by) ++turns;
  waiting_at_ = {at.count + turns * loop.period.count};
  parked_.reset();
  remove_parked();
  wiring_.turns.woken = true;
}

void Core::add_parked() {
  wiring_.turns.parked.push_back(this);
  if (wiring_.lanes != nullptr) wiring_.lanes->parked(config_.group, true);
}

void Core::remove_parked() {
  const Lanes::Lock lock(wiring_.lanes);
  std::erase(wiring_.turns.parked, this);
  if (wiring_.lanes != nullptr) wiring_.lanes->parked(config_.group, false);
}

void Core::unpark_others(PhysAddr address, unsigned size) {
  for (Core* core : std::vector(wiring_.turns.parked)) {
    const SharedPoll::Loop& loop = core->parked_->loop;
    if (address >= loop.word + loop.size || loop.word >= address + size) continue;
    core->unpark(wiring_.queue.now(), config_.id);
    if (wiring_.lanes != nullptr)
      wiring_.lanes->woken(core->group(), core->waiting_at_, core->id());
  }
}

std::vector<std::uint8_t> Core::code_at(std::uint64_t linear, std::uint64_t bytes) {
  std::vector<std::uint8_t> code;
  for (std::uint64_t i = 0; i < bytes; ++i) {
    const auto physical = cpu_.translate(linear + i);
    if (!physical) break;
    const auto memory = wiring_.memory.at(*physical, 1);
    if (memory.empty()) break;
    code.push_back(memory[0]);
  }
  return code;
}

void Core::wait_for_turn(Cycles at, bool own) {
  wait_until(at, horizons_.all, true);
  if (wiring_.lanes != nullptr && !wiring_.lanes->at_once()) {
    wiring_.lanes->advance_all(at);
    return;
  }
  if (wiring_.lanes != nullptr) {
    while (!wiring_.lanes->enter(config_.group, at, config_.id, !own)) {
      // The run ends before, or something else of the lane comes before.
      waiting_ = true;
      waiting_at_ = at;
      coroutine_.suspend();
      waiting_ = false;
      wait_until(at, horizons_.all, true);
    }
    has_board_ = !own;
    if (leaving_) {
      leave_board();
      cpu_.abandon();
    }
  }
  wiring_.queue.run_until(at);
}

Cycles Core::next_event() const {
  if (wiring_.lanes != nullptr && !wiring_.lanes->at_once()) return wiring_.lanes->next_of_all();
  return wiring_.queue.next();
}

void Core::hold_board() {
  if (wiring_.lanes == nullptr || !wiring_.lanes->at_once()) return;
  wiring_.lanes->hold();
  has_board_ = true;
}

void Core::leave_board() {
  if (!has_board_) return;
  has_board_ = false;
  wiring_.lanes->leave();
}

void Core::finish_access(Cycles cost) {
  cpu_.charge(cost.count);
  if (wiring_.lanes != nullptr && wiring_.lanes->at_once()) {
    if (has_board_ && wiring_.lanes->next() < cpu_.limit()) cpu_.set_limit(wiring_.lanes->next());
    leave_board();
    const Cycles limit = wiring_.lanes->limit_of(config_.group);
    if (limit < cpu_.limit()) cpu_.set_limit(std::max(limit, cpu_.now()));
  }
  if (wiring_.turns.end < cpu_.limit()) cpu_.set_limit(wiring_.turns.end);
  if (leaving_) cpu_.abandon();  // the access itself has stopped this core
  if (wiring_.turns.woken) {
    // Another core runs again, from now on: it is behind this one.
    horizons_.all.time = horizons_.group.time = {0};
    cpu_.set_limit(cpu_.now());
  } else if (interrupt_ready()) {
    cpu_.set_limit(cpu_.now());
  } else if (next_event() < cpu_.limit()) {
    cpu_.set_limit(next_event());
  }
}

// --- interrupts ----------------------------------------------------------------------------------

std::optional<Vector> Core::acknowledge() {
  // The LAPIC and the 8259 are looked at when it is this core's turn: another core may be about to
  // mask what is pending.
  wait_for_turn(cpu_.now(), !config_.bsp);
  const std::optional<Vector> vector = lapic_.acknowledge();
  finish_access({vector ? kInterruptCycles : 0});
  return vector;
}

void Core::interrupt_taken(Vector vector, bool hardware) {
  if (hardware && vector.value == 2) nmi_pending_ = false;
  wiring_.observer.interrupted(*this, vector, hardware);
}

void Core::interrupt_changed() {
  const bool pending = lapic_.has_interrupt();
  cpu_.set_interrupt(pending);
  if (!pending) return;
  if (state_ == State::kHalted && interrupt_ready()) wake_from_halt();
  if (in_guest_) cpu_.set_limit(cpu_.now());
}

void Core::nmi() {
  if (state_ != State::kRunning && state_ != State::kHalted) return;
  nmi_pending_ = true;
  cpu_.set_nmi();
  if (parked_) unpark(wiring_.queue.now(), config_.id);
  if (state_ == State::kHalted && interrupt_ready()) wake_from_halt();
  if (in_guest_) cpu_.set_limit(cpu_.now());
}

void Core::shutdown() {
  stop(State::kShutDown);
  wiring_.observer.shut_down(*this, "triple fault");
}

// --- observation ---------------------------------------------------------------------------------

void Core::translated(std::uint64_t pc) { wiring_.observer.translated(*this, pc); }
std::uint32_t Core::probe_at(std::uint64_t pc) { return wiring_.observer.probe_at(*this, pc); }
void Core::probe(std::uint32_t id) { wiring_.observer.probe(*this, id); }
void Core::foreign_page(PhysAddr address, PageUse use) {
  if (wiring_.lanes != nullptr)
    wiring_.lanes->page_used(config_.group, address, use == PageUse::kStore);
  wiring_.observer.foreign_page(*this, address, use);
}

}  // namespace mint
