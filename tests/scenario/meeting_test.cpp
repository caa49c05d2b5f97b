// [[meet]]: what is read, and what cannot work is named before the run.
#include "scenario_fixture.hpp"

namespace mint {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class MeetingTest : public ScenarioTest {
 protected:
  MeetingTest() { write("initrd", std::string(1000, 'x')); }

  static std::string third() {
    return with(with(with(kFollower, "f1", "f2"), "[2]", "[3]"), "256M-512M", "512M-768M");
  }
  // Lines 1 to 20; the next is 21.
  std::string all_ = kLeader + kFollower + third();
};

TEST_F(MeetingTest, IsRead) {
  write("System.map", "ffffffff81000000 T _text\nffffffff81001000 t do_initcalls\n");
  const Scenario scenario =
      load(all_ +
           "[[meet]]\nos = [\"f1\", \"f2\"]\nstage = \"kernel\"\nwithin_s = 2.5\n"
           "[[meet]]\nos = [\"f2\", \"leader\"]\nsymbol = \"do_initcalls\"\n"
           "[[meet]]\nos = [\"f1\", \"f2\"]\naddress = \"0x1000200\"\n");
  ASSERT_THAT(problems_, IsEmpty());
  ASSERT_EQ(scenario.meetings.size(), 3U);
  EXPECT_THAT(scenario.meetings[0].os, ElementsAre("f1", "f2"));
  EXPECT_EQ(scenario.meetings[0].within_s, 2.5);
  EXPECT_EQ(place_of(scenario.meetings[0]), "stage kernel");
  EXPECT_EQ(place_of(scenario.meetings[1]), "symbol do_initcalls");
  EXPECT_EQ(place_of(scenario.meetings[2]), "address 0x1000200");
}

TEST_F(MeetingTest, WhoMeets) {
  expect_problems(all_ + "[[meet]]\nos = [\"f1\"]\nstage = \"kernel\"\n",
                  {"s.toml:22:6: 'meet[0].os' names 'f1' only, who has nobody to wait for; remedy: "
                   "name two OSes or more"});
  expect_problems(all_ + "[[meet]]\nos = []\nstage = \"kernel\"\n",
                  {"s.toml:22:6: 'meet[0].os' names nobody; remedy: name two OSes or more"});
  expect_problems(all_ + "[[meet]]\nstage = \"kernel\"\n",
                  {"s.toml:21:1: a [[meet]] without 'os'; remedy: add os = [\"f1\", \"f2\"]"});
  expect_problems(all_ + "[[meet]]\nos = [\"f1\", \"f3\"]\nstage = \"kernel\"\n",
                  {"s.toml:22:6: 'meet[0].os' names 'f3', which is no OS of this scenario, did you "
                   "mean 'f1'?; remedy: name OSes that have an [[os]] table"});
  expect_problems(all_ + "[[meet]]\nos = [\"f1\", \"f1\"]\nstage = \"kernel\"\n",
                  {"s.toml:22:6: 'meet[0].os' names 'f1' more than once; remedy: name it once"});
}

TEST_F(MeetingTest, Where) {
  const std::string who = "[[meet]]\nos = [\"f1\", \"f2\"]\n";
  expect_problems(
      all_ + who,
      {"s.toml:21:1: a [[meet]] without a place; remedy: add stage = \"kernel\", symbol "
       "= \"...\" or address = 0x..."});
  expect_problems(
      all_ + who + "address = 4096\nsymbol = \"start_kernel\"\n",
      {"s.toml:21:1: a [[meet]] with more than one place; remedy: leave one of 'stage', "
       "'symbol' and 'address'",
       "s.toml:24:10: 'f1' has no symbols: there is no System.map beside bzImage (the "
       "other side: s.toml:10); remedy: put the System.map of the kernel's build "
       "beside it, or give 'address' or 'stage'",
       "s.toml:24:10: 'f2' has no symbols: there is no System.map beside bzImage (the "
       "other side: s.toml:17); remedy: put the System.map of the kernel's build "
       "beside it, or give 'address' or 'stage'"});
  expect_problems(all_ + who + "stage = \"kernal\"\n",
                  {"s.toml:23:9: 'meet[0].stage' is \"kernal\", did you mean \"kernel\"?; remedy: "
                   "give one of \"purgatory\", \"kernel\", \"user\""});
  expect_problems(all_ + who + "address = 4096\n" + who + "address = \"4K\"\n",
                  {"s.toml:24:1: 'f1' meets twice at address 0x1000 (the other side: s.toml:21); "
                   "remedy: remove one of the two meetings, or name all its OSes in one"});
}

TEST_F(MeetingTest, SymbolThatTheKernelDoesNotHave) {
  write("System.map", "ffffffff81000000 T start_kernel\nffffffff82000000 D jiffies\n");
  const std::string who = "[[meet]]\nos = [\"f1\", \"f2\"]\n";
  expect_problems(
      all_ + who + "symbol = \"start_kernal\"\n",
      {"s.toml:23:10: kernel bzImage of 'f1' has no function 'start_kernal', did you mean "
       "'start_kernel'? (the other side: s.toml:10); remedy: name a function that its System.map "
       "lists with type T or t",
       "s.toml:23:10: kernel bzImage of 'f2' has no function 'start_kernal', did you mean "
       "'start_kernel'? (the other side: s.toml:17); remedy: name a function that its System.map "
       "lists with type T or t"});
  load(all_ + who + "symbol = \"jiffies\"\n");
  EXPECT_EQ(problems_.size(), 2U) << "data is never executed";
}

TEST_F(MeetingTest, ThatCannotHappen) {
  const std::string meet = "[[meet]]\nos = [\"f1\", \"f2\"]\nstage = \"kernel\"\n";
  expect_problems(
      all_ + "[start]\nmode = \"sequential\"\n" + meet,
      {"s.toml:25:9: followers that start one after the other cannot meet at a stage of "
       "their boots (the other side: s.toml:22); remedy: set start.mode = "
       "\"parallel\""});
  expect_problems(all_ + "[start]\nwindow = 1\n" + meet,
                  {"s.toml:25:9: 2 followers cannot meet at a stage of their boots with 1 on their "
                   "way at a time (the other side: s.toml:22); remedy: set start.window = 2 or "
                   "remove it"});
  expect_problems(
      all_ + with(meet, "f1", "leader"),
      {"s.toml:23:9: leader 'leader' cannot wait at a stage: it has passed all of them "
       "when the first follower starts (the other side: s.toml:3); remedy: meet it at a "
       "'symbol' or an 'address'"});
}

}  // namespace
}  // namespace mint
