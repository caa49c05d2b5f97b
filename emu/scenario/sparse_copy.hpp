// Copying a file with its holes.
#pragma once

#include <filesystem>

namespace mint {

// A copy of `from` that appears as `to` complete or not at all. False when it could not be made.
bool copy_sparse(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace mint
