#include "emu/scenario/toml_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "emu/scenario/units.hpp"

namespace mint {

namespace {

Location location(const std::string& file, const toml::source_region& region) {
  return {file, region.begin.line, region.begin.column};
}

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

}  // namespace

TomlReader::TomlReader(std::string file, std::string prefix, Problems& problems,
                       std::map<std::string, Location>& places,
                       const std::map<std::string, std::string>& texts)
    : file_(std::move(file)), prefix_(std::move(prefix)), problems_(problems), places_(places) {
  std::ostringstream text;
  bool read = false;
  if (const auto given = texts.find(file_); given != texts.end()) {
    text << given->second;
    read = true;
  } else {
    std::ifstream stream(file_, std::ios::binary);
    if (stream) text << stream.rdbuf();
    read = stream && text;
  }
  if (!read) {
    problems_.push_back(
        {{file_}, "cannot be read", {}, "name a scenario file that exists and is readable"});
    return;
  }
  try {
    table_ = toml::parse(text.str(), file_);
    ok_ = true;
    places_[prefix_] = {file_};
  } catch (const toml::parse_error& error) {
    problems_.push_back({location(file_, error.source()),
                         "not TOML: " + std::string(error.description()),
                         {},
                         "mend the syntax (docs/scenarios.md shows the format)"});
  }
}

TomlTable TomlReader::root() { return TomlTable(*this, &table_, prefix_); }

TomlTable::TomlTable(TomlReader& reader, const toml::table* table, std::string path)
    : reader_(&reader), table_(table), path_(std::move(path)) {}

std::string TomlTable::full(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

const toml::node* TomlTable::find(std::string_view key) {
  known_.emplace_back(key);
  if (!table_) return nullptr;
  const toml::node* node = table_->get(key);
  if (node) reader_->places_[full(key)] = location(reader_->file_, node->source());
  return node;
}

Location TomlTable::place(std::string_view key) const {
  if (table_) {
    if (const toml::node* node = table_->get(key)) {
      return location(reader_->file_, node->source());
    }
    if (table_->source().begin.line != 0) return location(reader_->file_, table_->source());
  }
  return {reader_->file_};
}

void TomlTable::problem(std::string_view key, std::string what, std::string remedy) {
  reader_->problems_.push_back({place(key), std::move(what), {}, std::move(remedy)});
}

void TomlTable::wrong_type(std::string_view key, const toml::node& node, std::string_view wanted) {
  problem(key, fmt::format("'{}' is {}", full(key), type_name(node)),
          fmt::format("give {}", wanted));
}

bool TomlTable::get(std::string_view key, std::string& out) {
  const toml::node* node = find(key);
  if (!node) return false;
  if (!node->is_string()) return wrong_type(key, *node, "a string in quotes"), false;
  out = node->as_string()->get();
  return true;
}

bool TomlTable::get(std::string_view key, bool& out) {
  const toml::node* node = find(key);
  if (!node) return false;
  if (!node->is_boolean()) return wrong_type(key, *node, "true or false"), false;
  out = node->as_boolean()->get();
  return true;
}

bool TomlTable::get(std::string_view key, double& out, double min, double max) {
  const toml::node* node = find(key);
  if (!node) return false;
  const auto value = node->value<double>();
  if (!node->is_number() || !value) return wrong_type(key, *node, "a number"), false;
  if (!(*value >= min && *value <= max)) {
    problem(key, fmt::format("'{}' is {}, out of range", full(key), *value),
            fmt::format("give {} to {}", min, max));
    return false;
  }
  out = *value;
  return true;
}

bool TomlTable::get_number(std::string_view key, std::uint64_t& out, std::uint64_t min,
                           std::uint64_t max) {
  const toml::node* node = find(key);
  if (!node) return false;
  if (!node->is_integer()) return wrong_type(key, *node, "an integer"), false;
  const std::int64_t value = node->as_integer()->get();
  if (value < 0 || static_cast<std::uint64_t>(value) < min ||
      static_cast<std::uint64_t>(value) > max) {
    problem(key, fmt::format("'{}' is {}, out of range", full(key), value),
            fmt::format("give {} to {}", min, max));
    return false;
  }
  out = static_cast<std::uint64_t>(value);
  return true;
}

bool TomlTable::get_size(std::string_view key, std::uint64_t& out) {
  const toml::node* node = find(key);
  if (!node) return false;
  constexpr std::string_view kWanted = "a size such as \"512M\", \"2G\" or \"0x1000\"";
  if (node->is_integer() && node->as_integer()->get() >= 0) {
    out = static_cast<std::uint64_t>(node->as_integer()->get());
    return true;
  }
  if (!node->is_string()) return wrong_type(key, *node, kWanted), false;
  const std::string& text = node->as_string()->get();
  const auto size = parse_size(text);
  if (!size) {
    problem(key, fmt::format("'{}' is \"{}\", which is no size", full(key), text),
            fmt::format("give {}", kWanted));
    return false;
  }
  out = *size;
  return true;
}

bool TomlTable::get_range(std::string_view key, MemoryRange& out) {
  std::string text;
  if (!get(key, text)) return false;
  const auto range = parse_range(text);
  if (!range) {
    problem(key, fmt::format("'{}' is \"{}\", which is no memory range", full(key), text),
            "give \"START-END\" with START below END, such as \"256M-512M\"");
    return false;
  }
  out = *range;
  return true;
}

bool TomlTable::get_choice(std::string_view key, unsigned& out,
                           std::span<const std::string_view> names) {
  std::string text;
  if (!get(key, text)) return false;
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    std::string list;
    for (std::string_view name : names)
      list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", name);
    const std::string_view near = did_you_mean(text, names);
    problem(key,
            fmt::format("'{}' is \"{}\"{}", full(key), text,
                        near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near)),
            "give one of " + list);
    return false;
  }
  out = static_cast<unsigned>(found - names.begin());
  return true;
}

