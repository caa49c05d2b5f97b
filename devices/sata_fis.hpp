// What goes over a Serial ATA link (Serial ATA Revision 2.6, 10.3): the registers of an ATA device
// and the frame information structures (FIS) that carry them, as the HBA stores them in memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace mint {

namespace ata {
// Status register.
constexpr std::uint8_t kErr = 0x01, kDrq = 0x08, kSeekDone = 0x10, kReady = 0x40, kBusy = 0x80;
constexpr std::uint8_t kGood = kReady | kSeekDone;  // idle, no error
constexpr std::uint8_t kBusyBits = kBusy | kDrq;    // the host may not send a command
// Error register.
constexpr std::uint8_t kAbort = 0x04, kIdNotFound = 0x10, kUncorrectable = 0x40, kCrc = 0x80;
// Device control register.
constexpr std::uint8_t kSoftReset = 0x04;
}  // namespace ata

// The registers that the host sends: a Register - Host to Device FIS (10.3.4).
struct AtaCommand {
  std::uint64_t lba = 0;  // 48 bits
  std::uint16_t features = 0;
  std::uint16_t count = 0;
  std::uint8_t command = 0;
  std::uint8_t device = 0;
  std::uint8_t control = 0;
  std::uint8_t is_command = 0;  // C bit: 1 command, 0 device control
};

// The registers that the device sends: a Register - Device to Host FIS (10.3.5).
struct AtaRegisters {
  std::uint64_t lba = 0;
  std::uint16_t count = 0;
  std::uint8_t status = 0;
  std::uint8_t error = 0;
  std::uint8_t device = 0;
};

using Fis = std::array<std::uint8_t, 20>;

constexpr std::uint8_t kFisRegisterH2d = 0x27;

inline AtaCommand parse_h2d(const Fis& f) {
  AtaCommand c;
  c.is_command = f[1] >> 7;
  c.command = f[2];
  c.features = static_cast<std::uint16_t>(f[3] | f[11] << 8);
  c.lba = f[4] | std::uint64_t{f[5]} << 8 | std::uint64_t{f[6]} << 16 | std::uint64_t{f[8]} << 24 |
          std::uint64_t{f[9]} << 32 | std::uint64_t{f[10]} << 40;
  c.device = f[7];
  c.count = static_cast<std::uint16_t>(f[12] | f[13] << 8);
  c.control = f[15];
  return c;
}

inline Fis register_d2h(const AtaRegisters& r, bool interrupt) {
  const auto byte = [](std::uint64_t value, int n) {
    return static_cast<std::uint8_t>(value >> (8 * n));
  };
  return {0x34,
          static_cast<std::uint8_t>(interrupt ? 0x40 : 0),
          r.status,
          r.error,
          byte(r.lba, 0),
          byte(r.lba, 1),
          byte(r.lba, 2),
          r.device,
          byte(r.lba, 3),
          byte(r.lba, 4),
          byte(r.lba, 5),
          0,
          byte(r.count, 0),
          byte(r.count, 1)};
}

// 10.3.10. `ending_status` is the status after the data.
inline Fis pio_setup_fis(const AtaRegisters& r, std::uint8_t ending_status, std::uint16_t bytes,
                         bool to_host, bool interrupt) {
  Fis f = register_d2h(r, interrupt);
  f[0] = 0x5F;
  if (to_host) f[1] |= 0x20;
  f[15] = ending_status;
  f[16] = static_cast<std::uint8_t>(bytes);
  f[17] = static_cast<std::uint8_t>(bytes >> 8);
  return f;
}

// 10.3.7, 28 bytes, for a queued command: the DMA buffer identifier is the tag.
inline std::array<std::uint8_t, 28> dma_setup_fis(std::uint8_t tag, std::uint32_t bytes,
                                                  bool to_host) {
  std::array<std::uint8_t, 28> f{};
  f[0] = 0x41;
  f[1] = to_host ? 0x20 : 0;
  f[4] = tag;
  for (unsigned i = 0; i < 4; ++i) f[20 + i] = static_cast<std::uint8_t>(bytes >> (8 * i));
  return f;
}

// 10.3.6, 8 bytes.
inline std::array<std::uint8_t, 8> set_device_bits_fis(std::uint8_t status, std::uint8_t error,
                                                       std::uint32_t sactive, bool interrupt) {
  std::array<std::uint8_t, 8> f{0xA1, static_cast<std::uint8_t>(interrupt ? 0x40 : 0),
                                static_cast<std::uint8_t>(status & 0x77), error};
  for (unsigned i = 0; i < 4; ++i) f[4 + i] = static_cast<std::uint8_t>(sactive >> (8 * i));
  return f;
}

// The host's end of a link, as the device sees it. Transfers return false when the host cannot take
// or give the data; nothing further of them happens then.
class SataHost {
 public:
  virtual ~SataHost() = default;
  virtual void send_registers(const AtaRegisters& registers, bool interrupt) = 0;
  // One DRQ block: the PIO Setup FIS and its data.
  virtual bool pio_in(const AtaRegisters& registers, std::uint8_t ending_status, bool interrupt,
                      std::span<const std::byte> data) = 0;
  virtual bool pio_out(const AtaRegisters& registers, std::uint8_t ending_status, bool interrupt,
                       std::span<std::byte> data) = 0;
  // Selects the queued command whose data follow.
  virtual bool dma_setup(std::uint8_t tag, std::uint32_t bytes, bool to_host) = 0;
  virtual bool dma_in(std::span<const std::byte> data) = 0;
  virtual bool dma_out(std::span<std::byte> data) = 0;
  virtual void set_device_bits(std::uint8_t status, std::uint8_t error, std::uint32_t sactive,
                               bool interrupt) = 0;
};

}  // namespace mint
