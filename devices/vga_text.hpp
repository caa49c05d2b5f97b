// VGA in text mode (IBM PS/2 hardware interface technical reference, "Video subsystem", registers
// as in its section "VGA programming considerations"): the text memory at B8000h, the registers at
// 3C0h-3DFh, and what is on the screen.
//
//   3C0h w  attribute index (5: palette on) and data in turn    3C1h r  attribute data
//   3C2h w  miscellaneous output   r  input status 0            3CCh r  miscellaneous output
//   3C3h    video subsystem enable                              3C4h/3C5h  sequencer
//   3C6h    PEL mask   3C7h w read index, r state   3C8h write index   3C9h PEL data
//   3CAh r  feature control   3CEh/3CFh  graphics controller    3D4h/3D5h  CRT controller
//   3DAh r  input status 1: 0 display off (either blank), 3 vertical retrace; next 3C0h write is an
//           index                 w  feature control
//
// Used of them: CRTC 01h, 07h, 09h, 12h (size in characters), 0Ah/0Bh (cursor shape and off),
// 0Ch/0Dh (start), 0Eh/0Fh (cursor), 13h (row offset), 11h bit 7 (protects 00h-07h); the others
// keep what is written. The retraces are those of 720x400 at 70 Hz whatever the CRTC says. State
// after reset is what the adapter's own BIOS leaves: mode 3, 80x25.
//
// The memory is plain RAM: the machine may map memory() into the address space as such, or
// memory_device() on the bus.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "devices/byte_device.hpp"
#include "devices/ram_device.hpp"
#include "emu/base/event_queue.hpp"

namespace mint {

class VgaText final : public ByteDevice {
 public:
  static constexpr std::size_t kMemorySize = 32 * 1024;

  VgaText(EventQueue& queue, Hertz core_clock);

  Device& memory_device() { return memory_; }
  std::span<std::uint8_t> memory() { return memory_.bytes(); }

  struct Size {
    unsigned columns;
    unsigned rows;
  };
  Size size() const;
  // The characters on the screen in UTF-8, one line per row without the blanks at its end.
  std::string screen() const;

  void reset() override;
  void visit(StateVisitor& visitor) override;  // includes the memory

 protected:
  std::uint8_t read_byte(std::uint64_t offset) override;
  void write_byte(std::uint64_t offset, std::uint8_t value) override;

 private:
  std::uint8_t input_status_1() const;
  std::uint8_t read_pel();
  void write_pel(std::uint8_t value);
  void write_crtc(std::uint8_t value);

  EventQueue& queue_;
  Hertz core_clock_;
  RamDevice memory_{kMemorySize};

  std::uint8_t misc_ = 0;
  std::uint8_t feature_ = 0;
  std::uint8_t enable_ = 0;
  std::uint8_t attribute_index_ = 0;
  bool attribute_data_next_ = false;
  std::array<std::uint8_t, 0x20> attribute_{};
  std::uint8_t sequencer_index_ = 0;
  std::array<std::uint8_t, 8> sequencer_{};
  std::uint8_t graphics_index_ = 0;
  std::array<std::uint8_t, 16> graphics_{};
  std::uint8_t crtc_index_ = 0;
  std::array<std::uint8_t, 0x19> crtc_{};
  std::uint8_t pel_mask_ = 0;
  std::uint16_t pel_read_ = 0;  // index * 3 + component
  std::uint16_t pel_write_ = 0;
  bool pel_reading_ = false;  // 3C7h was written last
  std::array<std::uint8_t, 768> pel_{};
};

}  // namespace mint
