#include "devices/rtc.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace mint {
namespace {

constexpr Hertz kCrystal{32768};
constexpr std::uint64_t kSecond = 32768;
// 244 us and 1984 us in ticks of the crystal.
constexpr std::uint64_t kUpdateWarning = 8;
constexpr std::uint64_t kUpdateCycle = 65;

enum Index : std::uint8_t {
  kSeconds = 0x00,
  kMinutes = 0x02,
  kHours = 0x04,
  kWeekday = 0x06,
  kDay = 0x07,
  kMonth = 0x08,
  kYear = 0x09,
  kA = 0x0a,
  kB = 0x0b,
  kC = 0x0c,
  kD = 0x0d,
  kEquipment = 0x14,
  kChecksum = 0x2e,
  kCentury = 0x32,
};
constexpr std::uint8_t kDividerRuns = 2;
constexpr std::uint8_t kDividerReset = 6;  // bits that are both set in 11x
constexpr std::uint8_t kRate1024 = 6;
constexpr std::uint8_t kPm = 0x80;
constexpr std::uint8_t kValidRamAndTime = 0x80;  // register D, VRT

constexpr std::uint64_t kMega = 1 << 20;
constexpr std::uint64_t kPciWindow = 0xc0000000;

}  // namespace

Rtc::Rtc(EventQueue& queue, Hertz core_clock, std::chrono::sys_seconds start, IrqLine irq8)
    : queue_(queue),
      core_clock_(core_clock),
      irq8_(std::move(irq8)),
      next_flag_(queue, "rtc.flag", [this](Cycles) { refresh(); }) {
  using std::chrono::days;
  const auto day = std::chrono::floor<days>(start);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(start - day);
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));

  a_ = {.rs = kRate1024, .dv = kDividerRuns};  // as PC firmware sets it
  b_ = {.hours_24 = 1};
  ram_[kSeconds] = raw(static_cast<unsigned>(time.seconds().count()));
  ram_[kMinutes] = raw(static_cast<unsigned>(time.minutes().count()));
  ram_[kHours] = raw(static_cast<unsigned>(time.hours().count()));
  ram_[kWeekday] = raw(std::chrono::weekday(day).c_encoding() + 1);
  ram_[kDay] = raw(static_cast<unsigned>(date.day()));
  ram_[kMonth] = raw(static_cast<unsigned>(date.month()));
  ram_[kYear] = raw(year % 100);
  set_cmos(kCentury, raw(year / 100));
  set_cmos(kEquipment, 0x02);  // coprocessor, no floppy drives
}

void Rtc::set_memory(std::uint64_t ram_bytes) {
  const auto put = [this](std::uint8_t low, std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) {
      set_cmos(static_cast<std::uint8_t>(low + i), static_cast<std::uint8_t>(value >> (8 * i)));
    }
  };
  const auto between = [](std::uint64_t low, std::uint64_t high) {
    return high > low ? high - low : 0;
  };
  const std::uint64_t low_ram = std::min(ram_bytes, kPciWindow);
  const std::uint64_t extended_kb = std::min<std::uint64_t>(between(kMega, low_ram) / 1024, 0xfc00);
  put(0x15, 640, 2);
  put(0x17, extended_kb, 2);
  put(0x30, extended_kb, 2);
  put(0x34, between(16 * kMega, low_ram) / 65536, 2);
  put(0x5b, between(kPciWindow, ram_bytes) / 65536, 3);
}

void Rtc::set_cores(unsigned cores) { set_cmos(0x5f, static_cast<std::uint8_t>(cores - 1)); }

void Rtc::set_cmos(std::uint8_t index, std::uint8_t value) {
  if (index <= kD || index >= ram_.size()) return;
  ram_[index] = value;
  unsigned sum = 0;  // of 10h to 2Dh, as the AT's setup program stores it
  for (unsigned i = 0x10; i < kChecksum; ++i) sum += ram_[i];
  ram_[kChecksum] = static_cast<std::uint8_t>(sum >> 8);
  ram_[kChecksum + 1] = static_cast<std::uint8_t>(sum);
}

std::uint64_t Rtc::crystal() const { return ticks_down(queue_.now().count, core_clock_, kCrystal); }

bool Rtc::running() const { return a_.dv == kDividerRuns; }

bool Rtc::update_in_progress() const {
  if (!running() || b_.set) return false;
  return (crystal() - phase_) % kSecond >= kSecond - kUpdateCycle - kUpdateWarning;
}

// Ticks between two periodic interrupts, 0 when there are none ("Periodic interrupt
// selection", 32.768 kHz time base).
std::uint64_t Rtc::periodic_ticks() const {
  if (a_.rs == 0) return 0;
  return a_.rs <= 2 ? std::uint64_t{64} << a_.rs : std::uint64_t{1} << (a_.rs - 1);
}

std::uint8_t Rtc::read_byte(std::uint64_t offset) {
  if (offset != 1) return 0xff;
  refresh();
  return read_register();
}

std::uint8_t Rtc::read_register() {
  switch (index_) {
    case kA: {
      RtcRegisterA a = a_;
      a.uip = update_in_progress();
      return to_raw(a);
    }
    case kB:
      return to_raw(b_);
    case kC: {
      const RtcRegisterC c = std::exchange(c_, {});
      refresh();
      return to_raw(c);
    }
    case kD:
      return kValidRamAndTime;
    default:
      return ram_[index_];
  }
}

