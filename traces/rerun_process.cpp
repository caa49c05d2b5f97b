#include "traces/rerun_process.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "emu/scenario/problem.hpp"
#include "traces/rerun_child.hpp"

namespace mint {
namespace {

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

RerunProcess::RerunProcess(std::string name, const std::vector<Window>& windows,
                           const Checkpoints& checkpoints, Body body)
    : name_(std::move(name)), checkpoints_(checkpoints), body_(std::move(body)) {
  start(windows);
}

RerunProcess::~RerunProcess() {
  for (Runner& runner : runners_) end(runner);
}

void RerunProcess::start(const std::vector<Window>& windows) {
  Runner& runner = runners_.emplace_back();
  auto [mine, its] = Channel::pair();
  runner.channel = std::move(mine);
  std::vector<Channel> for_snapshots;
  while (for_snapshots.size() < std::min(kSnapshots, windows.size())) {
    auto [to_it, of_it] = Channel::pair();
    runner.snapshots.push_back(std::move(to_it));
    for_snapshots.push_back(std::move(of_it));
  }
  const pid_t parent = getpid();
  runner.id = fork();
  if (runner.id < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (runner.id == 0) {
    RerunChild(windows, checkpoints_, std::move(its), std::move(for_snapshots)).run(parent, body_);
  }
  awaited_ = &runner.channel;
}

// A runner that has not come to its end need not.
void RerunProcess::end(Runner& runner) {
  runner.channel.close();
  runner.snapshots.clear();
  if (runner.id < 0) return;
  if (!runner.answered) kill(runner.id, SIGKILL);
  wait_for(runner.id);
}

void RerunProcess::fail(const std::string& why) const {
  throw StoreError(fmt::format("{} cannot be run again: {}", name_, why));
}

std::string RerunProcess::receive(Channel& channel) {
  auto message = channel.receive();
  for (Runner& runner : runners_) {
    if (&channel != &runner.channel) continue;
    runner.answered = message.has_value();
    if (message) continue;
    const int status = wait_for(runner.id);
    runner.id = -1;
    fail(fmt::format("its process has ended by {}, by a fault of mintsim's own",
                     end_of_process(status)));
  }
  if (!message) fail("its process has ended, by a fault of mintsim's own");
  return std::move(*message);
}

void RerunProcess::await_answer() {
  if (awaited_ == nullptr) return;
  Channel& channel = *std::exchange(awaited_, nullptr);
  const std::string text = receive(channel);
  MessageReader message(text);
  switch (message.get<RerunAnswer>()) {
    case RerunAnswer::kBadInput:
      throw BadInput(message.get<std::string>());
    case RerunAnswer::kOwnFault:
      throw std::runtime_error(message.get<std::string>());
    case RerunAnswer::kCrash:
      fail(message.get<std::string>());
    case RerunAnswer::kStoreError:
      throw StoreError(message.get<std::string>());
    case RerunAnswer::kRecords: {
      message.get(mismatch_).get(memory_);
      const auto snapshot_of = message.get<std::map<std::uint8_t, std::size_t>>();
      if (&channel == &runners_.back().channel) runners_.back().snapshot_of = snapshot_of;
      for (auto left = message.get<std::uint64_t>(); left > 0; --left) {
        WindowRecord& record = records_[message.get<std::uint8_t>()];
        message.get(record.overflown).get(record.items).get(record.clocks);
      }
      break;
    }
    case RerunAnswer::kCaptured: {
      Captured& c = captured_ = {};
      message.get(mismatch_).get(c.there).get(c.registers).get(c.before).get(c.code);
      message.get(c.operands).get(c.pages);
      capturing_ = &channel;
      break;
    }
  }
}

const WindowRecord& RerunProcess::record(std::uint8_t core) {
  await_answer();
  return records_[core];
}

std::optional<Cycles> RerunProcess::mismatch() {
  await_answer();
  return mismatch_;
}

std::optional<MemoryRange> RerunProcess::own_memory(std::uint8_t core) {
  await_answer();
  const auto found = memory_.find(core);
  return found == memory_.end() ? std::nullopt : std::optional(found->second);
}

void RerunProcess::explore(const Window& window, const std::optional<Capture>& capture) {
  pages({});  // of a capture before: it waits for that
  const auto snapshot = [&]() -> Channel* {
    for (Runner& runner : runners_) {
      const auto found = runner.snapshot_of.find(window.core);
      if (found != runner.snapshot_of.end()) return &runner.snapshots[found->second];
    }
    return nullptr;
  };
  Channel* channel = snapshot();
  if (channel == nullptr) {
    start({window});
    await_answer();
    channel = snapshot();
    if (channel == nullptr) fail("it does not come to where it was before");
  }
  MessageWriter message;
  message.put(window).put(capture.has_value());
  if (capture)
    message.put(capture->core).put(capture->item).put(capture->code).put(capture->memory);
  channel->send(message.take());
  awaited_ = channel;
}

const Captured& RerunProcess::captured() {
  await_answer();
  return captured_;
}

std::map<std::uint64_t, std::string> RerunProcess::pages(
    const std::vector<std::uint64_t>& addresses) {
  await_answer();
  if (capturing_ == nullptr) return {};
  Channel& channel = *std::exchange(capturing_, nullptr);
  channel.send(MessageWriter().put(addresses).take());
  return MessageReader(receive(channel)).get<std::map<std::uint64_t, std::string>>();
}

}  // namespace mint
