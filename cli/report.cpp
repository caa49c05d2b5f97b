#include "cli/report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/json_result.hpp"
#include "cli/table.hpp"
#include "cli/thesis.hpp"

namespace mint {

namespace {

constexpr std::string_view kNone = "-";

class Report {
 public:
  Report(const RunRequest& request, const RunResult& result)
      : request_(request), result_(result), clock_(result.core_clock) {}

  std::string text() {
    add_outcome();
    add_stages();
    add_systems();
    add_meetings();
    add_lock_uses();
    text_ += thesis_comparison(request_, result_);
    add_interference();
    add_isolation();
    if (!result_.watchdog.empty()) {
      text_ += "\nWhere the cores are\n";
      add_indented(result_.watchdog);
    }
    add_run();
    return std::move(text_);
  }

 private:
  std::string when(std::optional<Cycles> at, Cycles since = {}) const {
    return at ? format_seconds(seconds(*at - since, clock_)) : std::string(kNone);
  }

  void add_indented(std::string_view lines) {
    while (!lines.empty()) {
      const std::size_t end = std::min(lines.find('\n'), lines.size());
      text_ += fmt::format("  {}\n", lines.substr(0, end));
      lines.remove_prefix(std::min(end + 1, lines.size()));
    }
  }

  void add_outcome() {
    text_ += fmt::format("\n{}: {}: {}\n", request_.scenario.name,
                         result_.goal_met ? "goal met" : "GOAL MISSED", result_.reason);
    if (result_.exit_code) text_ += fmt::format("The guest ended with {}.\n", *result_.exit_code);
  }

  void add_stages() {
    Table table({"", "1 load", "2 place", "3 IPI", "4 purgatory", "5 kernel", "6 user", "all six"});
    bool cut = false;
    for (const OsResult& os : result_.os) {
      if (os.stages.empty()) continue;
      std::vector<std::string> row(kStages + 2, std::string(kNone));
      row[0] = os.name;
      std::optional<Cycles> last;
      for (const StageTime& stage : os.stages) {
        const Cycles end = stage.end.value_or(result_.end);
        std::string& cell = row[1 + static_cast<std::size_t>(stage.stage)];
        cell = format_seconds(seconds(end - stage.begin, clock_));
        if (!stage.end) {
          cell.insert(0, ">");
          cut = true;
        }
        last = std::max(last.value_or(end), end);
      }
      row.back() = format_seconds(seconds(*last - os.stages.front().begin, clock_));
      table.add(std::move(row));
    }
    if (table.empty()) return;
    text_ += "\nStages of each follower's boot, seconds (1-3 run on the leader)\n" + table.text();
    if (cut) text_ += "  > had not ended when the run did\n";
  }

  void add_systems() {
    if (result_.os.empty()) return;
    Table table({"", "cores", "started at", "kernel_init", "daemons up", "lock held", "waited",
                 "taken", "IPIs", "instructions"});
    for (const OsResult& os : result_.os) {
      std::vector<unsigned> cores;
      for (ApicId core : os.cores) cores.push_back(core.value);
      table.add({os.name, fmt::format("{}", fmt::join(cores, ",")),
                 format_seconds(seconds(os.start, clock_)), when(os.kernel_init, os.start),
                 when(os.daemons_up, os.start), format_seconds(seconds(os.lock_held, clock_)),
                 format_seconds(seconds(os.lock_waited, clock_)), with_commas(os.lock_taken),
                 with_commas(os.ipis_sent), with_commas(os.instructions)});
    }
    text_ += "\nEach OS, seconds; kernel_init and daemons up count from its start\n" + table.text();
    for (const OsResult& os : result_.os) {
      if (os.hung_since) text_ += fmt::format("  {} {}\n", os.name, os.last_words);
      if (os.died) text_ += fmt::format("  {} DIED: {}\n", os.name, os.last_words);
    }
  }

  void add_meetings() {
    if (result_.meetings.empty()) return;
    // Cores that meet are microseconds apart.
    const auto exact = [this](std::optional<Cycles> at) {
      return at ? fmt::format("{:.6f}", seconds(*at, clock_)) : std::string(kNone);
    };
    Table table({"place", "who came", "at", "all went on"});
    for (const MeetingResult& meeting : result_.meetings) {
      for (const MeetingResult::Arrival& arrival : meeting.arrivals) {
        const bool first = &arrival == meeting.arrivals.data();
        table.add({first ? meeting.place : "", arrival.os, exact(arrival.at),
                   first ? exact(meeting.met) : ""});
      }
    }
    text_ += "\nMeetings, seconds on the machine's clock\n" + table.text();
  }

