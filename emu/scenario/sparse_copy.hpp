// Copying a file with its holes, and whether that is needed.
#pragma once

#include <filesystem>

namespace mint {

// A copy of `from` that appears as `to` complete or not at all. False when it could not be made.
bool copy_sparse(const std::filesystem::path& from, const std::filesystem::path& to);

// Whether both are there and have the same bytes. To read two files of some MB takes a third of the
// time that it takes to write one.
bool same_content(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace mint
