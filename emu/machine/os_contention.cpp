// The lock and the I/O APIC as the OSes use them: who has the lock, who waits, which function wants
// what.
#include "emu/machine/call_chain.hpp"
#include "emu/machine/os_recorder.hpp"

namespace mint {
namespace {

// What stands between the lock or the I/O APIC and the function that wants something of them
// (Linux 6.1 with the Mint patches).
const std::vector<std::string_view> kAccessors = {"mint_lock",
                                                  "mint_unlock",
                                                  "__mint_enter_shared",
                                                  "__mint_leave_shared",
                                                  "native_io_apic_read",
                                                  "io_apic_read",
                                                  "io_apic_write",
                                                  "__ioapic_read_entry",
                                                  "ioapic_read_entry",
                                                  "__ioapic_write_entry",
                                                  "ioapic_write_entry",
                                                  "io_apic_modify_irq",
                                                  "pci_conf1_read",
                                                  "pci_conf1_write",
                                                  "raw_pci_read",
                                                  "raw_pci_write",
                                                  "pci_read",
                                                  "pci_write",
                                                  "rtc_cmos_read",
                                                  "rtc_cmos_write"};

}  // namespace

std::string OsRecorder::function_of(const Os& os, Core& core) const {
  const mint_registers r = core.cpu().registers();
  const CallStack stack{
      .symbols = os.symbols,
      .shift = os.shift,
      .wide = os.spec->wide,
      .pc = core.accessing_pc(),
      .stack_pointer = r.general[4],
      .memory =
          [this, &core](std::uint64_t linear, unsigned bytes) {
            std::vector<std::uint8_t> content;
            while (content.size() < bytes) {
              // As much as there is in the page.
              const auto physical = core.cpu().translate(linear);
              if (!physical) break;
              const std::uint64_t size =
                  std::min<std::uint64_t>(bytes - content.size(), 0x1000 - (linear & 0xfff));
              const auto memory = machine().memory().at(*physical, size);
              if (memory.empty()) break;
              content.insert(content.end(), memory.begin(), memory.end());
              linear += size;
            }
            return content;
          },
  };
  return caller_beyond(stack, kAccessors);
}

void OsRecorder::lock_accessed(Os& os, Core& core, Cycles at, const Access& access) {
  const auto trace = [&](LockStep step) {
    if (tracer() != nullptr) tracer()->lock(core, step, at);
  };
  const auto value = static_cast<std::uint32_t>(access.value);
  if (!access.write) {
    if (value != 0 && !os.held_since && !os.waiting_since) {
      os.waiting_since = at;
      contention_.waits(os.spec->name, function_of(os, core), at);
      trace(LockStep::kWait);
    }
    return;
  }
  // A failing compare-and-exchange writes back what it read.
  if (value == lock_) return;
  if (value != 0) {
    ++os.result.lock_taken;
    trace(LockStep::kTake);
    contention_.takes(os.spec->name, os.waiting_since ? "" : function_of(os, core), at);
    os.held_since = at;
    if (os.waiting_since) os.result.lock_waited += at - *os.waiting_since;
    os.waiting_since.reset();
  } else if (os.held_since) {
    os.result.lock_held += at - *os.held_since;
    os.held_since.reset();
    contention_.releases(os.spec->name, at);
    trace(LockStep::kRelease);
  }
  lock_ = value;
}

void OsRecorder::io_apic_accessed(const Os& os, Core& core, const Access& access) {
  if (os.phase == Phase::kPost || !contention_.io_apic_accessed(os.spec->name, access)) return;
  contention_.io_apic_used(os.spec->name, function_of(os, core), access.write);
}

}  // namespace mint
