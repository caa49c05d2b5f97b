// The folder that a run writes to (--out), which is one run's at a time: two would write the same
// leader's disk, and boot from halves of each.
//
//   OutputFolder folder("out/parallel2");   // throws BadInput
//
// It is locked by flock() on the file `.lock` in it, which stays: taking it away would let a run
// lock a file that the next one does not find. However the process ends, the kernel gives the lock
// back. Programs that the run has started inherit it, so that a folder to which one of them still
// writes is not free although the run has been killed.
#pragma once

#include <filesystem>

namespace mint {

class OutputFolder {
 public:
  // Makes the folder where it is missing. Throws BadInput when it cannot be written, or another run
  // has it.
  explicit OutputFolder(std::filesystem::path path);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

}  // namespace mint
