// Recorded runs as JSON: what `mintsim runs`, `show` and `export` give.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "traces/run_store.hpp"

namespace mint {

// What `mintsim runs` lists of a run.
nlohmann::ordered_json run_json(const StoredRun& run);
// All that is known of a run but its events: run_json() with operating systems, images, stages,
// lock, disks, interrupts, rare moments and counts of events.
nlohmann::ordered_json run_details(RunStore& store, const StoredRun& run);
// The rows of a query as a list of objects.
nlohmann::ordered_json query_json(Database& db, const std::string& sql, std::int64_t run);
nlohmann::ordered_json event_json(const StoredRun& run, const TraceEvent& event);

// The tables and views of the store that have rows of runs, but for the coded events.
const std::vector<std::string>& exported_tables();
std::string table_query(const std::string& table);
// A table or view as CSV (RFC 4180), with a line of names; "events": all events.
std::string table_csv(RunStore& store, const StoredRun& run, const std::string& table);
// The same as a list of objects.
nlohmann::ordered_json table_json(RunStore& store, const StoredRun& run, const std::string& table);

}  // namespace mint
