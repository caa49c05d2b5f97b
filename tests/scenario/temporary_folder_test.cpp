// Folders that go with the process, however it ends.
#include "emu/scenario/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "emu/scenario/problem.hpp"

namespace mint {
namespace {

namespace fs = std::filesystem;

bool goes_soon(const fs::path& path) {
  for (int i = 0; i < 100 && fs::exists(path); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  return !fs::exists(path);
}

TEST(TemporaryFolder, GoesWithAllThatIsInIt) {
  fs::path path;
  {
    const TemporaryFolder folder("mintsim-test");
    path = folder.path();
    EXPECT_TRUE(path.filename().string().starts_with("mintsim-test-"));
    fs::create_directory(path / "more");
    std::ofstream(path / "more" / "file") << "text";
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(TemporaryFolder, GoesWhenItsProcessIsKilled) {
  int names[2];
  ASSERT_EQ(pipe(names), 0);
  const pid_t child = fork();
  if (child == 0) {
    // Each of the two is to go by itself.
    const TemporaryFolder first("mintsim-test");
    const TemporaryFolder second("mintsim-test");
    std::ofstream(first.path() / "disk") << "half";
    const std::string text = first.path().string() + " " + second.path().string() + "\n";
    if (write(names[1], text.data(), text.size()) < 0) _exit(1);
    while (true) pause();
  }
  close(names[1]);
  std::string text;
  for (char c = 0; read(names[0], &c, 1) == 1 && c != '\n';) text += c;
  close(names[0]);
  const fs::path first = text.substr(0, text.find(' '));
  const fs::path second = text.substr(text.find(' ') + 1);
  EXPECT_TRUE(fs::exists(first / "disk"));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(goes_soon(first)) << first;
  EXPECT_TRUE(goes_soon(second)) << second;
}

TEST(TemporaryFolder, IsRefusedWhereNoneCanBe) {
  EXPECT_THAT([] { const TemporaryFolder folder("no/such/place"); },
              testing::ThrowsMessage<BadInput>(testing::HasSubstr("TMPDIR")));
}

}  // namespace
}  // namespace mint
