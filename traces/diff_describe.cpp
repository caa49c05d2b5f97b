// A divergence in words: what both do there, why, and what followed.
#include <fmt/format.h>

#include "emu/machine/core.hpp"
#include "traces/diff_point.hpp"

namespace mint {
namespace {

constexpr unsigned kShownEvents = 8;

}  // namespace

std::string PointFinder::describe_item(const std::optional<Item>& item, const Side& side,
                                       std::uint8_t core) {
  static constexpr const char* kWhere[] = {"port", "device memory", "shared memory", "LAPIC"};
  if (!item) return "has no more to do";
  switch (item->what) {
    case Item::What::kBlock:
      return "goes on at " + side.symbols->text(os_of_core(side.run, core), item->subject);
    case Item::What::kInterrupt:
      return fmt::format("takes interrupt {:02x}h", item->subject);
    case Item::What::kClock:
      return fmt::format("reads a counter of time: {}", item->value);
    case Item::What::kRead:
      return fmt::format("reads {:x}h from {} {:x}h", item->value, kWhere[item->where & 3],
                         item->subject);
    case Item::What::kWrite:
      return fmt::format("writes {:x}h to {} {:x}h", item->value, kWhere[item->where & 3],
                         item->subject);
  }
  return "?";
}

std::string PointFinder::interrupt_source(const StoredRun& run, std::uint8_t core,
                                          const Item& item) {
  std::string source = "raised inside the processor, by the LAPIC's timer or a pin";
  store_.events(run.id, [&](const TraceEvent& e) {
    if (e.at.count > item.at) return false;
    const bool to_core = e.kind == TraceKind::kMessage && (e.argument(5) >> core & 1) != 0;
    if (to_core && e.argument(1) == item.subject)
      source = fmt::format("{}, sent at cycle {}", event_text(e), e.argument(6));
    const bool it_is_taken =
        e.kind == TraceKind::kInterrupt && e.core == core && e.argument(0) == item.subject;
    const auto kind = static_cast<InterruptSource>(e.argument(1));
    const bool known = kind != InterruptSource::kUnknown && kind != InterruptSource::kMessage;
    if (it_is_taken && known && e.at.count == item.at)
      source = fmt::format("raised by {}", interrupt_source_name(e.argument(1)));
    if (it_is_taken && e.at.count < item.at)
      source = "raised inside the processor, by the LAPIC's timer or a pin";
    return true;
  });
  return source;
}

// Of one OS's own: what its memory and disk held when it began.
bool PointFinder::own_images_differ(const std::string& os) const {
  for (const StoredImage& a : a_.run.images) {
    if (a.os != os) continue;
    for (const StoredImage& b : b_.run.images)
      if (b.os == a.os && b.what == a.what && b.hash != a.hash) return true;
  }
  return false;
}

Divergence PointFinder::describe(const Found& found) {
  Divergence d = window_of(a_.run, found.parting);
  d.exact = true;
  const std::uint8_t core_a = found.parting.cores.a;
  const std::uint8_t core_b = found.parting.cores.b;
  d.retired = d.until = found.a ? found.a->retired : found.b->retired;
  d.at_a = {found.a ? found.a->at : 0};
  d.at_b = {found.b ? found.b->at : 0};
  const std::size_t at = found.item - found.first_item;
  if (const Item* block = block_before(found.items_a, at))
    d.place_a = a_.symbols->text(os_of_core(a_.run, core_a), block->subject);
  if (const Item* block = block_before(found.items_b, at))
    d.place_b = b_.symbols->text(os_of_core(b_.run, core_b), block->subject);
  d.does_a = describe_item(found.a, a_, core_a);
  d.does_b = describe_item(found.b, b_, core_b);

  const auto is = [](const std::optional<Item>& item, Item::What what) {
    return item && item->what == what;
  };
  const bool in_a = is(found.a, Item::What::kInterrupt);
  const bool in_b = is(found.b, Item::What::kInterrupt);
  if (in_a || in_b) {
    d.cause = "interrupt";
    const bool first_is_a = in_a;
    const StoredRun& run = first_is_a ? a_.run : b_.run;
    const Item& item = first_is_a ? *found.a : *found.b;
    d.cause_text = fmt::format("{} takes interrupt {:02x}h here, {} does not: {}",
                               first_is_a ? "A" : "B", item.subject, first_is_a ? "B" : "A",
                               interrupt_source(run, first_is_a ? core_a : core_b, item));
  } else if (is(found.a, Item::What::kRead) && is(found.b, Item::What::kRead) &&
             found.a->subject == found.b->subject && found.a->where == found.b->where &&
             found.a->retired == found.b->retired) {
    const bool shared = found.a->where == static_cast<std::uint8_t>(Access::Kind::kShared);
    d.cause = shared ? "shared memory" : "device value";
    d.cause_text = fmt::format("A {}, B {}", d.does_a, d.does_b);
  } else if (found.clock && (!found.clock_before || !own_images_differ(d.os))) {
    d.cause = "time";
    d.cause_text = fmt::format(
        "the values of a counter of time that it has read differ{}: {} / {} after {} instructions",
        found.clock_before ? ", long before" : "", found.clock->value, found.clock_b->value,
        found.clock->retired);
  } else {
    d.cause = "memory";
    d.cause_text = "no input of the core differs before: what its memory holds does";
  }
  if (found.data && *found.data >= found.first_item) {
    const Item& item = found.items_a[*found.data - found.first_item];
    d.data = fmt::format("registers differ since {} instructions, at {}", item.retired,
                         a_.symbols->text(os_of_core(a_.run, core_a), item.subject));
  }
  return d;
}

// The next events of the core, of each run.
void PointFinder::follow(const Found& found, Divergence& d) {
  const auto events = [&](const StoredRun& run, std::uint8_t core, Cycles from,
                          std::vector<std::string>& out) {
    store_.events(
        run.id,
        [&](const TraceEvent& e) {
          const bool told = e.core == core || e.kind == TraceKind::kReset ||
                            e.kind == TraceKind::kEnd || e.kind == TraceKind::kInterference;
          const bool dull = e.kind == TraceKind::kMark || e.kind == TraceKind::kSample ||
                            e.kind == TraceKind::kBlock || e.kind == TraceKind::kAccess ||
                            e.kind == TraceKind::kClock;
          if (!told || dull || e.at < from) return true;
          out.push_back(fmt::format("{}  {}", run.time(e.at), event_text(e)));
          return out.size() < kShownEvents;
        },
        from);
  };
  events(a_.run, found.parting.cores.a, d.at_a, d.followed_a);
  events(b_.run, found.parting.cores.b, d.at_b, d.followed_b);
}

}  // namespace mint
