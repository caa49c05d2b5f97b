// The report of a run: one HTML file that needs nothing else (report_page.html has the page).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "traces/timeline.hpp"

namespace mint {

std::string report_page(RunStore& store, const StoredRun& run);
// What the page shows, as it is embedded there.
nlohmann::ordered_json report_data(RunStore& store, const StoredRun& run, const Timeline& timeline);

}  // namespace mint
