// Named events in time order, and the machine's clock as devices see it.
//
//   class Pit { Event tick_{queue, "pit.tick", [this](Cycles late) { ... tick_.schedule(...); }};
//   };
//
// The scheduler moves the clock: to the time of each event while its callback runs, and to the time
// of each device access while the device handles it. Devices only read it. Accesses and events
// reach devices in the order of their times, so the clock never goes back. Events of one time run
// in the order in which they were constructed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "emu/base/state.hpp"
#include "emu/base/types.hpp"

namespace mint {

class EventQueue;

class Event {
 public:
  // `late` is how long after the scheduled time the callback runs: 0 unless the event was scheduled
  // for a time already past.
  using Callback = std::function<void(Cycles late)>;

  Event(EventQueue& queue, std::string name, Callback callback);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // Runs the callback at time `at`; moves the event when it is already pending.
  void schedule(Cycles at);
  void cancel();
  bool pending() const { return pending_; }
  Cycles at() const { return at_; }
  const std::string& name() const { return name_; }
  void visit(StateVisitor& visitor);

 private:
  friend class EventQueue;
  EventQueue& queue_;
  std::string name_;
  Callback callback_;
  std::uint64_t order_ = 0;
  Cycles at_;
  bool pending_ = false;
};

class EventQueue {
 public:
  EventQueue() = default;
  // A queue beside `first`: among the events of one time in both, too, the order of construction
  // can be told.
  explicit EventQueue(EventQueue& first) : orders_(first.orders_) {}
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  // The time of the event or device access that is being handled.
  Cycles now() const { return now_; }
  // The time of the first pending event, Cycles::max() when there is none.
  Cycles next() const { return pending_.empty() ? Cycles::max() : pending_.begin()->at; }

  // For the scheduler (and tests): runs every event due up to and including `until`, in order, then
  // sets the clock to `until`. Events that callbacks schedule within that time run as well.
  void run_until(Cycles until);
  // The first pending event's time, and its place among all events of that time.
  std::pair<Cycles, std::uint64_t> next_in_order() const {
    return pending_.empty() ? std::pair(Cycles::max(), ~std::uint64_t{0})
                            : std::pair(pending_.begin()->at, pending_.begin()->order);
  }
  // Runs the first pending event.
  void run_one() { run_first(); }
  // Sets the clock to `at` where that is later; no event is due before then.
  void advance_to(Cycles at) {
    if (at > now_) now_ = at;
  }
  // Runs the events of the earliest pending time only, with the clock at that time; nothing when
  // there is none.
  void run_next();

 private:
  friend class Event;
  struct Entry {
    Cycles at;
    std::uint64_t order;
    Event* event;
    friend bool operator<(const Entry& a, const Entry& b) {
      return std::pair(a.at, a.order) < std::pair(b.at, b.order);
    }
  };
  void run_first();

  std::set<Entry> pending_;
  std::shared_ptr<std::uint64_t> orders_ = std::make_shared<std::uint64_t>(0);
  Cycles now_;
};

}  // namespace mint
