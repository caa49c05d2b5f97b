// Checks across keys of a whole scenario: roles, start, end, bare metal. What concerns one OS is in
// check_system.cpp, what two in check_conflicts.cpp.
#include <fmt/format.h>

#include <algorithm>

#include "emu/scenario/checker.hpp"
#include "emu/scenario/load.hpp"
#include "emu/scenario/resources.hpp"

namespace mint {

namespace {

class ScenarioChecker : Checker {
 public:
  using Checker::Checker;

  void check() {
    if (scenario_.bare_metal) {
      check_bare_metal();
      return;
    }
    check_roles();
    for (const OsSpec& os : scenario_.os) check_system(scenario_, os, problems_);
    check_conflicts(scenario_, problems_);
    check_nics(scenario_, problems_);
    check_start();
    check_end();
    for (const Typing& typing : scenario_.typing) check_typing(typing);
    check_meetings(scenario_, problems_);
  }

 private:
  void check_bare_metal() {
    const BareMetal& bare = *scenario_.bare_metal;
    if (!scenario_.os.empty()) {
      report(scenario_.os[0].key, "an [[os]] beside [bare_metal]",
             "remove one of the two: a bare-metal program is the only guest",
             scenario_.place("bare_metal"));
    }
    if (!scenario_.typing.empty()) {
      report(scenario_.typing[0].key, "[[type]] types into the UART of an [[os]]",
             "remove it: a bare-metal program gets its input by 'append' and 'modules'",
             scenario_.place("bare_metal"));
    }
    if (!scenario_.meetings.empty()) {
      report(scenario_.meetings[0].key, "[[meet]] is a matter of several [[os]]",
             "remove it: a bare-metal program is the only guest", scenario_.place("bare_metal"));
    }
    if (!scenario_.networks.empty()) {
      report(scenario_.networks[0].key, "[[network]] connects the NICs of [[os]]",
             "remove it: a bare-metal program has no NIC", scenario_.place("bare_metal"));
    }
    if (bare.program.has_value() == bare.rom.has_value()) {
      report("bare_metal",
             bare.program ? "[bare_metal] has both 'program' and 'rom'"
                          : "[bare_metal] has neither 'program' nor 'rom'",
             "give either program = \"x.elf\" (multiboot) or rom = \"x.bin\" (starts at the reset "
             "vector)");
    }
    if (bare.rom && !bare.modules.empty()) {
      report("bare_metal.modules", "modules are a matter of multiboot programs",
             "remove 'modules', or give 'program' instead of 'rom'");
    }
    if (scenario_.end.when == EndWhen::kDaemonsUp || scenario_.end.when == EndWhen::kKernelInit) {
      report("end.when", "a bare-metal guest has neither kernel_init nor daemons",
             "give \"exit\", \"console-text\" or \"power-off\"");
    }
    if (scenario_.end.when == EndWhen::kExit && !bare.debug_parts) {
      report("end.when", "'end.when' is \"exit\", but there is no port F4h without the debug parts",
             "set bare_metal.debug_parts = true", scenario_.place("bare_metal.debug_parts"));
    }
    if (scenario_.end.isolated) {
      report("end.isolated", "'end.isolated' is true, but [bare_metal] has no operating systems",
             "remove it");
    }
    check_text();
  }

  void check_roles() {
    if (scenario_.os.empty()) {
      if (scenario_.places.contains("os")) return;
      report("", "the scenario has nothing to run",
             "add an [[os]] with role = \"leader\", or [bare_metal]");
      return;
    }
    const OsSpec* first = nullptr;
    for (const OsSpec& os : scenario_.os) {
      if (os.role != Role::kLeader) continue;
      if (first) {
        report(os, "role", fmt::format("'{}' and '{}' are both leaders", first->name, os.name),
               "make all but one role = \"follower\"", place(*first, "role"));
      } else {
        first = &os;
      }
    }
    if (!first) {
      report(scenario_.os[0], "role", "there is no leader: nobody boots from the firmware",
             fmt::format("give one OS role = \"leader\", such as '{}'", scenario_.os[0].name));
    }
    for (std::size_t i = 0; i < scenario_.os.size(); i++) {
      for (std::size_t j = 0; j < i; j++) {
        if (scenario_.os[i].name != scenario_.os[j].name) continue;
        report(scenario_.os[i], "name",
               fmt::format("two OSes are called '{}'", scenario_.os[i].name),
               "give each its own name", place(scenario_.os[j], "name"));
      }
    }
  }

