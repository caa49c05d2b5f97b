// Figures of the thesis from our own runs, as SVG that follows the viewer's dark or light scheme:
//   4.1  the stages of a follower's boot, one after the other, with their lengths
//   4.4  the boots of a run's followers on a time axis: the leader's stages 1 to 3 for each of
//   them,
//        their own stages 4 to 6, and the lock
#pragma once

#include <string>

#include "traces/timeline.hpp"

namespace mint {

// Throws StoreError when the run has no follower.
std::string stages_figure(const StoredRun& run, const Timeline& timeline);
std::string boots_figure(const StoredRun& run, const Timeline& timeline);

}  // namespace mint
