#include "traces/diff_inputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "traces/code_image.hpp"
#include "traces/symbols_of_run.hpp"

namespace mint {
namespace {

std::string content_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string short_hash(const std::string& hash) { return hash.substr(0, 12); }

// How two images differ, as far as the files are what they were.
std::string image_difference(const StoredRun& run, const StoredImage& a, const StoredImage& b) {
  if (hash_of_file(a.path) != a.hash || hash_of_file(b.path) != b.hash) return {};
  std::string text = file_difference(a.path, b.path);
  if (a.what != "kernel" && a.what != "program") return text;
  const auto code_a = read_code(a.path);
  const auto code_b = read_code(b.path);
  if (!code_a || !code_b) return text;
  const StoredOs* os = run.find_os(a.os);
  const auto number = os == nullptr ? TraceEvent::kNone : static_cast<std::uint8_t>(os->number);
  const RunSymbols symbols(run);
  const std::string code = code_difference(
      *code_a, *code_b, [&](std::uint64_t address) { return symbols.name_at(number, address); });
  return code.empty() ? text : text + "; " + code;
}

const StoredImage* counterpart(const StoredRun& run, const StoredImage& image) {
  for (const StoredImage& other : run.images)
    if (other.os == image.os && other.what == image.what) return &other;
  return nullptr;
}

}  // namespace

std::string first_line_difference(const std::string& a, const std::string& b) {
  std::istringstream lines_a(a);
  std::istringstream lines_b(b);
  for (unsigned line = 1;; ++line) {
    std::string x;
    std::string y;
    const bool more_a = static_cast<bool>(std::getline(lines_a, x));
    const bool more_b = static_cast<bool>(std::getline(lines_b, y));
    if (!more_a && !more_b) return {};
    if (x != y || more_a != more_b) return fmt::format("line {}: '{}' / '{}'", line, x, y);
  }
}

std::string file_difference(const std::string& a, const std::string& b) {
  if (a == b) return {};
  const std::string x = content_of(a);
  const std::string y = content_of(b);
  if (x.empty() || y.empty()) return {};
  const std::size_t common = std::min(x.size(), y.size());
  std::size_t differing = std::max(x.size(), y.size()) - common;
  std::size_t first = common;
  for (std::size_t i = 0; i < common; ++i) {
    if (x[i] == y[i]) continue;
    ++differing;
    first = std::min(first, i);
  }
  if (differing == 0) return {};
  std::string text = fmt::format("{} byte{} differ{}", differing, differing == 1 ? "" : "s",
                                 differing == 1 ? "s" : "");
  if (first < common) {
    text += fmt::format(", the first at offset {:#x}: {:02x}h / {:02x}h", first,
                        static_cast<std::uint8_t>(x[first]), static_cast<std::uint8_t>(y[first]));
  }
  if (x.size() != y.size()) text += fmt::format("; sizes {} / {}", x.size(), y.size());
  return text;
}

std::vector<InputDifference> input_differences(const StoredRun& a, const StoredRun& b) {
  std::vector<InputDifference> found;
  if (a.scenario_text != b.scenario_text) {
    found.push_back({"scenario", a.scenario, b.scenario,
                     first_line_difference(a.scenario_text, b.scenario_text)});
  }
  if (a.profile_text != b.profile_text) {
    found.push_back({"machine profile", a.profile_file, b.profile_file,
                     first_line_difference(a.profile_text, b.profile_text)});
  }
  if (a.timing != b.timing) found.push_back({"timing level", a.timing, b.timing, {}});
  if (a.seed != b.seed)
    found.push_back({"seed", std::to_string(a.seed), std::to_string(b.seed), {}});
  if (a.program_hash != b.program_hash) {
    found.push_back({"program",
                     a.program_version + " " + short_hash(a.program_hash),
                     b.program_version + " " + short_hash(b.program_hash),
                     {}});
  }
  for (const StoredImage& image : a.images) {
    const std::string what = image.os.empty() ? image.what : image.what + " of " + image.os;
    const StoredImage* other = counterpart(b, image);
    if (other == nullptr) {
      found.push_back({what, short_hash(image.hash), "none", {}});
    } else if (other->hash != image.hash) {
      found.push_back({what, short_hash(image.hash), short_hash(other->hash),
                       image_difference(a, image, *other)});
    }
  }
  for (const StoredImage& image : b.images) {
    if (counterpart(a, image) == nullptr) {
      found.push_back({image.os.empty() ? image.what : image.what + " of " + image.os,
                       "none",
                       short_hash(image.hash),
                       {}});
    }
  }
  return found;
}

}  // namespace mint
