// Checks of the guest's files: each is there, is what it should be, and fits where it goes.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <system_error>

#include "emu/scenario/bzimage.hpp"
#include "emu/scenario/command_line.hpp"
#include "emu/scenario/load.hpp"
#include "emu/scenario/multiboot.hpp"
#include "emu/scenario/resources.hpp"
#include "emu/scenario/units.hpp"

namespace mint {

namespace {

namespace fs = std::filesystem;

// MAXMEM of a 32-bit kernel with the 3G/1G split.
constexpr std::uint64_t kLowmemEnd = 896ULL << 20;
// Setup data, command line and purgatory's page tables, which the boot tool puts beside the kernel.
constexpr std::uint64_t kSetupData = 128ULL << 10;
constexpr std::uint64_t kRomMax = 16ULL << 20;

std::uint64_t round_up(std::uint64_t value, std::uint64_t to) {
  return to == 0 ? value : (value + to - 1) / to * to;
}

class FileChecker {
 public:
  FileChecker(Scenario& scenario, Problems& problems) : scenario_(scenario), problems_(problems) {}

  void check() {
    if (scenario_.bare_metal) check_bare_metal(*scenario_.bare_metal);
    for (OsSpec& os : scenario_.os) check_os(os);
    check_start_file("start.boot_tool", "boot tool", scenario_.boot_tool);
    check_start_file("start.loader_initrd", "initrd", scenario_.loader_initrd);
    for (const Meeting& meeting : scenario_.meetings) {
      if (!meeting.symbol.empty()) check_symbol(meeting);
    }
  }

 private:
  void report(const std::string& path, std::string what, std::string remedy,
              std::optional<Location> other = {}) {
    problems_.push_back(
        {scenario_.place(path), std::move(what), std::move(other), std::move(remedy)});
  }

  // The file's size; nothing, and a problem, when it is missing, empty or no file.
  std::optional<std::uint64_t> size_of(const std::string& key, const std::string& what,
                                       const fs::path& file) {
    std::error_code error;
    if (!fs::exists(file, error)) {
      report(key, fmt::format("{} {} does not exist", what, file.lexically_normal().string()),
             "mend the path, which counts from the scenario's folder");
      return std::nullopt;
    }
    if (!fs::is_regular_file(file, error) || !std::ifstream(file)) {
      report(key, fmt::format("{} {} is no readable file", what, file.lexically_normal().string()),
             "name a file that you may read");
      return std::nullopt;
    }
    const std::uint64_t size = fs::file_size(file, error);
    if (size == 0) {
      report(key, fmt::format("{} {} is empty", what, file.lexically_normal().string()),
             "build it anew");
      return std::nullopt;
    }
    return size;
  }

  void check_os(OsSpec& os) {
    std::optional<std::uint64_t> initrd_bytes;
    if (os.initrd && !os.initrd->path.empty()) {
      initrd_bytes = size_of(os.key + ".initrd", "initrd", os.initrd->path);
    }
    if (os.disk && !os.disk->path.empty()) {
      size_of(os.key + ".disk", "disk image", os.disk->path);
    }
    if (os.kernel.path.empty()) return;  // none, or an artefact that is not built yet
    if (!size_of(os.key + ".kernel", "kernel", os.kernel.path)) return;
    const auto read = read_bzimage(os.kernel.path);
    if (const auto* why = std::get_if<std::string>(&read)) {
      report(os.key + ".kernel",
             fmt::format("kernel {} of '{}' is no bzImage: {}", os.kernel.name, os.name, *why),
             "name arch/x86/boot/bzImage of a kernel build, or a guest image such as "
             "\"@linux-mint64\"");
      return;
    }
    const BzImage& image = std::get<BzImage>(read);
    os.wide = image.wide;
    check_symbols(os);
    if (os.role == Role::kFollower) {
      check_follower(os, image, initrd_bytes.value_or(0));
    } else {
      check_leader(os, image, initrd_bytes.value_or(0));
    }
  }

