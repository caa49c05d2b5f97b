#include "traces/rerun_child.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "emu/scenario/problem.hpp"

namespace mint {
namespace {

// A process that nobody awaits any more must not go on.
void end_with(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it has ended already
}

// The run store's files, and the ends of channels to other processes, which must be seen to close.
void close_all_but(const std::vector<int>& kept) {
  std::vector<int> others;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const std::string name = entry.path().filename().string();
    int number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (number > STDERR_FILENO && std::find(kept.begin(), kept.end(), number) == kept.end())
      others.push_back(number);
  }
  for (const int each : others) close(each);
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

std::string end_of_process(int status) {
  if (WIFSIGNALED(status))
    return fmt::format("signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("exit code {}", WEXITSTATUS(status));
}

RerunChild::RerunChild(const std::vector<Window>& windows, const Checkpoints& checkpoints,
                       Channel channel, std::vector<Channel> for_snapshots)
    : channel_(std::move(channel)),
      for_snapshots_(std::move(for_snapshots)),
      sink_(windows, checkpoints) {
  for (const Window& window : windows) watched_.push_back(window.core);
  sink_.on_opening = [this](std::uint8_t core) { take_snapshot(core); };
  sink_.on_end = [this] { finish(); };
}

void RerunChild::run(pid_t parent, const RerunProcess::Body& body) {
  end_with(parent);
  std::vector<int> kept{channel_.descriptor()};
  for (const Channel& each : for_snapshots_) kept.push_back(each.descriptor());
  close_all_but(kept);
  try {
    body(sink_, memory_);
    if (!answered_) finish();
  } catch (const StoreError& error) {
    fail(RerunAnswer::kStoreError, error.what());
  } catch (const BadInput& error) {
    fail(RerunAnswer::kBadInput, error.what());
  } catch (const std::exception& error) {
    fail(RerunAnswer::kOwnFault, error.what());
  }
  if (exploring_) _exit(0);
  // Snapshots live as long as their parent does, at most.
  while (channel_.receive()) {
  }
  while (wait(nullptr) > 0) {
  }
  _exit(0);
}

void RerunChild::take_snapshot(std::uint8_t core) {
  const std::size_t place = snapshot_of_.size();
  if (exploring_ || place >= for_snapshots_.size()) return;
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return;  // it can do without
  if (child > 0) {
    for_snapshots_[place].close();
    snapshot_of_[core] = place;
    return;
  }
  end_with(parent);
  channel_ = std::move(for_snapshots_[place]);
  for_snapshots_.clear();
  serve();
}

void RerunChild::serve() {
  while (const auto command = channel_.receive()) {
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child == 0) {
      end_with(parent);
      exploring_ = true;
      answered_ = false;
      MessageReader message(*command);
      const auto window = message.get<Window>();
      std::optional<Capture> capture;
      capturing_ = message.get<bool>();
      if (capturing_) {
        capture.emplace();
        message.get(capture->core).get(capture->item).get(capture->code).get(capture->memory);
      }
      watched_ = {window.core};
      sink_.narrow(window, std::move(capture));
      return;
    }
    if (child < 0) {
      fail(RerunAnswer::kCrash, "no further process can be started");
    } else if (const int status = wait_for(child); status != 0) {
      fail(RerunAnswer::kCrash,
           fmt::format("its process has ended by {}, by a fault of mintsim's own",
                       end_of_process(status)));
    }
  }
  _exit(0);
}

void RerunChild::finish() {
  if (capturing_)
    send_captured();
  else
    send_records();
  answered_ = true;
  // There is nothing to be taken down that does not go with the process.
  if (exploring_) _exit(0);
}

void RerunChild::send_records() {
  MessageWriter message;
  message.put(RerunAnswer::kRecords).put(sink_.mismatch()).put(memory_).put(snapshot_of_);
  message.put(std::uint64_t{watched_.size()});
  for (const std::uint8_t core : watched_) {
    const WindowRecord& record = sink_.record(core);
    message.put(core).put(record.overflown).put(record.items).put(record.clocks);
  }
  channel_.send(message.take());
}

void RerunChild::send_captured() {
  const Captured& c = sink_.captured();
  MessageWriter message;
  message.put(RerunAnswer::kCaptured).put(sink_.mismatch());
  message.put(c.there).put(c.registers).put(c.before).put(c.code).put(c.operands).put(c.pages);
  channel_.send(message.take());
  const auto wanted = channel_.receive();
  if (!wanted) return;
  std::map<std::uint64_t, std::string> pages;
  for (const std::uint64_t address : MessageReader(*wanted).get<std::vector<std::uint64_t>>())
    pages[address] = sink_.page(address);
  channel_.send(MessageWriter().put(pages).take());
}

void RerunChild::fail(RerunAnswer kind, const std::string& why) {
  channel_.send(MessageWriter().put(kind).put(why).take());
}

}  // namespace mint
