// Meetings of a run ([[meet]] in a scenario): who has come to the place, and who is held there.
//
// A core that comes waits in the middle of its run (Core::hold). When the last one has come, all go
// on at one time: `delay` after it, which is what anything else takes that one core causes at
// another, so that the order of accesses stays exact. When somebody is late the run is ended.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "emu/base/event_queue.hpp"
#include "emu/machine/core.hpp"
#include "emu/scenario/run_result.hpp"

namespace mint {

class Meetings {
 public:
  struct World {
    EventQueue& queue;
    Hertz clock;
    Cycles delay;
    // Where an OS is and what it waits for: "in stage kernel, at ffffffff81000000 (mint_lock)".
    std::function<std::string(const std::string& os)> where;
    // Somebody has not come in time.
    std::function<void(std::string why)> failed;
    // All have gone on.
    std::function<void(const Meeting& meeting)> met;
  };
  Meetings(const std::vector<Meeting>& meetings, World world);

  // `core` of `os` is at the place of meeting number `number`, whose code begins at `pc`. Returns
  // when it may go on; does not return when the core is reset meanwhile.
  void arrived(unsigned number, const std::string& os, Core& core, std::uint64_t pc);
  // The core of `os` starts anew: it is nowhere any more.
  void left(const std::string& os);
  // The core of `os` is held.
  bool holds(const std::string& os) const;

  // Meetings that have not happened, one a line; empty when all have.
  std::string missing() const;
  std::vector<MeetingResult> results() const;

 private:
  struct Place {
    const Meeting* meeting = nullptr;
    MeetingResult result;
    std::vector<Core*> held;  // by the order of meeting->os; null: not come, or gone on
    std::unique_ptr<Event> go_on;
    std::unique_ptr<Event> too_late;
  };
  void go_on(Place& place);
  std::string explain(const Place& place) const;
  static std::optional<std::size_t> index_of(const Place& place, const std::string& os);

  World world_;
  std::vector<Place> places_;
};

}  // namespace mint
