// The stages of each OS's boot, from the symbols that it reaches, its messages and the code that it
// runs.
#include "emu/machine/os_recorder.hpp"
#include "emu/scenario/resources.hpp"

namespace mint {
namespace {

constexpr std::uint64_t kBootSector = 0x7c00;
// Where vmlinux of a 32-bit kernel is linked to run (CONFIG_PHYSICAL_START) and the steps in which
// a relocatable one can be moved (CONFIG_PHYSICAL_ALIGN).
constexpr std::uint64_t kPhysicalStart = 0x1000000;
constexpr std::uint64_t kPhysicalAlign = 0x200000;

// Stages of the leader alone, after those of the thesis.
constexpr unsigned kTracePost = kStages;
constexpr unsigned kTraceBootLoader = kStages + 1;

}  // namespace

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

void OsRecorder::begun() {
  trace_leader(kTracePost, now());
  begin_isolation();
  begin_meetings();
  tell_awaited();
}

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
  if (machine().lanes() != nullptr) machine().begin_lane(number_of(*os));
  meet_at_purgatory(*os, core);
}

// The first code outside of its slot.
bool OsRecorder::is_kernel_entry(const Os& os, std::uint64_t pc) const {
  return os.phase == Phase::kPurgatory && (pc < os.slot || pc >= os.slot + kPurgatorySlot) &&
         !purgatory_.is_release(*os.spec, pc);
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
    if (!is_kernel_entry(*os, pc)) return;
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
    isolation_->begin();
    os->phase = Phase::kKernel;
    trace_leader(static_cast<unsigned>(Stage::kKernel), core.cpu().now());
  }
}

std::uint32_t OsRecorder::scenario_probe_at(Core& core, std::uint64_t pc) {
  Os* os = os_of(core);
  if (os == nullptr || os->phase == Phase::kPost) return 0;
  if (os->kernel_entry != 0 && is_kernel_entry(*os, pc)) {
    os->entry = pc;
    return os->kernel_entry;
  }
  if (const auto place = os->places.find(pc); place != os->places.end()) return place->second;
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
  const std::uint32_t step = id % kMeetingStep;
  if (tracer() != nullptr && step != 0) tracer()->probe(core, std::string(probe_name(step)));
  switch (step) {
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
      // kexec -e: the clock of a reboot begins here. For a boot loader that happens to be a Linux
      // it goes on from power-on.
      if (request_.scenario.start == StartMode::kKexecReboot) os->result.start = at;
      os->result.kernel_init.reset();
      os->phase = Phase::kKernel;
      trace_leader(static_cast<unsigned>(Stage::kKernel), at);
      break;
    default:
      break;
  }
  // Last, as it does not return when the core is reset.
  if (id >= kMeetingStep) meet(*os, core, id / kMeetingStep - 1);
}

}  // namespace mint
