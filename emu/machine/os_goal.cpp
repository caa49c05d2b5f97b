// What a scenario waits for, and what keeps an OS from getting there: consoles, state words,
// stalls.
#include <fmt/format.h>

#include <algorithm>

#include "emu/machine/os_recorder.hpp"
#include "emu/machine/wait_reasons.hpp"

namespace mint {

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
  // With the line that it ends in: another OS's line does not count for it.
  const EndCondition& condition = request_.scenario.end;
  if (condition.when == EndWhen::kConsoleText && os.spec->uart) {
    const std::string& text = console_text(*os.spec->uart - 1);
    const std::size_t before = std::min(os.line_start, condition.text.size());
    os.text_printed |= text.find(condition.text, os.line_start - before) != std::string::npos;
    os.line_start = text.size();
  }
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
             os.boots >= (request_.scenario.boots_twice() ? 2u : 1u);
    case EndWhen::kConsoleText:
      return os.text_printed;
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
    if (meetings_->holds(os.spec->name)) return;  // which has a limit of its own
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

// While the OSes run at once, those that the goal waits for lead.
void OsRecorder::tell_awaited() {
  if (machine().lanes() == nullptr) return;
  for (const Os& os : oses_) machine().lanes()->await(number_of(os), is_wanted(os) && !reached(os));
}

void OsRecorder::check_goal() {
  const EndCondition& condition = request_.scenario.end;
  tell_awaited();
  for (const Os& os : oses_)
    if (is_wanted(os) && !reached(os)) return;
  if (condition.os.empty()) return;
  std::string reason = fmt::format("\"{}\" printed", condition.text);
  if (condition.when == EndWhen::kDaemonsUp) reason = "daemons up";
  if (condition.when == EndWhen::kKernelInit) reason = "kernel_init reached";
  goal_met_by_all(reason);
}

// And has it come about well?
void OsRecorder::goal_reached(const std::string& what) {
  const EndCondition& condition = request_.scenario.end;
  if (const std::string missing = meetings_->missing(); !missing.empty()) {
    end(false, what + ", but without a " + missing.substr(0, missing.find('\n')));
    return;
  }
  const Hertz clock = machine().setup().profile.core_clock;
  std::string spoiled;
  if (const auto& found = interference_->found(); condition.undisturbed && !found.empty())
    spoiled +=
        fmt::format(", but not undisturbed ({} times; first, {:.6f} s: {})", interference_->count(),
                    seconds(found.front().when, clock), found.front().what);
  if (const auto& found = isolation_->found(); condition.isolated && !found.empty())
    spoiled += fmt::format(", but not isolated ({} violation{}; first, {:.6f} s: {})",
                           isolation_->count(), isolation_->count() == 1 ? "" : "s",
                           seconds(found.front().when, clock), found.front().what);
  end(spoiled.empty(), what + spoiled);
}

}  // namespace mint
