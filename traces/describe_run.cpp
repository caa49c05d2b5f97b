#include "traces/describe_run.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>

#include "emu/scenario/units.hpp"

namespace mint {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += fmt::format("\\{}", c);
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + "\"";
}

std::string now_utc() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

std::string core_list(const OsSpec& os) {
  std::string list;
  for (const ApicId core : os.cores)
    list += fmt::format("{}{}", list.empty() ? "" : ",", core.value);
  return list;
}

}  // namespace

std::string scenario_text(const Scenario& scenario) {
  if (scenario.file.ends_with(".toml")) return content_of(scenario.file);
  const BareMetal& bare = *scenario.bare_metal;
  std::string text = fmt::format("name = {}\n\n[machine]\nprofile = {}\ncores = {}\nmemory = {}\n",
                                 quoted(scenario.name), quoted(scenario.machine.name),
                                 scenario.machine.cores, scenario.machine.memory);
  text += fmt::format("\n[bare_metal]\nprogram = {}\n", quoted(bare.program->string()));
  if (!bare.append.empty()) text += fmt::format("append = {}\n", quoted(bare.append));
  if (!bare.modules.empty()) {
    text += "modules = [";
    for (const fs::path& module : bare.modules) text += quoted(module.string()) + ", ";
    text += "]\n";
  }
  return text;
}

std::vector<StoredImage> images_of(const RunRequest& request) {
  std::vector<StoredImage> images;
  const auto add = [&images](const std::string& os, const char* what, const std::string& name,
                             const fs::path& given) {
    if (given.empty()) return;
    const fs::path path = fs::absolute(given);
    // The same file often serves several operating systems.
    for (const StoredImage& known : images) {
      if (known.path == path.string()) {
        images.push_back({os, what, name, known.path, known.hash});
        return;
      }
    }
    images.push_back({os, what, name, path.string(), hash_of_file(path)});
  };
  const Scenario& scenario = request.scenario;
  for (const OsSpec& os : scenario.os) {
    add(os.name, "kernel", os.kernel.name, os.kernel.path);
    add(os.name, "system.map", os.kernel.name, os.kernel.system_map);
    if (os.initrd) add(os.name, "initrd", os.initrd->name, os.initrd->path);
    if (os.disk) add(os.name, "disk", os.disk->name, os.disk->path);
  }
  if (scenario.boot_tool) add("", "boot tool", scenario.boot_tool->name, scenario.boot_tool->path);
  if (const auto& loader = scenario.loader_initrd)
    add("", "loader initrd", loader->name, loader->path);
  if (!scenario.bare_metal) {
    add("", "firmware", "bios.bin", request.firmware_dir / "bios.bin");
    return images;
  }
  const BareMetal& bare = *scenario.bare_metal;
  if (bare.program) add("", "program", bare.program->filename().string(), *bare.program);
  if (bare.rom) add("", "rom", bare.rom->filename().string(), *bare.rom);
  for (const fs::path& module : bare.modules) add("", "module", module.filename().string(), module);
  return images;
}

std::string program_hash() {
  std::error_code error;
  return hash_of_file(fs::read_symlink("/proc/self/exe", error));
}

std::int64_t insert_run(Database& db, const RunRequest& request, TraceLevel level) {
  const Scenario& scenario = request.scenario;
  const std::vector<StoredImage> images = images_of(request);
  const std::string hash = program_hash();
  Transaction transaction(db);
  Statement(
      db,
      "INSERT INTO run (recorded_at, scenario, scenario_file, scenario_text, profile_file, "
      "profile_text, timing, seed, level, program_version, program_hash, core_clock_hz, cores) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .run(now_utc(), scenario.name, fs::absolute(scenario.file).string(), scenario_text(scenario),
           scenario.machine.file, content_of(scenario.machine.file),
           std::string(timing_name(scenario.machine.timing)), request.seed,
           std::string(level_name(level)), MINTSIM_VERSION, hash, scenario.machine.core_clock.count,
           scenario.machine.cores);
  const std::int64_t id = db.last_id();
  Statement image(db, "INSERT OR IGNORE INTO image VALUES (?, ?, ?, ?, ?, ?)");
  for (const StoredImage& i : images) image.run(id, i.os, i.what, i.name, i.path, i.hash);
  Statement os(db, "INSERT INTO os VALUES (?, ?, ?, ?, ?, ?)");
  for (std::size_t i = 0; i < scenario.os.size(); ++i) {
    const OsSpec& spec = scenario.os[i];
    os.run(id, i, spec.name, spec.role == Role::kLeader ? "leader" : "follower",
           spec.cores.front().value, core_list(spec));
  }
  transaction.commit();
  return id;
}

}  // namespace mint
