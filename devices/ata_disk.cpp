#include "devices/ata_disk.hpp"

#include <algorithm>

#include "devices/ata_commands.hpp"

namespace mint {
namespace {

constexpr std::uint64_t kMaxQueueAgeNs = 500'000'000;

}  // namespace

AtaDisk::AtaDisk(EventQueue& queue, AtaDiskConfig config, std::unique_ptr<DiskImage> image)
    : queue_(queue),
      config_(std::move(config)),
      image_(std::move(image)),
      mechanics_(config_.parameters, config_.core_clock, config_.seed),
      ready_(queue, config_.name + ".ready", [this](Cycles) { become_ready(); }),
      complete_(queue, config_.name + ".complete", [this](Cycles) { complete(); }) {
  spun_up_at_ = queue.now() + mechanics_.cycles_of_ns(config_.parameters.spin_up_ns);
  mechanics_.busy_until(spun_up_at_);
}

// --- Resets

void AtaDisk::abandon() {
  complete_.cancel();
  ready_.cancel();
  running_ = 0;
  queued_ = {};
  serving_ = kNoTag;
  queue_error_ = 0;
}

void AtaDisk::link_down() {
  abandon();
  soft_reset_ = 0;
  phase_ = Phase::kNoLink;
}

void AtaDisk::link_up() {
  soft_reset_ = 0;
  start_reset();
}

void AtaDisk::start_reset() {
  abandon();
  phase_ = Phase::kResetting;
  ready_.schedule(std::max(queue_.now() + mechanics_.cycles_of_ns(config_.reset_ns), spun_up_at_));
}

// The signature of a device without the PACKET command set (ATA8-ACS, 9.12; error 01h: diagnostics
// passed).
void AtaDisk::become_ready() {
  phase_ = Phase::kReady;
  host_->send_registers({.lba = 1, .count = 1, .status = ata::kGood, .error = 1}, false);
}

// --- Taking commands

void AtaDisk::receive(const AtaCommand& command) {
  if (phase_ == Phase::kNoLink) return;
  if (command.is_command == 0) {
    const std::uint8_t soft_reset = (command.control & ata::kSoftReset) != 0 ? 1 : 0;
    if (soft_reset != 0) {
      abandon();
      phase_ = Phase::kResetting;
    } else if (soft_reset_ != 0) {
      start_reset();
    }
    soft_reset_ = soft_reset;
    return;
  }
  // A host that does not wait for BSY to clear is not heard.
  if (phase_ != Phase::kReady || soft_reset_ != 0 || running_ != 0) return;
  if (is_queued(command.command) && config_.ncq)
    start_queued(command);
  else
    start_command(command);
}

void AtaDisk::start_command(const AtaCommand& command) {
  const bool queue_in_use =
      std::any_of(queued_.begin(), queued_.end(), [](const Queued& q) { return q.valid != 0; });
  // After a queued command failed, only its log can be read. Mixing queued and other commands fails
  // all of them (ATA8-ACS, 4.15).
  if ((queue_error_ != 0 && command.command != ata::kReadLogExt) ||
      (queue_error_ == 0 && queue_in_use)) {
    if (queue_error_ == 0) abandon();
    received_ = queue_.now();
    time_ = {};
    abort(command);
    return;
  }
  running_ = 1;
  command_ = command;
  received_ = queue_.now();
  wake(wants_heads(command.command));
  time_ = time_of(command);
  complete_.schedule(queue_.now() + time_.total());
}

void AtaDisk::start_queued(const AtaCommand& command) {
  const auto tag = static_cast<std::uint8_t>(command.count >> 3 & 31);
  if (queue_error_ != 0 || queued_[tag].valid != 0) {
    const std::uint8_t error_before = queue_error_;
    abandon();
    queue_error_ = error_before;
    received_ = queue_.now();
    time_ = {};
    abort(command);
    return;
  }
  queued_[tag] = {command, queue_.now(), 1};
  host_->send_registers({.status = ata::kGood}, false);
  serve_queue();
}

void AtaDisk::serve_queue() {
  if (serving_ != kNoTag || queue_error_ != 0) return;
  const Cycles now = queue_.now();
  const Cycles age = mechanics_.cycles_of_ns(kMaxQueueAgeNs);
  std::uint8_t best = kNoTag;
  bool best_is_old = false;
  Cycles best_cost;
  for (const Queued& q : queued_) {
    if (q.valid == 0) continue;
    const auto tag = static_cast<std::uint8_t>(&q - queued_.data());
    const Range range = range_of(q.command);
    const bool old = now - q.received > age;
    const Cycles cost = old ? q.received
                            : mechanics_.positioning(range.lba, range.sectors, now,
                                                     q.command.command == ata::kWriteFpdma);
    if (best == kNoTag || (old && !best_is_old) || (old == best_is_old && cost < best_cost)) {
      best = tag;
      best_is_old = old;
      best_cost = cost;
    }
  }
  if (best == kNoTag) return;
  serving_ = best;
  wake(true);
  time_ = time_of(queued_[best].command);
  complete_.schedule(now + time_.total());
}

// The first command that needs the heads after a standby waits for the spindle.
void AtaDisk::wake(bool heads) {
  if (standby_ == 0 || !heads) return;
  standby_ = 0;
  spun_up_at_ = queue_.now() + mechanics_.cycles_of_ns(config_.parameters.spin_up_ns);
  mechanics_.busy_until(spun_up_at_);
}

// --- Ending commands

void AtaDisk::complete() {
  if (serving_ != kNoTag) {
    complete_queued();
    return;
  }
  running_ = 0;
  const AtaCommand command = command_;
  execute(command);
}

void AtaDisk::complete_queued() {
  const std::uint8_t tag = serving_;
  const Queued q = queued_[tag];
  serving_ = kNoTag;
  const Range range = range_of(q.command);
  const bool to_host = q.command.command == ata::kReadFpdma;
  Outcome outcome{ata::kIdNotFound, range.lba};
  if (range.valid) {
    const auto bytes = static_cast<std::uint32_t>(range.sectors * DiskImage::kSectorSize);
    if (!host_->dma_setup(tag, bytes, to_host))
      outcome.error = ata::kAbort;
    else
      outcome = to_host ? move_in(range) : move_out(range);
  }
  std::uint8_t status = ata::kGood;
  if (outcome.error == 0) {
    queued_[tag] = {};
    host_->set_device_bits(status, 0, 1u << tag, true);
  } else {
    status |= ata::kErr;
    queue_error_ = 1;
    error_log_ = queued_error_log(tag, q.command, status, outcome.error, outcome.lba);
    host_->set_device_bits(status, outcome.error, 0, true);
  }
  record(q.command, q.received, range, tag, status, outcome.error);
  serve_queue();
}

void AtaDisk::record(const AtaCommand& command, Cycles received, const Range& range,
                     std::uint8_t tag, std::uint8_t status, std::uint8_t error) {
  if (!observer_) return;
  const bool queued = tag != kNoTag;
  observer_({received, queue_.now(), command.command, static_cast<std::uint8_t>(queued ? tag : 0),
             queued, range.lba, range.sectors, time_, status, error});
}

void AtaDisk::visit(StateVisitor& visitor) {
  image_->visit(visitor);
  mechanics_.visit(visitor);
  visitor.field("phase", phase_);
  visitor.field("spun_up_at", spun_up_at_);
  visitor.field("standby", standby_);
  visitor.field("soft_reset", soft_reset_);
  visitor.field("running", running_);
  visitor.field("command", command_);
  visitor.field("received", received_);
  visitor.field("time", time_);
  visitor.field("queued", queued_);
  visitor.field("serving", serving_);
  visitor.field("queue_error", queue_error_);
  visitor.field("error_log", error_log_);
  visitor.field("write_cache", write_cache_);
  visitor.field("look_ahead", look_ahead_);
  visitor.field("smart_on", smart_on_);
  visitor.field("transfer_mode", transfer_mode_);
  visitor.field("multiple", multiple_);
  ready_.visit(visitor);
  complete_.visit(visitor);
}

}  // namespace mint
