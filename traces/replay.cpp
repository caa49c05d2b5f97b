#include "traces/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "emu/machine/machine.hpp"

namespace mint {
namespace {

[[noreturn]] void bad_until(const std::string& text, const std::string& why) {
  throw StoreError(fmt::format(
      "--until {}: {}; remedy: cycle:N, a time (12.5s, 300ms, 5us), core:C:N, symbol:NAME, "
      "event:KIND, event:KIND:N or event:KIND:TEXT",
      text, why));
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> time_of(std::string_view text) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {
      {"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
  for (const auto& [unit, factor] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const std::string_view digits = text.substr(0, text.size() - unit.size());
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 0 || value > 1e9)
      return std::nullopt;
    return value * factor;
  }
  return std::nullopt;
}

}  // namespace

Until parse_until(const std::string& text, const StoredRun& run) {
  Until until;
  if (text.empty()) return until;
  const std::string_view all = text;
  const std::size_t colon = all.find(':');
  const std::string_view kind = all.substr(0, colon);
  const std::string_view rest = colon == all.npos ? "" : all.substr(colon + 1);
  if (colon == all.npos || kind == "cycle") {
    const std::string_view value = colon == all.npos ? all : rest;
    if (const auto cycle = number(value)) {
      until.cycle = Cycles{*cycle};
    } else if (const auto time = time_of(value)) {
      until.cycle = Cycles{static_cast<std::uint64_t>(
          std::llround(*time * static_cast<double>(run.core_clock.count)))};
    } else {
      bad_until(text, "that is no cycle and no time");
    }
  } else if (kind == "core") {
    const std::size_t second = rest.find(':');
    const auto core = number(rest.substr(0, second));
    const auto count = second == rest.npos ? std::nullopt : number(rest.substr(second + 1));
    if (!core || !count) bad_until(text, "that is no core and instruction count");
    if (*core >= run.cores) bad_until(text, fmt::format("the run has {} cores", run.cores));
    until.retired = Until::Retired{static_cast<std::uint8_t>(*core), *count};
  } else if (kind == "symbol") {
    if (rest.empty()) bad_until(text, "there is no name");
    until.symbol = rest;
  } else if (kind == "event") {
    const std::size_t second = rest.find(':');
    const auto known = kind_named(rest.substr(0, second));
    if (!known || *known == TraceKind::kBlock) bad_until(text, "there is no such kind of event");
    until.event = Until::Event{};
    Until::Event& event = *until.event;
    event.kind = *known;
    const std::string_view which = second == rest.npos ? "1" : rest.substr(second + 1);
    if (const auto count = number(which); count && *count > 0)
      event.count = *count;
    else
      event.text = which;
  } else {
    bad_until(text, fmt::format("'{}' is unknown", kind));
  }
  return until;
}

TraceLevel level_of(TraceKind kind) {
  switch (kind) {
    case TraceKind::kBlock:
      return TraceLevel::kBlocks;
    case TraceKind::kAccess:
    case TraceKind::kClock:
      return TraceLevel::kFull;
    case TraceKind::kPower:
    case TraceKind::kReset:
    case TraceKind::kStart:
    case TraceKind::kShutDown:
    case TraceKind::kStage:
    case TraceKind::kConsole:
    case TraceKind::kExit:
    case TraceKind::kProbe:
    case TraceKind::kInterference:
    case TraceKind::kMark:
    case TraceKind::kCheckpoint:
    case TraceKind::kEnd:
      return TraceLevel::kStages;
    default:
      return TraceLevel::kEvents;
  }
}

Replay::Replay(RunStore& store, const StoredRun& run, Until until)
    : until_(std::move(until)), checkpoints_(store, run.id) {}

TraceLevel Replay::level() const {
  TraceLevel level = TraceLevel::kStages;
  if (recorder_ != nullptr) level = std::max(level, recorder_->level());
  if (until_.event) level = std::max(level, level_of(until_.event->kind));
  if (until_.retired) level = std::max(level, TraceLevel::kBlocks);
  return level;
}

bool Replay::wants_end() const {
  return mismatch_ || reached_ || (recorder_ != nullptr && recorder_->wants_end());
}

void Replay::check(const TraceEvent& e) {
  switch (checkpoints_.compare(e)) {
    case Checkpoints::Answer::kSame:
      ++checked_;
      last_same_ = e.at;
      break;
    case Checkpoints::Answer::kDiffers:
      mismatch_ = Mismatch{last_same_, e.at};
      break;
    case Checkpoints::Answer::kBeyond:
      break;
  }
}

bool Replay::is_until(const TraceEvent& e) {
  if (!until_.symbol.empty() && e.kind == TraceKind::kProbe && e.text == until_.symbol) return true;
  if (!until_.event || e.kind != until_.event->kind) return false;
  if (!until_.event->text.empty())
    return event_text(e).find(until_.event->text) != std::string::npos;
  return ++seen_ == until_.event->count;
}

void Replay::event(const TraceEvent& e) {
  if (recorder_ != nullptr && level_of(e.kind) <= recorder_->level()) recorder_->event(e);
  if (wants_end()) return;
  if (e.kind == TraceKind::kCheckpoint) check(e);
  if (is_until(e)) {
    reached_ = true;
    ended_at_ = e.at;
  }
}

void Replay::block_translated(Core& core, std::uint32_t block, std::uint64_t pc) {
  if (recorder_ != nullptr && recorder_->level() >= TraceLevel::kBlocks)
    recorder_->block_translated(core, block, pc);
}

bool Replay::block(Core& core, std::uint32_t block) {
  if (recorder_ != nullptr && recorder_->level() >= TraceLevel::kBlocks)
    recorder_->block(core, block);
  if (!until_.retired || reached_ || core.id().value != until_.retired->core) return false;
  if (core.cpu().instructions() < until_.retired->instructions) return false;
  ended_at_ = core.cpu().now();
  return reached_ = true;
}

void Replay::ended(Machine& machine) {
  if (reached_ || mismatch_) return;
  ended_at_ = machine.now();
  if (until_.cycle && ended_at_ >= *until_.cycle) reached_ = true;
}

}  // namespace mint
