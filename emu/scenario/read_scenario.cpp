// From TOML to the Scenario struct: types, ranges and names of keys. What the keys mean together is
// check_resources.cpp's matter.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "emu/scenario/load.hpp"
#include "emu/scenario/load_profile.hpp"
#include "emu/scenario/repeat_os.hpp"
#include "emu/scenario/toml_reader.hpp"
#include "emu/scenario/units.hpp"

namespace mint {

namespace {

namespace fs = std::filesystem;

class Loader {
 public:
  Loader(std::string file, const LoadOptions& options, Scenario& scenario, Problems& problems)
      : options_(options),
        scenario_(scenario),
        problems_(problems),
        base_(fs::absolute(file).parent_path()) {
    scenario_.file = std::move(file);
  }

  // False when the file is no TOML at all.
  bool load() {
    TomlReader reader(scenario_.file, "", problems_, scenario_.places, options_.texts);
    if (!reader.ok()) return false;
    TomlTable root = reader.root();
    if (!root.get("name", scenario_.name)) scenario_.name = fs::path(scenario_.file).stem();
    root.get("description", scenario_.description);
    read_machine_table(root.table("machine"));
    for (TomlTable& table : root.tables("network")) read_network(table);
    unsigned index = 0;
    for (TomlTable& table : root.tables("os")) read_os(table, index++);
    read_start(root.table("start"));
    read_shared(root.table("shared"));
    read_bare_metal(root.table("bare_metal"));
    read_end(root.table("end"));
    for (TomlTable& table : root.tables("type")) read_typing(table);
    for (TomlTable& table : root.tables("meet")) read_meeting(table);
    read_reference(root.table("reference"));
    root.done();
    return true;
  }

  void load_profile(const std::string& name, const Location& from) {
    std::vector<fs::path> folders{base_ / "machines"};
    folders.insert(folders.end(), options_.profile_dirs.begin(), options_.profile_dirs.end());
    std::string searched;
    for (const fs::path& folder : folders) {
      const fs::path file = folder / (name + ".toml");
      if (options_.texts.contains(file.string()) || fs::exists(file)) {
        TomlReader reader(file.string(), "machine", problems_, scenario_.places, options_.texts);
        if (!reader.ok()) return;
        TomlTable root = reader.root();
        scenario_.machine.name = name;
        scenario_.machine.file = file.string();
        root.get("name", scenario_.machine.name);
        root.get("description", scenario_.machine.description);
        read_machine(root, scenario_.machine, true);
        root.done();
        return;
      }
      searched += (searched.empty() ? "" : " and ") + folder.string();
    }
    problems_.push_back({from,
                         fmt::format("there is no machine profile '{}' in {}", name, searched),
                         {},
                         "name a profile that exists, such as \"core-i7-860\""});
  }

 private:
  void read_machine_table(TomlTable table) {
    std::string profile = "core-i7-860";
    table.get("profile", profile);
    load_profile(profile, table.place("profile"));
    read_machine(table, scenario_.machine, false);
    table.done();
  }

  void read_os(TomlTable& table, unsigned index) {
    constexpr std::string_view kRoles[] = {"leader", "follower"};
    OsSpec& os = scenario_.os.emplace_back();
    os.key = table.path();
    if (table.get("name", os.name)) {
      check_name(table, os.name);
    } else {
      os.name = fmt::format("os{}", index);
      if (!table.has("name")) table.problem("", "an [[os]] without a 'name'", "add name = \"...\"");
    }
    unsigned role = index == 0 ? 0 : 1;
    table.get_choice("role", role, kRoles);
    os.role = static_cast<Role>(role);
    std::string file;
    if (table.get("kernel", file)) os.kernel = guest_file(table, "kernel", file);
    if (table.get("initrd", file)) os.initrd = guest_file(table, "initrd", file);
    if (table.get("disk", file)) os.disk = guest_file(table, "disk", file);
    read_nic(table, os);
    table.get("cmdline", os.cmdline);
    std::vector<unsigned> cores;
    if (table.get_numbers("cores", cores, 0, 63)) {
      for (unsigned core : cores) os.cores.push_back({static_cast<std::uint8_t>(core)});
    }
    table.get_range("memory", os.memory);
    if (unsigned uart = 0; table.get("uart", uart, 1, 4)) os.uart = uart;
    std::vector<std::string> functions;
    if (table.get_strings("pci", functions)) {
      for (const std::string& text : functions) {
        const auto function = parse_pci(text);
        if (function && function->bus == 0) {
          os.pci.push_back(*function);
        } else {
          table.problem("pci", fmt::format("'{}.pci' holds \"{}\"", os.key, text),
                        "give PCI functions of bus 0 as \"00:04.0\"");
        }
      }
    }
    os.pins_given = table.get_numbers("pins", os.pins, 0, 23);
    table.get("up_marker", os.up_marker);
    table.get("use_pit", os.use_pit);
    table.get("start_delay_us", os.start_delay_us, 0, 1'000'000);
    repeat_os(table, scenario_);
    table.done();
  }

