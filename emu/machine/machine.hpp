// The emulated PC of docs/board.md: cores, memory and chips, wired as a profile says.
//
//   Machine machine(setup, observer);
//   machine.power_on();
//   machine.run();            // until somebody calls stop(), or nothing can happen any more
//
// The machine knows nothing of operating systems or scenarios; a MachineObserver watches it.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "devices/apic_bus.hpp"
#include "devices/ata_disk.hpp"
#include "devices/ioapic.hpp"
#include "devices/pci.hpp"
#include "devices/vga_text.hpp"
#include "emu/base/mac_address.hpp"
#include "emu/machine/core.hpp"
#include "emu/machine/lanes.hpp"
#include "emu/machine/ownership.hpp"
#include "emu/machine/scheduler.hpp"
#include "emu/scenario/profile.hpp"
#include "emu/timing/timing_model.hpp"

namespace mint {

class MachineObserver : public CoreObserver {
 public:
  // A byte left UART number `uart` (0: COM1), or the debug console (kDebugConsole).
  static constexpr unsigned kDebugConsole = 4;
  virtual void serial_output(unsigned uart, std::uint8_t byte) = 0;
  virtual void post_code(std::uint8_t code) = 0;
  // The guest wrote to isa-debug-exit.
  virtual void debug_exit(std::uint32_t value) = 0;
  // The platform is about to be reset; `why` says by what.
  virtual void platform_reset(const std::string& why) = 0;
  virtual void redirection_written(unsigned pin, RedirectionEntry old, RedirectionEntry now) = 0;
  virtual void message_delivered(const ApicBus::Delivery& delivery) = 0;
  virtual void pci_configured(const PciHost::ConfigAccess& access) = 0;
  // Disks by their place in MachineSetup::disks: a command has ended; its controller has moved
  // data.
  virtual void disk_command(unsigned, const DiskCommandRecord&) {}
  virtual void dma(unsigned, bool, PhysAddr, std::span<const std::byte>) {}
  // NICs and networks by their places in MachineSetup: a NIC has moved data; a frame of it has come
  // into the switch of its network whole.
  virtual void nic_dma(unsigned, bool, PhysAddr, std::span<const std::byte>) {}
  virtual void frame_sent(unsigned /*network*/, unsigned /*nic*/, std::span<const std::uint8_t>) {}
};

struct DiskSetup {
  unsigned pci_device = 4;
  std::string image;  // path; the disk is as large as the profile says
  std::string serial;
  std::optional<unsigned> group = {};  // of the cores that alone use it; see MachineSetup::groups
};

struct NicSetup {
  unsigned pci_device = 8;
  MacAddress mac{};
  unsigned network = 0;  // in MachineSetup::networks
};

struct MachineSetup {
  MachineProfile profile;
  std::uint64_t seed = 1;
  std::vector<std::uint8_t> rom;  // empty: none
  std::vector<DiskSetup> disks;
  std::vector<NicSetup> nics;
  std::vector<std::string> networks;                       // their names
  std::vector<std::pair<PhysAddr, std::uint64_t>> shared;  // pages that OSes share
  std::vector<unsigned> groups;  // by core: which cores share all memory; all do if left out
  std::array<std::optional<unsigned>, 4> uart_groups;  // by UART, as DiskSetup::group
  std::vector<Cycles> start_delays;  // by core: how long after a SIPI it begins; 0 if left out
  // Host threads that run the groups at once; 1: all by turns on one.
  unsigned jobs = 1;
  // Another host thread translates what is in this file, see KnownCode; empty: none does.
  std::filesystem::path known_code;
  bool debug_parts = false;
  std::string debug_command_line;  // for fw_cfg
};

// Why the groups of a machine cannot run at once; empty when they can.
std::string why_not_lanes(const MachineSetup& setup, const Ownership& ownership);
// Null where they do not, or are not to.
std::unique_ptr<Lanes> make_lanes(const MachineSetup& setup, EventQueue& board,
                                  const Ownership& ownership);

class KnownCode;

class Machine {
 public:
  // Throws std::runtime_error with a message for the user when a disk image cannot be opened, and
  // std::bad_alloc.
  Machine(MachineSetup setup, MachineObserver& observer);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void power_on();
  // `attend` is called now and then when the groups run at once.
  enum class End : std::uint8_t {
    kStopped,  // stop() was called
    kIdle,     // nothing will ever happen again
    kFailed    // the groups cannot run at once: lanes()->failure()
  };
  End run(const std::function<void()>& attend = {});
  // Ends the run with what happens now. Cores that have not come so far go on to there, and all of
  // them to a slice further: the state at the end hangs on no order of running them.
  void stop();
  // After the access or event that is handled now: all of the board starts again.
  void request_reset(const std::string& why);

