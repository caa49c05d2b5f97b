// Shows a run while it goes: on a terminal one line that rewrites itself, else a plain line every
// few seconds.
#pragma once

#include <cstdio>
#include <string>

#include "emu/scenario/run_result.hpp"

namespace mint {

// While one lives, SIGINT and SIGTERM end the run and not the program.
class LiveProgress : public RunObserver {
 public:
  // Progress goes to `progress`, serial output to `serial`; nullptr: not shown.
  LiveProgress(Hertz clock, std::FILE* progress, std::FILE* serial);
  ~LiveProgress() override;

  void progress(const Progress& progress) override;
  void console(unsigned os, std::string_view bytes) override;

  // After SIGINT or SIGTERM. A second one ends the program at once.
  bool wants_end() const override;

  // Wipes the live line.
  void clear();

 private:
  Hertz clock_;
  std::FILE* progress_;
  std::FILE* serial_;
  bool terminal_;
  bool line_shown_ = false;
  double next_plain_s_ = 0;
};

// "12.345 s   leader up   f1 kernel   f2 purgatory   142 MIPS, 0.9 x real time"
std::string progress_line(const Progress& progress, Hertz clock);

}  // namespace mint
