#include "bench/accuracy/form.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <regex>

#include "bench/accuracy/operands.hpp"
#include "bench/accuracy/special_forms.hpp"

namespace mint::accuracy {
namespace {

struct Piece {
  std::string prefix;    // "lock ", "addr32 "
  std::string mnemonic;  // lower case
  std::vector<Operand> operands;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool has(const Piece& piece, Operand::Kind kind) {
  return std::any_of(piece.operands.begin(), piece.operands.end(),
                     [kind](const Operand& o) { return o.kind == kind; });
}

// "LOCK ADD [m32], r32"
std::optional<Piece> parse_piece(std::string text) {
  Piece piece;
  text = trim(text);
  // What a form says about its registers or values: "(dx)".
  static const std::regex kNote("\\s*\\((?!i\\))[^)]*\\)\\s*$");
  text = std::regex_replace(text, kNote, "");
  if (text.starts_with("LOCK ")) {
    piece.prefix = "lock ";
    text = trim(text.substr(5));
  } else if (text.starts_with("ASP ")) {
    // Address-size prefix: implied by 32 bit registers, needed without.
    text = trim(text.substr(4));
    if (text.find("r32 ") == std::string::npos && text.find("[r32") == std::string::npos)
      piece.prefix = "addr32 ";
  }
  const std::size_t space = text.find(' ');
  piece.mnemonic = lower(text.substr(0, space));
  if (space == std::string::npos) return piece;
  for (const std::string& part : split_operands(text.substr(space))) {
    const std::optional<Operand> operand = parse_operand(part);
    if (!operand) return std::nullopt;
    piece.operands.push_back(*operand);
  }
  // Between memory and a vector register the instruction says how much it is.
  const bool converts = piece.mnemonic.starts_with("cvt") || piece.mnemonic.starts_with("pinsr");
  if (!converts && (has(piece, Operand::Kind::kXmm) || has(piece, Operand::Kind::kMmx)))
    for (Operand& operand : piece.operands)
      if (operand.kind == Operand::Kind::kMemory) operand.width = 0;
  return piece;
}

bool has_fixed(const Piece& piece, std::string_view text) {
  return std::any_of(piece.operands.begin(), piece.operands.end(),
                     [text](const Operand& o) { return o.text == text; });
}

// Mnemonics whose second general register is not the first one in another width: what is moved
// between kinds of registers.
bool mixes_kinds(const Piece& piece) {
  bool general = false;
  bool vector = false;
  for (const Operand& o : piece.operands) {
    general |= o.kind == Operand::Kind::kGeneral;
    vector |= o.kind == Operand::Kind::kXmm || o.kind == Operand::Kind::kMmx;
  }
  return general && vector;
}

bool writes_both(const Piece& piece) {
  return piece.mnemonic == "xchg" || piece.mnemonic == "xadd";
}

std::string text_of(const Piece& piece, const Choice& choice) {
  std::string text = piece.prefix + piece.mnemonic;
  for (std::size_t i = 0; i < piece.operands.size(); ++i)
    text += (i == 0 ? " " : ", ") + render(piece.operands[i], choice);
  return text;
}

// General registers for copies of `pieces`, without those that the instructions use by themselves.
std::vector<unsigned> pool_of(const std::vector<Piece>& pieces) {
  unsigned width = 0;
  bool uses_cl = false;
  for (const Piece& piece : pieces) {
    for (const Operand& o : piece.operands)
      if (o.kind == Operand::Kind::kGeneral) width = std::max(width, o.width);
    uses_cl |= has_fixed(piece, "cl");
  }
  // Narrower forms get registers that need no REX prefix, as far as there are any.
  std::vector<unsigned> pool = {kRcx, kRdx, kRbx, kRsi, kRdi, kRbp};
  if (width == 64 || width == 0) pool.insert(pool.end(), {8, 9, 10, 11, 12, 13});
  if (uses_cl) pool.erase(pool.begin());
  return pool;
}

Choice stream_choice(const std::vector<Piece>& pieces, const std::vector<unsigned>& pool,
                     unsigned copy) {
  Choice c;
  const bool both = std::any_of(pieces.begin(), pieces.end(), writes_both);
  const auto general = [&](unsigned i) { return pool[i % pool.size()]; };
  c.general = general(both ? 2 * copy : copy);
  if (both) c.other_general = general(2 * copy + 1);
  c.vector = 1 + copy % 13;
  c.mmx = copy % 7;
  c.x87 = 1 + copy % 6;
  c.offset = copy * 64;
  return c;
}

// Whether the loaded value can be the address of the next load.
bool chases(const std::vector<Piece>& pieces) {
  const Piece& first = pieces.front();
  return first.operands.size() >= 2 && first.operands[0].kind == Operand::Kind::kGeneral &&
         first.operands[1].kind == Operand::Kind::kMemory && first.operands[0].width <= 64;
}

// General registers hold 0, so that an address made of one stays what it is; vector registers 1.0.
std::string usual_setup(const std::vector<Piece>& pieces) {
  std::string text = "fninit\n";
  bool x87 = false;
  bool mmx = false;
  for (const Piece& piece : pieces) {
    mmx |= has(piece, Operand::Kind::kMmx);
    x87 |= piece.mnemonic[0] == 'f';
  }
  if (x87)
    for (unsigned i = 0; i < 7; ++i) text += "fld1\n";
  for (unsigned i = 0; i < 16; ++i) text += fmt::format("movaps xmm{}, xmmword ptr [ones]\n", i);
  if (mmx)
    for (unsigned i = 0; i < 8; ++i) text += fmt::format("pxor mm{0}, mm{0}\n", i);
  for (const unsigned r : {kRax, kRcx, kRdx, kRbx, kRbp, 8u, 9u, 10u, 11u, 12u, 13u})
    text += fmt::format("xor {0}, {0}\n", general(r, 32));
  // What other forms have stored, the chains must not load.
  text += "mov rdi, r14\nmov ecx, 640\nrep stosq\n";
  // String instructions walk through the buffer's second half.
  text += "lea rsi, [r14 + 0x80000]\nlea rdi, [r14 + 0xc0000]\ncld\n";
  const bool chased = chases(pieces);
  if (chased) text += "xor esi, esi\nxor edi, edi\n";
  return text;
}

Test test_of(const std::vector<Piece>& pieces,
             const std::function<std::string(const Choice&)>& copy_text) {
  Test test;
  const std::vector<unsigned> pool = pool_of(pieces);
  test.chain.setup = test.stream.setup = usual_setup(pieces);
  for (unsigned i = 0; i < kCopies; ++i) {
    Choice chain;
    chain.general = pool[0];
    if (std::any_of(pieces.begin(), pieces.end(), writes_both)) chain.other_general = pool[1];
    chain.chased = chases(pieces);
    test.chain.copies.push_back(copy_text(chain));
    test.stream.copies.push_back(copy_text(stream_choice(pieces, pool, i)));
  }
  return test;
}

Test simple_test(const std::vector<Piece>& pieces) {
  return test_of(pieces, [&](const Choice& choice) {
    std::string text;
    for (const Piece& piece : pieces) text += text_of(piece, choice) + "\n";
    return text;
  });
}

// Where the source of a conversion or a move between kinds is left out: "CVTPS2PI + CVTPI2PS".
Operand operand_kind(char kind, unsigned width) {
  switch (kind) {
    case 'g':
      return {Operand::Kind::kGeneral, width, 0, ""};
    case 'm':
      return {Operand::Kind::kMmx, 64, 0, ""};
    default:
      return {Operand::Kind::kXmm, 128, 0, ""};
  }
}

char conversion_kind(std::string_view part) {
  if (part.starts_with("si")) return 'g';
  if (part.starts_with("pi")) return 'm';
  return 'x';
}

bool add_left_out_operands(Piece& piece, unsigned width, bool mmx) {
  static const std::regex kConversion("cvtt?([a-z]{2})2([a-z]{2})");
  static const std::regex kInsert("p(insr|extr)([bwdq])");
  std::smatch m;
  if (std::regex_match(piece.mnemonic, m, kConversion)) {
    piece.operands = {operand_kind(conversion_kind(m[2].str()), width),
                      operand_kind(conversion_kind(m[1].str()), width)};
    return true;
  }
  if (std::regex_match(piece.mnemonic, m, kInsert)) {
    const bool insert = m[1] == "insr";
    const bool quad = width == 64 && m[2] == "d";
    if (quad) piece.mnemonic.back() = 'q';
    const Operand vector = operand_kind(mmx ? 'm' : 'x', 0);
    const unsigned general = m[2] == "q" || quad ? 64 : 32;
    const Operand r{Operand::Kind::kGeneral, general, 0, ""};
    const Operand immediate{Operand::Kind::kFixed, 8, 0, "0"};
    if (insert)
      piece.operands = {vector, r, immediate};
    else
      piece.operands = {r, vector, immediate};
    return true;
  }
  if (piece.mnemonic == "stmxcsr" || piece.mnemonic == "ldmxcsr") {
    piece.operands = {{Operand::Kind::kMemory, 32, 0, "0"}};
    return true;
  }
  return false;
}

// "MOVSS LS pair", "MOVUPS unaligned LS pair": a load, and a store to the same place.
std::optional<Test> load_store_pair(const std::string& form) {
  static const std::regex kPair("(\\w+) (?:(aligned|unaligned) )?LS pair");
  std::smatch m;
  if (!std::regex_match(form, m, kPair)) return std::nullopt;
  const std::string name = lower(m[1]);
  const unsigned width =
      name.ends_with("ss") || name == "movd" ? 32
      : name.ends_with("sd") || name == "movq" || name.find("lp") == 3 || name.find("hp") == 3
          ? 64
          : 128;
  const Operand vector{Operand::Kind::kXmm, 128, 0, ""};
  const Operand memory{Operand::Kind::kMemory, width, 0, m[2] == "unaligned" ? "4" : "0"};
  return simple_test({{"", name, {vector, memory}}, {"", name, {memory, vector}}});
}

// "MOV+ADD r32, r32": a copy, and an operation back into what was copied.
std::optional<Test> copy_pair(const std::string& first, const Piece& second) {
  if (second.operands.size() != 2 || second.operands[0].kind == Operand::Kind::kMemory)
    return std::nullopt;
  Piece copy{"", lower(first), second.operands};
  Piece operation = second;
  copy.operands[0].number = 2;
  operation.operands[1].number = 2;
  return test_of({copy, operation}, [=](const Choice& given) {
    Choice c = given;
    // The other register goes with the first, so that the pairs of a stream are independent.
    static const std::vector<std::pair<unsigned, unsigned>> kPairs = {
        {kRcx, kRdx}, {kRbx, kRbp}, {kRsi, kRdi}};
    const auto& pair = kPairs[c.offset / 64 % kPairs.size()];
    c.general = pair.first;
    c.other_general = pair.second;
    c.vector = 1 + c.offset / 64 % 7;
    c.other_vector = c.vector + 7;
    c.mmx = c.offset / 64 % 3;
    c.other_mmx = c.mmx + 3;
    return text_of(copy, c) + "\n" + text_of(operation, c) + "\n";
  });
}

std::vector<std::string> split_pair(const std::string& form) {
  int depth = 0;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] == '[' || form[i] == '(') ++depth;
    if (form[i] == ']' || form[i] == ')') --depth;
    if (form[i] == '+' && depth == 0) return {trim(form.substr(0, i)), trim(form.substr(i + 1))};
  }
  return {form};
}

