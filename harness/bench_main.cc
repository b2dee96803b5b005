// main() of every bench binary: Google Benchmark's flags, ours, and the result file.
//
// A main of our own: since 1.9.3 Google Benchmark's turns address-space randomisation off and runs
// the program again, which changes what exec and loader cases measure.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <regex>
#include <set>

#include "harness/answer_rows.h"
#include "harness/environment.h"
#include "harness/error.h"
#include "harness/events.h"
#include "harness/flags.h"
#include "harness/google_benchmark.h"
#include "harness/measurement.h"
#include "harness/memory.h"
#include "harness/profile.h"
#include "harness/reporter.h"
#include "harness/result_document.h"
#include "harness/result_file.h"
#include "harness/size.h"
#include "harness/turns.h"
#include "harness/yardsticks.h"

namespace forkcost {
namespace {

struct Options : Settings {
  MeasureOptions measure;
  std::string out;           // --benchmark_out, when the format is JSON
  std::string filter;        // --benchmark_filter
  std::string other_format;  // --benchmark_out_format, when it is not
  std::vector<std::string> command;
};

void add_help(CLI::App& app) {
  app.set_version_flag("--version", [] {
    const nlohmann::json suite = describe_suite();
    return fmt::format("{} ({})", suite["version"].get<std::string>(),
                       suite["revision"].get<std::string>());
  });
  app.footer(
      "All of Google Benchmark's flags work too: --benchmark_filter=REGEX, "
      "--benchmark_list_tests, --benchmark_out=FILE, --benchmark_repetitions=N, ...");
}

// Takes `--name=value` out of `arguments`; without it, the value is that of the environment
// variable by which Google Benchmark knows the flag, too.
std::string take_flag(std::vector<std::string>& arguments, const std::string& name,
                      const char* variable) {
  const char* const from_environment = std::getenv(variable);
  std::string value = from_environment != nullptr ? from_environment : "";
  std::erase_if(arguments, [&](const std::string& argument) {
    if (!argument.starts_with(name + "=")) return false;
    value = argument.substr(name.size() + 1);
    return true;
  });
  return value;
}

// JSON is ours, written whole at the end: Google Benchmark would truncate the file at the start,
// and leave out what we add. Other formats are its own, with our figures.
void take_output(std::vector<std::string>& arguments, Options& options) {
  const std::string out = take_flag(arguments, "--benchmark_out", "BENCHMARK_OUT");
  const std::string format = take_flag(arguments, "--benchmark_out_format", "BENCHMARK_OUT_FORMAT");
  const bool json = format.empty() || format == "json";
  if (json) {
    options.out = out;
  } else if (!out.empty()) {
    options.other_format = format;
  }
  arguments.push_back("--benchmark_out=" + (json ? "" : out));
  arguments.push_back("--benchmark_out_format=" + (json ? "json" : format));
}

Options parse(int argc, char** argv) {
  Options options;
  options.command.assign(argv, argv + argc);
  std::vector<std::string> arguments = options.command;
  CLI::App app(fmt::format("forkcost: {}", std::filesystem::path(argv[0]).filename().string()));
  add_flags(app, Program::kBench, options);
  add_help(app);
  take_output(arguments, options);
  options.filter = take_flag(arguments, "--benchmark_filter", "BENCHMARK_FILTER");
  arguments.push_back("--benchmark_filter=.");  // we apply it, see keep_matching()
  // One call of a case takes all of its samples, so Google Benchmark must not try again with more.
  const std::string min_time = take_flag(arguments, "--benchmark_min_time", "BENCHMARK_MIN_TIME");
  arguments.push_back("--benchmark_min_time=" + min_time_value(min_time.empty() ? "0" : min_time));
  // --help goes to ours, which names both kinds of flags.
  std::vector<char*> theirs = {argv[0]}, ours = {argv[0]};
  for (size_t i = 1; i < arguments.size(); ++i) {
    const bool is_theirs =
        arguments[i].starts_with("--benchmark_") || arguments[i].starts_with("--v=");
    (is_theirs ? theirs : ours).push_back(arguments[i].data());
  }
  int left = static_cast<int>(theirs.size());
  theirs.push_back(nullptr);
  benchmark::Initialize(&left, theirs.data());
  if (left > 1) throw UsageError(fmt::format("unknown flag {}; see --help", theirs[1]));
  try {
    app.parse(static_cast<int>(ours.size()), ours.data());
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);  // prints help, version or what is wrong
    std::exit(status == 0 ? kExitOk : kExitUsage);
  }
  return options;
}

// How to measure, as the flags say it; a wrong name of an event is told before anything is
// measured.
void choose_measure(Options& options) {
  MeasureOptions& measure = options.measure;
  if (!options.get<"--cpu">()) options.get<"--cpu">() = allowed_cpus().back();
  measure.cpu = *options.get<"--cpu">();
  measure.budget_ms = options.get<"--budget-ms">().value_or(measure.budget_ms);
  measure.samples = options.get<"--samples">().value_or(measure.samples);
  measure.time_limit_s = options.get<"--time-limit-s">().value_or(measure.time_limit_s);
  const std::optional<std::string>& counters = options.get<"--counters">();
  measure.count = counters.has_value();
  if (counters && !counters->empty()) measure.counters = encode_events(*counters);
  const std::optional<std::string>& profile = options.get<"--profile">();
  measure.profile = profile.has_value();
  if (!profile || profile->empty()) return;
  std::vector<Event> events = encode_events(*profile);
  if (events.size() != 1) throw UsageError(fmt::format("--profile={}: one event", *profile));
  require_period(events.front());
  measure.profile_event = std::move(events.front());
}

// Google Benchmark's filter, which it would apply to the names alone: a case is also found by the
// axes that its name leaves out, as in forkcost-run. A `-` in front takes the others.
void keep_matching(std::vector<Case>& cases, const std::string& filter) {
  if (filter.empty() || filter == "all") return;
  const bool others = filter.starts_with('-');
  try {
    const std::regex pattern(filter.substr(others ? 1 : 0), std::regex::extended);
    std::erase_if(cases, [&](const Case& c) {
      const bool found =
          std::regex_search(c.name(), pattern) || std::regex_search(c.full_name(), pattern);
      return found == others;
    });
  } catch (const std::regex_error& error) {
    throw UsageError(
        fmt::format("--benchmark_filter={} is not a regular expression: {}", filter, error.what()));
  }
}

// A default that is left out must not make two cases one.
void require_unique_names(const std::vector<Case>& cases) {
  std::set<std::string> names;
  for (const Case& c : cases) {
    if (!names.insert(c.name()).second) {
      throw Failure(
          fmt::format("two cases have the name '{}': {} is one of them", c.name(), c.full_name()));
    }
  }
}

std::vector<Case> select_cases(const Options& options) {
  std::vector<HeapSize> heaps = default_heaps(read_memory().available);
  if (!options.get<"--heap">().empty()) {
    heaps.clear();
    std::vector<uint64_t> sizes = parse_sizes(options.get<"--heap">());
    std::ranges::sort(sizes);
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
    for (const uint64_t bytes : sizes) heaps.push_back({bytes, Preset::kSmoke});
  }
  if (!options.get<"--max-heap">().empty()) {
    const uint64_t most = parse_size(options.get<"--max-heap">());
    std::erase_if(heaps, [&](const HeapSize& heap) { return heap.bytes > most; });
  }
  std::vector<Case> cases = register_cases(heaps);
  require_unique_names(cases);
  if (!options.get<"--case">().empty()) {
    // By its full name, too: older files and scripts have it.
    std::erase_if(cases, [&](const Case& c) {
      return c.name() != options.get<"--case">() && c.full_name() != options.get<"--case">();
    });
    if (cases.empty()) {
      throw UsageError(
          fmt::format("there is no case '{}'; --benchmark_list_tests "
                      "--benchmark_filter=. lists all",
                      options.get<"--case">()));
    }
  }
  keep_matching(cases, options.filter);
  const bool all = !options.filter.empty() || !options.get<"--case">().empty();
  if (options.get<"--preset">() == kGate) {
    std::erase_if(cases, [](const Case& c) { return c.core.empty(); });
  } else if (!options.get<"--preset">().empty() || !all) {
    const Preset preset = options.get<"--preset">().empty()
                              ? Preset::kQuick
                              : parse_preset(options.get<"--preset">());
    std::erase_if(cases, [&](const Case& c) { return c.preset > preset; });
  }
  return cases;
}

void list_cases(const std::vector<Case>& cases, const std::string& binary) {
  Json list = Json::array();
  for (const Case& c : cases) {
    list.push_back({{"name", c.name()},
                    {"full_name", c.full_name()},
                    {"benchmark", c.benchmark},
                    {"axes", describe_axes_of(c)},
                    {"preset", preset_name(c.preset)}});
    if (c.arena) list.back()["heap_bytes"] = c.arena->bytes;
    if (!c.core.empty()) list.back()["core"] = c.core;
  }
  const Json all = {{"binary", binary},
                    {"schema", kSchema},
                    {"axes", describe_axes()},
                    {"quantities", describe_quantities()},
                    {"yardsticks", describe_yardsticks()},
                    {"cases", list},
                    {"answer", Json(to_json(answer_sections()))}};
  std::cout << all.dump(1) << '\n';
}

void register_with_google_benchmark(const std::vector<Case>& cases, const MeasureOptions& options,
                                    std::vector<CaseResult>& results) {
  for (const Case& c : cases) {
    benchmark::RegisterBenchmark(c.name().c_str(), [&](benchmark::State& state) {
      // One batch is one call of measure(), however many iterations --benchmark_min_time asks for.
      while (state.KeepRunningBatch(state.max_iterations)) {
        results.push_back(measure(c, options, static_cast<size_t>(state.max_iterations)));
      }
      const CaseResult& result = results.back();
      state.counters[kResultCounter] = static_cast<double>(results.size() - 1);
      if (result.samples == 0) {
        state.SkipWithError(result.entry["outcome"]["reason"].get<std::string>().c_str());
      }
    });
  }
}

// Our part of the context, without the tables.
Json describe_context(const Options& options, const std::string& program, std::time_t started) {
  char time[32];
  std::tm utc{};
  std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&started, &utc));
  Json run = {{"program", program},
              {"command", options.command},
              {"started", time},
              {"seconds", std::time(nullptr) - started}};
  run.update(describe_settings(options, KeptIn::kEveryFile));
  return {{"schema", kSchema},
          {"suite", describe_suite()},
          {"run", std::move(run)},
          {"clock", describe_clock()},
          {"environment", describe_environment()},
          {"answer", to_json(answer_sections())}};
}

