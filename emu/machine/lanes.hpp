// Runs the OSes of a machine on several threads of the host, with the result of one: each OS (a
// lane: its cores, and an event queue for what it has to itself, see Ownership) runs ahead of the
// others, and only what another lane could notice is done in the order of time.
//
// Until the first follower is started there is nothing to be done at once.
//
//   lane's own: its memory, LAPICs, serial port, disk           at once
//   the board's: all other devices, shared memory, IPIs, INIT   when every other lane has come so
//                                                               far; one at a time ("the board")
//
// An OS that the scenario's goal still waits for runs free: the run cannot end before it. The
// others stay behind those, so that nobody has passed the end when it comes.
//
// Whether the OSes really keep to themselves is not assumed but watched: an OS that touches another
// one's memory, an interrupt for an OS that is already past it, and the like, fail the attempt
// (failure()), and the run has to be done again on one thread. The order of what happens at one
// time is: board, events by lane, cores by number.
//
// Locks: world_ guards all that lanes share, and every call to the observer. Who has the board has
// it; a lane that runs its own has it not.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "emu/base/event_queue.hpp"
#include "emu/machine/core.hpp"

namespace mint {

class Lanes {
 public:
  // A time and who acts at it.
  struct Key {
    std::uint64_t value = 0;
    friend constexpr auto operator<=>(Key, Key) = default;
  };

  // Page owners besides 0 (RAM that is no lane's, not watched) and a lane's number + 1.
  static constexpr std::uint8_t kCommonPage = 255;  // several may read it, or one may write it

  Lanes(EventQueue& board, unsigned lanes, unsigned jobs, Cycles slice);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  // Before run().
  EventQueue& queue(unsigned lane) { return lanes_[lane]->queue; }
  void add(unsigned lane, Core& core) { lanes_[lane]->cores.push_back(&core); }
  // By page of physical memory: see kCommonPage. The leader's lane is 0.
  void watch_pages(std::vector<std::uint8_t> owners);
  // The goal waits for this lane, or has no need to any more because of what happens now.
  void await(unsigned lane, bool awaited);

  enum class End : std::uint8_t { kStopped, kIdle, kFailed };
  // `attend` is called on this thread about every 100 ms, with the world locked.
  End run(const std::function<void()>& attend);
  // From within what a lane or the board does: the run ends with it. Fails when anything has
  // happened that comes later.
  void stop();
  // The run ends with the latest of what the goal waited for.
  void stop_at_goal();
  void fail(std::string why);
  const std::string& failure() const { return failure_; }
  // From the thread that called run().
  void interrupt();

  // The clock of whoever runs on this thread; the board's outside of run().
  Cycles now() const;
  // Whose turn it is on this thread; none for the board.
  std::optional<unsigned> here() const;
  // Whether this thread has the board: what it does is in the order of time.
  bool ordered() const;
  Cycles progress() const;
  std::uint64_t instructions() const;

  // For a core that is about to do something at `at`, which others can notice (`ordered`) or not.
  // True when it may; with the board, if asked for, until leave(). False when it is not to happen:
  // the core is to be suspended.
  bool enter(unsigned lane, Cycles at, ApicId core, bool ordered);
  void leave();
  // The board again, for the second part of what began with the last ordered enter() and is one.
  void hold();
  // The next event of the board; with the board.
  Cycles next() const { return board_.next(); }
  // Where a core of the lane has to stop after an access: it may have to stay behind others now, or
  // the end has come. Cycles::max() where nothing has changed.
  Cycles limit_of(unsigned lane);

  // What has the board is about to affect `lane`: its clock is moved there. Fails when it is past
  // that; then this returns false, and the lane, which may be running, is to be left alone.
  bool touch(unsigned lane);
  bool is_past(unsigned lane, Cycles at) const;
  // From here on `lane` runs ahead of the others; at the first such time, or before, run().
  void begin(unsigned lane);
  // Between the first begin() and the end. Before that everything is done on one thread, and these
  // are of all queues together.
  bool at_once() const { return at_once_; }
  Cycles next_of_all() const;
  void advance_all(Cycles at);
  // A core of `lane` waits for another's write, or no longer.
  void parked(unsigned lane, bool is);
  // A core of `lane` goes on at `at`: another lane has written what it waited for.
  void woken(unsigned lane, Cycles at, ApicId core);
  // To be done, in the order of time, before the board is used next: for what a lane does to the
  // board without looking at it.
  void post(std::function<void()> what);

