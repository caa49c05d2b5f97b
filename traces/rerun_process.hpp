// A stored run, run again in a process of its own: two can go on side by side, and each can be gone
// on with from the middle as often as it takes.
//
//   RerunProcess a("run 1", windows, checkpoints, again_a), b("run 2", ...);   // both are running
//   a.record(core), b.record(core)                    // wait for what they see of a core
//   a.explore(narrower, capture), b.explore(...);     // once more, from where the window opens
//   a.captured(), a.pages(addresses)
//
// The processes, each the parent of the next:
//   program    this one
//   runner     runs from power-on and records all windows; forked when it is constructed
//   snapshot   the run where one window opens, a copy that stands still; forked by the runner there
//   explorer   goes on from there in one window, for one command; forked by the snapshot
// A machine is memory of one thread and files that it only reads, so a fork is a whole copy of it,
// and shares the memory that neither changes.
//
// The program has a channel to the runner and one to each snapshot. The runner answers once, when
// its windows are passed. A snapshot takes commands; the explorer answers on the snapshot's
// channel, after a capture takes a list of pages and answers with these, and ends. An exception is
// an answer as well; of a crash the parent of the process tells. A snapshot and the runner end when
// the program closes its ends of the channels. If one is killed, so are those below it.
#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "traces/process_channel.hpp"
#include "traces/window_sink.hpp"

namespace mint {

class RerunProcess {
 public:
  // By core: what is its OS's own.
  using Memory = std::map<std::uint8_t, MemoryRange>;
  // Runs it all, telling the sink, and tells beforehand whose memory is where; is called in the
  // runner. May throw StoreError and BadInput, which then come out of the functions that wait.
  using Body = std::function<void(WindowSink&, Memory&)>;
  // Snapshots are for the windows that open first: they cost memory.
  static constexpr std::size_t kSnapshots = 8;

  // `name`: of what runs, for messages. `checkpoints` outlives it. Throws std::system_error.
  RerunProcess(std::string name, const std::vector<Window>& windows, const Checkpoints& checkpoints,
               Body body);
  ~RerunProcess();
  RerunProcess(const RerunProcess&) = delete;
  RerunProcess& operator=(const RerunProcess&) = delete;

  // What was seen of a core the last time; with what explore() began, when that was for this core.
  const WindowRecord& record(std::uint8_t core);
  // Since when it is not the stored run, by its digest.
  std::optional<Cycles> mismatch();
  // Nothing for a core of nobody.
  std::optional<MemoryRange> own_memory(std::uint8_t core);
  // Looks at one of the windows again, or at a part of it. Where that has no snapshot, it first
  // runs from the beginning.
  void explore(const Window& window, const std::optional<Capture>& capture = {});
  // Of an explore() with a capture.
  const Captured& captured();
  // Pages of memory as they were then; once for each capture.
  std::map<std::uint64_t, std::string> pages(const std::vector<std::uint64_t>& addresses);

 private:
  struct Runner {
    pid_t id = -1;  // -1: it has ended
    bool answered = false;
    Channel channel;
    std::vector<Channel> snapshots;
    std::map<std::uint8_t, std::size_t> snapshot_of;  // by core
  };

  void start(const std::vector<Window>& windows);
  static void end(Runner& runner);
  void await_answer();
  std::string receive(Channel& channel);
  [[noreturn]] void fail(const std::string& why) const;

  std::string name_;
  const Checkpoints& checkpoints_;
  Body body_;
  std::deque<Runner> runners_;
  Channel* awaited_ = nullptr;  // that an answer is to come by
  Channel* capturing_ = nullptr;
  std::map<std::uint8_t, WindowRecord> records_;
  std::optional<Cycles> mismatch_;
  Memory memory_;
  Captured captured_;
};

}  // namespace mint
