#include "emu/machine/wait_reasons.hpp"

#include <algorithm>

namespace mint {
namespace {

struct WaitReason {
  std::string_view function;
  std::string_view reason;
};
// Linux 6.1.
constexpr WaitReason kReasons[] = {
    {"calibrate_delay", "a tick of its clock (jiffies), which no timer drives"},
    {"calibrate_APIC_clock", "ticks to measure its LAPIC timer by"},
    {"setup_boot_APIC_clock", "ticks to measure its LAPIC timer by"},
    {"delay_tsc", "the end of a delay by a TSC whose rate it measured"},
    {"delay_loop", "the end of a delay loop"},
    {"pit_calibrate_tsc", "the output of PIT counter 2"},
    {"quick_pit_calibrate", "the count of PIT counter 2"},
    {"mint_lock", "the lock in shared memory"},
    {"stop_this_cpu", "nothing: it has halted itself"},
    {"panic", "nothing: it has panicked"},
};

}  // namespace

std::string_view wait_reason(std::string_view place) {
  const std::string_view function = place.substr(0, place.find('+'));
  const auto* found = std::find_if(std::begin(kReasons), std::end(kReasons),
                                   [&](const WaitReason& r) { return r.function == function; });
  return found == std::end(kReasons) ? std::string_view{} : found->reason;
}

}  // namespace mint
