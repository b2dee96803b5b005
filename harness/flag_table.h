// The flags of forkcost-run and of the bench programs: a row each, and nothing else says of one
// what it is. Parsing, --help, what the runner hands on to bench programs, what it says of itself
// in files and the command that resumes a run follow from here (flags.h).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace forkcost {

// What follows it on the command line.
enum class FlagKind : uint8_t {
  kSwitch,     // nothing
  kText,       // one word
  kMaybeText,  // =WORD, which may be left out
  kTexts,      // least to most words
  kInteger,
  kUnsigned,
  kNumber
};

enum class FlagCheck : uint8_t {
  kNone,
  kAboveZero,
  kNotBelowZero,
  kRounds,
  kSize,
  kSizes,
  kPercent,
  kDuration
};

enum class TakenBy : uint8_t { kRunner, kBench, kBoth };

// What of it stands in files, by `key`. In the journal, a run is not gone on with by another value.
enum class KeptIn : uint8_t {
  kNothing,
  kJournal,
  kRunnersFile,  // and in the journal
  kEveryFile     // and in that of a bench program
};

struct Flag {
  std::string_view name;
  TakenBy taken_by;
  FlagKind kind;
  std::string_view meaning;
  std::string_view benchs_meaning = {};  // where a bench program has another; empty: the same
  std::string_view runners_default = {};
  FlagCheck check = FlagCheck::kNone;
  bool handed_on = false;  // by the runner to each bench program, as it is
  KeptIn kept_in = KeptIn::kNothing;
  std::string_view key = {};
  bool shows = false;          // goes together with --show
  std::string_view noun = {};  // of kTexts: what a word is, in the help
  int least_words = 0, most_words = 0;
  bool repeated = false;  // of kTexts: given as often as one likes, with one word each time
};

