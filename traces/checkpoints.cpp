#include "traces/checkpoints.hpp"

#include <fmt/format.h>

namespace mint {

Checkpoints::Checkpoints(RunStore& store, std::int64_t run) {
  Statement rows(store.db(), "SELECT at, digest FROM checkpoint WHERE run = ?");
  rows.with(run);
  while (rows.next()) digests_[static_cast<std::uint64_t>(rows.number(0))] = rows.text(1);
}

Checkpoints::Answer Checkpoints::compare(const TraceEvent& event) const {
  if (digests_.empty() || event.at.count > digests_.rbegin()->first) return Answer::kBeyond;
  const auto stored = digests_.find(event.at.count);
  const std::string digest = fmt::format("{:016x}{:016x}", event.argument(0), event.argument(1));
  return stored != digests_.end() && stored->second == digest ? Answer::kSame : Answer::kDiffers;
}

}  // namespace mint
