#include "bench/accuracy/special_forms.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <functional>
#include <map>
#include <regex>

#include "bench/accuracy/operands.hpp"

namespace mint::accuracy {
namespace {

Test repeated(const std::string& setup, const std::function<std::string(unsigned)>& copy) {
  Test test;
  test.chain.setup = test.stream.setup = setup;
  for (unsigned i = 0; i < kCopies; ++i) {
    test.chain.copies.push_back(copy(0));
    test.stream.copies.push_back(copy(i));
  }
  return test;
}

Test repeated(const std::string& setup, const std::string& copy) {
  return repeated(setup, [&](unsigned) { return copy; });
}

// "5x 0x66 NOP", "LNOP4 [eax+disp8], eax", "2x66 LNOPA [SIB+disp32], ax"
std::optional<Test> nop(const std::string& form) {
  static const std::regex kShort("(?:(?:(\\d+)x )?0x66 )?NOP");
  static const std::regex kLong("(?:(\\d+)x66 )?LNOP([0-9A-F]) .*");
  std::smatch m;
  if (std::regex_match(form, m, kShort)) {
    const bool prefixed = form != "NOP";
    const unsigned count = m[1].matched ? static_cast<unsigned>(std::stoul(m[1]))
                           : prefixed   ? 1
                                        : 0;
    return repeated("", fmt::format(".fill {}, 1, 0x66\n.byte 0x90\n", count));
  }
  if (!std::regex_match(form, m, kLong)) return std::nullopt;
  // Intel SDM vol. 2B, NOP, table 4-12; longer ones have more prefixes.
  static const char* const kForms[] = {"0x0f, 0x1f, 0x00",
                                       "0x0f, 0x1f, 0x40, 0",
                                       "0x0f, 0x1f, 0x44, 0, 0",
                                       "0x66, 0x0f, 0x1f, 0x44, 0, 0",
                                       "0x0f, 0x1f, 0x80, 0, 0, 0, 0",
                                       "0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0"};
  const auto length = static_cast<unsigned>(std::stoul(m[2], nullptr, 16));
  if (length < 3 || length > 14) return std::nullopt;
  const unsigned prefixes = length > 8 ? length - 8 : 0;
  return repeated(
      "", fmt::format(".fill {}, 1, 0x66\n.byte {}\n", prefixes, kForms[length - prefixes - 3]));
}

std::optional<Test> cpuid(const std::string& form) {
  static const std::regex kForm("CPUID \\(EAX = (\\w+)\\)");
  std::smatch m;
  if (!std::regex_match(form, m, kForm)) return std::nullopt;
  return repeated("", fmt::format("mov eax, {}\ncpuid\n", m[1].str()));
}

// --- divisions
//
// "DIV r32 48/32b eax upd": a dividend of 48 bits by a divisor of 32, EAX loaded anew each time;
// what is not loaded anew is handed on. The values are such that every division is like the first:
// the remainder is the old high half. Without anything loaded anew, quotient and remainder are the
// old halves.

using Wide = unsigned __int128;

struct Division {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::uint64_t divisor = 1;
};

std::uint64_t bits_of_ones(unsigned bits) {
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

// A divisor of `bits` bits that is no power of two where it can be.
std::uint64_t divisor_of(unsigned bits) {
  if (bits <= 2) return bits == 2 ? 3 : 1;
  return (std::uint64_t{1} << (bits - 1)) | (std::uint64_t{1} << (bits - 1)) / 3 | 1;
}

Division stable_division(unsigned dividend_bits, unsigned divisor_bits, unsigned width,
                         bool low_loaded, bool high_loaded, bool is_signed) {
  Division d;
  d.divisor = divisor_of(divisor_bits);
  if (dividend_bits == 0) return d;
  if (!low_loaded && !high_loaded && dividend_bits > width) {
    // low * divisor + high = high * 2^width + low
    const std::uint64_t ones = bits_of_ones(width);
    if (!is_signed) {
      d.divisor = ones;
      d.low = ones;
      d.high = ones - 1;
    } else {
      d.divisor = ones / 3 + 1;
      d.low = bits_of_ones(width - 1) - 1;
      d.high = d.low / 3;
    }
    return d;
  }
  if (dividend_bits > width) {
    d.high = std::uint64_t{1} << (dividend_bits - width - 1) |
             (std::uint64_t{1} << (dividend_bits - width - 1)) / 3;
    if (d.high >= d.divisor) d.high = d.divisor / 2 + 1;
    // low = high - high * 2^width, modulo the divisor
    const Wide shifted = (static_cast<Wide>(d.high) << width) % d.divisor;
    d.low = static_cast<std::uint64_t>((d.high + d.divisor - shifted) % d.divisor);
    return d;
  }
  // The remainder is to be 0: a multiple of the divisor with so many bits.
  const std::uint64_t most = bits_of_ones(dividend_bits);
  d.low = most / d.divisor * d.divisor;
  if (d.low == 0) d.low = most / 2 + 1;  // the quotient is 0
  return d;
}

std::optional<Test> division(const std::string& form) {
  static const std::regex kBits("(I?)DIV r(8|16|32|64) (\\d+)/\\s*(\\d+)b?(.*)");
  static const std::regex kPowers("(I?)DIV r(8|16|32|64) 2\\^(\\d+)/2\\^(\\d+)(.*)");
  std::smatch m;
  const bool powers = std::regex_match(form, m, kPowers);
  if (!powers && !std::regex_match(form, m, kBits)) return std::nullopt;
  const bool is_signed = m[1].length() > 0;
  const auto width = static_cast<unsigned>(std::stoul(m[2]));
  const auto dividend = static_cast<unsigned>(std::stoul(m[3]));
  const auto divisor = static_cast<unsigned>(std::stoul(m[4]));
  const std::string rest = m[5];
  const bool byte = width == 8;
  const bool high_loaded = rest.find("dx") != std::string::npos;
  const bool low_loaded = rest.find("ax") != std::string::npos;
  Division d;
  if (powers) {
    const Wide value = static_cast<Wide>(1) << dividend;
    d = {static_cast<std::uint64_t>(value) & bits_of_ones(width),
         static_cast<std::uint64_t>(value >> width), std::uint64_t{1} << divisor};
  } else if (form.find("1/1") != std::string::npos) {
    d = {1, 0, 1};
  } else {
    d = stable_division(dividend, divisor, width, low_loaded, high_loaded || byte, is_signed);
  }
  // AX holds both halves of a byte division.
  const std::uint64_t low = byte ? d.low | d.high << 8 : d.low;
  const std::string loads_low = fmt::format("mov {}, {:#x}\n",
                                            general(kRax, byte          ? 16
                                                          : width == 64 ? 64
                                                                        : 32),
                                            low);
  const std::string loads_high =
      byte ? "" : fmt::format("mov {}, {:#x}\n", general(kRdx, width == 64 ? 64 : 32), d.high);
  const std::string divide = fmt::format("{}div {}\n", is_signed ? "i" : "", general(kRcx, width));
  const std::string setup = loads_low + loads_high + fmt::format("mov rcx, {:#x}\n", d.divisor);
  return repeated(setup, (low_loaded ? loads_low : "") + (high_loaded ? loads_high : "") + divide);
}

// --- SSE and x87 values
//
// "DIVSD (x/2.0)", "SQRTPS (1.0f)"; without a value, one that has no short cut.
std::optional<Test> sse_values(const std::string& form) {
  static const std::regex kDivide("DIV([SP][SD])(?: xmm, xmm| \\((0\\.0|x)f?/(x|[0-9.]+)f?\\))");
  static const std::regex kRoot("SQRT([SP][SD])(?: xmm, xmm| \\(([0-9.]+)f?\\))");
  std::smatch m;
  const bool divide = std::regex_match(form, m, kDivide);
  if (!divide && !std::regex_match(form, m, kRoot)) return std::nullopt;
  const bool single = m[1].str()[1] == 'S';
  const std::string directive = single ? "float" : "double";
  const std::string width = single ? ".rept 4\n.float " : ".rept 2\n.double ";
  std::string dividend = "3.3";
  std::string divisor = "1.0000001";
  if (divide && m[2].matched) {
    dividend = m[2] == "0.0" ? "0.0" : "3.3";
    divisor = m[3] == "x" ? "1.7" : m[3].str();
  }
  if (!divide) divisor = m[2].matched ? m[2].str() : "1.7";
  std::string setup = fmt::format(
      "jmp 9f\n.balign 16\n7: {0}{1}\n.endr\n8: {0}{2}\n.endr\n9:\nmovaps xmm15, xmmword ptr "
      "[rip + 8b]\n",
      width, dividend, divisor);
  for (unsigned i = 0; i < 15; ++i)
    setup += fmt::format("movaps xmm{}, xmmword ptr [rip + 7b]\n", i);
  std::string name = (divide ? "div" : "sqrt") + m[1].str();
  for (char& c : name) c = static_cast<char>(std::tolower(c));
  // A division's quotient is divided again; a root is always taken of the same value.
  return repeated(setup,
                  [=](unsigned i) { return fmt::format("{} xmm{}, xmm15\n", name, 1 + i % 13); });
}

// "FDIV32 st(i), st", "FDIV80 (x/1.0l)", "FSQRT64 st": the precision is that of the control word.
std::optional<Test> x87_values(const std::string& form) {
  static const std::regex kDivide(
      "FDIV(32|64|80)(?: st\\(i\\), st| \\((0\\.0|x)[lf]?/(x|[0-9.]+)[lf]?\\))");
  static const std::regex kRoot("FSQRT(32|64|80) (?:st|\\(([0-9.]+)[lf]?\\))");
  static const std::map<std::string, unsigned> kControl = {
      {"32", 0x007f}, {"64", 0x027f}, {"80", 0x037f}};
  std::smatch m;
  const bool divide = std::regex_match(form, m, kDivide);
  if (!divide && !std::regex_match(form, m, kRoot)) return std::nullopt;
  std::string dividend = "3.3";
  std::string divisor = "1.0000001";
  if (divide && m[2].matched) {
    dividend = m[2] == "0.0" ? "0.0" : "3.3";
    divisor = m[3] == "x" ? "1.7" : m[3].str();
  }
  if (!divide && m[2].matched) divisor = m[2];
  std::string setup = fmt::format(
      "jmp 9f\n7: .double {}\n8: .double {}\n6: .word {:#x}\n9: fninit\nfldcw word ptr [rip + "
      "6b]\n",
      dividend, divide || m[2].matched ? divisor : "1.7", kControl.at(m[1]));
  if (!divide) return repeated(setup, "fld qword ptr [rip + 8b]\nfsqrt\nfstp st(0)\n");
  for (unsigned i = 0; i < 6; ++i) setup += "fld qword ptr [rip + 7b]\n";
  setup += "fld qword ptr [rip + 8b]\n";
  return repeated(setup, [](unsigned i) { return fmt::format("fdiv st({}), st\n", 1 + i % 6); });
}

// "FSIN80 (Pi/4) + FADD", "FCOS80 (0.73908513...)+FADD"
std::optional<Test> sine(const std::string& form) {
  static const std::regex kForm("(FSIN|FCOS|FSINCOS|FPTAN)80 \\(([^)]*)\\)\\s*(\\+ ?FADD)?");
  std::smatch m;
  if (!std::regex_match(form, m, kForm)) return std::nullopt;
  std::string text = m[2];
  double value = 1;
  if (const std::size_t pi = text.find("Pi"); pi != std::string::npos) {
    value = 3.14159265358979323846;
    if (pi > 0) value *= std::stod(text.substr(0, pi));
    if (const std::size_t slash = text.find('/'); slash != std::string::npos)
      value /= std::stod(text.substr(slash + 1));
  } else {
    value = std::stod(text);
  }
  std::string name = m[1];
  for (char& c : name) c = static_cast<char>(std::tolower(c));
  const bool two = name == "fsincos" || name == "fptan";
  const std::string setup =
      fmt::format("jmp 9f\n7: .double {:.17g}\n9: fninit\nfld1\nfld1\n", value);
  return repeated(setup,
                  fmt::format("fld qword ptr [rip + 7b]\n{}\n{}{}", name, two ? "fstp st(0)\n" : "",
                              m[3].matched ? "faddp st(1), st\n" : "fstp st(0)\n"));
}

// "FMUL st, st(i), FXCH st(i)", "FMUL + FADD st, st(i)"
std::optional<Test> x87_pairs(const std::string& form) {
  std::string setup = "fninit\n";
  for (unsigned i = 0; i < 7; ++i) setup += "fld1\n";
  if (form == "FMUL st, st(i), FXCH st(i)") {
    Test test = repeated(
        setup, [](unsigned i) { return fmt::format("fmul st, st(7)\nfxch st({})\n", 1 + i % 5); });
    for (std::string& copy : test.chain.copies) copy = "fmul st, st(1)\nfxch st(1)\n";
    return test;
  }
  if (form == "FMUL + FADD st, st(i)") return repeated(setup, "fmul st, st(1)\nfadd st, st(2)\n");
  return std::nullopt;
}

// --- two chains side by side: "MULPS xm1,xm1 ADDPS xm2,xm2", "4xADDPD xm1,xm1 4x xm2,xm2"
std::optional<Test> side_by_side(const std::string& form) {
  static const std::regex kTwo("(\\w+) xm1,xm1 (\\w+) xm2,xm2");
  static const std::regex kMany("(\\d)x(\\w+) xm1,xm1 (\\d)x xm2,xm2");
  std::smatch m;
  std::string setup;
  for (unsigned i = 0; i < 16; ++i) setup += fmt::format("movaps xmm{}, xmmword ptr [ones]\n", i);
  const auto lower = [](std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(c));
    return text;
  };
  if (std::regex_match(form, m, kMany)) {
    const std::string name = lower(m[2]);
    const std::string text =
        fmt::format(".rept {0}\n{2} xmm1, xmm1\n.endr\n.rept {1}\n{2} xmm2, xmm2\n.endr\n",
                    m[1].str(), m[3].str(), name);
    return repeated(setup, text);
  }
  if (!std::regex_match(form, m, kTwo)) return std::nullopt;
  const std::string first = lower(m[1]);
  const std::string second = lower(m[2]);
  return repeated(setup, [=](unsigned i) {
    const unsigned r = i % 7;
    return fmt::format("{0} xmm{2}, xmm{2}\n{1} xmm{3}, xmm{3}\n", first, second, 1 + r, 8 + r);
  });
}

// "IMUL r16 (dx)", "MUL r8 (al)": the operand is the half of the product that the chain goes
// through.
std::optional<Test> multiplication(const std::string& form) {
  static const std::regex kForm("(I?MUL) r(8|16|32|64) \\((\\w+)\\)");
  std::smatch m;
  if (!std::regex_match(form, m, kForm)) return std::nullopt;
  const std::string name = m[1] == "MUL" ? "mul" : "imul";
  Test test =
      repeated("mov eax, 1\nxor edx, edx\nmov ecx, 1\n", fmt::format("{} {}\n", name, m[3].str()));
  const auto width = static_cast<unsigned>(std::stoul(m[2]));
  for (std::string& copy : test.stream.copies)
    copy = fmt::format("{} {}\n", name, general(kRcx, width));
  return test;
}

}  // namespace

std::optional<Test> build_special(const std::string& form) {
  for (const auto build : {nop, cpuid, division, sse_values, x87_values, sine, x87_pairs,
                           side_by_side, multiplication})
    if (std::optional<Test> test = build(form)) return test;
  return std::nullopt;
}

}  // namespace mint::accuracy
