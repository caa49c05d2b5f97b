#include "traces/diff_point.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "emu/machine/core.hpp"
#include "traces/disassembly.hpp"
#include "traces/symbols_of_run.hpp"

namespace mint {
namespace {

constexpr unsigned kRounds = 8;       // of narrowing a window that is too long
constexpr std::size_t kAround = 400;  // items that are kept before the divergence
constexpr unsigned kShownWords = 16;
constexpr unsigned kShownEvents = 8;
constexpr unsigned kInstructions = 12;

std::uint8_t os_of(const StoredRun& run, unsigned core) {
  for (const StoredOs& os : run.os) {
    const std::string list = "," + os.cores + ",";
    if (list.find(fmt::format(",{},", core)) != std::string::npos)
      return static_cast<std::uint8_t>(os.number);
  }
  return TraceEvent::kNone;
}

const Item* block_before(const std::vector<Item>& items, std::size_t before) {
  while (before-- > 0)
    if (items[before].what == Item::What::kBlock) return &items[before];
  return nullptr;
}

constexpr const char* kRegisterNames[] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                          "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15"};

void compare_registers(const mint_registers& a, const mint_registers& b,
                       std::vector<WordDifference>& out) {
  const auto add = [&out](const std::string& name, std::uint64_t x, std::uint64_t y) {
    if (x != y) out.push_back({name, x, y});
  };
  for (unsigned i = 0; i < 16; ++i) add(kRegisterNames[i], a.general[i], b.general[i]);
  add("RFLAGS", a.rflags, b.rflags);
  add("CR0", a.cr0, b.cr0);
  add("CR2", a.cr2, b.cr2);
  add("CR3", a.cr3, b.cr3);
  add("CR4", a.cr4, b.cr4);
}

}  // namespace

PointFinder::PointFinder(RunStore& store, const StoredRun& a, const StoredRun& b,
                         const ScenarioRunner& runner, const Installation& installation)
    : store_(store),
      run_a_(a),
      run_b_(b),
      checkpoints_a_(store, a.id),
      checkpoints_b_(store, b.id),
      again_a_(a, runner, installation),
      again_b_(b, runner, installation) {}

Divergence PointFinder::coarse(const StoredRun& a, const Parting& parting) {
  Divergence d;
  d.core_a = parting.cores.a;
  d.core_b = parting.cores.b;
  d.os = a.os_name(os_of(a, parting.cores.a));
  d.retired = parting.a.from;
  d.until = parting.a.to;
  d.at_a = parting.at;
  return d;
}

std::vector<Divergence> PointFinder::find(std::vector<Parting> partings) {
  std::vector<Found> found = locate(std::move(partings));
  std::vector<Divergence> list;
  list.reserve(found.size());
  for (const Found& each : found) list.push_back(describe(each));
  if (list.empty()) return list;
  capture(found.front(), list.front());
  follow(found.front(), list.front());
  return list;
}

std::vector<PointFinder::Found> PointFinder::locate(std::vector<Parting> partings) {
  std::vector<Found> found;
  const bool certain =
      std::any_of(partings.begin(), partings.end(), [](const Parting& p) { return p.certain; });
  for (Parting& p : partings) p.a.holds = p.b.holds = p.certain || !certain;
  for (unsigned round = 0; round < kRounds && !partings.empty(); ++round) {
    std::vector<Window> windows_a;
    std::vector<Window> windows_b;
    for (const Parting& p : partings) {
      windows_a.push_back(p.a);
      windows_b.push_back(p.b);
    }
    WindowSink a(windows_a, checkpoints_a_);
    WindowSink b(windows_b, checkpoints_b_);
    run(again_a_, run_a_, a);
    run(again_b_, run_b_, b);
    std::vector<Parting> narrower;
    for (Parting& p : partings) {
      const std::vector<Item>& in_a = a.items(p.cores.a);
      const std::vector<Item>& in_b = b.items(p.cores.b);
      const bool cut = a.overflown(p.cores.a) || b.overflown(p.cores.b);
      if (auto one = compare(p, a, b)) {
        const bool at_the_end = !one->a || !one->b;
        // Where the items of one end, that is no divergence unless the marks say that there is one.
        if (!at_the_end || (p.certain && !cut)) {
          found.push_back(std::move(*one));
          continue;
        }
      }
      if (!p.certain || !cut) continue;
      p.a.from = p.b.from = std::min(in_a.back().retired, in_b.back().retired);
      narrower.push_back(p);
    }
    partings = std::move(narrower);
  }
  std::stable_sort(found.begin(), found.end(), [](const Found& x, const Found& y) {
    const auto at = [](const Found& f) { return f.a ? f.a->at : f.b->at; };
    return at(x) < at(y);
  });
  return found;
}

