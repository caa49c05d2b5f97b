#include "traces/code_image.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

namespace mint {
namespace {

constexpr std::size_t kMostBytes = 256u << 20;  // of an unpacked kernel
constexpr std::size_t kShownFunctions = 6;

template <class T>
bool get(std::string_view bytes, std::uint64_t offset, T& value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof value) return false;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return true;
}

template <class Header, class Row>
void read_segments(CodeImage& image) {
  Header header;
  if (!get(image.bytes, 0, header)) return;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Row row;
    if (!get(image.bytes, header.e_phoff + std::uint64_t{i} * header.e_phentsize, row)) return;
    const bool inside =
        row.p_offset <= image.bytes.size() && row.p_filesz <= image.bytes.size() - row.p_offset;
    if (row.p_type == PT_LOAD && row.p_filesz != 0 && inside)
      image.segments.push_back({row.p_vaddr, row.p_offset, row.p_filesz});
  }
}

std::optional<CodeImage> read_elf(std::string bytes) {
  if (bytes.size() < EI_NIDENT || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0)
    return std::nullopt;
  const bool wide = bytes[EI_CLASS] == ELFCLASS64;
  CodeImage image;
  image.bytes = std::move(bytes);
  if (wide)
    read_segments<Elf64_Ehdr, Elf64_Phdr>(image);
  else
    read_segments<Elf32_Ehdr, Elf32_Phdr>(image);
  if (image.segments.empty()) return std::nullopt;
  return image;
}

// The packed kernel of a bzImage; empty when it is none.
std::string_view payload_of(std::string_view file) {
  constexpr std::uint64_t kSetupSectors = 0x1f1;
  constexpr std::uint64_t kMagic = 0x202;
  constexpr std::uint64_t kPayloadOffset = 0x248;  // from the end of the setup code on
  std::uint32_t magic = 0;
  std::uint8_t sectors = 0;
  std::uint32_t place[2];
  if (!get(file, kMagic, magic) || magic != 0x53726448 || !get(file, kSetupSectors, sectors) ||
      !get(file, kPayloadOffset, place))
    return {};
  const std::uint64_t begin = (sectors + std::uint64_t{1}) * 512 + place[0];
  if (begin > file.size() || file.size() - begin < place[1]) return {};
  return file.substr(begin, place[1]);
}

// One block: literals and matches in turn (LZ4 block format). Whether it was whole.
bool unpack_block(std::string_view in, std::string& out) {
  const std::size_t begin = out.size();
  std::size_t i = 0;
  const auto length = [&](unsigned nibble) -> std::optional<std::size_t> {
    std::size_t sum = nibble;
    if (nibble != 15) return sum;
    for (;;) {
      if (i >= in.size()) return std::nullopt;
      const auto byte = static_cast<std::uint8_t>(in[i++]);
      sum += byte;
      if (byte != 255) return sum;
    }
  };
  while (i < in.size()) {
    const auto token = static_cast<std::uint8_t>(in[i++]);
    const auto literals = length(token >> 4);
    if (!literals || *literals > in.size() - i || out.size() + *literals > kMostBytes) return false;
    out.append(in.substr(i, *literals));
    i += *literals;
    if (i == in.size()) return true;  // a block ends with literals
    std::uint16_t back = 0;
    if (!get(in, i, back)) return false;
    i += sizeof back;
    const auto match = length(token & 15);
    constexpr std::size_t kShortestMatch = 4;
    if (!match || back == 0 || back > out.size() - begin) return false;
    if (out.size() + *match + kShortestMatch > kMostBytes) return false;
    for (std::size_t k = 0; k < *match + kShortestMatch; ++k) out += out[out.size() - back];
  }
  return true;
}

}  // namespace

std::optional<std::string> unpack_lz4(std::string_view frame) {
  constexpr std::uint32_t kLegacyMagic = 0x184c2102;
  std::uint32_t magic = 0;
  if (!get(frame, 0, magic) || magic != kLegacyMagic) return std::nullopt;
  std::string out;
  std::uint32_t size = 0;
  // What follows the last block, as the unpacked size in a bzImage, is no block.
  for (std::size_t i = 4; get(frame, i, size) && size <= frame.size() - i - 4; i += 4 + size)
    if (!unpack_block(frame.substr(i + 4, size), out)) return std::nullopt;
  if (out.empty()) return std::nullopt;
  return out;
}

std::optional<CodeImage> read_code(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string file{std::istreambuf_iterator<char>(in), {}};
  const std::string_view packed = payload_of(file);
  if (packed.empty()) return read_elf(std::move(file));
  std::optional<std::string> kernel = unpack_lz4(packed);
  return kernel ? read_elf(std::move(*kernel)) : std::nullopt;
}

const CodeImage::Segment* CodeImage::segment_at(std::uint64_t address) const {
  for (const Segment& segment : segments)
    if (segment.address == address) return &segment;
  return nullptr;
}

std::string code_difference(const CodeImage& a, const CodeImage& b,
                            const std::function<std::string(std::uint64_t)>& name_at) {
  std::size_t differing = 0;
  std::string first;
  std::vector<std::string> functions;
  bool moved = a.segments.size() != b.segments.size();
  for (const CodeImage::Segment& x : a.segments) {
    const CodeImage::Segment* y = b.segment_at(x.address);
    moved |= y == nullptr || y->size != x.size;
    if (y == nullptr) continue;
    for (std::uint64_t i = 0; i < std::min(x.size, y->size); ++i) {
      const auto p = static_cast<std::uint8_t>(a.bytes[x.offset + i]);
      const auto q = static_cast<std::uint8_t>(b.bytes[y->offset + i]);
      if (p == q) continue;
      ++differing;
      const bool wanted = functions.size() <= kShownFunctions || first.empty();
      if (!wanted) continue;
      const std::string name = name_at(x.address + i);
      if (first.empty()) {
        first = fmt::format("{}{:x}h{}: {:02x}h / {:02x}h", name.empty() ? "" : name + " (",
                            x.address + i, name.empty() ? "" : ")", p, q);
      }
      const std::string function = name.substr(0, name.find("+0x"));
      if (!function.empty() &&
          std::find(functions.begin(), functions.end(), function) == functions.end())
        functions.push_back(function);
    }
  }
  if (differing == 0) return moved ? "segments of other sizes" : "";
  std::string text =
      fmt::format("{} byte{} of its code and data differ{}, the first in {}", differing,
                  differing == 1 ? "" : "s", differing == 1 ? "s" : "", first);
  if (functions.size() > 1) {
    const bool more = functions.size() > kShownFunctions;
    if (more) functions.pop_back();
    text += fmt::format("; in {}{}", fmt::join(functions, ", "), more ? " and more" : "");
  }
  if (moved) text += "; segments have other sizes: code has moved";
  return text;
}

}  // namespace mint