std::optional<Test> pair_test(const std::string& left, std::string right) {
  // "PEXTRB r64 + PINSRB r32", "CVTTSS2SI + CVTSI2SS r32": a width for both.
  static const std::regex kWidth("(\\w+) r(32|64)");
  std::smatch m;
  unsigned width = 32;
  std::string first = left;
  if (std::regex_match(right, m, kWidth) && !right.starts_with("POP")) {
    width = static_cast<unsigned>(std::stoul(m[2]));
    right = m[1];
  }
  const bool explicit_left = std::regex_match(left, m, kWidth) && !left.starts_with("PUSH");
  if (explicit_left) first = m[1];
  std::optional<Piece> a = parse_piece(first);
  std::optional<Piece> b = parse_piece(right);
  if (!a || !b) return std::nullopt;
  if (b->operands.empty()) {
    // PEXTRW and PINSRW of 64 bit width without the wider registers' name are the MMX forms.
    const bool mmx = a->mnemonic == "pextrw" && !explicit_left;
    const bool known =
        add_left_out_operands(*a, width, mmx) & add_left_out_operands(*b, width, mmx);
    if (known) {
      // Between kinds of registers each side's register is the other's source.
      return simple_test({*a, *b});
    }
    if (left == "MOVNTDQA")
      return simple_test(
          {{"",
            "movntdqa",
            {{Operand::Kind::kXmm, 128, 0, ""}, {Operand::Kind::kMemory, 128, 0, "0"}}},
           {"",
            "movntdq",
            {{Operand::Kind::kMemory, 128, 0, "0"}, {Operand::Kind::kXmm, 128, 0, ""}}}});
    return simple_test({*a, *b});
  }
  if (!a->operands.empty()) return simple_test({*a, *b});
  if (left.starts_with("MOV")) return copy_pair(left, *b);
  a->operands = b->operands;
  return simple_test({*a, *b});
}

