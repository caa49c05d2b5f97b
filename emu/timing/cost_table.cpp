#include "emu/timing/cost_table.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <map>
#include <stdexcept>

namespace mint {
namespace {

constexpr std::size_t kColumns = 6;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

double number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > 100'000)
    throw std::runtime_error(fmt::format("'{}' is not a number of cycles", text));
  return value;
}

Centicycles cycles(std::string_view text) {
  return static_cast<Centicycles>(std::lround(number(text) * 100));
}

OperandKind kind_of(std::string_view text) {
  static const std::map<std::string_view, OperandKind> kKinds = {
      {"-", OperandKind::kNone},    {"r8", OperandKind::kR8},
      {"r16", OperandKind::kR16},   {"r32", OperandKind::kR32},
      {"r64", OperandKind::kR64},   {"r", OperandKind::kRegister},
      {"m", OperandKind::kMemory},  {"md", OperandKind::kMemoryDirect},
      {"1", OperandKind::kOne},     {"i", OperandKind::kImmediate},
      {"x", OperandKind::kXmm},     {"mm", OperandKind::kMmx},
      {"st", OperandKind::kX87},    {"s", OperandKind::kSegment},
      {"c", OperandKind::kControl}, {"d", OperandKind::kDebug},
      {"*", OperandKind::kAny}};
  const auto found = kKinds.find(text);
  if (found == kKinds.end())
    throw std::runtime_error(fmt::format("'{}' is no kind of operand", text));
  return found->second;
}

// "p0+2*p015": into a row's counts.
void read_ports(std::string_view text, CostRow& row) {
  if (text == "-") return;
  for (std::string_view term : split(text, '+')) {
    unsigned count = 1;
    if (const std::size_t star = term.find('*'); star != std::string_view::npos) {
      count = static_cast<unsigned>(number(term.substr(0, star)));
      term.remove_prefix(star + 1);
    }
    if (term == "p2") {
      row.load_uops = static_cast<std::uint8_t>(row.load_uops + count);
      continue;
    }
    unsigned set = 0;
    for (const char c : term) {
      if (c == '0') set |= 1;
      if (c == '1') set |= 2;
      if (c == '5') set |= 4;
    }
    if (set == 0 || term[0] != 'p')
      throw std::runtime_error(fmt::format("'{}' is no set of ports", term));
    row.ports[set] = static_cast<std::uint8_t>(row.ports[set] + count);
  }
}

// "3", "3,4" (from the first operand, from the others), "3;10" (to a second result).
void read_latency(std::string_view text, CostRow& row) {
  std::string_view second_result;
  if (const std::size_t at = text.find(';'); at != std::string_view::npos) {
    second_result = text.substr(at + 1);
    text = text.substr(0, at);
  }
  const auto parts = split(text, ',');
  row.latency = cycles(parts.front());
  row.latency_second = cycles(parts.back());
  row.latency_second_result =
      second_result.empty() ? std::max(row.latency, row.latency_second) : cycles(second_result);
}

void read_attribute(std::string_view text, CostRow& row) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view{} : text.substr(equals + 1);
  if (name == "serial") {
    row.serial = cycles(value);
  } else if (name == "busy") {
    row.busy = cycles(value);
  } else if (name == "divide") {
    row.divide = cycles(value);
  } else if (name == "jump") {
    row.jump = cycles(value);
  } else if (name == "rep") {
    const auto parts = split(value, ':');
    row.rep_step = static_cast<std::uint16_t>(number(parts.front()));
    row.rep_start = static_cast<std::uint16_t>(number(parts.back()));
  } else if (text == "dest=w") {
    row.writes_first = true;
  } else if (text == "dest=r") {
    row.reads_first = true;
  } else if (text == "dest=rw") {
    row.writes_first = row.reads_first = true;
  } else if (text == "flags") {
    row.reads_flags = true;
  } else if (text == "zero") {
    row.zero_idiom = true;
  } else if (text == "both") {
    row.both_written = true;
  } else if (text == "locked") {
    row.locked = true;
  } else if (text == "nt") {
    row.non_temporal = true;
  } else if (text == "no-load") {
    row.no_load = true;
  } else {
    throw std::runtime_error(fmt::format("'{}' is no attribute", text));
  }
}

bool is_register(OperandKind kind) { return kind >= OperandKind::kR8 && kind <= OperandKind::kR64; }

// `exact`: an operand in memory is not taken for the register that it stands for.
bool matches(OperandKind pattern, OperandKind operand, bool exact) {
  if (pattern == operand) return true;
  switch (pattern) {
    case OperandKind::kRegister:
      if (is_register(operand)) return true;
      break;
    case OperandKind::kMemory:
      return operand == OperandKind::kMemoryDirect;
    case OperandKind::kImmediate:
      return operand == OperandKind::kOne;
    default:
      break;
  }
  const bool memory = operand == OperandKind::kMemory || operand == OperandKind::kMemoryDirect;
  const bool in_register = is_register(pattern) || pattern == OperandKind::kRegister ||
                           pattern == OperandKind::kXmm || pattern == OperandKind::kMmx ||
                           pattern == OperandKind::kX87;
  return !exact && memory && in_register;
}

bool matches(const CostRow& row, const std::vector<OperandKind>& operands, bool exact) {
  for (std::size_t i = 0; i < row.operands.size(); ++i) {
    const OperandKind pattern = row.operands[i];
    if (pattern == OperandKind::kAny && i + 1 == row.operands.size()) return true;
    if (pattern == OperandKind::kNone) return operands.empty();
    if (i >= operands.size()) return false;
    if (pattern != OperandKind::kAny && !matches(pattern, operands[i], exact)) return false;
  }
  return row.operands.size() == operands.size();
}

}  // namespace

CostTable::CostTable(std::string_view text) {
  unsigned line_number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++line_number;
    if (line.empty() || line[0] == '#') continue;
    try {
      add_line(line, line_number);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(
          fmt::format("table of instruction costs, line {}: {}", line_number, error.what()));
    }
  }
}

void CostTable::add_line(std::string_view line, unsigned number) {
  const auto columns = split(line, '\t');
  if (columns.size() != kColumns)
    throw std::runtime_error(fmt::format("{} columns, not {}", columns.size(), kColumns));
  if (columns[5].empty()) throw std::runtime_error("no source");
  CostRow row;
  for (const std::string_view operand : split(columns[1], ','))
    row.operands.push_back(kind_of(operand));
  read_ports(columns[2], row);
  read_latency(columns[3], row);
  if (!columns[4].empty())
    for (const std::string_view attribute : split(columns[4], ',')) read_attribute(attribute, row);
  ++count_;
  if (columns[0] == "default") {
    row.known = false;
    default_ = row;
    return;
  }
  for (const std::string_view name : split(columns[0], '|')) {
    if (name.empty()) throw std::runtime_error(fmt::format("line {} names nothing", number));
    rows_[std::string(name)].push_back(row);
  }
}

const CostTable& CostTable::nehalem() {
  static const CostTable table(kNehalemTable);
  return table;
}

const CostRow& CostTable::find(std::string_view name,
                               const std::vector<OperandKind>& operands) const {
  const auto rows = rows_.find(name);
  if (rows == rows_.end()) return default_;
  for (const bool exact : {true, false})
    for (const CostRow& row : rows->second)
      if (matches(row, operands, exact)) return row;
  return default_;
}

}  // namespace mint
