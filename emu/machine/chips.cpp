#include "emu/machine/chips.hpp"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>

#include "devices/ahci.hpp"
#include "devices/ata_disk.hpp"
#include "devices/disk_image.hpp"
#include "emu/machine/network_parts.hpp"
#include "emu/machine/observed_dma.hpp"
#include "emu/scenario/problem.hpp"

namespace mint {
namespace {

// What the battery-backed clock shows at power-on. Any fixed date will do; this is the thesis's
// month.
constexpr std::chrono::sys_seconds kPowerOnDate =
    std::chrono::sys_days(std::chrono::year(2012) / 2 / 1) + std::chrono::hours(9);

DiskParameters parameters_of(const DiskProfile& p) {
  DiskParameters d;
  d.model = p.model;
  d.firmware = p.firmware;
  d.capacity_sectors = p.capacity_sectors;
  d.rpm = p.rpm;
  d.heads = p.heads;
  if (!p.zones.empty()) {
    d.zones.clear();
    for (const DiskZoneProfile& zone : p.zones)
      d.zones.push_back({zone.cylinders, zone.sectors_per_track});
  }
  d.seek_base_ns = p.seek_base_ns;
  d.seek_root_ns = p.seek_root_ns;
  d.seek_boundary = p.seek_boundary;
  d.seek_linear_ps = p.seek_linear_ps;
  d.write_settle_ns = p.write_settle_ns;
  d.write_switch_ns = p.write_switch_ns;
  d.head_switch_ns = p.head_switch_ns;
  d.track_skew_ns = p.track_skew_ns;
  d.cylinder_skew_ns = p.cylinder_skew_ns;
  d.read_overhead_ns = p.read_overhead_ns;
  d.write_overhead_ns = p.write_overhead_ns;
  d.other_overhead_ns = p.other_overhead_ns;
  d.bus_bytes_per_second = p.bus_bytes_per_second;
  d.read_segments = p.read_segments;
  d.segment_sectors = p.segment_sectors;
  d.read_ahead_sectors = p.read_ahead_sectors;
  d.write_buffer_sectors = p.write_buffer_sectors;
  d.spin_up_ns = p.spin_up_ns;
  return d;
}

}  // namespace

// A hard disk and its controller.
struct Machine::Chips::Disk {
  Disk(EventQueue& queue, const AtaDiskConfig& config, std::unique_ptr<DiskImage> image,
       DmaPort& memory, ObservedDma::Observer observer)
      : disk(queue, config, std::move(image)),
        dma(memory, std::move(observer)),
        controller(queue, dma, {.name = "ahci" + config.name, .core_clock = config.core_clock}) {}