  // nic = true, or a table.
  void read_nic(TomlTable& os_table, OsSpec& os) {
    if (os_table.is_bool("nic")) {
      bool nic = false;
      if (os_table.get("nic", nic) && nic) os.nic.emplace();
      return;
    }
    TomlTable table = os_table.table("nic");
    if (!table.present()) return;
    os.nic.emplace();
    table.get("network", os.nic->network);
    if (std::string text; table.get("mac", text)) {
      os.nic->mac_given = true;
      if (const auto mac = parse_mac(text)) {
        os.nic->mac = *mac;
      } else {
        table.problem("mac", fmt::format("'{}.mac' is \"{}\"", table.path(), text),
                      "give six bytes in hexadecimal, such as \"02:4d:49:4e:54:01\"");
        os.nic->mac_given = false;
      }
    }
    table.done();
  }

  void read_network(TomlTable& table) {
    NetworkSpec& network = scenario_.networks.emplace_back();
    network.key = table.path();
    if (table.get("name", network.name)) {
      check_name(table, network.name, "the network's name", "name a file");
    } else if (!table.has("name")) {
      table.problem("", "a [[network]] without a 'name'", "add name = \"lan\"");
    }
    table.get("pcap", network.pcap);
    table.done();
  }

  // Names become host names, file names and labels of tables.
  void check_name(TomlTable& table, const std::string& name, std::string_view what = "the OS name",
                  std::string_view use = "be a host name") {
    const auto letter_or_digit = [](unsigned char c) { return std::isalnum(c) != 0; };
    const bool good = !name.empty() && name.size() <= 32 && letter_or_digit(name[0]) &&
                      std::all_of(name.begin(), name.end(), [&](unsigned char c) {
                        return letter_or_digit(c) || c == '-' || c == '_';
                      });
    if (!good) {
      table.problem("name", fmt::format("{} \"{}\" cannot {}", what, name, use),
                    "use up to 32 letters, digits, '-' and '_'");
    }
  }

  GuestFile guest_file(TomlTable& table, std::string_view key, const std::string& name) {
    GuestFile file{name, {}, {}, {}};
    if (!name.starts_with('@')) {
      file.path = base_ / name;
      find_symbols(file, file.path.parent_path());
      return file;
    }
    if (!options_.catalogue) return file;
    const auto& artefacts = options_.catalogue->artefacts;
    const auto found = artefacts.find(name.substr(1));
    if (found == artefacts.end()) {
      std::vector<std::string_view> names;
      names.reserve(artefacts.size());
      for (const auto& [known, path] : artefacts) names.push_back(known);
      const std::string_view near = did_you_mean(name.substr(1), names);
      table.problem(key,
                    fmt::format("'{}.{}': there is no guest image '{}'{}", table.path(), key, name,
                                near.empty() ? "" : fmt::format(", did you mean '@{}'?", near)),
                    "name one that `mintsim images list` shows");
      return file;
    }
    resolve_artefact(file, found->second);
    return file;
  }

  void read_start(TomlTable table) {
    constexpr std::string_view kModes[] = {"none", "parallel", "sequential", "kexec-reboot",
                                           "kboot"};
    unsigned mode = scenario_.followers().empty() ? 0 : 1;
    table.get_choice("mode", mode, kModes);
    scenario_.start = static_cast<StartMode>(mode);
    if (std::string file; table.get("boot_tool", file)) {
      scenario_.boot_tool = guest_file(table, "boot_tool", file);
    }
    if (std::string file; table.get("loader_initrd", file)) {
      scenario_.loader_initrd = guest_file(table, "loader_initrd", file);
    }
    table.get("check_digest", scenario_.check_digest);
    table.get("window", scenario_.window, 1, kMaxCount);
    constexpr std::string_view kPurgatories[] = {"slot", "locked", "shared", "none"};
    auto purgatory = static_cast<unsigned>(scenario_.purgatory);
    table.get_choice("purgatory", purgatory, kPurgatories);
    scenario_.purgatory = static_cast<Purgatory>(purgatory);
    constexpr std::string_view kChecks[] = {"scenario", "boot-tool", "nobody"};
    auto check = static_cast<unsigned>(scenario_.slot_check);
    table.get_choice("slot_check", check, kChecks);
    scenario_.slot_check = static_cast<SlotCheck>(check);
    table.done();
  }

  void read_shared(TomlTable table) {
    std::vector<std::string> ranges;
    if (table.get_strings("ranges", ranges)) {
      for (const std::string& text : ranges) {
        if (const auto range = parse_range(text)) {
          scenario_.shared.ranges.push_back(*range);
        } else {
          table.problem("ranges", fmt::format("'shared.ranges' holds \"{}\"", text),
                        "give \"START-END\", such as \"0x1000-0x2000\"");
        }
      }
    } else if (!scenario_.followers().empty()) {
      scenario_.shared.ranges.push_back({PhysAddr{0x1000}, PhysAddr{0x2000}});
    }
    // lock = false, or its address
    if (!scenario_.followers().empty()) scenario_.shared.lock = PhysAddr{0x1000};
    if (table.is_bool("lock")) {
      bool lock = true;
      table.get("lock", lock);
      if (!lock) scenario_.shared.lock.reset();
    } else if (std::uint64_t address = 0; table.get_size("lock", address)) {
      scenario_.shared.lock = PhysAddr{address};
    }
    auto scope = static_cast<unsigned>(scenario_.shared.scope);
    table.get_choice("lock_scope", scope, kLockScopes);
    scenario_.shared.scope = static_cast<LockScope>(scope);
    table.done();
  }

