// What is remembered of guest/images between runs. To start it and have it look at all that images
// are made from takes longer than many a boot, so its answers are kept in its cache, each with the
// state of everything that they can depend on: names, inodes, sizes and times of all files that the
// tool and its scripts consist of, and of those that say which packages host and guest have. An
// answer is good as long as not one of these is another; the time of an inode's last change (ctime)
// goes with any change of a file, and no program can set it back.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace mint {

struct Installation;
struct Scenario;

class ImageMemory {
 public:
  // Looks at the state of now, which what is remembered later is said to belong to.
  explicit ImageMemory(const Installation& installation);

  // The directory of an artefact, if it is known and still there.
  std::optional<std::filesystem::path> directory(const std::string& artefact) const;
  void remember(const std::string& artefact, const std::filesystem::path& directory) const;

  // The name that a leader's disk has in here: of a plan that refers to `files`, as they are now.
  // Empty where they are not all absolute paths.
  std::string disk_name(const std::string& plan,
                        const std::vector<std::filesystem::path>& files) const;
  // Writes the disk of that name to `disk`; false if there has been none. Disks are kept beside
  // each other until there are many.
  bool leader_disk(const std::string& name, const std::filesystem::path& disk) const;
  // `name`: from before the disk was made.
  void remember_leader_disk(const std::string& name, const std::string& plan,
                            const std::vector<std::filesystem::path>& files,
                            const std::filesystem::path& disk) const;

 private:
  // Whether the state is still that of the constructor, and has been for long enough that a change
  // could not hide behind the resolution of time stamps.
  bool settled() const;
  std::filesystem::path answer_file(const std::string& artefact) const;
  std::filesystem::path disk_file(const std::string& name) const;

  std::filesystem::path guest_;  // of the installation; empty: nothing is remembered
  std::filesystem::path cache_;
  std::string state_;  // its hash
};

// In the tool's cache: the file that keeps which code the OSes of a scenario execute (KnownCode in
// emu/machine). Empty where there is no such cache.
std::filesystem::path known_code_file(const Scenario& scenario);

}  // namespace mint