  AtaDisk disk;
  ObservedDma dma;
  AhciController controller;
};

Machine::Chips::Chips(const Wiring& w)
    : wiring(w),
      intr_arrival(w.queue, "8259.intr", [this](Cycles) { wiring.intr(pic.intr()); }),
      reset_event(w.queue, "platform reset", [this](Cycles) { wiring.reset(); }),
      // The 8259's INTR goes to LINT0 of core 0 and, as ExtINT, to pin 0 of the I/O APIC.
      pic([this](bool level) {
        intr_arrival.schedule(wiring.queue.now() + wiring.profile.delays.message);
        io_apic.set_irq(0, level);
      }),
      io_apic(w.apic_bus),
      pit(w.queue, w.profile.core_clock, [this](bool level) { wiring.isa_irq(0, 0, level); }),
      rtc(w.queue, w.profile.core_clock, kPowerOnDate,
          [this](bool level) { wiring.isa_irq(8, 0, level); }),
      port_b(pit),
      port_a([this](bool on) { wiring.a20(on); }, [this] { wiring.init(); }),
      kbc(
          w.queue, w.profile.core_clock, [this](bool level) { wiring.isa_irq(1, 0, level); },
          [this](bool on) { port_a.set_kbc_a20(on); },
          [this] { wiring.request_reset("the 8042"); }),
      reset_control([this] { wiring.init(); }, [this] { wiring.request_reset("port CF9h"); }),
      post_code([this](std::uint8_t code) { wiring.post(code); }),
      vga(w.queue, w.profile.core_clock),
      pci_ports(pci, reset_control) {
  for (unsigned i = 0; i < uarts.size(); ++i) {
    const unsigned irq = w.profile.serial.irqs[i];
    uarts[i] = std::make_unique<Uart>(
        w.uart_queue(i), w.profile.core_clock, fmt::format("com{}", i + 1),
        w.profile.serial.baud_timing,
        [this, irq, i](bool level) { wiring.isa_irq(irq, i + 1, level); },
        [this, i](std::uint8_t byte) { wiring.serial(i, byte); });
  }
  pci.plug(0, 0, host_bridge);
  pci.plug(0x1f, 0, isa_bridge);
}

Machine::Chips::~Chips() = default;

void Machine::Chips::add_disk(const DiskSetup& setup, double angle, EventQueue& queue,
                              DmaPort& memory, IrqLine pin) {
  DiskParameters parameters = parameters_of(wiring.profile.disk);
  DiskImageResult opened =
      DiskImage::open(setup.image, parameters.capacity_sectors * DiskImage::kSectorSize);
  if (!opened.image) throw BadInput(opened.error);
  const std::string name = fmt::format("disk{}", disks.size());
  const Hertz clock = wiring.profile.core_clock;
  const auto number = static_cast<unsigned>(disks.size());
  disks.push_back(std::make_unique<Disk>(
      queue,
      AtaDiskConfig{.name = name,
                    .parameters = std::move(parameters),
                    .serial = setup.serial,
                    .core_clock = clock,
                    .seed = static_cast<std::uint64_t>(angle * 0x1p53)},
      std::move(opened.image), memory,
      [this, number](bool to_memory, PhysAddr address, std::span<const std::byte> data) {
        wiring.dma(number, to_memory, address, data);
      }));
  Disk& disk = *disks.back();
  disk.disk.observe([this, number](const DiskCommandRecord& r) { wiring.disk_command(number, r); });
  disk.controller.attach(0, disk.disk);
  disk.controller.connect_intx(std::move(pin));
  const auto function = static_cast<std::uint8_t>(setup.pci_device << 3);
  disk.controller.connect_msi([this, function](std::uint64_t address, std::uint32_t data) {
    wiring.apic_bus.send_msi(function, {address}, data);
  });
  if (!pci.plug(setup.pci_device, 0, disk.controller))
    throw std::runtime_error(fmt::format("PCI device {:02x}h is taken", setup.pci_device));
}

void Machine::Chips::reset() {
  intr_arrival.cancel();
  for (Device* chip : std::initializer_list<Device*>{&pic, &io_apic, &pit, &rtc, &port_b, &port_a,
                                                     &kbc, &reset_control, &post_code, &vga, &pci})
    chip->reset();
  for (const auto& uart : uarts) uart->reset();
  for (const auto& network : networks) network->hub.reset();
}

void Machine::Chips::leave_like_bios() {
  // ICW1-4: vectors 08h and 70h, cascade on IRQ 2; masks as a PC BIOS leaves them, with timer,
  // keyboard, cascade, floppy, RTC, mouse, FPU and disk enabled.
  pic.write(0, 1, 0x11);
  pic.write(1, 1, 0x08);
  pic.write(1, 1, 0x04);
  pic.write(1, 1, 0x01);
  pic.write(2, 1, 0x11);
  pic.write(3, 1, 0x70);
  pic.write(3, 1, 0x02);
  pic.write(3, 1, 0x01);
  pic.write(1, 1, 0xb8);
  pic.write(3, 1, 0x8e);
  // Counter 0: mode 2, full period, 18.2 Hz.
  pit.write(3, 1, 0x34);
  pit.write(0, 1, 0);
  pit.write(0, 1, 0);
  // Serial ports: 115200 baud, 8 bits, no parity, one stop bit, no interrupts.
  for (const auto& uart : uarts) {
    uart->write(3, 1, 0x83);
    uart->write(0, 1, 1);
    uart->write(1, 1, 0);
    uart->write(3, 1, 0x03);
  }
  assign_resources(pci);
}

}  // namespace mint
