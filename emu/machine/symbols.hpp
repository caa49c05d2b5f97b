// The function and label names of a kernel, from its System.map.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mint {

// A function of an ELF executable: its address and how its code begins (at most 32 bytes).
struct ElfFunction {
  std::uint64_t address = 0;
  std::vector<std::uint8_t> code;
};
// Nothing when the file is no ELF file or its symbol table does not have the function.
std::optional<ElfFunction> find_elf_function(const std::filesystem::path& elf,
                                             std::string_view name);

// A cheap handle: the OSes of a machine that have the same kernel share its names.
class SymbolTable {
 public:
  struct Symbol {
    std::uint64_t address;
    std::string_view name;  // lives as long as a table of the file does
  };

  SymbolTable() = default;
  // Empty when the file is not there or has no symbols.
  static SymbolTable read(const std::filesystem::path& system_map);
  bool empty() const { return !names_ || names_->text_symbols.empty(); }
  std::optional<std::uint64_t> address(const std::string& name) const;
  // "name+0x12" for an address in the text; empty beyond it.
  std::string name_at(std::uint64_t address) const;
  // The function that has `address`; null beyond the text.
  const Symbol* function_at(std::uint64_t address) const;

 private:
  struct Names {
    std::string file;
    std::vector<Symbol> text_symbols;  // by address
    std::unordered_map<std::string_view, std::uint64_t> by_name;
  };
  static std::shared_ptr<const Names> names_of(const std::filesystem::path& system_map);

  std::shared_ptr<const Names> names_;
};

}  // namespace mint
