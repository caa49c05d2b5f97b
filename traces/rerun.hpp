// Runs a stored run again, exactly: from the texts, seed and images that it was made of.
//
//   Rerun again(run, run_scenario, installation);   // throws StoreError when it cannot be
//   RunResult result = again.run(sink);
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "emu/scenario/guest_images.hpp"
#include "traces/run_store.hpp"

namespace mint {

using ScenarioRunner = std::function<RunResult(const RunRequest&, RunObserver&)>;

class Rerun {
 public:
  // Throws StoreError when the scenario cannot be read any more, or an image is not what it was.
  Rerun(const StoredRun& run, const ScenarioRunner& runner, const Installation& installation);
  ~Rerun();
  Rerun(const Rerun&) = delete;
  Rerun& operator=(const Rerun&) = delete;

  const RunRequest& request() const { return request_; }
  RunResult run(TraceSink& sink);

 private:
  void load(const StoredRun& run, const Installation& installation);
  void check_images(const StoredRun& run) const;

  const ScenarioRunner& runner_;
  std::filesystem::path folder_;  // consoles and the leader's disk
  RunRequest request_;
};

}  // namespace mint
