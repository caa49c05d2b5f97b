// The device's side of an AhciPort: the FISes it sends, and its data through the PRD table.

#include <algorithm>
#include <array>

#include "devices/ahci_port.hpp"
#include "devices/ahci_registers.hpp"

namespace mint {

using namespace ahci;

// --- FISes from the device

void AhciPort::set_status(std::uint8_t status, std::uint8_t error) {
  tfd_ = status | std::uint32_t{error} << 8;
}

bool AhciPort::post(std::uint32_t offset, std::span<const std::uint8_t> fis) {
  if ((cmd_ & kCmdFisReceive) == 0) return true;
  if (memory_.write({fb_ + offset}, std::as_bytes(fis))) return true;
  stop_with(kIsHostBusFatal);
  return false;
}

void AhciPort::send_registers(const AtaRegisters& registers, bool interrupt) {
  const Fis fis = register_d2h(registers, interrupt);
  set_status(registers.status, registers.error);
  if (await_signature_ != 0) {
    await_signature_ = 0;
    sig_ = static_cast<std::uint32_t>(registers.lba << 8) | (registers.count & 0xFF);
    if ((cmd_ & kCmdFisReceive) == 0) {
      signature_ = fis;
      unposted_ = 1;
    }
  }
  post(kRfisD2h, fis);
  close_cursor(true);
  if (interrupt) is_ |= kIsD2h;
  if ((registers.status & ata::kErr) != 0)
    stop_with(kIsTaskFileError);
  else if ((registers.status & ata::kBusyBits) == 0 && halted_ == 0)
    finish_current();
  interrupt_();
  schedule_issue();
}

void AhciPort::set_device_bits(std::uint8_t status, std::uint8_t error, std::uint32_t sactive,
                               bool interrupt) {
  tfd_ = (tfd_ & ata::kBusyBits) | (status & 0x77) | std::uint32_t{error} << 8;
  post(kRfisSetDeviceBits, set_device_bits_fis(status, error, sactive, interrupt));
  close_cursor(false);
  sact_ &= ~sactive;
  if (interrupt) is_ |= kIsSetDeviceBits;
  if ((status & ata::kErr) != 0) stop_with(kIsTaskFileError);
  interrupt_();
}

bool AhciPort::pio_in(const AtaRegisters& registers, std::uint8_t ending_status, bool interrupt,
                      std::span<const std::byte> data) {
  if (current_ == kNoSlot) return false;
  set_status(registers.status, registers.error);
  post(kRfisPioSetup, pio_setup_fis(registers, ending_status,
                                    static_cast<std::uint16_t>(data.size()), true, interrupt));
  if (!dma_in(data)) return false;
  set_status(ending_status, registers.error);
  if (interrupt) is_ |= kIsPioSetup;
  if ((ending_status & ata::kBusyBits) == 0) {
    close_cursor(true);
    if (halted_ == 0) finish_current();
    schedule_issue();
  }
  interrupt_();
  return true;
}

bool AhciPort::pio_out(const AtaRegisters& registers, std::uint8_t ending_status, bool interrupt,
                       std::span<std::byte> data) {
  if (current_ == kNoSlot) return false;
  set_status(registers.status, registers.error);
  post(kRfisPioSetup, pio_setup_fis(registers, ending_status,
                                    static_cast<std::uint16_t>(data.size()), false, interrupt));
  if (!dma_out(data)) return false;
  set_status(ending_status, registers.error);
  if (interrupt) is_ |= kIsPioSetup;
  interrupt_();
  return true;
}

bool AhciPort::dma_setup(std::uint8_t tag, std::uint32_t bytes, bool to_host) {
  if ((cmd_ & kCmdStart) == 0 || (sact_ >> tag & 1) == 0) return false;
  return post(kRfisDmaSetup, dma_setup_fis(tag, bytes, to_host)) && open_cursor(tag);
}

// --- Data (4.2.3.3)

bool AhciPort::open_cursor(std::uint8_t slot) {
  std::array<std::uint32_t, 4> head;
  if (!memory_.read(header(slot), std::as_writable_bytes(std::span(head)))) {
    stop_with(kIsHostBusFatal);
    return false;
  }
  cursor_ = {};
  cursor_.open = true;
  cursor_.slot = slot;
  cursor_.entries_left = head[0] >> 16;
  cursor_.entry = {(std::uint64_t{head[3]} << 32 | (head[2] & ~0x7Fu)) + 0x80};
  return true;
}

bool AhciPort::next_entry() {
  if (cursor_.entry_interrupts) is_ |= kIsDescriptor;
  cursor_.entry_interrupts = false;
  if (cursor_.entries_left == 0) {
    stop_with(kIsOverflow);
    return false;
  }
  std::array<std::uint32_t, 4> entry;
  if (!memory_.read(cursor_.entry, std::as_writable_bytes(std::span(entry)))) {
    stop_with(kIsHostBusFatal);
    return false;
  }
  --cursor_.entries_left;
  cursor_.entry = cursor_.entry + sizeof entry;
  cursor_.data = {std::uint64_t{entry[1]} << 32 | (entry[0] & ~1u)};
  cursor_.left = ((entry[3] & 0x3FFFFF) | 1) + 1;  // bit 0 of the count is always one
  cursor_.entry_interrupts = (entry[3] >> 31) != 0;
  return true;
}

template <class Move>
bool AhciPort::transfer(std::size_t bytes, Move move) {
  if (!cursor_.open && (current_ == kNoSlot || !open_cursor(current_))) return false;
  for (std::size_t done = 0; done < bytes;) {
    if (cursor_.left == 0 && !next_entry()) return false;
    const std::size_t here = std::min<std::size_t>(bytes - done, cursor_.left);
    if (!move(cursor_.data, done, here)) {
      stop_with(kIsHostBusFatal);
      return false;
    }
    cursor_.data = cursor_.data + here;
    cursor_.left -= static_cast<std::uint32_t>(here);
    cursor_.moved += static_cast<std::uint32_t>(here);
    done += here;
  }
  return true;
}

bool AhciPort::dma_in(std::span<const std::byte> data) {
  return transfer(data.size(), [&](PhysAddr to, std::size_t at, std::size_t bytes) {
    return memory_.write(to, data.subspan(at, bytes));
  });
}

bool AhciPort::dma_out(std::span<std::byte> data) {
  return transfer(data.size(), [&](PhysAddr from, std::size_t at, std::size_t bytes) {
    return memory_.read(from, data.subspan(at, bytes));
  });
}

// PRDBC is for commands that are not queued (4.2.2).
void AhciPort::close_cursor(bool store_count) {
  if (!cursor_.open) return;
  if (cursor_.left == 0 && cursor_.entry_interrupts) is_ |= kIsDescriptor;
  if (store_count) {
    const std::uint32_t moved = cursor_.moved;
    memory_.write(header(cursor_.slot) + 4, std::as_bytes(std::span(&moved, 1)));
  }
  cursor_ = {};
}

}  // namespace mint
