// The boundary between what runs a scenario (emu/machine) and what shows it (cli): the request, the
// progress while it runs, and the result.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emu/base/types.hpp"
#include "emu/scenario/scenario.hpp"

namespace mint {

// The stages of a follower's boot: figure 4.1 of the thesis. Loading and placing run on the leader.
enum class Stage : std::uint8_t { kLoad, kPlace, kIpi, kPurgatory, kKernel, kUser };
inline constexpr unsigned kStages = 6;
// "load", "place", "ipi", "purgatory", "kernel", "user".
std::string_view stage_name(Stage stage);

// A stage on the machine's clock. A stage that has not ended when the run ends has no `end`.
struct StageTime {
  Stage stage = Stage::kLoad;
  Cycles begin;
  std::optional<Cycles> end;
};

class TraceSink;  // emu/machine/trace_sink.hpp

struct RunRequest {
  Scenario scenario;  // loaded and without problems
  std::uint64_t seed = 1;
  std::filesystem::path out_dir;       // exists; gets NAME.console.log per OS
  std::filesystem::path firmware_dir;  // has bios.bin, the ROM image
  bool console_to_observer = false;    // pass console bytes to RunObserver::console
  TraceSink* trace = nullptr;          // is told what happens; none: nobody is
  unsigned jobs = 1;                   // host threads that may run OSes at once
  // With several of them: the file that keeps, from run to run, which code is executed (known_code
  // in MachineSetup). Empty: none does.
  std::filesystem::path known_code;
};

// What one OS did.
struct OsResult {
  std::string name;
  Role role = Role::kLeader;
  std::string kernel_sha256;  // of the bzImage, lower-case hexadecimal
  std::vector<ApicId> cores;
  // Its clock zero: power-on for a leader, the beginning of its load stage for a follower (of
  // kexec -e for a Kexec reboot).
  Cycles start;
  std::optional<Cycles> kernel_init;  // on the machine's clock
  std::optional<Cycles> daemons_up;
  std::vector<StageTime> stages;  // those that were seen, in order
  Cycles lock_held;
  Cycles lock_waited;
  std::uint64_t lock_taken = 0;  // times
  std::uint64_t ipis_sent = 0;
  std::uint64_t instructions = 0;
  std::optional<Cycles> hung_since;  // at the end it had got nowhere since then
  bool died = false;                 // panic, triple fault, or halted with interrupts off
  std::string last_words;            // why, when it died; where, when it hangs
};

// An access of one OS to what belongs to another, or that another spoiled by interleaving.
struct Interference {
  Cycles when;
  std::string by;    // OS
  std::string to;    // OS
  std::string what;  // which access, at which symbol, and what came of it
};

// A [[meet]]: when each OS came, and when all went on.
struct MeetingResult {
  struct Arrival {
    std::string os;
    std::optional<Cycles> at;
  };
  std::string place;  // "stage kernel"
  std::vector<Arrival> arrivals;
  std::optional<Cycles> met;
};

// How a function of an OS's kernel used the lock.
struct LockUse {
  std::string os;
  std::string function;     // the nearest that is not part of the lock
  std::uint64_t taken = 0;  // times
  Cycles held;
  Cycles waited;
};

// Accesses of an OS to a register of the I/O APIC, by the function of its kernel.
struct IoApicUse {
  std::string os;
  std::string reg;  // "ID", "REDTBL4"
  std::string function;
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
};

struct RunResult {
  unsigned jobs = 1;    // threads that ran OSes
  std::string one_job;  // why only one, where more were asked for; empty otherwise
  bool goal_met = false;
  std::string reason;  // one sentence: why the run ended
  std::string digest;  // of the whole run, hexadecimal
  Cycles end;          // simulated time
  Hertz core_clock;
  double wall_s = 0;
  std::uint64_t instructions = 0;
  std::uint64_t unknown_instructions = 0;  // those that the timing model gave a default cost
  std::uint64_t peak_rss_mb = 0;
  std::optional<int> exit_code;  // bare metal: what was written to F4h
  std::string serial_output;     // bare metal: everything that went out on COM1
  std::vector<OsResult> os;      // in the scenario's order; empty for bare metal
  std::vector<MeetingResult> meetings;
  std::vector<LockUse> lock_uses;
  std::vector<IoApicUse> io_apic_uses;
  std::vector<Interference> interference;
  // Touches of what is another's, harm or not: how many, and the first of each kind.
  std::uint64_t isolation_violations = 0;
  std::vector<Interference> isolation;
  std::string watchdog;  // per core: where it is and what it waits for; empty if healthy
};

// Where a run is; sent about ten times a second of host time.
struct Progress {
  struct Os {
    std::string_view name;
    std::string_view stage;  // "POST", "boot loader", "kernel", ... "up", "dead"
  };
  Cycles now;
  double wall_s = 0;
  double mips = 0;  // of the last interval
  std::vector<Os> os;
};

class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void progress(const Progress& progress) = 0;
  // Serial output of OS number `os` (bare metal: 0).
  virtual void console(unsigned os, std::string_view bytes) = 0;
  // Whether the user wants the run to end now. Asked every 10 ms of the machine's clock.
  virtual bool wants_end() const { return false; }
};

// The share of the instructions that the timing model gave a default cost.
double default_cost_share(const RunResult& result);

// Seconds on a clock of `clock` hertz. For people and JSON only; never for the guest.
double seconds(Cycles cycles, Hertz clock);

}  // namespace mint
