#include "harness/runner/options.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>

#include "harness/environment.h"
#include "harness/error.h"
#include "harness/runner/preset.h"
#include "harness/size.h"

namespace forkcost::runner {
namespace {

constexpr const char* kFooter =
    "Exit status: 0 fine; 1 a case failed; 2 the call is wrong; 3 nothing could be measured (of "
    "one\n"
    "side, with --interleave).\n"
    "Examples: forkcost-run --preset quick --filter heap:1GiB --out run.json\n"
    "          forkcost-run --interleave build/old build/new --out change.json\n"
    "          forkcost-run --interleave env: env:LD_PRELOAD=libx.so --filter ^fork --out x.json\n"
    "          forkcost-run --show run.json";

// A flag that may have a value: `value` is empty with the flag alone.
void add_flag_with_value(CLI::App& app, const std::string& name, std::optional<std::string>& value,
                         const std::string& description) {
  app.add_option_function<std::vector<std::string>>(
         name,
         [&value](const std::vector<std::string>& given) {
           value = given.empty() ? "" : given.front();
         },
         description)
      ->expected(0, 1)
      ->type_name("TEXT");
}

void add_flags(CLI::App& app, Options& options) {
  app.add_option("--preset", options.preset,
                 "smoke (seconds), quick (2 min), standard (15 min) or full")
      ->capture_default_str();
  app.add_option(
      "--out", options.out,
      "Result file, compressed if it ends in .gz (default: forkcost-<UTC date-time>.json)");
  app.add_option(
      "--filter", options.filter,
      "Only cases whose name, with or without the axes that have their default, this regular "
      "expression finds");
  app.add_option("--rounds", options.rounds, "Exactly this many rounds (default: the preset's)")
      ->check(CLI::Range(1, 100000));
  app.add_option("--heap", options.heap, "These heap sizes in place of the preset's: 3GiB,37GiB");
  app.add_option("--max-heap", options.max_heap, "Leave out larger heaps");
  app.add_option("--cpu", options.cpu, "The parent's CPU (default: the last one allowed)");
  app.add_option("--seed", options.seed, "Seed for the order of cases (default: random; recorded)")
      ->check(CLI::NonNegativeNumber);  // CLI11 would take -5 for 2^64 - 5
  app.add_option("--time-limit-s", options.time_limit_s,
                 "A case that takes longer in one round has failed (default: the preset's)")
      ->check(CLI::PositiveNumber);
  app.add_option("--bin-dir", options.bin_dir,
                 "Where the bench_* programs are (default: beside this one)");
  app.add_option("--interleave", options.interleave,
                 "Interleave two builds or settings, so that drift affects both alike, into "
                 "FILE-a.json and FILE-b.json; takes twice as long. A side is a directory (of "
                 "bench_* programs, or the prefix of a suite) or env:NAME=VALUE: the programs of "
                 "--bin-dir with this in their environment (env: alone: as they are)")
      ->type_name("SIDE")
      ->expected(2);
  add_flag_with_value(app, "--counters", options.counters,
                      "After the times of each case, count these events per operation (default: "
                      "those that fit): --counters=cycles:u,instructions:k,page-faults");
  add_flag_with_value(app, "--profile", options.profile,
                      "After that, sample which kernel functions the time goes to, by this event "
                      "(default: cycles, or cpu-clock where there is no PMU)");
  add_flag_with_value(app, "--list-counters", options.list_counters,
                      "Print the events that libpfm4 knows and what opens here, and exit");
  app.add_flag("--list", options.list, "Print the names of the cases and exit");
  app.add_flag("--resume", options.resume, "Go on with an interrupted run of the same --out");
  app.add_flag("--force", options.force, "Overwrite the result file or journal that is there");
  app.add_flag("--doctor", options.doctor,
               "Check this machine for sources of noise and missing privileges, and exit");
  app.add_flag("--table", options.table,
               "Print every case in place of the answer: as many columns as the terminal has room "
               "for; tab-separated, with all quantities, into a pipe");
  app.add_flag("--quiet", options.quiet,
               "Print nothing but errors and the name of the result file");
  CLI::Option* const show =
      app.add_option("--show", options.show,
                     "Measure nothing: show the answer of this result file, or with --table its "
                     "cases (of those that --filter finds). Of an interleaved run give both files")
          ->type_name("FILE")
          ->expected(1, 2);
  for (const char* measuring :
       {"--preset", "--out", "--rounds", "--heap", "--max-heap", "--cpu", "--seed",
        "--time-limit-s", "--interleave", "--counters", "--profile", "--list-counters", "--list",
        "--resume", "--force", "--doctor", "--quiet"}) {
    show->excludes(app.get_option(measuring));
  }
}

void check_cpu(int cpu) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  check(sched_getaffinity(0, sizeof allowed, &allowed), "asking for the allowed CPUs");
  if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET(static_cast<size_t>(cpu), &allowed)) {
    throw UsageError(
        fmt::format("--cpu {}: not in the affinity mask; taskset -p $$ shows it", cpu));
  }
}

