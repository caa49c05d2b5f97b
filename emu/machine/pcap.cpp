#include "emu/machine/pcap.hpp"

#include <array>
#include <initializer_list>

namespace mint {
namespace {

constexpr std::uint32_t kMagic = 0xA1B23C4D;  // time stamps in nanoseconds
constexpr std::uint32_t kVersion = 4 << 16 | 2;
constexpr std::uint32_t kSnapLength = 65'535;
constexpr std::uint32_t kEthernet = 1;  // LINKTYPE_ETHERNET
constexpr std::uint64_t kNanoseconds = 1'000'000'000;

void put(std::ofstream& file, std::initializer_list<std::uint64_t> words) {
  for (const std::uint64_t word : words) {
    std::array<char, 4> bytes{};
    for (unsigned i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(word >> (8 * i));
    file.write(bytes.data(), bytes.size());
  }
}

}  // namespace

PcapFile::PcapFile(const std::filesystem::path& path, Hertz core_clock)
    : file_(path, std::ios::binary), core_clock_(core_clock) {
  put(file_, {kMagic, kVersion, 0, 0, kSnapLength, kEthernet});
}

void PcapFile::add(Cycles at, std::span<const std::uint8_t> frame) {
  const std::uint64_t ns = ticks_down(at.count, core_clock_, Hertz{kNanoseconds});
  put(file_, {ns / kNanoseconds, ns % kNanoseconds, frame.size(), frame.size()});
  file_.write(reinterpret_cast<const char*>(frame.data()),
              static_cast<std::streamsize>(frame.size()));
}

bool PcapFile::flush() { return static_cast<bool>(file_.flush()); }

}  // namespace mint
