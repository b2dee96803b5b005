#include "harness/clock.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <optional>
#include <string>

#include "harness/error.h"
#include "harness/strings.h"

namespace forkcost {
namespace {

int64_t read_clock(clockid_t clock) {
  timespec now{};
  check(clock_gettime(clock, &now), "clock_gettime");
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

bool counter_is_usable() {
  const char* const wanted = std::getenv("FORKCOST_CLOCK");
  if (wanted != nullptr && std::string_view(wanted) == "vdso") return false;
#if defined(__x86_64__)
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::string flags;
  while (std::getline(cpuinfo, flags) && !flags.starts_with("flags")) {
  }
  std::ifstream sources("/sys/devices/system/clocksource/clocksource0/available_clocksource");
  std::string available;
  std::getline(sources, available);
  return tsc_is_usable(flags, available);
#else
  // CNTVCT runs at a constant rate and in step on all CPUs by architecture.
  return forkcost_counter() != 0;
#endif
}

}  // namespace

const bool clock_internal::use_counter = counter_is_usable();

namespace {

// A pair of readings as close together as the machine allows: an interrupt between them would
// otherwise go straight into the frequency.
struct Instant {
  uint64_t ticks;
  int64_t ns;
};

Instant read_instant() {
  Instant best{};
  uint64_t best_width = UINT64_MAX;
  for (int i = 0; i < 20; ++i) {
    const uint64_t before = clock_ticks();
    const int64_t ns = read_clock(CLOCK_MONOTONIC_RAW);
    const uint64_t after = clock_ticks();
    if (after - before < best_width) {
      best_width = after - before;
      best = {before + (after - before) / 2, ns};
    }
  }
  return best;
}

// Where the span begins over which the counter's frequency is measured: what the program does
// before it needs the clock is time that need not be waited for (seen: 3 of the 13 ms of a process
// that measures a vfork).
const Instant program_began = read_instant();

double measure_hz() {
  constexpr int64_t kSpan = 3'000'000;
  const Instant begin = program_began;
  while (read_clock(CLOCK_MONOTONIC_RAW) < begin.ns + kSpan) {
  }
  const Instant end = read_instant();
  return static_cast<double>(end.ticks - begin.ticks) * 1e9 /
         static_cast<double>(end.ns - begin.ns);
}

// The steps in which the counter advances, in ticks: seen, 26 of a TSC of 2.6 GHz. The readings are
// not equally far apart, as where each instruction takes the same time (an emulator that counts
// them) equal distances would look like steps.
double measure_granularity() {
  constexpr int kReadings = 2000;
  constexpr int kPauses = 7;
  uint64_t divisor = 0;
  for (int i = 0; i < kReadings; ++i) {
    const uint64_t before = clock_ticks();
    for (int pause = i % kPauses; pause > 0; --pause) asm volatile("");
    divisor = std::gcd(divisor, clock_ticks() - before);
  }
  return static_cast<double>(std::max<uint64_t>(divisor, 1));
}

// Their median is what counts, and a reading of the CPU clock takes 0.5 us and more.
template <typename Read>
std::array<double, 401> measure_steps(Read read) {
  std::array<double, 401> steps{};
  for (double& step : steps) {
    const auto before = read();
    step = static_cast<double>(read() - before);
  }
  std::ranges::sort(steps);
  return steps;
}

ClockSource source_here() {
  if (!clock_internal::use_counter) return ClockSource::kVdso;
#if defined(__x86_64__)
  return ClockSource::kTsc;
#else
  return ClockSource::kCntvct;
#endif
}

std::optional<ClockInfo> known_clock;

ClockInfo calibrate() {
  if (known_clock) return *known_clock;
  ClockInfo info{.source = source_here()};
  if (clock_internal::use_counter) info.hz = measure_hz();
  const auto stamps = measure_steps(clock_ticks);
  const double ns_per_tick = 1e9 / info.hz;
  info.resolution_ns = measure_granularity() * ns_per_tick;
  info.stamp_cost_ns = stamps[stamps.size() / 2] * ns_per_tick;
  const auto cpu = measure_steps(thread_cpu_ns);
  info.cpu_clock_cost_ns = cpu[cpu.size() / 2];
  return info;
}

}  // namespace

uint64_t clock_internal::monotonic_ns() {
  return static_cast<uint64_t>(read_clock(CLOCK_MONOTONIC));
}

int64_t thread_cpu_ns() {
  return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

const ClockInfo& clock_info() {
  static const ClockInfo info = calibrate();
  return info;
}

void use_known_clock(std::string_view source, const ClockInfo& known) {
  const ClockSource here = source_here();
  if (source != clock_source_name(here)) return;
  known_clock = known;
  known_clock->source = here;
}

int64_t clock_step_ns() {
  static const int64_t step = power_of_ten_below(clock_info().resolution_ns);
  return step;
}

int64_t power_of_ten_below(double resolution_ns) {
  // The frequency is measured: 10 ns may come out as 9.999.
  constexpr double kMeasured = 1.01;
  int64_t step = 1;
  while (static_cast<double>(step) * 10 <= resolution_ns * kMeasured) step *= 10;
  return step;
}

const char* clock_source_name(ClockSource source) {
  switch (source) {
    case ClockSource::kTsc:
      return "tsc";
    case ClockSource::kCntvct:
      return "cntvct";
    case ClockSource::kVdso:
      break;
  }
  return "vdso";
}

bool tsc_is_usable(std::string_view cpu_flags, std::string_view available_clocksource) {
  return has_word(cpu_flags, "constant_tsc") && has_word(cpu_flags, "nonstop_tsc") &&
         has_word(available_clocksource, "tsc");
}

}  // namespace forkcost
