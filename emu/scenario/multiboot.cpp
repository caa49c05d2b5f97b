#include "emu/scenario/multiboot.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <vector>

namespace mint {

namespace {

constexpr std::size_t kSearch = 8192;  // the header lies wholly in so much (3.1.1)
constexpr std::uint32_t kMagic = 0x1BAD'B002;
constexpr std::uint32_t kAddressFields = 1U << 16;  // flag: the header says where to load

using Extent = std::variant<MultibootExtent, std::string>;

template <class T>
T load(const std::vector<char>& data, std::size_t at) {
  T value;
  std::memcpy(&value, data.data() + at, sizeof value);
  return value;
}

// The program headers lie anywhere in the file, so they are read from the file.
template <class ElfHeader, class ProgramHeader>
Extent elf_extent(std::ifstream& stream, const std::vector<char>& head) {
  if (head.size() < sizeof(ElfHeader)) return "its ELF header is cut off";
  const auto elf = load<ElfHeader>(head, 0);
  if (elf.e_machine != EM_386 && elf.e_machine != EM_X86_64) return "it is for another processor";
  if (elf.e_phentsize != sizeof(ProgramHeader)) return "its program headers have a wrong size";
  MultibootExtent extent{std::numeric_limits<std::uint64_t>::max(), 0};
  for (unsigned i = 0; i < elf.e_phnum; i++) {
    ProgramHeader segment{};
    stream.clear();
    stream.seekg(static_cast<std::streamoff>(elf.e_phoff + i * sizeof segment));
    if (!stream.read(reinterpret_cast<char*>(&segment), sizeof segment)) {
      return "its program headers are cut off";
    }
    if (segment.p_type != PT_LOAD || segment.p_memsz == 0) continue;
    const std::uint64_t start = segment.p_paddr;
    const std::uint64_t end = start + segment.p_memsz;
    if (end < start) return "a segment wraps around the end of memory";
    extent.start = std::min(extent.start, start);
    extent.end = std::max(extent.end, end);
  }
  if (extent.end == 0) return "it has no segment to load";
  return extent;
}

}  // namespace

Extent read_multiboot(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::vector<char> head(kSearch);
  stream.read(head.data(), static_cast<std::streamsize>(head.size()));
  if (stream.bad()) return "it cannot be read";
  head.resize(static_cast<std::size_t>(stream.gcount()));

  std::size_t header = 0;
  bool found = false;
  for (; header + 12 <= head.size(); header += 4) {
    const auto flags = load<std::uint32_t>(head, header + 4);
    const auto checksum = load<std::uint32_t>(head, header + 8);
    if (load<std::uint32_t>(head, header) == kMagic && kMagic + flags + checksum == 0) {
      found = true;
      break;
    }
  }
  if (!found) return "it has no multiboot header (1BADB002h) in its first 8 KB";
  if ((load<std::uint32_t>(head, header + 4) & kAddressFields) != 0 && header + 32 <= head.size()) {
    const auto load_addr = load<std::uint32_t>(head, header + 16);
    const auto load_end = load<std::uint32_t>(head, header + 20);
    const auto bss_end = load<std::uint32_t>(head, header + 24);
    return MultibootExtent{load_addr, std::max({load_addr, load_end, bss_end})};
  }
  if (head.size() < EI_NIDENT || std::memcmp(head.data(), ELFMAG, SELFMAG) != 0) {
    return "it is no ELF file, and its multiboot header has no addresses";
  }
  return head[EI_CLASS] == ELFCLASS64 ? elf_extent<Elf64_Ehdr, Elf64_Phdr>(stream, head)
                                      : elf_extent<Elf32_Ehdr, Elf32_Phdr>(stream, head);
}

}  // namespace mint
