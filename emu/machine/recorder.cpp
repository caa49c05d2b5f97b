#include "emu/machine/recorder.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>

#include "emu/machine/watchdog.hpp"

namespace mint {
namespace {

using Clock = std::chrono::steady_clock;

// How often, on the machine's clock, the host's clock is looked at.
constexpr std::uint64_t kTickNanoseconds = 10'000'000;
constexpr auto kProgressInterval = std::chrono::milliseconds(100);

std::uint64_t peak_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) / 1024;
}

}  // namespace

Recorder::Recorder(const RunRequest& request, RunObserver& observer)
    : request_(request), observer_(observer), consoles_(MachineObserver::kDebugConsole + 1) {}

Recorder::~Recorder() = default;

RunResult Recorder::run(Machine& machine) {
  machine_ = &machine;
  if (request_.trace != nullptr)
    tracer_ = std::make_unique<Tracer>(*request_.trace, machine, os_of_cores());
  begun_ = last_progress_ = Clock::now();
  const Hertz clock = machine.setup().profile.core_clock;
  tick_ = std::make_unique<Event>(machine.queue(), "run.tick", [this](Cycles) { tick(); });
  time_limit_ = std::make_unique<Event>(machine.queue(), "run.limit", [this](Cycles) {
    end(false, fmt::format("time limit of {:g} s reached", request_.scenario.end.time_limit_s));
  });
  time_limit_->schedule({static_cast<std::uint64_t>(
      std::llround(request_.scenario.end.time_limit_s * static_cast<double>(clock.count)))});
  tick_->schedule({kTickNanoseconds * (clock.count / 1'000'000) / 1000});
  if (tracer_) {
    if (const auto at = request_.trace->end_at()) {
      trace_end_ = std::make_unique<Event>(machine.queue(), "run.trace",
                                           [this](Cycles) { machine_->stop(); });
      trace_end_->schedule(*at);
    }
    tracer_->power_on();
  }
  open_captures();
  begun();
  bool interrupted = false;
  const Machine::End ended = machine.run([this, &interrupted] {
    if (observer_.wants_end()) {
      interrupted = true;
      machine_->lanes()->interrupt();
      end(false, "interrupted by the user");
    }
    report_progress();
  });
  const bool failed_at_once = ended == Machine::End::kFailed && !interrupted;
  if (!ended_ && !goal_.empty() && !failed_at_once) goal_reached(goal_);
  if (ended == Machine::End::kIdle && !ended_)
    end(false, "every core has stopped and nothing can wake one");
  tick_.reset();
  time_limit_.reset();
  trace_end_.reset();
  if (failed_at_once) {
    RunResult failed;
    failed.one_job = machine.lanes()->failure();
    return failed;
  }
  if (!ended_) {
    reason_ = "ended where the trace asked for it";
    ended_at_ = now();
  }

  flush_consoles();
  flush_captures();
  RunResult result;
  result.goal_met = goal_met_;
  result.reason = reason_;
  result.end = ended_at_;
  result.core_clock = clock;
  result.instructions = machine.instructions();
  result.unknown_instructions = machine.unknown_instructions();
  for (const auto& core : machine.cores()) {
    const mint_registers r = core->cpu().registers();
    own_[core->id().value].add(static_cast<int>(Kind::kEnd), core->cpu().instructions(),
                               core->cpu().now().count, r.rip, r.rflags, r.general[0],
                               r.general[4]);
  }
  board_.add(result.end.count);
  Digest digest;
  add_to(digest);
  result.digest = digest.text();
  if (!goal_met_) result.watchdog = watchdog();
  if (tracer_) {
    tracer_->end(goal_met_, reason_);
    tracer_->sink().ended(machine);
  }
  fill_result(result);
  result.wall_s = std::chrono::duration<double>(Clock::now() - begun_).count();
  result.peak_rss_mb = peak_rss_mb();
  return result;
}

void Recorder::add_to(Digest& digest) const {
  digest.add(board_);
  for (const Digest& lane : lanes_) digest.add(lane);
  for (const Digest& own : own_) digest.add(own);
}

void Recorder::end(bool goal_met, std::string reason) {
  if (ended_) return;
  ended_ = true;
  ended_at_ = now();
  goal_met_ = goal_met;
  reason_ = std::move(reason);
  machine_->stop();
}

void Recorder::goal_met_by_all(const std::string& what) {
  Lanes* lanes = machine_->lanes();
  if (lanes == nullptr || !lanes->at_once()) {
    goal_reached(what);
    return;
  }
  goal_ = what;
  lanes->stop_at_goal();
}

