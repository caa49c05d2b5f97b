#include "emu/base/event_queue.hpp"

namespace mint {

Event::Event(EventQueue& queue, std::string name, Callback callback)
    : queue_(queue),
      name_(std::move(name)),
      callback_(std::move(callback)),
      order_((*queue.orders_)++) {}

Event::~Event() { cancel(); }

void Event::schedule(Cycles at) {
  cancel();
  at_ = at;
  pending_ = true;
  queue_.pending_.insert({at_, order_, this});
}

void Event::cancel() {
  if (!pending_) return;
  pending_ = false;
  queue_.pending_.erase({at_, order_, this});
}

void Event::visit(StateVisitor& visitor) {
  Cycles at = at_;
  std::uint8_t pending = pending_ ? 1 : 0;
  visitor.field(name_ + ".at", at);
  visitor.field(name_ + ".pending", pending);
  cancel();
  at_ = at;
  if (pending != 0) schedule(at);
}

void EventQueue::run_first() {
  Event* event = pending_.begin()->event;
  const Cycles at = event->at_;
  event->cancel();
  if (at > now_) now_ = at;
  event->callback_(now_ - at);
}

void EventQueue::run_until(Cycles until) {
  while (!pending_.empty() && pending_.begin()->at <= until) run_first();
  if (until > now_) now_ = until;
}

void EventQueue::run_next() {
  const Cycles at = next();
  while (!pending_.empty() && pending_.begin()->at <= at) run_first();
}

}  // namespace mint
