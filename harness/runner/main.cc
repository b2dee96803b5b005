// forkcost-run: the cases of all bench programs, many rounds, one result file.
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <random>
#include <set>

#include "harness/environment.h"
#include "harness/error.h"
#include "harness/events.h"
#include "harness/near_names.h"
#include "harness/result_file.h"
#include "harness/runner/bench.h"
#include "harness/runner/journal.h"
#include "harness/runner/merge.h"
#include "harness/runner/options.h"
#include "harness/runner/plan.h"
#include "harness/runner/process.h"
#include "harness/runner/progress.h"
#include "harness/runner/rounds.h"
#include "harness/runner/summary.h"
#include "harness/warnings.h"

namespace forkcost::runner {
namespace {

// How long the CPUs are watched for others' work and for steal time.
constexpr std::chrono::milliseconds kWatch(200);
constexpr size_t kNearNames = 5;

std::string own_path() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

std::string format_warnings(const std::vector<Warning>& warnings, bool with_remedy) {
  std::string text;
  for (const Warning& warning : warnings) {
    text += fmt::format("{}: {}\n", warning.id, warning.message);
    if (with_remedy) text += fmt::format("    {}\n", warning.remedy);
  }
  return text;
}

void print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) == EOF || std::fflush(stdout) == EOF) {
    throw_errno("writing to stdout", errno, "the result file is not affected");
  }
}

[[noreturn]] void refuse_filter(BenchPrograms& programs, const std::vector<Case>& cases,
                                const Options& options) {
  std::string message =
      fmt::format("no case of preset {} matches --filter '{}'", options.preset, options.filter);
  if (const size_t others = filter_cases(programs.list_cases("full"), options.filter).size()) {
    throw UsageError(
        fmt::format("{}, but {} of preset full do; add --preset full", message, others));
  }
  message += "; the nearest are";
  std::vector<std::string> names;
  for (const Case& c : cases) names.push_back(c.name);
  for (const std::string& name : near_names(names, options.filter, kNearNames)) {
    message += "\n  " + name;
  }
  throw UsageError(message + "\n--list shows all");
}

std::vector<Case> select_cases(BenchPrograms& programs, const Options& options) {
  const std::vector<Case> cases = programs.list_cases(options.preset);
  const std::vector<Case> selected = filter_cases(cases, options.filter);
  if (cases.empty()) {
    throw UsageError(
        fmt::format("preset {} has no case here; see --heap and --max-heap", options.preset));
  }
  if (selected.empty()) refuse_filter(programs, cases, options);
  return selected;
}

// Before anything is measured: it would be a pity afterwards.
void check_output(const Options& options, const std::string& journal) {
  struct stat status {};
  const bool exists = stat(options.out.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    throw UsageError(
        fmt::format("--out {}: not a regular file; the journal of the run and the "
                    "result need one",
                    options.out));
  }
  if (exists && !options.force) {
    throw UsageError(
        fmt::format("{} exists; overwrite it by --force, or name another with --out", options.out));
  }
  require_writable(options.out);
  if (options.force && !options.resume && unlink(journal.c_str()) != 0 && errno != ENOENT) {
    throw_errno("removing the old journal " + journal, errno);
  }
}

uint64_t choose_seed(const Options& options) {
  if (options.seed) return *options.seed;
  std::random_device source;
  return source();  // 32 bits: short enough to type again
}

// The plan of this call, without cases.
Plan plan_of_call(const Options& options, const nlohmann::json& environment) {
  const nlohmann::json kernel = environment.value("kernel", nlohmann::json::object());
  return make_plan(options, choose_seed(options), Json(describe_suite()),
                   kernel.value("release", "") + " " + kernel.value("version", ""),
                   fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))), {});
}

Journal open_journal(BenchPrograms& programs, const Options& options, const std::string& path,
                     Plan plan) {
  if (!options.resume) {
    if (access(path.c_str(), F_OK) != 0) plan.cases = select_cases(programs, options);
    return Journal::create(path, make_plan(options, plan.seed, plan.suite, plan.kernel,
                                           plan.started, std::move(plan.cases)));
  }
  Journal journal = Journal::open_existing(path);
  require_same(journal.contents().plan, plan, options.seed.has_value());
  return journal;
}

// Shows progress and keeps what was measured.
class Recorder : public Observer {
 public:
  Recorder(Signals& signals, Journal& journal, Progress& progress)
      : signals_(signals), journal_(journal), progress_(progress) {}

