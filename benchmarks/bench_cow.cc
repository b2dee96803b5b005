// What is paid after a fork, when somebody writes?
//
// cow: after a fork one process (axis writer) touches every page of the arena; state says what
// happened before:
//   first        nobody has written yet and the other process lives: each page is copied
//   after-other  the other process has written every page: the last owner reuses its page
//   alone        the child is gone (parent only): reuse
//   second       the writer has written every page before: no fault
// Reference cases, without a fork: zero-page (read of untouched memory, and the write that
// follows), first-touch (write to fresh memory), copy-page (memcpy of one base page into memory
// that is there).
//
// Quantities: touch_ns, one touch, as a distribution; fault_ns in its place, the mean per fault,
// where a huge page takes one fault for many touches; debt_ns, the sum of all touches; debt_cpu_ns,
// CPU time of the loop; timer cost subtracted from all. faults: minor faults of the writer.
//
// With base pages the faults, and where frame numbers may be read the new frames, must be those of
// the table below (expectation()), in every sample, or the case fails. Huge pages break at the
// kernel's choice, so there the count is reported.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "harness/answer_rows.h"
#include "harness/channel.h"
#include "harness/error.h"
#include "harness/measurement.h"
#include "harness/procfs.h"
#include "harness/size.h"
#include "harness/touch.h"

namespace forkcost {
namespace {

enum class Writer : uint8_t { kParent, kChild, kGrandchild };
enum class State : uint8_t { kFirst, kAfterOther, kAlone, kSecond };

constexpr std::array<const char*, 3> kWriterNames = {"parent", "child", "grandchild"};
constexpr std::array<const char*, 4> kStateNames = {"first", "after-other", "alone", "second"};

struct Scenario {
  Writer writer;
  State state;
  bool write;
  Pattern pattern;
};

// What the touches of N present base pages must do.
struct Expectation {
  int64_t faults;
  size_t new_frames;
};

Expectation expectation(const Scenario& s, size_t pages) {
  const auto faults = static_cast<int64_t>(pages);
  if (!s.write || s.state == State::kSecond) return {0, 0};
  return {faults, s.state == State::kFirst ? pages : 0};
}

Access access_of(bool write) {
  return write ? Access::kWrite : Access::kRead;
}

// The checks of a sample that touched `arena`. In the first one they go into the file; later ones
// must only hold.
class Oracle {
 public:
  Oracle(Measurement& m, const Arena& arena, Expectation expected)
      : m_(m), arena_(arena), expected_(expected) {}

  void before(pid_t writer) {
    if (!reported_) frames_ = frames_of(writer);
  }

  void after(pid_t writer, const TouchResult& result) {
    const bool exact = arena_.spec().backing != Backing::kThp;
    const Check faults = exact ? check_equal("minor faults", expected_.faults, result.faults)
                               : Check{"minor faults", "the kernel's choice with huge pages",
                                       std::to_string(result.faults), true};
    if (!faults.ok || !reported_) m_.verified(faults);
    if (!reported_ && exact) check_frames(frames_of(writer));
    reported_ = true;
  }

 private:
  std::optional<std::vector<uint64_t>> frames_of(pid_t pid) const {
    return read_frames(pid, reinterpret_cast<uintptr_t>(arena_.base()),
                       arena_.spec().bytes / page_size());
  }

  void check_frames(const std::optional<std::vector<uint64_t>>& now) {
    if (!frames_ || !now) return;  // they are hidden from us; the warnings say so
    const size_t step = arena_.touch_bytes() / page_size();
    size_t fresh = 0;
    for (size_t i = 0; i < now->size(); i += step) fresh += (*now)[i] != (*frames_)[i];
    m_.verified(check_equal("new frames", expected_.new_frames, fresh));
  }

