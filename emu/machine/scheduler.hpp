// Runs the cores of a machine in the order of their clocks, and the events between them.
//
// The core that is furthest behind runs, until the next event or until it is a slice ahead of the
// next core. Device accesses and accesses to shared memory wait within Core until it is their turn.
// With a slice no longer than the delay of interrupt messages nothing that one core does can reach
// another before that one has caught up: then the result does not depend on the slice at all. Where
// no core runs, time goes straight to the next event.
#pragma once

#include <functional>
#include <vector>

#include "emu/base/event_queue.hpp"
#include "emu/machine/core.hpp"

namespace mint {

class Scheduler {
 public:
  // One queue, or several whose clocks go together; the first is the machine's.
  Scheduler(std::vector<EventQueue*> queues, std::vector<Core*> cores, Core::Turns& turns,
            Cycles slice);

  enum class End : std::uint8_t {
    kStopped,  // stop() was called
    kIdle,     // no core runs and no event is pending: nothing will ever happen again
    kLeft,     // leave() was called
  };
  End run();
  // Nothing happens any more but that the cores that run come to a slice behind this time: then
  // their state does not hang on the order in which they ran.
  void stop();
  // What stop() speaks of, for cores that have come to the time of the stop.
  static void settle(const std::vector<Core*>& cores, Cycles end);
  // Makes run() return where it is; it can be called again.
  void leave() { leaving_ = true; }

 private:
  Core::Horizons others(const Core& core) const;

  std::vector<EventQueue*> queues_;
  bool leaving_ = false;
  std::vector<Core*> cores_;
  Core::Turns& turns_;
  Cycles slice_;
  bool stopped_ = false;
};

}  // namespace mint
