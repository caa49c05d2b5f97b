#include "devices/nic_interrupts.hpp"

#include "devices/nic_registers.hpp"
#include "devices/prefix_visitor.hpp"

namespace mint {

using namespace nic;

namespace {

constexpr std::uint64_t kDelayUnitNs = 1024;
constexpr std::uint64_t kThrottleUnitNs = 256;
constexpr Hertz kNanoseconds{1'000'000'000};

}  // namespace

// --- NicDelay

NicDelay::NicDelay(EventQueue& queue, const std::string& name, Hertz core_clock,
                   std::function<void()> expired)
    : queue_(queue),
      core_clock_(core_clock),
      expired_(std::move(expired)),
      relative_end_(queue, name + ".relative", [this](Cycles) { expire(); }),
      absolute_end_(queue, name + ".absolute", [this](Cycles) { expire(); }) {}

Cycles NicDelay::cycles(std::uint32_t units) const {
  return {ticks_up(units * kDelayUnitNs, kNanoseconds, core_clock_)};
}

void NicDelay::happened() {
  if (relative_ == 0) {
    expire();
    return;
  }
  relative_end_.schedule(queue_.now() + cycles(relative_));
  if (absolute_ != 0 && !absolute_end_.pending())
    absolute_end_.schedule(queue_.now() + cycles(absolute_));
}

void NicDelay::expire() {
  cancel();
  expired_();
}

void NicDelay::flush() {
  if (relative_end_.pending()) expire();
}

void NicDelay::cancel() {
  relative_end_.cancel();
  absolute_end_.cancel();
}

void NicDelay::set_relative(std::uint32_t value) {
  relative_ = value & 0xFFFF;
  if ((value & kDelayFlush) != 0) flush();
}

void NicDelay::reset() {
  relative_ = absolute_ = 0;
  cancel();
}

void NicDelay::visit(StateVisitor& visitor) {
  visitor.field("relative", relative_);
  visitor.field("absolute", absolute_);
  relative_end_.visit(visitor);
  absolute_end_.visit(visitor);
}

// --- NicInterrupts

NicInterrupts::NicInterrupts(EventQueue& queue, const std::string& name, Hertz core_clock,
                             std::function<void(bool)> line)
    : queue_(queue),
      core_clock_(core_clock),
      line_(std::move(line)),
      throttle_(queue, name + ".throttle", [this](Cycles) { update(); }),
      receive_delay_(queue, name + ".rx_delay", core_clock, [this] { raise(kIntRxTimer); }),
      transmit_delay_(queue, name + ".tx_delay", core_clock, [this] { raise(kIntTxWritten); }) {}

void NicInterrupts::raise(std::uint32_t causes) {
  icr_ |= causes & kIntAll;
  update();
}

void NicInterrupts::transmitted(bool delayed) {
  if (delayed)
    transmit_delay_.happened();
  else
    raise(kIntTxWritten);
}

// The throttle counts from when the line was asserted last (13.4.18).
void NicInterrupts::update() {
  const bool wanted = (icr_ & ims_) != 0;
  if (!wanted) {
    throttle_.cancel();
    if (asserted_ != 0) {
      asserted_ = 0;
      line_(false);
    }
    return;
  }
  if (asserted_ != 0) return;
  const Cycles now = queue_.now();
  if (itr_ != 0 && now < next_allowed_) {
    throttle_.schedule(next_allowed_);
    return;
  }
  asserted_ = 1;
  next_allowed_ = now + Cycles{ticks_up(itr_ * kThrottleUnitNs, kNanoseconds, core_clock_)};
  line_(true);
}

std::optional<std::uint32_t> NicInterrupts::read(std::uint32_t offset) {
  switch (offset) {
    case kIcr: {
      const std::uint32_t causes = icr_;
      icr_ = 0;
      update();
      return causes;
    }
    case kItr:
      return itr_;
    case kIms:
      return ims_;
    case kIcs:
    case kImc:
      return 0;  // write-only
    case kRdtr:
      return receive_delay_.relative();
    case kRadv:
      return receive_delay_.absolute();
    case kTidv:
      return transmit_delay_.relative();
    case kTadv:
      return transmit_delay_.absolute();
    default:
      return std::nullopt;
  }
}

bool NicInterrupts::write(std::uint32_t offset, std::uint32_t value) {
  switch (offset) {
    case kIcr:
      icr_ &= ~value;
      update();
      return true;
    case kItr:
      itr_ = value & 0xFFFF;
      update();
      return true;
    case kIcs:
      raise(value);
      return true;
    case kIms:
      ims_ |= value & kIntAll;
      update();
      return true;
    case kImc:
      ims_ &= ~value;
      update();
      return true;
    case kRdtr:
      receive_delay_.set_relative(value);
      return true;
    case kRadv:
      receive_delay_.set_absolute(value);
      return true;
    case kTidv:
      transmit_delay_.set_relative(value);
      return true;
    case kTadv:
      transmit_delay_.set_absolute(value);
      return true;
    default:
      return false;
  }
}

void NicInterrupts::reset() {
  icr_ = ims_ = itr_ = 0;
  next_allowed_ = {};
  receive_delay_.reset();
  transmit_delay_.reset();
  update();
}

void NicInterrupts::visit(StateVisitor& visitor) {
  visitor.field("icr", icr_);
  visitor.field("ims", ims_);
  visitor.field("itr", itr_);
  visitor.field("asserted", asserted_);
  visitor.field("next_allowed", next_allowed_);
  throttle_.visit(visitor);
  PrefixVisitor receive(visitor, "receive.");
  receive_delay_.visit(receive);
  PrefixVisitor transmit(visitor, "transmit.");
  transmit_delay_.visit(transmit);
}

}  // namespace mint
