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
enum B : std::uint8_t {
  kSet = 0x80,
  kAlarmEnable = 0x20,
  kUpdateEnable = 0x10,
  kBinary = 0x04,
  k24Hours = 0x02,
};
// Flags in C; the enable bits in B are at the same places.
enum C : std::uint8_t {
  kIrqFlag = 0x80,
  kPeriodicFlag = 0x40,
  kAlarmFlag = 0x20,
  kUpdateFlag = 0x10,
  kFlags = 0x70,
};
constexpr std::uint8_t kDividerMask = 0x70;
constexpr std::uint8_t kDividerRuns = 0x20;
constexpr std::uint8_t kDividerReset = 0x60;  // bits that are both set in 11x
constexpr std::uint8_t kPm = 0x80;

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

  ram_[kB] = k24Hours;
  ram_[kSeconds] = raw(static_cast<unsigned>(time.seconds().count()));
  ram_[kMinutes] = raw(static_cast<unsigned>(time.minutes().count()));
  ram_[kHours] = raw(static_cast<unsigned>(time.hours().count()));
  ram_[kWeekday] = raw(std::chrono::weekday(day).c_encoding() + 1);
  ram_[kDay] = raw(static_cast<unsigned>(date.day()));
  ram_[kMonth] = raw(static_cast<unsigned>(date.month()));
  ram_[kYear] = raw(year % 100);
  ram_[kA] = kDividerRuns | 6;  // 1024 Hz, as PC firmware sets it
  ram_[kD] = 0x80;
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

bool Rtc::running() const { return (ram_[kA] & kDividerMask) == kDividerRuns; }

bool Rtc::update_in_progress() const {
  if (!running() || (ram_[kB] & kSet) != 0) return false;
  return (crystal() - phase_) % kSecond >= kSecond - kUpdateCycle - kUpdateWarning;
}

// Ticks between two periodic interrupts, 0 when there are none (table 4, 32.768 kHz time base).
std::uint64_t Rtc::periodic_ticks() const {
  const unsigned rate = ram_[kA] & 15U;
  if (rate == 0) return 0;
  return rate <= 2 ? std::uint64_t{64} << rate : std::uint64_t{1} << (rate - 1);
}

std::uint8_t Rtc::read_byte(std::uint64_t offset) {
  if (offset != 1) return 0xff;
  refresh();
  if (index_ == kA && update_in_progress()) return ram_[kA] | 0x80;
  if (index_ != kC) return ram_[index_];
  const std::uint8_t flags = ram_[kC];
  ram_[kC] = 0;
  refresh();
  return flags;
}

void Rtc::write_byte(std::uint64_t offset, std::uint8_t value) {
  if (offset == 0) {
    index_ = value & 0x7f;
    nmi_masked_ = (value & 0x80) != 0;
  } else if (offset == 1) {
    refresh();
    write_register(index_, value);
    refresh();
  }
}

void Rtc::write_register(std::uint8_t index, std::uint8_t value) {
  switch (index) {
    case kA:
      return write_a(value);
    case kB:
      // SET clears UIE ("Register B, UIE").
      ram_[kB] = (value & kSet) != 0 ? value & static_cast<std::uint8_t>(~kUpdateEnable) : value;
      return;
    case kC:
    case kD:
      return;
    default:
      ram_[index] = value;
  }
}

void Rtc::write_a(std::uint8_t value) {
  const bool was_reset = (ram_[kA] & kDividerReset) == kDividerReset;
  const bool was_running = running();
  const std::uint64_t now = crystal();
  // A chain that stands still keeps its position: phase_ holds it while it does not run.
  const std::uint64_t position = was_running ? now - phase_ : phase_;
  ram_[kA] = value & 0x7f;
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
    if ((now - phase_) / period != (before - phase_) / period) ram_[kC] |= kPeriodicFlag;
  }
  if ((ram_[kB] & kSet) != 0) return;
  for (std::uint64_t i = (before - phase_) / kSecond; i < (now - phase_) / kSecond; ++i) {
    update_time();
    ram_[kC] |= kUpdateFlag;
    if (alarm_matches()) ram_[kC] |= kAlarmFlag;
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
  if ((ram_[kB] & k24Hours) != 0) return step(kHours, 0, 23);
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
  return (ram_[kB] & kBinary) != 0 ? value : (value >> 4) * 10 + (value & 15);
}

std::uint8_t Rtc::raw(unsigned number) const {
  return static_cast<std::uint8_t>((ram_[kB] & kBinary) != 0 ? number
                                                             : number / 10 << 4 | number % 10);
}

bool Rtc::alarm_matches() const {
  for (const std::uint8_t index : {kSeconds, kMinutes, kHours}) {
    const std::uint8_t alarm = ram_[index + 1U];
    if (alarm < 0xc0 && alarm != ram_[index]) return false;
  }
  return true;
}

void Rtc::drive_irq() {
  const bool level = (ram_[kC] & ram_[kB] & kFlags) != 0;
  ram_[kC] = static_cast<std::uint8_t>((ram_[kC] & ~kIrqFlag) | (level ? kIrqFlag : 0));
  if (level == irq_level_) return;
  irq_level_ = level;
  if (irq8_) irq8_(level);
}

// An event is needed only for a flag that is not set yet and whose interrupt is enabled.
void Rtc::schedule() {
  const std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
  const std::uint8_t wanted = ram_[kB] & static_cast<std::uint8_t>(~ram_[kC]) & kFlags;
  std::uint64_t at = never;
  const auto next_multiple = [&](std::uint64_t period) {
    at = std::min(at, phase_ + ((processed_ - phase_) / period + 1) * period);
  };
  if (running() && wanted != 0 && !irq_level_) {
    if ((wanted & kPeriodicFlag) != 0 && periodic_ticks() != 0) next_multiple(periodic_ticks());
    if ((wanted & (kUpdateFlag | kAlarmFlag)) != 0 && (ram_[kB] & kSet) == 0) {
      next_multiple(kSecond);
    }
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
  ram_[kB] &= 0x87;
  ram_[kC] = 0;
  index_ = 0;
  nmi_masked_ = false;
  refresh();
}

void Rtc::visit(StateVisitor& visitor) {
  visitor.field("ram", ram_);
  visitor.field("index", index_);
  visitor.field("nmi_masked", nmi_masked_);
  visitor.field("phase", phase_);
  visitor.field("processed", processed_);
  visitor.field("irq_level", irq_level_);
  next_flag_.visit(visitor);
}

}  // namespace mint
