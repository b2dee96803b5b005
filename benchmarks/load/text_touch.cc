// The text of a library is mapped as the loader maps it, and pages of it are touched for the first
// time. Axes:
//   pattern     sequential; random: every page once, in a fixed order
//   pages       that are touched, each once: all of the library's text
//   page-cache  warm: the file was read into it. cold: it is put out before every sample.
// Warm text was put out, then read by read(): how a file came into the page cache decides how large
// its folios are, and with them how many pages one fault maps (seen on 6.18 with ext4, for 1,024
// pages: 56 to 65 faults when it was read or faulted in, 20 when it was just written in blocks of
// 1 MiB). Quantities:
//   touch_ns            one touch (a histogram), timer cost subtracted: most take no fault
//   fault_ns            all touches together, by the number of faults
//   faults              minor faults of all touches, also those that wait for what is on its way
//   major_faults        those that have it read from the disk
//   resident_pages      of the mapping, when all were touched
//   fault_around_pages  resident after one touch, in the middle, of a mapping of its own
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "benchmarks/cache_state.h"
#include "benchmarks/elf_file.h"
#include "benchmarks/library_set.h"
#include "benchmarks/load/groups.h"
#include "benchmarks/load/out_of_band.h"
#include "harness/error.h"
#include "harness/file_descriptor.h"
#include "harness/files.h"
#include "harness/page_cache.h"
#include "harness/procfs.h"
#include "harness/size.h"
#include "harness/touch.h"

namespace forkcost {
namespace {

constexpr uint64_t kTextBytes = 4 * kMiB;

// Of a library whose text segment begins at `offset` of its file.
class MappedText {
 public:
  MappedText(const std::filesystem::path& library, uint64_t offset) {
    const FileDescriptor file(
        check(open(library.c_str(), O_RDONLY | O_CLOEXEC), library.string(), "raise ulimit -n"));
    memory_ = mmap(nullptr, kTextBytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, file.get(),
                   static_cast<off_t>(offset));
    if (memory_ == MAP_FAILED)
      throw_errno("mmap of " + library.string(), errno, "look at ulimit -v");
  }
  ~MappedText() { munmap(memory_, kTextBytes); }
  MappedText(const MappedText&) = delete;
  MappedText& operator=(const MappedText&) = delete;

  char* base() const { return static_cast<char*>(memory_); }
  uint64_t resident_pages() const {
    const std::string smaps = read_text_file("/proc/self/smaps").value_or("");
    const auto mapping = find_mapping(smaps, reinterpret_cast<uintptr_t>(memory_));
    if (!mapping) throw Failure("/proc/self/smaps does not show the mapped text");
    return mapping->field("Rss") / page_size();
  }

 private:
  void* memory_;
};

// Puts the library out of the page cache also when the sample before is still reading ahead in it:
// reading it waits for that.
void put_out(const std::filesystem::path& library) {
  fill_cache(library);
  evict(library);
}

// By read(), from the disk. A file system that keeps its pages has them as they were written.
void bring_in(Measurement& m, const std::filesystem::path& library) {
  std::string how = "read() from the disk";
  try {
    put_out(library);
  } catch (const Skip& skip) {
    how = std::string("who wrote it: ") + skip.what();
  }
  fill_cache(library);
  m.verified({"in the page cache by", "read() or who wrote it", how, true});
}

uint64_t resident_after_one(const std::filesystem::path& library, uint64_t offset) {
  const MappedText text(library, offset);
  PageToucher one(text.base() + kTextBytes / 2, page_size(), 1, Pattern::kSequential);
  one.touch(Access::kRead);
  return text.resident_pages();
}

void measure_touch(Measurement& m, Pattern pattern, bool cold) {
  const std::filesystem::path library = text_library();
  const auto segment = read_elf_file(library).text;
  const uint64_t bytes = segment ? segment->file_bytes : 0;
  m.verified({"bytes of text in the file", "at least " + std::to_string(kTextBytes),
              std::to_string(bytes), bytes >= kTextBytes});
  if (!cold) bring_in(m, library);
  const size_t pages = kTextBytes / page_size();
  int64_t most_major = 0;
  int64_t least_major = std::numeric_limits<int64_t>::max();
  while (m.next_sample()) {
    if (cold) put_out(library);
    m.record("fault_around_pages",
             static_cast<double>(resident_after_one(library, segment->offset)));
    if (cold) put_out(library);
    const MappedText text(library, segment->offset);
    m.require_equal("pages resident before the touches", 0, text.resident_pages());
    PageToucher toucher(text.base(), page_size(), pages, pattern);
    if (m.watched()) toucher.touch(Access::kRead, TouchTarget::kScratch);
    const int64_t before = thread_faults().major;
    m.begin_operation();
    const TouchResult touched = toucher.touch(Access::kRead);
    m.end_operation();
    const int64_t major = thread_faults().major - before;
    m.record_many("touch_ns", toucher.times_ns());
    m.record("debt_ns", toucher.debt_ns());
    const int64_t faults = touched.faults + major;
    if (faults > 0) m.record("fault_ns", toucher.debt_ns() / static_cast<double>(faults));
    m.record("faults", static_cast<double>(touched.faults));
    m.record("major_faults", static_cast<double>(major));
    const uint64_t resident = text.resident_pages();
    m.record("resident_pages", static_cast<double>(resident));
    require_resident(m, "pages resident after them", pages, resident);
    most_major = std::max(most_major, major);
    least_major = std::min(least_major, major);
  }
  if (cold) {
    m.verified({"major faults, in each sample", "at least 1", std::to_string(least_major),
                least_major > 0});
  } else {
    if (most_major > 0) {
      throw Skip(
          "a sample was not warm: somebody put the library out of the page cache; try it with more "
          "memory free",
          Skip::kByChance);
    }
    m.verified({"major faults, in any sample", "0", std::to_string(most_major), most_major == 0});
  }
}

}  // namespace

void add_text_cases(std::vector<Case>& cases) {
  for (const Pattern pattern : {Pattern::kSequential, Pattern::kRandom}) {
    for (const bool cold : {false, true}) {
      const bool first = pattern == Pattern::kSequential && !cold;
      cases.push_back({.benchmark = "text-touch",
                       .axes = {{"pattern", pattern_name(pattern)},
                                {"pages", std::to_string(kTextBytes / page_size())},
                                {"page-cache", cold ? "cold" : "warm"}},
                       .preset = first  ? Preset::kSmoke
                                 : cold ? Preset::kStandard
                                        : Preset::kQuick,
                       .operation = "debt_ns",
                       .primary = "fault_ns",
                       .primary_cpu = "",
                       .body = [=](Measurement& m) { measure_touch(m, pattern, cold); }});
    }
  }
}

}  // namespace forkcost
