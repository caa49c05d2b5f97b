// SQLite as the run store uses it: connections and statements that close themselves, and errors
// that say what is wrong with which file and what to do about it.
//
//   Database db(path, Database::Mode::kWrite);
//   Statement insert(db, "INSERT INTO chunk VALUES (?, ?)");
//   insert.run(run_id, Blob{bytes});
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mint {

// Something is wrong with the store or with what was asked of it: one line for the user.
struct StoreError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Blob {
  std::string_view bytes;
};

class Database {
 public:
  enum class Mode : std::uint8_t { kRead, kWrite };

  // Opens an existing file, for writing also a new one. Throws StoreError.
  Database(const std::filesystem::path& file, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const std::string& sql);
  std::int64_t last_id() const { return sqlite3_last_insert_rowid(db_); }
  sqlite3* handle() const { return db_; }
  const std::filesystem::path& file() const { return file_; }
  [[noreturn]] void fail(int code) const;

 private:
  std::filesystem::path file_;
  sqlite3* db_ = nullptr;
};

// All that is done while it lives happens or, without commit(), does not.
class Transaction {
 public:
  explicit Transaction(Database& db) : db_(db) { db_.run("BEGIN IMMEDIATE"); }
  ~Transaction() {
    if (!done_) sqlite3_exec(db_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    db_.run("COMMIT");
    done_ = true;
  }

 private:
  Database& db_;
  bool done_ = false;
};

class Statement {
 public:
  Statement(Database& db, std::string_view sql);
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Binds all parameters, in order.
  template <class... T>
  Statement& with(const T&... values) {
    sqlite3_reset(statement_);
    int i = 0;
    (bind(++i, values), ...);
    return *this;
  }
  // False when there is no further row.
  bool next();
  // For statements that give no rows.
  template <class... T>
  void run(const T&... values) {
    with(values...);
    while (next()) {
    }
  }

  int columns() const { return sqlite3_column_count(statement_); }
  std::string name(int column) const { return sqlite3_column_name(statement_, column); }
  int type(int column) const { return sqlite3_column_type(statement_, column); }
  bool null(int column) const { return type(column) == SQLITE_NULL; }
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  double real(int column) const { return sqlite3_column_double(statement_, column); }
  std::string text(int column) const;
  std::string_view blob(int column) const;

 private:
  void bind(int i, std::int64_t value) { check(sqlite3_bind_int64(statement_, i, value)); }
  void bind(int i, std::uint64_t value) { bind(i, static_cast<std::int64_t>(value)); }
  void bind(int i, int value) { bind(i, static_cast<std::int64_t>(value)); }
  void bind(int i, unsigned value) { bind(i, static_cast<std::int64_t>(value)); }
  void bind(int i, bool value) { bind(i, static_cast<std::int64_t>(value)); }
  void bind(int i, double value) { check(sqlite3_bind_double(statement_, i, value)); }
  void bind(int i, std::nullptr_t) { check(sqlite3_bind_null(statement_, i)); }
  void bind(int i, std::string_view value) {
    check(sqlite3_bind_text(statement_, i, value.data(), static_cast<int>(value.size()),
                            SQLITE_TRANSIENT));
  }
  void bind(int i, const std::string& value) { bind(i, std::string_view(value)); }
  void bind(int i, const char* value) { bind(i, std::string_view(value)); }
  void bind(int i, Blob value) {
    check(sqlite3_bind_blob64(statement_, i, value.bytes.empty() ? "" : value.bytes.data(),
                              value.bytes.size(), SQLITE_TRANSIENT));
  }
  template <class T>
  void bind(int i, const std::optional<T>& value) {
    if (value)
      bind(i, *value);
    else
      bind(i, nullptr);
  }
  void check(int code) const {
    if (code != SQLITE_OK) db_.fail(code);
  }

  Database& db_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace mint
