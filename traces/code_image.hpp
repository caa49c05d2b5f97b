// The code in a kernel or program file as it lies in memory: an ELF executable, or the one that is
// packed into a bzImage (Linux/x86 boot protocol, payload_offset; LZ4 in the legacy frame format).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mint {

struct CodeImage {
  struct Segment {
    std::uint64_t address = 0;  // linear
    std::uint64_t offset = 0;   // in `bytes`
    std::uint64_t size = 0;
  };
  std::string bytes;
  std::vector<Segment> segments;

  const Segment* segment_at(std::uint64_t address) const;
};

// Nothing when it is neither, or packed in another way.
std::optional<CodeImage> read_code(const std::filesystem::path& file);

// How the code and data of two images differ, with the functions by `name_at` (an address's
// "name+0x12"); empty when they do not.
std::string code_difference(const CodeImage& a, const CodeImage& b,
                            const std::function<std::string(std::uint64_t)>& name_at);

// What an LZ4 legacy frame holds; nothing when it is damaged.
std::optional<std::string> unpack_lz4(std::string_view frame);

}  // namespace mint
