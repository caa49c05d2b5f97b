#include "traces/diff_streams.hpp"

#include <algorithm>

namespace mint {
namespace {

constexpr std::uint64_t kForever = ~std::uint64_t{0} >> 1;

// The parting within one epoch of both; nothing when the epochs are the same to their ends.
std::optional<Parting> compare(const Epoch& a, const Epoch& b) {
  Parting parting;
  parting.at = a.begun;
  std::uint64_t from = 0;
  std::size_t i = 0;
  for (; i < a.marks.size() && i < b.marks.size(); ++i) {
    const Mark& x = a.marks[i];
    const Mark& y = b.marks[i];
    if (x.inputs != y.inputs) break;  // the end of one of them
    if (x.hash != y.hash || x.retired != y.retired) {
      parting.certain = true;
      parting.a.from = parting.b.from = parting.a.mark = parting.b.mark = from;
      parting.a.to = parting.b.to = std::max(x.retired, y.retired);
      return parting;
    }
    from = x.retired;
    parting.at = x.at;
  }
  if (i == a.marks.size() && i == b.marks.size()) return std::nullopt;
  // Where one ends, the other has more inputs: only its next mark is known, not what came before.
  parting.a.from = parting.b.from = parting.a.mark = parting.b.mark = from;
  const std::uint64_t end_a = i < a.marks.size() ? a.marks[i].retired : kForever;
  const std::uint64_t end_b = i < b.marks.size() ? b.marks[i].retired : kForever;
  parting.a.to = parting.b.to = std::min(end_a, end_b);
  return parting;
}

}  // namespace

Streams read_streams(RunStore& store, std::int64_t run) {
  Streams streams;
  store.events(run, [&](const TraceEvent& e) {
    if (e.core == TraceEvent::kNone) return true;
    if (e.kind == TraceKind::kStart) {
      std::vector<Epoch>& epochs = streams[e.core];
      if (epochs.empty()) epochs.emplace_back();
      epochs.push_back({e.retired, e.at, {}});
    } else if (e.kind == TraceKind::kMark) {
      std::vector<Epoch>& epochs = streams[e.core];
      if (epochs.empty()) epochs.emplace_back();
      Epoch& epoch = epochs.back();
      epoch.marks.push_back({e.argument(0), e.argument(1), e.retired - epoch.base, e.at});
    }
    return true;
  });
  return streams;
}

std::vector<Parting> find_partings(const Streams& a, const Streams& b,
                                   const std::vector<CorePair>& pairs, bool last_epoch_only) {
  std::vector<Parting> found;
  for (const CorePair& pair : pairs) {
    const auto in_a = a.find(pair.a);
    const auto in_b = b.find(pair.b);
    if (in_a == a.end() || in_b == b.end()) continue;
    const std::size_t epochs = std::min(in_a->second.size(), in_b->second.size());
    for (std::size_t i = last_epoch_only ? epochs - 1 : 0; i < epochs; ++i) {
      const std::size_t j = last_epoch_only ? in_b->second.size() - 1 : i;
      const std::size_t k = last_epoch_only ? in_a->second.size() - 1 : i;
      std::optional<Parting> parting = compare(in_a->second[k], in_b->second[j]);
      if (!parting) continue;
      // A core that is started anew sooner or later than in the other run: that is what the core
      // that starts it did.
      parting->cores = pair;
      parting->a.core = pair.a;
      parting->b.core = pair.b;
      parting->a.epoch = static_cast<unsigned>(k);
      parting->b.epoch = static_cast<unsigned>(j);
      found.push_back(*parting);
      break;
    }
  }
  return found;
}

}  // namespace mint
