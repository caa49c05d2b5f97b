// The function and label names of a kernel, from its System.map.
#pragma once

#include <cstdint>
#include <filesystem>
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

class SymbolTable {
 public:
  SymbolTable() = default;
  // Empty when the file is not there or has no symbols.
  static SymbolTable read(const std::filesystem::path& system_map);
  bool empty() const { return symbols_.empty(); }
  std::optional<std::uint64_t> address(const std::string& name) const;
  // "name+0x12" for an address in the text; empty beyond it.
  std::string name_at(std::uint64_t address) const;
  struct Symbol {
    std::uint64_t address;
    std::string name;
  };
  // The function that has `address`; null beyond the text.
  const Symbol* function_at(std::uint64_t address) const;

 private:
  std::vector<Symbol> symbols_;  // of the text, by address
  std::unordered_map<std::string, std::uint64_t> by_name_;
};

}  // namespace mint