bool is_setting(const std::string& side) {
  return side.starts_with(kSettingPrefix);
}

void check_sides(const Options& options) {
  const auto& sides = options.interleave;
  for (const std::string& side : sides) {
    if (side.empty()) {
      throw UsageError(
          "--interleave '': no side; name a directory, or write env: alone for the programs as "
          "they "
          "are");
    }
    if (!is_setting(side) || side == kSettingPrefix) continue;
    const std::string name = side.substr(kSettingPrefix.size());
    if (name.find('=') == std::string::npos || name.starts_with('=')) {
      throw UsageError(fmt::format(
          "--interleave {}: not a setting; write env:NAME=VALUE, as in env:LD_BIND_NOW=1, or env: "
          "alone for none",
          side));
    }
  }
  if (!sides.empty() && !options.bin_dir.empty() &&
      std::none_of(sides.begin(), sides.end(), is_setting)) {
    throw UsageError(
        "--bin-dir is where a side env:… has its programs, and --interleave names directories for "
        "both; leave --bin-dir out");
  }
}

// For a shell: as it is where that is safe, in single quotes elsewhere.
std::string quoted(const std::string& text) {
  constexpr const char* kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%";
  if (!text.empty() && text.find_first_not_of(kSafe) == std::string::npos) return text;
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') {
      result += R"('\'')";
    } else {
      result += c;
    }
  }
  return result + "'";
}

}  // namespace

std::optional<Options> parse_options(int argc, const char* const* argv) {
  Options options;
  options.command.assign(argv, argv + argc);
  CLI::App app(
      "Measures what it costs to make a process on this machine: runs every case of the\n"
      "bench_* programs, each round of each case in a fresh process, in random order.",
      "forkcost-run");
  app.footer(kFooter);
  const nlohmann::json suite = describe_suite();
  app.set_version_flag("--version",
                       fmt::format("forkcost-run {} ({})", suite["version"].get<std::string>(),
                                   suite["revision"].get<std::string>()));
  add_flags(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      throw UsageError(fmt::format("{}; see forkcost-run --help", error.what()));
    }
    app.exit(error);  // prints the help or the version
    return std::nullopt;
  }
  find_preset(options.preset);
  if (!options.heap.empty()) parse_sizes(options.heap);
  if (!options.max_heap.empty()) parse_size(options.max_heap);
  if (options.cpu) check_cpu(*options.cpu);
  check_sides(options);
  if (options.resume && options.out.empty()) {
    throw UsageError("--resume needs --out: the file of the run that was interrupted");
  }
  if (options.out.empty()) {
    options.out = fmt::format("forkcost-{:%Y%m%dT%H%M%SZ}.json", fmt::gmtime(std::time(nullptr)));
  }
  return options;
}

std::vector<std::string> output_files(const Options& options) {
  if (options.interleave.empty()) return {options.out};
  std::string extension;
  for (const char* known : {".json", ".json.gz"}) {
    if (options.out.ends_with(known)) extension = known;
  }
  const std::string stem = options.out.substr(0, options.out.size() - extension.size());
  return {stem + "-a" + extension, stem + "-b" + extension};
}

std::string resume_command(const Options& options) {
  std::string line = quoted(options.command.empty() ? "forkcost-run" : options.command[0]);
  const auto add = [&](const char* flag, const std::string& value) {
    if (!value.empty()) line += fmt::format(" {} {}", flag, quoted(value));
  };
  add("--preset", options.preset);
  add("--filter", options.filter);
  add("--heap", options.heap);
  add("--max-heap", options.max_heap);
  add("--bin-dir", options.bin_dir);
  if (!options.interleave.empty()) {
    line += fmt::format(" --interleave {} {}", quoted(options.interleave[0]),
                        quoted(options.interleave[1]));
  }
  if (options.rounds) add("--rounds", std::to_string(*options.rounds));
  if (options.cpu) add("--cpu", std::to_string(*options.cpu));
  if (options.time_limit_s) add("--time-limit-s", fmt::format("{}", *options.time_limit_s));
  // With `=`: their values may be left out.
  const auto add_with_value = [&](const char* flag, const std::optional<std::string>& value) {
    if (value) line += " " + quoted(flag + (value->empty() ? "" : "=" + *value));
  };
  add_with_value("--counters", options.counters);
  add_with_value("--profile", options.profile);
  add("--out", options.out);
  if (options.force) line += " --force";
  if (options.table) line += " --table";
  if (options.quiet) line += " --quiet";
  return line + " --resume";
}

}  // namespace forkcost::runner
