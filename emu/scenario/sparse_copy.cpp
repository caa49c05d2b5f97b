#include "emu/scenario/sparse_copy.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace mint {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return fd_; }

 private:
  int fd_;
};

bool copy_range(int from, int to, off_t offset, off_t end) {
  std::vector<char> buffer(std::size_t{1} << 18);
  while (offset < end) {
    const auto wanted = std::min(buffer.size(), static_cast<std::size_t>(end - offset));
    const ssize_t count = pread(from, buffer.data(), wanted, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    for (ssize_t done = 0; done < count;) {
      const ssize_t written =
          pwrite(to, buffer.data() + done, static_cast<std::size_t>(count - done), offset + done);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      done += written;
    }
    offset += count;
  }
  return true;
}

bool copy_data(int from, int to, off_t size) {
  if (ioctl(to, FICLONE, from) == 0) return true;
  if (ftruncate(to, size) != 0) return false;
  for (off_t end = 0; end < size;) {
    off_t start = lseek(from, end, SEEK_DATA);
    if (start < 0 && errno == ENXIO) break;  // no more of it
    if (start < 0) start = end;              // a file system that does not tell
    end = lseek(from, start, SEEK_HOLE);
    if (end < 0) end = size;
    if (!copy_range(from, to, start, std::min(end, size))) return false;
  }
  return true;
}

off_t size_of(int fd) {
  struct stat status {};
  return fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? status.st_size : -1;
}

// At most `size` bytes from where the descriptor is; fewer only at its end.
std::size_t read_piece(int fd, char* data, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = read(fd, data + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

}  // namespace

bool same_content(const fs::path& a, const fs::path& b) {
  constexpr std::size_t kPiece = std::size_t{1} << 17;
  const Descriptor first(open(a.c_str(), O_RDONLY | O_CLOEXEC));
  const Descriptor second(open(b.c_str(), O_RDONLY | O_CLOEXEC));
  const off_t size = size_of(first);
  if (size < 0 || size_of(second) != size) return false;
  std::vector<char> ours(kPiece);
  std::vector<char> theirs(kPiece);
  for (off_t at = 0; at < size;) {
    const std::size_t count = read_piece(first, ours.data(), kPiece);
    if (count == 0 || read_piece(second, theirs.data(), kPiece) != count ||
        std::memcmp(ours.data(), theirs.data(), count) != 0)
      return false;
    at += static_cast<off_t>(count);
  }
  return true;
}

bool copy_sparse(const fs::path& from, const fs::path& to) {
  constexpr mode_t kMode = 0666;
  fs::path part = to;
  part += fmt::format(".part{}", getpid());
  bool good = false;
  {
    const Descriptor source(open(from.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (source < 0 || fstat(source, &status) != 0) return false;
    const Descriptor target(open(part.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, kMode));
    if (target < 0) return false;
    good = copy_data(source, target, status.st_size);
  }
  std::error_code error;
  if (good) fs::rename(part, to, error);
  if (!good || error) {
    std::error_code ignored;
    fs::remove(part, ignored);
    return false;
  }
  return true;
}

}  // namespace mint
