// From the window in which a core's inputs part to the instruction, by running both runs again.
#pragma once

#include <optional>
#include <vector>

#include "emu/scenario/temporary_folder.hpp"
#include "traces/diff.hpp"
#include "traces/diff_streams.hpp"
#include "traces/rerun_process.hpp"
#include "traces/symbols_of_run.hpp"

namespace mint {

// Finds the exact divergences of `partings`; those that turn out to be none are left out. Throws
// StoreError when a run cannot be run again.
class PointFinder {
 public:
  PointFinder(RunStore& store, const StoredRun& a, const StoredRun& b, const ScenarioRunner& runner,
              const Installation& installation);

  // By time; the first one with registers, memory and code.
  std::vector<Divergence> find(std::vector<Parting> partings);
  // What is known without running anything again.
  static Divergence coarse(RunStore& store, const StoredRun& a, const StoredRun& b,
                           const Parting& parting);

 private:
  struct Found {
    Parting parting;
    std::size_t item = 0;  // the first that is not the same
    std::optional<Item> a;
    std::optional<Item> b;
    // The block before it, and the one at whose head the registers differ for the first time.
    std::optional<std::size_t> block;
    std::optional<std::size_t> data;
    std::optional<Item> clock;  // a count of time read before it that differs (A)
    std::optional<Item> clock_b;
    bool clock_before = false;  // that read was before the window
    std::vector<Item> items_a;  // blocks around it
    std::vector<Item> items_b;
    std::size_t first_item = 0;  // of those
    // Registers differ everywhere then.
    bool cause_is_time() const { return clock && !clock_before; }
  };

  // One of the runs.
  struct Side {
    Side(RunStore& store, const StoredRun& of, const ScenarioRunner& scenario_runner,
         const Installation& installed);
    // Begins to run it again; it goes on beside this process.
    void start(const std::vector<Window>& windows);
    // Waits; throws StoreError where it is not that run any more.
    void check();

    const StoredRun& run;
    Checkpoints checkpoints;
    const ScenarioRunner& runner;
    const Installation& installation;
    TemporaryFolder folder{"mintsim-rerun"};
    std::optional<RerunProcess> process;
    std::optional<RunSymbols> symbols;
  };

  static Divergence window_of(const StoredRun& a, const Parting& parting);
  // diff_locate.cpp
  std::vector<Found> locate(std::vector<Parting> partings);
  std::optional<Found> locate(Parting parting);
  static std::optional<Found> compare(const Parting& parting, const WindowRecord& in_a,
                                      const WindowRecord& in_b);
  // diff_describe.cpp
  Divergence describe(const Found& found);
  static std::string describe_item(const std::optional<Item>& item, const Side& side,
                                   std::uint8_t core);
  std::string interrupt_source(const StoredRun& run, std::uint8_t core, const Item& item);
  bool own_images_differ(const std::string& os) const;
  void follow(const Found& found, Divergence& divergence);
  // diff_capture.cpp
  void capture(const Found& found, Divergence& divergence);
  // `end`: where the first of the two pieces of code ends at the latest.
  void show_code(const Capture& capture, const Captured& a, const Captured& b,
                 std::optional<std::uint64_t> end, std::uint8_t core, Divergence& divergence);
  void compare_memory(const Captured& a, const Captured& b, Divergence& divergence);

  RunStore& store_;
  Side a_;
  Side b_;
};

// The number of the OS that a core belongs to; TraceEvent::kNone for none.
std::uint8_t os_of_core(const StoredRun& run, unsigned core);
// The last block among the first `before` items.
const Item* block_before(const std::vector<Item>& items, std::size_t before);

}  // namespace mint
