#include "harness/bench_case.h"

#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

#include "harness/case_result.h"
#include "harness/error.h"
#include "harness/procfs.h"
#include "harness/size.h"

namespace forkcost {
namespace {

constexpr std::array<const char*, 4> kPresetNames = {"smoke", "quick", "standard", "full"};

constexpr size_t kUnlimited = 100'000'000;  // samples

constexpr double kVisibleShare = 0.005;  // of the whole creation

struct Span {
  const char* quantity;
  forkcost_event from, to;
};

constexpr std::array<Span, 8> kSpans = {{{"blocked_ns", FORKCOST_CALL, FORKCOST_RESUMED},
                                         {"child_start_ns", FORKCOST_CALL, FORKCOST_CHILD},
                                         {"exec_ns", FORKCOST_CALL, FORKCOST_EXEC},
                                         {"image_start_ns", FORKCOST_CALL, FORKCOST_IMAGE},
                                         {"entry_start_ns", FORKCOST_CALL, FORKCOST_ENTRY},
                                         {"main_start_ns", FORKCOST_CALL, FORKCOST_MAIN},
                                         {"teardown_ns", FORKCOST_EXIT, FORKCOST_REAPED},
                                         {"total_ns", FORKCOST_CALL, FORKCOST_REAPED}}};

// The arena outlives a case, so that repetitions and cases with the same heap do not populate it
// again.
std::unique_ptr<Arena>& kept_arena() {
  static std::unique_ptr<Arena> arena;
  return arena;
}

// Stolen time of all CPUs, in ns: the eighth figure of /proc/stat's first line, in ticks.
int64_t steal_ns() {
  std::istringstream line(read_text_file("/proc/stat").value_or(""));
  std::string word;
  line >> word;
  int64_t ticks = 0;
  for (int field = 0; field < 8 && line >> ticks; ++field) {
  }
  return ticks * 1'000'000'000 / sysconf(_SC_CLK_TCK);
}

}  // namespace

const char* preset_name(Preset preset) {
  return kPresetNames.at(static_cast<size_t>(preset));
}

Preset parse_preset(std::string_view name) {
  const auto* found = std::ranges::find(kPresetNames, name);
  if (found == kPresetNames.end()) {
    throw UsageError(
        fmt::format("unknown preset '{}'; there are smoke, quick, standard, full", name));
  }
  return static_cast<Preset>(found - kPresetNames.begin());
}

Json describe_axes_of(const Case& the_case) {
  Json axes = Json::object();
  for (const auto& [axis, value] : the_case.axes) axes[axis] = value;
  return axes;
}

const std::string& Case::operation_quantity() const {
  static const std::string creation = "total_ns";
  if (!operation.empty()) return operation;
  return required.empty() ? primary : creation;
}

std::vector<HeapSize> default_heaps(uint64_t available_bytes) {
  std::vector<HeapSize> heaps = {{0, Preset::kSmoke},           {kMiB, Preset::kFull},
                                 {4 * kMiB, Preset::kStandard}, {16 * kMiB, Preset::kSmoke},
                                 {64 * kMiB, Preset::kQuick},   {256 * kMiB, Preset::kQuick},
                                 {kGiB, Preset::kQuick},        {4 * kGiB, Preset::kStandard}};
  // Up to 3/4 of the memory; the largest one is as large as fits.
  const uint64_t most = available_bytes / 4 * 3 / kGiB * kGiB;
  for (uint64_t size = 8 * kGiB; size <= most; size *= 2) heaps.push_back({size, Preset::kFull});
  if (most > heaps.back().bytes) heaps.push_back({most, Preset::kFull});
  return heaps;
}

Measurement::Measurement(const Case& the_case, const MeasureOptions& options, size_t min_samples,
                         Probe* probe)
    : case_(the_case),
      options_(options),
      probe_(probe),
      binding_(the_case.placement, options.cpu),
      min_samples_(min_samples) {
  limit_.emplace(options.time_limit_s);
}

Measurement::~Measurement() = default;

void Measurement::drop_arena() {
  kept_arena().reset();
}

Arena& Measurement::arena() {
  if (arena_ != nullptr) return *arena_;
  std::unique_ptr<Arena>& kept = kept_arena();
  const ArenaSpec wanted = case_.populate ? spec() : ArenaSpec{};
  const bool anew = !kept || kept->spec() != wanted;
  if (anew) kept.reset();  // first: both together may not fit
  require_room(spec(), case_.needs, !anew && case_.populate);
  if (anew) {
    limit_.reset();
    kept = std::make_unique<Arena>(wanted);
    limit_.emplace(options_.time_limit_s);
  }
  arena_ = kept.get();
  for (Check& check : arena_->verify()) verified(std::move(check));
  return *arena_;
}

void Measurement::verified(Check check) {
  checks_.push_back(check);
  if (!check.ok) {
    throw Failure(fmt::format("verification: {} is {}, expected {}", check.name, check.observed,
                              check.expected));
  }
}

void Measurement::require(Check check) {
  if (!check.ok || first_sample()) verified(std::move(check));
}

void Measurement::require_equal(const std::string& name, const std::string& expected,
                                const std::string& observed) {
  require({name, expected, observed, expected == observed});
}

void Measurement::require_equal(const std::string& name, uint64_t expected, uint64_t observed) {
  require_equal(name, std::to_string(expected), std::to_string(observed));
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
  clock_info();  // calibrates
  limit_.emplace(options_.time_limit_s);
  before_ = read_conditions();
  sampling_ = true;
}

bool Measurement::next_sample() {
  if (!sampling_) {
    begin();
  } else {
    finish_sample();
  }
  if (TimeLimit::expired()) {
    throw Failure(fmt::format("not done after {} s; raise --time-limit-s", TimeLimit::seconds()));
  }
  if (has_enough()) return false;
  if (attempts_ >= kAttemptsPerSample * (kWarmup + std::max(planned_, kMinSamples))) {
    if (kept_ >= kMinSamples) return false;
    throw Skip(fmt::format("the scheduler started {} of {} children on their parent's CPU; try it "
                           "with the other CPUs idle",
                           misplaced_, attempts_),
               Skip::kByChance);
  }
  ++attempts_;
  timeline_.reset();
  current_.clear();
  child_usage_.reset();
  reads_cpu_clock_ =
      probe_ == nullptr && !case_.required.empty() && (!alternates_ || kept_ % 2 == 1);
  sample_began_ = clock_ticks();
  return true;
}

bool Measurement::has_enough() const {
  if (warming_up() || !options_.fill_budget) return !warming_up() && kept_ >= planned_;
  const auto ticks = static_cast<double>(clock_ticks() - first_kept_);
  return kept_ >= kMinSamples && ticks_to_ns(ticks) > 1e6 * options_.budget_ms;
}

void Measurement::resumed(pid_t pid, int error) {
  timeline_.stamp(FORKCOST_RESUMED);
  if (reads_cpu_clock_) blocked_cpu_ = thread_cpu_ns() - cpu_before_;
  if (pid < 0) {
    std::string call = case_.benchmark;
    for (const auto& [axis, value] : case_.axes) {
      if (axis == "path") call = value;
    }
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

void Measurement::record(const std::string& quantity, double value) {
  if (!quantities_.contains(quantity)) quantities_[quantity] = {&find_quantity(quantity), {}};
  current_[quantity] = value;
}

void Measurement::record_many(const std::string& quantity, std::span<const uint32_t> values_ns) {
  if (planned_ == 0) return;  // warm-up
  if (!histograms_.contains(quantity)) find_quantity(quantity);
  Histogram& histogram = histograms_[quantity];
  for (const uint32_t value : values_ns) histogram.add(value);
}

bool Measurement::misplaced() const {
  return case_.placement == Placement::kOtherCpu &&
         const_cast<Timeline&>(timeline_).page().child_cpu == parent_cpu_;
}

void Measurement::finish_sample() {
  const forkcost_timeline_page& page = timeline_.page();
  for (const forkcost_event event : case_.required) {
    if (page.ticks[event] == 0) {
      throw Failure(
          fmt::format("event '{}' missing: the operation did not run", event_name(event)));
    }
  }
  if (const std::string disorder = find_disorder(page); !disorder.empty()) {
    throw Failure(fmt::format("{}: the clock ({}) is not in step on all CPUs", disorder,
                              clock_source_name(clock_info().source)));
  }
  const bool wrong_cpu = misplaced();
  if (probe_ != nullptr) probe_->sample_ended(!wrong_cpu && !warming_up());
  if (wrong_cpu) {
    ++misplaced_;
    return;
  }
  if (!warming_up()) {
    keep_sample();
    return;
  }
  ++warmup_;
  const double took_ms = ticks_to_ns(static_cast<double>(clock_ticks() - sample_began_)) / 1e6;
  if (warmup_ < kWarmup && took_ms < options_.budget_ms) return;
  const auto affordable = static_cast<size_t>(options_.budget_ms / took_ms);
  planned_ = std::max(std::clamp(affordable, kMinSamples, kMaxSamples), min_samples_);
  if (options_.samples > 0) planned_ = options_.samples;
  if (options_.fill_budget) planned_ = kUnlimited;
  first_kept_ = clock_ticks();
  // The CPU clock is a system call inside call -> reaped (2% of a vfork where it takes 0.5 us), and
  // so is adding up the child's CPU time. Where that would show, samples take turns.
  const auto total = ticks_between(page, FORKCOST_CALL, FORKCOST_REAPED);
  alternates_ =
      probe_ == nullptr && total &&
      clock_info().cpu_clock_cost_ns > kVisibleShare * ticks_to_ns(static_cast<double>(*total));
  if (alternates_ && options_.samples == 0) planned_ *= 2;
}

void Measurement::keep_sample() {
  if (probe_ == nullptr && !case_.required.empty()) record_timeline();
  for (auto& [name, quantity] : quantities_) {
    quantity.samples.resize(kept_, std::nan(""));  // absent in the samples before
    const auto found = current_.find(name);
    quantity.samples.push_back(found == current_.end() ? std::nan("") : found->second);
  }
  ++kept_;
}

void Measurement::record_child(const rusage& usage) {
  const auto us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 +
                  usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  record("child_cpu_ns", static_cast<double>(us) * 1000);
  record("child_minor_faults", static_cast<double>(usage.ru_minflt));
  record("child_major_faults", static_cast<double>(usage.ru_majflt));
}

void Measurement::record_timeline() {
  if (reads_cpu_clock_) {
    const double cost = clock_info().cpu_clock_cost_ns;
    record("blocked_cpu_ns", std::max(static_cast<double>(blocked_cpu_) - cost, 0.0));
    if (child_usage_) record_child(*child_usage_);
    if (alternates_) return;
  }
  for (const Span& span : kSpans) {
    if (const auto ticks = ticks_between(timeline_.page(), span.from, span.to)) {
      record(span.quantity, ticks_to_ns(static_cast<double>(*ticks)));
    }
  }
}

Measurement::Conditions Measurement::read_conditions() {
  rusage usage{};
  check(getrusage(RUSAGE_SELF, &usage), "getrusage");
  return {steal_ns(), usage.ru_nivcsw, clock_ticks()};
}

Json Measurement::describe_conditions() const {
  const Conditions now = read_conditions();
  const double elapsed = ticks_to_ns(static_cast<double>(now.ticks - before_.ticks));
  const int64_t steal = now.steal_ns - before_.steal_ns;
  const int64_t switches = now.involuntary_switches - before_.involuntary_switches;
  Json reasons = Json::array();
  if (static_cast<double>(steal) > 0.02 * elapsed) reasons.push_back("steal time above 2%");
  // Those of the case's own are part of what is measured. Beyond that, more than 100 a second are
  // somebody else's work.
  const auto expected = case_.switches_per_sample * static_cast<double>(attempts_) + elapsed / 1e7;
  if (static_cast<double>(switches) > expected) reasons.push_back("involuntary switches");
  if (case_.placement == Placement::kSameCpu && migrations_ > 0) reasons.push_back("migrations");
  Json out = {{"elapsed_ns", static_cast<int64_t>(elapsed)}};
  if (steal != 0) out["steal_ns"] = steal;
  if (switches != 0) out["involuntary_switches"] = switches;
  if (migrations_ != 0) out["migrations"] = migrations_;
  if (misplaced_ != 0) out["misplaced"] = misplaced_;
  if (!reasons.empty()) out["reasons"] = std::move(reasons);
  return out;
}

Json Measurement::describe_checks() const {
  Json checks = Json::array();
  for (const Check& check : checks_) {
    checks.push_back({{"check", check.name},
                      {"expected", check.expected},
                      {"observed", check.observed},
                      {"ok", check.ok}});
  }
  return checks;
}

CaseResult Measurement::finish() const {
  CaseResult result;
  Json quantities = Json::object();
  for (const auto& [name, series] : quantities_) {
    Json described =
        describe_samples(series.samples, series.quantity->unit, step_of(*series.quantity));
    if (!described.is_null()) quantities[name] = std::move(described);
  }
  for (const auto& [name, histogram] : histograms_) {
    if (histogram.count() > 0) quantities[name] = histogram.describe(find_quantity(name).unit);
  }
  const auto median_of = [&](const std::string& name) {
    return quantities.contains(name) ? quantities[name].value("p50", 0.0) : 0.0;
  };
  result.samples = kept_;
  result.real_time_ns = median_of(case_.primary);
  result.cpu_time_ns = median_of(case_.primary_cpu);
  // No such quantity, or below what the CPU clock resolves: touches that do not fault.
  if (result.cpu_time_ns <= 0) result.cpu_time_ns = result.real_time_ns;
  result.entry = {{"quantities", std::move(quantities)},
                  {"verification", describe_checks()},
                  {"conditions", describe_conditions()},
                  {"parent",
                   {{"rss_bytes", parent_.rss_bytes},
                    {"page_table_bytes", parent_.page_table_bytes},
                    {"mappings", parent_.mappings}}},
                  {"warmup", warmup_},
                  {"primary", case_.primary}};
  if (!case_.primary_cpu.empty()) result.entry["primary_cpu"] = case_.primary_cpu;
  return result;
}

}  // namespace forkcost
