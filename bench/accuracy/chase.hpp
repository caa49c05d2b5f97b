// Pointer chases: each word of a working set holds the address of the next one.
#pragma once

#include <optional>
#include <vector>

#include "bench/accuracy/measurement.hpp"
#include "emu/scenario/profile.hpp"

namespace mint::accuracy {

// Cycles per load of each row; nothing for a row that cannot be run.
std::vector<std::optional<double>> run_chases(const std::vector<MemoryRow>& rows,
                                              TimingLevel timing);

}  // namespace mint::accuracy
