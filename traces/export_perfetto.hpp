// A run as a Perfetto trace: TracePackets of TrackEvents in protobuf, which the Perfetto UI opens.
// Tracks: the operating systems with their stages, the cores with interrupts from taking to EOI and
// points, the lock, the disks with the parts of their commands; flows go from who sends an
// interrupt message to who takes it.
#pragma once

#include <string>

#include "traces/timeline.hpp"

namespace mint {

std::string perfetto_trace(const StoredRun& run, const Timeline& timeline);

}  // namespace mint
