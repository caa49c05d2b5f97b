// The digests that a stored run had on its way: whether a run made again still is that run.
#pragma once

#include <map>
#include <string>

#include "traces/run_store.hpp"

namespace mint {

class Checkpoints {
 public:
  enum class Answer : std::uint8_t { kSame, kDiffers, kBeyond };

  Checkpoints(RunStore& store, std::int64_t run);

  // `event`: of kind kCheckpoint. Beyond the last one that is stored there is nothing to compare.
  Answer compare(const TraceEvent& event) const;

 private:
  std::map<std::uint64_t, std::string> digests_;  // by time
};

}  // namespace mint
