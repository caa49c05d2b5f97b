#include "emu/machine/multiboot_loader.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

namespace mint {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kHeaderMagic = 0x1badb002;
constexpr std::uint32_t kLoaderMagic = 0x2badb002;
constexpr std::uint32_t kAddressesValid = 1u << 16;
// Where the multiboot information goes unless the program lies there; it ends below the EBDA.
constexpr std::uint64_t kInformation = 0x9000;
constexpr std::uint64_t kLowMemoryEnd = 0x9f000;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kModuleBytes = 16;  // 3.3: an entry of the list of modules,
constexpr std::uint64_t kMapBytes = 24;     // and of the memory map, with its size word

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw BadInput(fmt::format("{}: cannot be read", path.string()));
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class T>
T get(const Bytes& bytes, std::uint64_t offset, const std::string& name) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T))
    throw BadInput(fmt::format("{}: truncated at byte {}", name, offset));
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

class Loader {
 public:
  Loader(PhysicalMemory& memory, const BareMetal& what)
      : memory_(memory),
        what_(what),
        name_(what.program->string()),
        file_(read_file(*what.program)) {}

  mint_registers load() {
    const std::uint64_t header = find_header();
    const std::uint64_t entry = get<std::uint32_t>(file_, header + 4, name_) & kAddressesValid
                                    ? load_by_header(header)
                                    : load_elf();
    load_modules();
    write_information();
    return enter(entry);
  }

 private:
  // 3.1.1: in the first 8192 bytes, 32-bit aligned.
  std::uint64_t find_header() const {
    for (std::uint64_t at = 0; at + 12 <= std::min<std::uint64_t>(file_.size(), 8192); at += 4) {
      const auto magic = get<std::uint32_t>(file_, at, name_);
      const auto flags = get<std::uint32_t>(file_, at + 4, name_);
      const auto checksum = get<std::uint32_t>(file_, at + 8, name_);
      if (magic == kHeaderMagic && magic + flags + checksum == 0) return at;
    }
    throw BadInput(fmt::format("{}: no multiboot header in its first 8192 bytes", name_));
  }

  std::span<std::uint8_t> room(std::uint64_t address, std::uint64_t size, const std::string& what) {
    const std::span<std::uint8_t> memory = memory_.at({address}, size);
    if (memory.size() != size)
      throw BadInput(fmt::format(
          "{}: {} at {:x}-{:x} does not lie in one piece of the machine's {} MB of RAM; "
          "remedy: give it more memory, or link it elsewhere (A0000h-FFFFFh is no RAM)",
          name_, what, address, address + size, memory_.ram_bytes() >> 20));
    return memory;
  }

  void put(std::uint64_t address, std::span<const std::uint8_t> bytes, const std::string& what) {
    std::copy(bytes.begin(), bytes.end(), room(address, bytes.size(), what).begin());
    take(address, bytes.size());
  }

  std::uint64_t load_by_header(std::uint64_t header) {
    const auto header_address = get<std::uint32_t>(file_, header + 12, name_);
    const auto load = get<std::uint32_t>(file_, header + 16, name_);
    auto load_end = get<std::uint32_t>(file_, header + 20, name_);
    const auto bss_end = get<std::uint32_t>(file_, header + 24, name_);
    const std::uint64_t offset = header - (header_address - load);
    if (offset > file_.size()) throw BadInput(name_ + ": its load address is wrong");
    if (load_end == 0) load_end = static_cast<std::uint32_t>(load + (file_.size() - offset));
    const std::uint64_t size = std::min<std::uint64_t>(load_end - load, file_.size() - offset);
    put(load, {file_.data() + offset, size}, "the program");
    if (bss_end > load_end) zero(load_end, bss_end - load_end);
    return get<std::uint32_t>(file_, header + 28, name_);
  }

  void zero(std::uint64_t address, std::uint64_t size) {
    const std::span<std::uint8_t> memory = room(address, size, "its bss");
    std::fill(memory.begin(), memory.end(), std::uint8_t{0});
    take(address, size);
  }

  void take(std::uint64_t address, std::uint64_t size) {
    taken_.push_back({address, address + size});
    end_ = std::max(end_, address + size);
  }

  // A page boundary below 640 KB behind which `size` bytes are free, or else one behind everything.
  std::uint64_t find_place(std::uint64_t size) const {
    const auto free = [&](std::uint64_t at) {
      return std::none_of(taken_.begin(), taken_.end(), [&](const Range& range) {
        return at < range.end && range.start < at + size;
      });
    };
    if (free(kInformation) && kInformation + size <= kLowMemoryEnd) return kInformation;
    for (std::uint64_t at = kPage; at + size <= kLowMemoryEnd; at += kPage)
      if (free(at)) return at;
    return (end_ + kPage - 1) & ~(kPage - 1);
  }

  std::uint64_t load_elf() {
    const auto start = get<Elf32_Ehdr>(file_, 0, name_);
    const auto& ident = start.e_ident;
    if (std::memcmp(ident, ELFMAG, SELFMAG) != 0) throw BadInput(name_ + ": no ELF file");
    return ident[EI_CLASS] == ELFCLASS64 ? load_segments<Elf64_Ehdr, Elf64_Phdr>()
                                         : load_segments<Elf32_Ehdr, Elf32_Phdr>();
  }

