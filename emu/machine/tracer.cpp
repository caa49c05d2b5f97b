#include "emu/machine/tracer.hpp"

#include <xxhash.h>

#include <algorithm>
#include <bit>

namespace mint {
namespace {

constexpr std::uint64_t kLapicEoi = 0xb0;
constexpr std::uint64_t kLapicIcrLow = 0x300;
constexpr std::uint64_t kLapicIcrHigh = 0x310;
constexpr std::uint64_t kLapicCurrentCount = 0x390;

constexpr std::uint32_t kMaxBlocks = (1u << 24) - 1;

// Counters of time: PIT counters and the bits of port 61h that follow counter 2 and the refresh,
// the LAPIC timer's current count.
bool is_clock(const Access& access) {
  if (access.write) return false;
  if (access.kind == Access::Kind::kPort)
    return (access.address >= 0x40 && access.address <= 0x42) || access.address == 0x61;
  return access.kind == Access::Kind::kLapic && (access.address & 0xfff) == kLapicCurrentCount;
}

// Only one multiplication waits for the hash before.
std::uint64_t mix(std::uint64_t hash, std::uint64_t what, std::uint64_t value) {
  const std::uint64_t both = std::rotl(what * 0xd6e8feb86659fd93u, 32) ^ value;
  return std::rotl((hash ^ both) * 0x9e3779b97f4a7c15u, 29);
}

}  // namespace

Tracer::Tracer(TraceSink& sink, Machine& machine, std::vector<std::uint8_t> os_of_core)
    : sink_(sink),
      machine_(machine),
      level_(sink.level()),
      os_of_core_(std::move(os_of_core)),
      streams_(machine.cores().size()),
      lines_(MachineObserver::kDebugConsole + 1) {
  os_of_core_.resize(streams_.size(), TraceEvent::kNone);
}

Cycles Tracer::now() const { return machine_.now(); }

void Tracer::send(const TraceEvent& event, Core* core) {
  sink_.event(event);
  check_end(core);
}

void Tracer::check_end(Core* core) {
  if (!sink_.wants_end()) return;
  machine_.stop();
  // A core that runs stops at its next block, not only at the end of its slice.
  if (core != nullptr && core->runnable()) core->cpu().set_limit(core->cpu().now());
}

void Tracer::emit(TraceKind kind, Cycles at, Core* core,
                  std::initializer_list<std::uint64_t> arguments, std::string_view text) {
  TraceEvent event;
  event.at = at;
  event.kind = kind;
  event.arguments = {arguments.begin(), arguments.size()};
  event.text = text;
  if (core != nullptr) {
    event.core = core->id().value;
    event.os = os_of_core_[event.core];
    event.retired = core->cpu().instructions();
  }
  send(event, core);
}

// --- inputs of cores
// ---------------------------------------------------------------------------------

void Tracer::mark(Core& core, const Stream& stream, Cycles at) {
  emit(TraceKind::kMark, at, &core, {stream.inputs, stream.hash});
}

void Tracer::input(Core& core, Stream& stream, Cycles at, std::uint64_t what, std::uint64_t value) {
  stream.hash = mix(stream.hash, what ^ (core.cpu().instructions() - stream.base) << 20, value);
  if (++stream.inputs % kMarkInterval == 0) mark(core, stream, at);
}

void Tracer::accessed(Core& core, Cycles at, const Access& access) {
  accessing_ = core.id().value;
  Stream& stream = streams_[accessing_];
  const std::uint64_t what =
      access.address << 4 ^ static_cast<std::uint64_t>(access.kind) << 1 ^ access.write;
  input(core, stream, at, what, is_clock(access) ? 0 : access.value);
  if (level_ == TraceLevel::kFull) {
    emit(TraceKind::kAccess, at, &core,
         {static_cast<std::uint64_t>(access.kind), access.write, access.size, access.address,
          access.value});
  }
  if (access.kind != Access::Kind::kLapic || !access.write || level_ < TraceLevel::kEvents) return;
  const std::uint64_t offset = access.address & 0xfff;
  if (offset == kLapicEoi)
    emit(TraceKind::kEoi, at, &core, {});
  else if (offset == kLapicIcrLow)
    emit(TraceKind::kIpi, at, &core,
         {access.value & 0xffffffff, core.lapic().read(kLapicIcrHigh, 4)});
  else
    emit(TraceKind::kLapicWrite, at, &core, {offset, access.value});
}

void Tracer::clock_read(Core& core, Cycles at, std::uint64_t value) {
  if (level_ == TraceLevel::kFull) emit(TraceKind::kClock, at, &core, {value});
}

void Tracer::interrupted(Core& core, Vector vector, bool hardware) {
  const Cycles at = core.cpu().now();
  if (hardware) input(core, streams_[core.id().value], at, std::uint64_t{1} << 63, vector.value);
  if (level_ < TraceLevel::kEvents) return;
  if (!hardware) return emit(TraceKind::kException, at, &core, {vector.value});
  emit(TraceKind::kInterrupt, at, &core,
       {vector.value, static_cast<std::uint64_t>(source_of(core, vector)),
        handler_of(core, vector)});
}

// The vector is in service already, or is not of the LAPIC at all.
InterruptSource Tracer::source_of(Core& core, Vector vector) const {
  constexpr std::uint8_t kNmiVector = 2;
  constexpr std::uint64_t kInService = 0x100;
  constexpr std::uint64_t kLvtTimer = 0x320;
  constexpr std::uint64_t kLvtLint0 = 0x350;
  constexpr std::uint64_t kLvtLint1 = 0x360;
  constexpr std::uint64_t kMaskedOrNotFixed = 0x10700;
  if (vector.value == kNmiVector) return InterruptSource::kNmi;
  Lapic& lapic = core.lapic();
  const std::uint64_t in_service = lapic.read(kInService + vector.value / 32 * 0x10, 4);
  if ((in_service >> vector.value % 32 & 1) == 0) return InterruptSource::kPic;
  if ((lapic.read(kLvtTimer, 4) & 0xff) == vector.value) return InterruptSource::kTimer;
  for (const std::uint64_t pin : {kLvtLint0, kLvtLint1}) {
    const std::uint64_t entry = lapic.read(pin, 4);
    if ((entry & kMaskedOrNotFixed) == 0 && (entry & 0xff) == vector.value)
      return InterruptSource::kLocalPin;
  }
  return InterruptSource::kMessage;
}

// By the interrupt table (SDM vol. 3A, 6.11, 6.14.1 and 20.1.4); 0 where that cannot be read.
std::uint64_t Tracer::handler_of(Core& core, Vector vector) const {
  const mint_registers r = core.cpu().registers();
  const CoreMode mode = core_mode(r);
  const bool wide = mode == CoreMode::kLong || mode == CoreMode::kCompatibility;
  const std::uint64_t size = mode == CoreMode::kReal ? 4 : wide ? 16 : 8;
  std::uint16_t words[8] = {};
  for (std::uint64_t i = 0; i < size; ++i) {
    const auto physical = core.cpu().translate(r.idt_base + vector.value * size + i);
    if (!physical) return 0;
    const auto byte = machine_.memory().at(*physical, 1);
    if (byte.empty()) return 0;
    words[i / 2] |= static_cast<std::uint16_t>(byte[0] << i % 2 * 8);
  }
  if (size == 4) return std::uint64_t{words[1]} * 16 + words[0];
  return words[0] | std::uint64_t{words[3]} << 16 | std::uint64_t{words[4]} << 32 |
         std::uint64_t{words[5]} << 48;
}

void Tracer::started(Core& core, Vector vector) {
  // What the core has taken in before does not matter any more.
  Stream& stream = streams_[core.id().value];
  stream = {};
  stream.base = core.cpu().instructions();
  emit(TraceKind::kStart, core.cpu().now(), &core, {vector.value});
}

void Tracer::shut_down(Core& core, const std::string& why) {
  mark(core, streams_[core.id().value], core.cpu().now());
  emit(TraceKind::kShutDown, core.cpu().now(), &core, {}, why);
}

// --- the board
// ---------------------------------------------------------------------------------------

void Tracer::power_on() {
  sink_.began(machine_);
  if (at_least(TraceLevel::kBlocks))
    for (const auto& core : machine_.cores()) core->cpu().foresee_blocks(sink_.foresight(*core));
  emit(TraceKind::kPower, now(), nullptr, {});
}

void Tracer::reset(const std::string& why) { emit(TraceKind::kReset, now(), nullptr, {}, why); }

void Tracer::exit(std::uint32_t value) { emit(TraceKind::kExit, now(), nullptr, {value}); }

void Tracer::serial_output(unsigned uart, std::uint8_t os, std::uint8_t byte) {
  Line& line = lines_[uart];
  if (line.text.empty()) line.begun = now();
  line.text += static_cast<char>(byte);
  if (byte != '\n') return;
  const std::uint64_t arguments[] = {uart, line.begun.count};
  TraceEvent event;
  event.at = now();
  event.os = os;
  event.kind = TraceKind::kConsole;
  event.arguments = arguments;
  event.text = line.text;
  send(event);
  line.text.clear();
}

void Tracer::post_code(std::uint8_t code) {
  if (at_least(TraceLevel::kEvents)) emit(TraceKind::kPostCode, now(), nullptr, {code});
}

void Tracer::redirection_written(unsigned pin, RedirectionEntry old, RedirectionEntry entry) {
  if (!at_least(TraceLevel::kEvents)) return;
  Core* core = accessing_ == TraceEvent::kNone ? nullptr : machine_.cores()[accessing_].get();
  emit(TraceKind::kRedirection, now(), core,
       {pin, std::bit_cast<std::uint64_t>(old), std::bit_cast<std::uint64_t>(entry)});
}

void Tracer::message_delivered(const ApicBus::Delivery& delivery) {
  if (!at_least(TraceLevel::kEvents)) return;
  Core* core = delivery.origin.kind == Origin::Kind::kLapic
                   ? machine_.cores()[delivery.origin.place].get()
                   : nullptr;
  emit(TraceKind::kMessage, delivery.arrived, core,
       {static_cast<std::uint64_t>(delivery.message.mode), delivery.message.vector.value,
        static_cast<std::uint64_t>(delivery.origin.kind), delivery.origin.place,
        delivery.origin.pin, delivery.targets.to_ullong(), delivery.sent.count});
}

void Tracer::pci_configured(const PciHost::ConfigAccess& access) {
  if (!at_least(TraceLevel::kEvents)) return;
  Core* core = accessing_ == TraceEvent::kNone ? nullptr : machine_.cores()[accessing_].get();
  emit(TraceKind::kPciConfig, now(), core,
       {access.device, access.function, access.offset, access.size, access.write, access.present,
        access.value});
}

void Tracer::disk_command(unsigned disk, const DiskCommandRecord& r) {
  if (!at_least(TraceLevel::kEvents)) return;
  const DiskTime& t = r.time;
  emit(TraceKind::kDiskCommand, r.finished, nullptr,
       {disk, r.received.count, r.command, r.tag, r.queued, r.lba, r.sectors, t.wait.count,
        t.overhead.count, t.seek.count, t.rotation.count, t.transfer.count, t.bus.count,
        t.cache_hit, r.status, r.error});
}

void Tracer::dma(unsigned disk, bool to_memory, PhysAddr address, std::span<const std::byte> data) {
  if (!at_least(TraceLevel::kEvents)) return;
  emit(TraceKind::kDma, now(), nullptr,
       {disk, to_memory, address.value, data.size(), XXH3_64bits(data.data(), data.size())});
}

void Tracer::nic_dma(unsigned nic, bool to_memory, PhysAddr address,
                     std::span<const std::byte> data) {
  if (!at_least(TraceLevel::kEvents)) return;
  emit(TraceKind::kNicDma, now(), nullptr,
       {nic, to_memory, address.value, data.size(), XXH3_64bits(data.data(), data.size())});
}

void Tracer::frame_sent(unsigned network, unsigned nic, std::span<const std::uint8_t> frame) {
  if (!at_least(TraceLevel::kEvents)) return;
  // Big-endian numbers of its header: two addresses, the type.
  const auto number = [&](std::size_t first, std::size_t size) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : frame.subspan(first, size)) value = value << 8 | byte;
    return value;
  };
  emit(TraceKind::kFrame, now(), nullptr,
       {network, nic, number(0, 6), number(6, 6), number(12, 2), frame.size(),
        XXH3_64bits(frame.data(), frame.size())});
}

