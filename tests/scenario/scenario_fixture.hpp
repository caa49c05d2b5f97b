// Scenario files, kernels and initrds in a temporary folder, and what loading them says.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "emu/scenario/load.hpp"
#include "emu/scenario/temporary_folder.hpp"

namespace mint {

// A bzImage's setup header, followed by a little payload.
struct FakeKernel {
  bool relocatable = true;
  bool wide = true;
  std::uint32_t init_size = 16U << 20;
  std::uint16_t protocol = 0x20F;
  std::uint32_t cmdline_size = 2047;

  std::string bytes() const {
    std::string image(4096, '\0');
    const auto put = [&](std::size_t at, std::uint64_t value, unsigned size) {
      for (unsigned i = 0; i < size; i++) image[at + i] = static_cast<char>(value >> (8 * i));
    };
    put(0x1F1, 1, 1);             // setup_sects
    put(0x1FE, 0xAA55, 2);        // boot_flag
    put(0x202, 0x53726448, 4);    // "HdrS"
    put(0x206, protocol, 2);      // version
    put(0x211, 1, 1);             // loadflags: LOADED_HIGH
    put(0x22C, 0x7FFFFFFF, 4);    // initrd_addr_max
    put(0x230, 0x200000, 4);      // kernel_alignment
    put(0x234, relocatable, 1);   // relocatable_kernel
    put(0x236, wide ? 1 : 0, 2);  // xloadflags: XLF_KERNEL_64
    put(0x238, cmdline_size, 4);
    put(0x258, 0x1000000, 8);  // pref_address
    put(0x260, init_size, 4);
    return image;
  }
};

class ScenarioTest : public testing::Test {
 protected:
  ScenarioTest() {
    std::filesystem::create_directory(folder_ / "machines");
    std::filesystem::copy_file(
        std::filesystem::path(MINTSIM_SOURCE_DIR) / "scenarios/machines/core-i7-860.toml",
        folder_ / "machines" / "core-i7-860.toml");
    write("bzImage", FakeKernel{}.bytes());
  }

  void write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }

  // Loads `toml` as FOLDER/s.toml. Problems come as text with the folder's name cut off.
  Scenario load(const std::string& toml) {
    write("s.toml", toml);
    return load_file("s.toml");
  }
  Scenario load_file(const std::string& name) {
    Problems problems;
    Scenario scenario = load_scenario((folder_ / name).string(), options_, problems);
    problems_.clear();
    for (const Problem& problem : problems) {
      std::string text = to_string(problem);
      const std::string prefix = folder_.string() + "/";
      for (std::size_t at; (at = text.find(prefix)) != std::string::npos;) {
        text.erase(at, prefix.size());
      }
      problems_.push_back(text);
    }
    return scenario;
  }
  void expect_problems(const std::string& toml, const std::vector<std::string>& expected) {
    load(toml);
    EXPECT_THAT(problems_, testing::UnorderedElementsAreArray(expected));
  }

  const TemporaryFolder temporary_{"mintsim-test"};
  const std::filesystem::path folder_ = temporary_.path();
  LoadOptions options_;
  std::vector<std::string> problems_;
};

// Two OSes without faults; tests change a line. Line 1 is the first [[os]].
inline const std::string kLeader =
    "[[os]]\n"                // 1
    "name = \"leader\"\n"     // 2
    "role = \"leader\"\n"     // 3
    "kernel = \"bzImage\"\n"  // 4
    "cores = [0]\n"           // 5
    "memory = \"0-256M\"\n";  // 6
inline const std::string kFollower =
    "[[os]]\n"                   // 7
    "name = \"f1\"\n"            // 8
    "role = \"follower\"\n"      // 9
    "kernel = \"bzImage\"\n"     // 10
    "initrd = \"initrd\"\n"      // 11
    "cores = [2]\n"              // 12
    "memory = \"256M-512M\"\n";  // 13

// `text` with the first `from` turned into `to`.
inline std::string with(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::invalid_argument("no \"" + from + "\" in the text");
  return text.replace(at, from.size(), to);
}

}  // namespace mint
