// Watches cores in windows of their instruction counts, instruction block by instruction block:
// what a diff runs a stored run again with.
//
// Instruction counts are from the core's last start by SIPI on (its epoch; 0 before the first), as
// in marks: so cores of runs in which they were started at different times can be compared.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "emu/engine/block_foresight.hpp"
#include "emu/engine/glue.h"
#include "emu/machine/trace_sink.hpp"
#include "emu/scenario/scenario.hpp"
#include "traces/checkpoints.hpp"

namespace mint {

struct Window {
  std::uint8_t core = 0;
  unsigned epoch = 0;
  std::uint64_t from = 0;  // instructions
  std::uint64_t to = 0;
  // Of the core's last mark before `from`, or 0: from there on the core is watched at all.
  std::uint64_t mark = 0;
  bool holds = true;  // the run goes on until the core has left the window
};

// One thing that a core did or took in.
struct Item {
  enum class What : std::uint8_t { kBlock, kRead, kWrite, kInterrupt, kClock };
  What what = What::kBlock;
  std::uint8_t where = 0;  // Access::Kind of kRead and kWrite
  std::uint8_t size = 0;
  std::uint64_t retired = 0;
  std::uint64_t at = 0;       // cycles
  std::uint64_t subject = 0;  // linear address, address, vector
  std::uint64_t value = 0;  // of an access or clock; of a block: hash of the registers at its head

  // Whether the same happened; times, and values that count time, may differ.
  bool same(const Item& other) const {
    return what == other.what && where == other.where && size == other.size &&
           retired == other.retired && subject == other.subject &&
           (what == What::kBlock || what == What::kClock || value == other.value);
  }
};

// What is wanted of the machine when one core comes to an item.
struct Capture {
  std::uint8_t core = 0;
  std::size_t item = 0;  // a block: it is the last one to be executed
  // Linear addresses of code to be shown; the first one is that of the block before the item.
  std::vector<std::uint64_t> code;
  std::optional<MemoryRange> memory;  // whose pages are wanted; all if there is none
};

struct Captured {
  bool there = false;
  mint_registers registers{};                               // at the head of the block
  mint_registers before{};                                  // at the head of the block before it
  std::map<std::uint64_t, std::vector<std::uint8_t>> code;  // by linear address: 96 bytes at most
  // Where the block before the item reads or writes memory: the value there when the run ended.
  std::map<std::uint64_t, std::uint64_t> operands;
  // By physical address, hashes of the pages of memory that are not zero.
  std::map<std::uint64_t, std::uint64_t> pages;
};

// What has been seen of one core.
struct WindowRecord {
  std::vector<Item> items;
  // The counts of time that it has read in its epoch before the window, the first ones.
  std::vector<Item> clocks;
  bool overflown = false;  // items were left out: the window is too long
};

class WindowSink final : public TraceSink {
 public:
  WindowSink(const std::vector<Window>& windows, const Checkpoints& checkpoints);
  ~WindowSink() override;

  // Called when the run comes to where a core's window, or what the window is narrowed to later,
  // can begin; and when the run has ended, the machine being as it was then.
  std::function<void(std::uint8_t core)> on_opening;
  std::function<void()> on_end;
  // To be called in on_opening(core): no core but that one is watched, in a window that begins no
  // earlier than the one that opens.
  void narrow(const Window& window, std::optional<Capture> capture);
  const WindowRecord& record(std::uint8_t core) const { return cores_[core].record; }
  // This is not the stored run any more, as its digest says; the run has ended there.
  std::optional<Cycles> mismatch() const { return mismatch_; }
  const Captured& captured() const { return captured_; }
  // In on_end: a page of the machine's memory; zeros where there is none.
  std::string page(std::uint64_t address) const;

  TraceLevel level() const override { return TraceLevel::kFull; }
  void began(Machine& machine) override;
  void event(const TraceEvent& event) override;
  void block_translated(Core& core, std::uint32_t block, std::uint64_t pc) override;
  bool block(Core& core, std::uint32_t block) override;
  BlockForesight* foresight(Core& core) override;
  bool wants_end() const override { return open_ == 0 || mismatch_; }
  void ended(Machine& machine) override;

 private:
  struct Watched {
    bool wanted = false;
    bool closed = false;
    Window window;
    unsigned epoch = 0;
    std::uint64_t base = 0;
    bool opened = false;
    WindowRecord record;
    mint_registers before{};   // at the head of its last block
    BlockForesight foresight;  // of no block while its window is open, else of all
  };
  void count_open();
  void add(std::uint8_t core, Item item);
  void open(std::uint8_t core, std::uint64_t retired);
  void close(Watched& watched);
  void capture_all(Machine& machine);

  std::array<Watched, 64> cores_;
  unsigned open_ = 0;
  std::vector<std::uint8_t> bytes_at(Core& core, std::uint64_t linear, std::size_t size) const;

  Machine* machine_ = nullptr;
  const Checkpoints& checkpoints_;
  std::optional<Cycles> mismatch_;
  struct Block {
    std::uint64_t pc = 0;
    bool string = false;  // REP MOVS or REP STOS
  };
  std::vector<Block> blocks_;
  std::optional<Capture> capture_;
  Captured captured_;
};

}  // namespace mint
