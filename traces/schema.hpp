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
// For reading: throws StoreError unless the version is this one.
void check_version(Database& db);

}  // namespace mint
