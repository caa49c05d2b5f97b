// Random accesses to all interrupt controllers at once: a machine restored from another one's state
// must go on exactly as that one does, whatever the guest did to the chips.
#include <cstdint>

#include "tests/devices/apic_fixture.hpp"

namespace mint {
namespace {

// Numerical Recipes' 64-bit generator of linear congruences; only its upper bits are used.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t below(std::uint64_t limit) {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return (state_ >> 33) % limit;
  }
  std::uint32_t word() { return static_cast<std::uint32_t>(below(1 << 16) << 16 | below(1 << 16)); }

 private:
  std::uint64_t state_;
};

class RandomMachine : public ApicMachine {
 public:
  void TestBody() override {}

  void step(Random& random) {
    const auto core = static_cast<unsigned>(random.below(lapics_.size()));
    Lapic& lapic = *lapics_[core];
    const unsigned size = 1u << random.below(4);
    switch (random.below(12)) {
      case 0:
        lapic.write(random.below(0x40) * 0x10, 4, random.word());
        break;
      case 1:
        seen_.push_back(lapic.read(random.below(0x1000), size));
        break;
      case 2:
        ipi(core, random.word() & 0x000C4FFF, static_cast<std::uint8_t>(random.below(6)));
        break;
      case 3:
        set(core, LapicRegister::kSpuriousVector, 0x1FF);
        set(core, LapicRegister::kTaskPriority, static_cast<std::uint32_t>(random.below(0x40)));
        break;
      case 4:
        redirect(static_cast<unsigned>(random.below(24)), random.word() & 0xEFFF,
                 static_cast<std::uint8_t>(random.below(6)));
        break;
      case 5:
        io_apic_.write(random.below(0x50), size, random.word());
        seen_.push_back(io_apic_.read(random.below(0x50), size));
        break;
      case 6:
        pic_.write(random.below(6), size, random.word());
        seen_.push_back(pic_.read(random.below(6), size));
        break;
      case 7: {
        const auto irq = static_cast<unsigned>(random.below(24));
        const bool level = random.below(2) != 0;
        if (irq < 16) pic_.set_irq(irq, level);
        io_apic_.set_irq(irq, level);
        break;
      }
      case 8:
        seen_.push_back(static_cast<std::uint64_t>(acknowledge(core)));
        if (random.below(4) != 0) eoi(core);
        break;
      case 9:
        seen_.push_back(lapic.write_base(random.word() & 0xFFFFF900) ? 1 : 0);
        if (random.below(4) != 0) seen_.push_back(lapic.write_base(0xFEE00800) ? 1 : 0);
        break;
      case 10:
        bus_.send_msi(0x20, {0xFEE00000 | random.below(6) << 12 | random.below(16)}, random.word());
        lapic.set_lint1(random.below(2) != 0);
        break;
      default:
        wait({random.below(1000)});
    }
  }

  std::vector<SavedState> save() {
    std::vector<SavedState> states;
    for (const auto& lapic : lapics_) states.emplace_back(*lapic);
    states.emplace_back(bus_);
    states.emplace_back(io_apic_);
    states.emplace_back(pic_);
    return states;
  }
  void restore(std::vector<SavedState> states, Cycles now) {
    queue_.run_until(now);
    for (unsigned core = 0; core < lapics_.size(); ++core) states[core].restore(*lapics_[core]);
    states[lapics_.size()].restore(bus_);
    states[lapics_.size() + 1].restore(io_apic_);
    states[lapics_.size() + 2].restore(pic_);
  }
  Cycles now() const { return queue_.now(); }
  // All that the guest has seen since the last call.
  std::vector<std::string> history() {
    std::vector<std::string> all;
    for (RecordingCore& core : cores_) {
      all.insert(all.end(), core.log.begin(), core.log.end());
      core.log.clear();
    }
    for (const std::uint64_t value : seen_) all.push_back(std::to_string(value));
    seen_.clear();
    return all;
  }

 private:
  std::vector<std::uint64_t> seen_;
};

TEST(ApicRandomTest, RestoredMachineGoesOnLikeTheSavedOne) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    RandomMachine saved;
    Random random(seed);
    for (int i = 0; i < 3000; ++i) saved.step(random);
    saved.history();
    RandomMachine restored;
    restored.history();
    restored.restore(saved.save(), saved.now());
    ASSERT_EQ(restored.save(), saved.save()) << seed;
    Random same = random;
    for (int i = 0; i < 3000; ++i) {
      saved.step(random);
      restored.step(same);
    }
    const auto history = saved.history();
    EXPECT_GT(history.size(), 1000u);
    EXPECT_EQ(restored.history(), history) << seed;
    EXPECT_EQ(restored.save(), saved.save()) << seed;
  }
}

}  // namespace
}  // namespace mint
