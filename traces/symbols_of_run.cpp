#include "traces/symbols_of_run.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <iterator>

namespace mint {
namespace {

template <class Header, class Section, class Symbol>
void read_functions(const std::vector<char>& file, std::map<std::uint64_t, std::string>& out) {
  const auto get = [&file](std::uint64_t offset, auto& value) {
    if (offset > file.size() || file.size() - offset < sizeof value) return false;
    std::memcpy(&value, file.data() + offset, sizeof value);
    return true;
  };
  Header header;
  if (!get(0, header)) return;
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    Section table;
    Section strings;
    if (!get(header.e_shoff + std::uint64_t{i} * header.e_shentsize, table)) return;
    if (table.sh_type != SHT_SYMTAB) continue;
    if (!get(header.e_shoff + std::uint64_t{table.sh_link} * header.e_shentsize, strings)) return;
    for (std::uint64_t at = 0; at + sizeof(Symbol) <= table.sh_size; at += sizeof(Symbol)) {
      Symbol symbol;
      if (!get(table.sh_offset + at, symbol)) return;
      const unsigned type = symbol.st_info & 0xf;
      if (symbol.st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_NOTYPE)) continue;
      const std::uint64_t name = strings.sh_offset + symbol.st_name;
      if (name >= file.size()) continue;
      std::string text(file.data() + name, strnlen(file.data() + name, file.size() - name));
      if (!text.empty() && text[0] != '.') out.emplace(symbol.st_value, std::move(text));
    }
  }
}

}  // namespace

std::map<std::uint64_t, std::string> elf_functions(const std::filesystem::path& elf) {
  std::ifstream in(elf, std::ios::binary);
  const std::vector<char> file{std::istreambuf_iterator<char>(in), {}};
  std::map<std::uint64_t, std::string> functions;
  if (file.size() < EI_NIDENT || std::memcmp(file.data(), ELFMAG, SELFMAG) != 0) return functions;
  if (file[EI_CLASS] == ELFCLASS64)
    read_functions<Elf64_Ehdr, Elf64_Shdr, Elf64_Sym>(file, functions);
  else
    read_functions<Elf32_Ehdr, Elf32_Shdr, Elf32_Sym>(file, functions);
  return functions;
}

RunSymbols::RunSymbols(const StoredRun& run) : run_(run), tables_(run.os.size()) {
  for (const StoredImage& image : run.images) {
    const StoredOs* os = run.find_os(image.os);
    if (image.what == "system.map" && os != nullptr)
      tables_[os->number] = SymbolTable::read(image.path);
    if (image.what == "program") program_ = elf_functions(image.path);
  }
}

std::string RunSymbols::name_at(std::uint8_t os, std::uint64_t address) const {
  if (os < tables_.size()) return tables_[os].name_at(address);
  auto after = program_.upper_bound(address);
  if (after == program_.begin() || after == program_.end()) return {};
  --after;
  return address == after->first ? after->second
                                 : fmt::format("{}+{:#x}", after->second, address - after->first);
}

std::string RunSymbols::text(std::uint8_t os, std::uint64_t address) const {
  const std::string name = name_at(os, address);
  const std::string owner = run_.os_name(os);
  if (name.empty() && owner.empty()) return fmt::format("{:x}h", address);
  if (name.empty()) return fmt::format("{:x}h ({})", address, owner);
  return owner.empty() ? fmt::format("{:x}h ({})", address, name)
                       : fmt::format("{:x}h ({}, {})", address, name, owner);
}

}  // namespace mint
