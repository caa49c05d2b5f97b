// `count` of an [[os]], the ways of placing purgatory, and what goes without a UART.
#include "emu/scenario/command_line.hpp"
#include "scenario_fixture.hpp"

namespace mint {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RepeatOs : public ScenarioTest {
 protected:
  RepeatOs() { write("initrd", "x"); }
  const std::string machine_ = "[machine]\ncores = 8\n";
};

TEST_F(RepeatOs, CountsUpNameCoresAndMemory) {
  const Scenario scenario =
      load(kLeader + with(kFollower, "cores = [2]", "count = 3\ncores = [2, 1]") + machine_);
  ASSERT_THAT(problems_, IsEmpty());
  ASSERT_EQ(scenario.os.size(), 4U);
  const OsSpec& last = scenario.os[3];
  EXPECT_EQ(last.name, "f3");
  EXPECT_THAT(last.cores, ElementsAre(ApicId{6}, ApicId{5}));
  EXPECT_EQ(last.memory.start.value, 768ULL << 20);
  EXPECT_EQ(last.memory.end.value, 1024ULL << 20);
  EXPECT_THAT(scenario.end.os, ElementsAre("f1", "f2", "f3"));
}

TEST_F(RepeatOs, FollowersAfterTheFourthUartTellByTheirStateWords) {
  const Scenario scenario =
      load(kLeader + with(kFollower, "cores = [2]", "count = 5\ncores = [1]") + machine_);
  ASSERT_THAT(problems_, IsEmpty());
  EXPECT_TRUE(scenario.os[3].uart.has_value());
  EXPECT_FALSE(scenario.os[4].uart.has_value());
  EXPECT_THAT(boot_tool_arguments(scenario, scenario.os[4]),
              testing::Not(Contains(testing::StartsWith("--mint-pins"))));
  load(kLeader + with(kFollower, "cores = [2]", "count = 5\ncores = [1]") + machine_ +
       "[shared]\nranges = [\"0x1000-0x1100\"]\n");
  EXPECT_THAT(problems_, Contains(HasSubstr("its state word at 0x1110")));
  load(kLeader + with(kFollower, "cores = [2]", "count = 5\ncores = [1]") + machine_ +
       "[end]\nwhen = \"console-text\"\ntext = \"x\"\n");
  EXPECT_THAT(problems_, Contains(HasSubstr("what 'f4' says on its console")));
}

TEST_F(RepeatOs, WhatBelongsToOneOsCannotBeCountedUp) {
  load(kLeader + with(kFollower, "cores = [2]", "count = 3\nuart = 2\ncores = [2]") + machine_);
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("'uart' belongs to one OS")));
  load(kLeader + with(with(kFollower, "cores = [2]", "count = 3\ncores = [2]"), "f1", "web") +
       machine_);
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("does not end in a number")));
  load(with(kLeader, "cores", "count = 2\ncores"));
  EXPECT_THAT(problems_, Contains(HasSubstr("there is only one leader")));
  load(kLeader + with(kFollower, "cores = [2]", "count = 63\ncores = [2]") + machine_);
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("give count = 62 or less")));
}

TEST_F(RepeatOs, ProblemsOfManyAreSaidOnce) {
  load(kLeader + with(kFollower, "cores = [2]", "count = 6\ncores = [4]") + machine_);
  EXPECT_THAT(problems_, ElementsAre(testing::AllOf(HasSubstr("'f5' wants core 8"),
                                                    HasSubstr("(and so 1 more of its count)"))));
}

TEST_F(RepeatOs, SharedPurgatoryNeedsNoSlots) {
  const std::string many = kLeader + with(kFollower, "cores = [2]", "count = 5\ncores = [28]") +
                           "[machine]\ncores = 40\n";
  load(many);
  EXPECT_THAT(problems_, Contains(HasSubstr("start.purgatory = \"shared\"")));
  const Scenario shared = load(many + "[start]\npurgatory = \"shared\"\n");
  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_THAT(boot_tool_arguments(shared, shared.os[1]), Contains("--purgatory=shared"));
  load(many + "[start]\nslot_check = \"boot-tool\"\n");
  EXPECT_THAT(problems_, IsEmpty()) << "it is the boot tool that refuses";
  const Scenario unchecked = load(many + "[start]\nslot_check = \"nobody\"\n");
  EXPECT_THAT(boot_tool_arguments(unchecked, unchecked.os[1]), Contains("--mint-unchecked"));
}

TEST_F(RepeatOs, StartKeysThatContradict) {
  const std::string two = kLeader + kFollower;
  load(two + "[start]\npurgatory = \"shared\"\ncheck_digest = true\n");
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("checks no digest")));
  load(two + "[start]\npurgatory = \"locked\"\nslot_check = \"nobody\"\n");
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("there are no slots to check")));
  load(two + "[start]\nmode = \"sequential\"\nwindow = 2\n");
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("only when followers start in parallel")));
  load(kLeader + with(kFollower, "cores = [2]", "cores = [2, 3]") +
       "[start]\npurgatory = \"none\"\n");
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("no slot of its own below 1 MB")));
}

}  // namespace
}  // namespace mint
