#include "bench/accuracy/operands.hpp"

#include <fmt/format.h>

#include <cctype>
#include <regex>

namespace mint::accuracy {

std::string trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return std::string(text);
}

std::vector<std::string> split_operands(std::string_view text) {
  std::vector<std::string> parts;
  int depth = 0;
  std::string part;
  for (const char c : text) {
    if (c == '[' || c == '(') ++depth;
    if (c == ']' || c == ')') --depth;
    if (c == ',' && depth == 0) {
      parts.push_back(trim(part));
      part.clear();
    } else {
      part += c;
    }
  }
  if (!trim(part).empty()) parts.push_back(trim(part));
  return parts;
}

std::string general(unsigned index, unsigned width) {
  static const char* const kNames[] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
  if (index >= 8) {
    const char* suffix = width == 8 ? "b" : width == 16 ? "w" : width == 32 ? "d" : "";
    return fmt::format("r{}{}", index, suffix);
  }
  std::string name = kNames[index];
  switch (width) {
    case 8:
      return index < 4 ? name.substr(0, 1) + "l" : name + "l";
    case 16:
      return name;
    case 32:
      return "e" + name;
    default:
      return "r" + name;
  }
}

std::optional<Operand> parse_operand(std::string_view given) {
  using Kind = Operand::Kind;
  const std::string text = trim(given);
  std::smatch m;
  static const std::regex kGeneral("r(?:([12])_)?(8|16|32|64)");
  static const std::regex kVector("(xmm|xm|mm)([12]?)");
  static const std::regex kMemory("\\[m(?:em|(\\d+))\\s*(?:\\+\\s*(\\d+))?\\]");
  static const std::regex kImmediate("imm?(8|16|32|64)(_0)?");
  static const std::regex kAddress("\\[(?:r(?:32|64)|disp(?:8|32)|8|\\s|[+*])+\\]");
  static const std::regex kLiteral("0x[0-9a-fA-F]+|\\d+");
  static const std::regex kNamed("[abcd][lh]|e?[abcd]x|r[abcd]x|[re]?[sd]i|[c-gs]s");
  if (std::regex_match(text, m, kGeneral))
    return Operand{Kind::kGeneral, static_cast<unsigned>(std::stoul(m[2])),
                   m[1].matched ? static_cast<unsigned>(std::stoul(m[1])) : 0, ""};
  if (std::regex_match(text, m, kVector))
    return Operand{m[1] == "mm" ? Kind::kMmx : Kind::kXmm, m[1] == "mm" ? 64u : 128u,
                   m[2].length() > 0 ? static_cast<unsigned>(std::stoul(m[2])) : 0, ""};
  if (std::regex_match(text, m, kMemory))
    return Operand{Kind::kMemory, m[1].matched ? static_cast<unsigned>(std::stoul(m[1])) : 0, 0,
                   m[2].matched ? m[2].str() : "0"};
  if (std::regex_match(text, m, kImmediate)) {
    // The linker gives the zeros their value: the assembler would take a shorter form.
    const bool zero = m[2].matched;
    const std::string width = m[1];
    if (width == "8") return Operand{Kind::kFixed, 8, 0, zero ? "0" : "5"};
    if (zero) return Operand{Kind::kFixed, 0, 0, "offset zero"};
    if (width == "16") return Operand{Kind::kFixed, 16, 0, "0x1234"};
    if (width == "32") return Operand{Kind::kFixed, 32, 0, "0x12345678"};
    return Operand{Kind::kFixed, 64, 0, "0x123456789abcdef0"};
  }
  if (std::regex_match(text, m, kAddress))
    return Operand{Kind::kAddress, 0, 0, text.substr(1, text.size() - 2)};
  if (text == "st" || text == "st(0)") return Operand{Kind::kFixed, 80, 0, "st"};
  if (text == "st(i)" || text == "st(1)") return Operand{Kind::kX87, 80, 0, ""};
  if (text == "<xmm0>") return Operand{Kind::kFixed, 128, 0, "xmm0"};
  if (std::regex_match(text, kLiteral) || std::regex_match(text, kNamed))
    return Operand{Kind::kFixed, 0, 0, text};
  return std::nullopt;
}

namespace {

const char* pointer_of(unsigned width) {
  switch (width) {
    case 8:
      return "byte ptr ";
    case 16:
      return "word ptr ";
    case 32:
      return "dword ptr ";
    case 64:
      return "qword ptr ";
    case 80:
      return "tbyte ptr ";
    case 128:
      return "xmmword ptr ";
    default:
      return "";
  }
}

// "r64 + r64 * 8 + disp8" with the copy's register.
std::string address_of(const std::string& terms, const Choice& choice) {
  std::string out = terms;
  const auto replace = [&](const std::string& what, const std::string& with) {
    for (std::size_t at = 0; (at = out.find(what, at)) != std::string::npos; at += with.size())
      out.replace(at, what.size(), with);
  };
  replace("disp32", "0x12345678");
  replace("disp8", "0x12");
  replace("r64", general(choice.general, 64));
  replace("r32", general(choice.general, 32));
  return "[" + out + "]";
}

}  // namespace

std::string render(const Operand& operand, const Choice& choice) {
  const bool other = operand.number == 2;
  switch (operand.kind) {
    case Operand::Kind::kGeneral:
      return general(other ? choice.other_general : choice.general, operand.width);
    case Operand::Kind::kXmm:
      return fmt::format("xmm{}", other ? choice.other_vector : choice.vector);
    case Operand::Kind::kMmx:
      return fmt::format("mm{}", other ? choice.other_mmx : choice.mmx);
    case Operand::Kind::kX87:
      return fmt::format("st({})", choice.x87);
    case Operand::Kind::kMemory:
      return choice.chased ? fmt::format("{}[{} + buffer + {}]", pointer_of(operand.width),
                                         general(choice.general, 64), operand.text)
                           : fmt::format("{}[r14 + {} + {}]", pointer_of(operand.width),
                                         choice.offset, operand.text);
    case Operand::Kind::kAddress:
      return address_of(operand.text, choice);
    case Operand::Kind::kFixed:
      break;
  }
  return operand.text;
}

}  // namespace mint::accuracy