  void check_start_file(const std::string& key, const std::string& what,
                        const std::optional<GuestFile>& file) {
    if (file && !file->path.empty()) size_of(key, what, file->path);
  }

  // kernel_init is an address to watch for.
  void check_symbols(const OsSpec& os) {
    const EndCondition& end = scenario_.end;
    if (end.when != EndWhen::kKernelInit || !os.kernel.system_map.empty() ||
        std::find(end.os.begin(), end.os.end(), os.name) == end.os.end()) {
      return;
    }
    report(
        os.key + ".kernel",
        fmt::format("the run ends with kernel_init of '{}', and there is no System.map beside {}",
                    os.name, os.kernel.name),
        "put the System.map of the kernel's build beside it", scenario_.place("end.when"));
  }

  // A place to meet at is looked up in the System.map of each OS's kernel.
  void check_symbol(const Meeting& meeting) {
    for (const OsSpec& os : scenario_.os) {
      if (std::find(meeting.os.begin(), meeting.os.end(), os.name) == meeting.os.end()) continue;
      if (os.kernel.path.empty()) continue;  // not built yet
      const std::string key = meeting.key + ".symbol";
      if (os.kernel.system_map.empty()) {
        report(key,
               fmt::format("'{}' has no symbols: there is no System.map beside {}", os.name,
                           os.kernel.name),
               "put the System.map of the kernel's build beside it, or give 'address' or 'stage'",
               scenario_.place(os.key + ".kernel"));
        continue;
      }
      const std::vector<std::string> names = functions_of(os.kernel.system_map);
      if (std::find(names.begin(), names.end(), meeting.symbol) != names.end()) continue;
      const std::vector<std::string_view> candidates(names.begin(), names.end());
      const std::string_view near = did_you_mean(meeting.symbol, candidates);
      report(key,
             fmt::format("kernel {} of '{}' has no function '{}'{}", os.kernel.name, os.name,
                         meeting.symbol,
                         near.empty() ? "" : fmt::format(", did you mean '{}'?", near)),
             "name a function that its System.map lists with type T or t",
             scenario_.place(os.key + ".kernel"));
    }
  }

  // Lines are "ffffffff81000000 T _text".
  static std::vector<std::string> functions_of(const fs::path& system_map) {
    std::vector<std::string> names;
    std::ifstream file(system_map);
    std::string address, type, name;
    while (file >> address >> type >> name) {
      if (type == "T" || type == "t") names.push_back(name);
    }
    return names;
  }

  void check_follower(const OsSpec& os, const BzImage& image, std::uint64_t initrd_bytes) {
    if (!image.relocatable) {
      report(os.key + ".kernel",
             fmt::format("kernel {} of follower '{}' is not relocatable: it runs only at {}",
                         os.kernel.name, os.name, format_size(image.pref_address)),
             "configure it with CONFIG_RELOCATABLE=y");
    }
    if (os.memory.size() == 0) return;
    if (!image.wide && os.memory.end.value > kLowmemEnd) {
      report(
          os.key + ".memory",
          fmt::format("memory {} of '{}' goes beyond 896M, and {} is a 32-bit kernel, which maps "
                      "no more directly",
                      to_string(os.memory), os.name, os.kernel.name),
          "choose a range below 896M, or a 64-bit kernel", scenario_.place(os.key + ".kernel"));
    }
    if (const OsSpec* leader = scenario_.leader();
        os.memory.end.value > kHighRam && leader != nullptr && !leader->wide) {
      report(os.key + ".memory",
             fmt::format("memory {} of '{}' is out of reach for the leader's 32-bit kernel {}, "
                         "which has to fill it",
                         to_string(os.memory), os.name, leader->kernel.name),
             "choose a range below 4G, or a 64-bit leader", scenario_.place("os[0].kernel"));
    }
    const std::uint64_t start = round_up(os.memory.start.value, image.alignment);
    const std::uint64_t need = start - os.memory.start.value + image.init_size + kSetupData;
    check_fit(os, image, need, initrd_bytes);
    check_command_line(os, image, follower_command_line(scenario_, os));
  }

