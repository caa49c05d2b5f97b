#include "emu/machine/os_recorder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "emu/machine/wait_reasons.hpp"
#include "emu/machine/watchdog.hpp"
#include "emu/scenario/resources.hpp"

namespace mint {
namespace {

constexpr std::uint64_t kBootSector = 0x7c00;
// Where vmlinux of a 32-bit kernel is linked to run (CONFIG_PHYSICAL_START) and the steps in which
// a relocatable one can be moved (CONFIG_PHYSICAL_ALIGN).
constexpr std::uint64_t kPhysicalStart = 0x1000000;
constexpr std::uint64_t kPhysicalAlign = 0x200000;

std::string_view phase_name(unsigned phase) {
  static constexpr std::string_view kNames[] = {"off",   "POST", "boot loader", "load",
                                                "place", "IPI",  "purgatory",   "kernel",
                                                "user",  "up",   "dead"};
  return kNames[phase];
}

// Stages of the leader alone, after those of the thesis.
constexpr unsigned kTracePost = kStages;
constexpr unsigned kTraceBootLoader = kStages + 1;

}  // namespace

OsRecorder::OsRecorder(const RunRequest& request, RunObserver& observer)
    : Recorder(request, observer), purgatory_(request.scenario) {
  const Scenario& scenario = request.scenario;
  for (std::size_t i = 0; i < scenario.os.size(); ++i) {
    const OsSpec& spec = scenario.os[i];
    Os os;
    os.spec = &spec;
    os.result.name = spec.name;
    os.result.role = spec.role;
    os.result.cores = spec.cores;
    os.symbols = SymbolTable::read(spec.kernel.system_map);
    set_probes(os);
    for (const Typing& typing : scenario.typing)
      if (typing.os == spec.name) os.typing.push_back(typing);
    oses_.push_back(std::move(os));
    if (spec.uart) open_console(*spec.uart - 1, spec.name, static_cast<unsigned>(i));
  }
  leader().phase = Phase::kPost;
  if (scenario.boot_tool) {
    std::filesystem::path debug = scenario.boot_tool->path;
    debug += ".debug";
    boot_tool_ = find_elf_function(debug, "main");
  }
  interference_ = make_watch();
}

std::string_view OsRecorder::probe_name(std::uint32_t id) {
  switch (id) {
    case kKernelInit:
      return "kernel_init";
    case kRunInit:
      return "run_init_process";
    case kMintKexecLoad:
      return "mint_kexec_load";
    case kMintStartCore:
      return "mint_start_core";
    case kBootTool:
      return "kexec:main";
    case kStockKexec:
      return "kernel_kexec";
    default:
      return "";
  }
}

void OsRecorder::set_probes(Os& os) {
  const auto set = [&os](const char* symbol, std::uint32_t probe) {
    if (const auto address = os.symbols.address(symbol)) os.probes[*address] = probe;
  };
  if (request_.trace != nullptr) {
    if (const std::string symbol = request_.trace->symbol(); !symbol.empty())
      set(symbol.c_str(), kWatched);
  }
  set("kernel_init", kKernelInit);
  set("run_init_process", kRunInit);
  if (!os.spec->uart) set("panic", kPanic);  // else its console says more
  if (os.spec->role != Role::kLeader) return;
  set("mint_kexec_load", kMintKexecLoad);
  set("mint_start_core", kMintStartCore);
  set("kernel_kexec", kStockKexec);
}

std::unique_ptr<InterferenceWatch> OsRecorder::make_watch() {
  const auto index = [this](const Os* os) -> InterferenceWatch::OsIndex {
    if (os == nullptr) return std::nullopt;
    return static_cast<std::size_t>(os - oses_.data());
  };
  InterferenceWatch::World world;
  world.os_of_core = [this, index](unsigned core) { return index(os_of_core(core)); };
  world.os_of_pin = [this, index](unsigned pin) {
    for (const Os& os : oses_) {
      const auto& pins = os.spec->pins;
      if (std::find(pins.begin(), pins.end(), pin) != pins.end()) return index(&os);
    }
    return InterferenceWatch::OsIndex{};
  };
  world.name = [this](std::size_t i) { return oses_[i].spec->name; };
  world.where = [this](unsigned id) {
    const Core& core = *machine().cores()[id];
    return symbolise(core, core.accessing_pc());
  };
  world.time = [this](Cycles at) {
    return fmt::format("{:.6f} s", seconds(at, machine().setup().profile.core_clock));
  };
  return std::make_unique<InterferenceWatch>(std::move(world));
}

OsRecorder::Os* OsRecorder::os_of_core(unsigned core) {
  for (Os& os : oses_)
    for (const ApicId id : os.spec->cores)
      if (id.value == core) return &os;
  return nullptr;
}

OsRecorder::Os* OsRecorder::os_of(const Core& core) { return os_of_core(core.id().value); }

OsRecorder::Os* OsRecorder::os_of_uart(unsigned uart) {
  for (Os& os : oses_)
    if (os.spec->uart && *os.spec->uart == uart + 1) return &os;
  return nullptr;
}

// --- stages
// ------------------------------------------------------------------------------------------

void OsRecorder::begin(Os& os, Stage stage, Cycles at) {
  os.moved = at;
  os.result.stages.push_back({stage, at, std::nullopt});
  trace_stage(os, static_cast<unsigned>(stage), true, at);
}

void OsRecorder::finish(Os& os, Stage stage, Cycles at) {
  for (StageTime& time : os.result.stages)
    if (time.stage == stage && !time.end) {
      time.end = at;
      trace_stage(os, static_cast<unsigned>(stage), false, at);
    }
}

void OsRecorder::trace_stage(const Os& os, unsigned stage, bool begins, Cycles at) {
  if (tracer() == nullptr) return;
  // The leader loads, places and sends the IPI.
  const Os& on = stage <= static_cast<unsigned>(Stage::kIpi) ? oses_.front() : os;
  tracer()->stage(on.spec->cores.front().value, number_of(os), stage, begins, at);
}

// The leader's own way, one stage after the other; the trace has it, the result does not.
void OsRecorder::trace_leader(unsigned stage, Cycles at) {
  if (leader_stage_ == stage) return;
  if (leader_stage_) trace_stage(leader(), *leader_stage_, false, at);
  leader_stage_ = stage;
  trace_stage(leader(), stage, true, at);
}

void OsRecorder::trace_interference() {
  const auto& found = interference_->found();
  if (tracer() == nullptr || interference_traced_ == found.size()) return;
  const auto number = [this](const std::string& name) {
    for (const Os& os : oses_)
      if (os.spec->name == name) return number_of(os);
    return TraceEvent::kNone;
  };
  for (; interference_traced_ < found.size(); ++interference_traced_) {
    const Interference& one = found[interference_traced_];
    tracer()->interference(number(one.by), number(one.to), one.when, one.what);
  }
}

std::vector<std::uint8_t> OsRecorder::os_of_cores() const {
  std::vector<std::uint8_t> numbers(machine().cores().size(), TraceEvent::kNone);
  for (const Os& os : oses_)
    for (const ApicId core : os.spec->cores) numbers[core.value] = number_of(os);
  return numbers;
}

void OsRecorder::begun() { trace_leader(kTracePost, now()); }

void OsRecorder::started(Core& core, Vector vector) {
  Recorder::started(core, vector);
  Os* os = os_of(core);
  if (os == nullptr || os->spec->role != Role::kFollower || !ipi_begun_) return;
  if (core.id() != os->spec->cores.front()) return;
  // A follower can be started anew; what counts is the last start.
  os->result.stages.clear();
  os->result.start = load_begun_.value_or(*ipi_begun_);
  if (load_begun_) {
    begin(*os, Stage::kLoad, *load_begun_);
    finish(*os, Stage::kLoad, place_begun_.value_or(*ipi_begun_));
  }
  if (place_begun_) {
    begin(*os, Stage::kPlace, *place_begun_);
    finish(*os, Stage::kPlace, *ipi_begun_);
  }
  const Cycles at = core.cpu().now();
  begin(*os, Stage::kIpi, *ipi_begun_);
  finish(*os, Stage::kIpi, at);
  begin(*os, Stage::kPurgatory, at);
  os->phase = Phase::kPurgatory;
  os->slot = static_cast<std::uint64_t>(vector.value) << 12;
  load_begun_ = place_begun_ = ipi_begun_ = std::nullopt;
  if (std::string lost = purgatory_.lost(*os->spec, os->slot); !lost.empty())
    interference_->report(at, 0, static_cast<std::size_t>(os - oses_.data()), "purgatory",
                          std::move(lost));
}

void OsRecorder::purgatory_left(Os& os, std::uint64_t pc, Cycles at) {
  auto jump = purgatory_.left(*os.spec, pc);
  if (!jump) return;
  const auto by = static_cast<std::size_t>(&os - oses_.data());
  std::size_t to = by;
  for (std::size_t i = 0; i < oses_.size(); ++i)
    if (oses_[i].spec == jump->into) to = i;
  interference_->report(at, by, to, "jump", std::move(jump->what));
}

void OsRecorder::translated(Core& core, std::uint64_t pc) {
  Os* os = os_of(core);
  if (os == nullptr) return;
  if (os->phase == Phase::kPurgatory) {
    if (pc >= os->slot && pc < os->slot + kPurgatorySlot) return;
    if (purgatory_.is_release(*os->spec, pc)) return;
    // The first code outside of its slot: the kernel's entry.
    const Cycles at = core.cpu().now();
    finish(*os, Stage::kPurgatory, at);
    begin(*os, Stage::kKernel, at);
    os->phase = Phase::kKernel;
    purgatory_left(*os, pc, at);
    if (!os->spec->wide) {
      const std::uint64_t load = (pc + kPhysicalAlign - 1) / kPhysicalAlign * kPhysicalAlign;
      os->shift = load - kPhysicalStart;
    }
  } else if (os->phase == Phase::kPost) {
    if (pc != kBootSector) return;
    os->phase = Phase::kBootLoader;
    trace_leader(kTraceBootLoader, core.cpu().now());
  } else if (os->phase == Phase::kBootLoader) {
    if (pc < kMegabyte) return;
    os->phase = Phase::kKernel;
    trace_leader(static_cast<unsigned>(Stage::kKernel), core.cpu().now());
  }
}

std::uint32_t OsRecorder::scenario_probe_at(Core& core, std::uint64_t pc) {
  Os* os = os_of(core);
  if (os == nullptr || os->phase == Phase::kPost) return 0;
  const auto found = os->probes.find(pc - os->shift);
  if (found != os->probes.end()) return found->second;
  if (os->spec->role != Role::kLeader) return 0;
  return is_boot_tool(core, pc) ? std::uint32_t{kBootTool} : 0;
}

bool OsRecorder::is_boot_tool(Core& core, std::uint64_t pc) {
  if (!boot_tool_ || pc != boot_tool_->address) return false;
  // Other programs have code at this address, too.
  for (std::size_t i = 0; i < boot_tool_->code.size(); ++i) {
    const auto physical = core.cpu().translate(pc + i);
    if (!physical) return false;
    const auto byte = machine().memory().at(*physical, 1);
    if (byte.empty() || byte[0] != boot_tool_->code[i]) return false;
  }
  return true;
}

void OsRecorder::scenario_probe(Core& core, std::uint32_t id) {
  Os* os = os_of(core);
  if (os == nullptr) return;
  const Cycles at = core.cpu().now();
  if (tracer() != nullptr) tracer()->probe(core, std::string(probe_name(id)));
  switch (id) {
    case kKernelInit:
      ++os->boots;
      os->result.kernel_init = at;
      if (os->phase < Phase::kUser) os->phase = Phase::kKernel;
      check_goal();
      break;
    case kRunInit:
      if (os->phase != Phase::kKernel) break;
      finish(*os, Stage::kKernel, at);
      if (os->spec->role == Role::kFollower)
        begin(*os, Stage::kUser, at);
      else
        trace_leader(static_cast<unsigned>(Stage::kUser), at);
      os->phase = Phase::kUser;
      break;
    case kBootTool:
      load_begun_ = at;
      break;
    case kMintKexecLoad:
      place_begun_ = at;
      purgatory_.placing();
      break;
    case kMintStartCore:
      ipi_begun_ = at;
      break;
    case kPanic:
      die(*os, "Kernel panic, and no UART to say why");
      break;
    case kStockKexec:
      // kexec -e: the clock of the second boot begins here.
      os->result.start = at;
      os->result.kernel_init.reset();
      os->phase = Phase::kKernel;
      trace_leader(static_cast<unsigned>(Stage::kKernel), at);
      break;
    default:
      break;
  }
}

// --- consoles
// ------------------------------------------------------------------------------------------

void OsRecorder::console_byte(unsigned uart, std::uint8_t byte) {
  Os* os = os_of_uart(uart);
  if (os == nullptr) return;
  os->moved = now();
  type_what_is_due(*os);
  if (byte != '\n') {
    if (byte != '\r') os->line += static_cast<char>(byte);
    return;
  }
  line_printed(*os);
  os->line.clear();
}

void OsRecorder::line_printed(Os& os) {
  if (!os.spec->up_marker.empty() && os.phase != Phase::kDead && !os.result.daemons_up &&
      os.line.find(os.spec->up_marker) != std::string::npos)
    came_up(os);
  for (const char* bad :
       {"Kernel panic - not syncing", "mint: daemon ", "mint: start of ", "mint: no disk "}) {
    const std::size_t at = os.line.find(bad);
    if (at == std::string::npos) continue;
    die(os, os.line.substr(at));
  }
  check_goal();
}

void OsRecorder::came_up(Os& os) {
  os.result.daemons_up = now();
  finish(os, Stage::kUser, now());
  os.phase = Phase::kUp;
}

// The word tells of an OS that has no UART what others say on their consoles (guest/README.md).
void OsRecorder::state_word_written(Os& os, std::uint64_t value) {
  constexpr std::uint64_t kStateUp = 1;
  constexpr std::uint64_t kStateFailed = 2;
  os.moved = now();
  if (value == kStateUp && os.phase != Phase::kDead && !os.result.daemons_up)
    came_up(os);
  else if (value == kStateFailed)
    die(os, "a daemon failed, by its state word");
  check_goal();
}

void OsRecorder::type_what_is_due(Os& os) {
  if (os.typing.empty()) return;
  const unsigned uart = *os.spec->uart - 1;
  if (!console_text(uart).ends_with(os.typing.front().after)) return;
  const std::string text = os.typing.front().text;
  os.typing.erase(os.typing.begin());
  machine().type(uart, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void OsRecorder::die(Os& os, const std::string& why) {
  if (os.result.died) return;
  os.result.died = true;
  os.result.last_words = why;
  os.phase = Phase::kDead;
  end(false, fmt::format("{} died: {}", os.spec->name, why));
}

bool OsRecorder::reached(const Os& os) const {
  const EndCondition& condition = request_.scenario.end;
  switch (condition.when) {
    case EndWhen::kDaemonsUp:
      return os.result.daemons_up.has_value();
    case EndWhen::kKernelInit:
      return os.result.kernel_init.has_value() &&
             os.boots >= (request_.scenario.start == StartMode::kKexecReboot ? 2u : 1u);
    case EndWhen::kConsoleText:
      return os.spec->uart &&
             console_text(*os.spec->uart - 1).find(condition.text) != std::string::npos;
    case EndWhen::kPowerOff:
    case EndWhen::kExit:
      break;
  }
  return false;
}

bool OsRecorder::is_wanted(const Os& os) const {
  const auto& wanted = request_.scenario.end.os;
  return std::find(wanted.begin(), wanted.end(), os.spec->name) != wanted.end();
}

// Ends the run when every OS that it still waits for has stalled: those that have not may yet come
// up, and then the run shows who did and who did not.
void OsRecorder::ticked() {
  if (request_.scenario.end.stall_s <= 0 || ended()) return;
  const Hertz clock = machine().setup().profile.core_clock;
  std::string reason;
  for (Os& os : oses_) {
    if (!is_wanted(os) || reached(os)) continue;
    const bool started = os.phase >= Phase::kPurgatory && os.phase != Phase::kDead;
    if (!started || os.moved > now() ||
        seconds(now() - os.moved, clock) < request_.scenario.end.stall_s)
      return;
    reason += (reason.empty() ? "" : "; ") + os.spec->name + " " + explain_stall(os);
  }
  if (reason.empty()) return;
  for (Os& os : oses_) {
    if (!is_wanted(os) || reached(os)) continue;
    os.result.hung_since = os.moved;
    os.result.last_words = explain_stall(os);
  }
  end(false, reason);
}

std::string OsRecorder::explain_stall(const Os& os) const {
  const Core& core = *machine().cores()[os.spec->cores.front().value];
  const Hertz clock = machine().setup().profile.core_clock;
  // A system that idles waits for something, too: a disk that it does not find.
  const bool idle = core.state() == Core::State::kHalted;
  std::string text = fmt::format("hangs since {:.6f} s, {} {}", seconds(os.moved, clock),
                                 idle ? "idle in" : "spinning in", symbolise(core, core.pc()));
  const std::string_view reason = wait_reason(os.symbols.name_at(core.pc() - os.shift));
  if (!reason.empty()) text += fmt::format(", waiting for {}", reason);
  if (const Interference* cause = interference_->last_to(os.spec->name, os.moved))
    text += fmt::format(" ({:.6f} s: {})", seconds(cause->when, clock), cause->what);
  return text;
}

void OsRecorder::check_goal() {
  const EndCondition& condition = request_.scenario.end;
  for (const Os& os : oses_)
    if (is_wanted(os) && !reached(os)) return;
  if (condition.os.empty()) return;
  std::string reason = fmt::format("\"{}\" printed", condition.text);
  if (condition.when == EndWhen::kDaemonsUp) reason = "daemons up";
  if (condition.when == EndWhen::kKernelInit) reason = "kernel_init reached";
  const auto& found = interference_->found();
  const bool disturbed = condition.undisturbed && !found.empty();
  if (disturbed)
    reason += fmt::format(
        ", but not undisturbed ({} times; first, {:.6f} s: {})", interference_->count(),
        seconds(found.front().when, machine().setup().profile.core_clock), found.front().what);
  end(!disturbed, reason);
}

// --- lock and interference
// -----------------------------------------------------------------------------

void OsRecorder::lock_accessed(Os& os, Core& core, Cycles at, const Access& access) {
  const auto trace = [&](LockStep step) {
    if (tracer() != nullptr) tracer()->lock(core, step, at);
  };
  const auto value = static_cast<std::uint32_t>(access.value);
  if (!access.write) {
    if (value != 0 && !os.held_since && !os.waiting_since) {
      os.waiting_since = at;
      trace(LockStep::kWait);
    }
    return;
  }
  // A failing compare-and-exchange writes back what it read.
  if (value == lock_) return;
  if (value != 0) {
    ++os.result.lock_taken;
    trace(LockStep::kTake);
    os.held_since = at;
    if (os.waiting_since) os.result.lock_waited += at - *os.waiting_since;
    os.waiting_since.reset();
  } else if (os.held_since) {
    os.result.lock_held += at - *os.held_since;
    os.held_since.reset();
    trace(LockStep::kRelease);
  }
  lock_ = value;
}

void OsRecorder::accessed(Core& core, Cycles at, const Access& access) {
  Recorder::accessed(core, at, access);
  if (access.kind == Access::Kind::kShared) {
    Os* os = os_of(core);
    const auto& lock = request_.scenario.shared.lock;
    if (os != nullptr && lock && access.address == lock->value)
      lock_accessed(*os, core, at, access);
    if (os != nullptr && !os->spec->uart && access.write &&
        access.address == kStateWords + 4ULL * os->spec->cores.front().value)
      state_word_written(*os, access.value);
    return;
  }
  if (access.kind == Access::Kind::kLapic) return;
  if (place_begun_ && os_of(core) == &leader()) purgatory_.accessed(access);
  interference_->accessed(core.id().value, at, access);
  trace_interference();
}

void OsRecorder::redirection_written(unsigned pin, RedirectionEntry old, RedirectionEntry entry) {
  Recorder::redirection_written(pin, old, entry);
  interference_->redirection_written(now(), pin, old, entry);
  trace_interference();
}

void OsRecorder::message_delivered(const ApicBus::Delivery& delivery) {
  Recorder::message_delivered(delivery);
  if (delivery.origin.kind == Origin::Kind::kLapic) {
    if (Os* os = os_of_core(delivery.origin.place)) ++os->result.ipis_sent;
  }
  interference_->message_delivered(delivery);
  trace_interference();
}

void OsRecorder::platform_reset(const std::string& why) {
  Recorder::platform_reset(why);
  std::string by;
  if (const auto os = interference_->last_os(); os && why.find("core") == std::string::npos)
    by = fmt::format(" ({})", oses_[*os].spec->name);
  end(false, fmt::format("the machine was reset by {}{}", why, by));
}

// --- results
// -------------------------------------------------------------------------------------------

void OsRecorder::fill_progress(Progress& progress) {
  for (const Os& os : oses_)
    progress.os.push_back({os.spec->name, phase_name(static_cast<unsigned>(os.phase))});
}

void OsRecorder::fill_result(RunResult& result) {
  for (Os& os : oses_) {
    if (os.held_since) os.result.lock_held += result.end - *os.held_since;
    if (os.waiting_since) os.result.lock_waited += result.end - *os.waiting_since;
    for (const ApicId id : os.spec->cores)
      os.result.instructions += machine().cores()[id.value]->cpu().instructions();
    result.os.push_back(os.result);
  }
  result.interference = interference_->found();
}

std::string OsRecorder::lock_state() const {
  const auto& lock = request_.scenario.shared.lock;
  if (!lock) return "";
  std::string text = lock_ == 0 ? "lock: free\n" : fmt::format("lock: held by core {}", lock_ - 1);
  if (lock_ == 0) return text;
  for (const Os& os : oses_)
    if (os.waiting_since) text += fmt::format(", {} waits for it", os.spec->name);
  return text + "\n";
}

std::string OsRecorder::watchdog() const { return Recorder::watchdog() + lock_state(); }

std::string OsRecorder::symbolise(const Core& core, std::uint64_t pc) const {
  const Os* os = os_of(core);
  if (os != nullptr) {
    const std::string name = os->symbols.name_at(pc - os->shift);
    if (!name.empty()) return fmt::format("{:x} ({}, {})", pc, name, os->spec->name);
    if (os->slot != 0 && pc >= os->slot && pc < os->slot + kPurgatorySlot)
      return fmt::format("{:x} (purgatory+{:#x}, {})", pc, pc - os->slot, os->spec->name);
  }
  if (pc >= 0xe0000 && pc < kMegabyte) return fmt::format("{:x} (firmware)", pc);
  return fmt::format("{:x}", pc);
}

}  // namespace mint
