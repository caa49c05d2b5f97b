#include "traces/run_recorder.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <zstd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <sstream>

#include "emu/machine/core.hpp"
#include "emu/scenario/run_result.hpp"
#include "traces/describe_run.hpp"
#include "traces/project_rows.hpp"
#include "traces/run_store.hpp"
#include "traces/schema.hpp"

namespace mint {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kChunkBytes = 256 * 1024;
constexpr std::size_t kBlockBytes = 64 * 1024;
// A run that is killed loses so much of its events at most.
constexpr auto kFlushInterval = std::chrono::milliseconds(500);
// When the writer cannot follow, the run waits for it.
constexpr std::size_t kMaxChunks = 64;
constexpr int kCompression = 3;

std::string compress(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size =
      ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), kCompression);
  if (ZSTD_isError(size) != 0) throw StoreError("zstd: out of memory");
  out.resize(size);
  return out;
}

}  // namespace

RunRecorder::RunRecorder(const std::filesystem::path& store, const RunRequest& request,
                         TraceLevel level)
    : request_(request),
      store_(store),
      level_(level),
      blocks_(request.scenario.machine.cores),
      flushed_(Clock::now()) {
  Database db(store, Database::Mode::kWrite);
  migrate(db);
  id_ = insert_run(db, request, level);
  writer_ = std::thread([this] { write_chunks(); });
}

RunRecorder::~RunRecorder() { stop_writing(); }

void RunRecorder::stop_writing() {
  if (!writer_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  writer_.join();
}

// --- while it runs
// -------------------------------------------------------------------------------------

void RunRecorder::event(const TraceEvent& event) {
  // So that what was executed in a stage is told in it.
  const bool all = event.kind == TraceKind::kEnd || event.kind == TraceKind::kStage;
  if (all || event.kind == TraceKind::kMark) {
    for (std::size_t core = 0; core < blocks_.size(); ++core)
      if (all || core == event.core)
        flush_blocks(static_cast<std::uint8_t>(core), event.at, event.retired);
  }
  encoder_.add(event);
  const bool due = event.kind == TraceKind::kCheckpoint && Clock::now() - flushed_ > kFlushInterval;
  if (due || encoder_.size() >= kChunkBytes) flush();
}

void RunRecorder::block_translated(Core&, std::uint32_t block, std::uint64_t pc) {
  if (pcs_.size() <= block) pcs_.resize(block + std::size_t{1});
  pcs_[block] = pc;
}

BlockForesight* RunRecorder::foresight(Core& core) { return &blocks_[core.id().value].foresight(); }

bool RunRecorder::block(Core& core, std::uint32_t block) {
  BlockEncoder& encoder = blocks_[core.id().value];
  encoder.add(block, pcs_);
  if (encoder.size() >= kBlockBytes)
    flush_blocks(core.id().value, core.cpu().now(), core.cpu().instructions());
  return false;
}

void RunRecorder::flush_blocks(std::uint8_t core, Cycles at, std::uint64_t retired) {
  BlockEncoder& encoder = blocks_[core];
  if (encoder.blocks() == 0) return;
  const std::uint64_t count[] = {encoder.blocks()};
  const std::string bytes = encoder.take();
  TraceEvent event;
  event.at = at;
  event.core = core;
  event.retired = retired;
  event.kind = TraceKind::kBlock;
  event.arguments = count;
  event.text = bytes;
  encoder_.add(event);
  if (encoder_.size() >= kChunkBytes) flush();
}

void RunRecorder::flush() {
  if (encoder_.events() == 0) return;
  flushed_ = Clock::now();
  Chunk chunk{{}, encoder_.events(), encoder_.first(), encoder_.last()};
  chunk.bytes = encoder_.take();
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return chunks_.size() < kMaxChunks || failed_; });
    chunks_.push_back(std::move(chunk));
  }
  changed_.notify_all();
}

// --- the writer's thread
// -------------------------------------------------------------------------------

void RunRecorder::write_chunks() {
  try {
    Database db(store_, Database::Mode::kWrite);
    RowProjector rows(db, id_);
    Statement insert(db, "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?)");
    for (std::int64_t number = 0;; ++number) {
      Chunk chunk;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !chunks_.empty() || ending_; });
        if (chunks_.empty()) return;
        chunk = std::move(chunks_.front());
        chunks_.pop_front();
      }
      changed_.notify_all();
      const std::string data = compress(chunk.bytes);
      Transaction transaction(db);
      insert.run(id_, number, chunk.first.count, chunk.last.count, chunk.events, chunk.bytes.size(),
                 Blob{data});
      EventDecoder decoder(chunk.bytes);
      while (const TraceEvent* event = decoder.next()) rows.add(*event);
      rows.store_counts();
      transaction.commit();
    }
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    error_ = error.what();
    failed_ = true;
    chunks_.clear();
  }
  changed_.notify_all();
}

// --- the end
// --------------------------------------------------------------------------------------------

void RunRecorder::discard() {
  stop_writing();
  RunStore(store_, Database::Mode::kWrite).remove(id_);
}

void RunRecorder::finish(const RunResult& result, const std::string& json) {
  flush();
  stop_writing();
  if (failed_) throw StoreError(error_);
  Database db(store_, Database::Mode::kWrite);
  Transaction transaction(db);
  Statement(db,
            "UPDATE run SET state = 'finished', goal_met = ?, reason = ?, digest = ?, end = ?, "
            "wall_s = ?, instructions = ?, exit_code = ?, result = ? WHERE id = ?")
      .run(result.goal_met, result.reason, result.digest, result.end.count, result.wall_s,
           result.instructions, result.exit_code, json, id_);
  transaction.commit();
}

}  // namespace mint