// PUSHF and POPF of the 16 bit forms; string instructions that share a name with SSE's.
void settle_names(const InstructionRow& row, std::string& form) {
  if (row.isa != "X86") return;
  static const std::regex kFlags("\\b(PUSHF|POPF)\\b");
  form = std::regex_replace(form, kFlags, "$1W");
}

}  // namespace

std::optional<Test> build_test(const InstructionRow& row) {
  std::string form = row.form;
  settle_names(row, form);
  if (std::optional<Test> test = build_special(form)) return test;
  if (std::optional<Test> test = load_store_pair(form)) return test;
  const std::vector<std::string> parts = split_pair(form);
  if (parts.size() == 2) return pair_test(parts[0], parts[1]);
  std::optional<Piece> piece = parse_piece(form);
  if (!piece) return std::nullopt;
  if (mixes_kinds(*piece))
    for (Operand& o : piece->operands)
      if (o.kind == Operand::Kind::kGeneral && &o != &piece->operands[0]) o.number = 2;
  if (piece->mnemonic == "movntdqa" || piece->operands.empty()) {
    if (piece->mnemonic == "cmpxchg8b" || piece->mnemonic == "cmpxchg16b")
      piece->operands = {
          {Operand::Kind::kMemory, piece->mnemonic == "cmpxchg8b" ? 64u : 128u, 0, "0"}};
  }
  return simple_test({*piece});
}

}  // namespace mint::accuracy
