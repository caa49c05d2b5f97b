#include "devices/disk_image.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace mint {
namespace {

std::uint64_t whole_sectors(std::uint64_t bytes) {
  return bytes / DiskImage::kSectorSize + (bytes % DiskImage::kSectorSize != 0 ? 1 : 0);
}

DiskImageResult failure(const std::string& path, const std::string& why) {
  return {nullptr, fmt::format("disk image '{}': {}", path, why)};
}

}  // namespace

DiskImageResult DiskImage::open(const std::string& path, std::uint64_t capacity_bytes) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failure(path, std::strerror(errno));
  struct stat info {};
  std::string error;
  if (::fstat(file, &info) != 0)
    error = std::strerror(errno);
  else if (!S_ISREG(info.st_mode))
    error = "is not a regular file";
  else if (info.st_size == 0)
    error = "is empty";
  else if (capacity_bytes != 0 && static_cast<std::uint64_t>(info.st_size) > capacity_bytes)
    error = fmt::format("has {} bytes, more than the {} of the disk it is for", info.st_size,
                        capacity_bytes);
  if (!error.empty()) {
    ::close(file);
    return failure(path, error);
  }
  const auto file_bytes = static_cast<std::uint64_t>(info.st_size);
  const std::uint64_t sectors = whole_sectors(capacity_bytes != 0 ? capacity_bytes : file_bytes);
  return {std::unique_ptr<DiskImage>(new DiskImage(file, file_bytes, sectors)), {}};
}

std::unique_ptr<DiskImage> DiskImage::blank(std::uint64_t capacity_bytes) {
  return std::unique_ptr<DiskImage>(new DiskImage(-1, 0, whole_sectors(capacity_bytes)));
}

DiskImage::DiskImage(int file, std::uint64_t file_bytes, std::uint64_t sectors)
    : file_(file), file_bytes_(file_bytes), sectors_(sectors) {}

DiskImage::~DiskImage() {
  if (file_ >= 0) ::close(file_);
}

bool DiskImage::on_disk(std::uint64_t lba, std::size_t bytes) const {
  return bytes % kSectorSize == 0 && lba <= sectors_ && bytes / kSectorSize <= sectors_ - lba;
}

// Reads through pread rather than a mapping: a file that somebody truncates during a run then reads
// as zeros instead of killing the emulator with SIGBUS.
bool DiskImage::read_file(std::uint64_t offset, std::span<std::byte> to) const {
  std::size_t done = 0;
  while (done < to.size() && offset + done < file_bytes_) {
    const std::size_t want = std::min<std::uint64_t>(to.size() - done, file_bytes_ - offset - done);
    const ssize_t got = ::pread(file_, to.data() + done, want, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  std::fill(to.begin() + static_cast<std::ptrdiff_t>(done), to.end(), std::byte{0});
  return true;
}

bool DiskImage::read(std::uint64_t lba, std::span<std::byte> to) const {
  if (!on_disk(lba, to.size())) return false;
  const std::uint64_t start = lba * kSectorSize;
  if (!read_file(start, to)) return false;
  const std::uint64_t end = start + to.size();
  for (auto it = overlay_.lower_bound(start / kBlockSize);
       it != overlay_.end() && it->first * kBlockSize < end; ++it) {
    const std::uint64_t block_start = it->first * kBlockSize;
    const std::uint64_t from = std::max(start, block_start);
    const std::uint64_t until = std::min(end, block_start + kBlockSize);
    std::memcpy(to.data() + (from - start), it->second.data() + (from - block_start), until - from);
  }
  return true;
}

bool DiskImage::write(std::uint64_t lba, std::span<const std::byte> from) {
  if (!on_disk(lba, from.size())) return false;
  const std::uint64_t start = lba * kSectorSize;
  const std::uint64_t end = start + from.size();
  for (std::uint64_t at = start; at < end;) {
    const std::uint64_t block = at / kBlockSize;
    const std::uint64_t in_block = at % kBlockSize;
    const std::uint64_t length = std::min(end - at, kBlockSize - in_block);
    auto it = overlay_.find(block);
    if (it == overlay_.end()) {
      Block fresh;
      if (length != kBlockSize && !read_file(block * kBlockSize, fresh)) return false;
      it = overlay_.emplace(block, fresh).first;
    }
    std::memcpy(it->second.data() + in_block, from.data() + (at - start), length);
    at += length;
  }
  return true;
}

void DiskImage::visit(StateVisitor& visitor) {
  constexpr std::size_t kRecord = sizeof(std::uint64_t) + kBlockSize;
  std::vector<std::uint8_t> records;
  records.reserve(overlay_.size() * kRecord);
  for (const auto& [block, data] : overlay_) {
    const auto* number = reinterpret_cast<const std::uint8_t*>(&block);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(data.data());
    records.insert(records.end(), number, number + sizeof block);
    records.insert(records.end(), bytes, bytes + data.size());
  }
  const std::vector<std::uint8_t> before = records;
  visitor.blob("written", records);
  if (records == before) return;
  overlay_.clear();
  for (std::size_t at = 0; at + kRecord <= records.size(); at += kRecord) {
    std::uint64_t number = 0;
    Block data;
    std::memcpy(&number, &records[at], sizeof number);
    std::memcpy(data.data(), &records[at + sizeof number], data.size());
    overlay_.emplace(number, data);
  }
}

}  // namespace mint
