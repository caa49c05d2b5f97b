#include "devices/pic.hpp"

#include <string>
#include <utility>

namespace mint {
namespace {

constexpr std::uint8_t bit(unsigned input) { return static_cast<std::uint8_t>(1u << input); }

// Inputs that the ELCRs can make level-triggered.
constexpr std::uint8_t kElcr1 = 0b1111'1000;
constexpr std::uint8_t kElcr2 = 0b1101'1110;

constexpr Vector kFloatingBus{0xFF};

}  // namespace

void Intel8259A::reset() {
  const bool master = master_;
  const std::uint8_t inputs = inputs_;
  *this = {};
  master_ = master;
  inputs_ = inputs;
}

std::uint8_t Intel8259A::requests() const { return inputs_ & (level_triggered_ | edges_); }

std::optional<unsigned> Intel8259A::highest(std::uint8_t inputs) const {
  for (unsigned step = 1; step <= 8; ++step) {
    const unsigned input = (lowest_ + step) & 7;
    if ((inputs & bit(input)) != 0) return input;
  }
  return std::nullopt;
}

std::optional<unsigned> Intel8259A::candidate() const {
  const auto asking = highest(requests() & static_cast<std::uint8_t>(~imr_));
  if (!asking) return std::nullopt;
  // In special mask mode a masked input's interrupt in service holds nobody up.
  const auto serving = highest(special_mask_ ? isr_ & static_cast<std::uint8_t>(~imr_) : isr_);
  if (!serving || rank(*asking) < rank(*serving)) return asking;
  // Special fully nested mode: a slave may ask again while it is being served.
  const bool nested =
      icw4_.special_fully_nested != 0 && master_ && *asking == *serving && has_slave_on(*asking);
  return nested ? asking : std::nullopt;
}

void Intel8259A::take(unsigned input) {
  edges_ &= static_cast<std::uint8_t>(~bit(input));
  isr_ |= bit(input);
}

Intel8259A::Answer Intel8259A::acknowledge() {
  const auto input = candidate();
  if (input) {
    take(*input);
    if (icw4_.auto_eoi != 0) {
      isr_ &= static_cast<std::uint8_t>(~bit(*input));
      if (rotate_in_auto_eoi_) lowest_ = static_cast<std::uint8_t>(*input);
    }
  }
  const unsigned answer = input.value_or(7);
  return {answer, {static_cast<std::uint8_t>((icw2_ & 0xF8) | answer)}};
}

std::uint8_t Intel8259A::read(bool a0) {
  if (poll_) {
    poll_ = false;
    const auto input = candidate();
    if (!input) return to_raw(PollWord{});
    acknowledge();
    return to_raw(PollWord{.level = static_cast<std::uint8_t>(*input & 7), .interrupt = 1});
  }
  if (a0) return imr_;
  return read_isr_ ? isr_ : requests();
}

void Intel8259A::write(bool a0, std::uint8_t value) {
  if (!a0) {
    if (const auto icw1 = from_raw<Icw1>(value); icw1.one != 0) {
      initialise(icw1);
    } else if (const auto ocw3 = from_raw<Ocw3>(value); ocw3.one != 0) {
      operate(ocw3);
    } else {
      operate(from_raw<Ocw2>(value));
    }
    return;
  }
  const Expects after_icw3 = icw1_.icw4_needed != 0 ? Expects::kIcw4 : Expects::kOcw1;
  switch (expects_) {
    case Expects::kOcw1:
      imr_ = value;
      break;
    case Expects::kIcw2:
      icw2_ = value;
      expects_ = icw1_.single != 0 ? after_icw3 : Expects::kIcw3;
      break;
    case Expects::kIcw3:
      icw3_ = value;
      expects_ = after_icw3;
      break;
    case Expects::kIcw4:
      icw4_ = from_raw<Icw4>(value);
      expects_ = Expects::kOcw1;
      break;
  }
}

// "Initialization command words 1 and 2", a to f; the edge sense circuit forgets the edges.
void Intel8259A::initialise(Icw1 word) {
  icw1_ = word;
  icw4_ = {};
  expects_ = Expects::kIcw2;
  imr_ = 0;
  isr_ = 0;
  edges_ = 0;
  lowest_ = 7;
  read_isr_ = false;
  poll_ = false;
  special_mask_ = false;
  rotate_in_auto_eoi_ = false;
}

void Intel8259A::operate(Ocw2 word) {
  if (word.end_of_interrupt == 0) {
    if (word.specific != 0) {
      if (word.rotate != 0) lowest_ = word.level;
    } else {
      rotate_in_auto_eoi_ = word.rotate != 0;
    }
    return;
  }
  std::optional<unsigned> ended = unsigned{word.level};
  if (word.specific == 0) {
    // A non-specific EOI does not clear a masked bit in special mask mode.
    ended = highest(special_mask_ ? isr_ & static_cast<std::uint8_t>(~imr_) : isr_);
  }
  if (!ended) return;
  isr_ &= static_cast<std::uint8_t>(~bit(*ended));
  if (word.rotate != 0) lowest_ = static_cast<std::uint8_t>(*ended);
}

void Intel8259A::operate(Ocw3 word) {
  if (word.enable_special_mask_mode != 0) special_mask_ = word.special_mask_mode != 0;
  if (word.poll != 0) {
    poll_ = true;
  } else if (word.read_register != 0) {
    read_isr_ = word.read_isr != 0;
  }
}

void Intel8259A::set_input(unsigned input, bool level) {
  const std::uint8_t mask = bit(input);
  if (level) {
    if ((inputs_ & mask) == 0) edges_ |= mask;
    inputs_ |= mask;
  } else {
    inputs_ &= static_cast<std::uint8_t>(~mask);
    edges_ &= static_cast<std::uint8_t>(~mask);
  }
}

void Intel8259A::set_level_triggered(std::uint8_t inputs) { level_triggered_ = inputs; }

void Intel8259A::visit(StateVisitor& visitor, std::string_view prefix) {
  const auto field = [&](std::string_view name, auto& value) {
    visitor.field(std::string(prefix).append(name), value);
  };
  field("icw1", icw1_);
  field("icw2", icw2_);
  field("icw3", icw3_);
  field("icw4", icw4_);
  field("expects", expects_);
  field("imr", imr_);
  field("isr", isr_);
  field("edges", edges_);
  field("inputs", inputs_);
  field("level_triggered", level_triggered_);
  field("lowest", lowest_);
  field("read_isr", read_isr_);
  field("poll", poll_);
  field("special_mask", special_mask_);
  field("rotate_in_auto_eoi", rotate_in_auto_eoi_);
}

Pic::Pic(IrqLine intr) : intr_(std::move(intr)) { master_.set_is_master(true); }

void Pic::reset() {
  master_.reset();
  slave_.reset();
  update();
}

std::uint8_t Pic::read_byte(std::uint64_t offset) {
  switch (offset) {
    case 0:
    case 1:
      return master_.read(offset == 1);
    case 2:
    case 3:
      return slave_.read(offset == 3);
    case 4:
      return master_.level_triggered();
    case 5:
      return slave_.level_triggered();
    default:
      return 0xFF;
  }
}

void Pic::write_byte(std::uint64_t offset, std::uint8_t value) {
  switch (offset) {
    case 0:
    case 1:
      master_.write(offset == 1, value);
      break;
    case 2:
    case 3:
      slave_.write(offset == 3, value);
      break;
    case 4:
      master_.set_level_triggered(value & kElcr1);
      break;
    case 5:
      slave_.set_level_triggered(value & kElcr2);
      break;
    default:
      break;
  }
}

std::uint64_t Pic::read(std::uint64_t offset, unsigned size) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < size; ++i) {
    value |= static_cast<std::uint64_t>(read_byte(offset + i)) << (8 * i);
    update();  // a poll acknowledges
  }
  return value;
}

