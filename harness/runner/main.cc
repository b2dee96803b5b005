// forkcost-run: the cases of all bench programs, many rounds, one result file.
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
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
#include "harness/result_document.h"
#include "harness/result_file.h"
#include "harness/runner/bench.h"
#include "harness/runner/case_table.h"
#include "harness/runner/doctor.h"
#include "harness/runner/document.h"
#include "harness/runner/figures.h"
#include "harness/runner/journal.h"
#include "harness/runner/merge.h"
#include "harness/runner/options.h"
#include "harness/runner/plan.h"
#include "harness/runner/process.h"
#include "harness/runner/progress.h"
#include "harness/runner/remarks.h"
#include "harness/runner/resolution.h"
#include "harness/runner/rounds.h"
#include "harness/runner/summary.h"
#include "harness/runner/text.h"
#include "harness/runner/until.h"
#include "harness/scratch_name.h"
#include "harness/warnings.h"

namespace forkcost::runner {
namespace {

// How long the CPUs are watched for others' work and for steal time.
constexpr std::chrono::milliseconds kWatch(200);
constexpr size_t kNearNames = 5;

std::filesystem::path own_path() {
  return std::filesystem::read_symlink("/proc/self/exe");
}

void print(const std::string& text) {
  if (std::fputs(printable(text).c_str(), stdout) == EOF || std::fflush(stdout) == EOF) {
    throw_errno("writing to stdout", errno, "the result file is not affected");
  }
}

[[noreturn]] void refuse_filter(BenchPrograms& programs, const std::vector<PlannedCase>& cases,
                                const Options& options) {
  std::string message = fmt::format("no case of preset {} matches --filter '{}'",
                                    options.get<"--preset">(), options.get<"--filter">());
  if (const size_t others =
          filter_cases(programs.list_cases("full").cases, options.get<"--filter">()).size()) {
    throw UsageError(
        fmt::format("{}, but {} of preset full do; add --preset full", message, others));
  }
  message += "; the nearest are";
  std::set<std::string> names;
  for (const PlannedCase& c : cases) names.insert(c.name);
  for (const std::string& name :
       near_names({names.begin(), names.end()}, options.get<"--filter">(), kNearNames)) {
    message += "\n  " + name;
  }
  throw UsageError(message + "\n--list shows all");
}

// What only one side can do is left out, and told.
std::vector<PlannedCase> select_pairs(const std::vector<PlannedCase>& cases,
                                      const Options& options) {
  std::vector<PlannedCase> alone;
  std::vector<PlannedCase> paired = pair_cases(cases, alone);
  std::string text;
  for (const PlannedCase& c : alone) text += fmt::format("\n  {}: {}", side_name(c.side), c.name);
  if (paired.empty()) {
    throw UsageError("the two sides have no case in common; only one side has" + text);
  }
  if (!alone.empty() && !options.get<"--quiet">()) {
    say(fmt::format("not measured, only one side has them:{}\n\n", text));
  }
  return paired;
}

CaseList select_cases(BenchPrograms& programs, const Options& options) {
  CaseList listed = programs.list_cases(options.get<"--preset">());
  const std::vector<PlannedCase>& cases = listed.cases;
  const std::vector<PlannedCase> selected = filter_cases(cases, options.get<"--filter">());
  if (cases.empty()) {
    throw UsageError(fmt::format("preset {} has no case here; see --heap and --max-heap",
                                 options.get<"--preset">()));
  }
  if (selected.empty()) refuse_filter(programs, cases, options);
  listed.cases = options.get<"--interleave">().empty() ? selected : select_pairs(selected, options);
  return listed;
}

void check_file(const std::string& path, bool may_exist) {
  struct stat status {};
  const bool exists = stat(path.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    throw UsageError(
        fmt::format("--out {}: not a regular file; the journal of the run and the "
                    "result need one",
                    path));
  }
  if (exists && !may_exist) {
    throw UsageError(
        fmt::format("{} exists; overwrite it with --force, or name another with --out", path));
  }
  require_writable(path);
}

// Before anything is measured: it would be a pity afterwards.
void check_output(const Options& options, const std::string& journal, bool may_exist) {
  for (const std::string& file : output_files(options)) check_file(file, may_exist);
  if (options.get<"--force">() && !options.get<"--resume">() && unlink(journal.c_str()) != 0 &&
      errno != ENOENT) {
    throw_errno("removing the old journal " + journal, errno);
  }
}

uint64_t choose_seed(const Options& options) {
  if (const auto& seed = options.get<"--seed">()) return *seed;
  std::random_device source;
  return source();  // 32 bits: short enough to type again
}

// The plan of this call, without cases.
Plan plan_of_call(const Options& options, const std::vector<InterleavedSide>& sides,
                  const nlohmann::json& environment) {
  const nlohmann::json kernel = environment.value("kernel", nlohmann::json::object());
  Plan plan;
  plan.settings = static_cast<const Settings&>(options);
  plan.settings.get<"--seed">() = choose_seed(options);
  plan.suite = Json(describe_suite());
  plan.kernel = kernel.value("release", "") + " " + kernel.value("version", "");
  plan.started = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  if (!options.get<"--interleave">().empty()) {
    std::random_device source;
    plan.sides = sides;
    plan.session = fmt::format("{:08x}{:08x}", source(), source());
  }
  return plan;
}

Journal open_journal(BenchPrograms& programs, const Options& options, const std::string& path,
                     Plan plan) {
  if (!options.get<"--resume">()) {
    if (access(path.c_str(), F_OK) != 0) {
      CaseList selected = select_cases(programs, options);
      plan.cases = std::move(selected.cases);
      plan.answer = std::move(selected.answer);
      plan.tables = programs.tables();
    }
    require_unique(plan.cases);
    return Journal::create(path, plan);
  }
  Journal journal = Journal::open_existing(path);
  require_same(journal.contents().plan, plan, options.get<"--seed">().has_value());
  return journal;
}

// Shows progress and keeps what was measured.
class Recorder : public Observer {
 public:
  Recorder(Signals& signals, Journal& journal, Progress& progress, bool quiet)
      : signals_(signals), journal_(journal), progress_(progress), quiet_(quiet) {}

