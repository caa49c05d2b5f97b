#include "emu/timing/core_caches.hpp"

#include <algorithm>

namespace mint {
namespace {

constexpr unsigned kPageShift = 12;
constexpr unsigned kLineShift = 6;
constexpr std::uint64_t kRowShift = 12;
// Where the last entries of page walks are taken to lie: beyond what a guest can address, at the
// density of real page tables.
constexpr std::uint64_t kPageTables = std::uint64_t{1} << 40;
// Registers of devices: not cached, and charged by the bus.
constexpr std::uint64_t kDevices = 0xc0000000;
constexpr std::uint64_t kDevicesEnd = std::uint64_t{1} << 32;
constexpr std::size_t kPages = 4096;    // translations that are remembered
constexpr std::size_t kTargets = 4096;  // of the branch predictor
constexpr unsigned kInStoreBuffer = 4;  // loads that follow a store while it waits there
constexpr unsigned kDenseTouches = 3;   // loads of a line that make the L1 prefetcher take the next

}  // namespace

bool LruArray::touch(std::uint64_t key) {
  std::uint64_t* set = &keys_[(key & (sets_ - 1)) * ways_];
  std::uint64_t* const end = set + ways_;
  std::uint64_t* found = std::find(set, end, key);
  const bool hit = found != end;
  if (!hit) found = end - 1;
  std::copy_backward(set, found, found + 1);
  *set = key;
  return hit;
}

bool LruArray::remove(std::uint64_t key) {
  std::uint64_t* set = &keys_[(key & (sets_ - 1)) * ways_];
  std::uint64_t* const end = set + ways_;
  std::uint64_t* found = std::find(set, end, key);
  if (found == end) return false;
  std::copy(found + 1, end, found);
  *(end - 1) = kEmpty;
  return true;
}

std::uint32_t SharedPath::take(std::uint64_t now) {
  const std::uint64_t first = now / kWindow;
  for (std::uint64_t number = first; number < first + kWindows / 2; ++number) {
    Window& window = windows_[number % kWindows];
    if (window.number > number) return 0;  // too long ago for anything to be known
    if (window.number < number) window = {number, 0};
    if (window.lines == room_) continue;
    ++window.lines;
    return number == first ? 0 : static_cast<std::uint32_t>(number * kWindow - now);
  }
  return static_cast<std::uint32_t>(kWindows / 2 * kWindow);
}

SharedCache::SharedCache(const CacheParameters& parameters)
    : parameters_(parameters),
      l3_(parameters.l3.size / kLineBytes, parameters.l3.ways),
      l3_path_(parameters.l3_line),
      memory_path_(parameters.memory_line) {}

std::uint32_t SharedCache::access(std::uint64_t line, std::uint64_t now, bool& from_memory,
                                  std::uint32_t& waited) {
  from_memory = !l3_.touch(line);
  const std::uint32_t for_l3 = l3_path_.take(now);
  waited += for_l3;
  if (!from_memory) return parameters_.l3.latency;
  waited += memory_path_.take(now + for_l3);
  const std::uint64_t row = line >> (kRowShift - kLineShift);
  std::uint64_t& open = open_rows_[row % open_rows_.size()];
  const bool hit = open == row;
  open = row;
  return hit ? parameters_.memory_row_hit : parameters_.memory_row_miss;
}

CoreCaches::CoreCaches(const CacheParameters& p, std::shared_ptr<SharedCache> shared)
    : parameters_(p),
      shared_(std::move(shared)),
      l1i_(p.l1i.size / kLineBytes, p.l1i.ways),
      l1d_(p.l1d.size / kLineBytes, p.l1d.ways),
      l2_(p.l2.size / kLineBytes, p.l2.ways),
      dtlb_(p.dtlb.entries, p.dtlb.ways),
      itlb_(p.itlb.entries, p.itlb.ways),
      stlb_(p.stlb.entries, p.stlb.ways),
      pages_(kPages),
      targets_(kTargets) {}

void CoreCaches::flush_tlbs() {
  dtlb_.clear();
  itlb_.clear();
  stlb_.clear();
  for (Page& page : pages_) page.linear = ~std::uint64_t{0};
}

const CoreCaches::Page& CoreCaches::page_of(std::uint64_t linear, bool code,
                                            const Translate& translate, std::uint32_t& cycles) {
  const std::uint64_t number = linear >> kPageShift;
  Page& page = pages_[number % kPages];
  if (!(code ? itlb_ : dtlb_).touch(number)) {
    cycles += parameters_.stlb_latency;
    if (!stlb_.touch(number)) {
      const std::uint64_t entry = (kPageTables + number * 8) >> kLineShift;
      cycles += parameters_.walk + parameters_.l1d.latency;
      if (!l1d_.touch(entry)) cycles += beyond_first(entry, 0, false);
      page.linear = ~std::uint64_t{0};
    }
  }
  if (page.linear != number) {
    std::uint64_t physical = 0;
    const bool mapped = translate(linear, physical);
    page = {number, physical >> kPageShift << kPageShift,
            mapped && (physical < kDevices || physical >= kDevicesEnd)};
  }
  return page;
}

std::uint32_t CoreCaches::beyond_first(std::uint64_t line, std::int64_t step, bool dense) {
  const std::uint32_t first = parameters_.l1d.latency;
  if (l2_.touch(line)) return dense ? 0 : parameters_.l2.latency - first;
  bool from_memory = false;
  const std::uint32_t latency = shared_->access(line, now_ + waited_, from_memory, waited_);
  if (dense && !from_memory) return parameters_.prefetched_dense - first;
  if (step == 1 || step == 2)
    return (from_memory ? parameters_.prefetched_memory : parameters_.prefetched_l3)[step - 1] -
           first;
  return latency - first;
}

std::uint32_t CoreCaches::load(std::uint64_t linear, const Translate& translate) {
  std::uint32_t cycles = 0;
  waited_ = 0;
  data(linear, translate, cycles);
  // Loads are compared with stores before them by the address within 4 KB first: another page's
  // store at the same place there holds the load up.
  constexpr std::uint64_t kCompared = (1u << kPageShift) - 8;
  if (loads_since_store_ < kInStoreBuffer) {
    ++loads_since_store_;
    const std::uint64_t differ = linear ^ stored_;
    if ((differ & kCompared) == 0 && differ >> kPageShift != 0) cycles += parameters_.aliased;
  }
  return cycles + waited_;
}

std::uint32_t CoreCaches::store(std::uint64_t linear, const Translate& translate) {
  std::uint32_t cycles = 0;
  waited_ = 0;
  const std::optional<std::uint64_t> line = data(linear, translate, cycles);
  stored_ = linear;
  loads_since_store_ = 0;
  return waited_ + (line && l1i_.remove(*line) ? parameters_.self_modified : 0);
}

std::optional<std::uint64_t> CoreCaches::data(std::uint64_t linear, const Translate& translate,
                                              std::uint32_t& cycles) {
  const Page& page = page_of(linear, false, translate, cycles);
  if (!page.memory) return std::nullopt;
  const std::uint64_t physical = page.physical | (linear & ((1u << kPageShift) - 1));
  const std::uint64_t line = physical >> kLineShift;
  const auto in_page = static_cast<std::int64_t>(line & ((1u << (kPageShift - kLineShift)) - 1));
  // The streamer follows one stream of lines in a page (Intel optimisation manual, 2.4.5.4); here,
  // the last one.
  Stream& s = stream_;
  std::int64_t step = 0;
  bool dense = false;
  if (s.page != page.physical) {
    s = {page.physical, in_page, 0, 1, s.touches >= kDenseTouches && in_page == 0};
    dense = s.dense;
  } else if (s.line != in_page) {
    const std::int64_t now = in_page - s.line;
    step = now == s.step ? (now < 0 ? -now : now) : 0;
    s.dense = s.touches >= kDenseTouches && now == 1;
    dense = s.dense;
    s.step = now;
    s.line = in_page;
    s.touches = 1;
  } else {
    ++s.touches;
  }
  if (!l1d_.touch(line)) cycles += beyond_first(line, step, dense);
  return line;
}

std::uint32_t CoreCaches::block(std::uint64_t pc, unsigned size, const Translate& translate) {
  std::uint32_t cycles = branch(pc);
  waited_ = 0;
  expected_ = pc + size;
  const std::uint64_t last = size == 0 ? pc : pc + size - 1;
  for (std::uint64_t at = pc & ~(kLineBytes - 1); at <= last; at += kLineBytes) {
    const Page& page = page_of(at, true, translate, cycles);
    if (!page.memory) continue;
    const std::uint64_t line = (page.physical | (at & ((1u << kPageShift) - 1))) >> kLineShift;
    // Further lines of a block are fetched while the first ones run.
    const std::uint32_t miss = l1i_.touch(line) ? 0 : beyond_first(line, 0, false);
    if (at <= pc) cycles += miss;
  }
  return cycles + waited_;
}

std::uint32_t CoreCaches::branch(std::uint64_t pc) {
  std::uint64_t& target = targets_[(history_ * 0x9e3779b97f4a7c15 >> 40) % kTargets];
  const std::uint64_t predicted = target == 0 ? expected_ : target;
  target = pc;
  // The path of the last few blocks.
  history_ = (history_ << 7) ^ pc;
  return predicted == pc ? 0 : parameters_.mispredicted;
}

}  // namespace mint
