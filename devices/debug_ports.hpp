// The debug parts that QEMU gives a PC and that bare-metal programs use; a machine has them only
// when a scenario asks. QEMU's own documentation and sources define them: docs/specs/fw_cfg.rst,
// hw/misc/debugexit.c, hw/char/debugcon.c, hw/misc/pc-testdev.c.
//
//   F4h          isa-debug-exit: a write of any width ends the run with its value; reads 0
//   E9h, 402h    debugcon: a character to the console; reads E9h
//   510h, 511h   fw_cfg: 16-bit key to 510h, then bytes from 511h (or 510h); beyond the end 0
//   2000h-2017h  pc-testdev: sets interrupt line (port less 2000h) to the bit pattern's truth
//   E0h-E3h      pc-testdev: 32 bits that read as written, in any width (a RamDevice of 4)
//   E4h          pc-testdev: a write touches the page of its address; nothing to do here
//   FF000000h    pc-testdev: 64 KB of memory behind a device (a RamDevice of kTestWindowSize)
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "devices/byte_device.hpp"

namespace mint {

class DebugExit final : public Device {
 public:
  // `exit` gets the value of the first write and of each later one.
  explicit DebugExit(std::function<void(std::uint32_t)> exit) : exit_(std::move(exit)) {}

  // The value of the first write.
  std::optional<std::uint32_t> value() const;

  std::uint64_t read(std::uint64_t, unsigned) override { return 0; }
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override;
  void reset() override {}
  void visit(StateVisitor& visitor) override;

 private:
  std::function<void(std::uint32_t)> exit_;
  bool written_ = false;
  std::uint32_t value_ = 0;
};

class DebugConsole final : public ByteDevice {
 public:
  explicit DebugConsole(std::function<void(std::uint8_t)> output) : output_(std::move(output)) {}

  void reset() override {}
  void visit(StateVisitor&) override {}

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override { return offset == 0 ? 0xe9 : 0xff; }
  void write_byte(std::uint64_t offset, std::uint8_t value) override {
    if (offset == 0 && output_) output_(value);
  }

 private:
  std::function<void(std::uint8_t)> output_;
};

class FwCfg final : public Device {
 public:
  enum Key : std::uint16_t {
    kSignature = 0x00,
    kId = 0x01,
    kUuid = 0x02,
    kRamSize = 0x03,
    kNoGraphic = 0x04,
    kCpuCount = 0x05,
    kMaxCpus = 0x0f,
    kCmdlineSize = 0x14,
    kCmdline = 0x15,
    kFileDirectory = 0x19,
    kFirstFile = 0x20,
  };

  FwCfg(std::uint64_t ram_bytes, std::uint16_t cpus, std::string_view cmdline = {});

  // A named file; it gets the next free key from 20h up.
  void add_file(std::string_view name, std::vector<std::uint8_t> content);

  std::uint64_t read(std::uint64_t offset, unsigned size) override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) override;
  void reset() override;
  void visit(StateVisitor& visitor) override;

 private:
  void put(std::uint16_t key, std::uint64_t value, unsigned bytes);

  std::map<std::uint16_t, std::vector<std::uint8_t>> items_;
  std::uint16_t files_ = 0;
  std::uint16_t key_ = 0;
  std::uint32_t position_ = 0;
};

constexpr std::size_t kTestEchoSize = 4;
constexpr std::size_t kTestWindowSize = 64 * 1024;

// Interrupt lines at 2000h.
class TestIrqLines final : public ByteDevice {
 public:
  static constexpr unsigned kLines = 24;
  explicit TestIrqLines(std::function<void(unsigned line, bool level)> drive)
      : drive_(std::move(drive)) {}

  void reset() override {}
  void visit(StateVisitor&) override {}

 protected:
  std::uint8_t read_byte(std::uint64_t) override { return 0; }
  void write_byte(std::uint64_t offset, std::uint8_t value) override {
    if (offset < kLines && drive_) drive_(static_cast<unsigned>(offset), value != 0);
  }

 private:
  std::function<void(unsigned, bool)> drive_;
};

// Flush page at E4h.
class TestFlush final : public ByteDevice {
 public:
  void reset() override {}
  void visit(StateVisitor&) override {}

 protected:
  std::uint8_t read_byte(std::uint64_t) override { return 0; }
  void write_byte(std::uint64_t, std::uint8_t) override {}
};

}  // namespace mint
