// SHA-256 (FIPS 180-4): names a guest file by its content.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace mint {

// Lower-case hexadecimal.
std::string sha256(std::string_view data);
// Of a file's content; empty when it cannot be read.
std::string sha256_of_file(const std::filesystem::path& file);

}  // namespace mint
