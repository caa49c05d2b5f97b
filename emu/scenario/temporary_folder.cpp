#include "emu/scenario/temporary_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "emu/scenario/problem.hpp"

namespace mint {
namespace {

namespace fs = std::filesystem;

// A tool that outlives a killed process of ours, for a moment, may still put something there.
void remove_surely(const fs::path& path) {
  constexpr int kTries = 50;
  std::error_code error;
  for (int i = 0; i < kTries; ++i) {
    fs::remove_all(path, error);
    if (!fs::exists(path, error)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

// `end`: of the pipe; nothing is ever written to it.
[[noreturn]] void keep(const fs::path& path, int end) {
  // A signal to our group is not for this one, and it holds nothing that others wait to see closed:
  // not the other folders' pipes, not the standard streams.
  setsid();
  dup2(end, STDIN_FILENO);
  close_range(STDIN_FILENO + 1, ~0U, 0);
  char nothing = 0;
  while (read(STDIN_FILENO, &nothing, 1) < 0 && errno == EINTR) {
  }
  remove_surely(path);
  _exit(0);
}

}  // namespace

TemporaryFolder::TemporaryFolder(const std::string& prefix) {
  std::error_code error;
  std::string name = (fs::temp_directory_path(error) / (prefix + "-XXXXXX")).string();
  if (mkdtemp(name.data()) == nullptr) {
    throw BadInput(fmt::format(
        "no temporary folder {} can be made; remedy: make room there, or name another place in "
        "TMPDIR",
        name));
  }
  path_ = name;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  alive_ = ends[1];
  keeper_ = fork();
  if (keeper_ == 0) keep(path_, ends[0]);
  close(ends[0]);
}

TemporaryFolder::~TemporaryFolder() {
  if (alive_ >= 0) close(alive_);
  if (keeper_ < 0) {
    remove_surely(path_);
    return;
  }
  while (waitpid(keeper_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace mint
