// What does it cost to hand over to somebody else on the same CPU, and what do the other's page
// tables add?
//
// Two sides take turns on one CPU: whoever has the turn wakes the other and waits. Axis between:
// two threads of a process (the same page tables), a process and its fork (page tables of its own,
// the same memory at first), a process and another program. Axis by: the turn is a word in shared
// memory and a futex (not a private one, so that it is the same call for all), or a byte in a pipe.
// Axis touch: the pages that each side reads in its turn, from base pages of its own that are
// there; with page tables of its own, what was in the TLB may have to be looked up again.
//
// Quantities, times in nanoseconds:
//   round_trip_ns   from one turn of the first side to its next (a histogram): two hand-overs
//   waits_per_turn  calls to wait for a turn that a side makes per turn, mean of both. By futex it
//                   may be fewer than 1: where the kernel puts the woken side in our place while we
//                   still wake it, the turn can be ours again before we wait for it. By pipe 1, as
//                   it is read anyhow
//   primitive_ns    the reading and the calls of one turn, as many as were made, without anybody to
//                   hand over to: waking where no one waits, and waits_per_turn times waiting for
//                   what is there already; with pipes writing to and reading from one's own
//   handover_ns     half of the median round trip, less primitive_ns: to be put aside, to be put
//                   back, and what caches and TLB lost on the way
// Waking somebody who waits costs more than waking nobody: that is in handover_ns.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/switch/partner.h"
#include "harness/answer_rows.h"
#include "harness/error.h"
#include "harness/measurement.h"
#include "harness/procfs.h"

namespace forkcost {
namespace {

constexpr size_t kTurns = 1000;  // of each side, in one sample

double median(const std::vector<uint32_t>& times) {
  std::vector<double> sorted(times.begin(), times.end());
  std::ranges::sort(sorted);
  return quantile(sorted, 0.5);
}

uint32_t span_ns(uint64_t begin, uint64_t end) {
  const double ns = ticks_to_ns(static_cast<double>(end - begin)) - clock_info().stamp_cost_ns;
  return static_cast<uint32_t>(std::clamp(ns, 0.0, 4e9));
}

// Of both sides together, since the turns began.
uint32_t count_waits(const forkcost_turns& turns) {
  return __atomic_load_n(&turns.waits[0], __ATOMIC_RELAXED) +
         __atomic_load_n(&turns.waits[1], __ATOMIC_RELAXED);
}

// The first side: what it needs, in place before its turns.
class FirstSide {
 public:
  explicit FirstSide(const TurnSpec& spec)
      : spec_(spec), memory_(forkcost_map_pages(spec.pages)), times_(kTurns) {
    if (memory_ == MAP_FAILED) throw_errno("mmap of the pages to read", errno);
    if (!spec.by_pipe) return;
    std::array<int, 2> ends{};
    check(pipe2(ends.data(), O_CLOEXEC), "pipe2", "raise ulimit -n");
    own_read_ = FileDescriptor(ends[0]);
    own_write_ = FileDescriptor(ends[1]);
  }
  ~FirstSide() {
    if (memory_ != nullptr) munmap(memory_, spec_.pages * page_size());
  }
  FirstSide(const FirstSide&) = delete;
  FirstSide& operator=(const FirstSide&) = delete;

  // Medians of the calls of a turn without the other side, the first one with the reading.
  struct Calls {
    double wake_ns, wait_ns;
  };
  Calls time_calls(forkcost_turns& turns) {
    std::vector<uint32_t> waits(kTurns);
    const size_t size = page_size();
    for (size_t i = 0; i < kTurns; ++i) {
      const uint64_t begin = clock_ticks();
      forkcost_read_pages(memory_, spec_.pages, size);
      give_nobody(turns);
      const uint64_t middle = clock_ticks();
      take_what_is_there(turns);
      times_[i] = span_ns(begin, middle);
      waits[i] = span_ns(middle, clock_ticks());
    }
    return {median(times_), median(waits)};
  }

  // Times of round trips; empty when the partner is gone.
  const std::vector<uint32_t>& round_trips_ns(forkcost_turns& turns) {
    const size_t size = page_size();
    for (uint32_t& time : times_) {
      const uint64_t before = clock_ticks();
      forkcost_read_pages(memory_, spec_.pages, size);
      if (forkcost_give_turn(&turns, FORKCOST_FIRST) == 0 ||
          forkcost_take_turn(&turns, FORKCOST_FIRST) == 0) {
        times_.clear();
        break;
      }
      time = span_ns(before, clock_ticks());
    }
    return times_;
  }

  const char* memory() const { return memory_; }

 private:
  void give_nobody(forkcost_turns& turns) {
    if (!spec_.by_pipe) return forkcost_wake(&turns.alone);
    const char byte = 0;
    check(write(own_write_.get(), &byte, 1), "write to a pipe");
  }

  void take_what_is_there(forkcost_turns& turns) {
    if (!spec_.by_pipe) return forkcost_wait(&turns.alone, turns.alone + 1);  // EAGAIN
    char byte = 0;
    check(read(own_read_.get(), &byte, 1), "read from a pipe");
  }

