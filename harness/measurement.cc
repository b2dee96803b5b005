#include "harness/measurement.h"

#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>

#include <utility>
#include <vector>

#include "harness/error.h"
#include "harness/files.h"
#include "harness/memory.h"
#include "harness/procfs.h"
#include "harness/size.h"
#include "harness/turns.h"

namespace forkcost {
namespace {

double ms_since(uint64_t ticks) {
  return ticks_to_ns(static_cast<double>(clock_ticks() - ticks)) / 1e6;
}

// A round is a process: its start is part of what its case takes. Of a second case it is not.
double take_start_up_ms() {
  static double start_up_ms = static_cast<double>(thread_cpu_ns()) / 1e6;
  return std::exchange(start_up_ms, 0);
}

}  // namespace

Measurement::Measurement(const Case& the_case, const MeasureOptions& options, size_t min_samples,
                         Probe* probe)
    : case_(the_case),
      options_(options),
      probe_(probe),
      binding_(the_case.placement, options.cpu),
      plan_(options, min_samples),
      began_(clock_ticks()),
      start_up_ms_(take_start_up_ms()) {
  limit_.emplace(options.time_limit_s);
}

Measurement::~Measurement() {
  if (turns() != nullptr) turns()->leave();
}

double Measurement::waited_ms() const {
  const uint64_t ticks = turns() == nullptr ? 0 : turns()->waited_ticks();
  return ticks_to_ns(static_cast<double>(ticks)) / 1e6;
}

Arena& Measurement::arena() {
  if (arena_ != nullptr) return *arena_;
  const ArenaSpec wanted = case_.populate ? spec() : ArenaSpec{};
  Arena* found = find_kept_arena(wanted);
  const bool populated = found != nullptr && case_.populate;
  require_room(spec(), case_.needs, populated);
  make_yardstick_memory(populated);
  if (found == nullptr) {
    limit_.reset();
    found = &keep_arena(wanted);
    limit_.emplace(options_.time_limit_s);
  }
  arena_ = found;
  for (Check& check : arena_->verify()) verified(std::move(check));
  return *arena_;
}

void Measurement::require(Check check) {
  if (!check.ok || first_sample()) verified(std::move(check));
}

void Measurement::require_equal(const std::string& name, const std::string& expected,
                                const std::string& observed) {
  require(check_equal(name, expected, observed));
}

void Measurement::require_equal(const std::string& name, uint64_t expected, uint64_t observed) {
  require(check_equal(name, expected, observed));
}

int Measurement::current_cpu() {
  return current_cpu_number();
}

void Measurement::begin() {
  arena();
  // What verification needed and libc kept would be copied by every fork.
  malloc_trim(0);
  const auto status = read_text_file("/proc/self/status").value_or("");
  parent_ = {.rss_bytes = find_field(status, "VmRSS").value_or(0) * kKiB,
             .page_table_bytes = find_field(status, "VmPTE").value_or(0) * kKiB,
             .mappings = count_mappings(read_text_file("/proc/self/maps").value_or(""))};
  if (yardstick_memory_ && yardstick_memory_->words() != nullptr) {
    parent_.rss_bytes -= Yardsticks::kMemoryBytes;
    parent_.page_table_bytes -= Yardsticks::kMemoryBytes / page_size() * sizeof(uint64_t);
    --parent_.mappings;
  }
  clock_info();  // calibrates
  limit_.emplace(options_.time_limit_s);
  counts_before_ = read_kernel_counts();
  sampling_ = true;
}

bool Measurement::next_sample() {
  if (!sampling_) {
    begin();
  } else {
    finish_sample();
    if (!warming_up()) take_yardsticks();
  }
  const SamplePlan::Next next = plan_.next(ms_since(warmed_up_));
  if (turns() != nullptr && next == SamplePlan::Next::kSample) turns()->before_sample();
  if (TimeLimit::expired()) {
    throw Failure(fmt::format("not done after {} s; raise --time-limit-s", TimeLimit::seconds()));
  }
  switch (next) {
    case SamplePlan::Next::kEnough:
      return false;
    case SamplePlan::Next::kGiveUp:
      throw Skip(fmt::format("the scheduler started {} of {} children on their parent's CPU; retry "
                             "with the other CPUs idle",
                             plan_.misplaced(), plan_.attempts()),
                 Skip::kByChance);
    case SamplePlan::Next::kSample:
      break;
  }
  plan_.begin_sample();
  timeline_.reset();
  recorder_.begin_sample();
  child_usage_.reset();
  reads_cpu_clock_ = probe_ == nullptr && !case_.required.empty() && plan_.reads_cpu_clock();
  sample_began_ = clock_ticks();
  return true;
}

void Measurement::resumed(pid_t pid, int error) {
  timeline_.stamp(FORKCOST_RESUMED);
  if (reads_cpu_clock_) blocked_cpu_ = thread_cpu_ns() - cpu_before_;
  if (pid < 0) {
    const std::string call = case_.call == nullptr ? case_.benchmark : case_.call;
    throw_creation_failed(fmt::format("{} in a parent of {}", call,
                                      format_size(case_.arena ? case_.arena->bytes : 0)),
                          error);
  }
  if (pid > 0) child_.emplace(pid);
  if (current_cpu() != parent_cpu_) ++migrations_;
}

void Measurement::reap() {
  rusage usage{};
  child_->reap(timeline_, reads_cpu_clock_ ? &usage : nullptr);
  if (watches_creation()) probe_->end();
  child_.reset();
  if (!reads_cpu_clock_) return;
  child_usage_ = usage;
}

void Measurement::reaped(int status) {
  timeline_.stamp(FORKCOST_REAPED);
  if (watches_creation()) probe_->end();
  // system() ignores the terminal's Ctrl-C in us and leaves it to the command.
  const bool interrupted = WIFSIGNALED(status) && WTERMSIG(status) == SIGINT;
  if (interrupted || (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGINT)) raise(SIGINT);
  require_clean_end(status, timeline_);
}

void Measurement::finish_sample() {
  const forkcost_timeline_page& page = timeline_.page();
  require_timeline(page, case_.required);
  const bool wrong_cpu = is_misplaced(case_.placement, page, parent_cpu_);
  if (probe_ != nullptr) probe_->sample_ended(!wrong_cpu && !warming_up());
  if (wrong_cpu) {
    plan_.misplace_sample();
  } else if (warming_up()) {
    warm_up();
  } else {
    keep_sample();
  }
}

void Measurement::keep_sample() {
  if (probe_ == nullptr && !case_.required.empty()) {
    if (reads_cpu_clock_) recorder_.record_cpu_time(blocked_cpu_, child_usage_);
    if (!reads_cpu_clock_ || !plan_.alternates()) recorder_.record_timeline(timeline_.page());
  }
  recorder_.keep_sample(plan_.kept());
  plan_.keep_sample();
}

void Measurement::warm_up() {
  const double took_ms = ms_since(sample_began_);
  std::optional<double> share;
  if (const auto total = ticks_between(timeline_.page(), FORKCOST_CALL, FORKCOST_REAPED);
      total && probe_ == nullptr) {
    share = clock_info().cpu_clock_cost_ns / ticks_to_ns(static_cast<double>(*total));
  }
  plan_.warm_up(took_ms, share);
  if (!warming_up()) warmed_up_ = clock_ticks();
}

// Before the arena is populated, with which a case begins anyway: made between the samples, it took
// the warm pages that forks would have had (seen: fork of 64 MiB 2-5% dearer). Beside smaller
// arenas one more mapping would show: although no child has it, it costs a fork 0.5 us (seen:
// Linux 6.18), 1% in an empty parent.
void Measurement::make_yardstick_memory(bool populated) {
  constexpr size_t kBytes = Yardsticks::kMemoryBytes;
  if (probe_ != nullptr || !yardsticks_are_on() || spec().bytes < kBytes) return;
  if (spare_memory(room_needed(spec(), case_.needs, populated)) < kBytes) return;
  yardstick_memory_.emplace(kBytes, start_up_ms_ + options_.budget_ms,
                            populated ? 0 : spec().bytes);
}

void Measurement::take_yardsticks() {
  if (probe_ != nullptr || !yardsticks_are_on()) return;
  if (!yardsticks_) {
    const double samples_ms = static_cast<double>(plan_.planned()) * plan_.sample_ms();
    yardsticks_.emplace(
        Yardsticks::Budget{.case_ms = start_up_ms_ + ms_since(began_) - waited_ms() + samples_ms,
                           .sample_ms = plan_.sample_ms(),
                           .samples = plan_.planned()},
        yardstick_memory_ ? &*yardstick_memory_ : nullptr);
    if (yardsticks_->empty()) return;
  } else {
    if (!yardsticks_->is_due(plan_.kept())) return;
    yardsticks_->take();
  }
  if (plan_.kept() < plan_.planned()) plan_.warm_up_again();
}

Conditions Measurement::conditions() const {
  const KernelCounts now = read_kernel_counts();
  return {.elapsed_ns = ticks_to_ns(static_cast<double>(now.ticks - counts_before_.ticks)) -
                        1e6 * waited_ms(),
          .steal_ns = now.steal_ns - counts_before_.steal_ns,
          .involuntary_switches = now.involuntary_switches - counts_before_.involuntary_switches,
          .migrations = migrations_,
          .misplaced = plan_.misplaced()};
}

std::vector<std::string> Measurement::disturbances(const Conditions& conditions) const {
  return find_disturbances(conditions,
                           case_.switches_per_sample * static_cast<double>(plan_.attempts()),
                           case_.placement == Placement::kSameCpu);
}

}  // namespace forkcost
