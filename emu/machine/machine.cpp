#include "emu/machine/machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "emu/machine/chips.hpp"
#include "emu/machine/known_code.hpp"
#include "emu/machine/locking_observer.hpp"
#include "emu/machine/random.hpp"
#include "emu/timing/block_model.hpp"
#include "emu/timing/cache_model.hpp"
#include "emu/timing/count_model.hpp"

namespace mint {
namespace {

constexpr std::uint64_t kIoApicBase = 0xfec00000;
constexpr std::uint64_t kVgaText = 0xb8000;
constexpr std::uint64_t kTestWindow = 0xff000000;
constexpr unsigned kTestDriver = 31;  // of an ISA line: pc-testdev
constexpr unsigned kPciIsaIrq = 11;   // where the chip set routes PIRQA#-PIRQH# on the 8259s

PhysicalMemory::Layout layout_of(const MachineSetup& setup) {
  PhysicalMemory::Layout layout;
  layout.ram_bytes = setup.profile.memory;
  layout.hole_is_ram = setup.profile.hole == LegacyHole::kRam;
  layout.rom = setup.rom;
  layout.shared = setup.shared;
  return layout;
}

std::unique_ptr<TimingModel> make_timing_model(const MachineProfile& profile) {
  switch (profile.timing) {
    case TimingLevel::kCount:
      return std::make_unique<CountModel>();
    case TimingLevel::kCache:
      return std::make_unique<CacheModel>(profile.caches);
    case TimingLevel::kBlock:
      break;
  }
  return std::make_unique<BlockModel>();
}

}  // namespace

Machine::Machine(MachineSetup setup, MachineObserver& observer)
    : setup_(std::move(setup)),
      ownership_(setup_),
      lanes_(make_lanes(setup_, queue_, ownership_)),
      locking_observer_(lanes_ ? std::make_unique<LockingObserver>(observer, *lanes_) : nullptr),
      observer_(locking_observer_ ? *locking_observer_ : observer),
      memory_(layout_of(setup_)),
      apic_bus_(queue_, {.delay = setup_.profile.delays.message, .arbiter = 0}),
      pages_(memory_.mapped_bytes()),
      timing_(make_timing_model(setup_.profile)) {
  build_lanes();
  build_chips();
  build_disks();
  build_networks();
  map_chips();
  build_cores();
}

Machine::~Machine() = default;

void Machine::build_chips() {
  chips_ = std::make_unique<Chips>(Chips::Wiring{
      .queue = queue_,
      .uart_queue = [this](unsigned uart) -> EventQueue& {
        return queue_of(ownership_.of_uart(uart));
      },
      .apic_bus = apic_bus_,
      .profile = setup_.profile,
      .isa_irq = [this](unsigned irq, unsigned driver,
                        bool level) { set_isa_irq(irq, driver, level); },
      .intr =
          [this](bool level) {
            if (touch(*cores_[0])) cores_[0]->lapic().set_lint0(level);
          },
      .a20 = [this](bool enabled) { set_a20(enabled); },
      .init = [this] { init_all(); },
      .request_reset = [this](const char* by) { request_reset(by); },
      .reset = [this] { reset(); },
      .serial = [this](unsigned uart, std::uint8_t b) { observer_.serial_output(uart, b); },
      .post = [this](std::uint8_t code) { observer_.post_code(code); },
      .disk_command = [this](unsigned disk,
                             const DiskCommandRecord& r) { observer_.disk_command(disk, r); },
      .dma =
          [this](unsigned disk, bool to_memory, PhysAddr address, std::span<const std::byte> data) {
            if (const auto lane = ownership_.of_disk(disk); lanes_ && lane)
              lanes_->memory_used(*lane, address, data.size(), to_memory);
            observer_.dma(disk, to_memory, address, data);
          },
      .nic_dma =
          [this](unsigned nic, bool to_memory, PhysAddr address, std::span<const std::byte> data) {
            observer_.nic_dma(nic, to_memory, address, data);
          },
      .frame =
          [this](unsigned network, unsigned nic, std::span<const std::uint8_t> frame) {
            observer_.frame_sent(network, nic, frame);
          }});
  chips_->io_apic.set_observer([this](unsigned pin, RedirectionEntry old, RedirectionEntry now) {
    check_foreign(ownership_.of_pin(pin), pin_used_[pin], "the interrupt pin");
    observer_.redirection_written(pin, old, now);
  });
  // Ends are told by their vectors, which OSes give out without knowing of each other.
  chips_->io_apic.set_end_observer([this](unsigned pin) {
    check_foreign(ownership_.of_pin(pin), pin_used_[pin], "the interrupt pin");
  });
  chips_->pci.guard([this](const PciHost::ConfigAccess& access) {
    // Its device changes nothing there but the interrupt's bit in the status register.
    const bool status = access.offset < 8 && access.offset + access.size > 4;
    if (!lanes_ || !(access.write || status)) return true;
    const auto owner = ownership_.of_function(access.device * 8 + access.function);
    return !owner || lanes_->touch(*owner);
  });
  chips_->pci.observe(
      [this](const PciHost::ConfigAccess& access) { observer_.pci_configured(access); });
  apic_bus_.set_observer([this](const ApicBus::Delivery& delivery) {
    if (delivery.origin.kind == Origin::Kind::kIoApic) {
      Cycles& used = pin_used_[delivery.origin.pin];
      used = std::max(used, now());
    }
    observer_.message_delivered(delivery);
  });
  chips_->rtc.set_memory(setup_.profile.memory);
  chips_->rtc.set_cores(setup_.profile.cores);
  if (setup_.debug_parts) {
    chips_->debug = std::make_unique<DebugParts>(
        setup_.profile.memory, setup_.profile.cores, setup_.debug_command_line,
        [this](std::uint32_t value) { observer_.debug_exit(value); },
        [this](std::uint8_t b) { observer_.serial_output(MachineObserver::kDebugConsole, b); },
        [this](unsigned line, bool level) {
          if (line < 16)
            set_isa_irq(line, kTestDriver, level);
          else
            chips_->io_apic.set_irq(line, level);
        });
  }
}

void Machine::build_disks() {
  Random random(setup_.seed, "disk angle");
  for (const DiskSetup& disk : setup_.disks) {
    const double angle = setup_.profile.seed.disk_angle ? random.fraction() : 0;
    const unsigned device = disk.pci_device;
    chips_->add_disk(disk, angle, queue_of(disk.group), memory_,
                     [this, device](bool level) { set_pci_pin(16 + device % 8, device, level); });
  }
}

void Machine::build_networks() {
  for (const std::string& name : setup_.networks) chips_->add_network(name);
  for (const NicSetup& nic : setup_.nics) {
    const unsigned device = nic.pci_device;
    chips_->add_nic(nic, memory_,
                    [this, device](bool level) { set_pci_pin(16 + device % 8, device, level); });
  }
}

void Machine::map_chips() {
  Chips& c = *chips_;
  ports_.map(0x20, 2, c.pic, "8259 master", 0);
  ports_.map(0xa0, 2, c.pic, "8259 slave", 2);
  ports_.map(0x4d0, 2, c.pic, "ELCR", 4);
  ports_.map(0x40, 4, c.pit, "8254");
  ports_.map(0x60, 1, c.kbc, "8042 data", Kbc::kDataPort);
  ports_.map(0x61, 1, c.port_b, "port 61h");
  ports_.map(0x64, 1, c.kbc, "8042 command", Kbc::kCommandPort);
  ports_.map(0x70, 2, c.rtc, "RTC");
  ports_.map(0x80, 1, c.post_code, "POST code");
  ports_.map(0x92, 1, c.port_a, "port 92h");
  static constexpr std::uint16_t kUarts[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
  for (unsigned i = 0; i < 4; ++i)
    ports_.map(kUarts[i], 8, *c.uarts[i], fmt::format("COM{}", i + 1));
  for (const PciHost::Slot& slot : c.pci.slots())
    ownership_.plug(slot.device * 8 + slot.function, *slot.pci_function);
  ports_.map(0x3c0, 32, c.vga, "VGA");
  ports_.map(0xcf8, 8, c.pci_ports, "PCI configuration");
  ports_.set_fallback([this](std::uint64_t port) {
    const PciTarget target = chips_->pci.find_io(static_cast<std::uint16_t>(port));
    return AddressMap::Target{target.device, target.offset};
  });
  mmio_.map(kVgaText, VgaText::kMemorySize, c.vga.memory_device(), "VGA text");
  mmio_.map(kIoApicBase, 0x1000, c.io_apic, "I/O APIC");
  mmio_.set_fallback([this](std::uint64_t address) {
    const PciTarget target = chips_->pci.find_memory({address});
    return AddressMap::Target{target.device, target.offset};
  });
  if (!c.debug) return;
  ports_.map(0xf4, 4, c.debug->exit, "isa-debug-exit");
  ports_.map(0xe9, 1, c.debug->console, "debugcon");
  ports_.map(0x402, 1, c.debug->console, "debugcon");
  ports_.map(0x510, 2, c.debug->fw_cfg, "fw_cfg");
  ports_.map(0x2000, TestIrqLines::kLines, c.debug->irq_lines, "pc-testdev IRQ lines");
  ports_.map(0xe0, kTestEchoSize, c.debug->echo, "pc-testdev echo");
  ports_.map(0xe4, 4, c.debug->flush, "pc-testdev flush");
  mmio_.map(kTestWindow, kTestWindowSize, c.debug->window, "pc-testdev window");
}

void Machine::build_cores() {
  const MachineProfile& p = setup_.profile;
  Random random(setup_.seed, "core start");
  std::vector<Core*> cores;
  for (unsigned i = 0; i < p.cores; ++i) {
    const std::uint64_t skew = p.seed.core_start_skew.count;
    Core::Config config{
        .id = ApicId{static_cast<std::uint8_t>(i)},
        .bsp = i == 0,
        .core_clock = p.core_clock,
        .bus_clock = p.bus_clock,
        .delays = {.port = p.delays.port,
                   .pci = p.delays.pci,
                   .io_apic = p.delays.io_apic,
                   .lapic = p.delays.lapic,
                   .shared = p.delays.shared},
        .halt_wake = p.delays.halt_wake,
        .start_skew = {skew == 0 ? 0 : random.below(skew)},
        .start_delay = i < setup_.start_delays.size() ? setup_.start_delays[i] : Cycles{0},
        .cores = p.cores,
        .group = ownership_.of_core(i)};
    cores_.push_back(std::make_unique<Core>(
        Core::Wiring{queue_of(config.group), apic_bus_, memory_, ports_, mmio_, pages_, *timing_,
                     [this] { return chips_->pic.acknowledge(); }, observer_, turns_, ownership_,
                     lanes_.get()},
        config));
    cores.push_back(cores_.back().get());
    if (lanes_) lanes_->add(config.group, *cores_.back());
  }
  for (const auto& core : cores_) {
    std::uint64_t neighbours = 0;
    for (const auto& other : cores_)
      if (!lanes_ || other->group() == core->group())
        neighbours |= std::uint64_t{1} << other->id().value;
    core->cpu().set_neighbours(neighbours);
  }
  // Bytes that a device writes to RAM can be code.
  memory_.set_written([this](const std::uint8_t* memory, std::uint64_t size) {
    const Ownership::Lane lane = lanes_ ? lanes_->here() : std::nullopt;
    for (const auto& core : cores_) {
      if (lane && core->group() != *lane) continue;
      core->cpu().ram_written(memory, size);
      return;
    }
  });
  std::vector<EventQueue*> queues{&queue_};
  if (lanes_)
    for (unsigned lane = 0; lane < ownership_.lanes(); ++lane)
      queues.push_back(&lanes_->queue(lane));
  scheduler_ =
      std::make_unique<Scheduler>(std::move(queues), std::move(cores), turns_, p.delays.slice);
}

void Machine::power_on() { reset(); }

void Machine::reset() {
  if (!touch_all()) return;
  apic_bus_.reset();
  chips_->reset();
  for (const auto& core : cores_) {
    core->cpu().set_a20(true);
    core->reset();
  }
}

void Machine::request_reset(const std::string& why) {
  observer_.platform_reset(why);
  chips_->reset_event.schedule(queue_.now());
}

void Machine::init_all() {
  // Core 0 goes on at the reset vector. Without a ROM there is nothing to go on with.
  if (setup_.rom.empty()) {
    request_reset("INIT#, without a ROM to go on in");
    return;
  }
  if (!touch_all()) return;
  for (const auto& core : cores_) core->init_pin();
}

void Machine::set_a20(bool enabled) {
  if (!touch_all()) return;
  for (const auto& core : cores_) core->cpu().set_a20(enabled);
}

void Machine::set_isa_irq(unsigned irq, unsigned driver, bool level) {
  std::uint32_t& drivers = isa_levels_[irq];
  drivers = level ? drivers | 1u << driver : drivers & ~(1u << driver);
  const bool driven = drivers != 0;
  drive_pic([this, irq, driven] {
    pic_lines_ = driven ? pic_lines_ | 1u << irq : pic_lines_ & ~(1u << irq);
    chips_->pic.set_irq(irq, driven);
  });
  drive_pin(irq == 0 ? 2 : irq, driven);
}

void Machine::set_pci_pin(unsigned pin, unsigned device, bool level) {
  std::uint32_t& drivers = pin_levels_[pin];
  drivers = level ? drivers | 1u << device : drivers & ~(1u << device);
  const bool driven = drivers != 0;
  drive_pin(pin, driven);
  // The 8259's input only: at the I/O APIC the PCI interrupts have pins of their own.
  drive_pic([this, pin, driven] {
    pic_pins_ = driven ? pic_pins_ | 1u << pin : pic_pins_ & ~(1u << pin);
    chips_->pic.set_irq(kPciIsaIrq, pic_pins_ != 0 || (pic_lines_ >> kPciIsaIrq & 1) != 0);
  });
}

IoApic& Machine::io_apic() { return chips_->io_apic; }
const PciHost& Machine::pci() const { return chips_->pci; }
VgaText& Machine::vga() { return chips_->vga; }

void Machine::type(unsigned uart, std::span<const std::uint8_t> characters) {
  chips_->uarts[uart]->input(characters);
}

namespace {

// Real mode's vectors: handlers that end a hardware interrupt and do nothing else. Their code lies
// in the BIOS data area's last 16 bytes, which are the application's.
void write_interrupt_vectors(PhysicalMemory& memory) {
  constexpr std::uint16_t kSlave = 0x4f0;
  constexpr std::uint8_t kCode[] = {
      0x50,                          // slave: push ax
      0xb0, 0x20,                    //   mov al, 20h (end of interrupt)
      0xe6, 0xa0,                    //   out A0h, al
      0xe6, 0x20,                    // end: out 20h, al
      0x58,                          //   pop ax
      0xcf,                          // nothing: iret
      0x50, 0xb0, 0x20, 0xeb, 0xf7,  // master: push ax; mov al, 20h; jmp end
  };
  constexpr std::uint16_t kNothing = kSlave + 8;
  constexpr std::uint16_t kMaster = kSlave + 9;
  std::memcpy(memory.at(PhysAddr{kSlave}, sizeof kCode).data(), kCode, sizeof kCode);
  for (unsigned vector = 0; vector < 256; ++vector) {
    std::uint16_t handler = kNothing;
    if (vector >= 0x08 && vector < 0x10) handler = kMaster;
    if (vector >= 0x70 && vector < 0x78) handler = kSlave;
    const std::uint32_t entry = handler;  // segment 0
    std::memcpy(memory.at(PhysAddr{4 * vector}, 4).data(), &entry, 4);
  }
}

}  // namespace

void Machine::leave_like_bios() {
  write_interrupt_vectors(memory_);
  chips_->leave_like_bios();
  // Virtual wire: LINT0 takes the 8259's interrupts, LINT1 is NMI (SDM vol. 3A, 10.5.1).
  Lapic& lapic = cores_[0]->lapic();
  lapic.write(0xf0, 4, 0x1ff);
  lapic.write(0x350, 4, 0x700);
  lapic.write(0x360, 4, 0x400);
}

std::uint64_t Machine::instructions() const {
  std::uint64_t sum = 0;
  for (const auto& core : cores_) sum += core->cpu().instructions();
  return sum;
}

std::uint64_t Machine::unknown_instructions() const {
  std::uint64_t sum = 0;
  for (const auto& core : cores_) sum += core->cpu().unknown_instructions();
  return sum;
}

}  // namespace mint