  void next(const PlannedCase& which, const Position& position) override {
    signals_.check();
    progress_.next(which.name, position);
  }
  void finished(const Record& record, const Json& context) override {
    journal_.append(record, context);
  }
  void allocated(const std::vector<CaseNoise>& cases, const std::vector<double>& rounds) override {
    if (quiet_) return;
    progress_.clear();
    say(foresee(cases, rounds, journal_.contents().plan.side_count()));
  }

 private:
  Signals& signals_;
  Journal& journal_;
  Progress& progress_;
  bool quiet_;
};

// A side without figures is no answer either: there is nothing to compare.
int exit_status(const std::vector<Json>& documents) {
  int status = kExitOk;
  for (const Json& document : documents) {
    const Json& unmeasured = document.at("unmeasured");
    if (std::any_of(unmeasured.begin(), unmeasured.end(),
                    [](const Json& entry) { return status_of(entry) == "failed"; })) {
      return kExitBadNews;
    }
    if (document.at("benchmarks").empty()) status = kExitCannotAnswer;
  }
  return status;
}

// All of them or none.
void write_files(const std::vector<std::string>& files, const std::vector<Json>& documents) {
  for (size_t i = 0; i < files.size(); ++i) {
    try {
      write_document(files[i], documents[i]);
    } catch (...) {
      for (size_t written = 0; written < i; ++written) unlink(files[written].c_str());
      throw;
    }
  }
}

void warn_before(const Plan& plan, const nlohmann::json& environment, const Options& options) {
  if (options.get<"--quiet">()) return;
  uint64_t largest = 0;
  for (const PlannedCase& c : plan.cases) largest = std::max(largest, c.heap_bytes());
  const auto warnings = find_warnings(environment, largest);
  if (warnings.empty()) return;
  say(format_warnings(warnings, false) + "(forkcost-run --doctor lists the remedies)\n\n");
}

// A pipe has no width: what is written there is read later, at the width that mail and logs have.
Screen screen_of(int descriptor) {
  constexpr size_t kLeastWidth = 40;
  Screen screen;
  if (isatty(descriptor) != 1) return screen;
  const size_t width = terminal_width(descriptor).value_or(80);
  screen.width = std::clamp(width, kLeastWidth, screen.width);
  return screen;
}

// Every case: in columns on a terminal, else for a program, whose input nothing else may be.
void print_table(const std::vector<Json>& documents, const std::vector<std::string>& files) {
  const std::vector<Figures> runs(documents.begin(), documents.end());
  if (isatty(STDOUT_FILENO) != 1) {
    print(case_tsv(runs));
    say(fmt::format("{}\n", fmt::join(files, "\n")));
    return;
  }
  const size_t width = terminal_width(STDOUT_FILENO).value_or(80);
  Lines lines = case_table(runs, width, SIZE_MAX).lines;
  append(lines, list_unmeasured(runs, width));
  if (!lines.empty() && lines.front().empty()) lines.erase(lines.begin());  // nothing was measured
  append(lines, files);
  print(fmt::format("{}\n", fmt::join(lines, "\n")));
}

void print_end(const std::vector<Json>& documents, const std::vector<std::string>& files,
               const Options& options) {
  if (options.get<"--table">()) {
    print_table(documents, files);
  } else if (options.get<"--quiet">()) {
    print(fmt::format("{}\n", fmt::join(files, "\n")));
  } else {
    print(summarize(documents, files, screen_of(STDOUT_FILENO)));
  }
}

// What there is to say of a run that is to tell whether something changed; else nothing.
std::string describe_end(const Plan& plan, const Rounds& rounds) {
  if (rounds.test()) return describe_verdicts(*rounds.test(), rounds.seconds());
  if (!plan.allocates()) return "";
  return look_back(rounds.estimates().series(rounds.samples(), rounds.rounds_done()),
                   plan.side_count());
}

int measure(Signals& signals, const std::vector<InterleavedSide>& sides, BenchPrograms& programs,
            const Options& options) {
  const std::string journal_path = options.get<"--out">() + ".journal";
  if (!options.get<"--resume">()) check_output(options, journal_path, options.get<"--force">());
  remove_dead_scratch();
  const nlohmann::json environment = describe_environment(kWatch);
  Journal journal =
      open_journal(programs, options, journal_path, plan_of_call(options, sides, environment));
  if (options.get<"--resume">()) {
    check_output(options, journal_path, options.get<"--force">() || journal.contents().finished);
  }
  const Plan plan = journal.contents().plan;
  warn_before(plan, environment, options);

  Rounds rounds(plan, journal.contents().records);
  Progress progress(options.get<"--quiet">(), plan.planned_rounds());
  Recorder recorder(signals, journal, progress, options.get<"--quiet">());
  rounds.run(programs, recorder);

  RunFacts facts{own_path(), options.command, rounds.rounds_done(), options.get<"--resume">(),
                 Json(environment)};
  if (plan.allocates()) facts.samples = rounds.samples();
  if (rounds.test()) facts.until = describe_until(*rounds.test(), plan.target_seconds());
  std::vector<Json> documents;
  JournalContents contents = journal.take_contents();
  for (size_t side = 0; side < sides.size(); ++side) {
    documents.push_back(merge(contents, facts, side));
  }
  const std::vector<std::string> files = output_files(options);
  journal.finish();
  write_files(files, documents);
  journal.remove();

  progress.clear();
  // The last line is the name of the file, which scripts take from there.
  if (!options.get<"--table">() && !options.get<"--quiet">()) print(describe_end(plan, rounds));
  print_end(documents, files, options);
  return exit_status(documents);
}

// Two files are two sides only if they were measured in turns; else the machine's drift is all
// that they show.
void require_one_session(const std::vector<Json>& documents) {
  static const Json::json_pointer kSession("/context/forkcost/run/interleaved/session");
  const auto session = [](const Json& document) { return document.value(kSession, ""); };
  if (documents.size() < 2) return;
  if (session(documents[0]).empty() || session(documents[0]) != session(documents[1])) {
    throw UsageError(
        "--show: the two files are not the sides of one --interleave; show one, or "
        "compare them by forkcost compare");
  }
}

// Files of before the answer was declared in them have it from the programs here.
void add_answer(Signals& signals, Json& document, const Options& options, const std::string& file) {
  Json& about = document["context"]["forkcost"];
  if (about.contains("answer")) return;
  const std::string directory = own_path().parent_path();
  try {
    Options listing;
    listing.get<"--preset">() = "smoke";
    BenchPrograms programs(
        signals,
        {{options.get<"--bin-dir">().empty() ? directory : options.get<"--bin-dir">(), ""}},
        listing);
    about["answer"] = programs.list_cases(listing.get<"--preset">()).answer;
  } catch (const UsageError& error) {
    throw UsageError(fmt::format(
        "{} does not say what to show of it, as it was written by an older suite, and no bench "
        "program here does ({}); name their directory by --bin-dir, or use --table",
        file, error.what()));
  }
}

int show(Signals& signals, const Options& options) {
  std::vector<Json> documents;
  for (const std::string& file : options.get<"--show">()) {
    Json& document = documents.emplace_back(read_document(file));
    if (!options.get<"--table">()) add_answer(signals, document, options, file);
    if (!options.get<"--filter">().empty()) filter_document(document, options.get<"--filter">());
  }
  require_one_session(documents);
  try {
    print_end(documents, options.get<"--show">(), options);
  } catch (const Json::exception& error) {
    throw UsageError(fmt::format("{}: damaged ({}); measure anew",
                                 fmt::join(options.get<"--show">(), ", "), error.what()));
  } catch (const UsageError& error) {
    throw UsageError(
        fmt::format("{}: the answer that it declares: {}; use the forkcost-run of the "
                    "suite that wrote it, or --table",
                    fmt::join(options.get<"--show">(), ", "), error.what()));
  }
  return kExitOk;
}

int run(Signals& signals, const Options& options) {
  if (options.get<"--doctor">()) {
    print(examine_machine(kWatch));
    return kExitOk;
  }
  if (!options.get<"--show">().empty()) return show(signals, options);
  if (options.get<"--list-counters">()) list_events(*options.get<"--list-counters">());
  const std::vector<InterleavedSide> sides = find_sides(options, own_path().parent_path());
  BenchPrograms programs(signals, sides, options);
  if (options.get<"--list">()) {
    std::string names;
    for (const PlannedCase& c : select_cases(programs, options).cases) {
      if (c.side == 0) names += c.name + "\n";
    }
    print(names);
    return kExitOk;
  }
  return measure(signals, sides, programs, options);
}

// The journal is what can be gone on with; without one nothing had been begun.
void say_how_to_resume(const Options& options) {
  if (access((options.get<"--out">() + ".journal").c_str(), F_OK) != 0) return;
  say(fmt::format("what was measured is kept; resume with\n  {}\n", resume_command(options)));
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
