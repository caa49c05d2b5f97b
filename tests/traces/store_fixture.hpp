// A run store in a folder of its own, with runs that no machine has made.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "emu/scenario/temporary_folder.hpp"
#include "traces/run_recorder.hpp"
#include "traces/run_store.hpp"
#include "traces/schema.hpp"

namespace mint {

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    store_ = folder_ / "runs.db";
    std::ofstream(folder_ / "s.toml") << "name = \"s\"\n[bare_metal]\nprogram = \"p.elf\"\n";
    request_.scenario.name = "s";
    request_.scenario.file = (folder_ / "s.toml").string();
    request_.scenario.machine.core_clock = Hertz{2'800'000'000};
    request_.scenario.machine.cores = 2;
    request_.scenario.bare_metal.emplace();
    result_.goal_met = true;
    result_.digest = "0123456789abcdef0123456789abcdef";
    result_.end = Cycles{2'800'000'000};
    result_.core_clock = Hertz{2'800'000'000};
  }

  static void send(TraceSink& sink, TraceKind kind, std::uint64_t at,
                   std::vector<std::uint64_t> arguments, std::string_view text = {},
                   std::uint8_t core = TraceEvent::kNone) {
    TraceEvent event;
    event.kind = kind;
    event.at = {at};
    event.arguments = arguments;
    event.text = text;
    event.core = core;
    sink.event(event);
  }

  std::int64_t record(std::size_t interrupts) {
    RunRecorder recorder(store_, request_, TraceLevel::kEvents);
    send(recorder, TraceKind::kPower, 0, {});
    for (std::size_t i = 0; i < interrupts; ++i)
      send(recorder, TraceKind::kInterrupt, i * 1000, {0x20 + i % 3}, {}, 1);
    recorder.finish(result_, "{}");
    return recorder.id();
  }

  // The message of the error that `action` ends in.
  template <class Action>
  std::string error_of(Action action) {
    try {
      action();
    } catch (const StoreError& error) {
      return error.what();
    }
    return "no error";
  }

  const TemporaryFolder temporary_{"mintsim-test"};
  const std::filesystem::path folder_ = temporary_.path();
  std::filesystem::path store_;
  RunRequest request_;
  RunResult result_;
};

}  // namespace mint
