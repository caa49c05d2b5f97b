// Where two runs part as far as their stored events say: what is known when they are not run again.
#pragma once

#include "traces/diff.hpp"
#include "traces/diff_streams.hpp"

namespace mint {

// Makes the window of `divergence`, that of `parting`, as narrow as the core's stored events allow:
// from the last one that is the same in both to the first that is not, which is told.
void narrow_by_events(RunStore& store, const StoredRun& a, const StoredRun& b,
                      const Parting& parting, Divergence& divergence);

}  // namespace mint
