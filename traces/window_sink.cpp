#include "traces/window_sink.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "emu/machine/machine.hpp"
#include "traces/disassembly.hpp"

namespace mint {
namespace {

constexpr std::size_t kMaxItems = 3'000'000;  // of a core
constexpr std::size_t kMaxClocks = 100'000;
constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kCodeBytes = 96;
constexpr std::size_t kLongestString = 5;  // its prefixes and opcode
constexpr unsigned kOperandInstructions = 16;

// Counters of time, as Tracer has them.
bool is_clock(const TraceEvent& access) {
  if (access.argument(1) != 0) return false;
  const std::uint64_t address = access.argument(3);
  if (access.argument(0) == static_cast<std::uint64_t>(Access::Kind::kPort))
    return (address >= 0x40 && address <= 0x42) || address == 0x61;
  return access.argument(0) == static_cast<std::uint64_t>(Access::Kind::kLapic) &&
         (address & 0xfff) == 0x390;
}

// F3 [66] [REX] A4, A5, AA or AB: REP MOVS and REP STOS, which the engine does in pieces.
bool is_string_block(const std::vector<std::uint8_t>& code) {
  bool repeat = false;
  std::size_t i = 0;
  for (; i < code.size() && (code[i] == 0xf3 || code[i] == 0x66); ++i) repeat |= code[i] == 0xf3;
  if (i < code.size() && (code[i] & 0xf0) == 0x40) ++i;
  if (!repeat || i >= code.size()) return false;
  return (code[i] & 0xfe) == 0xa4 || (code[i] & 0xfe) == 0xaa;
}

std::uint64_t hash_of(const mint_registers& r) {
  return XXH3_64bits(r.general, sizeof r.general) ^ r.rflags * 0x9e3779b97f4a7c15u;
}

}  // namespace

WindowSink::WindowSink(const std::vector<Window>& windows, const Checkpoints& checkpoints)
    : checkpoints_(checkpoints) {
  for (Watched& watched : cores_) watched.foresight.all = true;
  for (const Window& window : windows) {
    Watched& watched = cores_[window.core];
    if (watched.wanted) continue;
    watched.wanted = true;
    watched.window = window;
  }
  count_open();
}

// Where none of them holds the run, all do.
void WindowSink::count_open() {
  const bool any = std::any_of(cores_.begin(), cores_.end(),
                               [](const Watched& w) { return w.wanted && w.window.holds; });
  open_ = 0;
  for (Watched& watched : cores_) {
    if (!any) watched.window.holds = watched.wanted;
    if (watched.wanted && watched.window.holds && !watched.closed) ++open_;
  }
}

WindowSink::~WindowSink() = default;

std::vector<std::uint8_t> WindowSink::bytes_at(Core& core, std::uint64_t linear,
                                               std::size_t size) const {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < size; ++i) {
    const auto physical = core.cpu().translate(linear + i);
    if (!physical) break;
    const auto memory = machine_->memory().at(*physical, 1);
    if (memory.empty()) break;
    bytes.push_back(memory[0]);
  }
  return bytes;
}

void WindowSink::began(Machine& machine) {
  machine_ = &machine;
  for (std::size_t core = 0; core < cores_.size(); ++core) open(static_cast<std::uint8_t>(core), 0);
}

BlockForesight* WindowSink::foresight(Core& core) { return &cores_[core.id().value].foresight; }

void WindowSink::open(std::uint8_t core, std::uint64_t retired) {
  Watched& watched = cores_[core];
  if (!watched.wanted || watched.closed || watched.opened) return;
  if (watched.epoch != watched.window.epoch || retired - watched.base < watched.window.mark) return;
  watched.opened = true;
  watched.foresight.all = false;
  if (on_opening) on_opening(core);
}

void WindowSink::close(Watched& watched) {
  if (watched.closed) return;
  watched.closed = true;
  watched.foresight.all = true;
  if (watched.window.holds) --open_;
}

void WindowSink::narrow(const Window& window, std::optional<Capture> capture) {
  for (std::size_t core = 0; core < cores_.size(); ++core) {
    if (core == window.core) continue;
    close(cores_[core]);
    cores_[core].wanted = false;
  }
  capture_ = std::move(capture);
  Watched& watched = cores_[window.core];
  watched.window = window;
  count_open();
  // There may be some already: the instructions of the block at hand have been counted.
  WindowRecord seen;
  std::swap(seen, watched.record);
  watched.record.clocks = std::move(seen.clocks);
  for (Item item : seen.items) {
    item.retired += watched.base;
    add(window.core, item);
  }
}

void WindowSink::add(std::uint8_t core, Item item) {
  Watched& watched = cores_[core];
  if (!watched.wanted || watched.closed || watched.epoch != watched.window.epoch) return;
  item.retired -= watched.base;
  WindowRecord& record = watched.record;
  if (item.retired < watched.window.from) {
    if (item.what == Item::What::kClock && record.clocks.size() < kMaxClocks)
      record.clocks.push_back(item);
    return;
  }
  if (item.retired > watched.window.to || record.items.size() >= kMaxItems) {
    record.overflown = item.retired <= watched.window.to;
    close(watched);
    return;
  }
  record.items.push_back(item);
}

