// A comparison of benchmarks as text and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "bench/compare/comparison.hpp"

namespace mint::bench {

std::string report_text(const Report& report);
nlohmann::ordered_json report_json(const Report& report);

}  // namespace mint::bench
