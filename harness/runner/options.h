// The command line of forkcost-run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace forkcost::runner {

// Of a side that is a setting, not a directory.
inline constexpr std::string_view kSettingPrefix = "env:";

struct Options {
  std::string preset = "quick";
  std::string out;
  std::string filter;
  std::string heap;  // as typed; both were checked to be sizes
  std::string max_heap;
  std::string bin_dir;  // empty: where this program lies
  // Two sides: directories of bench programs, or env:NAME=VALUE. Empty: a run of one suite.
  std::vector<std::string> interleave;
  std::optional<int> rounds;
  std::optional<int> cpu;
  std::optional<uint64_t> seed;
  std::optional<double> time_limit_s;
  // Passes after the times; an empty string leaves the choice of events to the bench programs.
  std::optional<std::string> counters;
  std::optional<std::string> profile;
  std::optional<std::string> list_counters;  // a pattern
  bool list = false;
  bool resume = false;
  bool force = false;
  bool doctor = false;
  bool quiet = false;
  bool table = false;
  std::vector<std::string> show;     // result files; of two the sides of one --interleave
  std::vector<std::string> command;  // argv
};

// None when everything was said already (--help, --version). Throws UsageError.
std::optional<Options> parse_options(int argc, const char* const* argv);

// The result file, or that of each side: run-a.json and run-b.json for run.json.
std::vector<std::string> output_files(const Options& options);

// What a user types to go on with an interrupted run, quoted for a shell.
std::string resume_command(const Options& options);

}  // namespace forkcost::runner
