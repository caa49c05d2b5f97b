// What the store keeps of a run so that it can be told apart from others, and run again: texts of
// scenario and profile, hashes of the images and of the program.
#pragma once

#include <vector>

#include "emu/scenario/run_result.hpp"
#include "traces/database.hpp"
#include "traces/run_store.hpp"

namespace mint {

// The row of a run that begins; returns its id.
std::int64_t insert_run(Database& db, const RunRequest& request, TraceLevel level);

// Every file of which the guest of `request` is made, with its hash.
std::vector<StoredImage> images_of(const RunRequest& request);

// The scenario as TOML: its file's content, or what the short form `mintsim run program.elf` stands
// for.
std::string scenario_text(const Scenario& scenario);

std::string program_hash();

}  // namespace mint