// --- what the recorder notices
// --------------------------------------------------------------------------

void Tracer::stage(std::uint8_t core, std::uint8_t os, unsigned stage, bool begins, Cycles at) {
  const std::uint64_t arguments[] = {stage, begins};
  TraceEvent event;
  event.at = at;
  event.core = core;
  event.os = os;
  event.kind = TraceKind::kStage;
  event.arguments = arguments;
  if (core != TraceEvent::kNone) event.retired = machine_.cores()[core]->cpu().instructions();
  send(event);
}

void Tracer::lock(Core& core, LockStep step, Cycles at) {
  if (at_least(TraceLevel::kEvents))
    emit(TraceKind::kLock, at, &core, {static_cast<std::uint64_t>(step)});
}

void Tracer::interference(std::uint8_t by, std::uint8_t to, Cycles at, const std::string& what) {
  emit(TraceKind::kInterference, at, nullptr, {by, to}, what);
}

void Tracer::probe(Core& core, const std::string& symbol) {
  emit(TraceKind::kProbe, core.cpu().now(), &core, {}, symbol);
}

void Tracer::checkpoint(std::uint64_t high, std::uint64_t low) {
  emit(TraceKind::kCheckpoint, now(), nullptr, {high, low});
  if (!at_least(TraceLevel::kEvents)) return;
  for (const auto& core : machine_.cores())
    if (core->runnable()) emit(TraceKind::kSample, now(), core.get(), {core->pc()});
}

