// What the check of isolation is told of a run.
#include "emu/machine/os_recorder.hpp"

namespace mint {

void OsRecorder::begin_isolation() {
  Isolation::World world{
      .where =
          [this](unsigned id) {
            const Core& core = *machine().cores()[id];
            return symbolise(core, core.accessing_pc());
          },
      .pci_at = [this](std::uint64_t address, bool port) -> std::optional<PciAddress> {
        const auto function = machine().pci().function_at(address, port);
        if (!function) return std::nullopt;
        return PciAddress{0, static_cast<std::uint8_t>(*function >> 3),
                          static_cast<std::uint8_t>(*function & 7)};
      },
  };
  isolation_ = std::make_unique<Isolation>(request_.scenario, std::move(world));
  // The machine has them in this order (run.cpp).
  for (const Os& os : oses_)
    if (os.spec->disk && !os.spec->pci.empty()) disk_owners_.push_back(number_of(os));
  for (const Os& os : oses_)
    if (os.spec->nic) nic_owners_.push_back(number_of(os));
  if (oses_.size() < 2) return;
  if (Lanes* lanes = machine().lanes(); lanes != nullptr) {
    // Where the firmware left its tables, and what nobody was given. What is no RAM, and what is
    // declared as shared, is accessed in order.
    std::vector<std::uint8_t> owners = isolation_->page_owners();
    for (const PhysicalMemory::Segment& s : machine().memory().segments())
      if (s.kind == PhysicalMemory::Kind::kRam)
        owners.resize(std::max<std::size_t>(owners.size(), (s.start.value + s.size) >> 12));
    for (const std::uint64_t page : {Isolation::kBiosDataPage, Isolation::kEbdaPage})
      if (owners[page] == number_of(leader()) + 1) owners[page] = 0;
    for (std::size_t page = 0; page < owners.size(); ++page) {
      if (machine().memory().kind_at({page << 12}) != PhysicalMemory::Kind::kRam)
        owners[page] = 0;
      else if (owners[page] == 0)
        owners[page] = Lanes::kCommonPage;
    }
    lanes->watch_pages(std::move(owners));
    return;
  }
  for (const auto& core : machine().cores())
    if (const auto os = isolation_->os_of_core(core->id().value))
      core->cpu().watch_pages(isolation_->page_owners(), static_cast<std::uint8_t>(*os + 1));
}

void OsRecorder::foreign_page(Core& core, PhysAddr address, PageUse use) {
  isolation_->placing(place_begun_.has_value());
  isolation_->page_used(core.id().value, core.cpu().now(), address, use);
}

void OsRecorder::dma(unsigned disk, bool to_memory, PhysAddr address,
                     std::span<const std::byte> data) {
  Recorder::dma(disk, to_memory, address, data);
  if (disk < disk_owners_.size())
    isolation_->dma("disk", disk_owners_[disk], now(), to_memory, address, data.size());
}

void OsRecorder::nic_dma(unsigned nic, bool to_memory, PhysAddr address,
                         std::span<const std::byte> data) {
  Recorder::nic_dma(nic, to_memory, address, data);
  if (nic < nic_owners_.size())
    isolation_->dma("NIC", nic_owners_[nic], now(), to_memory, address, data.size());
}

void OsRecorder::pci_configured(const PciHost::ConfigAccess& access) {
  Recorder::pci_configured(access);
  if (!access.present) return;
  // Whose read it was is told after it (Core::port_read).
  if (!access.write) {
    configuration_read_ = access;
    return;
  }
  isolation_->pci_configured(
      accessing_core_, now(),
      {0, static_cast<std::uint8_t>(access.device), static_cast<std::uint8_t>(access.function)},
      access.offset, access.write);
}

void OsRecorder::check_configuration_read(Cycles at) {
  if (!configuration_read_) return;
  const PciAddress function{0, static_cast<std::uint8_t>(configuration_read_->device),
                            static_cast<std::uint8_t>(configuration_read_->function)};
  isolation_->pci_configured(accessing_core_, at, function, configuration_read_->offset, false);
  configuration_read_.reset();
}

}  // namespace mint
