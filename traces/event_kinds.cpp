#include "traces/event_kinds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "emu/machine/tracer.hpp"

namespace mint {
namespace {

using Names = std::span<const std::string_view>;

constexpr std::string_view kVector[] = {"vector"};
constexpr std::string_view kInterruptNames[] = {"vector", "source", "handler"};
constexpr std::string_view kStageNames[] = {"stage", "begins"};
constexpr std::string_view kModes[] = {"old", "new", "pc"};
constexpr std::string_view kIcr[] = {"icr_low", "icr_high"};
constexpr std::string_view kMessageNames[] = {"mode", "vector",  "origin", "place",
                                              "pin",  "targets", "sent"};
constexpr std::string_view kRegister[] = {"offset", "value"};
constexpr std::string_view kEntry[] = {"pin", "old", "new"};
constexpr std::string_view kPci[] = {"device", "function", "offset", "size",
                                     "write",  "present",  "value"};
constexpr std::string_view kStep[] = {"step"};
constexpr std::string_view kDisk[] = {
    "disk",     "received", "command",  "tag",      "queued", "lba",       "sectors", "wait",
    "overhead", "seek",     "rotation", "transfer", "bus",    "cache_hit", "status",  "error"};
constexpr std::string_view kDmaNames[] = {"disk", "to_memory", "address", "bytes", "hash"};
constexpr std::string_view kNicDmaNames[] = {"nic", "to_memory", "address", "bytes", "hash"};
constexpr std::string_view kFrameNames[] = {"network", "nic",   "destination", "source",
                                            "type",    "bytes", "hash"};
constexpr std::string_view kLine[] = {"uart", "begun"};
constexpr std::string_view kCode[] = {"code"};
constexpr std::string_view kValue[] = {"value"};
constexpr std::string_view kPair[] = {"by", "to"};
constexpr std::string_view kMarkNames[] = {"inputs", "hash"};
constexpr std::string_view kHalves[] = {"high", "low"};
constexpr std::string_view kPc[] = {"pc"};
constexpr std::string_view kBlocks[] = {"blocks"};
constexpr std::string_view kAccessNames[] = {"kind", "write", "size", "address", "value"};
constexpr std::string_view kGoal[] = {"goal_met"};

constexpr EventKind kKinds[] = {{"power", {}},
                                {"reset", {}},
                                {"start", kVector},
                                {"shutdown", {}},
                                {"stage", kStageNames},
                                {"mode", kModes},
                                {"exception", kVector},
                                {"interrupt", kInterruptNames},
                                {"eoi", {}},
                                {"ipi", kIcr},
                                {"message", kMessageNames},
                                {"lapic", kRegister},
                                {"redirection", kEntry},
                                {"pci", kPci},
                                {"lock", kStep},
                                {"disk", kDisk},
                                {"dma", kDmaNames},
                                {"console", kLine},
                                {"post", kCode},
                                {"exit", kValue},
                                {"probe", {}},
                                {"interference", kPair},
                                {"mark", kMarkNames},
                                {"checkpoint", kHalves},
                                {"sample", kPc},
                                {"block", kBlocks},
                                {"access", kAccessNames},
                                {"clock", kValue},
                                {"end", kGoal},
                                {"nic-dma", kNicDmaNames},
                                {"frame", kFrameNames}};
static_assert(std::size(kKinds) == kTraceKinds);
static_assert(std::size(kDisk) == kDiskArguments);

constexpr std::string_view kStages[] = {"load",   "place", "ipi",  "purgatory",
                                        "kernel", "user",  "post", "boot-loader"};
constexpr std::string_view kLevels[] = {"stages", "events", "blocks", "full"};

template <std::size_t N>
std::string_view name_of(const std::string_view (&names)[N], std::uint64_t i) {
  return i < N ? names[i] : std::string_view("?");
}

std::string redirection_text(std::uint64_t raw) {
  return fmt::format("{:02x}h {} to {}{}{}", raw & 0xff, delivery_mode_name(raw >> 8 & 7),
                     raw >> 56, (raw >> 15 & 1) != 0 ? ", level" : "",
                     (raw >> 16 & 1) != 0 ? ", masked" : "");
}

std::string message_text(const TraceEvent& e) {
  std::string from =
      fmt::format("PCI function 00:{:02x}.{}", e.argument(3) >> 3, e.argument(3) & 7);
  if (e.argument(2) == 1) from = fmt::format("core {}", e.argument(3));
  if (e.argument(2) == 2) from = fmt::format("I/O APIC pin {}", e.argument(4));
  std::string to;
  for (unsigned i = 0; i < 64; ++i)
    if ((e.argument(5) >> i & 1) != 0) to += fmt::format("{}{}", to.empty() ? "" : ", ", i);
  return fmt::format("{} {:02x}h from {} to {}", delivery_mode_name(e.argument(0)), e.argument(1),
                     from, to.empty() ? "nobody" : "core " + to);
}

std::string access_text(const TraceEvent& e) {
  static constexpr std::string_view kWhere[] = {"port", "device", "shared", "LAPIC"};
  return fmt::format("{} {} {:x}h, {} byte{}: {:x}h", e.argument(1) != 0 ? "write" : "read",
                     name_of(kWhere, e.argument(0)), e.argument(3), e.argument(2),
                     e.argument(2) == 1 ? "" : "s", e.argument(4));
}

}  // namespace

const EventKind& describe(TraceKind kind) {
  static constexpr EventKind kUnknown{"?", {}};
  const auto i = static_cast<std::size_t>(kind);
  return i < std::size(kKinds) ? kKinds[i] : kUnknown;
}

std::optional<TraceKind> kind_named(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kKinds); ++i)
    if (kKinds[i].name == name) return static_cast<TraceKind>(i);
  return std::nullopt;
}

