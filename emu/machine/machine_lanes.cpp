// The machine's side of its lanes: who may run at once, and what the board does to them.
#include <fmt/format.h>

#include <algorithm>

#include "emu/machine/chips.hpp"
#include "emu/machine/known_code.hpp"

namespace mint {

// Why the groups of a machine cannot run at once; empty when they can.
std::string why_not_lanes(const MachineSetup& setup, const Ownership& ownership) {
  if (ownership.lanes() < 2) return "there is only one OS";
  if (setup.profile.timing == TimingLevel::kCache) return "the caches are shared";
  if (!setup.networks.empty()) return "the OSes share a network";
  if (ownership.shares_pins()) return "OSes share an interrupt pin";
  if (setup.debug_parts) return "of the debug parts";
  return "";
}

std::unique_ptr<Lanes> make_lanes(const MachineSetup& setup, EventQueue& board,
                                  const Ownership& ownership) {
  if (setup.jobs < 2 || !why_not_lanes(setup, ownership).empty()) return nullptr;
  return std::make_unique<Lanes>(board, ownership.lanes(), setup.jobs, setup.profile.delays.slice);
}

class Machine::LaneGroups final : public ApicBus::Groups {
 public:
  LaneGroups(Lanes& lanes, const Ownership& ownership,
             const std::vector<std::unique_ptr<Core>>& cores)
      : lanes_(lanes), ownership_(ownership), cores_(cores) {}

  unsigned of(std::size_t place) const override {
    return ownership_.of_core(static_cast<unsigned>(place));
  }
  std::optional<unsigned> acting() const override { return lanes_.here(); }
  bool ordered() const override { return lanes_.ordered(); }
  bool reached(std::size_t place, const ApicMessage& message) override {
    // Each start by INIT and two SIPIs has one that comes when the core runs.
    const Core& core = *cores_[place];
    if (message.mode == DeliveryMode::kStartup && core.state() != Core::State::kWaitForSipi)
      return false;
    return lanes_.touch(core.group());
  }
  void crossed() override { lanes_.fail("an interrupt went from one OS to another"); }
  void lock() override { lanes_.lock(); }
  void unlock() override { lanes_.unlock(); }

 private:
  Lanes& lanes_;
  const Ownership& ownership_;
  const std::vector<std::unique_ptr<Core>>& cores_;
};

void Machine::build_lanes() {
  if (!lanes_) return;
  std::vector<EventQueue*> queues;
  for (unsigned lane = 0; lane < ownership_.lanes(); ++lane) queues.push_back(&lanes_->queue(lane));
  groups_ = std::make_unique<LaneGroups>(*lanes_, ownership_, cores_);
  apic_bus_.set_groups(*groups_, queues);
}

EventQueue& Machine::queue_of(Ownership::Lane lane) {
  return lanes_ && lane ? lanes_->queue(*lane) : queue_;
}

// What the board does reaches the core, whatever lane it is of.
bool Machine::touch(const Core& core) { return !lanes_ || lanes_->touch(core.group()); }

bool Machine::touch_all() {
  return std::ranges::all_of(cores_, [this](const auto& core) { return touch(*core); });
}

void Machine::check_foreign(Ownership::Lane owner, Cycles used, const char* what) {
  if (!lanes_ || !lanes_->at_once() || !owner || lanes_->here() == owner || used <= now()) return;
  lanes_->fail(fmt::format("{} of OS {} was used by another", what, *owner));
}

Machine::End Machine::run(const std::function<void()>& attend) {
  // The level `cache` is told of each access, by code that no other core can execute.
  if (!setup_.known_code.empty() && !known_code_ && setup_.profile.timing != TimingLevel::kCache)
    known_code_ = std::make_unique<KnownCode>(setup_.known_code, cores_);
  const End end = run_lanes(attend);
  if (known_code_) known_code_->learn(cores_);
  return end;
}

Machine::End Machine::run_lanes(const std::function<void()>& attend) {
  const Scheduler::End end = scheduler_->run();
  if (end == Scheduler::End::kLeft) {
    if (known_code_) known_code_->stop();  // its thread is needed for the lanes
    switch (lanes_->run(attend)) {
      case Lanes::End::kStopped:
        return End::kStopped;
      case Lanes::End::kIdle:
        return End::kIdle;
      case Lanes::End::kFailed:
        return End::kFailed;
    }
  }
  return end == Scheduler::End::kIdle ? End::kIdle : End::kStopped;
}

void Machine::begin_lane(unsigned lane) {
  lanes_->begin(lane);
  scheduler_->leave();
}

void Machine::stop() {
  if (lanes_ && lanes_->at_once())
    lanes_->stop();
  else
    scheduler_->stop();
}

// The 8259s come to know of it in the order of time, the I/O APIC at once: its entry for the pin of
// an OS is that OS's alone (check_foreign).
void Machine::drive_pic(std::function<void()> what) {
  if (lanes_ && !lanes_->ordered())
    lanes_->post(std::move(what));
  else
    what();
}

void Machine::drive_pin(unsigned pin, bool level) {
  const Lanes::Lock lock(lanes_.get());
  pin_used_[pin] = now();
  chips_->io_apic.set_irq(pin, level);
}

}  // namespace mint