  const TurnSpec& spec_;
  char* memory_;
  FileDescriptor own_read_, own_write_;
  std::vector<uint32_t> times_;
};

// Base pages, and all there.
void require_pages(Measurement& m, const char* name, pid_t process, uint64_t address,
                   uint64_t bytes) {
  if (bytes == 0) return;
  const std::vector<Mapping> mappings = read_mappings(process);
  const auto found = std::ranges::find_if(
      mappings, [&](const Mapping& at) { return at.begin <= address && address < at.end; });
  if (found == mappings.end()) throw Failure(std::string(name) + " are not mapped");
  m.require({std::string(name) + ", resident", ">= " + std::to_string(bytes),
             std::to_string(found->field("Rss")), found->field("Rss") >= bytes});
  m.require_equal(std::string(name) + ", in huge pages", "0",
                  std::to_string(found->field("AnonHugePages")));
}

void verify_partner(Measurement& m, const TurnSpec& spec, Partner& partner,
                    const FirstSide& first) {
  const forkcost_turns& turns = partner.turns();
  if (turns.partner_errno != 0) throw_errno("the partner's pages", turns.partner_errno);
  const std::string program =
      std::filesystem::read_symlink("/proc/" + std::to_string(partner.process()) + "/exe");
  const std::string ours = std::filesystem::read_symlink("/proc/self/exe");
  m.require_equal("the partner's program",
                  spec.between == Between::kExec ? (image_directory() / "partner").string() : ours,
                  program);
  const uint64_t bytes = spec.pages * page_size();
  require_pages(m, "our pages", getpid(), reinterpret_cast<uintptr_t>(first.memory()), bytes);
  require_pages(m, "the partner's pages", partner.process(), turns.partner_memory, bytes);
}

void measure_switch(Measurement& m, const TurnSpec& spec) {
  FirstSide first(spec);
  std::optional<Partner> partner;
  while (m.next_sample()) {
    const bool is_new = !partner;
    if (is_new) partner.emplace(m.timeline(), spec);
    const auto go = [&] {
      const std::vector<uint32_t>& times = first.round_trips_ns(partner->turns());
      if (!times.empty()) return &times;
      partner->end();  // says why
      throw Failure("the partner ended");
    };
    if (is_new) {
      go();  // until now nobody knew whether it is there
      verify_partner(m, spec, *partner, first);
    }
    const FirstSide::Calls calls = first.time_calls(partner->turns());
    const ThreadState our_before = read_thread_state(getpid(), gettid());
    const ThreadState its_before = read_thread_state(partner->process(), partner->thread());
    const uint32_t waits_before = count_waits(partner->turns());
    m.begin_operation();
    const std::vector<uint32_t>& times = *go();
    m.end_operation();
    const double waits = (count_waits(partner->turns()) - waits_before) / (2.0 * kTurns);
    const ThreadState ours = read_thread_state(getpid(), gettid());
    const ThreadState its = read_thread_state(partner->process(), partner->thread());
    const auto require_switches = [&](const char* name, int64_t switches) {
      m.require({name, ">= " + std::to_string(kTurns), std::to_string(switches),
                 switches >= static_cast<int64_t>(kTurns)});
    };
    require_switches("context switches of the first side", ours.switches - our_before.switches);
    require_switches("context switches of the partner", its.switches - its_before.switches);
    m.require_equal("CPU of the first side", std::to_string(m.cpu()), std::to_string(ours.cpu));
    m.require_equal("CPU of the partner", std::to_string(m.cpu()), std::to_string(its.cpu));
    m.record("memory_in_common", partner->shares_our_memory() ? 1 : 0);
    m.record("waits_per_turn", waits);
    const double primitive = calls.wake_ns + waits * calls.wait_ns;
    m.record("primitive_ns", primitive);
    m.record("handover_ns", median(times) / 2 - primitive);
    m.record_many("round_trip_ns", times);
  }
  partner->end();
}

// Futexes are the centre, with and without pages to touch.
Preset preset_of(const TurnSpec& spec) {
  if (spec.by_pipe) return Preset::kStandard;
  return spec.between == Between::kThreads && spec.pages == 0 ? Preset::kSmoke : Preset::kQuick;
}

}  // namespace

std::vector<Axis> program_axes() {
  return {{"between", {}, "the two sides that hand a turn over"},
          {"by", {}, "what they wait by"},
          {"touch", {}, "pages that each side touches in its turn"}};
}

std::vector<AnswerSection> answer_sections() {
  return {};  // no part of what a process costs to make
}

std::vector<Case> register_cases(const std::vector<HeapSize>&) {
  std::vector<Case> cases;
  for (const Between between : {Between::kThreads, Between::kForked, Between::kExec}) {
    for (const bool by_pipe : {false, true}) {
      for (const uint32_t pages : {0U, 256U}) {
        const TurnSpec spec{between, by_pipe, pages};
        cases.push_back({.benchmark = "switch",
                         .axes = {{"between", between_name(between)},
                                  {"by", by_pipe ? "pipe" : "futex"},
                                  {"touch", std::to_string(pages)}},
                         .preset = preset_of(spec),
                         // Threads count together: either side may put the other aside.
                         .switches_per_sample = 2.0 * kTurns,
                         .operation = "round_trip_ns",
                         .operations = kTurns,
                         .primary = "handover_ns",
                         .primary_cpu = "",
                         .body = [spec](Measurement& m) { measure_switch(m, spec); }});
      }
    }
  }
  return cases;
}

}  // namespace forkcost
