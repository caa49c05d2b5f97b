// Counts who uses what all kernels share: the lock, by the function that wants it, with the time
// that it is held and awaited; and the registers of the I/O APIC.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "emu/machine/core.hpp"
#include "emu/scenario/run_result.hpp"

namespace mint {

class Contention {
 public:
  // `os` waits for the lock since `at`, or has it from then on; `function` wants it.
  void waits(const std::string& os, const std::string& function, Cycles at);
  void takes(const std::string& os, const std::string& function, Cycles at);
  void releases(const std::string& os, Cycles at);
  // At the end of the run, what is held or awaited still.
  void end(Cycles at);

  // An access of `os` to the I/O APIC. True when it is one to the data register, which wants a
  // function: then io_apic_used() is to be called.
  bool io_apic_accessed(const std::string& os, const Access& access);
  void io_apic_used(const std::string& os, const std::string& function, bool write);

  std::vector<LockUse> lock_uses() const;
  std::vector<IoApicUse> io_apic_uses() const;

 private:
  struct Holder {
    std::string function;
    std::optional<Cycles> waiting;
    std::optional<Cycles> held;
  };
  struct Count {
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;
  };
  std::map<std::string, Holder> holders_;  // by OS
  std::map<std::pair<std::string, std::string>, LockUse> locks_;
  std::map<std::string, std::uint8_t> index_;  // of the I/O APIC, as each OS wrote it last
  std::map<std::tuple<std::string, unsigned, std::string>, Count> registers_;
};

}  // namespace mint