void Tracer::end(bool goal_met, const std::string& reason) {
  for (const auto& core : machine_.cores()) {
    const Stream& stream = streams_[core->id().value];
    if (stream.inputs != 0) mark(*core, stream, core->cpu().now());
  }
  for (unsigned uart = 0; uart < lines_.size(); ++uart) {
    Line& line = lines_[uart];
    if (!line.text.empty())
      emit(TraceKind::kConsole, now(), nullptr, {uart, line.begun.count}, line.text);
    line.text.clear();
  }
  emit(TraceKind::kEnd, now(), nullptr, {goal_met}, reason);
}

// --- blocks and modes
// ----------------------------------------------------------------------------------

void Tracer::mode_changed(Core& core, std::uint64_t pc) {
  Stream& stream = streams_[core.id().value];
  const auto mode = static_cast<std::uint8_t>(core_mode(core.cpu().registers()));
  if (mode == stream.mode) return;
  const std::uint8_t old = stream.mode;
  stream.mode = mode;
  if (at_least(TraceLevel::kEvents))
    emit(TraceKind::kModeSwitch, core.cpu().now(), &core, {old, mode, pc});
}

std::uint32_t Tracer::probe_at(Core& core, std::uint64_t pc) {
  if (!at_least(TraceLevel::kBlocks)) return 0;
  blocks_ = std::min(blocks_ + 1, kMaxBlocks);
  sink_.block_translated(core, blocks_, pc);
  return blocks_ << kBlockShift;
}

