// Runs a stored run again, exactly: from the texts, seed and images that it was made of.
//
//   Rerun again(run, run_scenario, installation);   // throws StoreError when it cannot be
//   RunResult result = again.run(sink);
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "emu/scenario/guest_images.hpp"
#include "emu/scenario/temporary_folder.hpp"
#include "traces/run_store.hpp"

namespace mint {

using ScenarioRunner = std::function<RunResult(const RunRequest&, RunObserver&)>;

class Rerun {
 public:
  // Throws StoreError when the scenario cannot be read any more, or an image is not what it was.
  // `folder`: for the leader's disk; if empty, one that is made for it and goes with it.
  Rerun(const StoredRun& run, const ScenarioRunner& runner, const Installation& installation,
        const std::filesystem::path& folder = {});
  Rerun(const Rerun&) = delete;
  Rerun& operator=(const Rerun&) = delete;

  const RunRequest& request() const { return request_; }
  RunResult run(TraceSink& sink);

 private:
  void load(const StoredRun& run, const Installation& installation);
  void check_images(const StoredRun& run) const;

  const ScenarioRunner& runner_;
  std::optional<TemporaryFolder> own_folder_;
  std::filesystem::path folder_;
  RunRequest request_;
};

}  // namespace mint
