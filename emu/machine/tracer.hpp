// Makes trace events from what the machine's observer hears. It only listens: a run with a tracer
// has the digest of a run without one.
//
// Marks: what a core takes in (values that it reads from outside, interrupts) and the instruction
// counts, from its start by SIPI on, at which it does decide all that it does, but for its memory.
// A hash of them goes into the trace after every kMarkInterval inputs. Times are not in it, nor the
// values of counters of time: two runs of which only the times differ have the same marks, and the
// first mark that differs says between which instructions of a core two runs part.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "devices/ata_disk.hpp"
#include "emu/machine/machine.hpp"
#include "emu/machine/trace_sink.hpp"

namespace mint {

class Tracer {
 public:
  static constexpr std::uint64_t kMarkInterval = 512;
  // Of the ids of probes: from there on the number of a block. What is below is the recorder's.
  static constexpr unsigned kBlockShift = Cpu::kBlockProbeShift;

  // `os_of_core`: TraceEvent::kNone for a core of nobody.
  Tracer(TraceSink& sink, Machine& machine, std::vector<std::uint8_t> os_of_core);

  TraceSink& sink() { return sink_; }

  void power_on();
  void accessed(Core& core, Cycles at, const Access& access);
  void clock_read(Core& core, Cycles at, std::uint64_t value);
  void interrupted(Core& core, Vector vector, bool hardware);
  void mode_changed(Core& core, std::uint64_t pc);
  void started(Core& core, Vector vector);
  void shut_down(Core& core, const std::string& why);
  void serial_output(unsigned uart, std::uint8_t os, std::uint8_t byte);
  void post_code(std::uint8_t code);
  void exit(std::uint32_t value);
  void reset(const std::string& why);
  void redirection_written(unsigned pin, RedirectionEntry old, RedirectionEntry now);
  void message_delivered(const ApicBus::Delivery& delivery);
  void pci_configured(const PciHost::ConfigAccess& access);
  void disk_command(unsigned disk, const DiskCommandRecord& record);
  void dma(unsigned disk, bool to_memory, PhysAddr address, std::span<const std::byte> data);
  void nic_dma(unsigned nic, bool to_memory, PhysAddr address, std::span<const std::byte> data);
  void frame_sent(unsigned network, unsigned nic, std::span<const std::uint8_t> frame);

  // Stages, the lock and interference are the recorder's to notice.
  void stage(std::uint8_t core, std::uint8_t os, unsigned stage, bool begins, Cycles at);
  void lock(Core& core, LockStep step, Cycles at);
  void interference(std::uint8_t by, std::uint8_t to, Cycles at, const std::string& what);
  void probe(Core& core, const std::string& symbol);
  void checkpoint(std::uint64_t high, std::uint64_t low);
  void end(bool goal_met, const std::string& reason);

  // The upper part of the id of the probe at a block that is about to be translated; 0 for none.
  std::uint32_t probe_at(Core& core, std::uint64_t pc);
  void probed(Core& core, std::uint32_t id);

 private:
  struct Stream {
    std::uint64_t hash = 0;
    std::uint64_t inputs = 0;
    std::uint64_t base = 0;  // instructions of the core when it was started
    std::uint8_t mode = 0;
  };
  struct Line {
    std::string text;
    Cycles begun;
  };

  bool at_least(TraceLevel level) const { return level_ >= level; }
  void emit(TraceKind kind, Cycles at, Core* core, std::initializer_list<std::uint64_t> arguments,
            std::string_view text = {});
  void send(const TraceEvent& event, Core* core = nullptr);
  void input(Core& core, Stream& stream, Cycles at, std::uint64_t what, std::uint64_t value);
  void mark(Core& core, const Stream& stream, Cycles at);
  InterruptSource source_of(Core& core, Vector vector) const;
  std::uint64_t handler_of(Core& core, Vector vector) const;
  Cycles now() const;
  void check_end(Core* core);

  TraceSink& sink_;
  Machine& machine_;
  TraceLevel level_;
  std::vector<std::uint8_t> os_of_core_;
  std::vector<Stream> streams_;                 // by core
  std::vector<Line> lines_;                     // by UART
  std::uint8_t accessing_ = TraceEvent::kNone;  // the core whose access is handled
  std::uint32_t blocks_ = 0;
};

// The processor mode of kModeSwitch.
enum class CoreMode : std::uint8_t {
  kUnknown,
  kReal,
  kProtected16,
  kProtected32,
  kPaged32,
  kVirtual8086,
  kCompatibility,
  kLong
};
std::string_view core_mode_name(CoreMode mode);
CoreMode core_mode(const mint_registers& registers);

}  // namespace mint
