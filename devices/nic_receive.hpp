// The receiver of an 82540EM: FIFO, descriptor ring, checksums (SDM, 3.2, 13.4.22 to 13.4.32).
//
// | offset | register | |
// |--------|----------|-|
// | 100h   | RCTL | EN, UPE, MPE, LPE, RDMTS, MO, BAM, BSIZE/BSEX, VFE, CFIEN, CFI, SECRC |
// | 2800h, 2804h | RDBAL, RDBAH | ring, 16-byte aligned |
// | 2808h  | RDLEN | its bytes, a multiple of 128 |
// | 2810h, 2818h | RDH, RDT | from head to tail the descriptors are the NIC's |
// | 5000h  | RXCSUM | PCSS, IPOFLD, TUOFLD |
//
// A descriptor: buffer address (8 bytes), length, packet checksum, status, errors, VLAN tag.
//
// A frame that passes the filter waits in the FIFO until there are descriptors for all of it; its
// data and its descriptors take one burst on the bus. What does not fit into the FIFO is lost
// (MPC, cause RXO). Frames come without errors, so RCTL.SBP makes no difference.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "devices/frame_queue.hpp"
#include "devices/nic_bus.hpp"
#include "devices/nic_filter.hpp"
#include "devices/nic_interrupts.hpp"
#include "devices/nic_statistics.hpp"

namespace mint {

class NicReceiver {
 public:
  // The type of VLAN tags, and whether they are taken out (CTRL.VME).
  struct Vlan {
    std::uint16_t type = 0;
    bool strip = false;
  };
  NicReceiver(EventQueue& queue, const std::string& name, NicBus& bus, NicInterrupts& interrupts,
              NicStatistics& statistics, const NicFilter& filter, std::function<Vlan()> vlan);

  // A frame has come from the wire.
  void receive(std::span<const std::uint8_t> frame);

  std::optional<std::uint32_t> read(std::uint32_t offset) const;
  bool write(std::uint32_t offset, std::uint32_t value);
  std::uint32_t rctl() const { return rctl_; }
  // The size of the FIFO: PBA.
  void set_fifo(std::size_t bytes) { fifo_size_ = bytes; }

  void reset();
  void visit(StateVisitor& visitor);

 private:
  void kick();
  void store();
  std::optional<std::uint16_t> vlan_tag(std::span<const std::uint8_t> frame) const;
  std::size_t buffer_size() const;
  std::size_t bytes_to_store() const;
  std::uint32_t free_descriptors() const;
  std::uint64_t ring() const { return std::uint64_t{rdbah_} << 32 | rdbal_; }
  std::uint32_t ring_size() const { return rdlen_ / 16; }

  EventQueue& queue_;
  NicBus& bus_;
  NicInterrupts& interrupts_;
  NicStatistics& statistics_;
  const NicFilter& filter_;
  std::function<Vlan()> vlan_;
  std::size_t fifo_size_ = 48 << 10;

  std::uint32_t rctl_ = 0;
  std::uint32_t rdbal_ = 0;
  std::uint32_t rdbah_ = 0;
  std::uint32_t rdlen_ = 0;
  std::uint32_t rdh_ = 0;
  std::uint32_t rdt_ = 0;
  std::uint32_t rxcsum_ = 0;
  FrameQueue fifo_;
  Event store_;
};

}  // namespace mint