  void check_leader(const OsSpec& os, const BzImage& image, std::uint64_t initrd_bytes) {
    if (os.memory.size() == 0) return;
    // It unpacks itself to its preferred address, or where it was loaded if that is higher.
    const std::uint64_t start = std::max(image.pref_address, kMegabyte);
    check_fit(os, image, start + image.init_size, initrd_bytes);
    check_command_line(os, image, leader_command_line(scenario_));
  }

  // `need`: bytes from the beginning of the range that the kernel takes.
  void check_fit(const OsSpec& os, const BzImage& image, std::uint64_t need,
                 std::uint64_t initrd_bytes) {
    if (need > os.memory.size()) {
      report(
          os.key + ".memory",
          fmt::format("kernel {} needs {:.1f} MB to unpack (init_size) and does not fit memory {} "
                      "of '{}'",
                      os.kernel.name, image.init_size / 1048576.0, to_string(os.memory), os.name),
          fmt::format("give '{}' at least {}M", os.name, round_up(need, kMegabyte) >> 20),
          scenario_.place(os.key + ".kernel"));
      return;
    }
    const std::uint64_t initrd_pages = round_up(initrd_bytes, 4096);
    if (need + initrd_pages > os.memory.size()) {
      report(os.key + ".initrd",
             fmt::format("initrd {} ({:.1f} MB) does not fit memory {} of '{}' beside its kernel "
                         "({:.1f} MB)",
                         os.initrd->name, initrd_bytes / 1048576.0, to_string(os.memory), os.name,
                         need / 1048576.0),
             fmt::format("give '{}' at least {}M, or a smaller initrd", os.name,
                         round_up(need + initrd_pages, kMegabyte) >> 20),
             scenario_.place(os.key + ".memory"));
    }
  }

  void check_command_line(const OsSpec& os, const BzImage& image, const std::string& line) {
    if (line.size() <= image.cmdline_size) return;
    report(
        os.key + ".cmdline",
        fmt::format("the command line of '{}' has {} characters with what the scenario adds, and "
                    "its kernel takes {}",
                    os.name, line.size(), image.cmdline_size),
        "shorten 'cmdline'");
  }

  void check_bare_metal(const BareMetal& bare) {
    if (bare.program) check_program(*bare.program);
    if (bare.rom) {
      const auto size = size_of("bare_metal.rom", "ROM image", *bare.rom);
      if (size && *size > kRomMax) {
        report(
            "bare_metal.rom", fmt::format("the ROM image has {} bytes", *size),
            "give at most 16 MB: it ends at FFFFFFFFh and must begin above the I/O APIC and LAPIC");
      }
    }
    std::uint64_t modules = 0;
    for (const fs::path& module : bare.modules) {
      modules += size_of("bare_metal.modules", "module", module).value_or(0);
    }
    if (modules >= scenario_.machine.memory) {
      report("bare_metal.modules", fmt::format("the modules have {} bytes", modules),
             "set machine.memory higher", scenario_.place("machine.memory"));
    }
  }

  void check_program(const fs::path& program) {
    if (!size_of("bare_metal.program", "program", program)) return;
    const auto read = read_multiboot(program);
    if (const auto* why = std::get_if<std::string>(&read)) {
      report("bare_metal.program",
             fmt::format("{} is no multiboot program: {}", program.filename().string(), *why),
             "link it as a 32-bit ELF with a multiboot header in its first 8 KB");
      return;
    }
    const MultibootExtent& extent = std::get<MultibootExtent>(read);
    if (extent.end > low_ram_end(scenario_.machine)) {
      report("bare_metal.program",
             fmt::format("{} takes memory up to {:#x}, but RAM ends at {:#x}",
                         program.filename().string(), extent.end, low_ram_end(scenario_.machine)),
             "set machine.memory higher (on the command line: --memory)",
             scenario_.place("machine.memory"));
    }
  }

  Scenario& scenario_;
  Problems& problems_;
};

}  // namespace

void check_files(Scenario& scenario, Problems& problems) {
  FileChecker(scenario, problems).check();
}

}  // namespace mint
