// NICs and networks: what is read, what follows, and what cannot work is named before the run.
#include "emu/scenario/command_line.hpp"
#include "emu/scenario/units.hpp"
#include "scenario_fixture.hpp"

namespace mint {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class NicScenario : public ScenarioTest {
 protected:
  NicScenario() { write("initrd", std::string(1000, 'x')); }

  // Lines 1 to 15: 7 and 15 are the NICs.
  static std::string two(const std::string& leader, const std::string& follower) {
    return kLeader + "nic = " + leader + "\n" + kFollower + "nic = " + follower + "\n";
  }
};

TEST_F(NicScenario, WhatIsLeftOutFollows) {
  const Scenario scenario = load(two("true", "true"));
  ASSERT_THAT(problems_, IsEmpty());
  ASSERT_EQ(scenario.networks.size(), 1U);
  EXPECT_EQ(scenario.networks[0].name, "lan");
  EXPECT_FALSE(scenario.networks[0].pcap);
  const OsSpec& leader = scenario.os[0];
  const OsSpec& follower = scenario.os[1];
  EXPECT_EQ(to_string(leader.nic->mac), "02:4d:49:4e:54:00");
  EXPECT_EQ(to_string(follower.nic->mac), "02:4d:49:4e:54:01");
  EXPECT_EQ(follower.nic->network, "lan");
  // The leader's disk is 00:04.0. A NIC's INTA# is a pin of its OS.
  EXPECT_THAT(leader.pci, ElementsAre(PciAddress{0, 4, 0}, PciAddress{0, 8, 0}));
  EXPECT_THAT(follower.pci, ElementsAre(PciAddress{0, 9, 0}));
  EXPECT_THAT(leader.pins, Contains(16U));
  EXPECT_THAT(follower.pins, ElementsAre(3U, 17U));
  EXPECT_THAT(follower_command_line(scenario, follower), HasSubstr("mint.pci=00:09.0"));
  EXPECT_THAT(boot_tool_arguments(scenario, follower), Contains("--mint-pins=3,17=pci00:09"));
}

TEST_F(NicScenario, IsRead) {
  const Scenario scenario =
      load(two("{mac = \"02:00:00:00:00:0A\", network = \"b\"}", "{network = \"a\"}") +
           "[[network]]\nname = \"a\"\npcap = true\n[[network]]\nname = \"b\"\n");
  ASSERT_THAT(problems_, IsEmpty());
  EXPECT_EQ(to_string(scenario.os[0].nic->mac), "02:00:00:00:00:0a");
  EXPECT_EQ(scenario.os[0].nic->network, "b");
  EXPECT_TRUE(scenario.networks[0].pcap);
  EXPECT_FALSE(scenario.networks[1].pcap);
}

TEST_F(NicScenario, NoneWhenNotAskedFor) {
  const Scenario scenario = load(two("false", "false"));
  ASSERT_THAT(problems_, IsEmpty());
  EXPECT_TRUE(scenario.networks.empty());
  EXPECT_FALSE(scenario.os[0].nic);
  EXPECT_THAT(scenario.os[1].pci, IsEmpty());
}

TEST_F(NicScenario, AddressesAreChecked) {
  expect_problems(two("{mac = \"02:00\"}", "true"),
                  {"s.toml:7:14: 'os[0].nic.mac' is \"02:00\"; remedy: give six bytes in "
                   "hexadecimal, such as \"02:4d:49:4e:54:01\""});
  expect_problems(two("{mac = \"03:00:00:00:00:01\"}", "true"),
                  {"s.toml:7:14: 03:00:00:00:00:01 is a group address, which no NIC can have; "
                   "remedy: choose one whose first byte is even, such as 02:4d:49:4e:54:01"});
  expect_problems(
      two("{mac = \"00:00:00:00:00:00\"}", "true"),
      {"s.toml:7:14: the address of a NIC cannot be all zeroes; remedy: choose another, "
       "such as 02:4d:49:4e:54:01"});
  expect_problems(
      two("{mac = \"02:00:00:00:00:01\"}", "{mac = \"02:00:00:00:00:01\"}"),
      {"s.toml:15:14: the NICs of 'leader' and 'f1' have the same address 02:00:00:00:00:01 (the "
       "other side: s.toml:7); remedy: give each its own, or leave 'mac' out"});
  // Also when one of them has followed from its place.
  expect_problems(
      two("{mac = \"02:4d:49:4e:54:01\"}", "true"),
      {"s.toml:7:14: the NICs of 'leader' and 'f1' have the same address 02:4d:49:4e:54:01 (the "
       "other side: s.toml:15); remedy: give each its own, or leave 'mac' out"});
}

TEST_F(NicScenario, NetworksAreChecked) {
  expect_problems(
      two("{network = \"lam\"}", "true") + "[[network]]\nname = \"lan\"\n",
      {"s.toml:7:18: the NIC of 'leader' is on network 'lam', and there is none of that "
       "name, did you mean 'lan'?; remedy: add [[network]] with name = \"lam\", or name "
       "another"});
  expect_problems(
      two("true", "true") + "[[network]]\nname = \"a\"\n[[network]]\nname = \"b\"\n",
      {"s.toml:18:1: no OS has a NIC on network 'b'; remedy: give OSes nic = {network = \"b\"}, or "
       "remove the network"});
  expect_problems(two("true", "true") + "[[network]]\nname = \"a\"\n[[network]]\nname = \"a\"\n",
                  {"s.toml:19:8: two networks are called 'a' (the other side: s.toml:17); remedy: "
                   "give each its own name"});
  expect_problems(two("true", "true") + "[[network]]\nname = \"../a\"\n",
                  {"s.toml:17:8: the network's name \"../a\" cannot name a file; remedy: use up to "
                   "32 letters, digits, '-' and '_'"});
  expect_problems(two("true", "true") + "[[network]]\npcap = true\n",
                  {"s.toml:16:1: a [[network]] without a 'name'; remedy: add name = \"lan\""});
}

TEST_F(NicScenario, ANicNeedsItsPin) {
  expect_problems(two("true", "true") + "pins = [3]\n",
                  {"s.toml:16:8: the NIC of 'f1', 00:09.0, interrupts on I/O APIC pin 17, which is "
                   "not among its 'pins' (the other side: s.toml:15); remedy: add 17 to 'pins', or "
                   "leave 'pins' out"});
  // Pins that another OS claims are left alone.
  const Scenario scenario = load(kLeader + "nic = true\n" + kFollower + "pins = [3, 16, 17]\n");
  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_EQ(scenario.os[0].nic->function, (PciAddress{0, 10, 0}));
}

TEST_F(NicScenario, ThereAreEightWires) {
  const std::string many =
      with(with(kFollower, "[2]", "[1]"), "256M-512M", "256M-320M") + "nic = true\ncount = ";
  load("machine.cores = 16\n" + kLeader + many + "8\n");
  EXPECT_THAT(problems_, IsEmpty());
  expect_problems(
      "machine.cores = 16\n" + kLeader + many + "9\n",
      {"s.toml:15:7: there is no PCI slot left for the NIC of 'f9': each of the 9 needs an "
       "interrupt "
       "wire of its own, and the board has 8, some of which may be among other OSes' 'pins'; "
       "remedy: give at most 8 OSes a NIC, and free pins 16-23"});
  expect_problems(
      "machine.cores = 16\n" + kLeader + with(many, "true", "{mac = \"02:00:00:00:00:01\"}") +
          "2\n",
      {"s.toml:15:7: 02:00:00:00:00:01 is the address of one NIC, and 'count' makes several OSes; "
       "remedy: leave 'mac' out: each gets one of its own"});
}

}  // namespace
}  // namespace mint
