#include "emu/engine/block_list.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstring>
#include <fstream>
#include <system_error>
#include <type_traits>

namespace mint {
namespace {

namespace fs = std::filesystem;
using Block = BlockList::Block;

constexpr std::size_t kMostBytes = std::size_t{1} << 26;

// In front of the blocks and their bytes, all as they are in memory: the file is for one host.
struct Header {
  char magic[8] = {'m', 'i', 'n', 't', 'b', 'l', 'k', '1'};
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  std::uint64_t hash = 0;  // of the blocks and their bytes
};

std::uint64_t hash_of(const std::vector<Block>& blocks, const std::vector<std::uint8_t>& bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(),
                              XXH3_64bits(blocks.data(), blocks.size() * sizeof(Block)));
}

template <typename T>
bool read_all(std::ifstream& file, std::vector<T>& into, std::uint64_t count) {
  into.resize(count);
  return !!file.read(reinterpret_cast<char*>(into.data()),
                     static_cast<std::streamsize>(count * sizeof(T)));
}

template <typename T>
void write_all(std::ofstream& file, const std::vector<T>& from) {
  file.write(reinterpret_cast<const char*>(from.data()),
             static_cast<std::streamsize>(from.size() * sizeof(T)));
}

}  // namespace

BlockList BlockList::read(const fs::path& path) {
  static_assert(sizeof(Block) == 32 && std::is_trivially_copyable_v<Block>);
  BlockList list;
  std::ifstream file(path, std::ios::binary);
  Header header;
  const Header expected;
  if (!file.read(reinterpret_cast<char*>(&header), sizeof header) ||
      std::memcmp(header.magic, expected.magic, sizeof header.magic) != 0 ||
      header.blocks > kLongest || header.bytes > kMostBytes)
    return {};
  if (!read_all(file, list.blocks_, header.blocks) || !read_all(file, list.bytes_, header.bytes) ||
      hash_of(list.blocks_, list.bytes_) != header.hash)
    return {};
  return list;
}

void BlockList::write(const fs::path& path) const {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  fs::path part = path;
  part += fmt::format(".part{}", getpid());
  std::ofstream file(part, std::ios::binary);
  Header header;
  header.blocks = blocks_.size();
  header.bytes = bytes_.size();
  header.hash = hash_of(blocks_, bytes_);
  file.write(reinterpret_cast<const char*>(&header), sizeof header);
  write_all(file, blocks_);
  write_all(file, bytes_);
  file.close();
  if (file) fs::rename(part, path, error);
  if (!file || error) fs::remove(part, error);
}

void BlockList::add(const mint_block_name& name, const std::uint8_t* code, std::uint32_t size) {
  if (full() || size > UINT16_MAX || bytes_.size() + size > kMostBytes) return;
  blocks_.push_back({name.pc, name.cs_base, name.flags, name.cflags,
                     static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint16_t>(size),
                     name.alignment, 0});
  bytes_.insert(bytes_.end(), code, code + size);
}

void BlockList::append(const BlockList& other) {
  const auto key = [](const BlockList& list, Block block) {
    const std::uint64_t hash = XXH3_64bits(list.code(block), block.size);
    block.offset = 0;
    return XXH3_64bits_withSeed(&block, sizeof block, hash);
  };
  if (known_.empty())
    for (const Block& block : blocks_) known_.insert(key(*this, block));
  known_.reserve(blocks_.size() + other.size());
  for (const Block& block : other.blocks_)
    if (known_.insert(key(other, block)).second) add(block.name(), other.code(block), block.size);
}

}  // namespace mint
