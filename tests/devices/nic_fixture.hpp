// Two NICs on a switch, their memory, and a driver's steps.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/ethernet_switch.hpp"
#include "devices/nic.hpp"
#include "devices/nic_registers.hpp"
#include "devices/pci.hpp"
#include "emu/base/event_queue.hpp"

namespace mint {

class NicMemory final : public DmaPort {
 public:
  static constexpr std::size_t kSize = 1 << 20;
  bool read(PhysAddr from, std::span<std::byte> to) override {
    if (from.value > kSize || kSize - from.value < to.size()) return false;
    if (!to.empty()) std::memcpy(to.data(), &bytes[from.value], to.size());
    return true;
  }
  bool write(PhysAddr to, std::span<const std::byte> from) override {
    if (to.value > kSize || kSize - to.value < from.size()) return false;
    if (!from.empty()) std::memcpy(&bytes[to.value], from.data(), from.size());
    return true;
  }
  void put(std::uint64_t at, std::uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  std::uint64_t get(std::uint64_t at, unsigned size) const {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < size; ++i) value |= std::uint64_t{bytes[at + i]} << (8 * i);
    return value;
  }
  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(kSize);
};

class NicFixture : public testing::Test {
 protected:
  static constexpr Hertz kClock{1'000'000'000};  // a cycle is a nanosecond
  static constexpr MacAddress kMac[2] = {{0x02, 0x4D, 0x49, 0x4E, 0x54, 0x00},
                                         {0x02, 0x4D, 0x49, 0x4E, 0x54, 0x01}};
  static constexpr std::uint64_t kTxRing = 0x1000, kRxRing = 0x2000, kTxData = 0x10000,
                                 kRxData = 0x40000;
  static constexpr unsigned kDescriptors = 16;

  // A NIC of a machine of its own.
  struct Host {
    Host(EventQueue& queue, unsigned number) {
      nic = std::make_unique<Nic>(
          queue, memory,
          NicConfig{
              .name = "nic" + std::to_string(number), .mac = kMac[number], .core_clock = kClock});
      nic->connect_intx([this](bool level) {
        irq = level;
        if (level) ++interrupts;
      });
      nic->config_write(0x10, 4, 0xE0000000);
      nic->config_write(0x18, 4, 0xC000);
      nic->config_write(0x04, 2, 7);
    }
    std::uint32_t reg(std::uint32_t offset) {
      return static_cast<std::uint32_t>(nic->read(offset, 4));
    }
    void reg(std::uint32_t offset, std::uint32_t value) { nic->write(offset, 4, value); }
    NicMemory memory;
    std::unique_ptr<Nic> nic;
    bool irq = false;
    unsigned interrupts = 0;
    unsigned tail = 0;
  };

  NicFixture() {
    for (unsigned i = 0; i < 2; ++i) {
      hosts_.push_back(std::make_unique<Host>(queue_, i));
      lan_.connect(*hosts_[i]->nic);
    }
    lan_.observe([this](Cycles at, std::size_t port, std::span<const std::uint8_t> frame) {
      crossed_.push_back({at, port, {frame.begin(), frame.end()}});
    });
  }
  Host& host(unsigned i) { return *hosts_[i]; }
  void run(std::uint64_t ns) { queue_.run_until(queue_.now() + Cycles{ns}); }
  static constexpr std::uint64_t ms(std::uint64_t n) { return n * 1'000'000; }

  void set_link_up(Host& h) { h.reg(nic::kCtrl, h.reg(nic::kCtrl) | nic::kCtrlSetLinkUp); }
  // Rings, buffers, transmitter and receiver, and until the link is up.
  void bring_up(Host& h) {
    using namespace nic;
    set_link_up(h);
    h.reg(kTdbal, kTxRing);
    h.reg(kTdlen, kDescriptors * 16);
    h.reg(kTctl, kTctlEnable | kTctlPad);
    for (unsigned i = 0; i < kDescriptors; ++i) {
      h.memory.put(kRxRing + 16 * i, kRxData + 2048 * i, 8);
      h.memory.put(kRxRing + 16 * i + 8, 0, 8);
    }
    h.reg(kRdbal, kRxRing);
    h.reg(kRdlen, kDescriptors * 16);
    h.reg(kRdt, kDescriptors - 1);
    h.reg(kRctl, kRctlEnable | kRctlBroadcast);
    run(ms(2001));
    (void)h.reg(kIcr);
  }
  void bring_up() {
    bring_up(host(0));
    bring_up(host(1));
  }

  static EthernetFrame frame_to(const MacAddress& to, const MacAddress& from, std::size_t size,
                                std::uint16_t type = 0x88B5) {
    EthernetFrame frame(size);
    std::copy(to.begin(), to.end(), frame.begin());
    std::copy(from.begin(), from.end(), frame.begin() + 6);
    put_big16(frame, 12, type);
    for (std::size_t i = kMacHeader; i < size; ++i) frame[i] = static_cast<std::uint8_t>(7 * i);
    return frame;
  }
  // Puts a descriptor into the ring; send() hands over all of them.
  void descriptor(Host& h, std::uint64_t low, std::uint64_t high) {
    h.memory.put(kTxRing + 16 * h.tail, low, 8);
    h.memory.put(kTxRing + 16 * h.tail + 8, high, 8);
    h.tail = (h.tail + 1) % kDescriptors;
  }
  void send(Host& h) { h.reg(nic::kTdt, h.tail); }
  static std::uint64_t legacy(std::size_t length, std::uint8_t command) {
    return length | std::uint64_t{command} << 24;
  }
  void send(Host& h, const EthernetFrame& frame,
            std::uint8_t command = nic::kTxEnd | nic::kTxInsertFcs | nic::kTxReport) {
    std::copy(frame.begin(), frame.end(), h.memory.bytes.begin() + kTxData);
    descriptor(h, kTxData, legacy(frame.size(), command));
    send(h);
  }
  // What has been stored by descriptor `i`.
  std::uint8_t rx_status(Host& h, unsigned i) {
    return static_cast<std::uint8_t>(h.memory.get(kRxRing + 16 * i + 12, 1));
  }
  EthernetFrame rx_data(Host& h, unsigned i) {
    const auto length = static_cast<std::ptrdiff_t>(h.memory.get(kRxRing + 16 * i + 8, 2));
    const auto first = h.memory.bytes.begin() + static_cast<std::ptrdiff_t>(kRxData + 2048 * i);
    return {first, first + length};
  }

  std::uint16_t phy(Host& h, unsigned number) {
    h.reg(nic::kMdic, nic::kMdicRead | 1u << 21 | number << 16);
    run(30'000);
    EXPECT_NE(h.reg(nic::kMdic) & nic::kMdicReady, 0u);
    return static_cast<std::uint16_t>(h.reg(nic::kMdic));
  }
  void phy(Host& h, unsigned number, std::uint16_t value) {
    h.reg(nic::kMdic, nic::kMdicWrite | 1u << 21 | number << 16 | value);
    run(30'000);
  }

  struct Crossed {
    Cycles at;
    std::size_t port;
    EthernetFrame frame;
  };
  EventQueue queue_;
  EthernetSwitch lan_{queue_, "lan", Cycles{2000}};
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<Crossed> crossed_;
};

}  // namespace mint
