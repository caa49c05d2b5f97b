// The plan from which guest/images makes the leader's disk: what the boot loader loads, which
// followers the leader starts, and how (guest/README.md describes its keys).
#pragma once

#include <string>

#include "emu/scenario/scenario.hpp"

namespace mint {

// JSON text. Every guest file of the scenario has its path by now.
std::string leader_plan(const Scenario& scenario);

}  // namespace mint
