// The contents of a disk: a raw image file that is only ever read, and what the guest has written,
// kept in memory by blocks of 4 KB.
//
//   DiskImageResult opened = DiskImage::open("leader.img", 500'107'862'016);
//   if (!opened.image) report(opened.error);
//
// The file may be shorter than the disk: what follows it reads as zero. It must not change during a
// run; the state that visit() covers is the written blocks only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "emu/base/state.hpp"

namespace mint {

struct DiskImageResult;

class DiskImage {
 public:
  static constexpr std::uint64_t kSectorSize = 512;

  // `capacity_bytes` is the size of the disk; 0 means that of the file. Both are rounded up to
  // whole sectors. Fails with a message when the file is missing, unreadable, not a file, empty or
  // larger than the disk.
  static DiskImageResult open(const std::string& path, std::uint64_t capacity_bytes = 0);
  // A disk of zeros without a file.
  static std::unique_ptr<DiskImage> blank(std::uint64_t capacity_bytes);

  ~DiskImage();
  DiskImage(const DiskImage&) = delete;
  DiskImage& operator=(const DiskImage&) = delete;

  std::uint64_t sectors() const { return sectors_; }

  // Whole sectors from `lba` on. False when they are not all on the disk, the length is no multiple
  // of a sector, or the host cannot read the file: a bad sector, for the guest.
  bool read(std::uint64_t lba, std::span<std::byte> to) const;
  bool write(std::uint64_t lba, std::span<const std::byte> from);

  // How many 4 KB blocks differ from the file.
  std::size_t written_blocks() const { return overlay_.size(); }

  void visit(StateVisitor& visitor);

 private:
  static constexpr std::uint64_t kBlockSize = 4096;
  using Block = std::array<std::byte, kBlockSize>;

  DiskImage(int file, std::uint64_t file_bytes, std::uint64_t sectors);
  bool on_disk(std::uint64_t lba, std::size_t bytes) const;
  bool read_file(std::uint64_t offset, std::span<std::byte> to) const;

  int file_;  // -1: no file
  std::uint64_t file_bytes_;
  std::uint64_t sectors_;
  std::map<std::uint64_t, Block> overlay_;
};

struct DiskImageResult {
  std::unique_ptr<DiskImage> image;  // null on failure
  std::string error;
};

}  // namespace mint
