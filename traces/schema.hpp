// The schema of the run store. docs/traces.md has its tables and views; the version is in SQLite's
// user_version, and application_id says that the file is a run store.
#pragma once

#include "traces/database.hpp"

namespace mint {

inline constexpr int kStoreVersion = 3;
inline constexpr int kStoreId = 0x4d494e54;  // "MINT"

// Makes the schema in a new file, or brings an older one to version `to`, whole or not at all.
// Throws StoreError for a newer version and for a database that is something else.
void migrate(Database& db, int to = kStoreVersion);
// Whether the version of a run store is below this one. Throws StoreError as migrate() does.
bool is_older(Database& db);
// A store of an older version is to be read: brings the file up to date by a connection of its own.
// Throws StoreError when it cannot be written.
void bring_up_to_date(Database& reading);

}  // namespace mint
