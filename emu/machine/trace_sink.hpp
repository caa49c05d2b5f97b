// What the machine tells a trace: one typed event for everything worth keeping of a run. The
// machine knows no more of traces than this interface; what comes of the events is the sink's
// matter, and nothing of it goes back into the machine but the wish to end the run.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "emu/base/types.hpp"

namespace mint {

class Core;
class Machine;
struct BlockForesight;

// How closely a run is watched; each level has all of the one before.
enum class TraceLevel : std::uint8_t {
  kStages,  // stages, starts, resets, consoles, checkpoints and marks
  kEvents,  // what chips and cores say to each other
  kBlocks,  // executed blocks of instructions
  kFull     // every access, and every read of the time-stamp counter
};

// The numbers are in stored traces: they stay.
enum class TraceKind : std::uint8_t {
  kPower = 0,          // the machine comes on
  kReset = 1,          // of the platform; text: by what
  kStart = 2,          // a SIPI starts the core; vector
  kShutDown = 3,       // text: why
  kStage = 4,          // stage, 1 begins or 0 ends; `core` is the one on which it runs
  kModeSwitch = 5,     // old and new CoreMode, linear address of the first instruction in it
  kException = 6,      // vector: a fault, trap or INT n
  kInterrupt = 7,      // vector, InterruptSource, address of the handler: an interrupt is taken
  kEoi = 8,            // the core's LAPIC is told the end of an interrupt
  kIpi = 9,            // ICR low, ICR high: the core sends
  kMessage = 10,       // delivery mode, vector, origin kind, origin place, pin, targets, time sent
  kLapicWrite = 11,    // offset, value; not EOI and ICR
  kRedirection = 12,   // pin, old entry, new entry
  kPciConfig = 13,     // device, function, offset, size, 1 for a write, 1 if present, value
  kLock = 14,          // LockStep
  kDiskCommand = 15,   // see DiskArgument
  kDma = 16,           // disk, 1 to memory, address, bytes, XXH3 of the bytes
  kConsole = 17,       // UART, time of the line's first character; text: the line
  kPostCode = 18,      // code
  kExit = 19,          // value
  kProbe = 20,         // text: symbol
  kInterference = 21,  // OS that did it, OS that it was done to; text
  kMark = 22,          // ordinal, hash: of the core's inputs so far, see Tracer
  kCheckpoint = 23,    // the digest's high and low half
  kSample = 24,        // linear address at which the core is; sent with every checkpoint
  kBlock = 25,         // blocks since the core's last such event; see the block coding in traces/
  kAccess = 26,        // Access::Kind, 1 for a write, size, address, value
  kClock = 27,         // the value of the time-stamp counter that was read
  kEnd = 28,           // of the run: 1 if the goal was met; text: why
  kNicDma = 29,        // NIC, 1 to memory, address, bytes, XXH3 of the bytes
  kFrame = 30  // network, NIC that sent, destination, source, type, bytes, XXH3 of the bytes
};
inline constexpr unsigned kTraceKinds = 31;

// Whence a core has an interrupt. Of a message an event kMessage of that vector says more.
enum class InterruptSource : std::uint8_t { kUnknown, kMessage, kTimer, kLocalPin, kPic, kNmi };

enum class LockStep : std::uint8_t { kWait, kTake, kRelease };

// In the order of the arguments of kDiskCommand; times are durations.
enum class DiskArgument : std::uint8_t {
  kDisk,
  kReceived,  // on the machine's clock
  kCommand,
  kTag,
  kQueued,
  kLba,
  kSectors,
  kWait,
  kOverhead,
  kSeek,
  kRotation,
  kTransfer,
  kBus,
  kCacheHit,
  kStatus,
  kError
};
inline constexpr unsigned kDiskArguments = 16;

struct TraceEvent {
  static constexpr std::uint8_t kNone = 255;
  Cycles at;
  std::uint64_t retired = 0;  // instructions of the core
  std::uint8_t core = kNone;  // none: the board
  std::uint8_t os = kNone;    // by its place in the scenario
  TraceKind kind = TraceKind::kPower;
  std::span<const std::uint64_t> arguments;
  std::string_view text;

  std::uint64_t argument(std::size_t i) const { return i < arguments.size() ? arguments[i] : 0; }
};

// Its functions are called in the middle of guest instructions: none may throw.
class TraceSink {
 public:
  virtual ~TraceSink() = default;
  // The machine is about to come on; it stays for the whole run.
  virtual void began(Machine&) {}
  virtual TraceLevel level() const = 0;
  virtual void event(const TraceEvent& event) = 0;

  // Levels from kBlocks on: block number `block` has been translated for `core`, and it is about to
  // be executed; returns whether the run is to end with it.
  virtual void block_translated(Core&, std::uint32_t, std::uint64_t) {}
  virtual bool block(Core&, std::uint32_t) { return false; }
  // Where the sink keeps what it foresees of a core's blocks: block() is not called for those.
  virtual BlockForesight* foresight(Core&) { return nullptr; }

  // Asked after every event: whether the run is to end here, as neither met nor missed.
  virtual bool wants_end() const { return false; }
  // Asked once: a time at which it is to end, and a symbol at which events of kind kProbe are
  // wanted.
  virtual std::optional<Cycles> end_at() const { return std::nullopt; }
  virtual std::string symbol() const { return {}; }
  // The run has ended; the machine is as it was then.
  virtual void ended(Machine&) {}
};

}  // namespace mint