// Other than as stored, a run tells nothing of why the stored ones part.
void PointFinder::run(Rerun& again, const StoredRun& run, WindowSink& sink) {
  again.run(sink);
  if (!sink.mismatch()) return;
  throw StoreError(fmt::format(
      "run {} comes out otherwise with this program, from before {} on (recorded by mintsim {}, "
      "{}): what is stored tells no more",
      run.id, run.time(*sink.mismatch()), run.program_version, run.program_hash.substr(0, 12)));
}

std::optional<PointFinder::Found> PointFinder::compare(const Parting& parting,
                                                       const WindowSink& in_a,
                                                       const WindowSink& in_b) {
  const std::vector<Item>& a = in_a.items(parting.cores.a);
  const std::vector<Item>& b = in_b.items(parting.cores.b);
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
  const std::vector<Item>& clocks_a = in_a.clocks(parting.cores.a);
  const std::vector<Item>& clocks_b = in_b.clocks(parting.cores.b);
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

std::string PointFinder::describe_item(const std::optional<Item>& item, const StoredRun& run,
                                       std::uint8_t core) const {
  static constexpr const char* kWhere[] = {"port", "device memory", "shared memory", "LAPIC"};
  if (!item) return "has no more to do";
  switch (item->what) {
    case Item::What::kBlock:
      return "goes on at " + RunSymbols(run).text(os_of(run, core), item->subject);
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
    if (e.kind == TraceKind::kInterrupt && e.core == core && e.argument(0) == item.subject &&
        e.at.count < item.at)
      source = "raised inside the processor, by the LAPIC's timer or a pin";
    return true;
  });
  return source;
}

// Of one OS's own: what its memory and disk held when it began.
bool PointFinder::own_images_differ(const std::string& os) const {
  for (const StoredImage& a : run_a_.images) {
    if (a.os != os) continue;
    for (const StoredImage& b : run_b_.images)
      if (b.os == a.os && b.what == a.what && b.hash != a.hash) return true;
  }
  return false;
}

Divergence PointFinder::describe(const Found& found) {
  Divergence d = coarse(run_a_, found.parting);
  d.exact = true;
  const std::uint8_t core_a = found.parting.cores.a;
  const std::uint8_t core_b = found.parting.cores.b;
  d.retired = d.until = found.a ? found.a->retired : found.b->retired;
  d.at_a = {found.a ? found.a->at : 0};
  d.at_b = {found.b ? found.b->at : 0};
  const RunSymbols symbols_a(run_a_);
  const RunSymbols symbols_b(run_b_);
  const std::size_t at = found.item - found.first_item;
  if (const Item* block = block_before(found.items_a, at))
    d.place_a = symbols_a.text(os_of(run_a_, core_a), block->subject);
  if (const Item* block = block_before(found.items_b, at))
    d.place_b = symbols_b.text(os_of(run_b_, core_b), block->subject);
  d.does_a = describe_item(found.a, run_a_, core_a);
  d.does_b = describe_item(found.b, run_b_, core_b);

  const auto is = [](const std::optional<Item>& item, Item::What what) {
    return item && item->what == what;
  };
  const bool in_a = is(found.a, Item::What::kInterrupt);
  const bool in_b = is(found.b, Item::What::kInterrupt);
  if (in_a || in_b) {
    d.cause = "interrupt";
    const bool first_is_a = in_a;
    const StoredRun& run = first_is_a ? run_a_ : run_b_;
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
                         symbols_a.text(os_of(run_a_, core_a), item.subject));
  }
  return d;
}

