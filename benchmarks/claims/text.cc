// Sharing of program text.
#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "benchmarks/claims/forked.h"
#include "benchmarks/claims/observe.h"
#include "benchmarks/image.h"
#include "harness/error.h"
#include "harness/files.h"
#include "harness/page_cache.h"
#include "harness/scratch.h"
#include "harness/size.h"

namespace forkcost {
namespace {

constexpr size_t kProcesses = 16;

// Pages that are there in both; where frames are hidden, as many as both can have.
uint64_t common_pages(const Frames& a, const Frames& b, const Mapping& first,
                      const Mapping& second) {
  if (!a || !b) {
    return std::min(resident_bytes(first), resident_bytes(second)) / page_size();
  }
  uint64_t common = 0;
  for (size_t i = 0; i < std::min(a->size(), b->size()); ++i) {
    common += (*a)[i] != 0 && (*b)[i] != 0;
  }
  return common;
}

// The text of two processes side by side.
struct TextPair {
  uint64_t mappings = 0, pages = 0, equal_addresses = 0, shared = 0, own = 0;
  std::optional<uint64_t> equal = 0;
};

TextPair compare_text(pid_t a, pid_t b) {
  TextPair pair;
  const std::vector<Mapping> others = text_of(b);
  for (const Mapping& mine : text_of(a)) {
    const auto its = std::ranges::find_if(others, [&](const Mapping& other) {
      return other.path == mine.path && other.offset == mine.offset;
    });
    if (its == others.end()) continue;
    const Frames my_frames = frames_of(a, mine);
    const Frames its_frames = frames_of(b, *its);
    const auto equal = equal_frames(my_frames, its_frames);
    ++pair.mappings;
    pair.pages += common_pages(my_frames, its_frames, mine, *its);
    pair.equal = pair.equal && equal ? std::optional(*pair.equal + *equal) : std::nullopt;
    pair.equal_addresses += mine.begin == its->begin;
    pair.shared += shared_bytes(mine);
    pair.own += private_bytes(mine);
  }
  if (pair.pages == 0) throw Failure("the two processes have no page of text that both have read");
  return pair;
}

void record_pair(Measurement& m, const TextPair& pair) {
  record_count(m, "pages", pair.pages);
  record_count(m, "equal_frames", pair.equal);
  record_bytes(m, "shared_bytes", pair.shared);
  record_bytes(m, "private_bytes", pair.own);
}

std::string program_of(pid_t pid) {
  return std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid));
}

pid_t parent_of(pid_t pid) {
  const auto status = read_text_file(fmt::format("/proc/{}/status", pid)).value_or("");
  return static_cast<pid_t>(find_field(status, "PPid").value_or(0));
}

// The one child of a process.
pid_t child_of(pid_t parent) {
  const std::unique_ptr<DIR, int (*)(DIR*)> processes(opendir("/proc"), closedir);
  if (!processes) throw_errno("/proc", errno);
  while (const dirent* const entry = readdir(processes.get())) {
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (pid > 0 && parent_of(pid) == parent) return pid;
  }
  throw Failure(fmt::format("the launcher, process {}, has no child", parent));
}

// An image that has nothing in common with others of its kind, and with us, but the file: it was
// started in a session of its own, by a program that was itself exec'ed. Its starter stays and
// reaps it: an orphan would be left to init.
class UnrelatedProcess {
 public:
  UnrelatedProcess(Timeline& timeline, const std::string& image)
      : path_(image_directory() / image),
        launcher_("launcher", timeline, {path_}),
        waiting_(timeline, launcher_),
        pid_(child_of(waiting_.pid())) {}

  pid_t pid() const { return pid_; }
  const std::string& path() const { return path_; }
  void end() { waiting_.end(); }

 private:
  std::string path_;
  Image launcher_;
  WaitingImage waiting_;
  pid_t pid_;
};

void require_unrelated(Measurement& m, const UnrelatedProcess& a, const UnrelatedProcess& b) {
  const auto differ = [&](const char* what, pid_t first, pid_t second) {
    m.require_equal(what, "different", first != second ? "different" : "the same");
  };
  m.require_equal("program of the first process", a.path(), program_of(a.pid()));
  m.require_equal("program of the second process", b.path(), program_of(b.pid()));
  differ("sessions", getsid(a.pid()), getsid(b.pid()));
  differ("parents", parent_of(a.pid()), parent_of(b.pid()));
}

// Two unrelated processes run one executable. Which frames are the same?
void observe_unrelated(Measurement& m) {
  while (m.next_sample()) {
    const Sample sample(m);
    UnrelatedProcess first(m.timeline(), "static");
    UnrelatedProcess second(m.timeline(), "static");
    require_unrelated(m, first, second);
    record_pair(m, compare_text(first.pid(), second.pid()));
    first.end();
    second.end();
  }
}

