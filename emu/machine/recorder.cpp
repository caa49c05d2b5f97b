#include "emu/machine/recorder.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

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
  begun_ = last_progress_ = Clock::now();
  const Hertz clock = machine.setup().profile.core_clock;
  tick_ = std::make_unique<Event>(machine.queue(), "run.tick", [this](Cycles) { tick(); });
  time_limit_ = std::make_unique<Event>(machine.queue(), "run.limit", [this](Cycles) {
    end(false, fmt::format("time limit of {:g} s reached", request_.scenario.end.time_limit_s));
  });
  time_limit_->schedule({static_cast<std::uint64_t>(
      std::llround(request_.scenario.end.time_limit_s * static_cast<double>(clock.count)))});
  tick_->schedule({kTickNanoseconds * (clock.count / 1'000'000) / 1000});
  if (machine.run() == Scheduler::End::kIdle && !ended_)
    end(false, "every core has stopped and nothing can wake one");
  tick_.reset();
  time_limit_.reset();

  flush_consoles();
  RunResult result;
  result.goal_met = goal_met_;
  result.reason = reason_;
  result.end = machine.queue().now();
  result.core_clock = clock;
  result.instructions = machine.instructions();
  result.unknown_instructions = machine.unknown_instructions();
  for (const auto& core : machine.cores()) {
    const mint_registers r = core->cpu().registers();
    digest_.add(static_cast<int>(Kind::kEnd), core->cpu().instructions(), core->cpu().now().count,
                r.rip, r.rflags, r.general[0], r.general[4]);
  }
  digest_.add(result.end.count);
  result.digest = digest_.text();
  if (!goal_met_) result.watchdog = watchdog();
  fill_result(result);
  result.wall_s = std::chrono::duration<double>(Clock::now() - begun_).count();
  result.peak_rss_mb = peak_rss_mb();
  return result;
}

void Recorder::end(bool goal_met, std::string reason) {
  if (ended_) return;
  ended_ = true;
  goal_met_ = goal_met;
  reason_ = std::move(reason);
  machine_->stop();
}

void Recorder::tick() {
  tick_->schedule(now() + Cycles{kTickNanoseconds *
                                 (machine_->setup().profile.core_clock.count / 1'000'000) / 1000});
  ticked();
  if (observer_.wants_end()) end(false, "interrupted by the user");
  const auto wall = Clock::now();
  if (wall - last_progress_ < kProgressInterval) return;
  Progress progress;
  progress.now = now();
  progress.wall_s = std::chrono::duration<double>(wall - begun_).count();
  const std::uint64_t instructions = machine_->instructions();
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
  digest_.add(static_cast<int>(Kind::kSerial), uart, byte, now().count);
  Console* console = consoles_[uart].get();
  if (console == nullptr) return;
  console->text += static_cast<char>(byte);
  console->pending += static_cast<char>(byte);
  console_byte(uart, byte);
}

void Recorder::flush_consoles() {
  for (const auto& console : consoles_) {
    if (!console || console->pending.empty()) continue;
    if (console->file.is_open() && !(console->file << console->pending << std::flush)) {
      reason_ = fmt::format("console files in {} cannot be written; is the disk full?",
                            request_.out_dir.string());
      ended_ = true;
      goal_met_ = false;
      machine_->stop();
    }
    if (request_.console_to_observer) observer_.console(console->os, console->pending);
    console->pending.clear();
  }
}

// --- what happens
// ------------------------------------------------------------------------------------

void Recorder::accessed(Core& core, Cycles at, const Access& access) {
  digest_.add(static_cast<int>(Kind::kAccess), core.id().value, at.count,
              static_cast<int>(access.kind) << 8 | static_cast<int>(access.write), access.size,
              access.address, access.value);
}

void Recorder::interrupted(Core& core, Vector vector, bool hardware) {
  digest_.add(static_cast<int>(Kind::kInterrupt), core.id().value, vector.value, hardware,
              core.cpu().now().count);
}

void Recorder::started(Core& core, Vector vector) {
  digest_.add(static_cast<int>(Kind::kStart), core.id().value, vector.value, now().count);
}

void Recorder::shut_down(Core& core, const std::string& why) {
  digest_.add(static_cast<int>(Kind::kShutDown), core.id().value, core.cpu().now().count);
  // The chip set answers the processor's shutdown cycle with a reset of the platform.
  machine_->request_reset(
      fmt::format("{} on core {} at {}", why, core.id().value, symbolise(core, core.pc())));
}

std::uint32_t Recorder::probe_at(Core&, std::uint64_t) { return 0; }

void Recorder::probe(Core& core, std::uint32_t id) {
  digest_.add(static_cast<int>(Kind::kProbe), core.id().value, id, core.cpu().now().count);
}

void Recorder::translated(Core&, std::uint64_t) {}
void Recorder::post_code(std::uint8_t) {}

void Recorder::debug_exit(std::uint32_t value) {
  digest_.add(static_cast<int>(Kind::kExit), value, now().count);
}

void Recorder::platform_reset(const std::string&) {
  digest_.add(static_cast<int>(Kind::kReset), now().count);
}

void Recorder::redirection_written(unsigned, RedirectionEntry, RedirectionEntry) {}

void Recorder::message_delivered(const ApicBus::Delivery& delivery) {
  digest_.add(static_cast<int>(Kind::kMessage), delivery.message.vector.value,
              static_cast<int>(delivery.message.mode), delivery.targets.to_ullong(),
              delivery.sent.count, delivery.arrived.count);
}

void Recorder::pci_configured(const PciHost::ConfigAccess&) {}

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
