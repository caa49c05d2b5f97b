#include "cli/thesis.hpp"

#include <fmt/format.h>

#include "cli/json_result.hpp"
#include "cli/table.hpp"

namespace mint {

namespace {

struct ThesisRow {
  std::string_view what;
  double seconds;
};

// Indexed by the row's number less one.
constexpr ThesisRow kThesis[] = {
    {"unmodified Linux, power-on to kernel_init", 21.4},
    {"unmodified Linux re-booted by Kexec, to kernel_init", 1.97},
    {"a Mint follower, start to kernel_init", 0.309},
    {"one follower, start to daemons up", 19.7},
    {"two followers in parallel, start to daemons up in both", 21.6},
};
constexpr double kThesisOne = 19.7;
constexpr double kThesisSequence = 39.4;  // twice row 4: the thesis did not measure it
constexpr double kThesisParallel = 21.6;

// Waits for the drive are a limit, not a wait.
unsigned post_ms(const MachineProfile& machine) {
  unsigned total = 0;
  for (const PostWait& wait : machine.post) {
    if (!wait.name.ends_with("_max")) total += wait.milliseconds;
  }
  return total;
}

class Comparison {
 public:
  Comparison(const RunRequest& request, const RunResult& result)
      : request_(request), result_(result), clock_(result.core_clock) {}

  std::string text() {
    std::string text;
    Table table({"thesis's row", "thesis", "here", "here/thesis"});
    std::string notes;
    for (unsigned row : request_.scenario.reference.rows) {
      const ThesisRow& thesis = kThesis[row - 1];
      const auto ours = figure(row);
      table.add({fmt::format("{} {}", row, thesis.what), fmt::format("{:g}", thesis.seconds),
                 ours ? format_seconds(*ours) : "-",
                 ours ? fmt::format("{:.2f}", *ours / thesis.seconds) : "-"});
      if (ours) notes += note(row, *ours);
    }
    if (!table.empty()) text += "\nBeside the thesis, seconds\n" + table.text() + notes;
    return text + parallel_against_sequential();
  }

 private:
  std::optional<double> since_start(const OsResult& os, std::optional<Cycles> at) const {
    if (!at) return std::nullopt;
    return seconds(*at - os.start, clock_);
  }

  std::optional<double> figure(unsigned row) const {
    const OsResult* leader = nullptr;
    const OsResult* follower = nullptr;
    for (const OsResult& os : result_.os) {
      if (os.role == Role::kLeader) {
        leader = &os;
      } else if (!follower) {
        follower = &os;
      }
    }
    if (row <= 2) return leader ? since_start(*leader, leader->kernel_init) : std::nullopt;
    if (row == 3) return follower ? since_start(*follower, follower->kernel_init) : std::nullopt;
    return all_up_s(result_);
  }

  std::string note(unsigned row, double ours) const {
    switch (row) {
      case 1: {
        const double post = post_ms(request_.scenario.machine) / 1000.0;
        return fmt::format(
            "  Row 1: {:.1f} s of ours are the waits of the firmware's self test, which the "
            "machine\n"
            "  profile assumes; the {:.3f} s beyond them are boot loader, disk, setup code and "
            "kernel.\n",
            post, ours - post);
      }
      case 2:
        return "  Row 2: shutdown and boot of a small Linux 6.1 with few devices; the thesis's "
               "kernel\n"
               "  had a distribution's drivers to shut down and to probe.\n";
      case 3:
        return "  Row 3: a small Linux 6.1 with few drivers; instructions cost what the cost table "
               "says,\n"
               "  without caches.\n";
      default:
        return fmt::format(
            "  Row {}: the thesis's followers start a distribution's services, as those of\n"
            "  parallel2-debian do. {}\n",
            row, share_of_stage_6());
    }
  }

  // How far stage 6 decides, of the first follower's six stages.
  std::string share_of_stage_6() const {
    for (const OsResult& os : result_.os) {
      if (os.stages.size() != kStages || !os.stages.back().end) continue;
      const Cycles all = *os.stages.back().end - os.stages.front().begin;
      const Cycles user = *os.stages.back().end - os.stages.back().begin;
      return fmt::format("Stage 6 is {:.0f}% of {}'s boot; thesis: about 92%.",
                         100.0 * static_cast<double>(user.count) / static_cast<double>(all.count),
                         os.name);
    }
    return {};
  }

  // Of the three scenarios that belong together, this run's figure or an earlier one's.
  std::optional<EarlierResult> other(const std::string& scenario) const {
    if (request_.scenario.name != scenario) return earlier_result(request_.out_dir, scenario);
    const auto ours = all_up_s(result_);
    if (!ours || !result_.goal_met) return std::nullopt;
    for (const OsResult& os : result_.os) {
      if (os.role == Role::kFollower) return EarlierResult{scenario, os.kernel_sha256, *ours};
    }
    return std::nullopt;
  }

  std::string parallel_against_sequential() const {
    const std::string& name = request_.scenario.name;
    if (name != "parallel2" && name != "sequential2" && name != "single") return {};
    const auto one = other("single");
    const auto sequence = other("sequential2");
    const auto parallel = other("parallel2");
    Table table({"start to daemons up in all", "thesis", "here"});
    const auto add = [&](std::string what, double thesis, const std::optional<EarlierResult>& run) {
      if (run) {
        table.add({std::move(what), fmt::format("{:g}", thesis), format_seconds(run->both_up_s)});
      }
    };
    add("one follower", kThesisOne, one);
    add("two in sequence", kThesisSequence, sequence);
    add("two in parallel", kThesisParallel, parallel);
    std::string text = "\nParallel against sequential, seconds\n" + table.text();
    if (table.rows() < 2) text.clear();
    const auto same_kernel = [](const std::optional<EarlierResult>& a,
                                const std::optional<EarlierResult>& b) {
      const bool known = !a->kernel_sha256.empty() && !b->kernel_sha256.empty();
      return !known || a->kernel_sha256 == b->kernel_sha256 ? "" : " (their kernels differ)";
    };
    if (parallel && sequence) {
      text += fmt::format(
          "  Parallel takes {:.0f}% of the sequence{}; thesis: {:.0f}%, of twice one "
          "follower.\n",
          100 * parallel->both_up_s / sequence->both_up_s, same_kernel(parallel, sequence),
          100 * kThesisParallel / kThesisSequence);
    }
    if (parallel && one) {
      text += fmt::format(
          "  The second follower adds {:.3f} s to one alone{}; thesis: {:.1f} s, the wait "
          "for the lock.\n",
          parallel->both_up_s - one->both_up_s, same_kernel(parallel, one),
          kThesisParallel - kThesisOne);
    }
    for (const char* missing : {"single", "sequential2", "parallel2"}) {
      if (other(missing)) continue;
      text +=
          fmt::format("  Not compared: no finished run of {} beside this one's folder.\n", missing);
    }
    return text.starts_with('\n') ? text : "\n" + text;
  }

  const RunRequest& request_;
  const RunResult& result_;
  Hertz clock_;
};

}  // namespace

std::string thesis_comparison(const RunRequest& request, const RunResult& result) {
  return Comparison(request, result).text();
}

}  // namespace mint
