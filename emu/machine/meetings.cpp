#include "emu/machine/meetings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace mint {

Meetings::Meetings(const std::vector<Meeting>& meetings, World world) : world_(std::move(world)) {
  places_.resize(meetings.size());
  for (std::size_t i = 0; i < meetings.size(); ++i) {
    Place& place = places_[i];
    place.meeting = &meetings[i];
    place.result.place = place_of(meetings[i]);
    for (const std::string& os : meetings[i].os) place.result.arrivals.push_back({os, {}});
    place.held.resize(meetings[i].os.size());
    place.go_on = std::make_unique<Event>(world_.queue, fmt::format("meet{}.go_on", i),
                                          [this, &place](Cycles) { go_on(place); });
    place.too_late = std::make_unique<Event>(
        world_.queue, fmt::format("meet{}.too_late", i), [this, &place](Cycles) {
          world_.failed(fmt::format("the meeting at {} has not come about in {:g} s: {}",
                                    place.result.place, place.meeting->within_s, explain(place)));
        });
  }
}

std::optional<std::size_t> Meetings::index_of(const Place& place, const std::string& os) {
  const auto& names = place.meeting->os;
  const auto found = std::find(names.begin(), names.end(), os);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

void Meetings::arrived(unsigned number, const std::string& os, Core& core, std::uint64_t pc) {
  Place& place = places_[number];
  const auto index = index_of(place, os);
  auto& arrivals = place.result.arrivals;
  if (!index || arrivals[*index].at) return;  // each comes once
  const Cycles at = core.cpu().now();
  arrivals[*index].at = at;
  place.held[*index] = &core;
  Cycles last;
  bool all = true;
  for (const MeetingResult::Arrival& arrival : arrivals) {
    all = all && arrival.at;
    last = std::max(last, arrival.at.value_or(Cycles{0}));
  }
  if (all) {
    place.too_late->cancel();
    place.go_on->schedule(last + world_.delay);
  } else if (!place.too_late->pending()) {
    place.too_late->schedule(
        at + Cycles{static_cast<std::uint64_t>(
                 std::llround(place.meeting->within_s * static_cast<double>(world_.clock.count)))});
  }
  core.hold(pc);
}

void Meetings::left(const std::string& os) {
  for (Place& place : places_) {
    const auto index = index_of(place, os);
    if (!index || place.held[*index] == nullptr) continue;
    place.held[*index] = nullptr;
    place.result.arrivals[*index].at.reset();
    place.go_on->cancel();
  }
}

bool Meetings::holds(const std::string& os) const {
  return std::any_of(places_.begin(), places_.end(), [&](const Place& place) {
    const auto index = index_of(place, os);
    return index && place.held[*index] != nullptr;
  });
}

void Meetings::go_on(Place& place) {
  place.result.met = world_.queue.now();
  for (Core*& core : place.held) {
    if (core->held()) core->release();  // else it has been stopped for good
    core = nullptr;
  }
  world_.met(*place.meeting);
}

std::string Meetings::explain(const Place& place) const {
  std::string held;
  std::string missing;
  for (const MeetingResult::Arrival& arrival : place.result.arrivals) {
    if (arrival.at)
      held += fmt::format("{}{} is held since {:.6f} s", held.empty() ? "" : ", ", arrival.os,
                          seconds(*arrival.at, world_.clock));
    else
      missing += fmt::format("; {} is missing: {}", arrival.os, world_.where(arrival.os));
  }
  return (held.empty() ? "nobody has come" : held) + missing;
}

std::string Meetings::missing() const {
  std::string text;
  for (const Place& place : places_)
    if (!place.result.met)
      text += fmt::format("meeting at {}: {}\n", place.result.place, explain(place));
  return text;
}

std::vector<MeetingResult> Meetings::results() const {
  std::vector<MeetingResult> results;
  results.reserve(places_.size());
  for (const Place& place : places_) results.push_back(place.result);
  return results;
}

}  // namespace mint