// Runs both up to the block at whose head registers differ first, or the last that is the same.
void PointFinder::capture(const Found& found, Divergence& d) {
  std::optional<std::size_t> item = found.cause_is_time() ? found.block : found.data;
  if (!item) item = found.block;
  if (!item || *item < found.first_item) return;
  const std::size_t local = *item - found.first_item;
  Capture capture;
  capture.item = *item;
  const Item& here = found.items_a[local];
  const Item* before = block_before(found.items_a, local);
  capture.code.push_back(before == nullptr ? here.subject : before->subject);
  capture.code.push_back(here.subject);
  const auto run = [&](Rerun& again, const StoredRun& stored, const Checkpoints& checkpoints,
                       Window window) {
    Capture mine = capture;
    mine.core = window.core;
    auto sink = std::make_unique<WindowSink>(std::vector<Window>{window}, checkpoints, mine);
    this->run(again, stored, *sink);
    return sink;
  };
  const std::unique_ptr<WindowSink> a = run(again_a_, run_a_, checkpoints_a_, found.parting.a);
  const std::unique_ptr<WindowSink> b = run(again_b_, run_b_, checkpoints_b_, found.parting.b);
  const Captured& in_a = a->captured();
  const Captured& in_b = b->captured();
  if (!in_a.there || !in_b.there) return;
  compare_registers(in_a.registers, in_b.registers, d.registers);

  const RunSymbols symbols(run_a_);
  const std::uint8_t os = os_of(run_a_, found.parting.cores.a);
  for (const std::uint64_t linear : capture.code) {
    if (linear == capture.code.front() || d.code.empty())
      d.code.push_back(symbols.text(os, linear) + ":");
    else
      d.code.push_back("then " + symbols.text(os, linear) + ":");
    const auto code_a = in_a.code.find(linear);
    const auto code_b = in_b.code.find(linear);
    const mint_registers& registers = linear == capture.code.front() ? in_a.before : in_a.registers;
    for (const Instruction& i : disassemble(code_a->second, linear, registers, kInstructions)) {
      if (linear == capture.code.front() && before != nullptr && i.address >= here.subject &&
          here.subject > linear)
        break;
      std::string line = fmt::format("  {:x}  {}", i.address, i.text);
      if (i.operand && linear == capture.code.front()) {
        const auto x = a->operand(*i.operand);
        const auto y = b->operand(*i.operand);
        if (x && y && *x != *y) {
          line += fmt::format("    ; [{:x}h] = {:x}h / {:x}h", *i.operand, *x, *y);
          d.operands.push_back({fmt::format("{:x}h", *i.operand), *x, *y});
        }
      }
      d.code.push_back(std::move(line));
    }
    if (code_a->second != code_b->second) d.code.push_back("  (B has other code here)");
    if (here.subject == capture.code.front()) break;
  }

  // Pages that are zero are not there.
  static const std::string kZeros(4096, '\0');
  const auto& systems = again_a_.request().scenario.os;
  const auto is_its_own = [&](std::uint64_t address) {
    return os >= systems.size() || systems[os].memory.contains({address});
  };
  const auto words = [&](std::uint64_t address, const std::string& x, const std::string& y) {
    if (x == y || !is_its_own(address)) return;
    for (std::size_t i = 0; i < x.size(); i += 8) {
      std::uint64_t p = 0;
      std::uint64_t q = 0;
      std::memcpy(&p, x.data() + i, 8);
      std::memcpy(&q, y.data() + i, 8);
      if (p == q) continue;
      if (++d.memory_words <= kShownWords)
        d.memory.push_back({fmt::format("{:x}h", address + i), p, q});
    }
  };
  for (const auto& [address, page] : in_a.pages) {
    const auto other = in_b.pages.find(address);
    words(address, page, other == in_b.pages.end() ? kZeros : other->second);
  }
  for (const auto& [address, page] : in_b.pages)
    if (!in_a.pages.contains(address)) words(address, kZeros, page);
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
  events(run_a_, found.parting.cores.a, d.at_a, d.followed_a);
  events(run_b_, found.parting.cores.b, d.at_b, d.followed_b);
}

}  // namespace mint
