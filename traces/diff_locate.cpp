// The item at which a core of two runs parts, in what it did in its windows.
#include <algorithm>

#include "traces/diff_point.hpp"

namespace mint {
namespace {

constexpr unsigned kRounds = 8;       // of narrowing a window that is too long
constexpr std::size_t kAround = 400;  // items that are kept before the divergence

}  // namespace

std::vector<PointFinder::Found> PointFinder::locate(std::vector<Parting> partings) {
  std::vector<Found> found;
  const bool certain =
      std::any_of(partings.begin(), partings.end(), [](const Parting& p) { return p.certain; });
  std::vector<Window> windows_a;
  std::vector<Window> windows_b;
  for (Parting& p : partings) {
    p.a.holds = p.b.holds = p.certain || !certain;
    windows_a.push_back(p.a);
    windows_b.push_back(p.b);
  }
  a_.start(windows_a);
  b_.start(windows_b);
  for (Side* side : {&a_, &b_}) side->symbols.emplace(side->run);  // takes a while, as they do
  for (const Parting& p : partings)
    if (auto one = locate(p)) found.push_back(std::move(*one));
  std::stable_sort(found.begin(), found.end(), [](const Found& x, const Found& y) {
    const auto at = [](const Found& f) { return f.a ? f.a->at : f.b->at; };
    return at(x) < at(y);
  });
  return found;
}

std::optional<PointFinder::Found> PointFinder::locate(Parting p) {
  for (unsigned round = 0; round < kRounds; ++round) {
    if (round != 0) {
      a_.process->explore(p.a);
      b_.process->explore(p.b);
    }
    a_.check();
    b_.check();
    const WindowRecord& in_a = a_.process->record(p.cores.a);
    const WindowRecord& in_b = b_.process->record(p.cores.b);
    const bool cut = in_a.overflown || in_b.overflown;
    if (auto found = compare(p, in_a, in_b)) {
      const bool at_the_end = !found->a || !found->b;
      // Where the items of one end, that is no divergence unless the marks say that there is one.
      if (!at_the_end || (p.certain && !cut)) return found;
    }
    if (!p.certain || !cut) break;
    p.a.from = p.b.from = std::min(in_a.items.back().retired, in_b.items.back().retired);
  }
  return std::nullopt;
}

std::optional<PointFinder::Found> PointFinder::compare(const Parting& parting,
                                                       const WindowRecord& in_a,
                                                       const WindowRecord& in_b) {
  const std::vector<Item>& a = in_a.items;
  const std::vector<Item>& b = in_b.items;
  Found found;
  found.parting = parting;
  std::size_t i = 0;
  for (; i < a.size() && i < b.size() && a[i].same(b[i]); ++i) {
    if (a[i].what == Item::What::kBlock) {
      if (!found.data && a[i].value != b[i].value) found.data = i;
      found.block = i;
    } else if (a[i].what == Item::What::kClock && a[i].value != b[i].value) {
      found.clock = a[i];
      found.clock_b = b[i];
    }
  }
  if (i == a.size() && i == b.size()) return std::nullopt;
  found.item = i;
  const std::vector<Item>& clocks_a = in_a.clocks;
  const std::vector<Item>& clocks_b = in_b.clocks;
  for (std::size_t c = 0; !found.clock && c < std::min(clocks_a.size(), clocks_b.size()); ++c) {
    if (clocks_a[c].value == clocks_b[c].value) continue;
    found.clock = clocks_a[c];
    found.clock_b = clocks_b[c];
    found.clock_before = true;
  }
  if (i < a.size()) found.a = a[i];
  if (i < b.size()) found.b = b[i];
  found.first_item = i < kAround ? 0 : i - kAround;
  // Enough to find the blocks around the place where the data first differ as well.
  if (found.data && *found.data < found.first_item + 2 && *found.data >= 2)
    found.first_item = *found.data - 2;
  const auto piece = [&](const std::vector<Item>& items) {
    const std::size_t end = std::min(items.size(), i + 64);
    return std::vector<Item>(items.begin() + static_cast<std::ptrdiff_t>(found.first_item),
                             items.begin() + static_cast<std::ptrdiff_t>(end));
  };
  found.items_a = piece(a);
  found.items_b = piece(b);
  return found;
}

}  // namespace mint
