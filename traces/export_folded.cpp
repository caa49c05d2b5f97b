#include "traces/export_folded.hpp"

#include <fmt/format.h>

#include <array>
#include <map>
#include <unordered_map>

#include "traces/block_codec.hpp"
#include "traces/symbols_of_run.hpp"

namespace mint {
namespace {

constexpr unsigned kNoStage = kTraceStages;

class Folder {
 public:
  Folder(RunStore& store, const StoredRun& run) : symbols_(run), run_(run) {
    os_of_core_.fill(TraceEvent::kNone);
    stage_of_os_.fill(kNoStage);
    store.events(run.id, [this](const TraceEvent& e) {
      add(e);
      return true;
    });
  }

  bool exact() const { return !decoders_.empty(); }

  std::string text() const {
    std::map<std::string, std::uint64_t> stacks;
    for (const auto& [place, counts] : exact() ? blocks_ : samples_) {
      const auto [os, stage] = place;
      const std::string owner = run_.os_name(os).empty() ? "machine" : run_.os_name(os);
      const std::string prefix =
          stage == kNoStage ? owner : fmt::format("{};{}", owner, trace_stage_name(stage));
      for (const auto& [pc, count] : counts)
        stacks[fmt::format("{};{}", prefix, function_at(os, pc))] += count;
    }
    std::string text;
    for (const auto& [stack, count] : stacks) text += fmt::format("{} {}\n", stack, count);
    return text;
  }

 private:
  using Place = std::pair<std::uint8_t, unsigned>;  // OS, stage
  using Counts = std::map<Place, std::unordered_map<std::uint64_t, std::uint64_t>>;

  void add(const TraceEvent& e) {
    if (e.kind == TraceKind::kStage) {
      // Loading, placing and the IPI are the leader's work for a follower.
      constexpr unsigned kFirstOfItsOwn = 3;
      if (e.argument(1) != 0 && e.argument(0) >= kFirstOfItsOwn)
        stage_of_os_[e.os] = static_cast<unsigned>(e.argument(0));
      else if (e.argument(1) == 0 && stage_of_os_[e.os] == e.argument(0))
        stage_of_os_[e.os] = kNoStage;
    }
    if (e.core != TraceEvent::kNone && e.os != TraceEvent::kNone && e.kind != TraceKind::kStage)
      os_of_core_[e.core] = e.os;
    if (e.kind == TraceKind::kSample) ++samples_[{e.os, stage_of_os_[e.os]}][e.argument(0)];
    if (e.kind != TraceKind::kBlock) return;
    const std::uint8_t os = os_of_core_[e.core];
    auto& counts = blocks_[{os, stage_of_os_[os]}];
    decoders_[e.core].add(e.text, [&counts](std::uint64_t pc) { ++counts[pc]; });
  }

  std::string function_at(std::uint8_t os, std::uint64_t pc) const {
    std::string name = symbols_.name_at(os, pc);
    name = name.substr(0, name.find("+0x"));
    if (!name.empty()) return name;
    return pc < 0x8000'0000'0000 && os != TraceEvent::kNone ? "no symbol" : fmt::format("{:x}", pc);
  }

  RunSymbols symbols_;
  const StoredRun& run_;
  std::array<std::uint8_t, 256> os_of_core_;
  std::array<unsigned, 256> stage_of_os_;
  std::map<std::uint8_t, BlockDecoder> decoders_;
  Counts blocks_;
  Counts samples_;
};

}  // namespace

std::string folded_stacks(RunStore& store, const StoredRun& run, bool& exact) {
  const Folder folder(store, run);
  exact = folder.exact();
  return folder.text();
}

}  // namespace mint
