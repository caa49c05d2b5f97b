// Checks of [[meet]]: who is to meet, where, and whether they can ever be there at the same time.
#include <fmt/format.h>

#include <algorithm>

#include "emu/scenario/checker.hpp"

namespace mint {

namespace {

class MeetingChecker : Checker {
 public:
  using Checker::Checker;

  void check() {
    if (scenario_.meetings.size() > kMaxMeetings) {
      report(scenario_.meetings[kMaxMeetings].key,
             fmt::format("{} meetings are more than there can be", scenario_.meetings.size()),
             fmt::format("leave {}", kMaxMeetings));
    }
    for (const Meeting& meeting : scenario_.meetings) {
      check_names(meeting);
      check_place(meeting);
      for (const Meeting& other : scenario_.meetings) {
        if (&other == &meeting) break;
        check_pair(other, meeting);
      }
    }
  }

 private:
  const OsSpec* find(const std::string& name) const {
    for (const OsSpec& os : scenario_.os)
      if (os.name == name) return &os;
    return nullptr;
  }

  static std::size_t times(const Meeting& meeting, const std::string& name) {
    return static_cast<std::size_t>(std::count(meeting.os.begin(), meeting.os.end(), name));
  }

  void check_names(const Meeting& meeting) {
    const std::string key = meeting.key + ".os";
    std::vector<std::string_view> names;
    for (const OsSpec& os : scenario_.os) names.push_back(os.name);
    for (std::size_t i = 0; i < meeting.os.size(); i++) {
      const std::string& name = meeting.os[i];
      if (!find(name)) {
        const std::string_view near = did_you_mean(name, names);
        report(key,
               fmt::format("'{}' names '{}', which is no OS of this scenario{}", key, name,
                           near.empty() ? "" : fmt::format(", did you mean '{}'?", near)),
               "name OSes that have an [[os]] table");
      } else if (times(meeting, name) > 1 &&
                 std::find(meeting.os.begin(), meeting.os.end(), name) - meeting.os.begin() ==
                     static_cast<std::ptrdiff_t>(i)) {
        report(key, fmt::format("'{}' names '{}' more than once", key, name), "name it once");
      }
    }
    if (meeting.os.size() >= 2) return;
    if (meeting.os.empty() && scenario_.places.contains(key)) {
      report(key, fmt::format("'{}' names nobody", key), "name two OSes or more");
    } else if (meeting.os.empty()) {
      report(meeting.key, "a [[meet]] without 'os'", "add os = [\"f1\", \"f2\"]");
    } else {
      report(
          key,
          fmt::format("'{}' names '{}' only, who has nobody to wait for", key, meeting.os.front()),
          "name two OSes or more");
    }
  }

  void check_place(const Meeting& meeting) {
    unsigned given = 0;
    for (const char* key : {"address", "symbol", "stage"})
      given += scenario_.places.contains(fmt::format("{}.{}", meeting.key, key)) ? 1 : 0;
    if (given == 0) {
      report(meeting.key, "a [[meet]] without a place",
             "add stage = \"kernel\", symbol = \"...\" or address = 0x...");
    } else if (given > 1) {
      report(meeting.key, "a [[meet]] with more than one place",
             "leave one of 'stage', 'symbol' and 'address'");
    } else if (meeting.stage) {
      check_stage(meeting);
    }
  }

  // Only followers go through stages, and the leader may start one only when the other is up.
  void check_stage(const Meeting& meeting) {
    const std::string key = meeting.key + ".stage";
    unsigned followers = 0;
    for (const std::string& name : meeting.os) {
      const OsSpec* os = find(name);
      if (os == nullptr) continue;
      if (os->role == Role::kFollower) {
        followers++;
        continue;
      }
      report(key,
             fmt::format("leader '{}' cannot wait at a stage: it has passed all of them when the "
                         "first follower starts",
                         name),
             "meet it at a 'symbol' or an 'address'", place(*os, "role"));
    }
    if (scenario_.start == StartMode::kSequential && followers >= 2) {
      report(key, "followers that start one after the other cannot meet at a stage of their boots",
             "set start.mode = \"parallel\"", scenario_.place("start.mode"));
    }
    if (scenario_.window != 0 && followers > scenario_.window) {
      report(key,
             fmt::format("{} followers cannot meet at a stage of their boots with {} on their way "
                         "at a time",
                         followers, scenario_.window),
             fmt::format("set start.window = {} or remove it", followers),
             scenario_.place("start.window"));
    }
  }

  void check_pair(const Meeting& a, const Meeting& b) {
    if (place_of(a) != place_of(b)) return;
    for (const std::string& name : b.os) {
      if (times(a, name) == 0) continue;
      report(b.key, fmt::format("'{}' meets twice at {}", name, place_of(b)),
             "remove one of the two meetings, or name all its OSes in one", scenario_.place(a.key));
      return;
    }
  }
};

}  // namespace

void check_meetings(const Scenario& scenario, Problems& problems) {
  MeetingChecker(scenario, problems).check();
}

}  // namespace mint
