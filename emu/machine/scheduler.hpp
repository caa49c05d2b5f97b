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
  Scheduler(EventQueue& queue, std::vector<Core*> cores, Cycles slice);

  enum class End : std::uint8_t {
    kStopped,  // stop() was called
    kIdle,     // no core runs and no event is pending: nothing will ever happen again
  };
  End run();
  void stop() { stopped_ = true; }
  // The machine's time: of the event or access that is handled, or the clock of the core furthest
  // behind.
  Cycles now() const { return queue_.now(); }

 private:
  Core::Horizons others(const Core& core) const;

  EventQueue& queue_;
  std::vector<Core*> cores_;
  Cycles slice_;
  bool stopped_ = false;
};

}  // namespace mint