void Pic::write(std::uint64_t offset, unsigned size, std::uint64_t value) {
  for (unsigned i = 0; i < size; ++i) {
    write_byte(offset + i, static_cast<std::uint8_t>(value >> (8 * i)));
    update();
  }
}

void Pic::set_irq(unsigned irq, bool level) {
  if (irq == kCascade) return;
  (irq < 8 ? master_ : slave_).set_input(irq % 8, level);
  update();
}

void Pic::update() {
  master_.set_input(kCascade, slave_.output());
  drive(master_.output());
}

void Pic::drive(bool level) {
  if (level == output_) return;
  output_ = level;
  intr_(level);
}

Vector Pic::acknowledge() {
  const Intel8259A::Answer answer = master_.acknowledge();
  Vector vector = answer.vector;
  if (master_.has_slave_on(answer.input)) {
    // The slave whose id the master puts on the cascade lines answers, if there is one.
    vector = kFloatingBus;
    if (slave_.slave_id() == answer.input) {
      vector = slave_.acknowledge().vector;
      master_.set_input(kCascade, false);
    }
  }
  drive(false);
  update();
  return vector;
}

void Pic::visit(StateVisitor& visitor) {
  master_.visit(visitor, "master.");
  slave_.visit(visitor, "slave.");
  visitor.field("output", output_);
}

}  // namespace mint