// In the order of --help.
inline constexpr auto kFlags = std::to_array<Flag>({
    {.name = "--case",
     .taken_by = TakenBy::kBench,
     .kind = FlagKind::kText,
     .meaning = "Only this case, by its exact name"},
    {.name = "--preset",
     .taken_by = TakenBy::kBoth,
     .kind = FlagKind::kText,
     .meaning = "smoke (seconds), quick (2 min), standard (15 min) or full; gate (1 min): few "
                "cases, many rounds, to compare with",
     .benchs_meaning = "Only the cases of smoke, quick, standard or full, or the core cases of "
                       "gate (default: quick, or all when a filter is given)",
     .runners_default = "quick",
     .kept_in = KeptIn::kRunnersFile,
     .key = "preset"},
    {.name = "--out",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kText,
     .meaning = "Result file, compressed if it ends in .gz (default: forkcost-<UTC "
                "date-time>.json)"},
    {.name = "--filter",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kText,
     .meaning = "Only cases whose name matches this regular expression, with or without the axes "
                "at their default",
     .kept_in = KeptIn::kRunnersFile,
     .key = "filter",
     .shows = true},
    {.name = "--rounds",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kInteger,
     .meaning = "Exactly this many rounds (default: the preset's)",
     .check = FlagCheck::kRounds,
     .kept_in = KeptIn::kJournal,
     .key = "exact_rounds"},
    {.name = "--heap",
     .taken_by = TakenBy::kBoth,
     .kind = FlagKind::kText,
     .meaning = "These heap sizes in place of the preset's: 3GiB,37GiB",
     .check = FlagCheck::kSizes,
     .handed_on = true,
     .kept_in = KeptIn::kJournal,
     .key = "heap"},
    {.name = "--max-heap",
     .taken_by = TakenBy::kBoth,
     .kind = FlagKind::kText,
     .meaning = "Leave out larger heaps",
     .check = FlagCheck::kSize,
     .handed_on = true,
     .kept_in = KeptIn::kJournal,
     .key = "max_heap"},
    {.name = "--cpu",
     .taken_by = TakenBy::kBoth,
     .kind = FlagKind::kInteger,
     .meaning = "The parent's CPU (default: the last one allowed)",
     .handed_on = true,
     .kept_in = KeptIn::kEveryFile,
     .key = "cpu"},
    {.name = "--seed",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kUnsigned,
     .meaning = "Seed for the order of cases (default: random; recorded)",
     .check = FlagCheck::kNotBelowZero,
     .kept_in = KeptIn::kRunnersFile,
     .key = "seed"},
    {.name = "--budget-ms",
     .taken_by = TakenBy::kBench,
     .kind = FlagKind::kNumber,
     .meaning = "Time budget for all samples of a case",
     .check = FlagCheck::kAboveZero},
    {.name = "--samples",
     .taken_by = TakenBy::kBench,
     .kind = FlagKind::kUnsigned,
     .meaning = "Take exactly so many of each case (default: what the budget allows)"},
    {.name = "--turns",
     .taken_by = TakenBy::kBench,
     .kind = FlagKind::kText,
     .meaning = "Take turns with another process: FILE,FILE,first or FILE,FILE,second, the pipes "
                "that are read and written"},
    {.name = "--clock",
     .taken_by = TakenBy::kBench,
     .kind = FlagKind::kText,
     .meaning = "The clock as another process of this run calibrated it, as JSON, in its result "
                "file's words; this one's result file then leaves out the machine"},
    {.name = "--time-limit-s",
     .taken_by = TakenBy::kBoth,
     .kind = FlagKind::kNumber,
     .meaning = "Fail a case that takes longer than this in a round (default: the preset's)",
     .benchs_meaning = "Fail a case that takes longer than this",
     .check = FlagCheck::kAboveZero},
    {.name = "--bin-dir",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kText,
     .meaning = "Where the bench_* programs are (default: beside this one)",
     .shows = true},
    {.name = "--interleave",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kTexts,
     .meaning = "Interleave two builds or settings, so that drift affects both alike, into "
                "FILE-a.json and FILE-b.json; takes twice as long. A side is a directory (of "
                "bench_* programs, or the prefix of a suite) or env:NAME=VALUE: the programs of "
                "--bin-dir with this in their environment (env: alone: as they are)",
     .noun = "SIDE",
     .least_words = 2,
     .most_words = 2},
    {.name = "--until",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kText,
     .meaning = "With --interleave: measure until each quantity is known to be the same, slower or "
                "faster at this size, as in 2%: those of the preset gate, which is then the "
                "default, or the primary ones of the cases that --filter selects",
     .check = FlagCheck::kPercent,
     .kept_in = KeptIn::kJournal,
     .key = "until"},
    {.name = "--max-time",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kText,
     .meaning = "With --until: as long at most, in s, min or h (default: 10min)",
     .check = FlagCheck::kDuration,
     .kept_in = KeptIn::kJournal,
     .key = "max_time"},
    {.name = "--label",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kTexts,
     .meaning = "Write this into the result file, to tell runs apart: --label kernel=A; may be "
                "given several times",
     .kept_in = KeptIn::kJournal,
     .key = "labels",
     .noun = "NAME=VALUE",
     .repeated = true},
    {.name = "--counters",
     .taken_by = TakenBy::kBoth,
     .kind = FlagKind::kMaybeText,
     .meaning = "After the times of each case, count these events per operation (default: those "
                "that fit): --counters=cycles:u,instructions:k,page-faults",
     .handed_on = true,
     .kept_in = KeptIn::kEveryFile,
     .key = "counters"},
    {.name = "--profile",
     .taken_by = TakenBy::kBoth,
     .kind = FlagKind::kMaybeText,
     .meaning = "After that, sample which kernel functions the time goes to, by this event "
                "(default: cycles, or cpu-clock where there is no PMU)",
     .handed_on = true,
     .kept_in = KeptIn::kEveryFile,
     .key = "profile"},
    {.name = "--list-counters",
     .taken_by = TakenBy::kBoth,
     .kind = FlagKind::kMaybeText,
     .meaning = "Print the events that libpfm4 knows and what opens here, and exit"},
    {.name = "--list",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kSwitch,
     .meaning = "Print the names of the cases and exit"},
    {.name = "--list-cases",
     .taken_by = TakenBy::kBench,
     .kind = FlagKind::kSwitch,
     .meaning = "Print the selected cases as JSON and exit"},
    {.name = "--resume",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kSwitch,
     .meaning = "Resume the interrupted run of this --out"},
    {.name = "--force",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kSwitch,
     .meaning = "Overwrite an existing result file or journal"},
    {.name = "--doctor",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kSwitch,
     .meaning = "Check this machine for sources of noise and missing privileges, and exit"},
    {.name = "--table",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kSwitch,
     .meaning = "Print every case in place of the answer: as many columns as the terminal has room "
                "for; tab-separated, with all quantities, into a pipe",
     .shows = true},
    {.name = "--quiet",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kSwitch,
     .meaning = "Print nothing but errors and the name of the result file"},
    {.name = "--show",
     .taken_by = TakenBy::kRunner,
     .kind = FlagKind::kTexts,
     .meaning = "Measure nothing: show the answer of this result file, or with --table its cases "
                "(of those that --filter finds). Of an interleaved run give both files",
     .shows = true,
     .noun = "FILE",
     .least_words = 1,
     .most_words = 2},
});

}  // namespace forkcost
