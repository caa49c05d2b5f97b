// What the checks across keys have in common: where a key was written, and how to report it. Each
// group of checks is a class of its own.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

#include "emu/scenario/scenario.hpp"

namespace mint {

class Checker {
 public:
  Checker(const Scenario& scenario, Problems& problems)
      : scenario_(scenario), machine_(scenario.machine), problems_(problems) {}

 protected:
  // A problem at a key of an OS, perhaps with the place of the other side.
  void report(const OsSpec& os, std::string_view key, std::string what, std::string remedy,
              std::optional<Location> other = {}) {
    report(fmt::format("{}.{}", os.key, key), std::move(what), std::move(remedy), std::move(other));
  }
  void report(const std::string& path, std::string what, std::string remedy,
              std::optional<Location> other = {}) {
    problems_.push_back(
        {scenario_.place(path), std::move(what), std::move(other), std::move(remedy)});
  }
  Location place(const OsSpec& os, std::string_view key) const {
    return scenario_.place(fmt::format("{}.{}", os.key, key));
  }
  // Written, even if in a form that was refused: then that has been said already.
  bool written(const OsSpec& os, std::string_view key) const {
    return scenario_.places.contains(fmt::format("{}.{}", os.key, key));
  }

  const Scenario& scenario_;
  const MachineProfile& machine_;
  Problems& problems_;
};

// Does an OS by itself have what it needs, and only what there is?
void check_system(const Scenario& scenario, const OsSpec& os, Problems& problems);
// Does nobody own what another owns, and is shared memory nobody's?
void check_conflicts(const Scenario& scenario, Problems& problems);
// Has each NIC an address, a network and a wire of its own?
void check_nics(const Scenario& scenario, Problems& problems);
// Can the OSes of each [[meet]] meet there?
void check_meetings(const Scenario& scenario, Problems& problems);

}  // namespace mint