  Measurement& m_;
  const Arena& arena_;
  Expectation expected_;
  std::optional<std::vector<uint64_t>> frames_;
  bool reported_ = false;
};

void record_touches(Measurement& m, PageToucher& pages, const TouchResult& result) {
  const double debt = pages.debt_ns();
  m.record("debt_ns", debt);
  // A figure per fault, never per access: where one fault of a huge page serves many touches their
  // distribution would be that of cache hits.
  if (result.faults == 0 || result.faults >= static_cast<int64_t>(pages.count())) {
    m.record_many("touch_ns", pages.times_ns());
  } else {
    m.record("fault_ns", debt / static_cast<double>(result.faults));
  }
  m.record("debt_cpu_ns", static_cast<double>(result.cpu_ns));
  m.record("faults", static_cast<double>(result.faults));
}

enum class Order : uint8_t {
  kWrite,          // write every page, untimed
  kTimeWrite,      // write every page, each timed
  kTimeRead,       // read every page, each timed
  kRehearseWrite,  // the same of a scratch page (TouchTarget)
  kRehearseRead,   // the same of a scratch page (TouchTarget)
  kFork,           // make a worker of its own; its pid is the answer's `faults`
  kEnd             // leave
};

using CowChannel = Channel<Order, TouchResult>;

// In the child and the grandchild: does what it is told until the end. `next` leads to its own
// child.
[[noreturn]] void work(Timeline& timeline, PageToucher& pages, pid_t parent, CowChannel& channel,
                       CowChannel* next) noexcept {
  obey(channel, Order::kEnd, timeline, parent, [&](Order order) -> TouchResult {
    switch (order) {
      case Order::kWrite:
        pages.touch_untimed(Access::kWrite);
        return {};
      case Order::kTimeWrite:
      case Order::kTimeRead:
      case Order::kRehearseWrite:
      case Order::kRehearseRead: {
        const bool write = order == Order::kTimeWrite || order == Order::kRehearseWrite;
        const bool real = order == Order::kTimeWrite || order == Order::kTimeRead;
        settle_thread();
        return pages.touch(access_of(write), real ? TouchTarget::kMemory : TouchTarget::kScratch);
      }
      case Order::kFork: {
        if (next == nullptr) fail_child(timeline, "fork of a great-grandchild", EINVAL);
        const pid_t self = getpid();
        const pid_t pid = fork();
        if (pid < 0) fail_child(timeline, "fork of a grandchild", errno);
        if (pid == 0) work(timeline, pages, self, *next, nullptr);
        next->close();  // else nobody would notice when the grandchild dies
        return {.faults = pid};
      }
      case Order::kEnd:
        break;
    }
    return {};
  });
}

// An answer that does not come means that the worker died: reaping the child says why.
TouchResult ask(Measurement& m, CowChannel& channel, CowChannel& to_child, Order order) {
  const auto answer = channel.ask(order);
  if (!answer) {
    to_child.tell(Order::kEnd);  // it may be the grandchild that is gone
    m.reap();
    throw Failure("the worker closed its channel without an error");
  }
  return *answer;
}

void measure_cow(Measurement& m, const Scenario& s) {
  Arena& arena = m.arena();
  PageToucher pages(arena, s.pattern);
  Oracle oracle(m, arena, expectation(s, arena.touches()));
  while (m.next_sample()) {
    CowChannel to_child, to_grandchild;
    const pid_t parent = getpid();
    m.call();
    const pid_t child = fork();
    if (child == 0) work(m.timeline(), pages, parent, to_child, &to_grandchild);
    m.resumed(child);
    to_child.become_master();
    const auto tell_child = [&](Order order) { return ask(m, to_child, to_child, order); };
    const auto end_child_process = [&] {
      to_child.tell(Order::kEnd);
      m.reap();
    };
    pid_t writer = parent;
    CowChannel* to_writer = nullptr;
    if (s.writer == Writer::kChild) {
      writer = child;
      to_writer = &to_child;
    } else if (s.writer == Writer::kGrandchild) {
      writer = static_cast<pid_t>(tell_child(Order::kFork).faults);
      to_writer = &to_grandchild;
    }
    to_grandchild.become_master();
    const auto write_all = [&](CowChannel* link) {
      if (link == nullptr) return pages.touch_untimed(Access::kWrite);
      ask(m, *link, to_child, Order::kWrite);
    };

    if (s.state == State::kAlone) end_child_process();
    if (s.state == State::kAfterOther) write_all(s.writer == Writer::kParent ? &to_child : nullptr);
    if (s.state == State::kSecond) write_all(to_writer);

    oracle.before(writer);
    if (m.watched()) {  // so that nothing of a process's own is counted among the touches
      const Order rehearse = s.write ? Order::kRehearseWrite : Order::kRehearseRead;
      if (s.state != State::kAlone) tell_child(rehearse);
      if (to_writer == nullptr) pages.touch(access_of(s.write), TouchTarget::kScratch);
      if (to_writer == &to_grandchild) ask(m, to_grandchild, to_child, rehearse);
    }
    m.begin_operation();
    const TouchResult result =
        to_writer == nullptr
            ? pages.touch(access_of(s.write))
            : ask(m, *to_writer, to_child, s.write ? Order::kTimeWrite : Order::kTimeRead);
    m.end_operation();
    oracle.after(writer, result);
    record_touches(m, pages, result);

    if (s.writer == Writer::kGrandchild) to_grandchild.tell(Order::kEnd);
    if (s.state != State::kAlone) end_child_process();
    arena.restore();
    if (arena.spec().backing == Backing::kThp) {
      for (const Check& check : arena.verify()) {
        if (!check.ok) m.verified(check);
      }
    }
  }
}

// Memory that nobody has touched, anew for every sample.
void measure_fresh(Measurement& m, bool read_before, bool write) {
  while (m.next_sample()) {
    const Arena arena(m.spec(), Arena::Content::kUntouched);
    PageToucher pages(arena, Pattern::kSequential);
    if (read_before) pages.touch_untimed(Access::kRead);
    const auto count = static_cast<int64_t>(m.spec().bytes / page_size());
    const bool huge = m.spec().backing != Backing::kBasePages;
    const int64_t per_fault = huge ? static_cast<int64_t>(huge_page_size() / page_size()) : 1;
    if (m.watched()) pages.touch(access_of(write), TouchTarget::kScratch);
    m.begin_operation();
    const TouchResult result = pages.touch(access_of(write));
    m.end_operation();
    m.require(check_equal("minor faults", count / per_fault, result.faults));
    record_touches(m, pages, result);
    if (!m.first_sample()) continue;
    if (write) {
      for (Check& check : arena.verify()) m.verified(std::move(check));
    } else if (const auto frames = read_frames(getpid(), reinterpret_cast<uintptr_t>(arena.base()),
                                               arena.touches())) {
      const std::unordered_set<uint64_t> distinct(frames->begin(), frames->end());
      m.verified(
          check_equal("distinct frames (the zero page)", 1, static_cast<int64_t>(distinct.size())));
    }
  }
}

// What of a fault is copying: one memcpy of a base page, source and destination present.
void measure_copy_page(Measurement& m) {
  Arena& source = m.arena();
  const Arena target(m.spec());
  const size_t size = page_size();
  SharedArray<uint32_t> ticks(target.touches());
  std::vector<uint32_t> times(ticks.size());
  const double cost = clock_info().stamp_cost_ns;
  while (m.next_sample()) {
    m.begin_operation();
    for (size_t page = 0; page < ticks.size(); ++page) {
      const uint64_t before = clock_ticks();
      memcpy(target.base() + page * size, source.base() + page * size, size);
      ticks[page] = static_cast<uint32_t>(clock_ticks() - before);
    }
    m.end_operation();
    for (size_t page = 0; page < times.size(); ++page) {
      times[page] = static_cast<uint32_t>(std::max(ticks_to_ns(ticks[page]) - cost, 0.0));
    }
    m.record_many("touch_ns", times);
    m.record("debt_ns", std::accumulate(times.begin(), times.end(), 0.0));
  }
}

// Writing pages one after the other, by the parent, is the centre; around it one axis at a time.
Preset preset_of(const Scenario& s, const HeapSize& heap, Backing backing) {
  const int off_centre = (s.writer != Writer::kParent) + (s.state != State::kFirst) + !s.write +
                         (s.pattern != Pattern::kSequential) + (backing != Backing::kBasePages);
  const bool large = heap.bytes >= kGiB;
  if (heap.bytes > kGiB || (large && backing == Backing::kHugetlb)) return Preset::kFull;
  if (backing == Backing::kHugetlb)
    return std::max(heap.preset, off_centre > 1 ? Preset::kFull : Preset::kStandard);
  switch (off_centre) {
    case 0:
      return large ? std::max(heap.preset, Preset::kStandard) : heap.preset;
    case 1:
      return heap.bytes == 64 * kMiB
                 ? Preset::kQuick
                 : std::max(heap.preset, large ? Preset::kFull : Preset::kStandard);
    case 2:
      return heap.bytes == 64 * kMiB ? Preset::kStandard : Preset::kFull;
    default:
      return Preset::kFull;
  }
}

// What a page costs that is copied, and one that is reused: the time of all of them, as many in
// every sample. Of 4 MiB, which a process has in a few milliseconds.
std::vector<std::string_view> core_of(const Scenario& s, const HeapSize& heap, Backing backing) {
  const bool core = heap.bytes == 4 * kMiB && backing == Backing::kBasePages &&
                    s.writer == Writer::kParent && s.write && s.pattern == Pattern::kSequential &&
                    (s.state == State::kFirst || s.state == State::kAlone);
  return core ? std::vector<std::string_view>{"debt_ns"} : std::vector<std::string_view>();
}

// The writer's copy, or before it the other one's; each process has tables of its own, and the
// touches have tables of two numbers a page.
MemoryNeed need_of(const Scenario& s, const HeapSize& heap) {
  const bool copies = s.write && s.state != State::kAlone;
  return {.copies = copies ? 1u : 0u,
          .processes = s.writer == Writer::kGrandchild ? 2u : 1u,
          .bytes = heap.bytes / page_size() * 2 * sizeof(uint32_t)};
}

bool makes_sense(const Scenario& s) {
  if (!s.write) return s.state == State::kFirst;  // reading never unshares
  if (s.state == State::kAlone) return s.writer == Writer::kParent;
  if (s.state == State::kAfterOther) return s.writer != Writer::kGrandchild;
  return true;
}

void add_scenarios(std::vector<Case>& cases, const HeapSize& heap, Backing backing) {
  for (const Writer writer : {Writer::kParent, Writer::kChild, Writer::kGrandchild}) {
    for (const State state : {State::kFirst, State::kAfterOther, State::kAlone, State::kSecond}) {
      for (const bool write : {true, false}) {
        for (const Pattern pattern : {Pattern::kSequential, Pattern::kRandom, Pattern::kStride}) {
          const Scenario s{writer, state, write, pattern};
          if (!makes_sense(s)) continue;
          cases.push_back({.benchmark = "cow",
                           .axes = {{"writer", kWriterNames.at(static_cast<size_t>(writer))},
                                    {"state", kStateNames.at(static_cast<size_t>(state))},
                                    {"access", write ? "write" : "read"},
                                    {"pattern", pattern_name(pattern)},
                                    {"heap", format_size(heap.bytes)},
                                    {"backing", backing_name(backing)}},
                           .preset = preset_of(s, heap, backing),
                           .arena = ArenaSpec{heap.bytes, backing},
                           .needs = need_of(s, heap),
                           .primary = "debt_ns",
                           .primary_cpu = "debt_cpu_ns",
                           .core = core_of(s, heap, backing),
                           .body = [s](Measurement& m) { measure_cow(m, s); }});
        }
      }
    }
  }
}

// 64 MiB is the size at which all reference cases stand side by side, 256 MiB that of the bill.
Preset reference_preset(const HeapSize& heap) {
  if (heap.bytes == 64 * kMiB || heap.bytes == 256 * kMiB) return Preset::kQuick;
  return std::max(heap.preset, heap.bytes >= kGiB ? Preset::kFull : Preset::kStandard);
}

void add_reference_cases(std::vector<Case>& cases, const HeapSize& heap) {
  const auto add = [&](const char* benchmark, std::vector<std::pair<std::string, std::string>> axes,
                       Backing backing, bool populate, std::function<void(Measurement&)> body) {
    const MemoryNeed needs{.copies = populate ? 1u : 0u,
                           .processes = 0,
                           .bytes = heap.bytes / page_size() * 2 * sizeof(uint32_t)};
    axes.emplace_back("heap", format_size(heap.bytes));
    axes.emplace_back("backing", backing_name(backing));
    cases.push_back({.benchmark = benchmark,
                     .axes = std::move(axes),
                     .preset = reference_preset(heap),
                     .arena = ArenaSpec{heap.bytes, backing},
                     .populate = populate,
                     .needs = needs,
                     .primary = "debt_ns",
                     .primary_cpu = "debt_cpu_ns",
                     .body = std::move(body)});
  };
  const auto base = Backing::kBasePages;
  add("zero-page", {{"access", "read"}}, base, false,
      [](auto& m) { measure_fresh(m, false, false); });
  add("zero-page", {{"access", "write"}}, base, false,
      [](auto& m) { measure_fresh(m, true, true); });
  add("first-touch", {}, base, false, [](auto& m) { measure_fresh(m, false, true); });
  if (heap.bytes >= huge_page_size()) {
    add("first-touch", {}, Backing::kThp, false, [](auto& m) { measure_fresh(m, false, true); });
    add("first-touch", {}, Backing::kHugetlb, false,
        [](auto& m) { measure_fresh(m, false, true); });
  }
  add("copy-page", {}, base, true, measure_copy_page);
}

}  // namespace

std::vector<Axis> program_axes() {
  return {{"writer", "parent", "who touches the memory after the fork"},
          {"access", "write", "whether the touches read or write"}};
}

std::vector<AnswerSection> answer_sections() {
  // The size at which all states stand side by side in every preset.
  const Axes page = {{"heap", "64MiB"}};
  const auto at = [&](const char* state) {
    Axes axes = page;
    axes["state"] = state;
    return axes;
  };
  return {{.title = "copy-on-write",
           .place = 30,
           .benchmark = "cow",
           .axes = {{"writer", "parent"},
                    {"state", "first"},
                    {"access", "write"},
                    {"pattern", pattern_name(Pattern::kSequential)},
                    {"backing", backing_name(Backing::kBasePages)}},
           .rows = {
               {.title = "  later writes",
                .figures = {
                    {.text = "{} a page copied", .axes = at("first"), .quantity = "touch_ns"},
                    {.text = "{} reused (child gone)", .axes = at("alone"), .quantity = "touch_ns"},
                    {.text = "{} for all of {heap}",
                     .axes = {{"heap", kLargest}},
                     .quantity = "debt_ns"}}}}}};
}

std::vector<Case> register_cases(const std::vector<HeapSize>& heaps) {
  std::vector<Case> cases;
  for (const HeapSize& heap : heaps) {
    if (heap.bytes == 0) continue;  // nothing to touch
    for (const Backing backing : {Backing::kBasePages, Backing::kThp, Backing::kHugetlb}) {
      if (backing != Backing::kBasePages && heap.bytes < huge_page_size()) continue;
      add_scenarios(cases, heap, backing);
    }
    add_reference_cases(cases, heap);
  }
  return cases;
}

}  // namespace forkcost
