#include "emu/machine/symbols.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

namespace mint {
namespace {

struct Elf32 {
  using Header = Elf32_Ehdr;
  using Section = Elf32_Shdr;
  using Segment = Elf32_Phdr;
  using Symbol = Elf32_Sym;
};
struct Elf64 {
  using Header = Elf64_Ehdr;
  using Section = Elf64_Shdr;
  using Segment = Elf64_Phdr;
  using Symbol = Elf64_Sym;
};

class ElfFile {
 public:
  explicit ElfFile(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    file_.assign(std::istreambuf_iterator<char>(in), {});
  }
  bool is_elf() const {
    return file_.size() >= EI_NIDENT && std::memcmp(file_.data(), ELFMAG, SELFMAG) == 0;
  }
  bool is_64() const { return file_[EI_CLASS] == ELFCLASS64; }

  template <class Elf>
  std::optional<ElfFunction> find(std::string_view name) const {
    const auto header = get<typename Elf::Header>(0);
    if (!header) return std::nullopt;
    for (unsigned i = 0; i < header->e_shnum; ++i) {
      const auto table = section<Elf>(*header, i);
      if (!table || table->sh_type != SHT_SYMTAB) continue;
      const auto strings = section<Elf>(*header, table->sh_link);
      if (!strings) continue;
      for (std::uint64_t at = 0; at < table->sh_size; at += sizeof(typename Elf::Symbol)) {
        const auto symbol = get<typename Elf::Symbol>(table->sh_offset + at);
        if (!symbol) break;
        if (string_at(strings->sh_offset + symbol->st_name) == name)
          return ElfFunction{symbol->st_value, code_at<Elf>(*header, symbol->st_value)};
      }
    }
    return std::nullopt;
  }

 private:
  template <class T>
  std::optional<T> get(std::uint64_t offset) const {
    if (offset > file_.size() || file_.size() - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, file_.data() + offset, sizeof value);
    return value;
  }
  template <class Elf>
  std::optional<typename Elf::Section> section(const typename Elf::Header& header,
                                               std::uint64_t index) const {
    return get<typename Elf::Section>(header.e_shoff + index * sizeof(typename Elf::Section));
  }
  std::string_view string_at(std::uint64_t offset) const {
    if (offset >= file_.size()) return {};
    return {file_.data() + offset, strnlen(file_.data() + offset, file_.size() - offset)};
  }
  template <class Elf>
  std::vector<std::uint8_t> code_at(const typename Elf::Header& header,
                                    std::uint64_t address) const {
    constexpr std::uint64_t kLongest = 32;
    for (unsigned i = 0; i < header.e_phnum; ++i) {
      const auto segment =
          get<typename Elf::Segment>(header.e_phoff + i * sizeof(typename Elf::Segment));
      if (!segment || segment->p_type != PT_LOAD || address < segment->p_vaddr ||
          address - segment->p_vaddr >= segment->p_filesz)
        continue;
      const std::uint64_t in_segment = address - segment->p_vaddr;
      const std::uint64_t from = segment->p_offset + in_segment;
      const std::uint64_t size = std::min<std::uint64_t>(kLongest, segment->p_filesz - in_segment);
      if (from > file_.size() || size > file_.size() - from) break;
      return {file_.begin() + static_cast<std::ptrdiff_t>(from),
              file_.begin() + static_cast<std::ptrdiff_t>(from + size)};
    }
    return {};
  }

  std::vector<char> file_;
};

}  // namespace

SymbolTable SymbolTable::read(const std::filesystem::path& system_map) {
  SymbolTable table;
  std::ifstream file(system_map);
  std::string line;
  // "ffffffff81000000 T _text"
  while (std::getline(file, line)) {
    std::uint64_t address = 0;
    const char* end = line.data() + line.size();
    const char* at = std::from_chars(line.data(), end, address, 16).ptr;
    if (at == line.data() || end - at < 4 || at[0] != ' ' || at[2] != ' ') continue;
    const char type = at[1];
    std::string name(at + 3, std::find(at + 3, end, ' '));
    if (type == 't' || type == 'T') table.symbols_.push_back({address, name});
    table.by_name_.emplace(std::move(name), address);
  }
  const auto before = [](const Symbol& a, const Symbol& b) { return a.address < b.address; };
  if (!std::is_sorted(table.symbols_.begin(), table.symbols_.end(), before))
    std::stable_sort(table.symbols_.begin(), table.symbols_.end(), before);
  return table;
}

std::optional<ElfFunction> find_elf_function(const std::filesystem::path& elf,
                                             std::string_view name) {
  const ElfFile file(elf);
  if (!file.is_elf()) return std::nullopt;
  return file.is_64() ? file.find<Elf64>(name) : file.find<Elf32>(name);
}

std::optional<std::uint64_t> SymbolTable::address(const std::string& name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

const SymbolTable::Symbol* SymbolTable::function_at(std::uint64_t address) const {
  const auto after =
      std::upper_bound(symbols_.begin(), symbols_.end(), address,
                       [](std::uint64_t a, const Symbol& s) { return a < s.address; });
  if (after == symbols_.begin() || after == symbols_.end()) return nullptr;
  return &*std::prev(after);
}

std::string SymbolTable::name_at(std::uint64_t address) const {
  const Symbol* s = function_at(address);
  if (s == nullptr) return "";
  return address == s->address ? s->name : fmt::format("{}+{:#x}", s->name, address - s->address);
}

}  // namespace mint
