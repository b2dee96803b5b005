// What does the measuring itself cost?
//
// stamp: stamp_ns, the distance of two stamps with nothing between them.
// vfork-exit: the cheapest creation there is, through the harness (harnessed_ns, call -> reaped)
// and in a bare loop (bare_ns) that reads the clock once before and once after ten of them, in
// turn; overhead_ratio is the ratio of their medians. Goal: <= 1.02.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "harness/answer_rows.h"
#include "harness/error.h"
#include "harness/measurement.h"

namespace forkcost {
namespace {

void measure_stamp(Measurement& m) {
  std::array<uint32_t, 1000> distances{};
  while (m.next_sample()) {
    double sum = 0;
    for (uint32_t& distance : distances) {
      const uint64_t before = clock_ticks();
      const double ns = ticks_to_ns(static_cast<double>(clock_ticks() - before));
      distance = static_cast<uint32_t>(ns);
      sum += ns;
    }
    m.record_many("stamp_ns", distances);
    m.record("stamp_mean_ns", sum / static_cast<double>(distances.size()));
  }
}

constexpr int kCreations = 10;  // of one block
constexpr int kBlocks = 20;     // of each kind in one sample

void bare_block() {
  for (int i = 0; i < kCreations; ++i) {
    const pid_t pid = vfork();
    if (pid == 0) _exit(0);
    if (pid < 0) throw_creation_failed("vfork", errno);
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

// Apart from the vfork: GCC for aarch64 fears for a time that is kept in a register across one.
double bare_block_ns() {
  const uint64_t begin = clock_ticks();
  bare_block();
  return ticks_to_ns(static_cast<double>(clock_ticks() - begin)) / kCreations;
}

double harnessed_creation_ns(Measurement& m) {
  m.timeline().reset();
  m.call();
  const pid_t pid = vfork();
  if (pid == 0) end_child(m.timeline());
  m.resumed(pid);
  m.reap();
  const auto ticks = ticks_between(m.timeline().page(), FORKCOST_CALL, FORKCOST_REAPED);
  return ticks_to_ns(static_cast<double>(ticks.value()));
}

double harnessed_block_ns(Measurement& m) {
  double sum = 0;
  for (int i = 0; i < kCreations; ++i) sum += harnessed_creation_ns(m);
  return sum / kCreations;
}

void measure_vfork_exit(Measurement& m) {
  std::array<double, kBlocks> bare{}, harnessed{};
  while (m.next_sample()) {
    for (size_t block = 0; block < kBlocks; ++block) {
      bare[block] = bare_block_ns();
      harnessed[block] = harnessed_block_ns(m);
    }
    std::ranges::sort(bare);
    std::ranges::sort(harnessed);
    m.record("bare_ns", quantile(bare, 0.5));
    m.record("harnessed_ns", quantile(harnessed, 0.5));
    m.record("overhead_ratio", quantile(harnessed, 0.5) / quantile(bare, 0.5));
  }
}

}  // namespace

std::vector<Axis> program_axes() {
  return {{"figure", {}, "which figure of the harness itself"}};
}

std::vector<AnswerSection> answer_sections() {
  return {{.title = "harness",
           .layout = Layout::kTrust,
           .benchmark = "harness",
           .rows = {{.figures = {{.text = "harness overhead {}",
                                  .axes = {{"figure", "vfork-exit"}},
                                  .quantity = "overhead_ratio",
                                  .goal = 1.02}}}}}};
}

std::vector<Case> register_cases(const std::vector<HeapSize>&) {
  return {{.benchmark = "harness",
           .axes = {{"figure", "stamp"}},
           .preset = Preset::kSmoke,
           .primary = "stamp_mean_ns",
           .primary_cpu = "",
           .body = measure_stamp},
          {.benchmark = "harness",
           .axes = {{"figure", "vfork-exit"}},
           .preset = Preset::kSmoke,
           .primary = "harnessed_ns",
           .primary_cpu = "",
           .body = measure_vfork_exit}};
}

}  // namespace forkcost