  void next(const Case& which, const Position& position) override {
    signals_.check();
    progress_.next(which.name, position);
  }
  void finished(const Record& record, const Json& context) override {
    journal_.append(record, context);
  }
  void round_done(const Position& position) override { progress_.round_done(position); }

 private:
  Signals& signals_;
  Journal& journal_;
  Progress& progress_;
};

int exit_status(const Json& document) {
  const Json& unmeasured = document.at("unmeasured");
  const bool failed = std::any_of(unmeasured.begin(), unmeasured.end(),
                                  [](const Json& entry) { return status_of(entry) == "failed"; });
  if (failed) return kExitBadNews;
  return document.at("benchmarks").empty() ? kExitCannotAnswer : kExitOk;
}

void warn_before(const Plan& plan, const nlohmann::json& environment, const Options& options) {
  if (options.quiet) return;
  uint64_t largest = 0;
  for (const Case& c : plan.cases) largest = std::max(largest, c.heap_bytes());
  const auto warnings = find_warnings(environment, largest);
  if (warnings.empty()) return;
  say(format_warnings(warnings, false) + "(forkcost-run --doctor says what would mend this)\n\n");
}

int measure(Signals& signals, BenchPrograms& programs, const Options& options) {
  const std::string journal_path = options.out + ".journal";
  check_output(options, journal_path);
  const nlohmann::json environment = describe_environment(kWatch);
  Journal journal =
      open_journal(programs, options, journal_path, plan_of_call(options, environment));
  const Plan plan = journal.contents().plan;
  warn_before(plan, environment, options);

  Rounds rounds(plan, journal.contents().records);
  Progress progress(options.quiet, plan.max_rounds());
  Recorder recorder(signals, journal, progress);
  rounds.run(programs, recorder);

  RunFacts facts{own_path(),       options.command, rounds.rounds_done(),
                 rounds.seconds(), options.resume,  Json(environment)};
  const Json document = merge(plan, journal.contents().context, journal.contents().records, facts);
  write_atomically(options.out, format_document(document));
  journal.remove();

  std::string note = fmt::format("{} of {} rounds in {:.1f} s, seed {}", rounds.rounds_done(),
                                 plan.max_rounds(), rounds.seconds(), plan.seed);
  if (rounds.time_is_up()) note += fmt::format(": the time of preset {} is up", plan.preset);
  print(summarize(document, note) + options.out + "\n");
  return exit_status(document);
}

int doctor() {
  const auto warnings = find_warnings(describe_environment(kWatch));
  print(warnings.empty() ? "nothing found\n" : format_warnings(warnings, true));
  return kExitOk;
}

int run(Signals& signals, const Options& options) {
  if (options.doctor) return doctor();
  if (options.list_counters) list_events(*options.list_counters);
  const std::string directory = options.bin_dir.empty()
                                    ? std::filesystem::path(own_path()).parent_path().string()
                                    : options.bin_dir;
  BenchPrograms programs(signals, directory, options);
  if (options.list) {
    std::string names;
    for (const Case& c : select_cases(programs, options)) names += c.name + "\n";
    print(names);
    return kExitOk;
  }
  return measure(signals, programs, options);
}

// The journal is what can be gone on with; without one nothing had been begun.
void say_how_to_resume(const Options& options) {
  if (access((options.out + ".journal").c_str(), F_OK) != 0) return;
  say(fmt::format("what was measured is kept; go on with\n  {}\n", resume_command(options)));
}

}  // namespace
}  // namespace forkcost::runner

int main(int argc, char** argv) {
  using namespace forkcost;
  std::optional<runner::Options> options;
  const auto fail = [&](const char* what, int status) {
    runner::say(fmt::format("forkcost-run: {}\n", what));
    return status;
  };
  int signal = 0;
  try {
    options = runner::parse_options(argc, argv);
    if (!options) return kExitOk;
    runner::Signals signals;
    try {
      return runner::run(signals, *options);
    } catch (const runner::Interrupted& interrupted) {
      signal = interrupted.signal;
    } catch (const Failure& error) {
      fail(error.what(), 0);
      runner::say_how_to_resume(*options);
      return kExitCannotAnswer;
    }
  } catch (const UsageError& error) {
    return fail(error.what(), kExitUsage);
  } catch (const std::exception& error) {
    return fail(error.what(), kExitCannotAnswer);
  }
  runner::say("\nstopped\n");
  runner::say_how_to_resume(*options);
  runner::die_of(signal);
  return 128 + signal;
}