  EventQueue& queue() { return queue_; }
  // The time of what happens now.
  Cycles now() const { return lanes_ ? lanes_->now() : queue_.now(); }
  const Ownership& ownership() const { return ownership_; }
  // From within what starts it: an OS that runs ahead of the others from now on.
  void begin_lane(unsigned lane);
  // Null when all cores run on one thread.
  Lanes* lanes() const { return lanes_.get(); }
  PhysicalMemory& memory() { return memory_; }
  std::span<const std::unique_ptr<Core>> cores() const { return cores_; }
  IoApic& io_apic();
  VgaText& vga();
  const PciHost& pci() const;
  const AddressMap& ports() const { return ports_; }
  const AddressMap& mmio() const { return mmio_; }
  const MachineSetup& setup() const { return setup_; }

  // What a BIOS leaves behind, for programs that are loaded without one: PIC, PIT, LAPIC of core 0,
  // serial ports, PCI resources, real mode's interrupt vectors.
  void leave_like_bios();
  // Types into a UART (0: COM1).
  void type(unsigned uart, std::span<const std::uint8_t> characters);

  std::uint64_t instructions() const;
  // Those of them that the timing model gave a default cost.
  std::uint64_t unknown_instructions() const;

 private:
  struct Chips;
  void build_chips();
  void build_disks();
  void build_networks();
  void map_chips();
  void build_cores();
  void reset();
  void set_isa_irq(unsigned irq, unsigned driver, bool level);
  void set_pci_pin(unsigned pin, unsigned device, bool level);
  void set_a20(bool enabled);
  void init_all();
  EventQueue& queue_of(Ownership::Lane lane);
  // False when that is too late, and not to be done.
  bool touch(const Core& core);
  bool touch_all();
  void build_lanes();
  End run_lanes(const std::function<void()>& attend);
  // A line of the 8259s, which belong to the board.
  void drive_pic(std::function<void()> what);
  void drive_pin(unsigned pin, bool level);
  // What `owner` used last at `used` is accessed by another.
  void check_foreign(Ownership::Lane owner, Cycles used, const char* what);

  class LaneGroups;

  MachineSetup setup_;
  EventQueue queue_;
  Ownership ownership_;
  std::unique_ptr<Lanes> lanes_;
  std::unique_ptr<MachineObserver> locking_observer_;
  MachineObserver& observer_;
  PhysicalMemory memory_;
  AddressMap ports_;
  AddressMap mmio_;
  ApicBus apic_bus_;
  std::unique_ptr<ApicBus::Groups> groups_;
  std::unique_ptr<Chips> chips_;
  CodePages pages_;
  std::unique_ptr<TimingModel> timing_;
  Core::Turns turns_;
  std::vector<std::unique_ptr<Core>> cores_;
  std::unique_ptr<Scheduler> scheduler_;
  // Who drives a line: its level is the OR of them. A bit for each chip, or each PCI device.
  std::array<std::uint32_t, 16> isa_levels_{};
  std::array<std::uint32_t, IoApic::kPins> pin_levels_{};
  // The levels of the PCI pins and ISA lines as the 8259s know them; when a pin of the I/O APIC was
  // driven last, or its message arrived.
  std::uint32_t pic_pins_ = 0;
  std::uint32_t pic_lines_ = 0;
  std::array<Cycles, IoApic::kPins> pin_used_{};
  // Its thread uses what is above. Null: blocks are translated when they are executed.
  std::unique_ptr<KnownCode> known_code_;
};

}  // namespace mint
