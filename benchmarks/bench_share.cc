// What do N processes of the same thing cost, and what of it do they share?
//
// Axis what, the thing that every one of them maps and touches in full: its own text (1 MiB), the
// text of a library that it loads by dlopen (1 MiB), a file (64 MiB, mapped shared for reading).
// Axis files, how the processes' files are related (share/files.h). Axis processes: how many there
// are in all; with files:forks the first of them is exec'ed and the others are forked from it, when
// it has touched everything. They are started one after the other, and looked at when all are there
// and wait. Their files are of our own and were out of the page cache before the first sample
// (where the file system lets go of them): what is cached then is what the processes used.
// Axis page-cache, these files before each sample: warm, all is cached that the processes use;
// cold, nothing of them (libc and the loader are): the start of a copy is its first exec. In a
// virtual machine the host may still have them.
//
// Before the first process one that is not measured starts and ends, so that what was done between
// two samples is in nobody's start: of the same file, or where that is to be cold of another.
//
// A program is found through a bind mount as /proc/PID/root/…, PID being the process in whose mount
// namespace it is: that adds 2 us to its start (seen).
//
// Quantities:
//   start_ns             the last process: from the call to its main (forks: first instruction);
//                        with one process that is the first one
//   ready_ns             the same, until it has touched everything
//   first_start_ns       the first process: from the call to its main
//   pss_bytes            of the mappings of the thing, over all processes: smaps rounds each
//                        down to a KiB, so with N processes up to N KiB are missing
//   process_pss_bytes, private_dirty_bytes, page_table_bytes
//                        of the whole processes, over all of them; private dirty without what is
//                        only read of the thing's file (a tmpfs has all its pages dirty)
//   page_cache_bytes     what is cached of all distinct files
//   distinct_frames      different page frames under the thing, in all processes together
//   added_process_bytes  what each process after the first one added: page frames that no other
//                        of them has, and page tables
//   pages, inodes        of the thing, in one process; different files
// Where frames are hidden from us, distinct_frames and added_process_bytes are absent. What is
// shared is a finding; only that every process has mapped its own file, and all of it, is verified.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <optional>
#include <string>

#include "benchmarks/cache_state.h"
#include "benchmarks/image.h"
#include "benchmarks/loader_run.h"
#include "benchmarks/share/files.h"
#include "benchmarks/share/observe.h"
#include "harness/answer_rows.h"
#include "harness/error.h"
#include "harness/files.h"
#include "harness/measurement.h"
#include "harness/page_cache.h"
#include "harness/procfs.h"

namespace forkcost {
namespace {

enum class What : uint8_t { kText, kLibrary, kFile };

constexpr std::array<const char*, 3> kWhatNames = {"text", "library", "file"};
constexpr std::array<size_t, 5> kProcesses = {1, 2, 4, 16, 64};

struct Scenario {
  What what;
  Relation relation;
  size_t processes;
  bool cold;
};

uint64_t inode_of(const std::filesystem::path& path) {
  struct stat status {};
  check(stat(path.c_str(), &status), path.string());
  return status.st_ino;
}

// The processes of one sample. They end with this, or when we die.
class Processes {
 public:
  Processes(Measurement& m, const Scenario& s, const Files& files)
      : m_(m), s_(s), files_(files), environment_(plain_environment()) {}

  // One that is not measured, and that has ended when this returns.
  void start_another() {
    const std::string file = files_.of(0);
    const bool has_path = !s_.cold && s_.what != What::kText;
    const Image image(s_.cold || has_path ? "resident" : file, m_.timeline(),
                      {kWhatNames.at(static_cast<size_t>(has_path ? s_.what : What::kText)), file});
    WaitingImage(m_.timeline(), image, environment_.get()).end();
  }

  void start_next() {
    const bool is_fork = s_.relation == Relation::kForks && !pids_.empty();
    pids_.push_back(is_fork ? fork_first() : exec_next());
  }

  const std::vector<pid_t>& pids() const { return pids_; }

  void end() {
    orders_.reset();
    for (WaitingImage& image : images_) image.end();
  }

 private:
  pid_t exec_next() {
    const std::string file = files_.of(images_.size());
    std::vector<std::string> arguments = {kWhatNames.at(static_cast<size_t>(s_.what)), file};
    if (s_.relation == Relation::kForks) {
      orders_.emplace(WorkerIs::kProgram);
      arguments.push_back(std::to_string(orders_->worker()));
    }
    const Image image(s_.what == What::kText ? file : "resident", m_.timeline(),
                      std::move(arguments));
    const pid_t pid = images_.emplace_back(m_.timeline(), image, environment_.get()).pid();
    if (orders_) orders_->become_master();
    return pid;
  }

