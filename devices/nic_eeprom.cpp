#include "devices/nic_eeprom.hpp"

namespace mint {
namespace {

constexpr std::uint16_t kSum = 0xBABA;
constexpr unsigned kInstructionBits = 9;  // start, operation, address
constexpr unsigned kOperationWrite = 1, kOperationRead = 2, kOperationErase = 3;
// With operation 0 the two upper bits of the address say what is meant.
constexpr unsigned kExtendedDisable = 0, kExtendedWriteAll = 1, kExtendedEraseAll = 2,
                   kExtendedEnable = 3;

}  // namespace

NicEeprom::NicEeprom(const MacAddress& mac) {
  words_.fill(0xFFFF);
  for (unsigned i = 0; i < 3; ++i)
    words_[i] = static_cast<std::uint16_t>(mac[2 * i] | mac[2 * i + 1] << 8);
  words_[0x03] = 0x0210;  // compatibility: client adapter
  words_[0x08] = 0xA782;  // part number of a PRO/1000 MT Desktop Adapter: A78274
  words_[0x09] = 0x7400;
  words_[0x0A] = 0x640B;
  words_[0x0B] = 0x001E;
  words_[0x0C] = 0x8086;
  words_[0x0D] = 0x100E;
  words_[0x0E] = 0x8086;
  words_[0x0F] = 0xB040;
  words_[0x24] = 0x280C;  // initialisation control 3: does not wake the machine
  std::uint16_t sum = 0;
  for (unsigned i = 0; i + 1 < kWords; ++i) sum = static_cast<std::uint16_t>(sum + words_[i]);
  words_[kWords - 1] = static_cast<std::uint16_t>(kSum - sum);
}

MacAddress NicEeprom::mac() const {
  MacAddress mac;
  for (unsigned i = 0; i < mac.size(); ++i)
    mac[i] = static_cast<std::uint8_t>(words_[i / 2] >> (i % 2 * 8));
  return mac;
}

void NicEeprom::reset() {
  selected_ = clock_ = writable_ = reading_ = bits_ = data_bits_ = 0;
  out_ = 1;
}

void NicEeprom::set_pins(bool select, bool clock, bool in) {
  if (!select) {
    // A write begins when CS falls; it is over before anybody looks at the ready signal.
    if (selected_ != 0) store();
    selected_ = 0;
    clock_ = clock ? 1 : 0;
    out_ = 1;
    return;
  }
  if (selected_ == 0) {
    selected_ = 1;
    bits_ = data_bits_ = reading_ = 0;
    instruction_ = 0;
    out_ = 1;
  }
  const bool rising = clock && clock_ == 0;
  clock_ = clock ? 1 : 0;
  if (rising) clock_in(in);
}

void NicEeprom::clock_in(bool in) {
  if (reading_ != 0) {
    // Word after word, without a gap.
    if (data_bits_ == 16) {
      address_ = static_cast<std::uint8_t>((address_ + 1) % kWords);
      data_ = words_[address_];
      data_bits_ = 0;
    }
    out_ = (data_ & 0x8000u) != 0 ? 1 : 0;
    data_ = static_cast<std::uint16_t>(data_ << 1);
    ++data_bits_;
    return;
  }
  if (bits_ == kInstructionBits) {
    data_ = static_cast<std::uint16_t>(data_ << 1 | (in ? 1 : 0));
    if (data_bits_ < 17) ++data_bits_;
    return;
  }
  if (bits_ == 0 && !in) return;  // leading zeroes
  instruction_ = static_cast<std::uint16_t>(instruction_ << 1 | (in ? 1 : 0));
  if (++bits_ == kInstructionBits) execute();
}

void NicEeprom::execute() {
  address_ = static_cast<std::uint8_t>(instruction_ & 0x3F);
  const unsigned operation = instruction_ >> 6 & 3;
  data_bits_ = 0;
  if (operation == kOperationRead) {
    reading_ = 1;
    data_ = words_[address_];
    out_ = 0;  // the dummy bit
  } else if (operation == 0 && address_ >> 4 == kExtendedEnable) {
    writable_ = 1;
  } else if (operation == 0 && address_ >> 4 == kExtendedDisable) {
    writable_ = 0;
  }
}

void NicEeprom::store() {
  if (writable_ == 0 || bits_ != kInstructionBits) return;
  const unsigned operation = instruction_ >> 6 & 3;
  const unsigned extended = address_ >> 4;
  if (operation == kOperationErase) words_[address_] = 0xFFFF;
  if (operation == kOperationWrite && data_bits_ == 16) words_[address_] = data_;
  if (operation == 0 && extended == kExtendedEraseAll) words_.fill(0xFFFF);
  if (operation == 0 && extended == kExtendedWriteAll && data_bits_ == 16) words_.fill(data_);
}

void NicEeprom::visit(StateVisitor& visitor) {
  visitor.field("words", words_);
  visitor.field("selected", selected_);
  visitor.field("clock", clock_);
  visitor.field("out", out_);
  visitor.field("writable", writable_);
  visitor.field("bits", bits_);
  visitor.field("data_bits", data_bits_);
  visitor.field("reading", reading_);
  visitor.field("address", address_);
  visitor.field("instruction", instruction_);
  visitor.field("data", data_);
}

}  // namespace mint
