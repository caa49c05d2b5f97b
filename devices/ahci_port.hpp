// One port of an AHCI host bus adapter: its registers, command list and received FIS area, and the
// host's end of the link to the disk (Serial ATA AHCI 1.3, 3.3, chapters 4 to 6).
//
// | offset | register | |
// |--------|----------|---|
// | 00h    | PxCLB(U) | command list, 1 KB aligned |
// | 08h    | PxFB(U)  | received FIS area, 256-byte aligned |
// | 10h    | PxIS     | write one to clear |
// | 14h    | PxIE     | |
// | 18h    | PxCMD    | ST/CR, FRE/FR, CLO, CCS |
// | 20h    | PxTFD    | status and error of the device |
// | 24h    | PxSIG    | of the first D2H FIS after a reset |
// | 28h    | PxSSTS   | 123h when the link is up |
// | 2Ch    | PxSCTL   | DET = 1 then 0: COMRESET |
// | 30h    | PxSERR   | write one to clear |
// | 34h    | PxSACT   | write one to set |
// | 38h    | PxCI     | write one to set |
//
// A command leaves its slot `command_ns` after PxCI is written; slots are taken round robin. All
// the data of a command move when the disk ends it. Whatever memory it cannot use (a command list
// or table outside RAM, a PRD table that is too short) stops the port with a fatal bit in PxIS
// until software restarts it (6.2.2).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "devices/ata_disk.hpp"
#include "devices/sata_fis.hpp"
#include "emu/base/device.hpp"
#include "emu/base/event_queue.hpp"

namespace mint {

struct AhciTiming {
  Cycles link;     // from the end of COMRESET, or power-on, to PHYRDY
  Cycles command;  // from PxCI to the command FIS on the link
};

class AhciPort final : public SataHost {
 public:
  // `interrupt` is called when PxIS & PxIE may have changed.
  AhciPort(EventQueue& queue, const std::string& name, const AhciTiming& timing, DmaPort& memory,
           std::function<void()> interrupt);

  // Plugs a disk in, with the power coming on.
  void attach(AtaDisk& disk);

  std::uint32_t read(std::uint32_t offset) const;
  // Writes the bytes that `mask` selects.
  void write(std::uint32_t offset, std::uint32_t value, std::uint32_t mask);
  bool interrupt_pending() const { return (interrupt_status() & ie_) != 0; }

  // GHC.HR: everything but the addresses of PxCLB and PxFB (10.4.3).
  void hba_reset();
  // RST#.
  void reset();
  void visit(StateVisitor& visitor);

  // SataHost
  void send_registers(const AtaRegisters& registers, bool interrupt) override;
  bool pio_in(const AtaRegisters& registers, std::uint8_t ending_status, bool interrupt,
              std::span<const std::byte> data) override;
  bool pio_out(const AtaRegisters& registers, std::uint8_t ending_status, bool interrupt,
               std::span<std::byte> data) override;
  bool dma_setup(std::uint8_t tag, std::uint32_t bytes, bool to_host) override;
  bool dma_in(std::span<const std::byte> data) override;
  bool dma_out(std::span<std::byte> data) override;
  void set_device_bits(std::uint8_t status, std::uint8_t error, std::uint32_t sactive,
                       bool interrupt) override;

 private:
  static constexpr std::uint8_t kNoSlot = 0xFF;
  // Where in the PRD table the data of a command have got to. Lives within one event.
  struct Cursor {
    bool open = false;
    std::uint8_t slot = 0;
    std::uint32_t entries_left = 0;
    PhysAddr entry;  // next one
    PhysAddr data;   // within the current one
    std::uint32_t left = 0;
    bool entry_interrupts = false;
    std::uint32_t moved = 0;
  };

  std::uint32_t interrupt_status() const;
  void write_cmd(std::uint32_t value, std::uint32_t mask);
  void write_sctl(std::uint32_t value);
  void stop();
  void bring_link_down();
  void link_comes_up();
  void schedule_issue();
  void issue();
  bool issue_slot(std::uint8_t slot);
  void finish_current();
  void stop_with(std::uint32_t interrupt_bits);
  void set_status(std::uint8_t status, std::uint8_t error);
  bool post(std::uint32_t offset, std::span<const std::uint8_t> fis);
  PhysAddr header(std::uint8_t slot) const { return {clb_ + 32u * slot}; }
  bool open_cursor(std::uint8_t slot);
  bool next_entry();
  void close_cursor(bool store_count);
  template <class Move>
  bool transfer(std::size_t bytes, Move move);

  EventQueue& queue_;
  AhciTiming timing_;
  DmaPort& memory_;
  std::function<void()> interrupt_;
  AtaDisk* disk_ = nullptr;

  std::uint64_t clb_ = 0;
  std::uint64_t fb_ = 0;
  std::uint32_t is_ = 0;
  std::uint32_t ie_ = 0;
  std::uint32_t cmd_ = 0;
  std::uint32_t tfd_ = 0;
  std::uint32_t sig_ = 0;
  std::uint32_t ssts_ = 0;
  std::uint32_t sctl_ = 0;
  std::uint32_t serr_ = 0;
  std::uint32_t sact_ = 0;
  std::uint32_t ci_ = 0;

  std::uint32_t issued_ = 0;          // slots of ci_ whose command is with the disk
  std::uint8_t current_ = kNoSlot;    // the one that keeps the device busy
  std::uint8_t last_slot_ = 31;       // for the round
  std::uint8_t halted_ = 0;           // by an error, until ST is cleared
  std::uint8_t await_signature_ = 0;  // the next D2H FIS sets PxSIG
  std::uint8_t unposted_ = 0;         // signature_ came while FRE was clear
  Fis signature_{};
  Cursor cursor_;

  Event link_;
  Event issue_;
};

}  // namespace mint
