#include "cli/progress.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>

namespace mint {

namespace {

constexpr double kPlainEverySeconds = 5;

std::atomic<bool> g_wants_end = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

// `handler` for the signals by which a user ends a program.
void handle_signals(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

unsigned terminal_width(std::FILE* file) {
  winsize size{};
  if (ioctl(fileno(file), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

std::string progress_line(const Progress& progress, Hertz clock) {
  const double simulated = seconds(progress.now, clock);
  std::string line = fmt::format("{:8.3f} s", simulated);
  for (const Progress::Os& os : progress.os) line += fmt::format("   {} {}", os.name, os.stage);
  line += fmt::format("   {:.0f} MIPS", progress.mips);
  if (progress.wall_s > 0) line += fmt::format(", {:.2f} x real time", simulated / progress.wall_s);
  return line;
}

LiveProgress::LiveProgress(Hertz clock, std::FILE* progress, std::FILE* serial)
    : clock_(clock),
      progress_(progress),
      serial_(serial),
      terminal_(progress && isatty(fileno(progress)) == 1) {
  g_wants_end = false;
  handle_signals([](int) { g_wants_end = true; });
}

LiveProgress::~LiveProgress() {
  clear();
  handle_signals(SIG_DFL);
}

bool LiveProgress::wants_end() const { return g_wants_end; }

void LiveProgress::clear() {
  if (!line_shown_) return;
  std::fputs("\r\x1b[K", progress_);
  std::fflush(progress_);
  line_shown_ = false;
}

void LiveProgress::progress(const Progress& progress) {
  if (!progress_) return;
  std::string line = progress_line(progress, clock_);
  if (terminal_) {
    // A longer line would wrap, and the return would not reach its beginning.
    line.resize(std::min<std::size_t>(line.size(), terminal_width(progress_) - 1));
    fmt::print(progress_, "\r{}\x1b[K", line);
    std::fflush(progress_);
    line_shown_ = true;
  } else if (progress.wall_s >= next_plain_s_) {
    fmt::print(progress_, "{}\n", line);
    std::fflush(progress_);
    next_plain_s_ = progress.wall_s + kPlainEverySeconds;
  }
}

void LiveProgress::console(unsigned, std::string_view bytes) {
  if (!serial_) return;
  clear();
  std::fwrite(bytes.data(), 1, bytes.size(), serial_);
  std::fflush(serial_);
}

}  // namespace mint
