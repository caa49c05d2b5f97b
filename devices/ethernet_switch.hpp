// The network between the machine's NICs: a gigabit Ethernet switch with a cable to each of them
// (IEEE 802.1D-2004, clause 7: it relays by learnt addresses, and floods what it does not know).
//
//   EthernetSwitch lan(queue, "lan", timing);
//   lan.connect(nic);                      // ports in the order of these calls
//   lan.observe([](...) { ... });          // every frame that reaches it
//
// Store and forward: a frame that has come in whole leaves each port that it is for `latency`
// later, or when the frames before it have left, and has arrived there when its last bit has. A
// port holds kPortBuffer bytes; what does not fit is lost. The switch is on before anything else,
// offers 1000BASE-T in full duplex, and does not take part in flow control; control frames
// (01-80-C2-00-00-0x, 7.12.6) end at it, as do frames that are too short or too long.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "devices/ethernet.hpp"
#include "devices/frame_queue.hpp"
#include "emu/base/event_queue.hpp"
#include "emu/base/state.hpp"

namespace mint {

// An end of a cable.
class EthernetPort {
 public:
  virtual ~EthernetPort() = default;
  // A frame has arrived whole. The span lives until the call returns.
  virtual void receive(std::span<const std::uint8_t> frame) = 0;
  // How long `bytes` take on this cable; nothing while there is no link.
  virtual std::optional<Cycles> wire_time(std::size_t bytes) const = 0;
  // Where it sends to, from now on.
  using Line = std::function<void(std::span<const std::uint8_t> frame)>;
  virtual void connect(Line line) = 0;
};

class EthernetSwitch {
 public:
  // `at`: the time at which the frame had come in whole from `port`.
  using Observer =
      std::function<void(Cycles at, std::size_t port, std::span<const std::uint8_t> frame)>;

  static constexpr std::size_t kPortBuffer = 128 << 10;
  static constexpr std::size_t kMaxTable = 1024;  // addresses that are learnt

  // `latency`: from the last bit of a frame to the first bit of it that leaves.
  EthernetSwitch(EventQueue& queue, std::string name, Cycles latency);

  void connect(EthernetPort& port);
  void observe(Observer observer) { observer_ = std::move(observer); }
  const std::string& name() const { return name_; }

  void reset();
  void visit(StateVisitor& visitor);

 private:
  struct Port {
    Port(EventQueue& queue, const std::string& name, EthernetPort& end,
         std::function<void()> arrived)
        : end(end), arrival(queue, name, [arrived = std::move(arrived)](Cycles) { arrived(); }) {}
    EthernetPort& end;
    FrameQueue queue;  // the first one is on the wire while `arrival` is pending
    Event arrival;
  };
  void frame_from(std::size_t from, std::span<const std::uint8_t> frame);
  void enqueue(Port& port, std::span<const std::uint8_t> frame);
  void send_next(Port& port);
  void arrived(Port& port);

  EventQueue& queue_;
  std::string name_;
  Cycles latency_;
  Observer observer_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::map<MacAddress, std::size_t> table_;
};

}  // namespace mint
