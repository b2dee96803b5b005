#include "harness/runner/bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "harness/error.h"
#include "harness/file_descriptor.h"
#include "harness/memory.h"
#include "harness/strings.h"
#include "harness/turns.h"

namespace forkcost::runner {
namespace {

constexpr double kListLimitS = 30;
constexpr size_t kLastLines = 3;
constexpr size_t kLastBytes = 600;

// The end of what a program said, on one line. It ends up in terminals and JSON: whatever is not
// plain text (escape sequences, broken UTF-8) is replaced.
std::string last_words(std::string_view errors) {
  const auto lines = split(errors, '\n');
  std::string words;
  for (size_t i = lines.size() - std::min(kLastLines, lines.size()); i < lines.size(); ++i) {
    words += (words.empty() ? "" : " | ") + std::string(trim(lines[i]));
  }
  if (words.size() > kLastBytes) words = "…" + words.substr(words.size() - kLastBytes);
  for (char& c : words) {
    if (std::iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return Json::parse(to_text(words)).get<std::string>();
}

std::string how_it_ended(const Ended& ended, double time_limit_s) {
  if (ended.timed_out) {
    return fmt::format("did not finish within {:g} s and was killed; --time-limit-s allows more",
                       time_limit_s);
  }
  if (WIFSIGNALED(ended.status)) {
    const int signal = WTERMSIG(ended.status);
    return fmt::format("was killed by signal {} ({}){}", signal, strsignal(signal),
                       signal == SIGKILL ? "; out of memory? dmesg | tail shows it" : "");
  }
  return fmt::format("ended with exit status {}", WEXITSTATUS(ended.status));
}

Json failed_entry(const PlannedCase& which, const std::string& reason, std::string_view errors) {
  Json entry = {{"name", which.name}};
  for (const char* key : {"benchmark", "axes", "heap_bytes", "core"}) {
    if (which.description.contains(key)) entry[key] = which.description[key];
  }
  const std::string words = last_words(errors);
  entry["outcome"] = {
      {"status", "failed"},
      {"reason", which.binary + " " + reason + (words.empty() ? "" : ". It said: " + words)}};
  return entry;
}

// The case's entry in a result file; null when there is none.
Json find_entry(const Json& document, const std::string& name) {
  for (const char* list : {"benchmarks", "unmeasured"}) {
    for (const Json& entry : document.value(list, Json::array())) {
      if (entry.value("name", "") == name) return self_contained(document, entry);
    }
  }
  return nullptr;
}

// As the process calibrated it; null where it was told it, or said nothing.
Json clock_in(const Json& context) {
  return context.value("forkcost", Json::object()).value("clock", Json());
}

// They are the plan's, and an entry has its own part of them.
Json without_tables(Json context) {
  for (const char* table : {"axes", "quantities", "yardsticks", "cases"}) {
    context.at("forkcost").erase(table);
  }
  return context;
}

// README of the harness: 0 measured, 1 failed, 3 skipped.
bool agrees(int exit_status, const std::string& outcome) {
  switch (exit_status) {
    case kExitOk:
      return outcome == "ok";
    case kExitBadNews:
      return outcome == "failed";
    case kExitCannotAnswer:
      return outcome == "skipped";
    default:
      return false;
  }
}

void append(std::vector<std::string>& words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
}

// By which one process tells another whose turn it is. They open it by name, as they do with their
// outputs (memory_file.h), and this process has both ends, so that neither sees it broken.
class Pipe {
 public:
  Pipe() {
    std::array<int, 2> ends{};
    check(pipe2(ends.data(), O_CLOEXEC), "making a pipe", "raise ulimit -n");
    read_ = FileDescriptor(ends[0]);
    write_ = FileDescriptor(ends[1]);
  }
  std::string read_path() const { return path_of(read_); }
  std::string write_path() const { return path_of(write_); }
  // For a process that may have died: the one that reads goes on alone.
  void say_left() const {
    check(write(write_.get(), &kTurnLeft, 1), "telling a bench program that the other ended");
  }

 private:
  static std::string path_of(const FileDescriptor& fd) {
    return fmt::format("/proc/{}/fd/{}", getpid(), fd.get());
  }
  FileDescriptor read_, write_;
};

bool is_directory(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_program(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

}  // namespace

Measured interpret(const PlannedCase& which, const Evidence& evidence) {
  Measured measured;
  measured.seconds = evidence.ended.seconds;
  const auto fail = [&](const std::string& reason) {
    measured.entry = failed_entry(which, reason, evidence.errors);
    return measured;
  };
  const std::string end = how_it_ended(evidence.ended, evidence.time_limit_s);
  // A file that it wrote before it crashed or hung is no proof that its figures are right.
  if (evidence.ended.timed_out || WIFSIGNALED(evidence.ended.status)) return fail(end);
  if (!evidence.file) return fail(end + " and wrote no result file");
  try {
    const Json document = Json::parse(*evidence.file);
    measured.entry = find_entry(document, which.name);
    Json context = document.value("context", Json::object());
    if (!clock_in(context).is_null()) measured.context = without_tables(std::move(context));
    if (measured.entry.is_null()) return fail(end + "; its result file lacks the case");
    const std::string outcome = status_of(measured.entry);
    if (!agrees(WEXITSTATUS(evidence.ended.status), outcome)) {
      return fail(fmt::format("{}, but its result file says '{}'", end, outcome));
    }
    if (outcome == "ok") {  // what the summary and every reader rely on
      measured.entry.at("real_time").get<double>();
      measured.entry.at("quantities").at(measured.entry.at("primary").get<std::string>());
    }
  } catch (const Json::exception& error) {
    return fail(fmt::format("{}; its result file is damaged: {}", end, error.what()));
  }
  return measured;
}

std::vector<std::string> find_programs(const std::string& directory) {
  std::vector<std::string> programs;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(directory.c_str()), &closedir);
  if (!entries) {
    throw UsageError(describe_errno("reading directory " + directory, errno,
                                    "name that of the bench_* programs"));
  }
  while (const dirent* entry = readdir(entries.get())) {
    const std::string path = fmt::format("{}/{}", directory, entry->d_name);
    if (std::string_view(entry->d_name).starts_with("bench_") && is_program(path)) {
      programs.push_back(path);
    }
  }
  std::sort(programs.begin(), programs.end());
  if (programs.empty()) {
    throw UsageError(fmt::format(
        "there is no program bench_* in {}; build them, or name their directory (--bin-dir, "
        "--interleave)",
        directory));
  }
  return programs;
}

std::vector<InterleavedSide> find_sides(const Options& options, const std::string& directory) {
  const InterleavedSide ours{
      options.get<"--bin-dir">().empty() ? directory : options.get<"--bin-dir">(), ""};
  if (options.get<"--interleave">().empty()) return {ours};
  std::vector<InterleavedSide> sides;
  for (const std::string& text : options.get<"--interleave">()) {
    InterleavedSide& side = sides.emplace_back(ours);
    if (text.starts_with(kSettingPrefix)) {
      side.setting = text.substr(kSettingPrefix.size());
    } else {
      side.directory = is_directory(text + "/bin") ? text + "/bin" : text;
    }
    for (const std::string& program : find_programs(side.directory)) {
      struct stat status {};
      check(stat(program.c_str(), &status), "looking at " + program);
      side.built = std::max<int64_t>(
          side.built, status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec);
    }
    // A link that leads elsewhere when the run goes on is another side.
    side.directory = std::filesystem::canonical(side.directory);
  }
  return sides;
}

BenchPrograms::BenchPrograms(Signals& signals, std::vector<InterleavedSide> sides,
                             const Options& options)
    : signals_(signals),
      sides_(std::move(sides)),
      options_(options),
      preset_(find_preset(options.get<"--preset">())) {}

CaseList BenchPrograms::list_cases(const std::string& preset) {
  CaseList all;
  tables_.assign(sides_.size(), {});
  for (size_t side = 0; side < sides_.size(); ++side) {
    for (const std::string& program : find_programs(sides_[side].directory)) {
      CaseList listed = list_cases(program, preset, sides_[side].setting);
      add_tables(tables_[side], listed.tables, program);
      for (PlannedCase& c : listed.cases) {
        c.side = side;
        all.cases.push_back(std::move(c));
      }
      if (side > 0) continue;
      for (Json& section : listed.answer) all.answer.push_back(std::move(section));
    }
  }
  return all;
}

CaseList BenchPrograms::list_cases(const std::string& program, const std::string& preset,
                                   const std::string& setting) {
  Outputs& outputs = outputs_[0];
  outputs.clear();
  Command command{{program, "--list-cases", "--preset", preset},
                  outputs.output.path(),
                  outputs.errors.path(),
                  kListLimitS,
                  setting};
  append(command.arguments, words_for_bench(options_));  // what is wrong of them is told now
  const Ended ended = run_command(signals_, command);
  if (ended.timed_out || ended.status != 0) {
    const std::string what =
        fmt::format("{} --list-cases {}: {}", program, how_it_ended(ended, kListLimitS),
                    last_words(outputs.errors.text()));
    if (ended.timed_out || WIFSIGNALED(ended.status)) throw Failure(what);
    throw UsageError(what);
  }
  const std::string binary = program.substr(program.rfind('/') + 1);
  return parse_case_list(outputs.output.text(), binary);
}

void BenchPrograms::Outputs::clear() {
  output.clear();
  errors.clear();
}

// Of one pass, and what of it the program itself takes for its samples comes first: then the reason
// names the case's child.
double BenchPrograms::time_limit_s() const {
  return options_.get<"--time-limit-s">().value_or(preset_.time_limit_s);
}

Command BenchPrograms::command_for(const PlannedCase& which, size_t samples,
                                   const Outputs& outputs) const {
  // The limit is that of one pass; counting takes up to three.
  const int passes =
      1 + (options_.get<"--counters">() ? 3 : 0) + (options_.get<"--profile">() ? 1 : 0);
  const InterleavedSide& side = sides_[which.side];
  Command command{
      {side.directory + "/" + which.binary, "--case", which.name,
       "--benchmark_out=" + outputs.output.path(), "--budget-ms", std::to_string(preset_.budget_ms),
       "--time-limit-s", fmt::format("{:g}", 0.9 * time_limit_s())},
      "/dev/null",
      outputs.errors.path(),
      time_limit_s() * passes,
      side.setting};
  if (samples > 0) append(command.arguments, {"--samples", std::to_string(samples)});
  // Calibrating the clock and describing the machine took a third of a short process.
  if (const std::string& clock = clocks_[which.side]; !clock.empty()) {
    append(command.arguments, {"--clock", clock});
  }
  // The heap sizes that a program offers depend on the memory that is free; it was free when the
  // plan was made, so this size is asked for by name.
  Settings flags = static_cast<const Settings&>(options_);
  std::string& heap = flags.get<"--heap">();
  if (which.description.contains("axes")) heap = which.description["axes"].value("heap", heap);
  append(command.arguments, words_for_bench(flags));
  return command;
}

Measured BenchPrograms::read(const PlannedCase& which, const Command& command, const Ended& ended,
                             Outputs& outputs) {
  Evidence evidence{ended, command.time_limit_s, std::nullopt, outputs.errors.text()};
  std::string file = outputs.output.text();
  outputs.output.clear();  // it is memory
  if (!file.empty()) evidence.file = std::move(file);
  Measured measured = interpret(which, evidence);
  if (!measured.context.is_null()) clocks_[which.side] = clock_in(measured.context).dump();
  return measured;
}

Measured BenchPrograms::measure(const PlannedCase& which, size_t samples) {
  Outputs& outputs = outputs_[0];
  outputs.clear();
  try {
    const Command command = command_for(which, samples, outputs);
    return read(which, command, run_command(signals_, command), outputs);
  } catch (const Failure& failure) {
    Measured measured;
    measured.entry = failed_entry(which, failure.what(), "");
    return measured;
  }
}

std::array<Measured, 2> BenchPrograms::measure_both(const PlannedCase& first,
                                                    const PlannedCase& second, size_t samples) {
  // Both have their heap at once.
  constexpr uint64_t kShare = 4;
  if (kShare * first.heap_bytes() > read_memory().available) {
    return Bench::measure_both(first, second, samples);
  }
  const std::array<const PlannedCase*, 2> cases = {&first, &second};
  std::array<Pipe, 2> pipes;  // by who reads it
  std::array<Command, 2> commands;
  for (size_t i = 0; i < cases.size(); ++i) {
    outputs_[i].clear();
    commands[i] = command_for(*cases[i], samples, outputs_[i]);
    append(commands[i].arguments,
           {"--turns", fmt::format("{},{},{}", pipes[i].read_path(), pipes[1 - i].write_path(),
                                   i == 0 ? "first" : "second")});
  }
  try {
    const auto ended = run_commands(signals_, commands, [&](size_t i) { pipes[1 - i].say_left(); });
    return {read(first, commands[0], ended[0], outputs_[0]),
            read(second, commands[1], ended[1], outputs_[1])};
  } catch (const Failure& failure) {
    std::array<Measured, 2> measured;
    for (size_t i = 0; i < cases.size(); ++i) {
      measured[i].entry = failed_entry(*cases[i], failure.what(), "");
    }
    return measured;
  }
}

}  // namespace forkcost::runner
