// Meetings of OSes: where each one's places are, and what is told of them.
#include <fmt/format.h>

#include <algorithm>

#include "emu/machine/os_recorder.hpp"
#include "emu/machine/wait_reasons.hpp"

namespace mint {
namespace {

constexpr const char* kUserPlace = "run_init_process";

}  // namespace

void OsRecorder::set_places(Os& os) {
  const auto& meetings = request_.scenario.meetings;
  for (std::uint32_t i = 0; i < meetings.size(); ++i) {
    const Meeting& meeting = meetings[i];
    if (std::find(meeting.os.begin(), meeting.os.end(), os.spec->name) == meeting.os.end())
      continue;
    const std::uint32_t id = kMeetingStep * (i + 1);
    if (meeting.address) {
      os.places[*meeting.address] = id;
    } else if (meeting.stage == MeetStage::kKernel) {
      os.kernel_entry = id;
    } else if (meeting.stage != MeetStage::kPurgatory) {
      const auto address = os.symbols.address(meeting.stage ? kUserPlace : meeting.symbol);
      if (!address) continue;
      // The trace's own probe there gives way.
      std::uint32_t& probe = os.probes[*address];
      probe = (probe == kWatched ? 0 : probe) + id;
    }
  }
}

void OsRecorder::begin_meetings() {
  Meetings::World world{
      .queue = machine().queue(),
      .clock = machine().setup().profile.core_clock,
      .delay = machine().setup().profile.delays.message,
      .where = [this](const std::string& os) { return whereabouts(os); },
      .failed = [this](std::string why) { end(false, std::move(why)); },
      .met =
          [this](const Meeting& meeting) {
            for (Os& os : oses_)
              if (std::find(meeting.os.begin(), meeting.os.end(), os.spec->name) !=
                  meeting.os.end())
                os.moved = now();
          },
  };
  meetings_ = std::make_unique<Meetings>(request_.scenario.meetings, std::move(world));
}

void OsRecorder::meet(Os& os, Core& core, unsigned number) {
  const Meeting& meeting = request_.scenario.meetings[number];
  std::uint64_t pc = os.entry;
  if (meeting.address)
    pc = *meeting.address;
  else if (meeting.stage != MeetStage::kKernel)
    pc = os.symbols.address(meeting.stage ? kUserPlace : meeting.symbol).value_or(0) + os.shift;
  if (tracer() != nullptr) tracer()->probe(core, "meet: " + place_of(meeting));
  meetings_->arrived(number, os.spec->name, core, pc);
}

// The core has been started, and has not executed anything yet.
void OsRecorder::meet_at_purgatory(Os& os, Core& core) {
  meetings_->left(os.spec->name);
  const auto& meetings = request_.scenario.meetings;
  for (unsigned i = 0; i < meetings.size(); ++i)
    if (meetings[i].stage == MeetStage::kPurgatory)
      meetings_->arrived(i, os.spec->name, core, os.slot);
}

std::string OsRecorder::whereabouts(const std::string& name) const {
  for (const Os& os : oses_) {
    if (os.spec->name != name) continue;
    if (os.phase == Phase::kOff) return "it has not been started";
    const Core& core = *machine().cores()[os.spec->cores.front().value];
    std::string text = fmt::format("it is in {}, {} {}", phase_name(os.phase),
                                   core.state() == Core::State::kHalted ? "idle in" : "at",
                                   symbolise(core, core.pc()));
    if (meetings_->holds(name)) return text + ", held at another meeting";
    const std::string_view reason = wait_reason(os.symbols.name_at(core.pc() - os.shift));
    if (!reason.empty()) text += fmt::format(", waiting for {}", reason);
    if (os.waiting_since && lock_ != 0) {
      const auto& held = oses_;
      const auto owner = std::find_if(held.begin(), held.end(), [this](const Os& o) {
        return o.spec->cores.front().value == lock_ - 1;
      });
      if (owner != held.end()) text += fmt::format(", which {} holds", owner->spec->name);
    }
    return text;
  }
  return "";
}

}  // namespace mint
