// What good scenarios turn into: resources, command lines, the plan for the leader's disk.
#include <nlohmann/json.hpp>

#include "emu/scenario/bzimage.hpp"
#include "emu/scenario/command_line.hpp"
#include "emu/scenario/guest_images.hpp"
#include "emu/scenario/plan.hpp"
#include "emu/scenario/sha256.hpp"
#include "emu/scenario/units.hpp"
#include "scenario_fixture.hpp"

namespace mint {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ScenarioFile : public ScenarioTest {
 protected:
  ScenarioFile() { write("initrd", std::string(1000, 'x')); }
};

std::vector<std::filesystem::path> shipped_scenarios() {
  std::vector<std::filesystem::path> files;
  const auto folder = std::filesystem::path(MINTSIM_SOURCE_DIR) / "scenarios";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  return files;
}

TEST(ShippedScenarios, HaveNoProblems) {
  EXPECT_GE(shipped_scenarios().size(), 6U);
  for (const auto& file : shipped_scenarios()) {
    LoadOptions options;
    Problems problems;
    const Scenario scenario = load_scenario(file.string(), options, problems);
    for (const Problem& problem : problems) ADD_FAILURE() << to_string(problem);
    EXPECT_EQ(scenario.name, file.stem());
    EXPECT_EQ(scenario.machine.core_clock, Hertz{2'800'000'000});
    EXPECT_FALSE(scenario.machine.post.empty());
  }
}

TEST_F(ScenarioFile, MachineTableOverridesTheProfile) {
  const Scenario scenario = load(
      "[machine]\ncores = 16\nmemory = \"4G\"\nhole = \"ram\"\n"
      "[machine.delays]\nmessage = 500\n[machine.post]\nusb_init = 1\n" +
      kLeader);
  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_EQ(scenario.machine.cores, 16U);
  EXPECT_EQ(scenario.machine.memory, 4ULL << 30);
  EXPECT_EQ(scenario.machine.hole, LegacyHole::kRam);
  EXPECT_EQ(scenario.machine.delays.message, Cycles{500});
  EXPECT_EQ(scenario.machine.delays.slice, Cycles{500}) << "follows the message delay";
  EXPECT_EQ(scenario.machine.delays.port, Cycles{2800}) << "from the profile";
  EXPECT_EQ(scenario.machine.delays.halt_wake, Cycles{8400});
  for (const PostWait& wait : scenario.machine.post) {
    if (wait.name == "usb_init") {
      EXPECT_EQ(wait.milliseconds, 1U);
    } else {
      EXPECT_GE(wait.milliseconds, 200U) << wait.name;
    }
  }
}

TEST_F(ScenarioFile, OwnershipFollowsFromFewKeys) {
  write("disk.img", "x");
  const Scenario scenario = load(kLeader + kFollower + "disk = \"disk.img\"\n");
  ASSERT_THAT(problems_, IsEmpty());
  const OsSpec& leader = scenario.os[0];
  const OsSpec& follower = scenario.os[1];
  EXPECT_EQ(leader.uart, 1U);
  EXPECT_EQ(follower.uart, 2U);
  EXPECT_THAT(leader.pci, ElementsAre(PciAddress{0, 4, 0}));
  EXPECT_THAT(follower.pci, ElementsAre(PciAddress{0, 5, 0}));
  EXPECT_THAT(leader.pins, ElementsAre(0, 1, 2, 4, 8, 20));
  EXPECT_THAT(follower.pins, ElementsAre(3, 21));
  EXPECT_EQ(scenario.start, StartMode::kParallel);
  EXPECT_THAT(scenario.end.os, ElementsAre("f1"));
  EXPECT_EQ(scenario.shared.lock, PhysAddr{0x1000});
}

TEST_F(ScenarioFile, FollowersOfOneWireGetOneInterruptPinEach) {
  std::string text = "machine = {cores = 16}\n" + kLeader;
  write("disk.img", "x");
  for (int i = 1; i <= 9; i++) {
    text += "[[os]]\nname = \"f" + std::to_string(i) + "\"\nkernel = \"bzImage\"\ncores = [" +
            std::to_string(i) + "]\ninitrd = \"initrd\"\npci = [\"" + "0" +
            (i < 6 ? std::to_string(4 + i) : std::string(1, static_cast<char>('a' + i - 6))) +
            ".0\"]\nmemory = \"" + std::to_string(192 * i + 64) + "M-" +
            std::to_string(192 * i + 256) + "M\"\n";
  }
  const Scenario scenario = load(text);
  std::set<unsigned> seen;
  for (const OsSpec& os : scenario.os) {
    for (unsigned pin : os.pins) EXPECT_TRUE(seen.insert(pin).second) << "pin " << pin;
  }
}

TEST_F(ScenarioFile, CommandLinesSayWhoOwnsWhat) {
  write("disk.img", "x");
  const Scenario scenario = load(kLeader + "cmdline = \"quiet\"\n" + kFollower +
                                 "disk = \"disk.img\"\ncmdline = \"loglevel=7\"\n");
  ASSERT_THAT(problems_, IsEmpty());
  EXPECT_EQ(leader_command_line(scenario),
            "console=ttyS0,115200 mem=256M nr_cpus=1 mint.physapic mint.pci=00:04.0 "
            "mint.pins=0x100117 mint.uarts=0x1 mint.lock=0x1000 quiet");
  EXPECT_EQ(follower_command_line(scenario, scenario.os[1]),
            "console=ttyS1,115200 mint.follower mint.name=f1 mint.core=2 mint.pci=00:05.0 "
            "mint.pins=0x200008 mint.uarts=0x2 mint.lock=0x1000 mint.nopit tsc=reliable "
            "tsc_early_khz=2800000 loglevel=7");
  EXPECT_THAT(boot_tool_arguments(scenario, scenario.os[1]),
              ElementsAre("--mint-core=2", "--mint-cores=2", "--mint-pins=3,21=pci00:05",
                          "--mint-map=0x10000000-0x1fffffff", "--mem-min=0x10000000",
                          "--mem-max=0x1fffffff"));
}

TEST_F(ScenarioFile, UartWithAnInterruptThatLinuxWouldNotGuess) {
  const Scenario scenario = load(kLeader + kFollower + "uart = 3\n");
  ASSERT_THAT(problems_, IsEmpty());
  const std::string line = follower_command_line(scenario, scenario.os[1]);
  EXPECT_THAT(line, testing::StartsWith("console=ttyS2,115200 "));
  EXPECT_THAT(line, HasSubstr(" mint.pci= mint.pins=0x400 mint.uarts=0x4 mint.uartirq=10 "));
}

TEST_F(ScenarioFile, StockKernelAloneGetsOnlyItsConsole) {
  const Scenario scenario = load("[[os]]\nname = \"linux\"\nkernel = \"bzImage\"\n");
  ASSERT_THAT(problems_, IsEmpty());
  EXPECT_EQ(scenario.os[0].cores.size(), 4U) << "it owns the whole machine";
  EXPECT_EQ(to_string(scenario.os[0].memory), "0-2G");
  EXPECT_EQ(leader_command_line(scenario), "console=ttyS0,115200");
  EXPECT_EQ(leader_command_line(load(kLeader)), "console=ttyS0,115200 mem=256M nr_cpus=1");
}

TEST_F(ScenarioFile, WithoutLock) {
  const Scenario scenario = load(kLeader + kFollower + "[shared]\nlock = false\n");
  ASSERT_THAT(problems_, IsEmpty());
  const std::string line = follower_command_line(scenario, scenario.os[1]);
  EXPECT_THAT(line, Not(HasSubstr("mint.lock")));
}

TEST_F(ScenarioFile, ScopeOfTheLock) {
  const Scenario scenario = load(kLeader + kFollower + "[shared]\nlock_scope = \"pair\"\n");
  EXPECT_THAT(leader_command_line(scenario), HasSubstr("mint.lock=0x1000,pair"));
  EXPECT_THAT(follower_command_line(scenario, *scenario.followers()[0]),
              HasSubstr("mint.lock=0x1000,pair "));
}

TEST_F(ScenarioFile, PlanForTheLeadersDisk) {
  write("kexec", "tool");
  const Scenario scenario =
      load(kLeader + kFollower + "[start]\nmode = \"sequential\"\nboot_tool = \"kexec\"\n");
  ASSERT_THAT(problems_, IsEmpty());
  const auto plan = nlohmann::json::parse(leader_plan(scenario));
  EXPECT_EQ(plan["mode"], "sequential");
  EXPECT_EQ(plan["leader"]["arch"], "x86_64");
  EXPECT_EQ(plan["leader"]["initrd"], nullptr);
  EXPECT_EQ(plan["leader"]["kernel"], (folder_ / "bzImage").string());
  EXPECT_EQ(plan["kexec"], (folder_ / "kexec").string());
  EXPECT_EQ(plan["check_digest"], false);
  ASSERT_EQ(plan["followers"].size(), 1U);
  EXPECT_EQ(plan["followers"][0]["name"], "f1");
  EXPECT_EQ(plan["followers"][0]["core"], 2);
  EXPECT_EQ(plan["followers"][0]["kexec_args"][0], "--mint-core=2");
  EXPECT_EQ(plan["followers"][0]["cmdline"], follower_command_line(scenario, scenario.os[1]));
}

TEST_F(ScenarioFile, ArtefactsOfACatalogue) {
  const ArtefactCatalogue catalogue = parse_artefact_list(
      "linux-mint64            21.5 MB  /cache/linux-mint64-0123\n"
      "initrd-halt64          not built\n");
  ASSERT_EQ(catalogue.artefacts.size(), 2U);
  EXPECT_EQ(catalogue.artefacts.at("linux-mint64"), "/cache/linux-mint64-0123");
  EXPECT_EQ(catalogue.artefacts.at("initrd-halt64"), "");

  std::filesystem::create_directory(folder_ / "built");
  write("built/bzImage", FakeKernel{}.bytes());
  write("built/System.map", "");
  options_.catalogue.emplace().artefacts = {{"linux-mint64", folder_ / "built"}, {"initrd", ""}};
  const Scenario scenario =
      load(with(kLeader, "bzImage", "@linux-mint64") + "initrd = \"@initrd\"\n");
  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_EQ(scenario.os[0].kernel.path, folder_ / "built" / "bzImage");
  EXPECT_EQ(scenario.os[0].kernel.system_map, folder_ / "built" / "System.map");
  EXPECT_TRUE(scenario.os[0].kernel.vmlinux.empty());
  EXPECT_TRUE(scenario.os[0].initrd->path.empty()) << "not built yet";
  EXPECT_THAT(artefacts_of(scenario), ElementsAre("initrd", "linux-mint64"));
}

TEST_F(ScenarioFile, BareMetalProgramWithModules) {
  std::string program(4096, '\0');
  const std::uint32_t header[] = {0x1BADB002, 0x10000,  0u - 0x1BADB002 - 0x10000,
                                  0x100000,   0x100000, 0x101000,
                                  0x200000,   0x100020};
  program.replace(0, sizeof header, reinterpret_cast<const char*>(header), sizeof header);
  write("p.elf", program);
  write("m", "module");
  const Scenario scenario = load(
      "[bare_metal]\nprogram = \"p.elf\"\nappend = \"a b\"\nmodules = [\"m\"]\n"
      "[machine]\ncores = 2\nmemory = \"64M\"\n");
  EXPECT_THAT(problems_, IsEmpty());
  ASSERT_TRUE(scenario.bare_metal);
  EXPECT_EQ(scenario.bare_metal->append, "a b");
  EXPECT_TRUE(scenario.bare_metal->debug_parts);
  EXPECT_EQ(scenario.end.when, EndWhen::kExit);
  load("[bare_metal]\nprogram = \"p.elf\"\n[machine]\nmemory = \"2M\"\n");
  EXPECT_THAT(problems_, IsEmpty()) << "it ends at 2M exactly";
}

// FIPS 180-4's examples, and lengths around the padding's borders.
TEST(Sha256, Examples) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Units, Sizes) {
  EXPECT_EQ(parse_size("256M"), 256ULL << 20);
  EXPECT_EQ(parse_size("0x9000"), 0x9000U);
  EXPECT_EQ(parse_size("4096"), 4096U);
  EXPECT_EQ(parse_size("99999999999G"), std::nullopt) << "does not fit 64 bits";
  EXPECT_EQ(parse_size("M"), std::nullopt);
  EXPECT_EQ(parse_size("-1M"), std::nullopt);
  EXPECT_EQ(parse_size("1MB"), std::nullopt);
  EXPECT_EQ(parse_range("1M-1M"), std::nullopt) << "empty";
  EXPECT_EQ(format_size(3ULL << 30), "3G");
  EXPECT_EQ(format_size(0x9000), "0x9000");
}

TEST(Units, PciFunctions) {
  EXPECT_EQ(parse_pci("00:1f.2"), (PciAddress{0, 31, 2}));
  EXPECT_EQ(parse_pci("4.0"), (PciAddress{0, 4, 0}));
  EXPECT_EQ(parse_pci("00:20.0"), std::nullopt) << "32 devices on a bus";
  EXPECT_EQ(parse_pci("00:04.8"), std::nullopt) << "8 functions in a device";
  EXPECT_EQ(parse_pci("00:04"), std::nullopt);
}

}  // namespace
}  // namespace mint
