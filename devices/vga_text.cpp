#include "devices/vga_text.hpp"

#include <algorithm>
#include <string_view>

namespace mint {
namespace {

// Offsets from 3C0h.
enum Port : std::uint8_t {
  kAttribute = 0x00,
  kAttributeRead = 0x01,
  kMiscWrite = 0x02,
  kEnable = 0x03,
  kSequencerIndex = 0x04,
  kSequencerData = 0x05,
  kPelMask = 0x06,
  kPelReadIndex = 0x07,
  kPelWriteIndex = 0x08,
  kPelData = 0x09,
  kFeatureRead = 0x0a,
  kMiscRead = 0x0c,
  kGraphicsIndex = 0x0e,
  kGraphicsData = 0x0f,
  kCrtcIndex = 0x14,
  kCrtcData = 0x15,
  kInputStatus1 = 0x1a,
};
enum Crtc : std::uint8_t {
  kDisplayedColumns = 0x01,
  kOverflow = 0x07,
  kMaximumScanLine = 0x09,
  kStartHigh = 0x0c,
  kStartLow = 0x0d,
  kRetraceEnd = 0x11,
  kDisplayedLines = 0x12,
  kRowOffset = 0x13,
};

// Mode 3 with 8x16 characters, as the technical reference's table of BIOS modes sets it.
constexpr std::array<std::uint8_t, 0x19> kMode3Crtc = {
    0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
    0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff};
constexpr std::array<std::uint8_t, 8> kMode3Sequencer = {0x03, 0x00, 0x03, 0x00, 0x02, 0, 0, 0};
constexpr std::array<std::uint8_t, 16> kMode3Graphics = {0, 0, 0, 0, 0, 0x10, 0x0e, 0x00, 0xff};
constexpr std::array<std::uint8_t, 0x20> kMode3Attribute = {
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
    0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00};
constexpr std::uint8_t kMode3Misc = 0x67;

// 720x400: 900 dots a line of which 720 are shown, 449 lines of which 400 are, retrace in line 412
// and 413, with the 28.322 MHz dot clock.
constexpr Hertz kDotClock{28'322'000};
constexpr std::uint64_t kDotsPerLine = 900;
constexpr std::uint64_t kDotsShown = 720;
constexpr std::uint64_t kLines = 449;
constexpr std::uint64_t kLinesShown = 400;
constexpr std::uint64_t kRetraceLine = 412;
constexpr std::uint64_t kRetraceLines = 2;

// Code page 437.
constexpr std::u32string_view kLowGlyphs = U" ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
constexpr std::u32string_view kHighGlyphs =
    U"⌂ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█"
    U"▄▌▐▀"
    U"αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";
static_assert(kLowGlyphs.size() == 32 && kHighGlyphs.size() == 129);

void append_glyph(std::string& text, std::uint8_t code) {
  char32_t c = code;
  if (code < 0x20) c = kLowGlyphs[code];
  if (code >= 0x7f) c = kHighGlyphs[code - 0x7fU];
  const auto put = [&text](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    put(0x80 | (c & 0x3f));
  } else {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

template <std::size_t N>
std::uint8_t get(const std::array<std::uint8_t, N>& registers, std::uint8_t index) {
  return index < N ? registers[index] : 0;
}

template <std::size_t N>
void set(std::array<std::uint8_t, N>& registers, std::uint8_t index, std::uint8_t value) {
  if (index < N) registers[index] = value;
}

}  // namespace

VgaText::VgaText(EventQueue& queue, Hertz core_clock) : queue_(queue), core_clock_(core_clock) {
  reset();
}

void VgaText::reset() {
  misc_ = kMode3Misc;
  feature_ = 0;
  enable_ = 1;
  attribute_index_ = 0x20;
  attribute_data_next_ = false;
  attribute_ = kMode3Attribute;
  sequencer_index_ = graphics_index_ = crtc_index_ = 0;
  sequencer_ = kMode3Sequencer;
  graphics_ = kMode3Graphics;
  crtc_ = kMode3Crtc;
  pel_mask_ = 0xff;
  pel_read_ = pel_write_ = 0;
  pel_reading_ = false;
  pel_ = {};
  const std::span<std::uint8_t> text = memory();
  for (std::size_t i = 0; i < text.size(); i += 2) {
    text[i] = ' ';
    text[i + 1] = 0x07;
  }
}

std::uint8_t VgaText::input_status_1() const {
  const std::uint64_t dot =
      ticks_down(queue_.now().count, core_clock_, kDotClock) % (kDotsPerLine * kLines);
  const std::uint64_t line = dot / kDotsPerLine;
  std::uint8_t status = 0;
  if (line >= kLinesShown || dot % kDotsPerLine >= kDotsShown) status |= 0x01;
  if (line >= kRetraceLine && line < kRetraceLine + kRetraceLines) status |= 0x08;
  return status;
}

std::uint8_t VgaText::read_byte(std::uint64_t offset) {
  switch (offset) {
    case kAttribute:
      return attribute_index_;
    case kAttributeRead:
      return get(attribute_, attribute_index_ & 0x1f);
    case kMiscWrite:  // input status 0: a colour monitor is sensed, no interrupt
      return 0x10;
    case kEnable:
      return enable_;
    case kSequencerIndex:
      return sequencer_index_;
    case kSequencerData:
      return get(sequencer_, sequencer_index_);
    case kPelMask:
      return pel_mask_;
    case kPelReadIndex:
      return pel_reading_ ? 3 : 0;
    case kPelWriteIndex:
      return static_cast<std::uint8_t>(pel_write_ / 3);
    case kPelData:
      return read_pel();
    case kFeatureRead:
      return feature_;
    case kMiscRead:
      return misc_;
    case kGraphicsIndex:
      return graphics_index_;
    case kGraphicsData:
      return get(graphics_, graphics_index_);
    case kCrtcIndex:
      return crtc_index_;
    case kCrtcData:
      return get(crtc_, crtc_index_);
    case kInputStatus1:
      attribute_data_next_ = false;
      return input_status_1();
    default:
      return 0xff;
  }
}

void VgaText::write_byte(std::uint64_t offset, std::uint8_t value) {
  switch (offset) {
    case kAttribute:
      if (attribute_data_next_) {
        set(attribute_, attribute_index_ & 0x1f, value);
      } else {
        attribute_index_ = value & 0x3f;
      }
      attribute_data_next_ = !attribute_data_next_;
      return;
    case kMiscWrite:
      misc_ = value;
      return;
    case kEnable:
      enable_ = value & 1;
      return;
    case kSequencerIndex:
      sequencer_index_ = value & 7;
      return;
    case kSequencerData:
      return set(sequencer_, sequencer_index_, value);
    case kPelMask:
      pel_mask_ = value;
      return;
    case kPelReadIndex:
      pel_read_ = static_cast<std::uint16_t>(value * 3);
      pel_reading_ = true;
      return;
    case kPelWriteIndex:
      pel_write_ = static_cast<std::uint16_t>(value * 3);
      pel_reading_ = false;
      return;
    case kPelData:
      return write_pel(value);
    case kGraphicsIndex:
      graphics_index_ = value & 15;
      return;
    case kGraphicsData:
      return set(graphics_, graphics_index_, value);
    case kCrtcIndex:
      crtc_index_ = value & 0x3f;
      return;
    case kCrtcData:
      return write_crtc(value);
    case kInputStatus1:
      feature_ = value;
      return;
    default:
      return;
  }
}

std::uint8_t VgaText::read_pel() {
  const std::uint8_t value = pel_[pel_read_];
  pel_read_ = static_cast<std::uint16_t>((pel_read_ + 1U) % pel_.size());
  return value;
}

void VgaText::write_pel(std::uint8_t value) {
  pel_[pel_write_] = value & 0x3f;
  pel_write_ = static_cast<std::uint16_t>((pel_write_ + 1U) % pel_.size());
}

void VgaText::write_crtc(std::uint8_t value) {
  if ((crtc_[kRetraceEnd] & 0x80) != 0 && crtc_index_ <= kOverflow) {
    // Write protection spares one bit: line compare bit 8.
    if (crtc_index_ != kOverflow) return;
    value = static_cast<std::uint8_t>((crtc_[kOverflow] & ~0x10) | (value & 0x10));
  }
  set(crtc_, crtc_index_, value);
}

VgaText::Size VgaText::size() const {
  const unsigned lines = 1U + crtc_[kDisplayedLines] + ((crtc_[kOverflow] & 0x02U) << 7) +
                         ((crtc_[kOverflow] & 0x40U) << 3);
  const unsigned height = (crtc_[kMaximumScanLine] & 0x1fU) + 1;
  return {crtc_[kDisplayedColumns] + 1U, std::max(lines / height, 1U)};
}

std::string VgaText::screen() const {
  const auto [columns, rows] = size();
  const std::span<const std::uint8_t> text = memory_.bytes();
  std::string screen;
  for (unsigned row = 0; row < rows; ++row) {
    const std::size_t cell =
        (crtc_[kStartHigh] << 8 | crtc_[kStartLow]) + std::size_t{row} * crtc_[kRowOffset] * 2;
    const auto code = [&](unsigned column) { return text[(cell + column) * 2 % text.size()]; };
    unsigned end = columns;
    while (end > 0 && (code(end - 1) == ' ' || code(end - 1) == 0)) --end;
    for (unsigned column = 0; column < end; ++column) append_glyph(screen, code(column));
    screen.push_back('\n');
  }
  return screen;
}

void VgaText::visit(StateVisitor& visitor) {
  visitor.field("misc", misc_);
  visitor.field("feature", feature_);
  visitor.field("enable", enable_);
  visitor.field("attribute_index", attribute_index_);
  visitor.field("attribute_data_next", attribute_data_next_);
  visitor.field("attribute", attribute_);
  visitor.field("sequencer_index", sequencer_index_);
  visitor.field("sequencer", sequencer_);
  visitor.field("graphics_index", graphics_index_);
  visitor.field("graphics", graphics_);
  visitor.field("crtc_index", crtc_index_);
  visitor.field("crtc", crtc_);
  visitor.field("pel_mask", pel_mask_);
  visitor.field("pel_read", pel_read_);
  visitor.field("pel_write", pel_write_);
  visitor.field("pel_reading", pel_reading_);
  visitor.field("pel", pel_);
  memory_.visit(visitor);
}

}  // namespace mint
