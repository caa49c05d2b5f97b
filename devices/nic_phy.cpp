#include "devices/nic_phy.hpp"

namespace mint {
namespace {

constexpr unsigned kControl = 0, kStatus = 1, kId1 = 2, kId2 = 3, kAdvertise = 4, kPartner = 5,
                   kExpansion = 6, kGigControl = 9, kGigStatus = 10, kExtended = 15,
                   kSpecificControl = 16, kSpecificStatus = 17, kInterruptEnable = 18,
                   kInterruptStatus = 19, kExtendedControl = 20, kLed = 24, kPage = 29,
                   kPageData = 30;

constexpr std::uint16_t kControlReset = 1 << 15, kControlLow = 1 << 13, kControlNegotiate = 1 << 12,
                        kControlPowerDown = 1 << 11, kControlIsolate = 1 << 10,
                        kControlRestart = 1 << 9, kControlDuplex = 1 << 8, kControlHigh = 1 << 6;
constexpr std::uint16_t kControlHeld = kControlLow | kControlNegotiate | kControlPowerDown |
                                       kControlIsolate | kControlDuplex | kControlHigh | 1 << 14 |
                                       1 << 7;
// What the PHY can do (22.2.4.2): all of 10 and 100 Mb/s, extended status, MF preamble suppression.
constexpr std::uint16_t kStatusAbilities = 0x7949, kStatusLink = 1 << 2, kStatusComplete = 1 << 5;
// The partner: acknowledge, 10 and 100 Mb/s in both duplexes, IEEE 802.3 selector.
constexpr std::uint16_t kPartnerOffers = 0x41E1;
constexpr std::uint16_t kExpansionResult = 0x000F;  // next pages, received, able
// 1000BASE-T (40.5.1.1): both receivers are fine, the partner offers both duplexes; this end is
// master.
constexpr std::uint16_t kGigStatusUp = 0x7C00;
constexpr std::uint16_t kGigFull = 1 << 9, kGigHalf = 1 << 8;
constexpr std::uint16_t k100Full = 1 << 8, k100Half = 1 << 7, k10Full = 1 << 6, k10Half = 1 << 5;
constexpr std::uint16_t kSpecificDuplex = 1 << 13, kSpecificResolved = 1 << 11,
                        kSpecificLink = 1 << 10;
constexpr std::uint16_t kLinkInterrupt = 1 << 10, kCompleteInterrupt = 1 << 11;

}  // namespace

NicPhy::NicPhy(EventQueue& queue, const std::string& name, Cycles negotiation,
               std::function<void()> link_changed)
    : queue_(queue),
      negotiation_(negotiation),
      link_changed_(std::move(link_changed)),
      done_(queue, name + ".phy", [this](Cycles) { negotiated(); }) {
  set_defaults();
}

void NicPhy::set_defaults() {
  registers_.fill(0);
  registers_[kControl] = kControlNegotiate | kControlDuplex | kControlHigh;
  registers_[kId1] = 0x0141;
  registers_[kId2] = 0x0C24;  // 88E1011, revision 4
  registers_[kAdvertise] = 0x0DE1;
  registers_[kGigControl] = kGigFull | kGigHalf;
  registers_[kExtended] = 0x3000;
  registers_[kSpecificControl] = 0x0068;
  registers_[kExtendedControl] = 0x0D60;
  registers_[kLed] = 0x4100;
}

void NicPhy::connect() {
  cable_ = 1;
  negotiate();
}

bool NicPhy::is_off() const {
  return (registers_[kControl] & (kControlPowerDown | kControlIsolate)) != 0;
}

void NicPhy::reset() {
  set_defaults();
  negotiate();
}

void NicPhy::link_down() {
  if (link_ == 0) return;
  link_ = 0;
  link_was_down_ = 1;
  registers_[kInterruptStatus] |= kLinkInterrupt;
  link_changed_();
}

void NicPhy::negotiate() {
  link_down();
  if (cable_ == 0 || is_off())
    done_.cancel();
  else
    done_.schedule(queue_.now() + negotiation_);
}

void NicPhy::negotiated() {
  const std::uint16_t control = registers_[kControl];
  bool full = (control & kControlDuplex) != 0;
  unsigned speed = (control & kControlHigh) != 0 ? 1000 : (control & kControlLow) != 0 ? 100 : 10;
  if ((control & kControlNegotiate) != 0) {
    const std::uint16_t gig = registers_[kGigControl];
    const std::uint16_t slow = registers_[kAdvertise] & kPartnerOffers;
    if ((gig & (kGigFull | kGigHalf)) != 0) {
      speed = 1000;
      full = (gig & kGigFull) != 0;
    } else if ((slow & (k100Full | k100Half)) != 0) {
      speed = 100;
      full = (slow & k100Full) != 0;
    } else if ((slow & (k10Full | k10Half)) != 0) {
      speed = 10;
      full = (slow & k10Full) != 0;
    } else {
      return;  // nothing in common
    }
    registers_[kInterruptStatus] |= kCompleteInterrupt;
  }
  speed_ = static_cast<std::uint16_t>(speed);
  full_ = full ? 1 : 0;
  link_ = 1;
  registers_[kInterruptStatus] |= kLinkInterrupt;
  link_changed_();
}

std::uint16_t NicPhy::read(unsigned number) {
  const bool complete = link_ != 0 && (registers_[kControl] & kControlNegotiate) != 0;
  switch (number) {
    case kStatus: {
      // The link bit shows a loss until it is read (22.2.4.2.13).
      const bool link = link_ != 0 && link_was_down_ == 0;
      link_was_down_ = link_ != 0 ? 0 : 1;
      return static_cast<std::uint16_t>(kStatusAbilities | (link ? kStatusLink : 0) |
                                        (complete ? kStatusComplete : 0));
    }
    case kPartner:
      return complete ? kPartnerOffers : 0;
    case kExpansion:
      return complete ? kExpansionResult : 0x0004;
    case kGigStatus:
      return complete ? kGigStatusUp : 0;
    case kSpecificStatus: {
      if (link_ == 0) return 0;
      const unsigned code = speed_ == 1000 ? 2 : speed_ == 100 ? 1 : 0;
      return static_cast<std::uint16_t>(code << 14 | (full_ != 0 ? kSpecificDuplex : 0) |
                                        kSpecificResolved | kSpecificLink);
    }
    case kInterruptStatus: {
      const std::uint16_t status = registers_[kInterruptStatus];
      registers_[kInterruptStatus] = 0;
      return status;
    }
    default:
      return registers_[number % 32];
  }
}

void NicPhy::write(unsigned number, std::uint16_t value) {
  switch (number) {
    case kControl: {
      // A software reset takes what has been set; it leaves the registers alone.
      const std::uint16_t before = registers_[kControl];
      registers_[kControl] = value & kControlHeld;
      const bool changed = (before ^ registers_[kControl]) != 0;
      if ((value & (kControlReset | kControlRestart)) != 0 || changed) negotiate();
      break;
    }
    case kAdvertise:
    case kGigControl:
    case kSpecificControl:
    case kInterruptEnable:
    case kExtendedControl:
    case kLed:
    case kPage:
    case kPageData:
      registers_[number] = value;
      break;
    default:
      break;  // read-only
  }
}

void NicPhy::visit(StateVisitor& visitor) {
  visitor.field("registers", registers_);
  visitor.field("speed", speed_);
  visitor.field("cable", cable_);
  visitor.field("link", link_);
  visitor.field("full", full_);
  visitor.field("link_was_down", link_was_down_);
  done_.visit(visitor);
}

}  // namespace mint
