#include "cli/output_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "emu/scenario/problem.hpp"

namespace mint {

OutputFolder::OutputFolder(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error) {
    throw BadInput(
        fmt::format("the output folder {} cannot be made: {}; remedy: name another with --out DIR",
                    path_.string(), error.message()));
  }
  constexpr mode_t kMode = 0666;
  lock_ = open((path_ / ".lock").c_str(), O_RDWR | O_CREAT, kMode);
  if (lock_ >= 0 && flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  const int why = errno;
  if (lock_ >= 0) close(lock_);
  if (why == EWOULDBLOCK) {
    throw BadInput(
        fmt::format("another run is writing to the output folder {}; remedy: wait until it has "
                    "ended, or name another folder with --out DIR",
                    path_.string()));
  }
  throw BadInput(
      fmt::format("the output folder {} cannot be written: {}; remedy: name another with --out DIR",
                  path_.string(), std::strerror(why)));
}

OutputFolder::~OutputFolder() { close(lock_); }

}  // namespace mint
