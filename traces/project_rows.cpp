#include "traces/project_rows.hpp"

#include <fmt/format.h>

namespace mint {
namespace {

constexpr std::uint64_t kNoStage = kTraceStages;

bool is_moment(TraceKind kind) {
  switch (kind) {
    case TraceKind::kPower:
    case TraceKind::kReset:
    case TraceKind::kStart:
    case TraceKind::kShutDown:
    case TraceKind::kModeSwitch:
    case TraceKind::kExit:
    case TraceKind::kProbe:
    case TraceKind::kInterference:
    case TraceKind::kEnd:
      return true;
    default:
      return false;
  }
}

std::optional<int> known(std::uint8_t number) {
  return number == TraceEvent::kNone ? std::nullopt : std::optional<int>(number);
}

}  // namespace

struct RowProjector::Statements {
  explicit Statements(Database& db)
      : stage_begins(db, "INSERT INTO stage VALUES (?, ?, ?, ?, NULL, ?)"),
        stage_ends(db,
                   "UPDATE stage SET ended = ? WHERE run = ? AND os = ? AND stage = ? AND ended IS "
                   "NULL"),
        lock_insert(db, "INSERT INTO lock VALUES (?, ?, ?, ?, ?, NULL)"),
        lock_taken(db, "UPDATE lock SET taken = ? WHERE rowid = ?"),
        lock_released(db, "UPDATE lock SET released = ? WHERE rowid = ?"),
        disk(db,
             "INSERT INTO disk_command VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
        ipi(db, "INSERT INTO ipi VALUES (?, ?, ?, ?, ?, ?, ?)"),
        console(db, "INSERT INTO console VALUES (?, ?, ?, ?, ?, ?)"),
        moment(db, "INSERT INTO moment VALUES (?, ?, ?, ?, ?, ?, ?)"),
        checkpoint(db, "INSERT OR IGNORE INTO checkpoint VALUES (?, ?, ?)"),
        count(db,
              "INSERT INTO event_count VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET events "
              "= events + excluded.events") {}

  Statement stage_begins, stage_ends, lock_insert, lock_taken, lock_released, disk, ipi, console,
      moment, checkpoint, count;
};

RowProjector::RowProjector(Database& db, std::int64_t run)
    : db_(db), run_(run), sql_(std::make_unique<Statements>(db)) {
  stage_of_os_.fill(kNoStage);
}

RowProjector::~RowProjector() = default;

void RowProjector::stage(const TraceEvent& e) {
  const std::uint64_t stage = e.argument(0);
  const std::string name(trace_stage_name(stage));
  if (e.argument(1) != 0) {
    sql_->stage_begins.run(run_, e.os, name, e.at.count, e.retired);
    stage_of_os_[e.os] = stage;
  } else {
    sql_->stage_ends.run(e.at.count, run_, e.os, name);
    if (stage_of_os_[e.os] == stage) stage_of_os_[e.os] = kNoStage;
  }
}

void RowProjector::lock(const TraceEvent& e) {
  std::optional<std::int64_t>& row = lock_row_[e.core];
  switch (static_cast<LockStep>(e.argument(0))) {
    case LockStep::kWait:
      sql_->lock_insert.run(run_, e.os, e.core, e.at.count, nullptr);
      row = db_.last_id();
      break;
    case LockStep::kTake:
      if (row) {
        sql_->lock_taken.run(e.at.count, *row);
      } else {
        sql_->lock_insert.run(run_, e.os, e.core, nullptr, e.at.count);
        row = db_.last_id();
      }
      break;
    case LockStep::kRelease:
      if (row) sql_->lock_released.run(e.at.count, *row);
      row.reset();
      break;
  }
}

void RowProjector::disk(const TraceEvent& e) {
  const auto argument = [&e](DiskArgument a) { return e.argument(static_cast<unsigned>(a)); };
  const std::optional<std::uint64_t> tag = argument(DiskArgument::kQueued) != 0
                                               ? std::optional(argument(DiskArgument::kTag))
                                               : std::nullopt;
  sql_->disk.run(run_, argument(DiskArgument::kDisk), argument(DiskArgument::kReceived), e.at.count,
                 argument(DiskArgument::kCommand), tag, argument(DiskArgument::kLba),
                 argument(DiskArgument::kSectors), argument(DiskArgument::kWait),
                 argument(DiskArgument::kOverhead), argument(DiskArgument::kSeek),
                 argument(DiskArgument::kRotation), argument(DiskArgument::kTransfer),
                 argument(DiskArgument::kBus), argument(DiskArgument::kCacheHit),
                 argument(DiskArgument::kStatus), argument(DiskArgument::kError));
}

void RowProjector::add(const TraceEvent& e) {
  const bool by_vector = e.kind == TraceKind::kInterrupt || e.kind == TraceKind::kException;
  ++counts_[{e.os, stage_of_os_[e.os], e.kind,
             by_vector ? static_cast<std::int64_t>(e.argument(0)) : -1}];
  switch (e.kind) {
    case TraceKind::kStage:
      stage(e);
      break;
    case TraceKind::kLock:
      lock(e);
      break;
    case TraceKind::kDiskCommand:
      disk(e);
      break;
    case TraceKind::kMessage:
      if (e.argument(2) == 1) {
        sql_->ipi.run(run_, e.argument(6), e.at.count, e.argument(3), list_of_bits(e.argument(5)),
                      std::string(delivery_mode_name(e.argument(0))), e.argument(1));
      }
      break;
    case TraceKind::kConsole:
      sql_->console.run(run_, known(e.os), e.argument(0), e.argument(1), e.at.count,
                        std::string(event_text(e)));
      break;
    case TraceKind::kCheckpoint:
      sql_->checkpoint.run(run_, e.at.count,
                           fmt::format("{:016x}{:016x}", e.argument(0), e.argument(1)));
      break;
    default:
      break;
  }
  if (is_moment(e.kind)) {
    sql_->moment.run(run_, e.at.count, known(e.core), known(e.os), e.retired,
                     std::string(kind_name(e.kind)), event_text(e));
  }
}

void RowProjector::store_counts() {
  for (const auto& [key, events] : counts_) {
    const auto& [os, stage, kind, detail] = key;
    const std::string name = stage < kNoStage ? std::string(trace_stage_name(stage)) : "";
    sql_->count.run(run_, os, name, std::string(kind_name(kind)), detail, events);
  }
  counts_.clear();
}

std::string list_of_bits(std::uint64_t bits) {
  std::string list;
  for (unsigned i = 0; i < 64; ++i)
    if ((bits >> i & 1) != 0) list += fmt::format("{}{}", list.empty() ? "" : ",", i);
  return list;
}

}  // namespace mint
