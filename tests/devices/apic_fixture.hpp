// What the tests of the interrupt controllers share: cores that write down what their LAPIC does to
// them, and a machine of LAPICs, one I/O APIC and the 8259 pair, wired as docs/board.md says.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/apic_bus.hpp"
#include "devices/ioapic.hpp"
#include "devices/lapic.hpp"
#include "devices/pic.hpp"
#include "emu/base/event_queue.hpp"

namespace mint {

class RecordingCore : public LapicCore {
 public:
  void interrupt_changed() override { log.push_back("intr"); }
  void nmi() override { log.push_back("nmi"); }
  void smi() override { log.push_back("smi"); }
  void init() override { log.push_back("init"); }
  void startup(Vector vector) override { log.push_back("sipi " + std::to_string(vector.value)); }

  // What happened since the last call, without the changes of INTR.
  std::vector<std::string> take() {
    std::vector<std::string> taken;
    for (std::string& entry : log) {
      if (entry != "intr") taken.push_back(std::move(entry));
    }
    log.clear();
    return taken;
  }

  std::vector<std::string> log;
};

// Saves the state of anything with a visit(), and puts it back.
class SavedState {
 public:
  template <class T>
  explicit SavedState(T& part) {
    Saver saver(*this);
    part.visit(saver);
  }
  template <class T>
  void restore(T& part) {
    Loader loader(*this);
    part.visit(loader);
  }
  friend bool operator==(const SavedState&, const SavedState&) = default;

 private:
  class Saver : public StateVisitor {
   public:
    explicit Saver(SavedState& state) : state_(state) {}
    void bytes(std::string_view, std::span<std::byte> data) override {
      const auto* begin = reinterpret_cast<const std::uint8_t*>(data.data());
      state_.fields_.emplace_back(begin, begin + data.size());
    }
    void blob(std::string_view, std::vector<std::uint8_t>& data) override {
      state_.fields_.push_back(data);
    }

   private:
    SavedState& state_;
  };
  class Loader : public StateVisitor {
   public:
    explicit Loader(SavedState& state) : state_(state) {}
    void bytes(std::string_view, std::span<std::byte> data) override {
      const auto& field = state_.fields_.at(next_++);
      ASSERT_EQ(field.size(), data.size());
      std::memcpy(data.data(), field.data(), data.size());
    }
    void blob(std::string_view, std::vector<std::uint8_t>& data) override {
      data = state_.fields_.at(next_++);
    }

   private:
    SavedState& state_;
    std::size_t next_ = 0;
  };
  std::vector<std::vector<std::uint8_t>> fields_;
};

class ApicMachine : public ::testing::Test {
 protected:
  static constexpr Cycles kDelay{400};
  static constexpr Hertz kCoreClock{2'800'000'000};
  static constexpr Hertz kTimerClock{133'333'333};

  explicit ApicMachine(unsigned cores = 4) : cores_(cores) {
    for (unsigned core = 0; core < cores; ++core) {
      lapics_.push_back(std::make_unique<Lapic>(LapicConfig{.id = {static_cast<std::uint8_t>(core)},
                                                            .bsp = core == 0,
                                                            .core_clock = kCoreClock,
                                                            .timer_clock = kTimerClock},
                                                cores_[core], bus_, queue_,
                                                [this] { return pic_.acknowledge(); }));
      set(core, LapicRegister::kSpuriousVector, 0x1FF);
    }
  }

  std::uint32_t get(unsigned core, LapicRegister which, unsigned word = 0) {
    return static_cast<std::uint32_t>(
        lapics_[core]->read(static_cast<std::uint16_t>(which) + 0x10 * word, 4));
  }
  void set(unsigned core, LapicRegister which, std::uint32_t value) {
    lapics_[core]->write(static_cast<std::uint16_t>(which), 4, value);
  }
  // One bit of ISR, TMR or IRR.
  bool bit(unsigned core, LapicRegister set, unsigned vector) {
    return (get(core, set, vector / 32) >> (vector % 32) & 1) != 0;
  }
  bool requested(unsigned core, unsigned vector) {
    return bit(core, LapicRegister::kInterruptRequest, vector);
  }
  bool in_service(unsigned core, unsigned vector) {
    return bit(core, LapicRegister::kInService, vector);
  }
  void eoi(unsigned core) { set(core, LapicRegister::kEoi, 0); }

  // An IPI as software sends it; arrives after `kDelay`.
  void ipi(unsigned from, std::uint32_t low, std::uint8_t destination = 0) {
    set(from, LapicRegister::kIcrHigh, std::uint32_t{destination} << 24);
    set(from, LapicRegister::kIcrLow, low);
  }
  // A fixed interrupt that a LAPIC sends itself: arrives at once.
  void request(unsigned core, unsigned vector) { ipi(core, kSelf | vector); }
  // The vector that the core takes, -1 when there is none.
  int acknowledge(unsigned core) {
    if (!lapics_[core]->has_interrupt()) return -1;
    const auto vector = lapics_[core]->acknowledge();
    return vector ? vector->value : -1;
  }
  void wait(Cycles cycles) { queue_.run_until(queue_.now() + cycles); }

  std::uint32_t redirection_low(unsigned pin) { return window(0x10 + 2 * pin); }
  std::uint32_t window(std::uint8_t index) {
    io_apic_.write(0x00, 4, index);
    return static_cast<std::uint32_t>(io_apic_.read(0x10, 4));
  }
  void window(std::uint8_t index, std::uint32_t value) {
    io_apic_.write(0x00, 4, index);
    io_apic_.write(0x10, 4, value);
  }
  void redirect(unsigned pin, std::uint32_t low, std::uint8_t destination = 0) {
    window(static_cast<std::uint8_t>(0x11 + 2 * pin), std::uint32_t{destination} << 24);
    window(static_cast<std::uint8_t>(0x10 + 2 * pin), low);
  }

  // Fields of ICR low, of LVT entries and of redirection entries.
  static constexpr std::uint32_t kLowestPriority = 1u << 8;
  static constexpr std::uint32_t kSmi = 2u << 8;
  static constexpr std::uint32_t kNmi = 4u << 8;
  static constexpr std::uint32_t kInit = 5u << 8;
  static constexpr std::uint32_t kStartup = 6u << 8;
  static constexpr std::uint32_t kExtInt = 7u << 8;
  static constexpr std::uint32_t kLogical = 1u << 11;
  static constexpr std::uint32_t kSendPending = 1u << 12;
  static constexpr std::uint32_t kActiveLow = 1u << 13;
  static constexpr std::uint32_t kRemoteIrr = 1u << 14;
  static constexpr std::uint32_t kAssert = 1u << 14;
  static constexpr std::uint32_t kLevel = 1u << 15;
  static constexpr std::uint32_t kMasked = 1u << 16;
  static constexpr std::uint32_t kPeriodic = 1u << 17;
  static constexpr std::uint32_t kSelf = 1u << 18;
  static constexpr std::uint32_t kAll = 2u << 18;
  static constexpr std::uint32_t kAllButSelf = 3u << 18;

  EventQueue queue_;
  std::vector<RecordingCore> cores_;
  ApicBus bus_{queue_, {.delay = kDelay, .arbiter = 0}};
  IoApic io_apic_{bus_};
  std::vector<std::unique_ptr<Lapic>> lapics_;
  Pic pic_{[this](bool level) {
    lapics_[0]->set_lint0(level);
    io_apic_.set_irq(0, level);
  }};
};

}  // namespace mint
