// A folder of its own for as long as it lives.
#pragma once

#include <fmt/format.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "traces/database.hpp"

namespace mint {

class TemporaryFolder {
 public:
  // Throws StoreError when none can be made.
  TemporaryFolder() {
    std::error_code error;
    std::string name =
        (std::filesystem::temp_directory_path(error) / "mintsim-rerun-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      throw StoreError(fmt::format(
          "no temporary folder {} can be made; remedy: make room there, or name another place in "
          "TMPDIR",
          name));
    }
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace mint
