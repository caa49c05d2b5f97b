// What hardware ownership means to a kernel and to the boot tool: a scenario says once what an OS
// owns, and the options that make Linux keep to it follow here. The kernel's options are those of
// the Mint patch series (guest/linux), the tool's those of guest/kexec-tools.
#pragma once

#include <string>
#include <vector>

#include "emu/scenario/scenario.hpp"

namespace mint {

// The leader's kernel command line. Without followers it owns the whole machine, and nothing but a
// console is added to its own 'cmdline': stock kernels take it as well.
std::string leader_command_line(const Scenario& scenario);

// A follower's kernel command line.
std::string follower_command_line(const Scenario& scenario, const OsSpec& follower);

// The boot tool's options for a follower, less kernel, initrd, command line and -i.
std::vector<std::string> boot_tool_arguments(const Scenario& scenario, const OsSpec& follower);

}  // namespace mint
