// A folder of its own for as long as it lives, in TMPDIR or /tmp.
//
//   TemporaryFolder folder("mintsim-rerun");   // .path() is /tmp/mintsim-rerun-XXXXXX
//
// A process of its own takes it away when the object, or this process, is no more: it waits for the
// other end of a pipe to be closed, which the kernel does however this process ends.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace mint {

class TemporaryFolder {
 public:
  // Throws BadInput when none can be made.
  explicit TemporaryFolder(const std::string& prefix);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  pid_t keeper_ = -1;
  int alive_ = -1;  // our end of the pipe
};

}  // namespace mint
