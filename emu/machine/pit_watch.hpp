// Notices that an OS times by the PIT's counter 2 while another has reprogrammed it. Only what an
// OS goes on to read counts: a counter that nobody asks any more may be set up anew by anyone.
//
//   43h  control word; bits 7-6 = 2 are counter 2, bits 5-4 = 0 only latch its count
//   42h  counter 2: initial value written, count read
//   61h  bit 0 is its gate, bit 5 its output (both in the chip set, not the PIT)
//
// A use begins with a control word and a value. A single read of 61h is how the gate's port is
// changed (read, modify, write); the output is polled, so of two reads without a write between them
// the first has asked for the output.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "emu/machine/core.hpp"

namespace mint {

class PitWatch {
 public:
  struct Write {
    std::size_t os = 0;
    Cycles at;
    std::uint64_t port = 0;
    std::uint64_t value = 0;
    std::string where;
  };
  // The use of an OS that has gone wrong: how it began, and whose write spoiled it.
  struct Spoiled {
    Write begun;
    Write by;
  };
  static bool is_about(std::uint64_t port) { return port == 0x42 || port == 0x43 || port == 0x61; }

  // An access of `os` to a port that this is about. Returns what has been spoiled, when this access
  // depends on it; once for each use.
  std::optional<Spoiled> accessed(std::size_t os, Cycles at, const Access& access,
                                  const std::function<std::string()>& where);

 private:
  struct Use {
    std::optional<Write> begun;
    std::optional<Write> spoiled_by;
    bool told = false;
    bool asked = false;  // 61h was read since the use was spoiled, and not written after that
  };
  void spoil_others(const Write& write);
  std::optional<Spoiled> relied_on(Use& use);

  std::map<std::size_t, Use> uses_;  // by OS
  bool gate_ = false;
};

}  // namespace mint