void WindowSink::event(const TraceEvent& e) {
  if (e.kind == TraceKind::kCheckpoint && !mismatch_ &&
      checkpoints_.compare(e) == Checkpoints::Answer::kDiffers)
    mismatch_ = e.at;
  if (e.core >= cores_.size()) return;
  Item item;
  item.retired = e.retired;
  item.at = e.at.count;
  switch (e.kind) {
    case TraceKind::kStart: {
      Watched& watched = cores_[e.core];
      ++watched.epoch;
      watched.base = e.retired;
      if (watched.wanted && watched.epoch > watched.window.epoch) close(watched);
      open(e.core, e.retired);
      return;
    }
    case TraceKind::kMark:
      open(e.core, e.retired);
      return;
    case TraceKind::kInterrupt:
      item.what = Item::What::kInterrupt;
      item.subject = e.argument(0);
      break;
    case TraceKind::kClock:
      item.what = Item::What::kClock;
      item.value = e.argument(0);
      break;
    case TraceKind::kAccess:
      item.what = is_clock(e)          ? Item::What::kClock
                  : e.argument(1) != 0 ? Item::What::kWrite
                                       : Item::What::kRead;
      item.where = static_cast<std::uint8_t>(e.argument(0));
      item.size = static_cast<std::uint8_t>(e.argument(2));
      item.subject = e.argument(3);
      item.value = e.argument(4);
      break;
    default:
      return;
  }
  add(e.core, item);
}

void WindowSink::block_translated(Core& core, std::uint32_t block, std::uint64_t pc) {
  if (blocks_.size() <= block) blocks_.resize(block + block / 2 + std::size_t{1});
  blocks_[block] = {pc, is_string_block(bytes_at(core, pc, kLongestString))};
}

bool WindowSink::block(Core& core, std::uint32_t block) {
  const std::uint8_t id = core.id().value;
  Watched& watched = cores_[id];
  if (!watched.wanted || watched.closed) return false;
  const std::uint64_t retired = core.cpu().instructions();
  if (watched.epoch != watched.window.epoch || retired - watched.base < watched.window.from)
    return false;
  const Block& here = blocks_[block];
  const std::vector<Item>& items = watched.record.items;
  // How often the block of a repeated instruction is entered depends on where slices end. Of a
  // window that begins in the middle of one, nothing is known before its end.
  if (here.string && (items.empty() ||
                      (items.back().what == Item::What::kBlock && items.back().subject == here.pc)))
    return false;
  const mint_registers registers = core.cpu().registers();
  Item item;
  item.retired = retired;
  item.at = core.cpu().now().count;
  item.subject = here.pc;
  item.value = hash_of(registers);
  add(id, item);
  if (capture_ && capture_->core == id && items.size() == capture_->item + 1) {
    captured_.there = true;
    captured_.registers = registers;
    captured_.before = watched.before;
    // This block is executed, and no other.
    for (Watched& each : cores_) {
      if (each.wanted) close(each);
    }
  }
  watched.before = registers;
  return open_ == 0;
}

void WindowSink::ended(Machine& machine) {
  if (capture_ && captured_.there) capture_all(machine);
  if (on_end) on_end();
}

void WindowSink::capture_all(Machine& machine) {
  Core& core = *machine.cores()[capture_->core];
  for (const std::uint64_t linear : capture_->code)
    captured_.code[linear] = bytes_at(core, linear, kCodeBytes);
  if (!capture_->code.empty()) {
    const std::uint64_t linear = capture_->code.front();
    for (const Instruction& i :
         disassemble(captured_.code[linear], linear, captured_.before, kOperandInstructions)) {
      if (!i.operand) continue;
      const auto bytes = bytes_at(core, *i.operand, std::min(i.operand_size, 8u));
      if (bytes.empty()) continue;
      std::uint64_t value = 0;
      std::memcpy(&value, bytes.data(), bytes.size());
      captured_.operands[*i.operand] = value;
    }
  }
  for (const PhysicalMemory::Segment& s : machine.memory().segments()) {
    if (s.kind != PhysicalMemory::Kind::kRam && s.kind != PhysicalMemory::Kind::kShared) continue;
    static constexpr char kZeros[kPage] = {};
    for (std::uint64_t offset = 0; offset < s.size; offset += kPage) {
      if (capture_->memory && !capture_->memory->contains({s.start.value + offset})) continue;
      const auto* page = reinterpret_cast<const char*>(s.memory + offset);
      if (std::memcmp(page, kZeros, kPage) != 0)
        captured_.pages.emplace(s.start.value + offset, XXH3_64bits(page, kPage));
    }
  }
}

std::string WindowSink::page(std::uint64_t address) const {
  const auto memory = machine_->memory().at(PhysAddr{address}, kPage);
  if (memory.size() < kPage) return std::string(kPage, '\0');
  return {reinterpret_cast<const char*>(memory.data()), kPage};
}

}  // namespace mint
