#include "harness/runner/options.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <set>

#include "harness/case.h"
#include "harness/environment.h"
#include "harness/error.h"
#include "harness/runner/preset.h"

namespace forkcost::runner {
namespace {

constexpr const char* kFooter =
    "Exit status: 0 fine; 1 a case failed; 2 the call is wrong; 3 nothing could be measured (of "
    "one\n"
    "side, with --interleave).\n"
    "Examples: forkcost-run --preset quick --filter heap:1GiB --out run.json\n"
    "          forkcost-run --interleave build/old build/new --out change.json\n"
    "          forkcost-run --interleave build/old build/new --until 2% --out change.json\n"
    "          forkcost-run --interleave env: env:LD_PRELOAD=libx.so --filter ^fork --out x.json\n"
    "          forkcost-run --show run.json";

bool is_setting(const std::string& side) {
  return side.starts_with(kSettingPrefix);
}

void check_sides(const Options& options) {
  const auto& sides = options.get<"--interleave">();
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
  if (!sides.empty() && !options.get<"--bin-dir">().empty() &&
      std::none_of(sides.begin(), sides.end(), is_setting)) {
    throw UsageError(
        "--bin-dir is where a side env:… has its programs, and --interleave names directories for "
        "both; leave --bin-dir out");
  }
}

void check_until(const Options& options) {
  const bool until = !options.get<"--until">().empty();
  if (!until && !options.get<"--max-time">().empty()) {
    throw UsageError("--max-time is about --until; a preset has its own time, or give --rounds");
  }
  if (!until) return;
  if (options.get<"--interleave">().empty()) {
    throw UsageError("--until needs two sides to tell apart: --interleave A B");
  }
  if (options.get<"--rounds">()) {
    throw UsageError("--until says itself when there are enough rounds; leave --rounds out");
  }
}

void check_labels(const Options& options) {
  std::set<std::string> names;
  for (const std::string& label : options.get<"--label">()) {
    const size_t end = label.find('=');
    if (end == std::string::npos || end == 0 || end + 1 == label.size()) {
      throw UsageError(fmt::format("--label {}: not NAME=VALUE, as in kernel=A", label));
    }
    if (!names.insert(label.substr(0, end)).second) {
      throw UsageError(
          fmt::format("--label {}: {} has a value already", label, label.substr(0, end)));
    }
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
  add_flags(app, Program::kRunner, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      throw UsageError(fmt::format("{}; see forkcost-run --help", error.what()));
    }
    app.exit(error);  // prints the help or the version
    return std::nullopt;
  }
  find_preset(options.get<"--preset">());
  check_settings(options);
  check_sides(options);
  check_labels(options);
  check_until(options);
  if (!options.get<"--until">().empty() && options.get<"--filter">().empty() &&
      app.get_option("--preset")->count() == 0) {
    options.get<"--preset">() = kGate;
  }
  std::string& out = options.get<"--out">();
  if (options.get<"--resume">() && out.empty()) {
    throw UsageError("--resume needs --out: the file of the run that was interrupted");
  }
  if (out.empty()) {
    out = fmt::format("forkcost-{:%Y%m%dT%H%M%SZ}.json", fmt::gmtime(std::time(nullptr)));
  }
  return options;
}

std::vector<std::string> output_files(const Options& options) {
  const std::string& out = options.get<"--out">();
  if (options.get<"--interleave">().empty()) return {out};
  std::string extension;
  for (const char* known : {".json", ".json.gz"}) {
    if (out.ends_with(known)) extension = known;
  }
  const std::string stem = out.substr(0, out.size() - extension.size());
  return {stem + "-a" + extension, stem + "-b" + extension};
}

std::string resume_command(const Options& options) {
  Settings again = static_cast<const Settings&>(options);
  again.get<"--resume">() = true;
  std::string line = quoted(options.command.empty() ? "forkcost-run" : options.command[0]);
  const auto is_ours = [](const Flag& flag) { return takes(Program::kRunner, flag); };
  for (const std::string& word : words_of(again, is_ours)) line += " " + quoted(word);
  return line;
}

}  // namespace forkcost::runner
