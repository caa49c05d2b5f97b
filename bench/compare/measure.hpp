// Runs mintsim executables on the same guests and keeps what they give.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bench/compare/result_set.hpp"
#include "emu/scenario/guest_images.hpp"
#include "emu/scenario/temporary_folder.hpp"

namespace mint::bench {

// What is run: a file that `mintsim run` takes, which names nothing that a program would look for
// or build itself.
struct Target {
  std::string name;
  std::filesystem::path file;
  std::string images;  // SHA-256 over all that the guest is made of
};

// Makes targets in a folder of its own, which goes with it.
class Workbench {
 public:
  explicit Workbench(const Installation& installation) : installation_(installation) {}
  Workbench(const Workbench&) = delete;
  Workbench& operator=(const Workbench&) = delete;

  // `name`: a program of program_names(), PROGRAM.elf or SCENARIO.toml, whose images are built when
  // they are missing. Throws BadInput.
  Target prepare(const std::string& name);

  // Runs `program` once and adds what it gave to `result`. Runs that differ are a failure of it.
  void run(const std::filesystem::path& program, const Target& target, const std::string& timing,
           Result& result) const;

 private:
  Target prepare_scenario(const std::filesystem::path& file);

  const Installation& installation_;
  const TemporaryFolder folder_{"mintsim-bench"};
  unsigned made_ = 0;
};

// Runs each program `runs` times, in turns, so that what else the host does hits all alike; before
// that once without keeping the times. `results` has one for each program.
void measure(const Workbench& workbench, const std::vector<std::filesystem::path>& programs,
             const Target& target, const std::string& timing, unsigned runs,
             std::vector<Result>& results);

}  // namespace mint::bench
