// Is a file a multiboot program (Multiboot Specification 0.6.96), and what memory does it take? The
// loader itself is the machine's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>

namespace mint {

// Physical memory from the first to behind the last byte of the program's segments, bss included.
struct MultibootExtent {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};

// The extent, or one clause that says why the file is no multiboot program.
std::variant<MultibootExtent, std::string> read_multiboot(const std::filesystem::path& file);

}  // namespace mint
