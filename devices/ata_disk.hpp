// A Serial ATA hard disk: the ATA8-ACS command set over a link, with the times of DiskMechanics and
// the contents of a DiskImage.
//
// Power comes on when it is constructed; it answers with its signature once the link is up and the
// platters have spun up. RST# of the board and resets over the link leave it spinning.
//
// | command | |
// |---|---|
// | ECh IDENTIFY DEVICE, 2Fh READ LOG EXT (logs 00h, 10h), B0h SMART (D0h, D1h, D8h, D9h, DAh) |
// PIO in | | 20h/24h READ SECTOR(S) (EXT), C4h/29h READ MULTIPLE (EXT) | PIO in | | 30h/34h WRITE
// SECTOR(S) (EXT), C5h/39h WRITE MULTIPLE (EXT) | PIO out | | C8h/25h READ DMA (EXT), CAh/35h/3Dh
// WRITE DMA (EXT) (FUA EXT) | DMA | | 60h/61h READ/WRITE FPDMA QUEUED | when the profile has NCQ |
// | 40h/42h READ VERIFY SECTOR(S) (EXT), E7h/EAh FLUSH CACHE (EXT) | no data |
// | EFh SET FEATURES (02h/82h write cache, AAh/55h read look-ahead, 03h transfer mode) | no data |
// | C6h SET MULTIPLE MODE, 91h INITIALIZE DEVICE PARAMETERS, 90h EXECUTE DEVICE DIAGNOSTIC | no
// data | | E0h-E3h, E5h, E6h power management, 10h RECALIBRATE, 70h SEEK | no data |
//
// All others, NOP and DEVICE RESET (for packet devices) among them, end in ABRT. Data move at the
// moment a command ends. Writes count as done for the contents even while DiskMechanics still has
// them in its buffer: power never fails here.
//
// Queued commands are served one at a time, the one with the shortest positioning time first, of
// equals the lowest tag; one that has waited for longer than half a second goes before all others.
// After an error in a queued command the queue stands still until READ LOG EXT of log 10h or a
// reset.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "devices/disk_image.hpp"
#include "devices/disk_mechanics.hpp"
#include "devices/sata_fis.hpp"
#include "emu/base/event_queue.hpp"
#include "emu/base/state.hpp"

namespace mint {

struct AtaDiskConfig {
  std::string name = "disk";  // of its events
  DiskParameters parameters;
  std::string serial = "MINT0000";  // at most 20 characters
  bool ncq = true;
  std::uint64_t reset_ns = 2'000'000;  // from the end of a reset to the signature
  Hertz core_clock{2'800'000'000};
  std::uint64_t seed = 0;  // the platters' angle at time 0
};

// One finished (or failed) command, for traces.
struct DiskCommandRecord {
  Cycles received;
  Cycles finished;
  std::uint8_t command;
  std::uint8_t tag;  // of a queued command
  bool queued;
  std::uint64_t lba;
  std::uint32_t sectors;
  DiskTime time;  // from when the disk began to work on it
  std::uint8_t status;
  std::uint8_t error;
};

class AtaDisk {
 public:
  AtaDisk(EventQueue& queue, AtaDiskConfig config, std::unique_ptr<DiskImage> image);

  const DiskImage& image() const { return *image_; }
  void observe(std::function<void(const DiskCommandRecord&)> observer) {
    observer_ = std::move(observer);
  }

  // For the host at the other end of the link.
  void connect(SataHost& host) { host_ = &host; }
  // COMRESET begins: everything under way is dropped.
  void link_down();
  // The link is up; the signature follows when the disk is ready.
  void link_up();
  void receive(const AtaCommand& command);

  void visit(StateVisitor& visitor);

 private:
  enum class Phase : std::uint8_t { kNoLink, kResetting, kReady, kAsleep };
  static constexpr std::uint8_t kNoTag = 0xFF;
  struct Queued {
    AtaCommand command;
    Cycles received;
    std::uint64_t valid = 0;
  };
  // What a data command addresses.
  struct Range {
    std::uint64_t lba;
    std::uint32_t sectors;
    bool valid;  // on the disk
  };

  void abandon();
  void start_reset();
  void become_ready();
  void start_command(const AtaCommand& command);
  void start_queued(const AtaCommand& command);
  void serve_queue();
  void complete();
  void complete_queued();
  void record(const AtaCommand& command, Cycles received, const Range& range, std::uint8_t tag,
              std::uint8_t status, std::uint8_t error);

  Range range_of(const AtaCommand& command) const;
  DiskTime time_of(const AtaCommand& command);
  bool wants_heads(std::uint8_t command) const;
  void wake(bool heads);

  // Command execution (ata_execute.cpp); each ends by sending registers or the last PIO block.
  void execute(const AtaCommand& command);
  void succeed(const AtaCommand& command);
  void fail(const AtaCommand& command, std::uint8_t error, std::uint64_t lba);
  void abort(const AtaCommand& command) { fail(command, ata::kAbort, command.lba); }
  void pio_data_in(const AtaCommand& command, std::span<const std::byte> data);
  void read_pio(const AtaCommand& command, const Range& range);
  void write_pio(const AtaCommand& command, const Range& range);
  void read_dma(const AtaCommand& command, const Range& range);
  void write_dma(const AtaCommand& command, const Range& range);
  // Error register of the transfer (0: none), and the sector where it stopped.
  struct Outcome {
    std::uint8_t error = 0;
    std::uint64_t lba = 0;
  };
  Outcome move_in(const Range& range);
  Outcome move_out(const Range& range);
  void set_features(const AtaCommand& command);
  void smart(const AtaCommand& command);
  void read_log(const AtaCommand& command);
  void set_multiple(const AtaCommand& command);
  std::vector<std::byte> identify() const;

  EventQueue& queue_;
  AtaDiskConfig config_;
  std::unique_ptr<DiskImage> image_;
  DiskMechanics mechanics_;
  SataHost* host_ = nullptr;
  std::function<void(const DiskCommandRecord&)> observer_;

  Phase phase_ = Phase::kNoLink;
  Cycles spun_up_at_;
  std::uint8_t standby_ = 0;  // the platters stand still
  std::uint8_t soft_reset_ = 0;

  // The command that is not queued, when `running_`.
  std::uint8_t running_ = 0;
  AtaCommand command_;
  Cycles received_;
  DiskTime time_;  // of command_, or of the queued command being served

  std::array<Queued, 32> queued_{};
  std::uint8_t serving_ = kNoTag;
  std::uint8_t queue_error_ = 0;
  std::array<std::uint8_t, 512> error_log_{};  // log 10h

  std::uint8_t write_cache_ = 1;
  std::uint8_t look_ahead_ = 1;
  std::uint8_t smart_on_ = 1;
  std::uint8_t transfer_mode_ = 0x46;  // Ultra DMA 6
  std::uint8_t multiple_ = 0;

  Event ready_;
  Event complete_;
};

}  // namespace mint
