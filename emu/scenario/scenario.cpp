#include "emu/scenario/scenario.hpp"

#include <fmt/format.h>

namespace mint {

const OsSpec* Scenario::leader() const {
  for (const OsSpec& spec : os) {
    if (spec.role == Role::kLeader) return &spec;
  }
  return nullptr;
}

std::vector<const OsSpec*> Scenario::followers() const {
  std::vector<const OsSpec*> result;
  for (const OsSpec& spec : os) {
    if (spec.role == Role::kFollower) result.push_back(&spec);
  }
  return result;
}

Location Scenario::place(std::string key) const {
  while (true) {
    if (const auto found = places.find(key); found != places.end()) return found->second;
    const std::size_t dot = key.rfind('.');
    if (dot == std::string::npos) break;
    key.resize(dot);
  }
  return {file};
}

std::string place_of(const Meeting& meeting) {
  if (meeting.stage)
    return fmt::format("stage {}", kMeetStages[static_cast<unsigned>(*meeting.stage)]);
  if (meeting.address) return fmt::format("address {:#x}", *meeting.address);
  return "symbol " + meeting.symbol;
}

}  // namespace mint