  void read_end(TomlTable table) {
    constexpr std::string_view kWhen[] = {"daemons-up", "kernel-init", "console-text", "power-off",
                                          "exit"};
    unsigned when = scenario_.bare_metal ? static_cast<unsigned>(EndWhen::kExit) : 0;
    table.get_choice("when", when, kWhen);
    scenario_.end.when = static_cast<EndWhen>(when);
    table.get_strings("os", scenario_.end.os);
    table.get("text", scenario_.end.text);
    table.get("time_limit_s", scenario_.end.time_limit_s, 0.000001, 1'000'000);
    table.get("stall_s", scenario_.end.stall_s, 0, 1'000'000);
    table.get("undisturbed", scenario_.end.undisturbed);
    table.get("isolated", scenario_.end.isolated);
    table.done();
  }

  void read_typing(TomlTable& table) {
    Typing& typing = scenario_.typing.emplace_back();
    typing.key = table.path();
    table.get("os", typing.os);
    table.get("after", typing.after);
    table.get("text", typing.text);
    for (const char* key : {"os", "text"}) {
      if (!table.has(key))
        table.problem("", fmt::format("a [[type]] without '{}'", key),
                      fmt::format("add {} = \"...\"", key));
    }
    table.done();
  }

  void read_meeting(TomlTable& table) {
    Meeting& meeting = scenario_.meetings.emplace_back();
    meeting.key = table.path();
    table.get_strings("os", meeting.os);
    if (std::uint64_t address = 0; table.get_size("address", address)) meeting.address = address;
    table.get("symbol", meeting.symbol);
    if (unsigned stage = 0; table.get_choice("stage", stage, kMeetStages)) {
      meeting.stage = static_cast<MeetStage>(stage);
    }
    table.get("within_s", meeting.within_s, 0.000001, 1'000'000);
    table.done();
  }

  void read_reference(TomlTable table) {
    table.get_numbers("rows", scenario_.reference.rows, 1, 5);
    table.done();
  }

  void read_bare_metal(TomlTable table) {
    if (!table.present()) return;
    BareMetal bare;
    std::string file;
    if (table.get("program", file)) bare.program = base_ / file;
    if (table.get("rom", file)) bare.rom = base_ / file;
    table.get("append", bare.append);
    std::vector<std::string> modules;
    table.get_strings("modules", modules);
    for (const std::string& module : modules) bare.modules.push_back(base_ / module);
    table.get("debug_parts", bare.debug_parts);
    table.done();
    scenario_.bare_metal = std::move(bare);
  }

  const LoadOptions& options_;
  Scenario& scenario_;
  Problems& problems_;
  fs::path base_;
};

}  // namespace

void find_symbols(GuestFile& file, const fs::path& directory) {
  std::error_code error;
  for (const char* name : {"vmlinux", "kexec.debug"}) {
    if (fs::exists(directory / name, error)) file.vmlinux = directory / name;
  }
  if (fs::exists(directory / "System.map", error)) file.system_map = directory / "System.map";
}

void resolve_artefact(GuestFile& file, const fs::path& directory) {
  if (directory.empty()) return;
  std::error_code error;
  if (!fs::is_directory(directory, error)) {
    file.path = directory;
    return;
  }
  for (const char* name : {"bzImage", "initrd", "disk.img", "kexec"}) {
    if (fs::exists(directory / name, error)) file.path = directory / name;
  }
  find_symbols(file, directory);
}

bool read_scenario(const std::string& file, const LoadOptions& options, Scenario& scenario,
                   Problems& problems) {
  return Loader(file, options, scenario, problems).load();
}

Scenario load_scenario(const std::string& file, const LoadOptions& options, Problems& problems) {
  Scenario scenario;
  if (!read_scenario(file, options, scenario, problems)) return scenario;
  assign_resources(scenario);
  check_resources(scenario, problems);
  check_files(scenario, problems);
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.where.file, a.where.line, a.where.column) <
           std::tie(b.where.file, b.where.line, b.where.column);
  });
  fold_repeated(problems);
  return scenario;
}

Scenario bare_metal_scenario(const std::filesystem::path& program, const LoadOptions& options,
                             Problems& problems) {
  Scenario scenario;
  Loader loader(program.string(), options, scenario, problems);
  scenario.name = program.stem().string();
  scenario.description = "bare-metal program " + program.filename().string();
  loader.load_profile("core-i7-860", {program.string()});
  scenario.end.when = EndWhen::kExit;
  scenario.bare_metal.emplace().program = fs::absolute(program);
  return scenario;
}

}  // namespace mint
