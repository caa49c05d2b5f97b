// A scenario: what runs on the machine and what ends the run. This is the typed, checked form of a
// scenario's TOML file (docs/scenarios.md has every key); after load_scenario() everything that a
// file may leave out is filled in, and paths are absolute.
//
//   Problems problems;
//   Scenario scenario = load_scenario("scenarios/parallel2.toml", images, problems);
//   if (!problems.empty()) ...print them, exit code 2...
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emu/base/mac_address.hpp"
#include "emu/scenario/problem.hpp"
#include "emu/scenario/profile.hpp"

namespace mint {

// Physical addresses from `start` up to, not including, `end`.
struct MemoryRange {
  PhysAddr start;
  PhysAddr end;
  std::uint64_t size() const { return end.value - start.value; }
  bool contains(PhysAddr a) const { return start <= a && a < end; }
  bool overlaps(const MemoryRange& o) const { return start < o.end && o.start < end; }
};

// A PCI function of bus 0, "00:04.0".
struct PciAddress {
  std::uint8_t bus = 0;
  std::uint8_t device = 0;
  std::uint8_t function = 0;
  friend auto operator<=>(const PciAddress&, const PciAddress&) = default;
};

// A network card: an 82540EM, on a PCI function of its own.
struct NicSpec {
  std::string network;  // by name
  MacAddress mac{};     // in its EEPROM
  bool mac_given = false;
  PciAddress function;  // 00:00.0: there was none left
};

// [[network]]: a switch that the NICs of OSes are connected to.
struct NetworkSpec {
  std::string key;    // its table in `places`: "network[0]"
  std::string name;   // also of the file of what crossed it, NAME.pcap
  bool pcap = false;  // whether that is written
};
inline constexpr std::string_view kDefaultNetwork = "lan";

enum class Role : std::uint8_t {
  kLeader,    // booted by firmware and boot loader; there is exactly one
  kFollower,  // started by the leader's boot tool
};

// A guest file: what the scenario says, and where that is on this host.
struct GuestFile {
  std::string name;            // as written: "vmlinuz" or "@linux-mint64"
  std::filesystem::path path;  // empty while the artefact `@NAME` is not built yet
  // Beside it, for symbols: of a kernel, or `vmlinux` of the boot tool. Empty when there is none.
  std::filesystem::path vmlinux;
  std::filesystem::path system_map;
};

// [[os]]: one operating system and all it owns. Leader first, followers in start order.
struct OsSpec {
  std::string key;  // its table in `places`: "os[1]"
  std::string name;
  Role role = Role::kLeader;
  GuestFile kernel;  // bzImage
  std::optional<GuestFile> initrd;
  std::optional<GuestFile> disk;  // image of its hard disk, on an AHCI controller of its own
  std::optional<NicSpec> nic;
  std::string cmdline;           // appended to what ownership implies
  std::vector<ApicId> cores;     // its cores; the first is the boot core
  MemoryRange memory;            // its RAM above 1 MB (a leader's starts at 0)
  std::optional<unsigned> uart;  // 1-4: COM1 to COM4
  std::vector<PciAddress> pci;   // functions it may drive; the first is its disk's controller,
                                 // its NIC is one of them
  std::vector<unsigned> pins;    // I/O APIC pins it may program
  bool pins_given = false;       // by the file; else they follow from uart and pci
  std::string up_marker;         // console text that says "daemons up"
  // A follower: uses the PIT as if it were alone; else it is told the TSC's rate.
  bool use_pit = false;
  // A follower: its core begins so long after the startup IPI. Moves two followers' boots against
  // each other, until they meet.
  std::uint64_t start_delay_us = 0;
  bool wide = false;  // a 64-bit kernel (XLF_KERNEL_64)
};

// How the followers are started.
enum class StartMode : std::uint8_t {
  kNone,         // only the leader boots
  kParallel,     // each as soon as the one before has got its IPI
  kSequential,   // each when the daemons of the one before are up
  kKexecReboot,  // no follower: the leader boots itself again by stock Kexec
  kKboot,        // no follower: an initrd that is a boot loader starts the leader by stock Kexec
};

// Where purgatory of the followers is placed, and what keeps two of them apart: the thesis's
// remedies (4.3).
enum class Purgatory : std::uint8_t {
  kSlot,    // remedy 2: each core has a place of its own, 9000h * APIC id
  kLocked,  // remedy 1: one place, and a lock from placing until purgatory has run
  kShared,  // remedy 3: one purgatory for all, which finds its kernel by the APIC id
  kNone,    // one place and no lock
};

// Who refuses a follower whose boot core has no usable purgatory slot.
enum class SlotCheck : std::uint8_t {
  kScenario,  // this program, before anything runs
  kBootTool,  // the boot tool on the leader
  kNobody,    // neither: what then happens is the kernel's and the machine's matter
};

// What of a kernel's boot the lock covers (guest/linux/patches, 7).
enum class LockScope : std::uint8_t {
  kAll,   // initialisation of interrupts and registration of devices, as the thesis has it
  kInit,  // initialisation of interrupts only
  kPair,  // each access by an index and a data register for itself
};
// "all", "init", "pair".
inline constexpr std::string_view kLockScopes[] = {"all", "init", "pair"};

// [shared]: memory that the OSes share; accesses to it happen in the order of their times.
struct SharedMemory {
  std::vector<MemoryRange> ranges;
  std::optional<PhysAddr> lock;  // the lock's 32-bit word, inside one of the ranges; none: no lock
  LockScope scope = LockScope::kAll;
};

enum class EndWhen : std::uint8_t {
  kDaemonsUp,    // the up marker has appeared in every OS of `os`
  kKernelInit,   // every OS of `os` has entered kernel_init
  kConsoleText,  // `text` has appeared on the console of every OS of `os`
  kPowerOff,     // the machine was switched off or all its cores halted for good
  kExit,         // bare metal: the guest wrote 0 to port F4h
};

// [end]
struct EndCondition {
  EndWhen when = EndWhen::kDaemonsUp;
  std::vector<std::string> os;  // all followers, or the leader where there are none
  std::string text;
  double time_limit_s = 120;  // of simulated time
  // The goal is missed when no OS that it waits for has got anywhere for so long: printed nothing
  // and entered no stage. 0: not watched.
  double stall_s = 0;
  bool undisturbed = false;  // the goal is missed when an OS has spoiled what another did or owns
  bool isolated = false;     // or has touched what is another's
};

// [[type]]: characters typed into an OS's UART.
struct Typing {
  std::string key;    // its table in `places`: "type[0]"
  std::string os;     // by name
  std::string after;  // once this has appeared on its console
  std::string text;
};

// A place that every follower passes: the head of a stage of its boot.
enum class MeetStage : std::uint8_t { kPurgatory, kKernel, kUser };
inline constexpr std::string_view kMeetStages[] = {"purgatory", "kernel", "user"};

// [[meet]]: cores of several OSes are held at a place until one of each is there; then all go on at
// the same time. The machine holds them, the guest knows nothing of it.
struct Meeting {
  std::string key;              // its table in `places`: "meet[0]"
  std::vector<std::string> os;  // by name
  // The place: one of these.
  std::optional<std::uint64_t> address;  // linear, where a block of code begins
  std::string symbol;                    // a function of each one's kernel
  std::optional<MeetStage> stage;
  double within_s = 10;  // of simulated time: the goal is missed when somebody comes later
};
// How many meetings a scenario can have.
inline constexpr unsigned kMaxMeetings = 11;
// "stage kernel", "symbol do_initcalls", "address 0x1000200".
std::string place_of(const Meeting& meeting);

// [reference]: the thesis's figure for this run (chapter 6).
struct Reference {
  std::vector<unsigned> rows;  // of the thesis's table, 1-5
};

// [bare_metal]: a program instead of firmware and Linux.
struct BareMetal {
  std::optional<std::filesystem::path> program;  // multiboot ELF
  std::optional<std::filesystem::path> rom;      // image that ends at FFFFFFFFh
  std::string append;                            // command line after the program's name
  std::vector<std::filesystem::path> modules;
  bool debug_parts = true;  // QEMU's F4h, E9h, 402h, 510h, 2000h, E0h-E4h
};

struct Scenario {
  std::string name;
  std::string description;
  std::string file;  // as the user named it
  MachineProfile machine;
  std::vector<OsSpec> os;
  std::vector<NetworkSpec> networks;
  StartMode start = StartMode::kNone;
  std::optional<GuestFile> boot_tool;  // kexec, statically linked for the leader
  // kboot: what the leader's kernel is first started with, and which then starts it again.
  std::optional<GuestFile> loader_initrd;
  // Parallel start: at most so many followers are on their way at a time; 0: any number.
  unsigned window = 0;
  Purgatory purgatory = Purgatory::kSlot;
  SlotCheck slot_check = SlotCheck::kScenario;
  bool check_digest = false;  // purgatory hashes what was placed (the boot tool without -i)
  SharedMemory shared;
  EndCondition end;
  std::vector<Typing> typing;  // of one OS: in this order
  std::vector<Meeting> meetings;
  Reference reference;
  std::optional<BareMetal> bare_metal;
  // The source position of each key that a file sets, by its path: "os[1].memory", "machine.cores".
  std::map<std::string, Location> places;

  const OsSpec* leader() const;
  std::vector<const OsSpec*> followers() const;
  // Whether the leader starts its own kernel a second time; what it waits for is then that boot's.
  bool boots_twice() const {
    return start == StartMode::kKexecReboot || start == StartMode::kKboot;
  }
  // Where `key` was set; the nearest enclosing table, or the file, when it was not.
  Location place(std::string key) const;
};

}  // namespace mint
