#include "traces/schema.hpp"

#include <fmt/format.h>

#include <iterator>

namespace mint {
namespace {

// Times are in cycles of the core clock since power-on, unless a name ends in _s (seconds).
constexpr const char* kVersion1 = R"sql(
CREATE TABLE run (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  state TEXT NOT NULL DEFAULT 'unfinished',    -- 'unfinished' until all of it is here: 'finished'
  recorded_at TEXT NOT NULL,                   -- host's clock, UTC
  scenario TEXT NOT NULL,
  scenario_file TEXT NOT NULL,                 -- absolute
  scenario_text TEXT NOT NULL,                 -- as used
  profile_file TEXT NOT NULL,
  profile_text TEXT NOT NULL,
  seed INTEGER NOT NULL,
  level TEXT NOT NULL,
  program_version TEXT NOT NULL,
  program_hash TEXT NOT NULL,                  -- XXH3, 128 bits, of the executable
  core_clock_hz INTEGER NOT NULL,
  cores INTEGER NOT NULL,
  goal_met INTEGER,
  reason TEXT,
  digest TEXT,
  end INTEGER,
  wall_s REAL,
  instructions INTEGER,
  exit_code INTEGER,
  result TEXT                                  -- as `mintsim run --json`
);
CREATE TABLE image (                           -- every file that the guest was made of
  run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
  os TEXT NOT NULL,                            -- '' for those of no OS
  what TEXT NOT NULL,                          -- kernel, initrd, disk, system.map, boot tool, ...
  name TEXT NOT NULL,                          -- as the scenario names it
  path TEXT NOT NULL,
  hash TEXT NOT NULL,                          -- XXH3, 128 bits
  PRIMARY KEY (run, os, what, path)
) WITHOUT ROWID;
CREATE TABLE os (
  run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  boot_core INTEGER NOT NULL,
  cores TEXT NOT NULL,                         -- '1,2'
  PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE TABLE chunk (                           -- the events, coded (traces/event_codec.hpp), zstd
  run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  events INTEGER NOT NULL,
  bytes INTEGER NOT NULL,                      -- before compression
  data BLOB NOT NULL,
  PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE TABLE stage (
  run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
  os INTEGER NOT NULL,
  stage TEXT NOT NULL,
  begun INTEGER NOT NULL,
  ended INTEGER,
  retired INTEGER NOT NULL                     -- by its core, when it was known that it had begun
);
CREATE INDEX stage_of_run ON stage(run, os);
CREATE TABLE lock (
  run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
  os INTEGER NOT NULL,
  core INTEGER NOT NULL,
  waits INTEGER,                               -- since when; null: it was free
  taken INTEGER,
  released INTEGER
);
CREATE INDEX lock_of_run ON lock(run);
CREATE TABLE disk_command (                    -- the parts are durations
  run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
  disk INTEGER NOT NULL,
  received INTEGER NOT NULL,
  finished INTEGER NOT NULL,
  command INTEGER NOT NULL,
  tag INTEGER,                                 -- of a queued command
  lba INTEGER NOT NULL,
  sectors INTEGER NOT NULL,
  wait INTEGER NOT NULL,
  overhead INTEGER NOT NULL,
  seek INTEGER NOT NULL,
  rotation INTEGER NOT NULL,
  transfer INTEGER NOT NULL,
  bus INTEGER NOT NULL,
  cache_hit INTEGER NOT NULL,
  status INTEGER NOT NULL,
  error INTEGER NOT NULL
);
CREATE INDEX disk_command_of_run ON disk_command(run);
CREATE TABLE ipi (
  run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
  sent INTEGER NOT NULL,
  arrived INTEGER NOT NULL,
  sender INTEGER NOT NULL,                     -- core
  receivers TEXT NOT NULL,                     -- cores: '1,2'
  mode TEXT NOT NULL,
  vector INTEGER NOT NULL
);
CREATE INDEX ipi_of_run ON ipi(run);
CREATE TABLE console (
  run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
  os INTEGER,
  uart INTEGER NOT NULL,                       -- 0: COM1; 4: debug console
  begun INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  line TEXT NOT NULL
);
CREATE INDEX console_of_run ON console(run);
CREATE TABLE moment (                          -- rare events: power, reset, start, shutdown, mode,
  run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,  -- probe, interference, exit, end
  at INTEGER NOT NULL,
  core INTEGER,
  os INTEGER,
  retired INTEGER NOT NULL,
  kind TEXT NOT NULL,
  what TEXT NOT NULL
);
CREATE INDEX moment_of_run ON moment(run);
CREATE TABLE checkpoint (
  run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (run, at)
) WITHOUT ROWID;
CREATE TABLE event_count (                     -- of every kind, by the stage in which the OS was
  run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
  os INTEGER NOT NULL,                         -- 255: the board
  stage TEXT NOT NULL,
  kind TEXT NOT NULL,
  detail INTEGER NOT NULL,                     -- the vector of interrupts and exceptions, else -1
  events INTEGER NOT NULL,
  PRIMARY KEY (run, os, stage, kind, detail)
) WITHOUT ROWID;

CREATE VIEW v_run AS
  SELECT id, state, recorded_at, scenario, seed, level, goal_met, reason, digest,
         1.0 * end / core_clock_hz AS simulated_s, wall_s, instructions,
         (SELECT sum(events) FROM chunk WHERE chunk.run = run.id) AS events,
         (SELECT sum(length(data)) FROM chunk WHERE chunk.run = run.id) AS event_bytes
  FROM run;
CREATE VIEW v_stage AS
  SELECT s.run, r.scenario, r.seed, o.name AS os, s.stage,
         1.0 * s.begun / r.core_clock_hz AS begin_s, 1.0 * s.ended / r.core_clock_hz AS end_s,
         1.0 * (s.ended - s.begun) / r.core_clock_hz AS duration_s
  FROM stage s JOIN run r ON r.id = s.run JOIN os o ON o.run = s.run AND o.number = s.os;
CREATE VIEW v_boot AS
  SELECT run, scenario, seed, os, min(begin_s) AS begin_s, max(end_s) AS up_s,
         max(end_s) - min(begin_s) AS boot_s
  FROM v_stage WHERE stage IN ('load', 'place', 'ipi', 'purgatory', 'kernel', 'user')
  GROUP BY run, os;
CREATE VIEW v_lock AS
  SELECT l.run, r.scenario, o.name AS os, l.core, 1.0 * l.taken / r.core_clock_hz AS taken_s,
         coalesce(1.0 * (l.taken - l.waits) / r.core_clock_hz, 0) AS waited_s,
         1.0 * (l.released - l.taken) / r.core_clock_hz AS held_s
  FROM lock l JOIN run r ON r.id = l.run LEFT JOIN os o ON o.run = l.run AND o.number = l.os;
CREATE VIEW v_disk AS
  SELECT d.run, r.scenario, d.disk, count(*) AS commands, sum(d.sectors) / 2048.0 AS mb,
         sum(d.cache_hit) AS cache_hits,
         sum(d.seek) * 1.0 / r.core_clock_hz AS seek_s,
         sum(d.rotation) * 1.0 / r.core_clock_hz AS rotation_s,
         sum(d.transfer) * 1.0 / r.core_clock_hz AS transfer_s,
         sum(d.wait + d.overhead + d.seek + d.rotation + d.transfer + d.bus) * 1.0
           / r.core_clock_hz AS busy_s
  FROM disk_command d JOIN run r ON r.id = d.run GROUP BY d.run, d.disk;
CREATE VIEW v_interrupt AS
  SELECT c.run, o.name AS os, c.stage, c.detail AS vector, c.events
  FROM event_count c JOIN os o ON o.run = c.run AND o.number = c.os WHERE c.kind = 'interrupt';
CREATE VIEW v_console AS
  SELECT c.run, coalesce(o.name, 'COM' || (c.uart + 1)) AS os,
         1.0 * c.begun / r.core_clock_hz AS at_s, c.line
  FROM console c JOIN run r ON r.id = c.run LEFT JOIN os o ON o.run = c.run AND o.number = c.os;
)sql";

// What runs are compared with by `mintsim baseline check`: kept apart from the runs, so that
// pruning these does not touch it.
constexpr const char* kVersion2 = R"sql(
CREATE TABLE baseline (
  name TEXT NOT NULL,
  scenario TEXT NOT NULL,
  seed INTEGER NOT NULL,
  run INTEGER NOT NULL,                        -- of which it was saved; may be pruned since
  saved_at TEXT NOT NULL,
  digest TEXT NOT NULL,
  end INTEGER NOT NULL,
  facts TEXT NOT NULL,                         -- JSON: images, stages, counts
  PRIMARY KEY (name, scenario, seed)
) WITHOUT ROWID;
)sql";

// The level of the timing model, 'block'; older runs do not say.
constexpr const char* kVersion3 = "ALTER TABLE run ADD COLUMN timing TEXT NOT NULL DEFAULT ''";

constexpr const char* kSteps[] = {kVersion1, kVersion2, kVersion3};
static_assert(std::size(kSteps) == kStoreVersion);

int pragma(Database& db, const char* name) {
  Statement get(db, fmt::format("PRAGMA {}", name));
  return get.next() ? static_cast<int>(get.number(0)) : 0;
}

void refuse(Database& db, int version) {
  const std::string name = db.file().string();
  if (pragma(db, "application_id") != kStoreId) {
    throw StoreError(fmt::format(
        "{} is a database, but no run store; remedy: name another file with --store", name));
  }
  if (version > kStoreVersion) {
    throw StoreError(
        fmt::format("the run store {} has schema version {}, this program knows {}; remedy: use "
                    "the program that wrote it, or another store",
                    name, version, kStoreVersion));
  }
}

}  // namespace

void migrate(Database& db, int to) {
  int version = pragma(db, "user_version");
  if (version == to && pragma(db, "application_id") == kStoreId) return;
  Transaction transaction(db);
  version = pragma(db, "user_version");  // another program may have done it meanwhile
  Statement tables(db, "SELECT count(*) FROM sqlite_master");
  tables.next();
  const bool empty = tables.number(0) == 0;
  tables.next();
  if (version != 0 || !empty) refuse(db, version);
  for (; version < to; ++version) db.run(kSteps[version]);
  db.run(fmt::format("PRAGMA application_id = {}", kStoreId));
  db.run(fmt::format("PRAGMA user_version = {}", to));
  transaction.commit();
}

bool is_older(Database& db) {
  const int version = pragma(db, "user_version");
  refuse(db, version);
  return version < kStoreVersion;
}

void bring_up_to_date(Database& reading) {
  const int version = pragma(reading, "user_version");
  try {
    Database db(reading.file(), Database::Mode::kWrite);
    migrate(db);
  } catch (const StoreError& error) {
    const std::string_view text = error.what();
    throw StoreError(fmt::format(
        "the run store {} has schema version {}, this program reads {}, and it cannot "
        "be brought up to date ({}); remedy: copy it to where it can be written, and "
        "name that with --store",
        reading.file().string(), version, kStoreVersion, text.substr(0, text.find("; remedy"))));
  }
}

}  // namespace mint
