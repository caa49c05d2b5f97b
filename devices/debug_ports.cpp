#include "devices/debug_ports.hpp"

#include <string>

namespace mint {
namespace {

constexpr std::size_t kFileNameSize = 56;

void append_big_endian(std::vector<std::uint8_t>& to, std::uint64_t value, unsigned bytes) {
  for (unsigned i = bytes; i-- > 0;) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace

std::optional<std::uint32_t> DebugExit::value() const {
  return written_ ? std::optional(value_) : std::nullopt;
}

void DebugExit::write(std::uint64_t, unsigned size, std::uint64_t value) {
  const auto bits = static_cast<std::uint32_t>(size < 4 ? value & ((1U << (8 * size)) - 1) : value);
  if (!written_) value_ = bits;
  written_ = true;
  if (exit_) exit_(bits);
}

void DebugExit::visit(StateVisitor& visitor) {
  visitor.field("written", written_);
  visitor.field("value", value_);
}

FwCfg::FwCfg(std::uint64_t ram_bytes, std::uint16_t cpus, std::string_view cmdline) {
  items_[kSignature] = {'Q', 'E', 'M', 'U'};
  put(kId, 1, 4);  // the traditional interface, no DMA
  items_[kUuid].resize(16);
  put(kRamSize, ram_bytes, 8);
  put(kNoGraphic, 1, 2);
  put(kCpuCount, cpus, 2);
  put(kMaxCpus, cpus, 2);
  put(kCmdlineSize, cmdline.size() + 1, 4);
  items_[kCmdline].assign(cmdline.begin(), cmdline.end());
  items_[kCmdline].push_back(0);
  append_big_endian(items_[kFileDirectory], 0, 4);
}

void FwCfg::put(std::uint16_t key, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) {
    items_[key].push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
}

void FwCfg::add_file(std::string_view name, std::vector<std::uint8_t> content) {
  const auto key = static_cast<std::uint16_t>(kFirstFile + files_++);
  std::vector<std::uint8_t>& directory = items_[kFileDirectory];
  append_big_endian(directory, content.size(), 4);
  append_big_endian(directory, key, 2);
  append_big_endian(directory, 0, 2);
  std::string padded(name.substr(0, kFileNameSize - 1));
  padded.resize(kFileNameSize);
  directory.insert(directory.end(), padded.begin(), padded.end());
  directory[2] = static_cast<std::uint8_t>(files_ >> 8);
  directory[3] = static_cast<std::uint8_t>(files_);
  items_[key] = std::move(content);
}

std::uint64_t FwCfg::read(std::uint64_t, unsigned size) {
  if (size != 1) return ~std::uint64_t{0};  // the interface takes byte reads only
  const auto item = items_.find(key_);
  if (item == items_.end() || position_ >= item->second.size()) return 0;
  return item->second[position_++];
}

void FwCfg::write(std::uint64_t offset, unsigned size, std::uint64_t value) {
  if (offset != 0 || size != 2) return;
  key_ = static_cast<std::uint16_t>(value);
  position_ = 0;
}

void FwCfg::reset() {
  key_ = 0;
  position_ = 0;
}

void FwCfg::visit(StateVisitor& visitor) {
  visitor.field("key", key_);
  visitor.field("position", position_);
}

}  // namespace mint
