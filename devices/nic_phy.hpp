// The PHY inside an 82540EM: Marvell's 88E1011, for 10/100/1000BASE-T (IEEE 802.3-2008, clauses 22,
// 28 and 40; vendor registers: SDM 13.4.6 and following).
//
// | register | | |
// |----------|-|-|
// | 0  | control | reset, autonegotiation, restart, power down, isolate |
// | 1  | status | link (latching low), autonegotiation complete |
// | 2, 3 | identifier | 0141h, 0C24h |
// | 4, 5, 6 | advertisement, partner's ability, expansion | |
// | 9, 10 | 1000BASE-T control and status | |
// | 15 | extended status | 1000BASE-T, half and full duplex |
// | 16 | specific control | holds its value |
// | 17 | specific status | speed, duplex, resolved, link |
// | 18, 19 | interrupt enable, status | |
// | 20, 21, 24 | extended control, receive errors, LEDs | |
//
// The partner at the other end of the cable is the switch: it offers all speeds in both duplexes,
// and no pause. The link comes up `negotiation` after power-on, a reset or a restart, at the
// highest speed that both offer; without autonegotiation at the speed that is set.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "emu/base/event_queue.hpp"
#include "emu/base/state.hpp"

namespace mint {

class NicPhy {
 public:
  // `link_changed` is called when the link has come up or gone down.
  NicPhy(EventQueue& queue, const std::string& name, Cycles negotiation,
         std::function<void()> link_changed);

  // Plugs the cable in.
  void connect();
  bool link() const { return link_ != 0; }
  // In Mb/s, while there is a link.
  unsigned speed() const { return speed_; }
  bool full_duplex() const { return full_ != 0; }

  std::uint16_t read(unsigned number);
  void write(unsigned number, std::uint16_t value);

  // By its pin: registers as after power-on, and the link is made anew.
  void reset();
  void visit(StateVisitor& visitor);

 private:
  void set_defaults();
  void negotiate();
  void negotiated();
  void link_down();
  bool is_off() const;

  EventQueue& queue_;
  Cycles negotiation_;
  std::function<void()> link_changed_;
  std::array<std::uint16_t, 32> registers_{};
  std::uint16_t speed_ = 0;
  std::uint8_t cable_ = 0;
  std::uint8_t link_ = 0;
  std::uint8_t full_ = 0;
  std::uint8_t link_was_down_ = 1;  // since register 1 was read
  Event done_;
};

}  // namespace mint
