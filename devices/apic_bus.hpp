// What carries interrupt messages between the I/O APICs, the LAPICs and memory-mapped MSI writes
// (SDM vol. 3A, 10.6 and 10.11).
//
//   ApicBus bus(queue, {.delay = {400}});
//   Lapic lapic0({...}, core0, bus, queue, ...);   // attaches itself; so does an IoApic
//   bus.send(message, Origin::lapic(0));
//
// A message arrives `delay` after it was sent, messages in the order in which they were sent. Who
// receives it is decided on arrival, by each LAPIC's id, LDR and DFR as they are then. Two things
// do not travel: an IPI with the shorthand "self", which never leaves its LAPIC, and an EOI, which
// takes effect at once. (Really an EOI travels too, but on the way that the EOI's core's later
// accesses to the I/O APIC take as well; as those take no time here, an EOI on the way could be
// overtaken, and a core would see the Remote IRR of an interrupt that it has already ended.)
//
// Lowest priority (10.6.2.4): of the addressed LAPICs that are enabled, the one with the lowest
// processor priority class; among equals the first one at or after the arbiter, which then moves
// behind the winner. Where the arbiter starts is a parameter.
#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/apic_message.hpp"
#include "emu/base/event_queue.hpp"
#include "emu/base/state.hpp"
#include "emu/base/types.hpp"

namespace mint {

class Lapic;
class IoApic;

// Who sent a message: a LAPIC or I/O APIC by its place on the bus (the order of attaching, for a
// LAPIC its core's number; ids can be rewritten by software and need not be unique), or a PCI
// function that wrote to the MSI address range, by its device and function number (5 and 3 bits).
struct Origin {
  enum class Kind : std::uint8_t { kMsi, kLapic, kIoApic };
  Kind kind = Kind::kMsi;
  std::uint8_t place = 0;
  std::uint8_t pin = 0;

  static Origin msi(std::uint8_t function) { return {Kind::kMsi, function, 0}; }
  static Origin lapic(std::uint8_t place) { return {Kind::kLapic, place, 0}; }
  static Origin io_apic(std::uint8_t place, std::uint8_t pin) {
    return {Kind::kIoApic, place, pin};
  }
  friend bool operator==(const Origin&, const Origin&) = default;
};

struct ApicBusConfig {
  Cycles delay;              // from sending to arrival, the same for every message
  std::uint8_t arbiter = 0;  // the place at which the first arbitration starts
};

class ApicBus {
 public:
  static constexpr unsigned kMaxLapics = 64;
  using Targets = std::bitset<kMaxLapics>;

  // A message that has just been handed to `targets` (by place; none when nobody took it).
  struct Delivery {
    ApicMessage message;
    Origin origin;
    Targets targets;
    Cycles sent;
    Cycles arrived;
  };
  using Observer = std::function<void(const Delivery&)>;

  // The cores of a machine can run in groups that do not wait for each other. Messages within a
  // group travel by its own queue, the others by the bus's.
  class Groups {
   public:
    virtual ~Groups() = default;
    // Of a LAPIC by its place.
    virtual unsigned of(std::size_t place) const = 0;
    // Whose access or event is handled; none: the board's.
    virtual std::optional<unsigned> acting() const = 0;
    // Whether that is done in the order of time with all groups.
    virtual bool ordered() const = 0;
    // A message of the board is about to reach this LAPIC. False when it is known to do nothing
    // there.
    virtual bool reached(std::size_t place, const ApicMessage& message) = 0;
    // A message of a group would reach another, or would have.
    virtual void crossed() = 0;
    virtual void lock() = 0;
    virtual void unlock() = 0;
  };

  ApicBus(EventQueue& queue, const ApicBusConfig& config);
  // Before the first message; `queues` by group. Both outlive the bus's use.
  void set_groups(Groups& groups, const std::vector<EventQueue*>& queues);
  // By what it is addressed has been written: was it addressed by anything since, ahead of time?
  void readdressed(const Lapic& lapic);

  // For the constructors of Lapic and IoApic: returns the place on the bus.
  std::uint8_t attach(Lapic& lapic);
  std::uint8_t attach(IoApic& io_apic);

  void send(const ApicMessage& message, Origin origin);
  // A write of `data` to `address` (FEExxxxxh) by a PCI function (as in Origin). What is no valid
  // MSI (level-triggered de-assertion, reserved delivery modes, another address) is dropped.
  void send_msi(std::uint8_t function, PhysAddr address, std::uint32_t data);
  // The end of a level-triggered interrupt, told to every I/O APIC.
  void broadcast_eoi(Vector vector);
  // Whether a message of this LAPIC is still on the way.
  bool in_flight(Origin origin) const;

  // Called for every delivery, before the receivers see it.
  void set_observer(Observer observer) { observer_ = std::move(observer); }

  void reset();
  void visit(StateVisitor& visitor);

 private:
  struct Pending {
    ApicMessage message;
    Origin origin;
    Cycles sent;
    Cycles arrives;
  };

  // The way of the messages of a group, or of all.
  struct Route {
    Route(EventQueue& queue, std::string name, std::function<void()> arrive)
        : queue(queue),
          arrival(queue, std::move(name), [arrive = std::move(arrive)](Cycles) { arrive(); }) {}
    EventQueue& queue;
    Event arrival;
    std::vector<Pending> pending;  // in the order of arrival
    std::uint8_t arbiter = 0;
    std::vector<Pending> delivered;  // of a group
  };
  class Lock;

  Route& route_for(const ApicMessage& message, Origin origin);
  void arrive(Route& route);
  void deliver(Route& route, const Pending& pending);
  Targets addressed(const ApicMessage& message, Origin origin) const;
  Targets arbitrate(Route& route, Targets candidates);
  void visit_pending(StateVisitor& visitor);

  const ApicBusConfig config_;
  Route board_;
  Groups* groups_ = nullptr;
  std::vector<std::unique_ptr<Route>> routes_;  // by group
  Observer observer_;
  std::vector<Lapic*> lapics_;
  std::vector<IoApic*> io_apics_;
};

}  // namespace mint
