// From events to the rows that one asks for by SQL: stages, lock, disk commands, IPIs, consoles,
// rare moments, digests, and counts of everything.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <tuple>

#include "traces/database.hpp"
#include "traces/event_codec.hpp"

namespace mint {

class RowProjector {
 public:
  RowProjector(Database& db, std::int64_t run);
  ~RowProjector();

  // Within a transaction of the caller's.
  void add(const TraceEvent& event);
  // Adds what has been counted since the last time.
  void store_counts();

 private:
  struct Statements;
  using CountKey = std::tuple<std::uint8_t, std::uint64_t, TraceKind, std::int64_t>;

  void stage(const TraceEvent& event);
  void lock(const TraceEvent& event);
  void disk(const TraceEvent& event);

  Database& db_;
  std::int64_t run_;
  std::unique_ptr<Statements> sql_;
  std::array<std::uint64_t, 256> stage_of_os_;
  std::array<std::optional<std::int64_t>, 256> lock_row_;  // by core: the row that is not complete
  std::map<CountKey, std::uint64_t> counts_;
};

// "1,2" for bits 1 and 2.
std::string list_of_bits(std::uint64_t bits);

}  // namespace mint