  pid_t fork_first() {
    m_.timeline().reset();
    const auto answer = orders_->ask(kGo);
    if (!answer) {
      end();  // says why
      throw Failure("the process that is forked died");
    }
    if (*answer < 0) throw_creation_failed("fork of the first process", -*answer);
    return *answer;
  }

  Measurement& m_;
  const Scenario& s_;
  const Files& files_;
  Words environment_;
  std::deque<WaitingImage> images_;
  std::optional<ImageChannel> orders_;  // to the first process, to fork
  std::vector<pid_t> pids_;
};

double since_call_ns(Measurement& m, uint64_t ticks) {
  return ticks_to_ns(static_cast<double>(ticks - m.timeline().page().ticks[FORKCOST_CALL]));
}

double start_ns(Measurement& m) {
  return since_call_ns(m, m.timeline().page().ticks[FORKCOST_MAIN]);
}

struct Found {
  MemoryTotals first, all;  // of the first process, and of all
};

Found look_at(const Scenario& s, const Files& files, Processes& processes) {
  MemoryTotals all(s.what == What::kFile ? MemoryTotals::Part::kWhole : MemoryTotals::Part::kText);
  MemoryTotals first = all;
  const std::vector<pid_t>& pids = processes.pids();
  try {
    for (size_t i = 0; i < pids.size(); ++i) {
      all.add(pids[i], inode_of(files.of(i)));
      if (i == 0) first = all;
    }
  } catch (const Failure&) {
    processes.end();  // says why, if one of them is dead
    throw;
  }
  return {first, all};
}

void verify(Measurement& m, const Scenario& s, const Files& files, const MemoryTotals& all) {
  m.require_equal("processes that map their file", s.processes, all.mapping_right());
  m.require_equal("distinct inodes", has_inode_each(s.relation) ? s.processes : 1,
                  all.inodes().size());
  m.require_equal("pages of the thing, over all processes", s.processes * all.pages(),
                  all.all_pages());
  require_resident(m, "resident of them", all.all_pages(), all.resident_pages());
  const uint64_t least = (s.what == What::kFile ? Files::kDataBytes : 1 << 20) / page_size();
  if (all.pages() < least) m.require_equal("pages of the thing, at least", least, all.pages());
  if (s.relation != Relation::kBindMounts) return;
  const std::string mounts = read_text_file("/proc/self/mountinfo").value_or("");
  m.require_equal("mounts that others see", 0, mounts.find(files.directory()) != mounts.npos);
}

// What was in the page cache before the processes. Warm-up is never warm.
void require_cached(Measurement& m, bool cold, size_t before, size_t after) {
  if (!cold && m.warming_up()) return;
  const size_t expected = cold ? 0 : after;
  if (before == expected) {
    m.require_equal("pages of the files cached before the start", expected, before);
    return;
  }
  throw Skip(
      fmt::format("a sample was not {}: of the {} pages of its files that it used {} were in "
                  "the page cache before; try it with more memory free, and with nobody "
                  "else reading new files",
                  cold ? "cold" : "warm", after, before),
      Skip::kByChance);
}

void record_bytes(Measurement& m, const char* quantity, double bytes) {
  m.record(quantity, bytes);
}

void record_count(Measurement& m, const char* quantity, uint64_t count) {
  m.record(quantity, static_cast<double>(count));
}

// What each process after the first one added; nothing where frames are hidden.
std::optional<double> added_bytes(const MemoryTotals& first, const MemoryTotals& all) {
  const auto before = first.process_frames(), after = all.process_frames();
  if (!before || !after || all.processes() < 2) return std::nullopt;
  const auto held = [](size_t frames, uint64_t page_tables) {
    return static_cast<double>(frames * page_size() + page_tables);
  };
  return (held(*after, all.page_tables()) - held(*before, first.page_tables())) /
         static_cast<double>(all.processes() - 1);
}

void record(Measurement& m, const Found& found, size_t cached) {
  const MemoryTotals& all = found.all;
  record_bytes(m, "pss_bytes", static_cast<double>(all.pss()));
  record_bytes(m, "process_pss_bytes", static_cast<double>(all.process_pss()));
  record_bytes(m, "private_dirty_bytes", static_cast<double>(all.private_dirty()));
  record_bytes(m, "page_table_bytes", static_cast<double>(all.page_tables()));
  record_count(m, "pages", all.pages());
  record_count(m, "inodes", all.inodes().size());
  record_bytes(m, "page_cache_bytes", static_cast<double>(cached * page_size()));
  if (const auto frames = all.thing_frames()) record_count(m, "distinct_frames", *frames);
  if (const auto added = added_bytes(found.first, all))
    record_bytes(m, "added_process_bytes", *added);
}

void measure_share(Measurement& m, const Scenario& s) {
  constexpr std::array<Files::Content, 3> kContents = {
      Files::Content::kImage, Files::Content::kLibrary, Files::Content::kData};
  const Files files(m.timeline(), s.relation, kContents.at(static_cast<size_t>(s.what)),
                    s.processes);
  while (m.next_sample()) {
    Processes processes(m, s, files);
    if (s.cold) evict(files.inodes());
    const size_t cached_before = files.cached();
    processes.start_another();
    const auto start_next = [&] {  // the last one is what is watched
      const bool last = processes.pids().size() + 1 == s.processes;
      if (last) m.begin_operation();
      processes.start_next();
      if (last) m.end_operation();
    };
    start_next();
    m.record("first_start_ns", start_ns(m));
    while (processes.pids().size() < s.processes) start_next();
    m.record("start_ns", start_ns(m));
    m.record("ready_ns", since_call_ns(m, m.timeline().page().steps[0].end));
    const size_t cached = files.cached();
    require_cached(m, s.cold, cached_before, cached);
    const Found found = look_at(s, files, processes);
    verify(m, s, files, found.all);
    record(m, found, cached);
    processes.end();
  }
}

// With one process all relations are the same, so one-inode is enough. A file that is copied fills
// memory and disk, so only the text, which is small, has all relations with 16 processes.
Preset preset_of(const Scenario& s) {
  const bool one_inode = s.relation == Relation::kOneInode,
             copies = s.relation == Relation::kCopies;
  const size_t n = s.processes;
  if (n == 64 || (n == 1 && !one_inode)) return Preset::kFull;
  if (s.cold) {
    if (n == 16 && (one_inode || copies)) return Preset::kQuick;
    return n == 4 ? Preset::kStandard : Preset::kFull;
  }
  switch (s.what) {
    case What::kText:
      if (one_inode && n == 2) return Preset::kSmoke;
      return n == 16 || n == 1 ? Preset::kQuick : Preset::kStandard;
    case What::kLibrary:
      if ((one_inode || copies) && n == 16) return Preset::kQuick;
      return n == 16 || n == 1 ? Preset::kStandard : Preset::kFull;
    case What::kFile:
      break;
  }
  if (one_inode && (n == 1 || n == 16)) return Preset::kQuick;
  return n == 4 ? Preset::kStandard : Preset::kFull;
}

// A first exec is of interest where files are separate, and against one that is not.
bool has_cold_cases(const Scenario& s) {
  return s.what == What::kText && (s.relation == Relation::kOneInode || has_inode_each(s.relation));
}

Case make_case(const Scenario& s) {
  return {.benchmark = "share",
          .axes = {{"what", kWhatNames.at(static_cast<size_t>(s.what))},
                   {"files", relation_name(s.relation)},
                   {"processes", std::to_string(s.processes)},
                   {"page-cache", s.cold ? "cold" : "warm"}},
          .preset = preset_of(s),
          .switches_per_sample = 2 * static_cast<double>(s.processes + 1),  // and one unmeasured
          .operation = "ready_ns",
          .primary = "start_ns",
          .primary_cpu = "",
          .body = [s](Measurement& m) { measure_share(m, s); }};
}

}  // namespace

std::vector<Axis> program_axes() {
  return {{"what", {}, "what all of the processes map"},
          {"files", {}, "how the files that the processes use are related"}};
}

std::vector<AnswerSection> answer_sections() {
  return {{.title = "memory",
           .place = 60,
           .benchmark = "share",
           .axes = {{"what", "text"}, {"page-cache", "warm"}},
           .rows = {{.title = "process memory",
                     .figures = {{.text = "{} (PSS) for one more of the same program",
                                  .axes = {{"files", relation_name(Relation::kOneInode)}},
                                  .quantity = "process_pss_bytes",
                                  .reduce = Reduce::kSlope,
                                  .over = "processes"},
                                 {.text = "{} of page tables",
                                  .axes = {{"files", relation_name(Relation::kOneInode)}},
                                  .quantity = "page_table_bytes",
                                  .reduce = Reduce::kSlope,
                                  .over = "processes"}}}}}};
}

std::vector<Case> register_cases(const std::vector<HeapSize>&) {
  std::vector<Case> cases;
  for (const What what : {What::kText, What::kLibrary, What::kFile}) {
    for (const Relation relation :
         {Relation::kOneInode, Relation::kCopies, Relation::kHardLinks, Relation::kSymlinks,
          Relation::kBindMounts, Relation::kReflinks, Relation::kForks}) {
      for (const size_t processes : kProcesses) {
        for (const bool cold : {false, true}) {
          const Scenario s{what, relation, processes, cold};
          if (cold && !has_cold_cases(s)) continue;
          cases.push_back(make_case(s));
        }
      }
    }
  }
  return cases;
}

}  // namespace forkcost