void Tracer::probed(Core& core, std::uint32_t id) {
  if (id >> kBlockShift == 0) return;
  if (sink_.block(core, id >> kBlockShift)) check_end(&core);
}

// --- modes
// --------------------------------------------------------------------------------------------------

CoreMode core_mode(const mint_registers& r) {
  constexpr std::uint32_t kLongSegment = 1u << 21;  // of CS, SDM vol. 3A, 3.4.5
  constexpr std::uint32_t kDefault32 = 1u << 22;
  constexpr std::uint64_t kVm = 1u << 17;
  constexpr std::uint64_t kEferLma = 1u << 10;
  if ((r.cr0 & 1) == 0) return CoreMode::kReal;
  if ((r.rflags & kVm) != 0) return CoreMode::kVirtual8086;
  const std::uint32_t cs = r.segment[1].attributes;
  if ((r.efer & kEferLma) != 0)
    return (cs & kLongSegment) != 0 ? CoreMode::kLong : CoreMode::kCompatibility;
  if ((cs & kDefault32) == 0) return CoreMode::kProtected16;
  return (r.cr0 & 0x80000000) != 0 ? CoreMode::kPaged32 : CoreMode::kProtected32;
}

std::string_view core_mode_name(CoreMode mode) {
  static constexpr std::string_view kNames[] = {
      "none",          "real mode",         "16-bit protected mode", "32-bit protected mode",
      "32-bit paging", "virtual-8086 mode", "compatibility mode",    "64-bit mode"};
  return kNames[std::min<std::size_t>(static_cast<std::size_t>(mode), std::size(kNames) - 1)];
}

}  // namespace mint