// The reporter behind --benchmark_out_format.
std::unique_ptr<benchmark::BenchmarkReporter> make_file_reporter(const std::string& format) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // as long as they offer the format
  if (format == "csv") return std::make_unique<benchmark::CSVReporter>();
#pragma GCC diagnostic pop
  if (format == "console") {
    return std::make_unique<benchmark::ConsoleReporter>(benchmark::ConsoleReporter::OO_None);
  }
  throw UsageError(
      fmt::format("--benchmark_out_format={}: there are json, csv and console", format));
}

// Runs what the filter leaves; how many cases that are.
size_t run_benchmarks(Reporter& display, const Options& options,
                      const std::vector<CaseResult>& results) {
  if (options.other_format.empty()) return benchmark::RunSpecifiedBenchmarks(&display);
  Reporter file(results, make_file_reporter(options.other_format));
  return benchmark::RunSpecifiedBenchmarks(&display, &file);
}

int exit_status(const std::vector<CaseResult>& results) {
  const auto has = [&](const char* status) {
    return std::ranges::any_of(results, [&](const CaseResult& result) {
      return result.entry["outcome"]["status"] == status;
    });
  };
  if (has("failed")) return kExitBadNews;
  return has("ok") ? kExitOk : kExitCannotAnswer;
}

int run(int argc, char** argv) {
  Options options = parse(argc, argv);
  if (const auto& pattern = options.get<"--list-counters">()) list_events(*pattern);
  check_settings(options);
  if (const std::string& known = options.get<"--clock">(); !known.empty()) use_clock_of(known);
  choose_measure(options);
  const std::vector<Case> cases = select_cases(options);
  const std::string program = std::filesystem::path(argv[0]).filename().string();
  if (options.get<"--list-cases">()) {
    list_cases(cases, program);
    return kExitOk;
  }
  if (!options.out.empty()) require_writable(options.out);
  std::optional<Turns> turns;
  if (!options.get<"--turns">().empty()) turns.emplace(options.get<"--turns">());
  if (turns) options.measure.turns = &*turns;
  std::vector<CaseResult> results;
  register_with_google_benchmark(cases, options.measure, results);
  Reporter display(results, std::unique_ptr<benchmark::BenchmarkReporter>(
                                benchmark::CreateDefaultDisplayReporter()));
  const std::time_t started = std::time(nullptr);
  if (run_benchmarks(display, options, results) == 0) {
    throw UsageError(
        "the filter matches no case; --benchmark_list_tests lists them (and "
        "--benchmark_filter=. all of them)");
  }
  if (results.empty()) return kExitOk;  // --benchmark_list_tests
  if (!options.out.empty()) {
    Json context = {{"forkcost", {{"schema", kSchema}}}};
    if (options.get<"--clock">().empty()) {
      context = display.context();
      context["forkcost"] = describe_context(options, program, started);
    }
    write_document(options.out, make_document(std::move(context), results));
  }
  return exit_status(results);
}

}  // namespace
}  // namespace forkcost

int main(int argc, char** argv) {
  try {
    return forkcost::run(argc, argv);
  } catch (const forkcost::UsageError& error) {
    std::cerr << argv[0] << ": " << error.what() << '\n';
    return forkcost::kExitUsage;
  } catch (const std::exception& error) {
    std::cerr << argv[0] << ": " << error.what() << '\n';
    return forkcost::kExitCannotAnswer;
  }
}
