// Watches a run for every kind of scenario: the digest, console files, progress, and the reasons
// for which a run ends. What a scenario's kind adds (stages of operating systems, a program's exit
// code) derives from it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "emu/machine/digest.hpp"
#include "emu/machine/machine.hpp"
#include "emu/machine/pcap.hpp"
#include "emu/machine/tracer.hpp"
#include "emu/scenario/run_result.hpp"

namespace mint {

class Recorder : public MachineObserver {
 public:
  Recorder(const RunRequest& request, RunObserver& observer);
  ~Recorder() override;

  // Runs `machine` to the end of the scenario and fills in what every result has.
  RunResult run(Machine& machine);

  // MachineObserver: all of it goes into the digest.
  void accessed(Core& core, Cycles at, const Access& access) override;
  void interrupted(Core& core, Vector vector, bool hardware) override;
  void mode_changed(Core& core, std::uint64_t pc) override;
  void clock_read(Core& core, Cycles at, std::uint64_t value) override;
  void started(Core& core, Vector vector) override;
  void shut_down(Core& core, const std::string& why) override;
  std::uint32_t probe_at(Core& core, std::uint64_t pc) final;
  void probe(Core& core, std::uint32_t id) final;
  void translated(Core& core, std::uint64_t pc) override;
  void serial_output(unsigned uart, std::uint8_t byte) override;
  void post_code(std::uint8_t code) override;
  void debug_exit(std::uint32_t value) override;
  void platform_reset(const std::string& why) override;
  void redirection_written(unsigned pin, RedirectionEntry old, RedirectionEntry now) override;
  void message_delivered(const ApicBus::Delivery& delivery) override;
  void pci_configured(const PciHost::ConfigAccess& access) override;
  void disk_command(unsigned disk, const DiskCommandRecord& record) override;
  void dma(unsigned disk, bool to_memory, PhysAddr address,
           std::span<const std::byte> data) override;
  void nic_dma(unsigned nic, bool to_memory, PhysAddr address,
               std::span<const std::byte> data) override;
  void frame_sent(unsigned network, unsigned nic, std::span<const std::uint8_t> frame) override;

 protected:
  enum class Kind : std::uint8_t {
    kAccess,
    kInterrupt,
    kStart,
    kShutDown,
    kProbe,
    kSerial,
    kExit,
    kReset,
    kMessage,
    kEnd,
    kFrame
  };
  // The scenario's own probes: ids from 1 to kWatched. Those of kWatched, the symbol that the trace
  // asks for, are not in the digest.
  static constexpr std::uint32_t kWatched = 127;
  virtual std::uint32_t scenario_probe_at(Core& core, std::uint64_t pc);
  virtual void scenario_probe(Core& core, std::uint32_t id);
  // What is known of cores and consoles for the trace.
  virtual std::vector<std::uint8_t> os_of_cores() const { return {}; }
  // When the machine comes on.
  virtual void begun() {}
  // None when nobody traces.
  Tracer* tracer() { return tracer_.get(); }
  // The consoles' files, by UART; serial output of a UART without one goes nowhere.
  void open_console(unsigned uart, const std::string& name, unsigned os);
  // What the console of `uart` has printed since it was opened.
  const std::string& console_text(unsigned uart) const;
  virtual void console_byte(unsigned uart, std::uint8_t byte);
  void end(bool goal_met, std::string reason);
  bool ended() const { return ended_; }
  // As goal_reached(), where the OSes that the goal waited for may run ahead of each other: once
  // all have come to the time of the last.
  void goal_met_by_all(const std::string& what);
  // Every 10 ms of the machine's clock.
  virtual void ticked() {}
  // What the scenario waits for has come.
  virtual void goal_reached(const std::string& what) { end(true, what); }
  virtual void fill_progress(Progress& progress);
  virtual void fill_result(RunResult& result);
  // Per core: where it is and what it waits for.
  virtual std::string watchdog() const;
  // How an address of `core` is shown.
  virtual std::string symbolise(const Core& core, std::uint64_t pc) const;

  Machine& machine() const { return *machine_; }
  Cycles now() const { return machine_->now(); }
  const RunRequest& request_;
  RunObserver& observer_;

 private:
  // The run's digest, so far: two runs with the same digest were the same run. What a core had with
  // itself alone, exceptions and probes, is in a digest of that core; what an OS had with what it
  // has to itself, in one of that OS; the rest in the board's. Each is in the order of time, also
  // where cores and OSes run ahead of each other.
  void add_to(Digest& digest) const;
  Digest& digest_of(Ownership::Lane lane) { return lane ? lanes_[*lane] : board_; }
  Digest& digest_of(const Core& core) { return lanes_[core.group()]; }
  Digest board_;
  std::array<Digest, 64> lanes_;
  std::array<Digest, 64> own_;

  struct Console {
    std::ofstream file;
    std::string text;
    std::string pending;  // not yet given to the observer
    unsigned os = 0;
  };
  void flush_consoles();
  void open_captures();
  void flush_captures();
  void disk_is_full(const char* files);
  void tick();
  void report_progress();

  Machine* machine_ = nullptr;
  std::unique_ptr<Tracer> tracer_;
  std::vector<std::unique_ptr<Console>> consoles_;
  std::vector<std::unique_ptr<PcapFile>> captures_;  // by network; null: none is wanted
  std::unique_ptr<Event> tick_;
  std::unique_ptr<Event> time_limit_;
  std::unique_ptr<Event> trace_end_;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point last_progress_;
  std::uint64_t last_instructions_ = 0;
  std::string goal_;  // met, once all have come so far
  bool ended_ = false;
  Cycles ended_at_;
  bool goal_met_ = false;
  std::string reason_;
};

}  // namespace mint
