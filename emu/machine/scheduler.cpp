#include "emu/machine/scheduler.hpp"

#include <algorithm>
#include <utility>

namespace mint {

Scheduler::Scheduler(EventQueue& queue, std::vector<Core*> cores, Cycles slice)
    : queue_(queue), cores_(std::move(cores)), slice_(slice) {}

Scheduler::End Scheduler::run() {
  stopped_ = false;
  while (!stopped_) {
    Core* first = nullptr;
    Core* second = nullptr;
    for (Core* core : cores_) {
      if (!core->runnable()) continue;
      if (first == nullptr || core->time() < first->time()) {
        second = std::exchange(first, core);
      } else if (second == nullptr || core->time() < second->time()) {
        second = core;
      }
    }
    const Cycles event = queue_.next();
    if (first == nullptr && event == Cycles::max()) return End::kIdle;
    if (first == nullptr || event <= first->time()) {
      queue_.run_next();
      continue;
    }
    Cycles limit = event;
    Core::Horizon horizon;
    if (second != nullptr) {
      horizon = {second->time(), second->id()};
      limit = std::min(limit, second->time() + slice_);
    }
    first->resume(limit, horizon);
  }
  return End::kStopped;
}

}  // namespace mint
