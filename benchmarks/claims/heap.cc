// fork and the heap: what is shared, and what is copied when somebody writes.
#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "benchmarks/claims/forked.h"
#include "benchmarks/claims/mthp.h"
#include "benchmarks/claims/observe.h"
#include "benchmarks/image.h"
#include "harness/error.h"
#include "harness/file_descriptor.h"
#include "harness/size.h"
#include "harness/touch.h"

namespace forkcost {
namespace {

constexpr size_t kLargestPage = 64 * kKiB;  // of the machines that Linux runs on

// Pages of this program's own .data and .bss, in the middle of what nobody else uses. Filled in the
// first byte, so that all of the array is initialised data.
using Section = std::array<char, 3 * kLargestPage>;
alignas(kLargestPage) Section written_data = {1};
alignas(kLargestPage) Section pristine_data = {1};
alignas(kLargestPage) Section bss;

Pages middle_page(char* begin, size_t bytes) {
  const auto middle = reinterpret_cast<uintptr_t>(begin) + bytes / 2;
  return {begin + (middle / page_size() * page_size() - reinterpret_cast<uintptr_t>(begin)), 1};
}

// Parent and child read all of the heap. Is anything copied, does anybody fault?
void observe_not_copied(Measurement& m) {
  const Pages heap = pages_of(m.arena());
  const Step read = [&](int64_t) { return touch(heap, Access::kRead).minor; };
  while (m.next_sample()) {
    const Sample sample(m);
    Forked child(m, read);
    const int64_t faults = child.ask() + touch(heap, Access::kRead).minor;
    record_count(m, "pages", heap.count);
    record_count(m, "faults", faults);
    record_count(m, "equal_frames",
                 equal_frames(frames_of(getpid(), heap), frames_of(child.pid(), heap)));
    record_bytes(m, "copied_bytes", private_dirty_bytes(mapping_at(child.pid(), heap.address())));
    child.end();
  }
}

// The child writes one byte in `written` pages, evenly spread over the heap.
void write_pages(Measurement& m, const Pages& heap, size_t written) {
  const Step write = [&](int64_t) {
    return touch(heap, Access::kWrite, heap.count / written).minor;
  };
  Forked child(m, write);
  const Frames before = frames_of(child.pid(), heap);
  record_count(m, "faults", child.ask());
  record_count(m, "new_frames", new_frames(before, frames_of(child.pid(), heap)));
  record_bytes(m, "copied_bytes", private_dirty_bytes(mapping_at(child.pid(), heap.address())));
  child.end();
}

void observe_pagewise(Measurement& m, size_t written) {
  while (m.next_sample()) {
    const Sample sample(m);
    write_pages(m, pages_of(m.arena()), written);
  }
}

// New memory for each sample: the kernel does not put pages of this size together again.
void observe_pagewise_medium(Measurement& m, size_t written) {
  while (m.next_sample()) {
    const Sample sample(m);
    const MediumPages heap;
    write_pages(m, heap.pages(), written);
    m.require_equal("base pages of the parent in pages of 64KiB when the child has written",
                    std::to_string(heap.pages().count), std::to_string(heap.verified()));
  }
}

// One page, which the parent has written before, is written by the child.
void write_one_page(Measurement& m, const Pages& page) {
  touch(page, Access::kWrite);
  const Step write = [&](int64_t) { return touch(page, Access::kWrite).minor; };
  Forked child(m, write);
  const Frames before = frames_of(child.pid(), page);
  record_count(m, "equal_frames_before", equal_frames(frames_of(getpid(), page), before));
  record_count(m, "faults", child.ask());
  record_count(m, "new_frames", new_frames(before, frames_of(child.pid(), page)));
  child.end();
}

void observe_page_of(Measurement& m, const Pages& page) {
  while (m.next_sample()) {
    const Sample sample(m);
    write_one_page(m, page);
  }
}

void observe_stack_page(Measurement& m) {
  std::array<char, 3 * kLargestPage> stack;
  observe_page_of(m, middle_page(stack.data(), stack.size()));
}

void observe_library_page(Measurement& m) {
  const std::string file = image_directory() / "libsections.so";
  const std::unique_ptr<void, int (*)(void*)> library(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL),
                                                      dlclose);
  if (!library) {
    throw Failure(
        fmt::format("dlopen of {}: {}; build or install the whole suite: libraries lie "
                    "in libexec/forkcost beside bin",
                    file, dlerror()));
  }
  auto* const data = static_cast<char*>(dlsym(library.get(), "forkcost_library_data"));
  if (data == nullptr) throw Failure(fmt::format("{}: {}", file, dlerror()));
  const Pages page = middle_page(data, 3 * kLargestPage);
  m.require_equal("file of the page", file, mapping_at(getpid(), page.address()).path);
  observe_page_of(m, page);
}

// Three generations, of which the third writes the whole heap. Who shares with whom?
void observe_grandchild(Measurement& m) {
  const Pages heap = pages_of(m.arena());
  const Step write = [&](int64_t) { return touch(heap, Access::kWrite).minor; };
  while (m.next_sample()) {
    const Sample sample(m);
    StepChannel to_grandchild;
    to_grandchild.heed_time_limit();
    const Step make_grandchild = [&](int64_t) -> int64_t {
      const pid_t self = getpid();
      const pid_t pid = fork();
      if (pid == 0) obey(to_grandchild, kEnd, m.timeline(), self, write);
      if (pid < 0) fail_child(m.timeline(), "fork of a grandchild", errno);
      to_grandchild.become_master();
      return pid;
    };
    Forked child(m, make_grandchild);
    const auto grandchild = static_cast<pid_t>(child.ask());
    to_grandchild.become_master();
    const Frames before = frames_of(grandchild, heap);
    const auto faults = to_grandchild.ask(0);
    if (!faults) throw Failure("the grandchild died");
    record_count(m, "pages", heap.count);
    record_count(m, "parent_child_equal_frames",
                 equal_frames(frames_of(getpid(), heap), frames_of(child.pid(), heap)));
    record_count(m, "grandchild_new_frames", new_frames(before, frames_of(grandchild, heap)));
    record_count(m, "grandchild_faults", *faults);
    record_bytes(m, "parent_child_shared_bytes",
                 shared_bytes(mapping_at(child.pid(), heap.address())));
    to_grandchild.tell(kEnd);
    child.end();
  }
}

// Memory that nobody has touched is read, then written.
void observe_zero_page(Measurement& m) {
  while (m.next_sample()) {
    const Sample sample(m);
    const Arena arena(m.spec(), Arena::Content::kUntouched);
    const Pages heap = pages_of(arena);
    const auto resident = [&] { return resident_bytes(mapping_at(getpid(), heap.address())); };
    record_count(m, "pages", heap.count);
    record_count(m, "read_faults", touch(heap, Access::kRead).minor);
    const Frames read = frames_of(getpid(), heap);
    if (read) {
      std::vector<uint64_t> present = *read;
      std::erase(present, 0);
      record_count(m, "present_pages", present.size());
      record_count(m, "distinct_frames",
                   std::unordered_set<uint64_t>(present.begin(), present.end()).size());
    }
    record_bytes(m, "read_rss_bytes", resident());
    record_count(m, "write_faults", touch(heap, Access::kWrite).minor);
    record_count(m, "new_frames", new_frames(read, frames_of(getpid(), heap)));
    record_bytes(m, "write_rss_bytes", resident());
  }
}

// A page of this program's initialised data that nobody has written: given back to its file, read,
// then written. Made a mapping of its own by advice that only concerns reading ahead, so that smaps
// speaks of this page alone.
void observe_data(Measurement& m) {
  const Pages page = middle_page(pristine_data.data(), pristine_data.size());
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  // A program that was built just now may be dirty in the page cache: smaps would call that ours.
  const FileDescriptor file(check(open(program.c_str(), O_RDONLY | O_CLOEXEC), program));
  fsync(file.get());  // a file system that cannot write has nothing dirty
  while (m.next_sample()) {
    const Sample sample(m);
    check(madvise(page.base, page_size(), MADV_RANDOM), "madvise(MADV_RANDOM)");
    check(madvise(page.base, page_size(), MADV_DONTNEED), "madvise(MADV_DONTNEED)");
    touch(page, Access::kRead);
    const Mapping before = mapping_at(getpid(), page.address());
    m.require_equal("file of the page", program, before.path);
    m.require_equal("bytes of its mapping", std::to_string(page_size()),
                    std::to_string(before.bytes()));
    const Frames cache = page_cache_frames(program);
    const size_t index = before.offset / page_size();
    const auto is_page_cache = [&](const Frames& frames) -> std::optional<uint64_t> {
      if (!cache || !frames || (*frames)[0] == 0) return std::nullopt;
      return (*cache)[index] == (*frames)[0];
    };
    record_count(m, "frame_is_page_cache_before", is_page_cache(frames_of(getpid(), page)));
    record_bytes(m, "private_dirty_before_bytes", private_dirty_bytes(before));
    record_count(m, "faults", touch(page, Access::kWrite).minor);
    record_count(m, "frame_is_page_cache_after", is_page_cache(frames_of(getpid(), page)));
    record_bytes(m, "private_dirty_after_bytes",
                 private_dirty_bytes(mapping_at(getpid(), page.address())));
    madvise(page.base, page_size(), MADV_NORMAL);
  }
}

// A heap of small objects, and a bit for each in memory of the collector's own.
constexpr size_t kObjectBytes = 64;

struct Objects {
  volatile uint64_t* first;
  size_t count;
  volatile unsigned char* bits;
};

// As a collector does it: looks at every object, and notes that it was there.
int64_t mark_in_place(const Objects& objects) {
  for (size_t i = 0; i < objects.count; ++i) {
    volatile uint64_t& header = objects.first[i * kObjectBytes / sizeof(uint64_t)];
    header = header | 1;
  }
  return 0;
}

int64_t mark_in_bitmap(const Objects& objects) {
  for (size_t i = 0; i < objects.count; ++i) {
    static_cast<void>(objects.first[i * kObjectBytes / sizeof(uint64_t)]);
    objects.bits[i / 8] = static_cast<unsigned char>(objects.bits[i / 8] | 1U << i % 8);
  }
  return 0;
}

// A child marks every object of the heap. How many pages of heap and bitmap are copied?
void observe_marks(Measurement& m, int64_t (*mark)(const Objects&)) {
  const Pages heap = pages_of(m.arena());
  const size_t count = heap.count * page_size() / kObjectBytes;
  Arena bitmap(ArenaSpec{count / 8, Backing::kBasePages});
  const Pages bits = pages_of(bitmap);
  const Objects objects{reinterpret_cast<volatile uint64_t*>(heap.base), count,
                        reinterpret_cast<volatile unsigned char*>(bits.base)};
  const Step collect = [&](int64_t) {
    settle_thread();
    alignas(uint64_t) volatile unsigned char scratch[kObjectBytes] = {};
    const Objects one{reinterpret_cast<volatile uint64_t*>(scratch), 1, scratch};
    mark(one);  // its code is there then
    const Faults before = thread_faults();
    mark(objects);
    return (thread_faults() - before).minor;
  };
  while (m.next_sample()) {
    bitmap.restore();
    const Sample sample(m);
    Forked child(m, collect);
    const Frames heap_before = frames_of(child.pid(), heap);
    const Frames bits_before = frames_of(child.pid(), bits);
    const auto faults = static_cast<uint64_t>(child.ask());
    const auto in_heap = new_frames(heap_before, frames_of(child.pid(), heap));
    const auto in_bits = new_frames(bits_before, frames_of(child.pid(), bits));
    const MemoryUse use = read_memory_use(child.pid());
    record_count(m, "pages", heap.count);
    record_count(m, "objects", count);
    record_count(m, "copied_pages", in_heap && in_bits ? *in_heap + *in_bits : faults);
    record_bytes(m, "private_dirty_bytes", use.private_dirty);
    record_bytes(m, "pss_bytes", use.pss);
    child.end();
  }
}

void add_pagewise(std::vector<Case>& cases) {
  for (const size_t written : {size_t{1}, size_t{16}, size_t{256}}) {
    const auto add = [&](const std::string& backing, Preset preset, std::optional<ArenaSpec> arena,
                         const MemoryNeed& needs, void (*observe)(Measurement&, size_t)) {
      cases.push_back(
          make_case({.id = "heap-pagewise",
                     .axes = {{"backing", backing}, {"written", std::to_string(written)}},
                     .preset = preset,
                     .arena = arena,
                     .needs = needs,
                     .observe = [=](auto& m) { observe(m, written); }}));
    };
    const auto add_arena = [&](Backing backing, Preset preset) {
      add(backing_name(backing), preset, ArenaSpec{kHeap.bytes, backing}, {.copies = 1},
          observe_pagewise);
    };
    add_arena(Backing::kBasePages, written == 16 ? Preset::kSmoke : Preset::kQuick);
    add_arena(Backing::kThp, Preset::kQuick);
    add_arena(Backing::kHugetlb, Preset::kStandard);
    add("mthp-64k", Preset::kStandard, std::nullopt, {}, observe_pagewise_medium);
  }
}

void add_regions(std::vector<Case>& cases) {
  const auto add = [&](const char* region, std::optional<ArenaSpec> arena,
                       std::function<void(Measurement&)> observe) {
    cases.push_back(make_case({.id = "heap-everything",
                               .axes = {{"region", region}},
                               .arena = arena,
                               .observe = std::move(observe)}));
  };
  const auto add_section = [&](const char* region, Section& section) {
    const Pages page = middle_page(section.data(), section.size());
    add(region, std::nullopt, [page](auto& m) { observe_page_of(m, page); });
  };
  add("heap", kHeap, [](auto& m) {
    const Pages heap = pages_of(m.arena());
    observe_page_of(m, middle_page(heap.base, heap.count * page_size()));
  });
  add("stack", std::nullopt, observe_stack_page);
  add_section("data", written_data);
  add_section("bss", bss);
  add("library", std::nullopt, observe_library_page);
}

}  // namespace

void add_heap_claims(std::vector<Case>& cases) {
  cases.push_back(
      make_case({.id = "heap-not-copied", .arena = kHeap, .observe = observe_not_copied}));
  add_pagewise(cases);
  add_regions(cases);
  cases.push_back(make_case({.id = "heap-grandchild",
                             .arena = kHeap,
                             .needs = {.copies = 1, .processes = 2},
                             .observe = observe_grandchild}));
  cases.push_back(make_case(
      {.id = "zero-page", .arena = kHeap, .populate = false, .observe = observe_zero_page}));
  cases.push_back(make_case({.id = "data-cow", .observe = observe_data}));
  const auto add_marks = [&](const char* marks, int64_t (*mark)(const Objects&)) {
    cases.push_back(make_case({.id = "gc-dirties",
                               .axes = {{"marks", marks}},
                               .arena = kHeap,
                               .needs = {.copies = 1},
                               .observe = [mark](auto& m) { observe_marks(m, mark); }}));
  };
  add_marks("in-place", mark_in_place);
  add_marks("bitmap", mark_in_bitmap);
}

}  // namespace forkcost