std::string_view trace_stage_name(std::uint64_t stage) { return name_of(kStages, stage); }

std::string_view lock_step_name(std::uint64_t step) {
  static constexpr std::string_view kSteps[] = {"waits", "takes", "releases"};
  return name_of(kSteps, step);
}

std::string_view delivery_mode_name(std::uint64_t mode) {
  static constexpr std::string_view kModeNames[] = {"fixed", "lowest priority", "SMI",   "3", "NMI",
                                                    "INIT",  "startup",         "ExtINT"};
  return name_of(kModeNames, mode);
}

std::string_view lapic_register_name(std::uint64_t offset) {
  switch (offset) {
    case 0x20:
      return "id";
    case 0x80:
      return "TPR";
    case 0xd0:
      return "logical destination";
    case 0xe0:
      return "destination format";
    case 0xf0:
      return "spurious vector";
    case 0x280:
      return "error status";
    case 0x2f0:
      return "LVT CMCI";
    case 0x310:
      return "ICR high";
    case 0x320:
      return "LVT timer";
    case 0x330:
      return "LVT thermal";
    case 0x340:
      return "LVT performance";
    case 0x350:
      return "LVT LINT0";
    case 0x360:
      return "LVT LINT1";
    case 0x370:
      return "LVT error";
    case 0x380:
      return "initial count";
    case 0x3e0:
      return "divide configuration";
    default:
      return "reserved";
  }
}

std::string_view interrupt_source_name(std::uint64_t source) {
  static constexpr std::string_view kSources[] = {
      "unknown", "a message", "the LAPIC's timer", "a pin of the LAPIC", "the 8259s", "NMI"};
  return name_of(kSources, source);
}

std::string_view exception_name(std::uint64_t vector) {
  static constexpr std::string_view kNames[] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD",
                                                "#NM", "#DF", "9",   "#TS", "#NP", "#SS", "#GP",
                                                "#PF", "15",  "#MF", "#AC", "#MC", "#XM"};
  return vector < std::size(kNames) ? kNames[vector] : std::string_view("INT");
}

std::string_view ata_command_name(std::uint64_t command) {
  switch (command) {
    case 0x20:
    case 0x24:
      return "READ SECTORS";
    case 0x25:
    case 0xc8:
      return "READ DMA";
    case 0x2f:
      return "READ LOG EXT";
    case 0x30:
    case 0x34:
      return "WRITE SECTORS";
    case 0x35:
    case 0x3d:
    case 0xca:
      return "WRITE DMA";
    case 0x60:
      return "READ FPDMA QUEUED";
    case 0x61:
      return "WRITE FPDMA QUEUED";
    case 0xe7:
    case 0xea:
      return "FLUSH CACHE";
    case 0xec:
      return "IDENTIFY DEVICE";
    case 0xef:
      return "SET FEATURES";
    default:
      return "other";
  }
}

std::string_view level_name(TraceLevel level) {
  return name_of(kLevels, static_cast<std::uint64_t>(level));
}

std::optional<TraceLevel> level_named(std::string_view name) {
  const auto* found = std::find(std::begin(kLevels), std::end(kLevels), name);
  if (found == std::end(kLevels)) return std::nullopt;
  return static_cast<TraceLevel>(found - std::begin(kLevels));
}