// A position-independent image twice: where does its text lie, and which frames has it?
void observe_addresses(Measurement& m) {
  while (m.next_sample()) {
    const Sample sample(m);
    const Image image("dynamic", m.timeline());
    WaitingImage first(m.timeline(), image);
    WaitingImage second(m.timeline(), image);
    m.require_equal("program of both processes", program_of(first.pid()), program_of(second.pid()));
    const TextPair pair = compare_text(first.pid(), second.pid());
    record_pair(m, pair);
    record_count(m, "equal_addresses", pair.equal_addresses == pair.mappings);
    record_bytes(m, "page_table_bytes", read_memory_use(first.pid()).page_tables);
    record_bytes(m, "other_page_table_bytes", read_memory_use(second.pid()).page_tables);
    first.end();
    second.end();
  }
}

// A file that is in the page cache as a whole is run by one process after the other. What do the
// later ones add to it? The file is our own: else others could bring it in.
void observe_no_alloc(Measurement& m) {
  const ScratchDirectory scratch;
  const std::string file = copy_image("static", scratch);
  fill_cache(file);
  const size_t size = std::filesystem::file_size(file);
  const std::string all = std::to_string((size + page_size() - 1) / page_size());
  const Image image(file, m.timeline());
  while (m.next_sample()) {
    const Sample sample(m);
    WaitingImage first(m.timeline(), image);
    const size_t cached = cached_pages(file);
    m.require_equal("pages in the page cache", all, std::to_string(cached));
    record_count(m, "cached_pages_before", cached);
    const Frames cache = page_cache_frames(file);
    const Faults before = children_faults();
    std::vector<std::unique_ptr<WaitingImage>> later;
    TextOfFile seen;
    while (later.size() < kProcesses - 1) {
      later.push_back(std::make_unique<WaitingImage>(m.timeline(), image));
      m.require_equal("program of a later process", file, program_of(later.back()->pid()));
      const TextOfFile text = text_of_file(cache, later.back()->pid(), file);
      seen.pages += text.pages;
      seen.new_frames = seen.new_frames && text.new_frames
                            ? std::optional(*seen.new_frames + *text.new_frames)
                            : std::nullopt;
    }
    record_count(m, "pages", seen.pages);
    record_count(m, "cached_pages_after", cached_pages(file));
    record_count(m, "new_frames", seen.new_frames);
    for (const auto& process : later) process->end();
    const Faults faults = children_faults() - before;
    const auto each = [&](int64_t count) {
      return static_cast<double>(count) / static_cast<double>(later.size());
    };
    m.record("child_minor_faults", each(faults.minor));
    m.record("child_major_faults", each(faults.major));
    first.end();
  }
}

// Copy-on-write without text: parent and child share a heap until the child writes it.
void observe_shared_heap(Measurement& m) {
  const Pages heap = pages_of(m.arena());
  const Step write = [&](int64_t) { return touch(heap, Access::kWrite).minor; };
  while (m.next_sample()) {
    const Sample sample(m);
    Forked child(m, write);
    const Frames before = frames_of(child.pid(), heap);
    record_count(m, "pages", heap.count);
    record_count(m, "equal_frames_before", equal_frames(frames_of(getpid(), heap), before));
    record_bytes(m, "shared_bytes_before", shared_bytes(mapping_at(child.pid(), heap.address())));
    child.ask();
    record_count(m, "new_frames_after_write", new_frames(before, frames_of(child.pid(), heap)));
    record_bytes(m, "shared_bytes_after", shared_bytes(mapping_at(child.pid(), heap.address())));
    child.end();
  }
}

// Text without copy-on-write: what two unrelated processes share of a file that both only read.
// `after`: when one of them has ended.
void observe_shared_file(Measurement& m) {
  while (m.next_sample()) {
    const Sample sample(m);
    UnrelatedProcess first(m.timeline(), "static");
    UnrelatedProcess second(m.timeline(), "static");
    require_unrelated(m, first, second);
    const TextPair pair = compare_text(first.pid(), second.pid());
    record_count(m, "pages", pair.pages);
    record_count(m, "equal_frames_before", pair.equal);
    record_bytes(m, "shared_bytes_before", pair.shared);
    second.end();
    record_bytes(m, "shared_bytes_after", compare_text(first.pid(), first.pid()).shared);
    first.end();
  }
}

}  // namespace

void add_text_claims(std::vector<Case>& cases) {
  cases.push_back(
      make_case({.id = "text-unrelated", .preset = Preset::kSmoke, .observe = observe_unrelated}));
  cases.push_back(make_case({.id = "text-addresses", .observe = observe_addresses}));
  cases.push_back(make_case({.id = "text-no-alloc",
                             .axes = {{"processes", std::to_string(kProcesses)}},
                             .observe = observe_no_alloc}));
  cases.push_back(make_case({.id = "text-cow-independent",
                             .axes = {{"memory", "heap"}},
                             .arena = kHeap,
                             .needs = {.copies = 1, .processes = 2},
                             .observe = observe_shared_heap}));
  cases.push_back(make_case({.id = "text-cow-independent",
                             .axes = {{"memory", "file"}},
                             .observe = observe_shared_file}));
}

}  // namespace forkcost
