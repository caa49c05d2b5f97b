// The transmitter of an 82540EM: descriptor ring, checksums, segmentation, the wire (SDM, 3.3 to
// 3.5, 13.4.33 to 13.4.45).
//
// | offset | register | |
// |--------|----------|-|
// | 400h   | TCTL | EN and PSP matter; full duplex has no collisions |
// | 3800h, 3804h | TDBAL, TDBAH | ring, 16-byte aligned |
// | 3808h  | TDLEN | its bytes, a multiple of 128 |
// | 3810h, 3818h | TDH, TDT | from head to tail the descriptors are the NIC's |
//
// The bytes of a descriptor, by its kind:
//
// | kind | 0-7 | 8-9 | 10 | 11 | 12 | 13 | 14-15 |
// |------|-----|-----|----|----|----|----|-------|
// | legacy | buffer | length | CSO | command | status | CSS | VLAN |
// | data | buffer | length (20 bits), type 1 | | command | status | options | VLAN |
// | context | IPCSS, IPCSO, IPCSE, TUCSS, TUCSO, TUCSE | length (20 bits), type 0 | | command |
// status | HDRLEN | MSS |
//
// A packet takes two bursts on the bus: its descriptors, then its data; when the second one is over
// the descriptors with RS are written back, and its frames are in the FIFO, from which they go out
// one after the other. The next packet is fetched when the FIFO has room. Nothing is fetched while
// there is no link.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "devices/frame_queue.hpp"
#include "devices/nic_bus.hpp"
#include "devices/nic_interrupts.hpp"
#include "devices/nic_statistics.hpp"

namespace mint {

class NicTransmitter {
 public:
  // What the NIC around it is asked for.
  struct Wire {
    // How long so many bytes take; nothing while there is no link.
    std::function<std::optional<Cycles>(std::size_t bytes)> time;
    std::function<void(std::span<const std::uint8_t> frame)> send;
    // The type of a VLAN tag to insert; nothing when CTRL.VME is off.
    std::function<std::optional<std::uint16_t>()> vlan_type;
  };
  NicTransmitter(EventQueue& queue, const std::string& name, NicBus& bus, NicInterrupts& interrupts,
                 NicStatistics& statistics, Wire wire);

  std::optional<std::uint32_t> read(std::uint32_t offset) const;
  bool write(std::uint32_t offset, std::uint32_t value);
  // The link has come up or gone down.
  void link_changed();
  // The size of the FIFO: what PBA leaves of 64 KB.
  void set_fifo(std::size_t bytes) { fifo_size_ = bytes; }

  void reset();
  void visit(StateVisitor& visitor);

 private:
  using Descriptor = std::array<std::uint8_t, 16>;
  // What a context descriptor sets for the data descriptors after it (3.3.6).
  struct Context {
    std::uint8_t ip_start = 0, ip_offset = 0, tcp_start = 0, tcp_offset = 0;
    std::uint16_t ip_end = 0, tcp_end = 0;
    std::uint16_t segment_size = 0;
    std::uint8_t header_size = 0;
    std::uint8_t command = 0;
  };
  // A packet under way: what its descriptors have said so far.
  struct Packet {
    std::uint16_t begun = 0;
    std::uint16_t vlan = 0;
    std::uint8_t command = 0;  // of all descriptors, or-ed
    std::uint8_t options = 0;
    std::uint8_t checksum_offset = 0, checksum_start = 0;  // legacy
  };

  void kick();
  void fetch();
  void fetched();
  void sent();
  void send_next();
  bool take(const Descriptor& descriptor);
  void set_context(const Descriptor& descriptor);
  void make_frames();
  void make_segments();
  void add_frame(std::vector<std::uint8_t> frame);
  std::uint64_t ring() const { return std::uint64_t{tdbah_} << 32 | tdbal_; }
  std::uint32_t ring_size() const { return tdlen_ / 16; }
  // Whether all places are in the ring: software can change them at any time.
  bool ring_is_sound() const {
    return tdh_ < ring_size() && next_ < ring_size() && tdt_ < ring_size();
  }

  EventQueue& queue_;
  NicBus& bus_;
  NicInterrupts& interrupts_;
  NicStatistics& statistics_;
  Wire wire_;
  std::size_t fifo_size_ = 16 << 10;

  std::uint32_t tctl_ = 0;
  std::uint32_t tdbal_ = 0;
  std::uint32_t tdbah_ = 0;
  std::uint32_t tdlen_ = 0;
  std::uint32_t tdh_ = 0;
  std::uint32_t tdt_ = 0;

  Context context_;
  Packet packet_;
  std::vector<std::uint8_t> data_;  // of the packet
  std::uint32_t next_ = 0;          // descriptor to be read; from TDH to here they are in the NIC
  FrameQueue fifo_;                 // the first one is on the wire while `wire_end_` is pending
  Event fetch_;
  Event fetched_;
  Event wire_end_;
};

}  // namespace mint
