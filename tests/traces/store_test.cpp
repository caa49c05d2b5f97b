// The run store: what is recorded is there, and what is wrong with a store is said.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/traces/store_fixture.hpp"
#include "traces/run_json.hpp"
#include "traces/schema.hpp"

namespace mint {
namespace {

using testing::HasSubstr;

TEST_F(StoreTest, AFinishedRunIsThereWithItsEvents) {
  const std::int64_t id = record(100'000);
  RunStore store(store_, Database::Mode::kRead);
  const StoredRun run = store.run("last");
  EXPECT_EQ(run.id, id);
  EXPECT_TRUE(run.finished);
  EXPECT_TRUE(run.goal_met);
  EXPECT_EQ(run.digest, result_.digest);
  EXPECT_EQ(run.events, 100'001U);
  EXPECT_THAT(run.scenario_text, HasSubstr("[bare_metal]"));
  std::uint64_t seen = 0;
  store.events(id, [&](const TraceEvent& e) {
    if (e.kind == TraceKind::kInterrupt) {
      EXPECT_EQ(e.at.count, seen * 1000);
      ++seen;
    }
    return true;
  });
  EXPECT_EQ(seen, 100'000U);
  // Counted by vector for SQL.
  const auto counts = query_json(
      store.db(),
      "SELECT events FROM event_count WHERE run = ? AND kind = 'interrupt' AND detail = 33", id);
  EXPECT_EQ(counts.at(0)["events"], 33'333);
}

TEST_F(StoreTest, AnUnfinishedRunIsMarkedAndTheOthersAreWhole) {
  record(10);
  {
    RunRecorder recorder(store_, request_, TraceLevel::kEvents);
    send(recorder, TraceKind::kPower, 0, {});
    // Not finished: the program ends here.
  }
  const std::int64_t last = record(10);
  RunStore store(store_, Database::Mode::kRead);
  const auto runs = store.runs();
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_TRUE(runs[0].finished);
  EXPECT_FALSE(runs[1].finished);
  EXPECT_TRUE(runs[2].finished);
  EXPECT_EQ(store.run("last").id, last);
  EXPECT_TRUE(run_json(runs[1])["digest"].is_null());
}

TEST_F(StoreTest, StagesAndLockBecomeRows) {
  request_.scenario.os.resize(2);
  request_.scenario.os[0].name = "leader";
  request_.scenario.os[1].name = "f1";
  for (unsigned i = 0; i < 2; ++i)
    request_.scenario.os[i].cores = {ApicId{static_cast<std::uint8_t>(i)}};
  request_.scenario.bare_metal.reset();
  RunRecorder recorder(store_, request_, TraceLevel::kEvents);
  TraceEvent event;
  event.core = event.os = 1;
  const auto tell = [&](TraceKind kind, std::uint64_t at, std::vector<std::uint64_t> arguments) {
    event.kind = kind;
    event.at = {at};
    event.arguments = arguments;
    recorder.event(event);
  };
  tell(TraceKind::kStage, 2'800'000, {4, 1});
  tell(TraceKind::kLock, 3'000'000, {0});
  tell(TraceKind::kInterrupt, 3'100'000, {0x30});
  tell(TraceKind::kLock, 3'280'000, {1});
  tell(TraceKind::kLock, 3'560'000, {2});
  tell(TraceKind::kStage, 5'600'000, {4, 0});
  recorder.finish(result_, "{}");

  RunStore store(store_, Database::Mode::kRead);
  const auto details = run_details(store, store.run("1"));
  ASSERT_EQ(details["stages"].size(), 1U);
  EXPECT_EQ(details["stages"][0]["stage"], "kernel");
  EXPECT_EQ(details["stages"][0]["os"], "f1");
  EXPECT_DOUBLE_EQ(details["stages"][0]["duration_s"], 0.001);
  EXPECT_DOUBLE_EQ(details["lock"][0]["held_s"], 0.0001);
  EXPECT_DOUBLE_EQ(details["lock"][0]["waited_s"], 0.0001);
  const auto interrupts =
      query_json(store.db(), "SELECT * FROM v_interrupt WHERE run = ?", recorder.id());
  EXPECT_EQ(interrupts[0]["stage"], "kernel");
  EXPECT_EQ(interrupts[0]["vector"], 0x30);
}

TEST_F(StoreTest, PrunedRunsAreGoneWithAllThatBelongsToThem) {
  record(1000);
  const std::int64_t kept = record(10);
  {
    RunStore store(store_, Database::Mode::kWrite);
    store.remove(1);
    store.shrink();
  }
  RunStore store(store_, Database::Mode::kRead);
  ASSERT_EQ(store.runs().size(), 1U);
  EXPECT_EQ(store.runs()[0].id, kept);
  for (const char* table : {"chunk", "event_count", "moment", "image"}) {
    EXPECT_EQ(query_json(store.db(),
                         std::string("SELECT count(*) AS n FROM ") + table + " WHERE run = ?", 1)
                  .at(0)["n"],
              0)
        << table;
  }
}

TEST_F(StoreTest, AnOlderVersionIsBroughtUpToDateWhenRead) {
  for (int version = 1; version < kStoreVersion; ++version) {
    const std::filesystem::path file = folder_ / fmt::format("{}.db", version);
    {
      Database db(file, Database::Mode::kWrite);
      migrate(db, version);
      EXPECT_TRUE(is_older(db));
      db.run(
          "INSERT INTO run (recorded_at, scenario, scenario_file, scenario_text, profile_file, "
          "profile_text, seed, level, program_version, program_hash, core_clock_hz, cores) "
          "VALUES ('', 'old', '', '', '', '', 1, 'events', '', '', 1, 1)");
    }
    RunStore store(file, Database::Mode::kRead);
    EXPECT_EQ(store.run("1").scenario, "old");
    EXPECT_FALSE(is_older(store.db()));
  }
}

TEST_F(StoreTest, AnOlderVersionIsBroughtUpToDateWhenWritten) {
  {
    Database db(store_, Database::Mode::kWrite);
    migrate(db, 1);
  }
  EXPECT_EQ(record(1), 1);
  RunStore store(store_, Database::Mode::kRead);
  EXPECT_EQ(store.runs().size(), 1U);
}

TEST_F(StoreTest, ANewerVersionIsRefusedAndLeftAlone) {
  record(1);
  {
    Database db(store_, Database::Mode::kWrite);
    db.run("PRAGMA user_version = 99");
  }
  EXPECT_THAT(error_of([&] { RunStore(store_, Database::Mode::kRead); }),
              HasSubstr("schema version 99"));
  EXPECT_THAT(error_of([&] { record(1); }), HasSubstr("schema version 99"));
  Database db(store_, Database::Mode::kWrite);
  db.run("PRAGMA user_version = " + std::to_string(kStoreVersion));
  EXPECT_EQ(RunStore(store_, Database::Mode::kRead).runs().size(), 1U);
}

TEST_F(StoreTest, WhatIsNoStoreIsRefusedAndLeftAlone) {
  std::ofstream(store_) << "this is a text, and a long enough one to be taken for a header\n";
  EXPECT_THAT(error_of([&] { RunStore(store_, Database::Mode::kRead); }),
              HasSubstr("is no run store"));
  EXPECT_THAT(error_of([&] { record(1); }), HasSubstr("is no run store"));
  std::filesystem::remove(store_);
  {
    Database db(store_, Database::Mode::kWrite);
    db.run("CREATE TABLE other (x)");
  }
  EXPECT_THAT(error_of([&] { record(1); }), HasSubstr("is a database, but no run store"));
}

TEST_F(StoreTest, ATruncatedStoreIsRefused) {
  record(100'000);
  const auto size = std::filesystem::file_size(store_);
  for (const double share : {0.1, 0.5, 0.9}) {
    std::filesystem::resize_file(store_,
                                 static_cast<std::uintmax_t>(share * static_cast<double>(size)));
    EXPECT_THAT(error_of([&] {
                  RunStore store(store_, Database::Mode::kRead);
                  store.runs();
                }),
                HasSubstr("damaged or truncated"))
        << share;
    std::filesystem::remove(store_);
    record(100'000);
  }
}

TEST_F(StoreTest, NoSuchStoreAndNoSuchRun) {
  EXPECT_THAT(error_of([&] { RunStore(store_, Database::Mode::kRead); }),
              HasSubstr("there is no run store"));
  EXPECT_FALSE(std::filesystem::exists(store_)) << "reading must not make one";
  record(1);
  RunStore store(store_, Database::Mode::kRead);
  EXPECT_THAT(error_of([&] { store.run("7"); }), HasSubstr("there is no run 7"));
  EXPECT_THAT(error_of([&] { store.run("7x"); }), HasSubstr("'7x' is no run"));
}

TEST_F(StoreTest, AFullDiskIsSaidAndLeavesTheRunsWhole) {
  record(1000);
  {
    // As a full disk: the store may not grow by more than a few pages.
    Database db(store_, Database::Mode::kWrite);
    Statement pages(db, "PRAGMA page_count");
    pages.next();
    db.run("PRAGMA max_page_count = " + std::to_string(pages.number(0) + 2));
    EXPECT_THAT(error_of([&] {
                  Transaction transaction(db);
                  Statement insert(
                      db, "INSERT INTO chunk VALUES (1, 99, 0, 0, 0, 0, zeroblob(1000000))");
                  insert.run();
                  transaction.commit();
                }),
                HasSubstr("is full"));
  }
  RunStore store(store_, Database::Mode::kRead);
  EXPECT_EQ(store.run("1").events, 1001U);
}

}  // namespace
}  // namespace mint
