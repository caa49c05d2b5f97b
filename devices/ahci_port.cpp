#include "devices/ahci_port.hpp"

#include <algorithm>
#include <cstring>

#include "devices/ahci_registers.hpp"
#include "devices/prefix_visitor.hpp"

namespace mint {

using namespace ahci;

namespace {

constexpr std::uint32_t kNoDevice = 0x7F;  // PxTFD without a device (3.3.8)

// The bits that software leaves alone in a register written in part.
std::uint32_t merge(std::uint32_t old, std::uint32_t value, std::uint32_t mask,
                    std::uint32_t writable) {
  return (old & ~(mask & writable)) | (value & mask & writable);
}

std::uint64_t merge_half(std::uint64_t old, bool high, std::uint32_t value, std::uint32_t mask,
                         std::uint32_t writable) {
  const unsigned shift = high ? 32 : 0;
  const auto half = static_cast<std::uint32_t>(old >> shift);
  const std::uint64_t merged = merge(half, value, mask, writable);
  return (old & ~(std::uint64_t{0xFFFFFFFF} << shift)) | merged << shift;
}

}  // namespace

AhciPort::AhciPort(EventQueue& queue, const std::string& name, const AhciTiming& timing,
                   DmaPort& memory, std::function<void()> interrupt)
    : queue_(queue),
      timing_(timing),
      memory_(memory),
      interrupt_(std::move(interrupt)),
      link_(queue, name + ".link", [this](Cycles) { link_comes_up(); }),
      issue_(queue, name + ".issue", [this](Cycles) { issue(); }) {
  reset();
}

void AhciPort::attach(AtaDisk& disk) {
  disk_ = &disk;
  disk.connect(*this);
  reset();
}

// --- Registers

// PCS and PRCS are copies of PxSERR bits (3.3.5).
std::uint32_t AhciPort::interrupt_status() const {
  return is_ | ((serr_ & kSerrExchanged) != 0 ? kIsConnectChange : 0) |
         ((serr_ & kSerrPhyRdyChange) != 0 ? kIsPhyRdyChange : 0);
}

std::uint32_t AhciPort::read(std::uint32_t offset) const {
  switch (offset) {
    case kPxClb:
      return static_cast<std::uint32_t>(clb_);
    case kPxClbu:
      return static_cast<std::uint32_t>(clb_ >> 32);
    case kPxFb:
      return static_cast<std::uint32_t>(fb_);
    case kPxFbu:
      return static_cast<std::uint32_t>(fb_ >> 32);
    case kPxIs:
      return interrupt_status();
    case kPxIe:
      return ie_;
    case kPxCmd:
      return cmd_ | (current_ != kNoSlot ? std::uint32_t{current_} << kCmdSlotShift : 0);
    case kPxTfd:
      return tfd_;
    case kPxSig:
      return sig_;
    case kPxSsts:
      return ssts_;
    case kPxSctl:
      return sctl_;
    case kPxSerr:
      return serr_;
    case kPxSact:
      return sact_;
    case kPxCi:
      return ci_;
    default:
      return 0;
  }
}

void AhciPort::write(std::uint32_t offset, std::uint32_t value, std::uint32_t mask) {
  const std::uint32_t ones = value & mask;
  switch (offset) {
    case kPxClb:
    case kPxClbu:
      clb_ = merge_half(clb_, offset == kPxClbu, value, mask,
                        offset == kPxClbu ? 0xFFFFFFFF : 0xFFFFFC00);
      break;
    case kPxFb:
    case kPxFbu:
      fb_ = merge_half(fb_, offset == kPxFbu, value, mask,
                       offset == kPxFbu ? 0xFFFFFFFF : 0xFFFFFF00);
      break;
    case kPxIs:
      is_ &= ~(ones & kIsClearable);
      interrupt_();
      break;
    case kPxIe:
      ie_ = merge(ie_, value, mask, kIeBits);
      interrupt_();
      break;
    case kPxCmd:
      write_cmd(value, mask);
      break;
    case kPxSctl:
      write_sctl(merge(sctl_, value, mask, kSctlBits));
      break;
    case kPxSerr:
      serr_ &= ~ones;
      interrupt_();
      break;
    case kPxSact:
      if ((cmd_ & kCmdStart) != 0) sact_ |= ones;
      break;
    case kPxCi:
      if ((cmd_ & kCmdStart) == 0) break;
      ci_ |= ones;
      schedule_issue();
      break;
    default:
      break;
  }
}

void AhciPort::write_cmd(std::uint32_t value, std::uint32_t mask) {
  const std::uint32_t old = cmd_;
  const std::uint32_t writable = kCmdStart | kCmdFisReceive | kCmdAtapi | kCmdLedAtapi;
  cmd_ = merge(cmd_, value, mask, writable);
  // Command list override: only while the list is not running (3.3.7).
  if ((value & mask & kCmdOverride) != 0 && (old & kCmdListRunning) == 0)
    tfd_ &= ~std::uint32_t{ata::kBusyBits};

  if ((cmd_ & kCmdFisReceive) != 0) {
    cmd_ |= kCmdFisRunning;
    if (unposted_ != 0) {
      unposted_ = 0;
      post(kRfisD2h, signature_);
    }
  } else {
    cmd_ &= ~kCmdFisRunning;
  }

  if ((cmd_ & kCmdStart) != 0) {
    cmd_ |= kCmdListRunning;
    if ((old & kCmdStart) == 0) halted_ = 0;
  } else if ((old & kCmdStart) != 0) {
    stop();
  }
}

// ST cleared: the list is given up, and with it PxCI and PxSACT (3.3.14, 3.3.13).
void AhciPort::stop() {
  cmd_ &= ~(kCmdStart | kCmdListRunning);
  ci_ = sact_ = issued_ = 0;
  current_ = kNoSlot;
  last_slot_ = 31;
  halted_ = 0;
  issue_.cancel();
}

// --- The link

void AhciPort::bring_link_down() {
  link_.cancel();
  ssts_ = 0;
  tfd_ = kNoDevice;
  sig_ = 0xFFFFFFFF;
  await_signature_ = unposted_ = 0;
  issued_ = 0;
  current_ = kNoSlot;
  if (disk_ != nullptr) disk_->link_down();
}

void AhciPort::write_sctl(std::uint32_t value) {
  const std::uint32_t before = sctl_ & kDetMask;
  const std::uint32_t now = value & kDetMask;
  sctl_ = value;
  if (now == before) return;
  if (now == kDetReset || now == kDetOffline) {
    bring_link_down();
    if (now == kDetOffline) ssts_ = 4;
  } else if (now == 0 && (before == kDetReset || before == kDetOffline) && disk_ != nullptr) {
    ssts_ = 0;
    link_.schedule(queue_.now() + timing_.link);
  }
}

// COMINIT and PHYRDY: the device is there and busy until its first D2H FIS.
void AhciPort::link_comes_up() {
  ssts_ = kSstsUp;
  serr_ |= kSerrPhyRdyChange | kSerrExchanged;
  tfd_ = ata::kBusy;
  await_signature_ = 1;
  disk_->link_up();
  interrupt_();
}

void AhciPort::hba_reset() {
  stop();
  is_ = ie_ = serr_ = sctl_ = 0;
  cmd_ = kCmdSpinUp | kCmdPowerOn;
  bring_link_down();
  if (disk_ != nullptr) link_.schedule(queue_.now() + timing_.link);
}

void AhciPort::reset() {
  clb_ = fb_ = 0;
  hba_reset();
}

// --- Commands to the device

void AhciPort::schedule_issue() {
  if ((ci_ & ~issued_) == 0 || halted_ != 0 || issue_.pending()) return;
  issue_.schedule(queue_.now() + timing_.command);
}

void AhciPort::issue() {
  const std::uint32_t waiting = ci_ & ~issued_;
  if (waiting == 0 || halted_ != 0 || (cmd_ & kCmdStart) == 0 || ssts_ != kSstsUp) return;
  if (current_ != kNoSlot || (tfd_ & ata::kBusyBits) != 0) return;  // until the device is free
  std::uint8_t slot = last_slot_;
  do slot = (slot + 1) % 32;
  while ((waiting >> slot & 1) == 0);
  last_slot_ = slot;
  if (issue_slot(slot)) schedule_issue();
}

bool AhciPort::issue_slot(std::uint8_t slot) {
  std::array<std::uint32_t, 4> head;
  Fis fis{};
  current_ = slot;
  if (!memory_.read(header(slot), std::as_writable_bytes(std::span(head)))) {
    stop_with(kIsHostBusFatal);
    return false;
  }
  const PhysAddr table{std::uint64_t{head[3]} << 32 | (head[2] & ~0x7Fu)};
  if (!memory_.read(table, std::as_writable_bytes(std::span(fis)))) {
    stop_with(kIsHostBusFatal);
    return false;
  }
  // The device answers anything but a register FIS of full length with R_ERR.
  if ((head[0] & 0x1F) < 5 || fis[0] != kFisRegisterH2d) {
    serr_ |= kSerrHandshake;
    stop_with(kIsInterfaceFatal);
    return false;
  }
  issued_ |= 1u << slot;
  const AtaCommand command = parse_h2d(fis);
  const bool clear_busy = (head[0] & kHeaderClearBusy) != 0;
  if (!clear_busy) tfd_ |= ata::kBusy;
  if (command.is_command == 0) {
    // A control FIS has no answer of its own: the slot is free once it is delivered. Only the end
    // of a soft reset is followed by a D2H FIS, the signature.
    if ((command.control & ata::kSoftReset) != 0) await_signature_ = 1;
    if (await_signature_ == 0) tfd_ &= ~std::uint32_t{ata::kBusy};
    finish_current();
    disk_->receive(command);
    return true;
  }
  disk_->receive(command);
  return true;
}

// The current command is over: its slot is free, the next may go.
void AhciPort::finish_current() {
  if (current_ == kNoSlot) return;
  ci_ &= ~(1u << current_);
  issued_ &= ~(1u << current_);
  current_ = kNoSlot;
}

void AhciPort::stop_with(std::uint32_t interrupt_bits) {
  is_ |= interrupt_bits;
  halted_ = 1;
  issue_.cancel();
  interrupt_();
}

void AhciPort::visit(StateVisitor& visitor) {
  visitor.field("clb", clb_);
  visitor.field("fb", fb_);
  visitor.field("is", is_);
  visitor.field("ie", ie_);
  visitor.field("cmd", cmd_);
  visitor.field("tfd", tfd_);
  visitor.field("sig", sig_);
  visitor.field("ssts", ssts_);
  visitor.field("sctl", sctl_);
  visitor.field("serr", serr_);
  visitor.field("sact", sact_);
  visitor.field("ci", ci_);
  visitor.field("issued", issued_);
  visitor.field("current", current_);
  visitor.field("last_slot", last_slot_);
  visitor.field("halted", halted_);
  visitor.field("await_signature", await_signature_);
  visitor.field("unposted", unposted_);
  visitor.field("signature", signature_);
  link_.visit(visitor);
  issue_.visit(visitor);
  if (disk_ == nullptr) return;
  PrefixVisitor disk(visitor, "disk.");
  disk_->visit(disk);
}

}  // namespace mint
