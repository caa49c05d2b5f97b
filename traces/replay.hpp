// Runs a stored run again, and sees at each of its checkpoints whether it still is the same run.
//
//   const Until until = parse_until("symbol:start_kernel", run);   // throws StoreError
//   Replay replay(store, run, until);
//   RunResult result = Rerun(run, run_scenario, installation).run(replay);
//   if (replay.mismatch()) ...
#pragma once

#include <optional>
#include <string>

#include "emu/machine/trace_sink.hpp"
#include "traces/checkpoints.hpp"
#include "traces/run_recorder.hpp"
#include "traces/run_store.hpp"

namespace mint {

// Where a replay is to end: at most one of these.
struct Until {
  std::optional<Cycles> cycle;
  struct Retired {
    std::uint8_t core = 0;
    std::uint64_t instructions = 0;  // since power-on
  };
  std::optional<Retired> retired;
  std::string symbol;
  struct Event {
    TraceKind kind = TraceKind::kPower;
    std::uint64_t count = 1;  // the so manieth
    std::string text;         // that its text contains
  };
  std::optional<Event> event;

  bool anywhere() const { return cycle || retired || !symbol.empty() || event; }
};

// cycle:N, or a time: 12.5s, 300ms, 5us; core:C:N, the core's N-th instruction; symbol:NAME;
// event:KIND, event:KIND:N or event:KIND:TEXT. Throws StoreError.
Until parse_until(const std::string& text, const StoredRun& run);

class Replay final : public TraceSink {
 public:
  struct Mismatch {
    Cycles same;  // of the last checkpoint that was the same
    Cycles differs;
  };

  Replay(RunStore& store, const StoredRun& run, Until until);

  // Is told all events of its level as well.
  void record_to(RunRecorder& recorder) { recorder_ = &recorder; }

  const std::optional<Mismatch>& mismatch() const { return mismatch_; }
  std::size_t checked() const { return checked_; }
  // The end that was asked for has come.
  bool reached() const { return reached_; }
  Cycles ended_at() const { return ended_at_; }

  TraceLevel level() const override;
  void event(const TraceEvent& event) override;
  void block_translated(Core& core, std::uint32_t block, std::uint64_t pc) override;
  bool block(Core& core, std::uint32_t block) override;
  bool wants_end() const override;
  std::optional<Cycles> end_at() const override { return until_.cycle; }
  std::string symbol() const override { return until_.symbol; }
  void ended(Machine& machine) override;

 private:
  void check(const TraceEvent& checkpoint);
  bool is_until(const TraceEvent& event);

  Until until_;
  Checkpoints checkpoints_;
  RunRecorder* recorder_ = nullptr;
  std::optional<Mismatch> mismatch_;
  Cycles last_same_;
  std::size_t checked_ = 0;
  std::uint64_t seen_ = 0;
  bool reached_ = false;
  Cycles ended_at_;
};

// The lowest level that has events of this kind.
TraceLevel level_of(TraceKind kind);

}  // namespace mint
