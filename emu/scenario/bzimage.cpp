#include "emu/scenario/bzimage.hpp"

#include <fmt/format.h>

#include <array>
#include <fstream>
#include <span>

namespace mint {

namespace {

// Offsets of the setup header, from the beginning of the file (boot protocol, "The Real-Mode Kernel
// Header").
enum Offset : std::size_t {
  kSetupSects = 0x1F1,
  kBootFlag = 0x1FE,
  kHeaderMagic = 0x202,
  kVersion = 0x206,
  kLoadFlags = 0x211,
  kInitrdAddrMax = 0x22C,
  kKernelAlignment = 0x230,
  kRelocatable = 0x234,
  kXLoadFlags = 0x236,
  kCmdlineSize = 0x238,
  kPrefAddress = 0x258,
  kInitSize = 0x260,
  kHeaderEnd = 0x268,
};
constexpr std::uint8_t kLoadedHigh = 1;    // loadflags
constexpr std::uint16_t kXlfKernel64 = 1;  // xloadflags

std::uint64_t little_endian(std::span<const std::uint8_t> header, Offset at, unsigned size) {
  std::uint64_t value = 0;
  for (unsigned i = size; i-- > 0;) value = value << 8 | header[at + i];
  return value;
}

}  // namespace

std::variant<BzImage, std::string> read_bzimage(const std::filesystem::path& file) {
  std::array<std::uint8_t, kHeaderEnd> header{};
  std::ifstream stream(file, std::ios::binary);
  stream.read(reinterpret_cast<char*>(header.data()), header.size());
  if (stream.bad()) return "it cannot be read";
  if (stream.gcount() < static_cast<std::streamsize>(header.size()) ||
      little_endian(header, kBootFlag, 2) != 0xAA55 ||
      little_endian(header, kHeaderMagic, 4) != 0x5372'6448) {  // "HdrS"
    if (header[0] == 0x7F && header[1] == 'E' && header[2] == 'L' && header[3] == 'F') {
      return "it is an ELF file, perhaps the vmlinux beside the bzImage";
    }
    return "it has no Linux setup header (boot flag AA55h at 1FEh, \"HdrS\" at 202h)";
  }
  BzImage image;
  image.protocol = static_cast<std::uint16_t>(little_endian(header, kVersion, 2));
  if (image.protocol < 0x20A) {  // init_size came with 2.10, Linux 2.6.31
    return fmt::format("its boot protocol is {}.{:02}, older than 2.10", image.protocol >> 8,
                       image.protocol & 0xFF);
  }
  if ((header[kLoadFlags] & kLoadedHigh) == 0) return "it is a zImage, which is loaded below 1 MB";
  const std::uint64_t sects = header[kSetupSects] == 0 ? 4 : header[kSetupSects];
  image.setup_bytes = (sects + 1) * 512;
  std::error_code error;
  image.file_bytes = std::filesystem::file_size(file, error);
  if (error || image.file_bytes <= image.setup_bytes) return "it ends within its setup code";
  image.pref_address = little_endian(header, kPrefAddress, 8);
  image.init_size = static_cast<std::uint32_t>(little_endian(header, kInitSize, 4));
  image.alignment = static_cast<std::uint32_t>(little_endian(header, kKernelAlignment, 4));
  image.initrd_addr_max = static_cast<std::uint32_t>(little_endian(header, kInitrdAddrMax, 4));
  image.cmdline_size = static_cast<std::uint32_t>(little_endian(header, kCmdlineSize, 4));
  image.relocatable = header[kRelocatable] != 0;
  image.wide =
      image.protocol >= 0x20C && (little_endian(header, kXLoadFlags, 2) & kXlfKernel64) != 0;
  return image;
}

}  // namespace mint