  template <class Header, class ProgramHeader>
  std::uint64_t load_segments() {
    const auto elf = get<Header>(file_, 0, name_);
    std::uint64_t entry = elf.e_entry;  // 32-bit code in either class
    for (unsigned i = 0; i < elf.e_phnum; ++i) {
      const auto segment = get<ProgramHeader>(
          file_, elf.e_phoff + static_cast<std::uint64_t>(i) * elf.e_phentsize, name_);
      if (segment.p_type != PT_LOAD || segment.p_memsz == 0) continue;
      if (segment.p_offset > file_.size() || segment.p_filesz > file_.size() - segment.p_offset ||
          segment.p_filesz > segment.p_memsz)
        throw BadInput(fmt::format("{}: segment {} is truncated", name_, i));
      put(segment.p_paddr, {file_.data() + segment.p_offset, segment.p_filesz}, "a segment");
      if (segment.p_memsz > segment.p_filesz)
        zero(static_cast<std::uint64_t>(segment.p_paddr) + segment.p_filesz,
             segment.p_memsz - segment.p_filesz);
      // The entry is a virtual address; the program starts without paging.
      if (elf.e_entry >= segment.p_vaddr && elf.e_entry - segment.p_vaddr < segment.p_memsz)
        entry = elf.e_entry - segment.p_vaddr + segment.p_paddr;
    }
    return entry;
  }

  void load_modules() {
    for (const std::filesystem::path& path : what_.modules) {
      const Bytes module = read_file(path);
      const std::uint64_t at = (std::max<std::uint64_t>(end_, 0x100000) + kPage - 1) & ~(kPage - 1);
      put(at, module, "module " + path.string());
      modules_.push_back({at, at + module.size(), path.string()});
    }
  }

  std::uint32_t put_string(const std::string& text) {
    const std::uint64_t at = strings_;
    put(at, {reinterpret_cast<const std::uint8_t*>(text.c_str()), text.size() + 1},
        "a command line");
    strings_ += text.size() + 1;
    return static_cast<std::uint32_t>(at);
  }

  // 3.3: flags memory, command line, modules, memory map, loader name.
  void write_information() {
    std::uint32_t information[22] = {};
    const std::string name = "mintsim";
    std::string command = name_;
    if (!what_.append.empty()) command += " " + what_.append;
    const std::uint64_t table_size =
        sizeof information + kModuleBytes * modules_.size() + kMapBytes * memory_.segments().size();
    std::uint64_t size = table_size + command.size() + name.size() + 2;
    for (const Module& m : modules_) size += m.name.size() + 1;
    information_ = find_place(size);
    std::uint64_t table = information_ + sizeof information;
    const auto words = [&](std::uint64_t at, std::span<const std::uint32_t> values) {
      put(at, {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()},
          "the multiboot information");
    };
    strings_ = information_ + table_size;
    const std::uint64_t above =
        std::min(memory_.ram_bytes(), PhysicalMemory::kPciWindow) - 0x100000;
    information[0] = 1 | 1u << 2 | 1u << 6 | 1u << 9;
    information[1] = 640;
    information[2] = static_cast<std::uint32_t>(above / 1024);
    information[4] = put_string(command);
    information[16] = put_string(name);
    if (!modules_.empty()) {
      information[0] |= 1u << 3;
      information[5] = static_cast<std::uint32_t>(modules_.size());
      information[6] = static_cast<std::uint32_t>(table);
      for (const Module& m : modules_) {
        const std::uint32_t row[] = {static_cast<std::uint32_t>(m.start),
                                     static_cast<std::uint32_t>(m.end), put_string(m.name), 0};
        words(table, row);
        table += sizeof row;
      }
    }
    information[12] = static_cast<std::uint32_t>(table);
    for (const PhysicalMemory::Segment& s : memory_.segments()) {
      const bool ram =
          s.kind == PhysicalMemory::Kind::kRam || s.kind == PhysicalMemory::Kind::kShared;
      if (s.memory == nullptr) continue;
      const std::uint32_t row[] = {20,
                                   static_cast<std::uint32_t>(s.start.value),
                                   static_cast<std::uint32_t>(s.start.value >> 32),
                                   static_cast<std::uint32_t>(s.size),
                                   static_cast<std::uint32_t>(s.size >> 32),
                                   ram ? 1u : 2u};
      words(table, row);
      table += sizeof row;
      information[11] += sizeof row;
    }
    words(information_, information);
  }

  mint_registers enter(std::uint64_t entry) const {
    mint_registers r{};
    r.general[0] = kLoaderMagic;
    r.general[3] = information_;
    r.rip = entry;
    r.rflags = 2;
    r.cr0 = 0x11;
    // 3.2: flat 32-bit code and data segments (present, ring 0, 4 KB granularity, accessed).
    for (unsigned i = 0; i < 6; ++i)
      r.segment[i] = {i == 1 ? std::uint16_t{0x08} : std::uint16_t{0x10}, 0, 0xffffffff,
                      i == 1 ? 0x00c09b00u : 0x00c09300u};
    return r;
  }

  struct Range {
    std::uint64_t start;
    std::uint64_t end;
  };
  struct Module {
    std::uint64_t start;
    std::uint64_t end;
    std::string name;
  };

  PhysicalMemory& memory_;
  const BareMetal& what_;
  std::string name_;
  Bytes file_;
  std::uint64_t end_ = 0;
  std::vector<Range> taken_;
  std::uint64_t information_ = 0;
  std::uint64_t strings_ = 0;
  std::vector<Module> modules_;
};

}  // namespace

mint_registers load_multiboot(PhysicalMemory& memory, const BareMetal& bare_metal) {
  return Loader(memory, bare_metal).load();
}

}  // namespace mint