  void page_used(unsigned lane, PhysAddr address, bool write);
  void memory_used(unsigned lane, PhysAddr address, std::uint64_t bytes, bool write);

  // The world, as often as one likes.
  void lock() { world_.lock(); }
  void unlock() { world_.unlock(); }
  // Does nothing for a null pointer.
  class Lock {
   public:
    explicit Lock(Lanes* lanes) : lanes_(lanes) {
      if (lanes_ != nullptr) lanes_->lock();
    }
    ~Lock() {
      if (lanes_ != nullptr) lanes_->unlock();
    }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

   private:
    Lanes* lanes_;
  };

 private:
  static constexpr unsigned kLeader = 0;
  static constexpr Key kNever{~std::uint64_t{0}};
  static Key key_of_board(Cycles at) { return {at.count << 8}; }
  static Key key_of_event(Cycles at, unsigned lane) { return {at.count << 8 | (1 + lane)}; }
  static Key key_of_core(Cycles at, ApicId id) { return {at.count << 8 | (100U + id.value)}; }

  struct Posted {
    Key at;
    std::function<void()> what;
  };
  struct Lane {
    explicit Lane(EventQueue& board) : queue(board) {}
    EventQueue queue;
    std::vector<Core*> cores;
    std::atomic<unsigned> parked = 0;
    std::thread thread;
    std::condition_variable_any changed;
    std::atomic<bool> awaited = false;
    std::atomic<bool> held_back = false;  // since its core was resumed it is awaited no longer
    Key goal;                             // with what it came that the goal waited for
    std::atomic<bool> started = false;
    bool running = false;    // its thread runs without the world
    Key reached;             // it will do nothing before that
    Key waits_for = kNever;  // it goes on when others have reached that
    Cycles limit;            // while it runs: its core goes no further
    std::uint64_t instructions = 0;
  };
  struct Step {
    Core* core = nullptr;  // null: the queue's next event
    Cycles at = Cycles::max();
    Key key = kNever;
  };

  void run_lane(unsigned number);
  // Up to `stop`: a lane that runs without the world knows that as it was before.
  Step next_step(const Lane& lane, unsigned number, Key stop) const;
  void do_step(Lane& lane, const Step& step);
  Cycles limit_for(const Lane& lane, Cycles from) const;
  Core::Horizons horizons_in(const Lane& lane, const Core& core) const;
  bool is_free(const Lane& lane) const { return lane.awaited && lane.started && lane.parked == 0; }
  bool others_reached(unsigned number, Key key, bool only_awaited) const;
  // Runs what the board has to do up to `key`; false when that has to wait for others.
  bool serve_board(unsigned number, Key key, Key& waits_for);
  bool have_leaders() const;
  bool may_go_on(unsigned number, Key key, bool ordered) const;
  void publish(unsigned number, Key key);
  void wait(Lane& lane, Key key);
  // One of the `jobs` that may run at once; false after a wait for one, in which everything may
  // have changed.
  bool take_turn();
  void give_turn();
  void wake_all();
  void stop_with(Key key);
  void apply_posted(Key before);

  EventQueue& board_;
  const unsigned jobs_;
  const Cycles slice_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  mutable std::recursive_mutex world_;
  std::condition_variable_any turn_free_;
  std::condition_variable_any ended_;
  unsigned turns_taken_ = 0;
  unsigned finished_ = 0;
  bool idle_ = false;
  std::atomic<bool> ending_ = false;  // stop_ or failed_
  Key stop_ = kNever;
  bool failed_ = false;
  std::string failure_;
  std::vector<Posted> posted_;

  std::vector<std::uint8_t> owners_;
  struct Users {
    std::uint64_t readers = 0;
    std::uint64_t writers = 0;
  };
  std::map<std::uint64_t, Users> common_;  // by page
  std::atomic<bool> at_once_ = false;
};

}  // namespace mint
