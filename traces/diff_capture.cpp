// What differs at a divergence: registers, code and memory at the block at whose head registers
// differ first, or the last that is the same.
#include <fmt/format.h>

#include <cstring>

#include "traces/diff_point.hpp"
#include "traces/disassembly.hpp"

namespace mint {
namespace {

constexpr unsigned kShownWords = 16;
constexpr unsigned kInstructions = 12;

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

std::optional<std::uint64_t> word_at(const std::map<std::uint64_t, std::uint64_t>& words,
                                     std::uint64_t address) {
  const auto found = words.find(address);
  return found == words.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

// Both go on to that block, side by side.
void PointFinder::capture(const Found& found, Divergence& d) {
  std::optional<std::size_t> item = found.cause_is_time() ? found.block : found.data;
  if (!item) item = found.block;
  if (!item || *item < found.first_item) return;
  const std::size_t local = *item - found.first_item;
  const Item& here = found.items_a[local];
  const Item* before = block_before(found.items_a, local);
  Capture capture;
  capture.item = *item;
  capture.code.push_back(before == nullptr ? here.subject : before->subject);
  capture.code.push_back(here.subject);
  capture.memory = a_.process->own_memory(found.parting.cores.a);
  for (const auto& [side, window] : {std::pair{&a_, &found.parting.a}, {&b_, &found.parting.b}}) {
    capture.core = window->core;
    side->process->explore(*window, capture);
  }
  a_.check();
  b_.check();
  const Captured& a = a_.process->captured();
  const Captured& b = b_.process->captured();
  if (!a.there || !b.there) return;
  compare_registers(a.registers, b.registers, d.registers);
  // Of code that goes straight on into the block, only what is before it.
  const bool runs_into = before != nullptr && here.subject > before->subject;
  show_code(capture, a, b, runs_into ? std::optional(here.subject) : std::nullopt,
            found.parting.cores.a, d);
  compare_memory(a, b, d);
}

void PointFinder::show_code(const Capture& capture, const Captured& a, const Captured& b,
                            std::optional<std::uint64_t> end, std::uint8_t core, Divergence& d) {
  const std::uint8_t os = os_of_core(a_.run, core);
  for (const std::uint64_t linear : capture.code) {
    const bool first = linear == capture.code.front();
    d.code.push_back((first ? "" : "then ") + a_.symbols->text(os, linear) + ":");
    const std::vector<std::uint8_t>& code = a.code.at(linear);
    for (const Instruction& i :
         disassemble(code, linear, first ? a.before : a.registers, kInstructions)) {
      if (first && end && i.address >= *end) break;
      std::string line = fmt::format("  {:x}  {}", i.address, i.text);
      if (i.operand && first) {
        const auto x = word_at(a.operands, *i.operand);
        const auto y = word_at(b.operands, *i.operand);
        if (x && y && *x != *y) {
          line += fmt::format("    ; [{:x}h] = {:x}h / {:x}h", *i.operand, *x, *y);
          d.operands.push_back({fmt::format("{:x}h", *i.operand), *x, *y});
        }
      }
      d.code.push_back(std::move(line));
    }
    if (code != b.code.at(linear)) d.code.push_back("  (B has other code here)");
    if (capture.code.back() == capture.code.front()) break;
  }
}

// Of the pages those that have other hashes, word by word.
void PointFinder::compare_memory(const Captured& a, const Captured& b, Divergence& d) {
  static const std::string kZeros(4096, '\0');
  std::vector<std::uint64_t> differ;
  const auto collect = [&](const Captured& from, const Captured& other, bool also_there) {
    for (const auto& [address, hash] : from.pages) {
      const auto there = word_at(other.pages, address);
      if (there ? also_there && *there != hash : true) differ.push_back(address);
    }
  };
  collect(a, b, true);
  const std::size_t of_a = differ.size();
  collect(b, a, false);
  const auto pages_a =
      a_.process->pages({differ.begin(), differ.begin() + static_cast<std::ptrdiff_t>(of_a)});
  const auto pages_b = b_.process->pages(differ);
  for (const std::uint64_t address : differ) {
    const auto in_a = pages_a.find(address);
    const std::string& x = in_a == pages_a.end() ? kZeros : in_a->second;
    const std::string& y = pages_b.at(address);
    for (std::size_t i = 0; i < x.size(); i += 8) {
      std::uint64_t p = 0;
      std::uint64_t q = 0;
      std::memcpy(&p, x.data() + i, 8);
      std::memcpy(&q, y.data() + i, 8);
      if (p == q) continue;
      if (++d.memory_words <= kShownWords)
        d.memory.push_back({fmt::format("{:x}h", address + i), p, q});
    }
  }
}

}  // namespace mint