void Recorder::tick() {
  // While OSes run at once there is no common time at which one could look at all of them.
  if (machine_->lanes() != nullptr && machine_->lanes()->at_once()) return;
  tick_->schedule(now() + Cycles{kTickNanoseconds *
                                 (machine_->setup().profile.core_clock.count / 1'000'000) / 1000});
  if (tracer_) {
    Digest digest;
    add_to(digest);
    const auto [high, low] = digest.value();
    tracer_->checkpoint(high, low);
  }
  ticked();
  if (request_.scenario.end.when == EndWhen::kPowerOff && !ended_ &&
      std::ranges::all_of(machine_->cores(), [](const auto& core) { return core->stopped(); }))
    goal_reached("every core has halted");
  if (observer_.wants_end()) end(false, "interrupted by the user");
  report_progress();
}

void Recorder::report_progress() {
  const auto wall = Clock::now();
  if (wall - last_progress_ < kProgressInterval) return;
  const Lanes* lanes = machine_->lanes();
  Progress progress;
  progress.now = lanes != nullptr ? lanes->progress() : now();
  progress.wall_s = std::chrono::duration<double>(wall - begun_).count();
  const std::uint64_t instructions =
      lanes != nullptr ? lanes->instructions() : machine_->instructions();
  progress.mips = static_cast<double>(instructions - last_instructions_) / 1e6 /
                  std::chrono::duration<double>(wall - last_progress_).count();
  last_instructions_ = instructions;
  last_progress_ = wall;
  flush_consoles();
  fill_progress(progress);
  observer_.progress(progress);
}

// --- consoles
// --------------------------------------------------------------------------------------

void Recorder::open_console(unsigned uart, const std::string& name, unsigned os) {
  auto console = std::make_unique<Console>();
  console->os = os;
  if (!request_.out_dir.empty())
    console->file.open(request_.out_dir / (name + ".console.log"), std::ios::binary);
  consoles_[uart] = std::move(console);
}

const std::string& Recorder::console_text(unsigned uart) const {
  static const std::string kNothing;
  return consoles_[uart] ? consoles_[uart]->text : kNothing;
}

void Recorder::console_byte(unsigned, std::uint8_t) {}

void Recorder::serial_output(unsigned uart, std::uint8_t byte) {
  digest_of(machine_->ownership().of_uart(uart))
      .add(static_cast<int>(Kind::kSerial), uart, byte, now().count);
  Console* console = consoles_[uart].get();
  if (console == nullptr) return;
  if (tracer_) tracer_->serial_output(uart, static_cast<std::uint8_t>(console->os), byte);
  console->text += static_cast<char>(byte);
  console->pending += static_cast<char>(byte);
  console_byte(uart, byte);
}

void Recorder::flush_consoles() {
  for (const auto& console : consoles_) {
    if (!console || console->pending.empty()) continue;
    if (console->file.is_open() && !(console->file << console->pending << std::flush)) {
      disk_is_full("console files");
    }
    if (request_.console_to_observer) observer_.console(console->os, console->pending);
    console->pending.clear();
  }
}

void Recorder::disk_is_full(const char* files) {
  reason_ = fmt::format("{} in {} cannot be written; is the disk full?", files,
                        request_.out_dir.string());
  ended_ = true;
  goal_met_ = false;
  machine_->stop();
}

// --- captures
// ----------------------------------------------------------------------------------------

void Recorder::open_captures() {
  if (request_.out_dir.empty()) return;
  for (const NetworkSpec& network : request_.scenario.networks) {
    captures_.push_back(nullptr);
    if (network.pcap)
      captures_.back() = std::make_unique<PcapFile>(request_.out_dir / (network.name + ".pcap"),
                                                    machine_->setup().profile.core_clock);
  }
}

void Recorder::flush_captures() {
  for (const auto& capture : captures_)
    if (capture && !capture->flush()) disk_is_full("captures");
}

// --- what happens
// ------------------------------------------------------------------------------------

void Recorder::accessed(Core& core, Cycles at, const Access& access) {
  Digest& digest = access.own ? digest_of(core) : board_;
  digest.add(static_cast<int>(Kind::kAccess), core.id().value, at.count,
             static_cast<int>(access.kind) << 8 | static_cast<int>(access.write), access.size,
             access.address, access.value);
  if (tracer_) tracer_->accessed(core, at, access);
}

void Recorder::interrupted(Core& core, Vector vector, bool hardware) {
  Digest& digest = hardware ? digest_of(core) : own_[core.id().value];
  digest.add(static_cast<int>(Kind::kInterrupt), core.id().value, vector.value, hardware,
             core.cpu().now().count);
  if (tracer_) tracer_->interrupted(core, vector, hardware);
}

