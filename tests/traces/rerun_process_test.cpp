// A run in processes of its own: what it sees comes back, snapshots go on from the middle, and
// nothing is lost or left over where one of the processes ends.
#include "traces/rerun_process.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "emu/scenario/problem.hpp"
#include "tests/traces/store_fixture.hpp"

namespace mint {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kPort = 0x71;

// A run of cores that read a port after every ten instructions: the n-th time the value n. After
// every hundred there is a mark.
class RerunProcessTest : public StoreTest {
 protected:
  RerunProcessTest() {
    record(1);
    RunStore store(store_, Database::Mode::kRead);
    checkpoints_.emplace(store, 1);
  }

  static void tell(TraceSink& sink, TraceKind kind, std::uint8_t core, std::uint64_t retired,
                   std::vector<std::uint64_t> arguments) {
    TraceEvent event;
    event.kind = kind;
    event.core = core;
    event.retired = retired;
    event.at = {retired * 2};
    event.arguments = arguments;
    sink.event(event);
  }

  void play(WindowSink& sink) const {
    mark_file("runs");
    for (std::uint64_t n = 1; n <= 100 && !sink.wants_end(); ++n) {
      for (std::uint8_t core = 0; core < 10; ++core) {
        if (n % 10 == 1) tell(sink, TraceKind::kMark, core, (n - 1) * 10, {});
        if (n == 55 && std::filesystem::exists(folder_ / "crash")) raise(SIGKILL);
        tell(sink, TraceKind::kClock, core, n * 10, {n});
        tell(sink, TraceKind::kAccess, core, n * 10, {0, 0, 1, kPort, n});
      }
    }
  }
  RerunProcess::Body body() const {
    return [this](WindowSink& sink, RerunProcess::Memory& memory) {
      memory[1] = {{0x1000}, {0x2000}};
      play(sink);
    };
  }

  // A window of a core in the first epoch that opens at its last mark before `from`.
  static Window window(std::uint8_t core, std::uint64_t from, std::uint64_t to) {
    Window w;
    w.core = core;
    w.from = from;
    w.to = to;
    w.mark = from / 100 * 100;
    return w;
  }

  void mark_file(const std::string& name) const {
    std::ofstream(folder_ / name, std::ios::app) << 'x';
  }
  std::uintmax_t marks(const std::string& name) const {
    return std::filesystem::exists(folder_ / name) ? std::filesystem::file_size(folder_ / name) : 0;
  }
  static std::vector<std::uint64_t> values(const WindowRecord& record) {
    std::vector<std::uint64_t> values;
    for (const Item& item : record.items)
      if (item.what == Item::What::kRead) values.push_back(item.value);
    return values;
  }

