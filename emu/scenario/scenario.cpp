#include "emu/scenario/scenario.hpp"

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

}  // namespace mint
