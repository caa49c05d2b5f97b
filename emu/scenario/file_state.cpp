#include "emu/scenario/file_state.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <iterator>
#include <vector>

namespace mint {
namespace {

namespace fs = std::filesystem;

std::int64_t nanoseconds(const timespec& time) {
  constexpr std::int64_t kPerSecond = 1'000'000'000;
  return time.tv_sec * kPerSecond + time.tv_nsec;
}

}  // namespace

void FileState::add(const fs::path& path) {
  struct stat status {};
  // Of a link what it points at: that it is another one shows in its folder.
  if (stat(path.c_str(), &status) != 0 && lstat(path.c_str(), &status) != 0) {
    fmt::format_to(std::back_inserter(text_), "no {}\n", path.native());
    return;
  }
  const std::int64_t changed = nanoseconds(status.st_ctim);
  fmt::format_to(std::back_inserter(text_), "{} {} {} {:o} {} {} {}\n", path.native(),
                 status.st_dev, status.st_ino, status.st_mode, status.st_size,
                 nanoseconds(status.st_mtim), changed);
  last_change_ = std::max(last_change_, changed);
}

void FileState::add_tree(const fs::path& top) {
  add(top);
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::recursive_directory_iterator at(top, error), end; !error && at != end;
       at.increment(error))
    paths.push_back(at->path());
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) add(path);
  if (error) add_text(fmt::format("{}: {}", top.native(), error.message()));
}

bool FileState::older_than(std::int64_t age) const {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now) - last_change_ >= age;
}

}  // namespace mint
