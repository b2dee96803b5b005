// The command line of forkcost-run.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/flags.h"

namespace forkcost::runner {

// Of a side that is a setting, not a directory.
inline constexpr std::string_view kSettingPrefix = "env:";

// --out always has a value.
struct Options : Settings {
  std::vector<std::string> command;  // argv
};

// None when everything was said already (--help, --version). Throws UsageError.
std::optional<Options> parse_options(int argc, const char* const* argv);

// The result file, or that of each side: run-a.json and run-b.json for run.json.
std::vector<std::string> output_files(const Options& options);

// What a user types to go on with an interrupted run, quoted for a shell.
std::string resume_command(const Options& options);

}  // namespace forkcost::runner
