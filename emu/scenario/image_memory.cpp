#include "emu/scenario/image_memory.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <set>
#include <utility>

#include "emu/scenario/file_state.hpp"
#include "emu/scenario/guest_images.hpp"
#include "emu/scenario/plan.hpp"
#include "emu/scenario/sha256.hpp"
#include "emu/scenario/sparse_copy.hpp"

namespace mint {
namespace {

namespace fs = std::filesystem;

// Two writes within one tick of the host's clock have the same time stamp.
constexpr std::int64_t kTicks = 100'000'000;  // nanoseconds; a tick has at most 10 ms
constexpr std::size_t kDisks = 24;            // that are kept; some 10 MB each
constexpr std::size_t kCodes = 24;            // files of known code; some 4 MB each
constexpr std::size_t kShort = 16;  // digits that tell files apart whose content is checked

// As the tool's recipes.py: changes whenever the host's packages or what apt knows of them do.
constexpr std::array kPackageState = {"/var/lib/dpkg/status", "/var/lib/apt/lists",
                                      "/etc/apt/sources.list", "/etc/apt/sources.list.d",
                                      "/etc/apt/preferences.d"};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The tool's cache; cache.py. Nothing where it would ask the password file.
fs::path image_cache() {
  std::string root = variable("MINTSIM_CACHE");
  if (root.empty()) {
    root = variable("XDG_CACHE_HOME");
    if (root.empty() && !variable("HOME").empty()) root = variable("HOME") + "/.cache";
    if (!root.empty()) root += "/mintsim/images";
  }
  return root.empty() || root.front() == '~' ? fs::path() : fs::absolute(root);
}

FileState look(const fs::path& guest, const fs::path& cache) {
  FileState state;
  for (const char* name : {"PATH", "MINTSIM_INSTALL"})
    state.add_text(fmt::format("{}={}", name, variable(name)));
  state.add_tree(guest);
  state.add_tree(guest.parent_path() / "purgatory");
  // Which packages there are, and which of them are in use; the hashes of these are in the record.
  std::set<fs::path> packages;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(cache / "debs", error))
    packages.insert(entry.path());
  for (const fs::path& folder : packages) {
    state.add(folder);
    state.add(folder / "resolved.json");
  }
  for (const char* path : kPackageState) state.add(path);
  return state;
}

void remove_all_but_newest(const fs::path& folder, std::size_t count) {
  std::vector<std::pair<fs::file_time_type, fs::path>> disks;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    disks.emplace_back(entry.last_write_time(error), entry.path());
  std::sort(disks.rbegin(), disks.rend());
  for (std::size_t i = count; i < disks.size(); ++i) fs::remove(disks[i].second, error);
}

}  // namespace

ImageMemory::ImageMemory(const Installation& installation) : cache_(image_cache()) {
  std::error_code error;
  if (cache_.empty() || installation.data.empty() || !fs::is_directory(cache_, error)) return;
  guest_ = fs::absolute(installation.images_tool()).parent_path();
  state_ = sha256(look(guest_, cache_).text());
}

bool ImageMemory::settled() const {
  if (guest_.empty()) return false;
  const FileState now = look(guest_, cache_);
  return sha256(now.text()) == state_ && now.older_than(kTicks);
}

// One for each checkout and search path, or two that are used in turn would never find theirs.
fs::path ImageMemory::answer_file(const std::string& artefact) const {
  return cache_ / "answers" /
         fmt::format("{}-{}", artefact,
                     sha256(guest_.native() + "\n" + variable("PATH")).substr(0, kShort));
}

fs::path ImageMemory::disk_file(const std::string& name) const {
  return cache_ / "leader-disks" / (name + ".img");
}

std::optional<fs::path> ImageMemory::directory(const std::string& artefact) const {
  if (guest_.empty()) return std::nullopt;
  std::ifstream file(answer_file(artefact));
  std::string state;
  std::string path;
  if (!std::getline(file, state) || !std::getline(file, path) || state != state_)
    return std::nullopt;
  std::error_code error;
  if (!fs::is_directory(path, error)) return std::nullopt;
  return path;
}

// It only saves time: what cannot be written is not remembered.
void ImageMemory::remember(const std::string& artefact, const fs::path& directory) const {
  if (directory.native().find('\n') != std::string::npos || !settled()) return;
  const fs::path target = answer_file(artefact);
  fs::path part = target;
  part += fmt::format(".part{}", getpid());
  std::error_code error;
  fs::create_directories(target.parent_path(), error);
  std::ofstream file(part);
  file << state_ << "\n" << directory.native() << "\n";
  file.close();
  if (file) fs::rename(part, target, error);
  if (!file || error) fs::remove(part, error);
}

std::string ImageMemory::disk_name(const std::string& plan,
                                   const std::vector<fs::path>& files) const {
  FileState all;
  all.add_text(state_);
  all.add_text(plan);
  for (const fs::path& file : files) {
    if (file.is_relative()) return {};  // to the plan's folder, for the tool
    all.add(file);
  }
  return sha256(all.text());
}

bool ImageMemory::leader_disk(const std::string& name, const fs::path& disk) const {
  if (guest_.empty() || name.empty()) return false;
  const fs::path kept = disk_file(name);
  if (!same_content(kept, disk) && !copy_sparse(kept, disk)) return false;
  std::error_code error;
  fs::last_write_time(kept, fs::file_time_type::clock::now(), error);  // the oldest ones go first
  return true;
}

void ImageMemory::remember_leader_disk(const std::string& name, const std::string& plan,
                                       const std::vector<fs::path>& files,
                                       const fs::path& disk) const {
  FileState given;
  for (const fs::path& file : files) given.add(file);
  if (name.empty() || !settled() || !given.older_than(kTicks) || disk_name(plan, files) != name)
    return;
  const fs::path kept = disk_file(name);
  std::error_code error;
  fs::create_directories(kept.parent_path(), error);
  if (copy_sparse(disk, kept)) remove_all_but_newest(kept.parent_path(), kDisks);
}

fs::path known_code_file(const Scenario& scenario) {
  const fs::path cache = image_cache();
  if (cache.empty() || scenario.leader() == nullptr) return {};
  const fs::path folder = cache / "known-code";
  remove_all_but_newest(folder, kCodes);
  return folder / sha256(leader_plan(scenario)).substr(0, kShort);
}

}  // namespace mint
