// Records a run into the store while it goes.
//
//   RunRecorder recorder(store_path, request, TraceLevel::kEvents);
//   request.trace = &recorder;
//   RunResult result = run_scenario(request, observer);
//   recorder.finish(result, json);
//
// The run is in the store from the beginning, as unfinished; its events follow in chunks, each in a
// transaction of its own, from a thread of its own. Whenever the program is killed, the store holds
// the chunks so far, and the run stays marked as unfinished.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "traces/block_codec.hpp"
#include "traces/database.hpp"
#include "traces/event_codec.hpp"

namespace mint {

struct RunRequest;
struct RunResult;

class RunRecorder final : public TraceSink {
 public:
  // Throws StoreError. `request` as it is run, and outlives the recorder.
  RunRecorder(const std::filesystem::path& store, const RunRequest& request, TraceLevel level);
  ~RunRecorder() override;

  std::int64_t id() const { return id_; }
  // The run has ended, and all of it goes into the store. Throws StoreError, also for what went
  // wrong while it ran.
  void finish(const RunResult& result, const std::string& json);
  // It could not even begin: nothing of it stays in the store. Throws StoreError.
  void discard();

  // TraceSink
  TraceLevel level() const override { return level_; }
  void event(const TraceEvent& event) override;
  void block_translated(Core& core, std::uint32_t block, std::uint64_t pc) override;
  bool block(Core& core, std::uint32_t block) override;
  BlockForesight* foresight(Core& core) override;
  bool wants_end() const override { return failed_; }

 private:
  struct Chunk {
    std::string bytes;
    std::size_t events;
    Cycles first;
    Cycles last;
  };
  void flush();
  void flush_blocks(std::uint8_t core, Cycles at, std::uint64_t retired);
  void write_chunks();
  void stop_writing();

  const RunRequest& request_;
  std::filesystem::path store_;
  TraceLevel level_;
  std::int64_t id_ = 0;
  EventEncoder encoder_;
  std::vector<BlockEncoder> blocks_;  // by core
  std::vector<std::uint64_t> pcs_;    // by block
  std::chrono::steady_clock::time_point flushed_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Chunk> chunks_;
  bool ending_ = false;
  std::atomic<bool> failed_ = false;
  std::string error_;
  std::thread writer_;
};

}  // namespace mint
