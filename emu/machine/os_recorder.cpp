#include "emu/machine/os_recorder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "emu/scenario/resources.hpp"

namespace mint {

std::string_view OsRecorder::phase_name(Phase phase) {
  static constexpr std::string_view kNames[] = {"off",   "POST", "boot loader", "load",
                                                "place", "IPI",  "purgatory",   "kernel",
                                                "user",  "up",   "dead"};
  return kNames[static_cast<unsigned>(phase)];
}

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
  set_places(os);
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

// --- lock and interference -----------------------------------------------------------------------

void OsRecorder::accessed(Core& core, Cycles at, const Access& access) {
  Recorder::accessed(core, at, access);
  if (access.own) return;
  accessing_core_ = core.id().value;
  check_configuration_read(at);
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
  isolation_->accessed(core.id().value, at, access);
  if (place_begun_ && os_of(core) == &leader()) purgatory_.accessed(access);
  interference_->accessed(core.id().value, at, access);
  trace_interference();
  if (const Os* os = os_of(core)) io_apic_accessed(*os, core, access);
}

void OsRecorder::redirection_written(unsigned pin, RedirectionEntry old, RedirectionEntry entry) {
  Recorder::redirection_written(pin, old, entry);
  interference_->redirection_written(now(), pin, old, entry);
  isolation_->redirection_written(accessing_core_, now(), pin);
  trace_interference();
}

void OsRecorder::message_delivered(const ApicBus::Delivery& delivery) {
  Recorder::message_delivered(delivery);
  if (delivery.origin.kind == Origin::Kind::kLapic) {
    if (Os* os = os_of_core(delivery.origin.place)) ++os->result.ipis_sent;
  }
  interference_->message_delivered(delivery);
  isolation_->message_delivered(delivery);
  trace_interference();
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

void OsRecorder::platform_reset(const std::string& why) {
  Recorder::platform_reset(why);
  std::string by;
  if (const auto os = interference_->last_os(); os && why.find("core") == std::string::npos)
    by = fmt::format(" ({})", oses_[*os].spec->name);
  end(false, fmt::format("the machine was reset by {}{}", why, by));
}

// --- results -------------------------------------------------------------------------------------

void OsRecorder::fill_progress(Progress& progress) {
  for (const Os& os : oses_) progress.os.push_back({os.spec->name, phase_name(os.phase)});
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
  result.meetings = meetings_->results();
  result.isolation = isolation_->found();
  result.isolation_violations = isolation_->count();
  contention_.end(result.end);
  result.lock_uses = contention_.lock_uses();
  result.io_apic_uses = contention_.io_apic_uses();
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

std::string OsRecorder::watchdog() const {
  return Recorder::watchdog() + lock_state() + meetings_->missing();
}

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
