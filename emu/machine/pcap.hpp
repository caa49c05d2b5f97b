// A capture file of Ethernet frames in the pcap format (draft-ietf-opsawg-pcap), with time stamps
// in nanoseconds from the machine's power-on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>

#include "emu/base/types.hpp"

namespace mint {

class PcapFile {
 public:
  PcapFile(const std::filesystem::path& path, Hertz core_clock);
  void add(Cycles at, std::span<const std::uint8_t> frame);
  // False when something could not be written.
  bool flush();

 private:
  std::ofstream file_;
  Hertz core_clock_;
};

}  // namespace mint