bool TomlTable::get_numbers(std::string_view key, std::vector<unsigned>& out, std::uint64_t min,
                            std::uint64_t max) {
  const toml::node* node = find(key);
  if (!node) return false;
  const std::string wanted = fmt::format("a list of integers from {} to {}", min, max);
  if (!node->is_array()) return wrong_type(key, *node, wanted), false;
  std::vector<unsigned> values;
  for (const toml::node& item : *node->as_array()) {
    if (!item.is_integer()) return wrong_type(key, item, wanted), false;
    const std::int64_t value = item.as_integer()->get();
    if (value < 0 || static_cast<std::uint64_t>(value) < min ||
        static_cast<std::uint64_t>(value) > max) {
      problem(key, fmt::format("'{}' holds {}, out of range", full(key), value), "give " + wanted);
      return false;
    }
    values.push_back(static_cast<unsigned>(value));
  }
  out = std::move(values);
  return true;
}

bool TomlTable::get_strings(std::string_view key, std::vector<std::string>& out) {
  const toml::node* node = find(key);
  if (!node) return false;
  if (!node->is_array()) return wrong_type(key, *node, "a list of strings"), false;
  std::vector<std::string> values;
  for (const toml::node& item : *node->as_array()) {
    if (!item.is_string()) return wrong_type(key, item, "a list of strings"), false;
    values.push_back(item.as_string()->get());
  }
  out = std::move(values);
  return true;
}

TomlTable TomlTable::table(std::string_view key) {
  const toml::node* node = find(key);
  if (node && !node->is_table()) {
    wrong_type(key, *node, fmt::format("a table, [{}]", full(key)));
    node = nullptr;
  }
  return TomlTable(*reader_, node ? node->as_table() : nullptr, full(key));
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) {
  std::vector<TomlTable> result;
  const toml::node* node = find(key);
  if (!node) return result;
  if (!node->is_array_of_tables()) {
    wrong_type(key, *node, fmt::format("one or more tables, [[{}]]", full(key)));
    return result;
  }
  for (const toml::node& item : *node->as_array()) {
    const std::string path = fmt::format("{}[{}]", full(key), result.size());
    reader_->places_[path] = location(reader_->file_, item.source());
    result.emplace_back(*reader_, item.as_table(), path);
  }
  return result;
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::string> result;
  if (!table_) return result;
  std::vector<const toml::key*> in_order;
  for (const auto& [key, node] : *table_) in_order.push_back(&key);
  std::sort(in_order.begin(), in_order.end(), [](const toml::key* a, const toml::key* b) {
    const auto& left = a->source().begin;
    const auto& right = b->source().begin;
    return std::pair(left.line, left.column) < std::pair(right.line, right.column);
  });
  for (const toml::key* key : in_order) result.emplace_back(key->str());
  return result;
}

void TomlTable::done() {
  if (!table_) return;
  const std::vector<std::string_view> candidates(known_.begin(), known_.end());
  for (const auto& [key, node] : *table_) {
    const std::string_view name = key.str();
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::string_view near = did_you_mean(name, candidates);
    const std::string where = path_.empty() ? "at the top of a scenario" : "in [" + path_ + "]";
    reader_->problems_.push_back(
        {location(reader_->file_, key.source()),
         fmt::format("unknown key '{}' {}{}", name, where,
                     near.empty() ? "" : fmt::format(", did you mean '{}'?", near)),
         {},
         near.empty() ? "remove it; docs/scenarios.md lists the keys"
                      : fmt::format("write '{}' or remove it", near)});
  }
}

}  // namespace mint
