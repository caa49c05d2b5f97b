// Watches the operating systems of a scenario from outside: which stage of its boot each is in,
// when it reached kernel_init and its daemons, how long it held and awaited the lock. Everything is
// told by what the guests do anyway (symbols that they execute, messages, memory accesses, console
// output); no guest instruction is added for it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "emu/machine/contention.hpp"
#include "emu/machine/interference.hpp"
#include "emu/machine/isolation.hpp"
#include "emu/machine/meetings.hpp"
#include "emu/machine/purgatory_watch.hpp"
#include "emu/machine/recorder.hpp"
#include "emu/machine/symbols.hpp"

namespace mint {

class OsRecorder final : public Recorder {
 public:
  OsRecorder(const RunRequest& request, RunObserver& observer);

  void accessed(Core& core, Cycles at, const Access& access) override;
  void started(Core& core, Vector vector) override;
  void translated(Core& core, std::uint64_t pc) override;
  void platform_reset(const std::string& why) override;
  void redirection_written(unsigned pin, RedirectionEntry old, RedirectionEntry now) override;
  void message_delivered(const ApicBus::Delivery& delivery) override;
  void pci_configured(const PciHost::ConfigAccess& access) override;
  void dma(unsigned disk, bool to_memory, PhysAddr address,
           std::span<const std::byte> data) override;
  void nic_dma(unsigned nic, bool to_memory, PhysAddr address,
               std::span<const std::byte> data) override;
  void foreign_page(Core& core, PhysAddr address, PageUse use) override;

 protected:
  std::uint32_t scenario_probe_at(Core& core, std::uint64_t pc) override;
  void scenario_probe(Core& core, std::uint32_t id) override;
  std::vector<std::uint8_t> os_of_cores() const override;
  void begun() override;
  void console_byte(unsigned uart, std::uint8_t byte) override;
  void ticked() override;
  void goal_reached(const std::string& what) override;
  void fill_progress(Progress& progress) override;
  void fill_result(RunResult& result) override;
  std::string watchdog() const override;
  std::string symbolise(const Core& core, std::uint64_t pc) const override;

 private:
  // Where an OS is; a follower passes through all but kPost and kBootLoader.
  enum class Phase : std::uint8_t {
    kOff,
    kPost,
    kBootLoader,
    kLoad,
    kPlace,
    kIpi,
    kPurgatory,
    kKernel,
    kUser,
    kUp,
    kDead
  };
  enum Probe : std::uint32_t {
    kKernelInit = 1,
    kRunInit,
    kMintKexecLoad,
    kMintStartCore,
    kBootTool,
    kStockKexec,
    kPanic,
    // The id of a probe is one of these, or 0, and for the place of meeting n also this times n
    // + 1.
    kMeetingStep
  };
  static_assert((kMaxMeetings + 1) * kMeetingStep <= kWatched);
  struct Os {
    const OsSpec* spec = nullptr;
    OsResult result;
    SymbolTable symbols;
    std::unordered_map<std::uint64_t, std::uint32_t> probes;  // by linked address
    std::unordered_map<std::uint64_t, std::uint32_t> places;  // probes by the address that runs
    std::uint32_t kernel_entry = 0;                           // probe at the head of stage kernel
    std::uint64_t entry = 0;                                  // of its kernel
    std::uint64_t shift = 0;  // of a relocated 32-bit kernel's addresses
    Phase phase = Phase::kOff;
    std::uint64_t slot = 0;      // physical address of its purgatory
    std::string line;            // of its console, so far
    std::size_t line_start = 0;  // in all that its console has printed
    bool text_printed = false;   // that the scenario waits for
    std::optional<Cycles> waiting_since;
    std::optional<Cycles> held_since;
    unsigned boots = 0;  // how often kernel_init was reached
    // When it last printed something or entered a stage.
    Cycles moved;
    std::vector<Typing> typing;  // what is still to be typed
  };

  static std::string_view phase_name(Phase phase);
  static std::string_view probe_name(std::uint32_t id);
  Os* os_of(const Core& core);
  const Os* os_of(const Core& core) const { return const_cast<OsRecorder*>(this)->os_of(core); }
  Os* os_of_core(unsigned core);
  Os* os_of_uart(unsigned uart);
  Os& leader() { return oses_.front(); }
  void begin(Os& os, Stage stage, Cycles at);
  void finish(Os& os, Stage stage, Cycles at);
  void came_up(Os& os);
  void state_word_written(Os& os, std::uint64_t value);
  void purgatory_left(Os& os, std::uint64_t pc, Cycles at);
  void die(Os& os, const std::string& why);
  void line_printed(Os& os);
  void type_what_is_due(Os& os);
  void check_goal();
  void tell_awaited();
  bool is_wanted(const Os& os) const;
  // Why an OS that has stalled is there: its place, what it waits for, who spoiled what.
  std::string explain_stall(const Os& os) const;
  bool reached(const Os& os) const;
  void lock_accessed(Os& os, Core& core, Cycles at, const Access& access);
  std::uint8_t number_of(const Os& os) const {
    return static_cast<std::uint8_t>(&os - oses_.data());
  }
  // Tell the trace.
  void trace_stage(const Os& os, unsigned stage, bool begins, Cycles at);
  void trace_leader(unsigned stage, Cycles at);
  void trace_interference();
  bool is_boot_tool(Core& core, std::uint64_t pc);
  std::string lock_state() const;
  void io_apic_accessed(const Os& os, Core& core, const Access& access);
  // The function of the OS's kernel that wants the access at hand.
  std::string function_of(const Os& os, Core& core) const;
  std::unique_ptr<InterferenceWatch> make_watch();
  void set_probes(Os& os);
  // Isolation (os_isolation.cpp).
  void begin_isolation();
  void check_configuration_read(Cycles at);
  // Meetings (os_meetings.cpp).
  void set_places(Os& os);
  void begin_meetings();
  void meet(Os& os, Core& core, unsigned number);
  void meet_at_purgatory(Os& os, Core& core);
  std::string whereabouts(const std::string& name) const;
  bool is_kernel_entry(const Os& os, std::uint64_t pc) const;

  std::vector<Os> oses_;
  // A boot tool is running on the leader; what it starts is known when the SIPI arrives.
  std::optional<Cycles> load_begun_, place_begun_, ipi_begun_;
  std::optional<ElfFunction> boot_tool_;  // its main()
  std::uint32_t lock_ = 0;
  std::unique_ptr<InterferenceWatch> interference_;
  PurgatoryWatch purgatory_;
  std::unique_ptr<Meetings> meetings_;
  Contention contention_;
  std::unique_ptr<Isolation> isolation_;
  unsigned accessing_core_ = 0;  // made the last access
  std::optional<PciHost::ConfigAccess> configuration_read_;
  std::vector<std::size_t> disk_owners_;  // OSes, by disk
  std::vector<std::size_t> nic_owners_;   // by NIC
  std::size_t interference_traced_ = 0;
  std::optional<unsigned> leader_stage_;  // as traced
};

}  // namespace mint