  // The functions for which an OS had or awaited the lock longest.
  void add_lock_uses() {
    constexpr std::size_t kShown = 10;
    std::vector<const LockUse*> uses;
    for (const LockUse& use : result_.lock_uses) uses.push_back(&use);
    std::stable_sort(uses.begin(), uses.end(), [](const LockUse* a, const LockUse* b) {
      return a->held + a->waited > b->held + b->waited;
    });
    if (uses.empty()) return;
    constexpr double kShortest = 1e-4;
    Table table({"", "held", "waited", "taken", "function"});
    table.left_from(4);
    for (const LockUse* use : uses) {
      const double total_s = seconds(use->held + use->waited, clock_);
      if (table.rows() == kShown || (table.rows() != 0 && total_s < kShortest)) break;
      table.add({use->os, format_seconds(seconds(use->held, clock_)),
                 format_seconds(seconds(use->waited, clock_)), with_commas(use->taken),
                 use->function});
    }
    text_ += "\nWho wanted the lock, seconds\n" + table.text();
    if (uses.size() > table.rows()) {
      text_ += fmt::format("  and {} more, shorter: --json has all, and who used the I/O APIC\n",
                           uses.size() - table.rows());
    }
  }

  void add_interference() {
    if (result_.interference.empty()) return;
    constexpr std::size_t kShown = 20;
    Table table({"at s", "by", "to", "what"});
    table.left_from(1);
    for (const Interference& event : result_.interference) {
      table.add({format_seconds(seconds(event.when, clock_)), event.by, event.to, event.what});
      if (table.rows() == kShown) break;
    }
    text_ += "\nWho touched what was another's\n" + table.text();
    if (result_.interference.size() > kShown) {
      text_ += fmt::format("  and {} more: --json has all\n", result_.interference.size() - kShown);
    }
  }

  void add_isolation() {
    if (result_.os.size() < 2) return;
    text_ += fmt::format("\nisolation: {} violation{}\n", with_commas(result_.isolation_violations),
                         result_.isolation_violations == 1 ? "" : "s");
    if (result_.isolation.empty()) return;
    constexpr std::size_t kShown = 10;
    Table table({"at s", "by", "to", "what"});
    table.left_from(1);
    for (const Interference& event : result_.isolation) {
      table.add({format_seconds(seconds(event.when, clock_)), event.by, event.to, event.what});
      if (table.rows() == kShown) break;
    }
    text_ += table.text();
  }

  void add_run() {
    const double simulated = seconds(result_.end, clock_);
    text_ += fmt::format("\n{:.3f} s simulated in {:.1f} s", simulated, result_.wall_s);
    if (result_.wall_s > 0) {
      text_ += fmt::format(" ({:.2f} x real time, {:.0f} MIPS)", simulated / result_.wall_s,
                           static_cast<double>(result_.instructions) / result_.wall_s / 1e6);
    }
    text_ += fmt::format("; {} instructions; {} MB resident\n", with_commas(result_.instructions),
                         with_commas(result_.peak_rss_mb));
    text_ += fmt::format("timing {}; {:.3f} % of the instructions had a default cost\n",
                         timing_name(request_.scenario.machine.timing),
                         100 * default_cost_share(result_));
    text_ += fmt::format("seed {}, digest {}\n", request_.seed, result_.digest);
    if (request_.jobs > 1)
      text_ += result_.one_job.empty()
                   ? fmt::format("on {} host threads\n", result_.jobs)
                   : fmt::format("OSes by turns on one of {} host threads: {}\n", request_.jobs,
                                 result_.one_job);
    if (!request_.out_dir.empty()) {
      text_ += fmt::format("consoles and result: {}\n", request_.out_dir.string());
    }
  }

  const RunRequest& request_;
  const RunResult& result_;
  Hertz clock_;
  std::string text_;
};

}  // namespace

std::string run_report(const RunRequest& request, const RunResult& result) {
  return Report(request, result).text();
}

}  // namespace mint
