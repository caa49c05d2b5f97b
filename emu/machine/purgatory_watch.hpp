// Watches from outside what becomes of purgatory between its placing and the kernel's entry:
//  - bytes that the leader places where no RAM takes them, in the hole at A0000h-FFFFFh;
//  - a core that leaves purgatory for the kernel of another OS, or for none, which happens where
//    several followers' purgatories have one place and nothing keeps them apart.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "emu/machine/core.hpp"
#include "emu/scenario/scenario.hpp"

namespace mint {

class PurgatoryWatch {
 public:
  explicit PurgatoryWatch(const Scenario& scenario) : scenario_(scenario) {}

  // The leader begins to place a follower.
  void placing() { lost_.clear(); }
  // An access of the leader to what is not RAM, while it places.
  void accessed(const Access& access);
  // The core of `follower` starts: what was lost of the purgatory at `place`. Empty: nothing.
  std::string lost(const OsSpec& follower, std::uint64_t place) const;

  // Is `pc` in the page of the follower's memory where its purgatory releases the lock of remedy 1
  // before it goes on to the kernel?
  bool is_release(const OsSpec& follower, std::uint64_t pc) const;

  // The follower's core has left purgatory for `pc`: whose memory that is, when not its own.
  struct Jump {
    const OsSpec* into = nullptr;  // null: nobody's
    std::string what;
  };
  std::optional<Jump> left(const OsSpec& follower, std::uint64_t pc) const;

 private:
  const Scenario& scenario_;
  // Bytes that were written to video memory and ROM, by their addresses in pages.
  std::map<std::uint64_t, std::uint64_t> lost_;
};

}  // namespace mint
