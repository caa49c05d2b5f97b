// What goes on in the processes of a RerunProcess (there: which there are, and what they say).
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "traces/process_channel.hpp"
#include "traces/rerun_process.hpp"

namespace mint {

enum class RerunAnswer : std::uint8_t {
  kBadInput,  // exceptions, with their text
  kStoreError,
  kOwnFault,
  kCrash,  // of an explorer, with its end
  kRecords,
  kCaptured
};

// Of a process that has ended: "signal 11 (Segmentation fault)".
std::string end_of_process(int status);

class RerunChild {
 public:
  RerunChild(const std::vector<Window>& windows, const Checkpoints& checkpoints, Channel channel,
             std::vector<Channel> for_snapshots);

  // To be called in the runner, just forked by `parent`.
  [[noreturn]] void run(pid_t parent, const RerunProcess::Body& body);

 private:
  void take_snapshot(std::uint8_t core);
  void serve();  // comes back in an explorer only
  void finish();
  void send_records();
  void send_captured();
  void fail(RerunAnswer kind, const std::string& why);

  Channel channel_;
  std::vector<Channel> for_snapshots_;
  std::map<std::uint8_t, std::size_t> snapshot_of_;
  std::vector<std::uint8_t> watched_;  // cores
  WindowSink sink_;
  RerunProcess::Memory memory_;
  bool exploring_ = false;
  bool capturing_ = false;
  bool answered_ = false;
};

}  // namespace mint
