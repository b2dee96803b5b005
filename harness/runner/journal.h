// The file that keeps what was measured until the result file stands (results/FORMAT.md).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/file_descriptor.h"
#include "harness/json.h"
#include "harness/runner/plan.h"

namespace forkcost::runner {

// One finished round of one case.
struct Record {
  int round = 0;
  double seconds = 0;
  Json entry;
  size_t side = 0;
};

struct JournalContents {
  Plan plan;
  // By side, that of the first bench program's file; null if none was written yet.
  std::array<Json, 2> contexts;
  // Without the half of a pair at the end: its other half would not be measured next to it.
  std::vector<Record> records;
  size_t good_bytes = 0;  // without a torn end
  bool finished = false;  // all is measured, and the result files that there are may be its own
};

// Throws UsageError for a journal that is damaged elsewhere than at its end. What a power cut
// leaves is an end: a last line, or all from the first line on that has blocks which were never
// written.
JournalContents parse_journal(std::string_view text);

class Journal {
 public:
  // A new file with the plan in it. Throws UsageError if there is one already.
  static Journal create(const std::string& path, const Plan& plan);
  // Goes on with the one that is there, which nobody else may be using.
  static Journal open_existing(const std::string& path);

  const JournalContents& contents() const { return contents_; }
  // At the end, without a copy; nothing is appended after that.
  JournalContents take_contents() { return std::move(contents_); }
  // On return the record outlives this process. A second after the last time the journal is synced,
  // too, and at its end: a disk would take longer for each record than many a process to measure.
  // `context` (may be null) is kept the first time for each side.
  void append(const Record& record, const Json& context);
  // Before the result files are written: a run that is killed between them and remove() is gone on
  // with although they exist.
  void finish();
  void remove();

 private:
  Journal(std::string path, FileDescriptor fd);

  std::string path_;
  FileDescriptor fd_;
  std::chrono::steady_clock::time_point synced_;
  JournalContents contents_;
};

}  // namespace forkcost::runner