void Rtc::write_byte(std::uint64_t offset, std::uint8_t value) {
  if (offset == 0) {
    index_ = value & 0x7f;
    nmi_masked_ = (value & 0x80) != 0;
  } else if (offset == 1) {
    refresh();
    write_register(value);
    refresh();
  }
}

void Rtc::write_register(std::uint8_t value) {
  switch (index_) {
    case kA:
      return write_a(value);
    case kB:
      b_ = from_raw<RtcRegisterB>(value);
      if (b_.set) b_.uie = 0;  // "Register B, UIE"
      return;
    case kC:
    case kD:
      return;
    default:
      ram_[index_] = value;
  }
}

void Rtc::write_a(std::uint8_t value) {
  const bool was_reset = (a_.dv & kDividerReset) == kDividerReset;
  const bool was_running = running();
  const std::uint64_t now = crystal();
  // A chain that stands still keeps its position: phase_ holds it while it does not run.
  const std::uint64_t position = was_running ? now - phase_ : phase_;
  a_ = from_raw<RtcRegisterA>(value);
  a_.uip = 0;
  if (running()) {
    if (!was_running) phase_ = now - (was_reset ? kSecond / 2 : position);
  } else {
    phase_ = position % kSecond;
  }
}

// Accounts for all updates and flags since the last call.
void Rtc::advance() {
  const std::uint64_t now = crystal();
  const std::uint64_t before = std::exchange(processed_, now);
  if (!running()) return;
  if (const std::uint64_t period = periodic_ticks(); period != 0) {
    if ((now - phase_) / period != (before - phase_) / period) c_.pf = 1;
  }
  if (b_.set) return;
  for (std::uint64_t i = (before - phase_) / kSecond; i < (now - phase_) / kSecond; ++i) {
    update_time();
    c_.uf = 1;
    if (alarm_matches()) c_.af = 1;
  }
}

void Rtc::update_time() {
  if (!step(kSeconds, 0, 59) || !step(kMinutes, 0, 59) || !step_hours()) return;
  step(kWeekday, 1, 7);
  if (!step(kDay, 1, days_in_month()) || !step(kMonth, 1, 12)) return;
  step(kYear, 0, 99);
}

// Counts a location up; true when it wraps.
bool Rtc::step(std::uint8_t index, unsigned first, unsigned last) {
  const unsigned next = number(index) + 1;
  ram_[index] = raw(next > last ? first : next);
  return next > last;
}

bool Rtc::step_hours() {
  if (b_.hours_24) return step(kHours, 0, 23);
  std::uint8_t pm = ram_[kHours] & kPm;
  ram_[kHours] &= static_cast<std::uint8_t>(~kPm);
  const bool noon_or_midnight = number(kHours) == 11;
  step(kHours, 1, 12);
  const bool midnight = noon_or_midnight && pm != 0;
  if (noon_or_midnight) pm ^= kPm;
  ram_[kHours] |= pm;
  return midnight;
}

unsigned Rtc::days_in_month() const {
  const unsigned month = number(kMonth);
  if (month == 2) return number(kYear) % 4 == 0 ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

unsigned Rtc::number(std::uint8_t index) const {
  const unsigned value = ram_[index];
  return b_.dm ? value : (value >> 4) * 10 + (value & 15);
}

std::uint8_t Rtc::raw(unsigned number) const {
  return static_cast<std::uint8_t>(b_.dm ? number : number / 10 << 4 | number % 10);
}

bool Rtc::alarm_matches() const {
  for (const std::uint8_t index : {kSeconds, kMinutes, kHours}) {
    const std::uint8_t alarm = ram_[index + 1U];
    if (alarm < 0xc0 && alarm != ram_[index]) return false;
  }
  return true;
}

void Rtc::drive_irq() {
  const bool level = (c_.pf && b_.pie) || (c_.af && b_.aie) || (c_.uf && b_.uie);
  c_.irqf = level;
  if (level == irq_level_) return;
  irq_level_ = level;
  if (irq8_) irq8_(level);
}

// An event is needed only for a flag that is not set yet and whose interrupt is enabled, and not
// while the line is up anyway.
void Rtc::schedule() {
  const std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t at = never;
  const auto next_multiple = [&](std::uint64_t period) {
    at = std::min(at, phase_ + ((processed_ - phase_) / period + 1) * period);
  };
  if (running() && !irq_level_) {
    const std::uint64_t period = periodic_ticks();
    if (b_.pie && period != 0) next_multiple(period);
    if ((b_.uie || b_.aie) && !b_.set) next_multiple(kSecond);
  }
  if (at == never) {
    next_flag_.cancel();
  } else {
    next_flag_.schedule({ticks_up(at, kCrystal, core_clock_)});
  }
}

void Rtc::refresh() {
  advance();
  drive_irq();
  schedule();
}

void Rtc::reset() {
  refresh();
  // RESET# clears the enables PIE, AIE, UIE, SQWE and the flags ("RESET#").
  b_.pie = b_.aie = b_.uie = b_.sqwe = 0;
  c_ = {};
  index_ = 0;
  nmi_masked_ = false;
  refresh();
}

void Rtc::visit(StateVisitor& visitor) {
  visitor.field("ram", ram_);
  visitor.field("a", a_);
  visitor.field("b", b_);
  visitor.field("c", c_);
  visitor.field("index", index_);
  visitor.field("nmi_masked", nmi_masked_);
  visitor.field("phase", phase_);
  visitor.field("processed", processed_);
  visitor.field("irq_level", irq_level_);
  next_flag_.visit(visitor);
}

}  // namespace mint