std::string event_text(const TraceEvent& e) {
  switch (e.kind) {
    case TraceKind::kPower:
      return "the machine comes on";
    case TraceKind::kReset:
      return fmt::format("the machine is reset by {}", e.text);
    case TraceKind::kStart:
      return fmt::format("started at {:x}h", e.argument(0) << 12);
    case TraceKind::kShutDown:
      return fmt::format("shutdown: {}", e.text);
    case TraceKind::kStage:
      return fmt::format("stage {} {}", trace_stage_name(e.argument(0)),
                         e.argument(1) != 0 ? "begins" : "ends");
    case TraceKind::kModeSwitch:
      return fmt::format("{} -> {} at {:x}h", core_mode_name(static_cast<CoreMode>(e.argument(0))),
                         core_mode_name(static_cast<CoreMode>(e.argument(1))), e.argument(2));
    case TraceKind::kException:
      return fmt::format("exception {} ({})", e.argument(0), exception_name(e.argument(0)));
    case TraceKind::kInterrupt:
      if (e.argument(1) == 0) return fmt::format("interrupt {:02x}h", e.argument(0));
      return fmt::format("interrupt {:02x}h, {}, handler {:x}h", e.argument(0),
                         interrupt_source_name(e.argument(1)), e.argument(2));
    case TraceKind::kEoi:
      return "EOI";
    case TraceKind::kIpi:
      return fmt::format(
          "sends {} {:02x}h, destination {}{}", delivery_mode_name(e.argument(0) >> 8 & 7),
          e.argument(0) & 0xff, e.argument(1) >> 24,
          std::array{"", ", self", ", all", ", all others"}[e.argument(0) >> 18 & 3]);
    case TraceKind::kMessage:
      return message_text(e);
    case TraceKind::kLapicWrite:
      return fmt::format("LAPIC {} ({:x}h) = {:x}h", lapic_register_name(e.argument(0)),
                         e.argument(0), e.argument(1));
    case TraceKind::kRedirection:
      return fmt::format("redirection entry {}: {} -> {}", e.argument(0),
                         redirection_text(e.argument(1)), redirection_text(e.argument(2)));
    case TraceKind::kPciConfig:
      return fmt::format("PCI 00:{:02x}.{} register {:02x}h, {} byte{}: {} {:x}h{}", e.argument(0),
                         e.argument(1), e.argument(2), e.argument(3), e.argument(3) == 1 ? "" : "s",
                         e.argument(4) != 0 ? "write" : "read", e.argument(6),
                         e.argument(5) != 0 ? "" : " (nobody there)");
    case TraceKind::kLock:
      return fmt::format("{} the lock",
                         e.argument(0) == 0 ? "waits for" : lock_step_name(e.argument(0)));
    case TraceKind::kDiskCommand:
      return fmt::format("disk {}: {} ({:02x}h), LBA {}, {} sectors{}", e.argument(0),
                         ata_command_name(e.argument(2)), e.argument(2), e.argument(5),
                         e.argument(6), e.argument(15) != 0 ? ", failed" : "");
    case TraceKind::kDma:
      return fmt::format("disk {} DMA {} {:x}h, {} bytes, hash {:016x}", e.argument(0),
                         e.argument(1) != 0 ? "to" : "from", e.argument(2), e.argument(3),
                         e.argument(4));
    case TraceKind::kNicDma:
      return fmt::format("NIC {} DMA {} {:x}h, {} bytes, hash {:016x}", e.argument(0),
                         e.argument(1) != 0 ? "to" : "from", e.argument(2), e.argument(3),
                         e.argument(4));
    case TraceKind::kFrame:
      return fmt::format("NIC {} sends {} bytes, {:012x} to {:012x}, type {:04x}h, hash {:016x}",
                         e.argument(1), e.argument(5), e.argument(3), e.argument(2), e.argument(4),
                         e.argument(6));
    case TraceKind::kConsole:
      return std::string(e.text.substr(0, e.text.find_last_not_of("\r\n") + 1));
    case TraceKind::kPostCode:
      return fmt::format("POST code {:02x}h", e.argument(0));
    case TraceKind::kExit:
      return fmt::format("writes {} to port F4h", e.argument(0));
    case TraceKind::kProbe:
    case TraceKind::kInterference:
      return std::string(e.text);
    case TraceKind::kMark:
      return fmt::format("mark after {} inputs: {:016x}", e.argument(0), e.argument(1));
    case TraceKind::kCheckpoint:
      return fmt::format("digest {:016x}{:016x}", e.argument(0), e.argument(1));
    case TraceKind::kSample:
      return fmt::format("at {:x}h", e.argument(0));
    case TraceKind::kBlock:
      return fmt::format("{} blocks", e.argument(0));
    case TraceKind::kAccess:
      return access_text(e);
    case TraceKind::kClock:
      return fmt::format("time-stamp counter: {}", e.argument(0));
    case TraceKind::kEnd:
      return fmt::format("{}: {}", e.argument(0) != 0 ? "goal met" : "not met", e.text);
  }
  return "?";
}

}  // namespace mint