  void check_start() {
    const bool followers = !scenario_.followers().empty();
    const StartMode mode = scenario_.start;
    if (!followers && (mode == StartMode::kParallel || mode == StartMode::kSequential)) {
      report("start.mode", "there is no follower to start",
             "add an [[os]] with role = \"follower\", or set start.mode = \"none\"");
    }
    if (followers && mode == StartMode::kNone) {
      report("start.mode", "nobody starts the followers",
             "choose \"parallel\" or \"sequential\", or remove the followers",
             scenario_.place(scenario_.followers()[0]->key));
    }
    if (scenario_.window != 0 && mode != StartMode::kParallel) {
      report("start.window", "'start.window' has a meaning only when followers start in parallel",
             "remove it, or set start.mode = \"parallel\"", scenario_.place("start.mode"));
    }
    check_purgatory();
    if (scenario_.loader_initrd && mode != StartMode::kKboot) {
      report("start.loader_initrd", "'start.loader_initrd' has a meaning only for kboot",
             "remove it, or set start.mode = \"kboot\"", scenario_.place("start.mode"));
    }
    if (followers && scenario_.boots_twice()) {
      report("start.mode",
             "the leader ends in a Kexec reboot, and the followers would never be started",
             "remove the followers, or choose \"parallel\" or \"sequential\"",
             scenario_.place(scenario_.followers()[0]->key));
    }
  }

  // What goes together with the way of placing purgatory. The lock of "locked" and the table of
  // "shared" lie in the page at 1000h.
  void check_purgatory() {
    if (scenario_.purgatory == Purgatory::kShared && scenario_.check_digest) {
      report("start.check_digest", "a purgatory that all followers share checks no digest",
             "remove it, or choose another start.purgatory", scenario_.place("start.purgatory"));
    }
    if (scenario_.purgatory != Purgatory::kSlot && scenario_.slot_check != SlotCheck::kScenario) {
      report("start.slot_check", "there are no slots to check: purgatory has one place",
             "remove it, or set start.purgatory = \"slot\"", scenario_.place("start.purgatory"));
    }
    const bool page =
        scenario_.purgatory == Purgatory::kLocked || scenario_.purgatory == Purgatory::kShared;
    const MemoryRange low{PhysAddr{0x1000}, PhysAddr{0x2000}};
    if (page && !is_shared(low)) {
      report("start.purgatory", "its lock or table lies in the page 0x1000-0x2000, not all shared",
             "add \"0x1000-0x2000\" to shared.ranges", scenario_.place("shared.ranges"));
    }
    for (const OsSpec* follower : scenario_.followers()) {
      constexpr unsigned kFirstFree = 3;  // slots 1 and 2 are purgatory's and the trampoline's
      if (scenario_.purgatory == Purgatory::kSlot || follower->cores.size() < 2) continue;
      const unsigned boot = follower->cores[0].value;
      const unsigned last = last_boot_core(machine_.hole);
      if (boot >= kFirstFree && boot <= last) continue;
      report(*follower, "cores",
             fmt::format("'{}' has several cores, and no slot of its own below 1 MB to start them "
                         "from: its boot core is {}",
                         follower->name, boot),
             fmt::format("boot it on one of cores {}-{}, or set start.purgatory = \"slot\"",
                         kFirstFree, last),
             scenario_.place("start.purgatory"));
    }
  }

