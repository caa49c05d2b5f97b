#include "traces/database.hpp"

#include <fmt/format.h>

#include <cstring>

namespace mint {
namespace {

// Other runs write to the same store, a chunk at a time.
constexpr int kBusyMilliseconds = 10'000;

}  // namespace

Database::Database(const std::filesystem::path& file, Mode mode) : file_(file) {
  std::error_code error;
  const bool exists = std::filesystem::exists(file, error);
  if (mode == Mode::kRead && !exists) {
    throw StoreError(
        fmt::format("there is no run store {}; remedy: name one with --store, or "
                    "record a run with `mintsim run`",
                    file.string()));
  }
  if (mode == Mode::kWrite && !exists && file.has_parent_path()) {
    std::filesystem::create_directories(file.parent_path(), error);
    if (error) {
      throw StoreError(
          fmt::format("the folder of the run store {} cannot be made: {}; remedy: "
                      "name another store with --store",
                      file.string(), error.message()));
    }
  }
  if (exists && !std::filesystem::is_regular_file(file, error)) {
    throw StoreError(
        fmt::format("{} is no file; remedy: name a run store with --store", file.string()));
  }
  const int flags =
      mode == Mode::kWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
  int code = sqlite3_open_v2(file.c_str(), &db_, flags, nullptr);
  const bool read_only = code == SQLITE_OK && sqlite3_db_readonly(db_, "main") != 0;
  if (mode == Mode::kRead && (code != SQLITE_OK || read_only)) {
    // In a folder that is not ours to write, SQLite cannot make the files that it shares with
    // writers; there are none.
    sqlite3_close(db_);
    db_ = nullptr;
    const std::string uri = fmt::format("file:{}?immutable=1", file.string());
    code = sqlite3_open_v2(uri.c_str(), &db_, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr);
  }
  try {
    if (code != SQLITE_OK) fail(code);
    if (mode == Mode::kWrite && read_only) fail(SQLITE_READONLY);
    sqlite3_busy_timeout(db_, kBusyMilliseconds);
    sqlite3_extended_result_codes(db_, 0);
    if (mode == Mode::kRead) {
      run("PRAGMA query_only = ON");
      return;
    }
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = NORMAL");
    run("PRAGMA foreign_keys = ON");
  } catch (...) {
    sqlite3_close(db_);
    throw;
  }
}

Database::~Database() { sqlite3_close(db_); }

void Database::run(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

void Database::fail(int code) const {
  const std::string name = file_.string();
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw StoreError(fmt::format(
          "the run store {} is locked by another program; remedy: try again when that has ended",
          name));
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      throw StoreError(fmt::format(
          "{} is no run store, or it is damaged or truncated; remedy: move it away, or bring it "
          "back from a copy",
          name));
    case SQLITE_FULL:
      throw StoreError(fmt::format(
          "the disk of the run store {} is full; remedy: make room on it, or name another "
          "store with --store",
          name));
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw StoreError(fmt::format(
          "the run store {} cannot be written; remedy: name another one with --store", name));
    case SQLITE_IOERR:
      throw StoreError(fmt::format(
          "the run store {} cannot be read or written ({}); remedy: see to its disk, or name "
          "another store with --store",
          name, std::strerror(sqlite3_system_errno(db_))));
    case SQLITE_CANTOPEN:
      throw StoreError(fmt::format(
          "the run store {} cannot be opened; remedy: name another one with --store", name));
    default:
      throw StoreError(fmt::format("the run store {}: {}", name, sqlite3_errmsg(db_)));
  }
}

Statement::Statement(Database& db, std::string_view sql) : db_(db) {
  check(sqlite3_prepare_v2(db.handle(), sql.data(), static_cast<int>(sql.size()), &statement_,
                           nullptr));
}

bool Statement::next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_);
    return false;
  }
  sqlite3_reset(statement_);
  db_.fail(code);
}

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr
             ? std::string()
             : std::string(text,
                           static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

std::string_view Statement::blob(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return bytes == nullptr
             ? std::string_view()
             : std::string_view(bytes,
                                static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

}  // namespace mint
