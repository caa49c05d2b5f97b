#include "emu/machine/symbols.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

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

// Empty when it is not there.
std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  std::string content(static_cast<std::size_t>(std::max<std::streamoff>(file.tellg(), 0)), '\0');
  file.seekg(0);
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return content;
}

class ElfFile {
 public:
  explicit ElfFile(const std::filesystem::path& path) : file_(read_file(path)) {}
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

  std::string file_;
};

}  // namespace

std::shared_ptr<const SymbolTable::Names> SymbolTable::names_of(
    const std::filesystem::path& system_map) {
  auto names = std::make_shared<Names>();
  names->file = read_file(system_map);
  const auto lines = std::count(names->file.begin(), names->file.end(), '\n');
  names->by_name.reserve(static_cast<std::size_t>(lines));
  names->text_symbols.reserve(static_cast<std::size_t>(lines));
  // "ffffffff81000000 T _text"
  for (std::string_view rest = names->file; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    std::uint64_t address = 0;
    const char* end = line.data() + line.size();
    const char* at = std::from_chars(line.data(), end, address, 16).ptr;
    if (at == line.data() || end - at < 4 || at[0] != ' ' || at[2] != ' ') continue;
    const char type = at[1];
    const std::string_view name(at + 3, std::find(at + 3, end, ' '));
    if (type == 't' || type == 'T') names->text_symbols.push_back({address, name});
    names->by_name.emplace(name, address);
  }
  const auto before = [](const Symbol& a, const Symbol& b) { return a.address < b.address; };
  if (!std::is_sorted(names->text_symbols.begin(), names->text_symbols.end(), before))
    std::stable_sort(names->text_symbols.begin(), names->text_symbols.end(), before);
  return names;
}

SymbolTable SymbolTable::read(const std::filesystem::path& system_map) {
  static std::mutex mutex;
  static std::map<std::filesystem::path, std::weak_ptr<const Names>> in_use;
  const std::lock_guard lock(mutex);
  std::weak_ptr<const Names>& known = in_use[system_map];
  SymbolTable table;
  table.names_ = known.lock();
  if (!table.names_) known = table.names_ = names_of(system_map);
  return table;
}

std::optional<ElfFunction> find_elf_function(const std::filesystem::path& elf,
                                             std::string_view name) {
  const ElfFile file(elf);
  if (!file.is_elf()) return std::nullopt;
  return file.is_64() ? file.find<Elf64>(name) : file.find<Elf32>(name);
}

std::optional<std::uint64_t> SymbolTable::address(const std::string& name) const {
  if (!names_) return std::nullopt;
  const auto found = names_->by_name.find(name);
  if (found == names_->by_name.end()) return std::nullopt;
  return found->second;
}

const SymbolTable::Symbol* SymbolTable::function_at(std::uint64_t address) const {
  if (!names_) return nullptr;
  const std::vector<Symbol>& symbols = names_->text_symbols;
  const auto after =
      std::upper_bound(symbols.begin(), symbols.end(), address,
                       [](std::uint64_t a, const Symbol& s) { return a < s.address; });
  if (after == symbols.begin() || after == symbols.end()) return nullptr;
  return &*std::prev(after);
}

std::string SymbolTable::name_at(std::uint64_t address) const {
  const Symbol* s = function_at(address);
  if (s == nullptr) return "";
  return address == s->address ? std::string(s->name)
                               : fmt::format("{}+{:#x}", s->name, address - s->address);
}

}  // namespace mint
