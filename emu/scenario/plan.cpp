#include "emu/scenario/plan.hpp"

#include <nlohmann/json.hpp>

#include "emu/scenario/command_line.hpp"

namespace mint {

namespace {

using Json = nlohmann::ordered_json;

Json initrd_of(const OsSpec& os) {
  return os.initrd ? Json(os.initrd->path.string()) : Json(nullptr);
}

std::string_view mode_name(StartMode mode) {
  switch (mode) {
    case StartMode::kParallel:
      return "parallel";
    case StartMode::kSequential:
      return "sequential";
    case StartMode::kKexecReboot:
      return "kexec-reboot";
    case StartMode::kKboot:
      return "kboot";
    case StartMode::kNone:
      break;
  }
  return "none";
}

}  // namespace

std::string leader_plan(const Scenario& scenario) {
  Json plan;
  plan["mode"] = mode_name(scenario.start);
  const OsSpec& leader = *scenario.leader();
  plan["leader"] = {{"name", leader.name},
                    {"arch", leader.wide ? "x86_64" : "i386"},
                    {"kernel", leader.kernel.path.string()},
                    {"initrd", initrd_of(leader)},
                    {"cmdline", leader_command_line(scenario)}};
  if (scenario.boot_tool) plan["kexec"] = scenario.boot_tool->path.string();
  if (scenario.loader_initrd) plan["loader_initrd"] = scenario.loader_initrd->path.string();
  plan["check_digest"] = scenario.check_digest;
  if (scenario.window != 0) plan["window"] = scenario.window;
  plan["followers"] = Json::array();
  for (const OsSpec* follower : scenario.followers()) {
    plan["followers"].push_back({{"name", follower->name},
                                 {"core", follower->cores[0].value},
                                 {"kernel", follower->kernel.path.string()},
                                 {"initrd", initrd_of(*follower)},
                                 {"kexec_args", boot_tool_arguments(scenario, *follower)},
                                 {"cmdline", follower_command_line(scenario, *follower)}});
  }
  return plan.dump(2) + "\n";
}

}  // namespace mint