  std::optional<Checkpoints> checkpoints_;
};

TEST_F(RerunProcessTest, WhatEachCoreDoesInItsWindowComesBack) {
  RerunProcess process("run 1", {window(0, 200, 240), window(1, 300, 320)}, *checkpoints_, body());
  EXPECT_EQ(values(process.record(0)), (std::vector<std::uint64_t>{20, 21, 22, 23, 24}));
  EXPECT_EQ(values(process.record(1)), (std::vector<std::uint64_t>{30, 31, 32}));
  EXPECT_EQ(process.record(0).clocks.size(), 19U) << "counts of time before it";
  EXPECT_FALSE(process.mismatch());
  EXPECT_EQ(process.own_memory(1)->start.value, 0x1000U);
  EXPECT_FALSE(process.own_memory(0));
}

TEST_F(RerunProcessTest, ASnapshotIsGoneOnWithAsOftenAsAsked) {
  RerunProcess process("run 1", {window(0, 200, 900), window(1, 300, 900)}, *checkpoints_, body());
  process.record(0);
  for (const std::uint64_t from : {400U, 230U}) {
    process.explore(window(0, from, from + 20));
    const std::uint64_t n = from / 10;
    EXPECT_EQ(values(process.record(0)), (std::vector<std::uint64_t>{n, n + 1, n + 2}));
    EXPECT_EQ(process.record(0).clocks.size(), n - 1);
  }
  process.explore(window(1, 500, 510));
  EXPECT_EQ(values(process.record(1)), (std::vector<std::uint64_t>{50, 51}));
  EXPECT_EQ(marks("runs"), 1U) << "never from the beginning again";
}

TEST_F(RerunProcessTest, AWindowWithoutSnapshotIsRunFromTheBeginning) {
  std::vector<Window> windows;
  for (std::uint8_t core = 0; core < 10; ++core) windows.push_back(window(core, 200, 300));
  static_assert(RerunProcess::kSnapshots < 10);
  RerunProcess process("run 1", windows, *checkpoints_, body());
  process.explore(window(9, 250, 260));
  EXPECT_EQ(values(process.record(9)), (std::vector<std::uint64_t>{25, 26}));
  process.explore(window(9, 260, 260));
  EXPECT_EQ(values(process.record(9)), (std::vector<std::uint64_t>{26}));
  EXPECT_EQ(marks("runs"), 2U);
}

TEST_F(RerunProcessTest, ExceptionsComeBackAsTheyAre) {
  RerunProcess store("run 1", {window(0, 0, 10)}, *checkpoints_,
                     [](WindowSink&, RerunProcess::Memory&) { throw StoreError("gone; remedy"); });
  EXPECT_EQ(error_of([&] { store.record(0); }), "gone; remedy");
  RerunProcess input("run 1", {window(0, 0, 10)}, *checkpoints_,
                     [](WindowSink&, RerunProcess::Memory&) { throw BadInput("bad"); });
  EXPECT_THROW(input.record(0), BadInput);
}

TEST_F(RerunProcessTest, ACrashIsToldAndTheOtherSnapshotsGoOn) {
  RerunProcess crashes("run 7", {window(0, 0, 10)}, *checkpoints_,
                       [](WindowSink&, RerunProcess::Memory&) { raise(SIGKILL); });
  const std::string said = error_of([&] { crashes.record(0); });
  EXPECT_THAT(said, HasSubstr("run 7 cannot be run again"));
  EXPECT_THAT(said, HasSubstr("signal 9"));

  RerunProcess process("run 1", {window(0, 200, 900)}, *checkpoints_, body());
  process.record(0);
  mark_file("crash");
  process.explore(window(0, 500, 600));
  EXPECT_THAT(error_of([&] { process.record(0); }), HasSubstr("signal 9"));
  std::filesystem::remove(folder_ / "crash");
  process.explore(window(0, 500, 510));
  EXPECT_EQ(values(process.record(0)), (std::vector<std::uint64_t>{50, 51}));
}

// Every process that has forked from one which holds the lock holds it.
class HeldLock {
 public:
  explicit HeldLock(const std::filesystem::path& file)
      : file_(open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {}
  ~HeldLock() { close(file_); }
  bool take() { return flock(file_, LOCK_EX | LOCK_NB) == 0; }
  void wait() { ASSERT_EQ(flock(file_, LOCK_EX), 0); }
  void release() { flock(file_, LOCK_UN); }

 private:
  int file_;
};

// The test's own folder has one.
std::string child_processes() {
  std::ifstream file("/proc/thread-self/children");
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(RerunProcessTest, NothingIsLeftBehind) {
  const std::string before = child_processes();
  {
    RerunProcess process("run 1", {window(0, 200, 900)}, *checkpoints_,
                         [this](WindowSink& sink, RerunProcess::Memory&) {
                           HeldLock* lock = new HeldLock(folder_ / "lock");
                           lock->take();
                           play(sink);
                         });
    process.record(0);
    HeldLock lock(folder_ / "lock");
    EXPECT_FALSE(lock.take()) << "the snapshot is there";
    EXPECT_NE(child_processes(), before);
  }
  HeldLock lock(folder_ / "lock");
  EXPECT_TRUE(lock.take());
  EXPECT_EQ(child_processes(), before);
}

TEST_F(RerunProcessTest, ARunThatNobodyAwaitsIsEnded) {
  RerunProcess process("run 1", {window(0, 200, 900)}, *checkpoints_,
                       [](WindowSink&, RerunProcess::Memory&) {
                         for (;;) pause();
                       });
  SUCCEED() << "the destructor does not wait for it";
}

TEST_F(RerunProcessTest, AllEndsWithTheProgram) {
  const pid_t program = fork();
  if (program == 0) {
    RerunProcess process("run 1", {window(0, 200, 900)}, *checkpoints_,
                         [this](WindowSink& sink, RerunProcess::Memory&) {
                           HeldLock lock(folder_ / "lock");
                           lock.take();
                           tell(sink, TraceKind::kMark, 0, 200, {});  // a snapshot
                           mark_file("there");
                           for (;;) pause();
                         });
    process.record(0);
    _exit(0);
  }
  while (marks("there") == 0) usleep(1000);
  kill(program, SIGKILL);
  waitpid(program, nullptr, 0);
  HeldLock lock(folder_ / "lock");
  lock.wait();  // runner and snapshot have ended
}

TEST(Channel, MessagesAreWholeAndTheEndIsSeen) {
  auto [a, b] = Channel::pair();
  const std::map<std::uint64_t, std::vector<std::uint8_t>> map{{7, {1, 2, 3}}, {9, {}}};
  const pid_t sender = fork();  // more than a socket holds
  if (sender == 0) {
    b.close();
    a.send(MessageWriter().put(map).put(std::string(5'000'000, 'x')).put(true).take());
    _exit(0);
  }
  a.close();
  const auto text = b.receive();
  ASSERT_TRUE(text);
  MessageReader message(*text);
  EXPECT_EQ((message.get<std::map<std::uint64_t, std::vector<std::uint8_t>>>()), map);
  EXPECT_EQ(message.get<std::string>().size(), 5'000'000U);
  EXPECT_TRUE(message.get<bool>());
  EXPECT_THROW(message.get<std::uint64_t>(), std::out_of_range);
  EXPECT_FALSE(b.receive()) << "it has ended";
  EXPECT_FALSE(b.send("x"));
  waitpid(sender, nullptr, 0);
}

}  // namespace
}  // namespace mint