void Recorder::mode_changed(Core& core, std::uint64_t pc) {
  if (tracer_) tracer_->mode_changed(core, pc);
}

void Recorder::clock_read(Core& core, Cycles at, std::uint64_t value) {
  if (tracer_) tracer_->clock_read(core, at, value);
}

void Recorder::started(Core& core, Vector vector) {
  digest_of(core).add(static_cast<int>(Kind::kStart), core.id().value, vector.value, now().count);
  if (tracer_) tracer_->started(core, vector);
}

void Recorder::shut_down(Core& core, const std::string& why) {
  digest_of(core).add(static_cast<int>(Kind::kShutDown), core.id().value, core.cpu().now().count);
  if (tracer_) tracer_->shut_down(core, why);
  // The chip set answers the processor's shutdown cycle with a reset of the platform.
  machine_->request_reset(
      fmt::format("{} on core {} at {}", why, core.id().value, symbolise(core, core.pc())));
}

std::uint32_t Recorder::scenario_probe_at(Core&, std::uint64_t) { return 0; }
void Recorder::scenario_probe(Core&, std::uint32_t) {}

std::uint32_t Recorder::probe_at(Core& core, std::uint64_t pc) {
  const std::uint32_t id = scenario_probe_at(core, pc);
  return tracer_ ? id | tracer_->probe_at(core, pc) : id;
}

void Recorder::probe(Core& core, std::uint32_t id) {
  if (tracer_) tracer_->probed(core, id);
  id &= kWatched;
  if (id == 0) return;
  if (id == kWatched) {
    tracer_->probe(core, request_.trace->symbol());
    return;
  }
  own_[core.id().value].add(static_cast<int>(Kind::kProbe), id, core.cpu().now().count);
  scenario_probe(core, id);
}

void Recorder::translated(Core&, std::uint64_t) {}
void Recorder::post_code(std::uint8_t code) {
  if (tracer_) tracer_->post_code(code);
}

void Recorder::debug_exit(std::uint32_t value) {
  board_.add(static_cast<int>(Kind::kExit), value, now().count);
  if (tracer_) tracer_->exit(value);
}

void Recorder::platform_reset(const std::string& why) {
  board_.add(static_cast<int>(Kind::kReset), now().count);
  if (tracer_) tracer_->reset(why);
}

void Recorder::redirection_written(unsigned pin, RedirectionEntry old, RedirectionEntry entry) {
  if (tracer_) tracer_->redirection_written(pin, old, entry);
}

void Recorder::message_delivered(const ApicBus::Delivery& delivery) {
  digest_of(machine_->ownership().of_message(delivery))
      .add(static_cast<int>(Kind::kMessage), delivery.message.vector.value,
           static_cast<int>(delivery.message.mode), delivery.targets.to_ullong(),
           delivery.sent.count, delivery.arrived.count);
  if (tracer_) tracer_->message_delivered(delivery);
}

void Recorder::pci_configured(const PciHost::ConfigAccess& access) {
  if (tracer_) tracer_->pci_configured(access);
}

void Recorder::disk_command(unsigned disk, const DiskCommandRecord& record) {
  if (tracer_) tracer_->disk_command(disk, record);
}

void Recorder::dma(unsigned disk, bool to_memory, PhysAddr address,
                   std::span<const std::byte> data) {
  if (tracer_) tracer_->dma(disk, to_memory, address, data);
}

void Recorder::nic_dma(unsigned nic, bool to_memory, PhysAddr address,
                       std::span<const std::byte> data) {
  if (tracer_) tracer_->nic_dma(nic, to_memory, address, data);
}

void Recorder::frame_sent(unsigned network, unsigned nic, std::span<const std::uint8_t> frame) {
  board_.add(static_cast<int>(Kind::kFrame), network, nic, now().count);
  board_.add(std::string_view(reinterpret_cast<const char*>(frame.data()), frame.size()));
  if (network < captures_.size() && captures_[network]) captures_[network]->add(now(), frame);
  if (tracer_) tracer_->frame_sent(network, nic, frame);
}

void Recorder::fill_progress(Progress&) {}
void Recorder::fill_result(RunResult&) {}

std::string Recorder::watchdog() const {
  return describe_cores(*machine_,
                        [this](const Core& core, std::uint64_t pc) { return symbolise(core, pc); });
}

std::string Recorder::symbolise(const Core&, std::uint64_t pc) const {
  return fmt::format("{:x}", pc);
}

}  // namespace mint
