// Every bad input gets a message with its place, the other side of a conflict, and a remedy.
#include "scenario_fixture.hpp"

namespace mint {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class BadInput : public ScenarioTest {
 protected:
  BadInput() { write("initrd", std::string(1000, 'x')); }
};

TEST_F(BadInput, GoodScenarioHasNoProblems) {
  load(kLeader + kFollower);
  EXPECT_THAT(problems_, testing::IsEmpty());
}

TEST_F(BadInput, MissingScenarioFile) {
  load_file("nowhere.toml");
  EXPECT_THAT(problems_, ElementsAre("nowhere.toml: cannot be read; remedy: name a scenario file "
                                     "that exists and is readable"));
}

TEST_F(BadInput, SyntaxErrorNamesItsPlace) {
  load("name = \"x\"\nend = [\n");
  ASSERT_THAT(problems_, SizeIs(1));
  EXPECT_THAT(problems_[0], testing::StartsWith("s.toml:2:9: not TOML: "));
}

TEST_F(BadInput, UnknownKeySuggestsTheRightOne) {
  expect_problems(with(kLeader, "memory", "memroy") + kFollower,
                  {"s.toml:6:1: unknown key 'memroy' in [os[0]], did you mean 'memory'?; remedy: "
                   "write 'memory' or remove it",
                   "s.toml:1:1: 'leader' has no memory range; remedy: add memory = \"START-END\", "
                   "such as \"256M-512M\""});
}

TEST_F(BadInput, UnknownKeyAtTheTopAndInTheMachine) {
  expect_problems("tilte = \"x\"\n" + kLeader + "[machine]\ncoers = 3\n[machine.post]\nusb = 1\n",
                  {"s.toml:1:1: unknown key 'tilte' at the top of a scenario; remedy: remove it; "
                   "docs/scenarios.md lists the keys",
                   "s.toml:9:1: unknown key 'coers' in [machine], did you mean 'cores'?; remedy: "
                   "write 'cores' or remove it",
                   "s.toml:11:1: unknown key 'usb' in [machine.post]; remedy: remove it; "
                   "docs/scenarios.md lists the keys"});
}

TEST_F(BadInput, WrongTypes) {
  expect_problems(with(kLeader, "[0]", "0") + with(kFollower, "\"256M-512M\"", "256") +
                      "[machine]\ncores = \"four\"\n",
                  {"s.toml:5:9: 'os[0].cores' is an integer; remedy: give a list of integers from "
                   "0 to 63",
                   "s.toml:13:10: 'os[1].memory' is an integer; remedy: give a string in quotes",
                   "s.toml:15:9: 'machine.cores' is a string; remedy: give an integer"});
}

TEST_F(BadInput, OutOfRangeAndNoRange) {
  expect_problems(kLeader + with(kFollower, "256M-512M", "512M-256M") + "[machine]\ncores = 65\n",
                  {"s.toml:13:10: 'os[1].memory' is \"512M-256M\", which is no memory range; "
                   "remedy: give \"START-END\" with START below END, such as \"256M-512M\"",
                   "s.toml:15:9: 'machine.cores' is 65, out of range; remedy: give 1 to 64"});
}

TEST_F(BadInput, TimingThatDoesNotFit) {
  expect_problems(
      kLeader + kFollower + "[machine]\ntiming = \"exact\"\ncaches.l2.ways = 7\n",
      {"s.toml:15:10: 'machine.timing' is \"exact\"; remedy: give one of \"count\", \"block\", "
       "\"cache\"",
       "s.toml:16:18: 'machine.caches.l2': 262144 bytes in 7 ways of 64-byte lines are no whole "
       "power "
       "of two of sets; remedy: choose size and ways so that size / (ways * 64) is a power of "
       "two"});
  expect_problems(
      kLeader + kFollower + "[machine]\ncaches.stlb.entries = 500\ncaches.memory_row_hit = 0\n",
      {"s.toml:15:23: 'machine.caches.stlb': 500 entries in 4 ways are no whole power of two of "
       "sets; remedy: choose entries and ways so that entries / ways is a power of two",
       "s.toml:16:25: 'machine.caches.memory_row_hit' is 0, out of range; remedy: give 1 to "
       "1000000"});
  expect_problems(
      kLeader + kFollower + "[machine]\ndelays.halt_wake = -1\n",
      {"s.toml:15:20: 'machine.delays.halt_wake' is -1, out of range; remedy: give 0 to "
       "1000000000000"});
}

TEST_F(BadInput, UnknownProfile) {
  load("[machine]\nprofile = \"core-i9\"\n" + kLeader);
  ASSERT_THAT(problems_, SizeIs(1));
  EXPECT_THAT(problems_[0], HasSubstr("s.toml:2:11: there is no machine profile 'core-i9'"));
}

TEST_F(BadInput, UnknownChoice) {
  expect_problems(kLeader + "[end]\nwhen = \"daemon-up\"\n",
                  {"s.toml:8:8: 'end.when' is \"daemon-up\", did you mean \"daemons-up\"?; remedy: "
                   "give one of \"daemons-up\", \"kernel-init\", \"console-text\", \"power-off\", "
                   "\"exit\""});
}

TEST_F(BadInput, IsolationThatNobodyCouldBreak) {
  expect_problems(kLeader + kFollower + "[end]\nisolated = \"yes\"\n",
                  {"s.toml:15:12: 'end.isolated' is a string; remedy: give true or "
                   "false"});
  expect_problems(
      kLeader + "[end]\nisolated = true\n",
      {"s.toml:8:12: 'end.isolated' is true, but there is one OS: nothing is another's; "
       "remedy: remove it, or add a follower"});
}

TEST_F(BadInput, MissingFiles) {
  std::filesystem::remove(folder_ / "initrd");
  expect_problems(with(kLeader, "bzImage", "vmlinuz") + kFollower,
                  {"s.toml:4:10: kernel vmlinuz does not exist; remedy: mend the path, which "
                   "counts from the scenario's folder",
                   "s.toml:11:10: initrd initrd does not exist; remedy: mend the path, which "
                   "counts from the scenario's folder"});
}

TEST_F(BadInput, UnknownGuestImage) {
  options_.catalogue.emplace().artefacts = {{"linux-mint64", ""}, {"linux-mint32", ""}};
  expect_problems(with(kLeader, "bzImage", "@linux-mind64"),
                  {"s.toml:4:10: 'os[0].kernel': there is no guest image '@linux-mind64', did you "
                   "mean '@linux-mint64'?; remedy: name one that `mintsim images list` shows"});
}

TEST_F(BadInput, OverlappingMemory) {
  expect_problems(kLeader + with(kFollower, "256M-512M", "255M-512M"),
                  {"s.toml:13:10: memory 255M-512M of 'f1' overlaps memory 0-256M of 'leader' (the "
                   "other side: s.toml:6); remedy: move 'f1' to 256M or higher, or end 'leader' at "
                   "255M"});
}

TEST_F(BadInput, MemoryBeyondRam) {
  expect_problems(kLeader + with(kFollower, "256M-512M", "1800M-3G"),
                  {"s.toml:13:10: 'f1' wants memory 1800M-3G, but RAM ends at 2G (the other side: "
                   "machines/core-i7-860.toml:8); remedy: choose a lower range or set "
                   "machine.memory higher"});
}

TEST_F(BadInput, MemoryWhereTheFirmwareHasItsTables) {
  expect_problems(kLeader + with(kFollower, "256M-512M", "1G-2G"),
                  {"s.toml:13:10: 'f1' wants memory 1G-2G, and the firmware keeps its tables in "
                   "the last 64 KB of RAM below 4G, 0x7fff0000-2G (the other side: "
                   "machines/core-i7-860.toml:8); remedy: end it before them or set "
                   "machine.memory higher"});
  load(kLeader + with(kFollower, "256M-512M", "1G-0x7fff0000"));
  EXPECT_THAT(problems_, testing::IsEmpty());
}

TEST_F(BadInput, MemoryAcrossThePciWindow) {
  const std::string machine = "[machine]\nmemory = \"6G\"\n";
  expect_problems(kLeader + with(kFollower, "256M-512M", "2900M-3200M") + machine,
                  {"s.toml:13:10: 'f1' wants memory 2900M-3200M, but RAM below the PCI window ends "
                   "at 3G and goes on from 4G to 7G (the other side: s.toml:15); remedy: choose a "
                   "range within one of the two"});
  load(kLeader + with(kFollower, "256M-512M", "5G-7G") + machine);
  EXPECT_THAT(problems_, testing::IsEmpty());
}

TEST_F(BadInput, MemoryAbove4GWithoutASlotOrAWideLeader) {
  const std::string machine = "[machine]\nmemory = \"6G\"\n";
  const std::string follower = with(kFollower, "256M-512M", "4G-5G");
  expect_problems(kLeader + follower + machine + "[start]\npurgatory = \"shared\"\n",
                  {"s.toml:13:10: 'f1' wants memory above 4G, for which its core needs a purgatory "
                   "slot of its own (the other side: s.toml:17); remedy: choose a range below 3G, "
                   "or start.purgatory = \"slot\""});
  write("narrow", FakeKernel{.wide = false}.bytes());
  expect_problems(with(kLeader, "bzImage", "narrow") + follower + machine,
                  {"s.toml:13:10: memory 4G-5G of 'f1' is out of reach for the leader's 32-bit "
                   "kernel narrow, which has to fill it (the other side: s.toml:4); remedy: choose "
                   "a range below 4G, or a 64-bit leader"});
}

TEST_F(BadInput, OverlappingCores) {
  expect_problems(with(kLeader, "[0]", "[0, 2]") + kFollower,
                  {"s.toml:12:9: core 2 belongs to both 'leader' and 'f1' (the other side: "
                   "s.toml:5); remedy: give each OS its own cores",
                   "s.toml:5:9: the leader's cores are 0, 2, but Linux takes the first 2 of the MP "
                   "table; remedy: give cores = [0, 1]"});
}

TEST_F(BadInput, MoreCoresThanTheMachineHas) {
  expect_problems(kLeader + with(kFollower, "[2]", "[2, 7]"),
                  {"s.toml:12:9: 'f1' wants core 7, but the machine has cores 0-3 (the other side: "
                   "machines/core-i7-860.toml:7); remedy: set machine.cores = 8 or more (at most "
                   "64)"});
}

TEST_F(BadInput, PurgatorySlotInTheLegacyHole) {
  expect_problems("machine = {cores = 32}\n" + kLeader + with(kFollower, "[2]", "[17]"),
                  {"s.toml:13:9: follower 'f1' boots on core 17, whose purgatory slot 0x9000 * 17 "
                   "= 0x99000-0xa2000 runs into A0000h-FFFFFh, which is video memory and ROM with "
                   "hole = \"pc\" (the other side: machines/core-i7-860.toml:9); remedy: list one "
                   "of cores 1-16 first, or set machine.hole = \"ram\" (cores up to 27)"});
}

TEST_F(BadInput, PurgatorySlotBeyondOneMegabyte) {
  expect_problems(
      "machine = {cores = 32, hole = \"ram\"}\n" + kLeader + with(kFollower, "[2]", "[28]"),
      {"s.toml:13:9: follower 'f1' boots on core 28, whose purgatory slot 0x9000 * 28 "
       "= 0xfc000-0x105000 does not lie below 1 MB, where a started core must begin "
       "(the other side: s.toml:1); remedy: list one of cores 1-27 first, or set "
       "start.purgatory = \"shared\""});
}

TEST_F(BadInput, SlotsInTheHoleAreFineWhenItIsRam) {
  load("machine = {cores = 32, hole = \"ram\"}\n" + kLeader + with(kFollower, "[2]", "[27]"));
  EXPECT_THAT(problems_, testing::IsEmpty());
}

TEST_F(BadInput, TwoFollowersInOnePurgatorySlot) {
  const std::string second = with(with(kFollower, "f1", "f2"), "256M-512M", "512M-768M");
  expect_problems(
      kLeader + kFollower + second,
      {"s.toml:19:9: core 2 belongs to both 'f1' and 'f2', and so does its purgatory slot "
       "0x12000-0x1b000 (the other side: s.toml:12); remedy: give each OS its own cores"});
}

TEST_F(BadInput, SharedMemoryInAPurgatorySlot) {
  expect_problems(
      kLeader + kFollower + "[shared]\nranges = [\"0x1000-0x13000\"]\n",
      {"s.toml:15:10: shared memory 0x1000-0x13000 lies in the purgatory slot of 'f1' (the "
       "other side: s.toml:12); remedy: choose memory that no OS owns"});
}

TEST_F(BadInput, SameDiskFile) {
  write("disk.img", "x");
  expect_problems(kLeader + "disk = \"disk.img\"\n" + kFollower + "disk = \"./disk.img\"\n",
                  {"s.toml:15:8: 'leader' and 'f1' have the same disk ./disk.img (the other side: "
                   "s.toml:7); remedy: copy the image; only @NAME images give each OS a disk of "
                   "its own"});
}

TEST_F(BadInput, SameUart) {
  expect_problems(
      kLeader + "uart = 2\n" + kFollower + "uart = 2\n",
      {"s.toml:15:8: COM2 belongs to both 'leader' and 'f1' (the other side: s.toml:7); "
       "remedy: give each OS its own UART, 1-4"});
}

TEST_F(BadInput, UartsThatShareAnInterrupt) {
  expect_problems(kLeader + kFollower + "uart = 3\n[machine.serial]\nirqs = [4, 3, 4, 3]\n",
                  {"s.toml:14:8: I/O APIC pin 4 belongs to both 'leader' and 'f1' (COM3 interrupts "
                   "on it) (the other side: s.toml:1); remedy: give its UART another IRQ in "
                   "machine.serial.irqs, or choose "
                   "another UART"});
}

TEST_F(BadInput, SamePciFunctionAndPin) {
  expect_problems(kLeader + "pci = [\"00:04.0\"]\npins = [2, 4]\n" + kFollower +
                      "pci = [\"04.0\"]\npins = [3, 4]\n",
                  {"s.toml:16:7: PCI function 00:04.0 belongs to both 'leader' and 'f1' (the other "
                   "side: s.toml:7); remedy: give each OS its own functions, or leave 'pci' out",
                   "s.toml:17:8: I/O APIC pin 4 belongs to both 'leader' and 'f1' (the other side: "
                   "s.toml:8); remedy: give each OS its own pins"});
}

TEST_F(BadInput, KernelThatIsNoBzImage) {
  write("bzImage",
        "\x7f"
        "ELF" +
            std::string(5000, '\0'));
  load(kLeader);
  EXPECT_THAT(problems_, ElementsAre("s.toml:4:10: kernel bzImage of 'leader' is no bzImage: it is "
                                     "an ELF file, perhaps the vmlinux beside the bzImage; remedy: "
                                     "name arch/x86/boot/bzImage of a kernel build, or a guest "
                                     "image such as \"@linux-mint64\""));
  write("bzImage", "short");
  load(kLeader);
  ASSERT_THAT(problems_, SizeIs(1));
  EXPECT_THAT(problems_[0], HasSubstr("it has no Linux setup header"));
}

TEST_F(BadInput, KernelInitOfAKernelWithoutSymbols) {
  const std::string text = kLeader + "[end]\nwhen = \"kernel-init\"\n";
  expect_problems(text, {"s.toml:4:10: the run ends with kernel_init of 'leader', and there is no "
                         "System.map beside bzImage (the other side: s.toml:8); remedy: put the "
                         "System.map of the kernel's build beside it"});
  write("System.map", "");
  const Scenario scenario = load(text);
  EXPECT_THAT(problems_, testing::IsEmpty());
  EXPECT_EQ(scenario.os[0].kernel.system_map, folder_ / "System.map");
}

TEST_F(BadInput, KernelThatIsNotRelocatable) {
  write("fixed", FakeKernel{.relocatable = false}.bytes());
  expect_problems(
      kLeader + with(kFollower, "bzImage", "fixed"),
      {"s.toml:10:10: kernel fixed of follower 'f1' is not relocatable: it runs only at "
       "16M; remedy: configure it with CONFIG_RELOCATABLE=y"});
}

TEST_F(BadInput, KernelThatDoesNotFitItsRange) {
  write("large", FakeKernel{.init_size = 30U << 20}.bytes());
  expect_problems(kLeader + with(with(kFollower, "bzImage", "large"), "256M-512M", "256M-280M"),
                  {"s.toml:13:10: kernel large needs 30.0 MB to unpack (init_size) and does not "
                   "fit memory 256M-280M of 'f1' (the other side: s.toml:10); remedy: give 'f1' at "
                   "least 31M"});
}

TEST_F(BadInput, InitrdThatDoesNotFitItsRange) {
  write("initrd", std::string(10U << 20, 'x'));
  expect_problems(kLeader + with(kFollower, "256M-512M", "256M-280M"),
                  {"s.toml:11:10: initrd initrd (10.0 MB) does not fit memory 256M-280M of 'f1' "
                   "beside its kernel (16.1 MB) (the other side: s.toml:13); remedy: give 'f1' at "
                   "least 27M, or a smaller initrd"});
}

TEST_F(BadInput, ThirtyTwoBitFollowerAbove896Megabytes) {
  write("narrow", FakeKernel{.wide = false}.bytes());
  expect_problems(kLeader + with(with(kFollower, "bzImage", "narrow"), "256M-512M", "800M-1G"),
                  {"s.toml:13:10: memory 800M-1G of 'f1' goes beyond 896M, and narrow is a 32-bit "
                   "kernel, which maps no more directly (the other side: s.toml:10); remedy: "
                   "choose a range below 896M, or a 64-bit kernel"});
}

TEST_F(BadInput, CommandLineThatTheKernelCannotTake) {
  write("bzImage", FakeKernel{.cmdline_size = 255}.bytes());
  load(kLeader + "cmdline = \"" + std::string(250, 'x') + "\"\n");
  ASSERT_THAT(problems_, SizeIs(1));
  EXPECT_THAT(problems_[0],
              HasSubstr("s.toml:7:11: the command line of 'leader' has 290 characters "
                        "with what the scenario adds, and its kernel takes 255"));
}

TEST_F(BadInput, TwoLeadersAndNone) {
  expect_problems(kLeader + with(with(kFollower, "follower", "leader"), "[2]", "[0]"),
                  {"s.toml:9:8: 'leader' and 'f1' are both leaders (the other side: s.toml:3); "
                   "remedy: make all but one role = \"follower\"",
                   "s.toml:12:9: core 0 belongs to both 'leader' and 'f1' (the other side: "
                   "s.toml:5); remedy: give each OS its own cores",
                   "s.toml:13:10: the leader's memory begins at 256M; remedy: begin at 0: "
                   "\"0-512M\"; firmware and boot loader load it low, and mem= only sets the end"});
  expect_problems(kFollower, {"s.toml:3:8: there is no leader: nobody boots from the firmware; "
                              "remedy: give one OS role = \"leader\", such as 'f1'"});
}

TEST_F(BadInput, NothingToRun) {
  expect_problems("name = \"empty\"\n",
                  {"s.toml: the scenario has nothing to run; remedy: add an [[os]] with role = "
                   "\"leader\", or [bare_metal]"});
}

TEST_F(BadInput, SharedMemoryInsideSomebodysRam) {
  expect_problems(kLeader + kFollower +
                      "[shared]\nranges = [\"0x1000-0x2000\", \"300M-301M\"]\nlock = 0x3000\n",
                  {"s.toml:15:10: shared memory 300M-301M lies in memory 256M-512M of 'f1' (the "
                   "other side: s.toml:13); remedy: choose memory that no OS owns",
                   "s.toml:16:8: the lock's word at 0x3000 is in no shared range (the other side: "
                   "s.toml:15); remedy: add its page to shared.ranges"});
}

TEST_F(BadInput, ScopeOfNoLock) {
  expect_problems(kLeader + kFollower + "[shared]\nlock = false\nlock_scope = \"pair\"\n",
                  {"s.toml:16:14: 'shared.lock_scope' is given, and the kernels take no lock (the "
                   "other side: s.toml:15); remedy: remove it, or set shared.lock = \"0x1000\""});
}

TEST_F(BadInput, EndNamesAnUnknownOs) {
  expect_problems(kLeader + kFollower + "[end]\nos = [\"f2\"]\n",
                  {"s.toml:15:6: 'end.os' names 'f2', which is no OS of this scenario, did you "
                   "mean 'f1'?; remedy: name OSes that have an [[os]] table"});
}

TEST_F(BadInput, TypingThatReachesNobody) {
  expect_problems(
      kLeader + "[[type]]\nos = \"f1\"\ntext = \"ping\"\n[[type]]\nafter = \"login:\"\n",
      {"s.toml:8:6: 'type[0].os' names 'f1', which is no OS of this scenario; remedy: "
       "name OSes that have an [[os]] table",
       "s.toml:10:1: a [[type]] without 'os'; remedy: add os = \"...\"",
       "s.toml:10:1: a [[type]] without 'text'; remedy: add text = \"...\""});
}

TEST_F(BadInput, StartModeThatDoesNotFit) {
  expect_problems(kLeader + "[start]\nmode = \"parallel\"\n",
                  {"s.toml:8:8: there is no follower to start; remedy: add an [[os]] with role = "
                   "\"follower\", or set start.mode = \"none\""});
  expect_problems(kLeader + kFollower + "[start]\nmode = \"kexec-reboot\"\n",
                  {"s.toml:15:8: the leader ends in a Kexec reboot, and the followers would never "
                   "be started (the other side: s.toml:7); remedy: remove the followers, or choose "
                   "\"parallel\" or \"sequential\""});
  expect_problems(kLeader + "[start]\nloader_initrd = \"initrd\"\n",
                  {"s.toml:8:17: 'start.loader_initrd' has a meaning only for kboot (the "
                   "other side: s.toml:7); remedy: remove it, or set start.mode = \"kboot\""});
}

TEST_F(BadInput, FilesOfTheStartThatAreMissing) {
  expect_problems(
      kLeader + "[start]\nmode = \"kboot\"\nboot_tool = \"none\"\nloader_initrd = \"no\"\n",
      {"s.toml:9:13: boot tool none does not exist; remedy: mend the path, which counts from the "
       "scenario's folder",
       "s.toml:10:17: initrd no does not exist; remedy: mend the path, which counts from the "
       "scenario's folder"});
}

TEST_F(BadInput, NameThatIsNoHostName) {
  expect_problems(with(kLeader, "\"leader\"", "\"../x\""),
                  {"s.toml:2:8: the OS name \"../x\" cannot be a host name; remedy: use up to 32 "
                   "letters, digits, '-' and '_'"});
}

TEST_F(BadInput, BareMetalProgram) {
  expect_problems("[bare_metal]\nprogram = \"bzImage\"\n",
                  {"s.toml:2:11: bzImage is no multiboot program: it has no multiboot header "
                   "(1BADB002h) in its first 8 KB; remedy: link it as a 32-bit ELF with a "
                   "multiboot header in its first 8 KB"});
  expect_problems(
      "[bare_metal]\nmodules = [\"none\"]\n",
      {"s.toml:1:1: [bare_metal] has neither 'program' nor 'rom'; remedy: give either "
       "program = \"x.elf\" (multiboot) or rom = \"x.bin\" (starts at the reset vector)",
       "s.toml:2:11: module none does not exist; remedy: mend the path, which counts "
       "from the scenario's folder"});
}

}  // namespace
}  // namespace mint
