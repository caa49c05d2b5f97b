#include "emu/machine/lanes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "emu/machine/scheduler.hpp"

namespace mint {
namespace {

// How far a lane runs before it tells how far it is, in cycles: short against what a lane does
// between two accesses that others notice, long against the telling.
constexpr std::uint64_t kWindow = 1'000'000;
constexpr auto kAttention = std::chrono::milliseconds(100);

// What this thread is doing, and for whom.
struct Here {
  const EventQueue* clock = nullptr;
  std::optional<unsigned> lane;
  bool ordered = false;
  Lanes::Key key{};
};
thread_local Here here_;

}  // namespace

Lanes::Lanes(EventQueue& board, unsigned lanes, unsigned jobs, Cycles slice)
    : board_(board), jobs_(jobs), slice_(slice) {
  for (unsigned i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<Lane>(board));
  lanes_[kLeader]->started = true;
}

Lanes::~Lanes() = default;

// --- who is where --------------------------------------------------------------------------------

Cycles Lanes::now() const { return here_.clock != nullptr ? here_.clock->now() : board_.now(); }
std::optional<unsigned> Lanes::here() const { return here_.lane; }
bool Lanes::ordered() const { return here_.ordered || !here_.lane; }

Cycles Lanes::progress() const {
  Key first = kNever;
  for (const auto& lane : lanes_) first = std::min(first, lane->reached);
  return first == kNever ? board_.now() : Cycles{first.value >> 8};
}

std::uint64_t Lanes::instructions() const {
  std::uint64_t sum = 0;
  for (const auto& lane : lanes_) sum += lane->instructions;
  return sum;
}

bool Lanes::others_reached(unsigned number, Key key, bool only_awaited) const {
  for (unsigned i = 0; i < lanes_.size(); ++i) {
    if (i == number || (only_awaited && !lanes_[i]->awaited)) continue;
    if (lanes_[i]->reached <= key) return false;
  }
  return true;
}

bool Lanes::may_go_on(unsigned number, Key key, bool ordered) const {
  const Lane& lane = *lanes_[number];
  if (!ordered && is_free(lane)) return true;
  return others_reached(number, key,
                        !ordered && lane.started && lane.parked == 0 && have_leaders());
}

// Whether those that the goal waits for all run, so that the others can go by them. One that does
// not run can be started or woken by any.
bool Lanes::have_leaders() const {
  bool any = false;
  for (const auto& lane : lanes_) {
    if (lane->awaited && lane->reached == kNever) return false;
    any = any || lane->awaited;
  }
  return any;
}

void Lanes::await(unsigned lane, bool awaited) {
  const Lock lock(this);
  if (lanes_[lane]->awaited == awaited) return;
  lanes_[lane]->awaited = awaited;
  if (!awaited) {
    lanes_[lane]->goal = here_.key;
    lanes_[lane]->held_back = true;
    if (here_.lane == lane) lanes_[lane]->limit = now();  // after this access: limit_of()
  }
  wake_all();
}

void Lanes::woken(unsigned number, Cycles at, ApicId core) {
  Lane& lane = *lanes_[number];
  lane.reached = std::min(lane.reached, key_of_core(at, core));
  lane.changed.notify_one();
}

void Lanes::publish(unsigned number, Key key) {
  Lane& lane = *lanes_[number];
  const Key old = lane.reached;
  lane.reached = key;
  for (const auto& other : lanes_)
    if (other->waits_for >= old && other->waits_for < key) other->changed.notify_one();
}

void Lanes::wait(Lane& lane, Key key) {
  lane.waits_for = key;
  lane.changed.wait(world_);
  lane.waits_for = kNever;
}

void Lanes::wake_all() {
  for (const auto& lane : lanes_) lane->changed.notify_one();
  turn_free_.notify_all();
  ended_.notify_all();
}

bool Lanes::take_turn() {
  if (turns_taken_ >= jobs_ && !failed_) {
    turn_free_.wait(world_);
    return false;
  }
  ++turns_taken_;
  return true;
}

void Lanes::give_turn() {
  --turns_taken_;
  turn_free_.notify_all();
}

// --- end -----------------------------------------------------------------------------------------

void Lanes::fail(std::string why) {
  const Lock lock(this);
  if (failed_) return;
  failed_ = true;
  failure_ = std::move(why);
  ending_ = true;
  wake_all();
}

void Lanes::interrupt() { fail(""); }

void Lanes::stop() { stop_with(here_.lane ? here_.key : key_of_board(now())); }

void Lanes::stop_at_goal() {
  Key last;
  for (const auto& lane : lanes_) last = std::max(last, lane->goal);
  stop_with(last);
}

void Lanes::stop_with(Key key) {
  const Lock lock(this);
  if (key >= stop_ || failed_) return;
  const Cycles end = Cycles{key.value >> 8} + slice_;
  for (unsigned i = 0; i < lanes_.size(); ++i) {
    if (i == here_.lane) continue;
    const bool past = lanes_[i]->running ? lanes_[i]->limit > end : is_past(i, end);
    if (!past) continue;
    fail(fmt::format("OS {} had passed the end of the run", i));
    return;
  }
  stop_ = key;
  ending_ = true;
  wake_all();
}

Cycles Lanes::limit_of(unsigned number) {
  if (ending_) {
    const Lock lock(this);
    return stop_ == kNever ? Cycles{0} : Cycles{stop_.value >> 8} + slice_;
  }
  return lanes_[number]->held_back ? Cycles{0} : Cycles::max();
}

// --- the board -----------------------------------------------------------------------------------

void Lanes::apply_posted(Key before) {
  while (!posted_.empty()) {
    const auto first =
        std::min_element(posted_.begin(), posted_.end(),
                         [](const Posted& a, const Posted& b) { return a.at < b.at; });
    if (first->at > before) return;
    const Posted posted = std::move(*first);
    posted_.erase(first);
    const Here saved = here_;
    here_ = {&board_, std::nullopt, true, posted.at};
    board_.advance_to({posted.at.value >> 8});
    posted.what();
    here_ = saved;
  }
}

void Lanes::post(std::function<void()> what) {
  const Lock lock(this);
  posted_.push_back({here_.key, std::move(what)});
}

bool Lanes::serve_board(unsigned number, Key key, Key& waits_for) {
  for (;;) {
    apply_posted(std::min(key, key_of_board(board_.next())));
    const Key event = key_of_board(board_.next());
    if (board_.next() == Cycles::max() || event > key) return true;
    if (!others_reached(number, event, false)) {
      waits_for = event;
      return false;
    }
    const Here saved = here_;
    here_ = {&board_, std::nullopt, true, event};
    board_.run_next();
    here_ = saved;
    // It may have got this lane to do something before `key`.
    if (ending_ || lanes_[number]->reached < key) return true;
  }
}

bool Lanes::enter(unsigned number, Cycles at, ApicId core, bool ordered) {
  Lane& lane = *lanes_[number];
  const Key key = key_of_core(at, core);
  here_.key = key;
  if (!ordered && is_free(lane) && !ending_) return true;
  world_.lock();
  lane.running = false;
  give_turn();
  publish(number, key);
  bool may = false;
  for (;;) {
    if (failed_ || key > stop_) break;
    Key waits_for = key;
    if (serve_board(number, key, waits_for)) {
      if (failed_ || key > stop_) break;
      if (lane.reached < key) {
        if (next_step(lane, number, stop_).key < key) break;  // something else of this lane first
        publish(number, key);
        continue;
      }
      if (may_go_on(number, key, ordered)) {
        if (!take_turn()) continue;
        may = true;
        break;
      }
    }
    wait(lane, waits_for);
  }
  if (!may) ++turns_taken_;  // only to suspend the core
  lane.running = true;
  if (may && ordered) {
    board_.advance_to(at);
    here_.ordered = true;
    return true;
  }
  world_.unlock();
  return may;
}

void Lanes::hold() {
  world_.lock();
  here_.ordered = true;
}

void Lanes::leave() {
  here_.ordered = false;
  world_.unlock();
}

bool Lanes::is_past(unsigned number, Cycles at) const {
  const Lane& lane = *lanes_[number];
  if (lane.running || lane.queue.now() > at) return true;
  return std::ranges::any_of(lane.cores, [&](const Core* core) {
    if (core->runnable()) return core->cpu().limit() > at;
    return core->state() == Core::State::kHalted && core->cpu().now() > at;
  });
}

bool Lanes::touch(unsigned number) {
  const Cycles at = now();
  if (here_.lane == number || !at_once_) return true;
  Lane& lane = *lanes_[number];
  if (is_past(number, at)) {
    fail(fmt::format("OS {} was past what was done to it from outside", number));
    return false;
  }
  lane.queue.advance_to(at);
  lane.reached = std::min(lane.reached, key_of_board(at));
  lane.changed.notify_one();
  return true;
}

void Lanes::begin(unsigned number) {
  Lane& lane = *lanes_[number];
  if (lane.started) return;
  lane.started = true;
  at_once_ = true;
  // What the leader may do to it from now on has to be told, and who uses what is common.
  for (const auto& cores : {lanes_[kLeader]->cores, lane.cores})
    for (Core* core : cores) core->cpu().forget_foreign_pages();
}

Cycles Lanes::next_of_all() const {
  Cycles next = board_.next();
  for (const auto& lane : lanes_) next = std::min(next, lane->queue.next());
  return next;
}

void Lanes::advance_all(Cycles at) {
  board_.advance_to(at);
  for (const auto& lane : lanes_) lane->queue.advance_to(at);
}

void Lanes::parked(unsigned number, bool is) {
  if (is)
    ++lanes_[number]->parked;
  else
    --lanes_[number]->parked;
}

// --- lanes ---------------------------------------------------------------------------------------

Lanes::Step Lanes::next_step(const Lane& lane, unsigned number, Key stop) const {
  Step step;
  for (Core* core : lane.cores) {
    if (!core->runnable() || (step.core != nullptr && core->time() >= step.at)) continue;
    const Key key = key_of_core(core->time(), core->id());
    if (key < stop) step = {core, core->time(), key};
  }
  const Cycles event = lane.queue.next();
  const Key key = event == Cycles::max() ? kNever : key_of_event(event, number);
  if (event != Cycles::max() && key < stop && event <= step.at) step = {nullptr, event, key};
  return step;
}

Core::Horizons Lanes::horizons_in(const Lane& lane, const Core& core) const {
  Core::Horizons horizons;
  for (const Core* other : lane.cores) {
    if (other == &core || !other->runnable()) continue;
    if (other->time() < horizons.all.time) horizons.all = {other->time(), other->id()};
  }
  horizons.group = horizons.all;
  return horizons;
}

// How far the lane's cores may run before it looks at the others again.
Cycles Lanes::limit_for(const Lane& lane, Cycles from) const {
  Cycles limit = std::min(board_.next(), from + Cycles{kWindow});
  if (!is_free(lane)) {
    // Not further than a slice beyond those that the goal waits for, or beyond all.
    const bool leaders = lane.started && lane.parked == 0 && have_leaders();
    for (const auto& other : lanes_)
      if (other.get() != &lane && other->reached != kNever && (other->awaited || !leaders))
        limit = std::min(limit, Cycles{other->reached.value >> 8} + slice_);
  }
  return stop_ == kNever ? limit : std::min(limit, Cycles{stop_.value >> 8});
}

// Without the world.
void Lanes::do_step(Lane& lane, const Step& step) {
  here_.key = step.key;
  if (step.core == nullptr) {
    lane.queue.run_next();
    return;
  }
  const Core::Horizons horizons = horizons_in(lane, *step.core);
  Cycles limit = std::min(lane.queue.next(), lane.limit);
  if (horizons.all.time != Cycles::max()) limit = std::min(limit, horizons.all.time + slice_);
  lane.held_back = false;
  step.core->resume(std::max(limit, step.at + Cycles{1}), horizons);
}

void Lanes::run_lane(unsigned number) {
  Lane& lane = *lanes_[number];
  here_ = {&lane.queue, number, false};
  world_.lock();
  while (!failed_) {
    const Key stop = stop_;
    const Step step = next_step(lane, number, stop);
    lane.instructions = 0;
    for (Core* core : lane.cores) lane.instructions += core->cpu().instructions();
    if (step.key == kNever && stop_ != kNever) break;
    publish(number, step.key);
    Key waits_for = step.key;
    const bool served =
        serve_board(number, stop_ == kNever ? step.key : std::min(step.key, stop_), waits_for);
    if (failed_) break;
    // The board has ended the run, or done something to the lane.
    if (stop_ != stop || (served && lane.reached < step.key)) continue;
    if (served && step.key == kNever && board_.next() == Cycles::max() &&
        others_reached(number, {kNever.value - 1}, false)) {
      idle_ = true;
      ending_ = true;
      stop_ = key_of_board(board_.now());
      wake_all();
      break;
    }
    if (!served || step.key == kNever || (stop_ == kNever && !may_go_on(number, step.key, false))) {
      wait(lane, waits_for);
      continue;
    }
    if (!take_turn()) continue;
    lane.limit = std::max(limit_for(lane, step.at), step.at + Cycles{1});
    lane.running = true;
    world_.unlock();
    do_step(lane, step);
    // Others cannot do anything to a lane that runs free.
    while (!ending_ && is_free(lane)) {
      const Step next = next_step(lane, number, stop);
      if (next.at >= lane.limit) break;
      do_step(lane, next);
    }
    world_.lock();
    lane.running = false;
    give_turn();
  }
  if (!failed_) Scheduler::settle(lane.cores, Cycles{stop_.value >> 8} + slice_);
  lane.reached = kNever;
  ++finished_;
  wake_all();
  world_.unlock();
  here_ = {};
}

Lanes::End Lanes::run(const std::function<void()>& attend) {
  for (unsigned i = 0; i < lanes_.size(); ++i)
    lanes_[i]->thread = std::thread([this, i] { run_lane(i); });
  {
    std::unique_lock<std::recursive_mutex> lock(world_);
    while (finished_ < lanes_.size()) {
      ended_.wait_for(lock, kAttention);
      if (finished_ < lanes_.size() && !ending_) attend();
    }
  }
  for (const auto& lane : lanes_) lane->thread.join();
  // The machine's clock, for whoever looks at the result.
  if (idle_)
    for (const auto& lane : lanes_) board_.advance_to(lane->queue.now());
  else if (!failed_)
    board_.advance_to({stop_.value >> 8});
  return failed_ ? End::kFailed : idle_ ? End::kIdle : End::kStopped;
}

}  // namespace mint
