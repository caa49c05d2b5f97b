// The setup header of a bzImage (Linux boot protocol, Documentation/x86/boot.rst), as far as it
// decides whether and where a kernel can be placed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>

namespace mint {

struct BzImage {
  std::uint16_t protocol = 0;     // version, 0x20f is 2.15
  std::uint64_t setup_bytes = 0;  // real-mode part, with the boot sector
  std::uint64_t file_bytes = 0;
  std::uint64_t pref_address = 0;     // where it wants to run
  std::uint32_t init_size = 0;        // memory it needs there to unpack and start
  std::uint32_t alignment = 0;        // of its load address, when relocatable
  std::uint32_t initrd_addr_max = 0;  // highest address of an initrd's last byte
  std::uint32_t cmdline_size = 0;     // longest command line, without its NUL
  bool relocatable = false;
  bool wide = false;  // has a 64-bit entry: a 64-bit kernel
};

// The header, or one clause that says why the file is no bzImage this project can start.
std::variant<BzImage, std::string> read_bzimage(const std::filesystem::path& file);

}  // namespace mint
