// Names for addresses of a stored run: of its kernels by System.map, of a bare-metal program by its
// ELF symbols.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "emu/machine/symbols.hpp"
#include "traces/run_store.hpp"

namespace mint {

class RunSymbols {
 public:
  explicit RunSymbols(const StoredRun& run);
  // "name+0x12" for an address of the code of OS number `os` (TraceEvent::kNone: bare metal), empty
  // where there is no name.
  std::string name_at(std::uint8_t os, std::uint64_t address) const;
  // "ffffffff81000000 (name+0x12, f1)"
  std::string text(std::uint8_t os, std::uint64_t address) const;

 private:
  const StoredRun& run_;
  std::vector<SymbolTable> tables_;  // by OS
  std::map<std::uint64_t, std::string> program_;
};

// Functions of an ELF executable, by address; empty when it has none.
std::map<std::uint64_t, std::string> elf_functions(const std::filesystem::path& elf);

}  // namespace mint
