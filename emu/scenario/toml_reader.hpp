// Reading a TOML file into typed fields, with a message that names the place for everything that
// does not fit:
//
//   TomlReader reader("x.toml", problems, places);
//   TomlTable table = reader.root();
//   table.get("cores", profile.cores, 1, 64);
//   table.done();                       // what was never asked for is an unknown key
#pragma once

#include <toml++/toml.h>

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emu/base/types.hpp"
#include "emu/scenario/problem.hpp"
#include "emu/scenario/scenario.hpp"

namespace mint {

class TomlTable;

// One file. Keeps the parsed text alive for the tables that look into it.
class TomlReader {
 public:
  // `prefix` is put before the path of every key: "machine" for a profile's file. `texts` are taken
  // instead of the contents of the files of these names.
  TomlReader(std::string file, std::string prefix, Problems& problems,
             std::map<std::string, Location>& places,
             const std::map<std::string, std::string>& texts = {});
  // False when the file could not be read or is no TOML; that is then among the problems.
  bool ok() const { return ok_; }
  TomlTable root();

 private:
  friend class TomlTable;
  std::string file_;
  std::string prefix_;
  Problems& problems_;
  std::map<std::string, Location>& places_;
  toml::table table_;
  bool ok_ = false;
};

class TomlTable {
 public:
  TomlTable(TomlReader& reader, const toml::table* table, std::string path);

  // Each reads `key` into `out` and leaves `out` alone when the key is not there or is wrong.
  // They return whether `out` was set.
  bool get(std::string_view key, std::string& out);
  bool get(std::string_view key, bool& out);
  bool get(std::string_view key, double& out, double min, double max);
  bool get_number(std::string_view key, std::uint64_t& out, std::uint64_t min, std::uint64_t max);
  template <std::unsigned_integral T>
  bool get(std::string_view key, T& out, std::uint64_t min, std::uint64_t max) {
    std::uint64_t value = 0;
    if (!get_number(key, value, min, max)) return false;
    out = static_cast<T>(value);
    return true;
  }
  bool get(std::string_view key, Cycles& out, std::uint64_t min, std::uint64_t max) {
    return get_number(key, out.count, min, max);
  }
  bool get(std::string_view key, Hertz& out, std::uint64_t min, std::uint64_t max) {
    return get_number(key, out.count, min, max);
  }
  // A size, "256M" or a plain number of bytes.
  bool get_size(std::string_view key, std::uint64_t& out);
  bool get_range(std::string_view key, MemoryRange& out);
  // One of `names`; `out` is its index.
  bool get_choice(std::string_view key, unsigned& out, std::span<const std::string_view> names);
  bool get_numbers(std::string_view key, std::vector<unsigned>& out, std::uint64_t min,
                   std::uint64_t max);
  bool get_strings(std::string_view key, std::vector<std::string>& out);

  // A sub-table; empty, and without a place, when the key is not there.
  TomlTable table(std::string_view key);
  // An array of tables.
  std::vector<TomlTable> tables(std::string_view key);
  // Every key of a table whose keys are free to choose, in the order of the file.
  std::vector<std::string> keys() const;
  bool has(std::string_view key) const { return table_ && table_->contains(key); }
  bool is_bool(std::string_view key) const { return has(key) && table_->get(key)->is_boolean(); }
  bool present() const { return table_ != nullptr; }

  // Reports the keys that were never asked for.
  void done();

  const std::string& path() const { return path_; }
  Location place(std::string_view key) const;  // of the key's value, or of the table
  void problem(std::string_view key, std::string what, std::string remedy);

 private:
  const toml::node* find(std::string_view key);
  std::string full(std::string_view key) const;
  void wrong_type(std::string_view key, const toml::node& node, std::string_view wanted);

  TomlReader* reader_;
  const toml::table* table_;
  std::string path_;
  std::vector<std::string> known_;
};

}  // namespace mint