  bool is_shared(const MemoryRange& range) const {
    const auto& ranges = scenario_.shared.ranges;
    return std::any_of(ranges.begin(), ranges.end(), [&](const MemoryRange& r) {
      return r.start <= range.start && range.end <= r.end;
    });
  }

  void check_text() {
    const EndCondition& end = scenario_.end;
    if (end.when == EndWhen::kConsoleText && end.text.empty()) {
      report("end.when", "'end.when' is \"console-text\", but there is no text to wait for",
             "add end.text = \"...\"");
    }
    if (end.when != EndWhen::kConsoleText && !end.text.empty()) {
      report("end.text", "'end.text' has no meaning here",
             "remove it, or set end.when = \"console-text\"");
    }
  }

  void check_end() {
    const EndCondition& end = scenario_.end;
    check_text();
    if (end.isolated && scenario_.os.size() < 2) {
      report("end.isolated", "'end.isolated' is true, but there is one OS: nothing is another's",
             "remove it, or add a follower");
    }
    if (end.when == EndWhen::kExit) {
      report("end.when", "'end.when' is \"exit\", which only bare-metal programs do",
             "give \"daemons-up\", \"kernel-init\", \"console-text\" or \"power-off\"");
    }
    for (const OsSpec& os : scenario_.os) {
      if (os.uart || written(os, "uart") ||
          std::find(end.os.begin(), end.os.end(), os.name) == end.os.end()) {
        continue;
      }
      if (end.when == EndWhen::kDaemonsUp) check_state_word(os);
      if (end.when != EndWhen::kConsoleText && !marker_is_needed(os)) continue;
      report(
          os, "uart",
          fmt::format("the run ends by what '{}' says on its console, and no UART is left for it",
                      os.name),
          "the board has four: name four OSes in end.os and give them uart = 1 to 4",
          scenario_.place("end.os"));
    }
    for (const std::string& name : end.os) check_name("end.os", name);
  }

  // Without a UART it is the follower's state word that says that its daemons are up.
  void check_state_word(const OsSpec& os) {
    if (os.cores.empty() || marker_is_needed(os)) return;
    const PhysAddr word{kStateWords + 4ULL * os.cores[0].value};
    if (is_shared({word, word + 4})) return;
    report(
        "shared.ranges",
        fmt::format("'{}' has no UART, and its state word at {:#x}, which tells that its daemons "
                    "are up, is in no shared range",
                    os.name, word.value),
        "add \"0x1000-0x2000\"", place(os, "name"));
  }

  // The run ends by what it prints: the leader has no state word, and a marker of the scenario's
  // own is not what guest/rootfs writes one for.
  bool marker_is_needed(const OsSpec& os) const {
    return scenario_.end.when == EndWhen::kDaemonsUp &&
           (os.role == Role::kLeader || written(os, "up_marker"));
  }

  // Reports a name that is no OS's; the OS that it is.
  const OsSpec* check_name(const std::string& key, const std::string& name) {
    std::vector<std::string_view> names;
    for (const OsSpec& os : scenario_.os) {
      if (os.name == name) return &os;
      names.push_back(os.name);
    }
    const std::string_view near = did_you_mean(name, names);
    report(key,
           fmt::format("'{}' names '{}', which is no OS of this scenario{}", key, name,
                       near.empty() ? "" : fmt::format(", did you mean '{}'?", near)),
           "name OSes that have an [[os]] table");
    return nullptr;
  }

  void check_typing(const Typing& typing) {
    if (!scenario_.places.contains(typing.key + ".os")) return;  // that has been said
    const std::string key = typing.key + ".os";
    const OsSpec* os = check_name(key, typing.os);
    if (os == nullptr || os->uart || written(*os, "uart")) return;
    report(key, fmt::format("'{}' has no UART to type into", os->name),
           "the board has four: give it uart = 1 to 4", place(*os, "name"));
  }
};

}  // namespace

void check_resources(const Scenario& scenario, Problems& problems) {
  ScenarioChecker(scenario, problems).check();
}

}  // namespace mint
