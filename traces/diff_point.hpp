// From the window in which a core's inputs part to the instruction, by running both runs again.
#pragma once

#include <optional>
#include <vector>

#include "traces/diff.hpp"
#include "traces/diff_streams.hpp"

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
  static Divergence coarse(const StoredRun& a, const Parting& parting);

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

  std::vector<Found> locate(std::vector<Parting> partings);
  static std::optional<Found> compare(const Parting& parting, const WindowSink& a,
                                      const WindowSink& b);
  bool own_images_differ(const std::string& os) const;
  void run(Rerun& again, const StoredRun& run, WindowSink& sink);
  Divergence describe(const Found& found);
  void capture(const Found& found, Divergence& divergence);
  void follow(const Found& found, Divergence& divergence);
  std::string describe_item(const std::optional<Item>& item, const StoredRun& run,
                            std::uint8_t core) const;
  std::string interrupt_source(const StoredRun& run, std::uint8_t core, const Item& item);

  RunStore& store_;
  const StoredRun& run_a_;
  const StoredRun& run_b_;
  Checkpoints checkpoints_a_;
  Checkpoints checkpoints_b_;
  Rerun again_a_;
  Rerun again_b_;
};

}  // namespace mint
