#include "harness/yardsticks.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/case_result.h"
#include "harness/clock.h"
#include "harness/files.h"
#include "harness/probe.h"
#include "harness/procfs.h"
#include "harness/size.h"
#include "harness/tests/values.h"

namespace forkcost {
namespace {

constexpr double kEver = 1e6;  // ms

TEST(Blocks, AreTwoAtLeastOrNone) {
  EXPECT_EQ(affordable_blocks(2.9, 1, 1), 0u);  // block, warm-up, block
  EXPECT_EQ(affordable_blocks(3.1, 1, 1), 2u);
  EXPECT_EQ(affordable_blocks(-1, 1, 1), 0u);
}

TEST(Blocks, PayForTheWarmUpBehindEachButTheLast) {
  EXPECT_EQ(affordable_blocks(7.9, 1, 2), 3u);  // 1 + 2 + 1 + 2 + 1
  EXPECT_EQ(affordable_blocks(6.9, 1, 2), 2u);
}

TEST(Blocks, AreFew) {
  EXPECT_EQ(affordable_blocks(1000, 1, 1), 5u);
}

// Not of the test's own process, whose memory would be freed between two children.
struct ChildMemory {
  uint64_t tables = 0, resident = 0, mappings = 0;
  int64_t faults = 0;
};

ChildMemory fork_once() {
  const pid_t pid = fork();
  if (pid == 0) {
    raise(SIGSTOP);
    _exit(0);
  }
  EXPECT_EQ(waitpid(pid, nullptr, WUNTRACED), pid);
  const std::string directory = "/proc/" + std::to_string(pid);
  const std::string status = read_text_file(directory + "/status").value_or("");
  ChildMemory found{.tables = find_field(status, "VmPTE").value_or(0) * kKiB,
                    .resident = find_field(status, "VmRSS").value_or(0) * kKiB,
                    .mappings = count_mappings(read_text_file(directory + "/maps").value_or(""))};
  kill(pid, SIGCONT);
  rusage usage{};
  EXPECT_EQ(wait4(pid, nullptr, 0, &usage), pid);
  found.faults = usage.ru_minflt;
  return found;
}

// A mapping with a page in use, though none at its low end, next to which the kernel puts the next
// one: if they had a page table in common, a fork would copy it for this one.
class Neighbour {
 public:
  Neighbour()
      : memory_(static_cast<char*>(
            mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    EXPECT_NE(memory_, MAP_FAILED);
    memory_[kBytes - 1] = 1;
  }
  ~Neighbour() { munmap(memory_, kBytes); }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

 private:
  static constexpr size_t kBytes = 3 * kMiB;
  char* memory_;
};

TEST(YardstickMemory, IsInNoChild) {
  const Neighbour neighbour;
  fork_once();  // what only the first one faults in
  const ChildMemory without = fork_once();
  const YardstickMemory memory(Yardsticks::kMemoryBytes, kEver, 0);
  ASSERT_NE(memory.words(), nullptr);
  const ChildMemory with = fork_once();
  EXPECT_EQ(with.tables, without.tables);
  EXPECT_EQ(with.mappings, without.mappings);
  EXPECT_EQ(with.faults, without.faults);
  EXPECT_LT(with.resident, without.resident + Yardsticks::kMemoryBytes / 4);
}

TEST(YardstickMemory, NeitherItsFirstUseNorThatAfterAForkFaults) {
  // Where others want huge pages the kernel moves ours meanwhile, 512 at a time, each with a fault
  // (seen): chance, which does not come three times. Faults of our own would be there each time.
  int64_t first = INT64_MAX, after_fork = INT64_MAX;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const YardstickMemory memory(Yardsticks::kMemoryBytes, kEver, 0);
    ASSERT_NE(memory.words(), nullptr);
    const auto write_all = [&] {
      volatile uint64_t* const words = memory.words();
      const int64_t before = thread_faults().sum();
      for (size_t i = 0; i < Yardsticks::kMemoryBytes / sizeof(uint64_t); ++i) words[i] = 0;
      return thread_faults().sum() - before;
    };
    first = std::min(first, write_all());
    fork_once();
    after_fork = std::min(after_fork, write_all());
  }
  EXPECT_LT(first, 10);  // of this function's own; there are 4,096 pages
  EXPECT_LT(after_fork, 10);
}

TEST(YardstickMemory, IsGivenUpWhereItWouldTakeTooLong) {
  const YardstickMemory memory(Yardsticks::kMemoryBytes, 0, Yardsticks::kMemoryBytes);
  EXPECT_EQ(memory.words(), nullptr);
}

TEST(YardstickMemory, IsAbsentWhereItCannotBeHad) {
  const YardstickMemory memory(size_t{1} << 50, kEver, 0);
  EXPECT_EQ(memory.words(), nullptr);
}

size_t count_values(const Json& described) {
  size_t all = 0;
  for (const auto& [value, count] : values_of(described, Json::object())) all += count;
  return all;
}

// A block in which something faulted has no values, and the sanitizer's own memory faults.
void expect_values_of(size_t values, size_t blocks, const std::string& name) {
#ifdef __SANITIZE_ADDRESS__
  EXPECT_GE(values, 1U) << name;
  EXPECT_LE(values, blocks) << name;
#else
  EXPECT_EQ(values, blocks) << name;
#endif
}

// The names of those in `taken`, each with so many values.
std::vector<std::string> names_of(const Json& taken, size_t values) {
  std::vector<std::string> names;
  for (const auto& [name, described] : taken.items()) {
    expect_values_of(count_values(described), values, name);
    names.push_back(name);
  }
  return names;
}

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  const Json table = describe_yardsticks();
  for (const auto& [name, row] : table.items()) names.push_back(name);
  return names;
}

TEST(Yardsticks, StandBeforeBetweenAndAfterTheSamples) {
  const YardstickMemory memory(Yardsticks::kMemoryBytes, kEver, 0);
  Yardsticks yardsticks({.case_ms = kEver, .sample_ms = 1, .samples = 10}, &memory);
  std::vector<size_t> places = {0};
  for (size_t samples = 0; samples <= 10; ++samples) {
    while (yardsticks.is_due(samples)) {
      yardsticks.take();
      places.push_back(samples);
    }
  }
  EXPECT_EQ(places, (std::vector<size_t>{0, 2, 5, 7, 10}));
  EXPECT_EQ(names_of(yardsticks.describe(), 5), all_names());
}

TEST(Yardsticks, AreNotTakenWhereThereIsNoTime) {
  const Yardsticks yardsticks({.case_ms = 0.01, .sample_ms = 1, .samples = 10}, nullptr);
  EXPECT_TRUE(yardsticks.empty());
  EXPECT_FALSE(yardsticks.is_due(10));
  EXPECT_TRUE(yardsticks.describe().empty());
}

TEST(Yardsticks, ThatNeedMemoryAreAbsentWhereThereIsNone) {
  const YardstickMemory none(Yardsticks::kMemoryBytes, 0, 0);
  for (const YardstickMemory* const memory :
       {&none, static_cast<const YardstickMemory*>(nullptr)}) {
    const Yardsticks yardsticks({.case_ms = kEver, .sample_ms = 1, .samples = 1}, memory);
    EXPECT_EQ(names_of(yardsticks.describe(), 1).size(), all_names().size() - 1);
  }
}

// CPU time, as others may have the CPU for a while; twice what is meant, as the first block is
// taken before it is known how long one takes.
TEST(Yardsticks, TakeASmallPartOfTheTime) {
  constexpr double kCaseMs = 1000;
  const int64_t begin = thread_cpu_ns();
  const YardstickMemory memory(Yardsticks::kMemoryBytes, kCaseMs, 0);
  Yardsticks yardsticks({.case_ms = kCaseMs, .sample_ms = 1, .samples = 10}, &memory);
  while (yardsticks.is_due(10)) yardsticks.take();
  const double took_ms = static_cast<double>(thread_cpu_ns() - begin) / 1e6;
  EXPECT_FALSE(yardsticks.empty());
  EXPECT_LT(took_ms / (kCaseMs + took_ms), 2 * 0.15);
}

// 30 samples of it take 0.3 s: time for some blocks.
Case make_case() {
  return {.benchmark = "test",
          .axes = {{"path", "fork"}, {"heap", "16MiB"}},
          .arena = ArenaSpec{Yardsticks::kMemoryBytes, Backing::kBasePages},
          .primary = "total_ns",
          .body = [](Measurement& m) {
            while (m.next_sample()) {
              usleep(10'000);
              m.record("total_ns", 1);
            }
          }};
}

MeasureOptions thirty_samples() {
  return {.cpu = allowed_cpus().back(), .budget_ms = 300, .samples = 30, .time_limit_s = 20};
}

// Whatever the environment says: in a VM whose counts are exact they are off.
class YardsticksSwitch {
 public:
  explicit YardsticksSwitch(const char* to) {
    if (const char* const now = getenv(kName); now != nullptr) before_ = now;
    setenv(kName, to, 1);
  }
  ~YardsticksSwitch() {
    if (before_)
      setenv(kName, before_->c_str(), 1);
    else
      unsetenv(kName);
  }
  YardsticksSwitch(const YardsticksSwitch&) = delete;
  YardsticksSwitch& operator=(const YardsticksSwitch&) = delete;

 private:
  static constexpr const char* kName = "FORKCOST_YARDSTICKS";
  std::optional<std::string> before_;
};

CaseResult measure_with(const char* yardsticks, const Case& the_case = make_case()) {
  const YardsticksSwitch to(yardsticks);
  return measure(the_case, thirty_samples(), 1);
}

TEST(Measure, TakesYardsticksBetweenSamplesAndWarmsUpAgain) {
  const CaseResult result = measure_with("on");
  const Json& entry = result.entry;
  ASSERT_TRUE(entry.contains("yardsticks")) << entry.dump(1);
  EXPECT_EQ(result.samples, 30u);
  const size_t blocks = entry["warmup"].get<size_t>() - 1;  // two before, none behind the last
  EXPECT_GE(blocks, 2u);
  const Json table = describe_yardsticks();
  for (const auto& [name, row] : table.items()) {
    ASSERT_TRUE(entry["yardsticks"].contains(name)) << name;
    expect_values_of(count_values(entry["yardsticks"][name]), blocks, name);
    EXPECT_GT(entry["yardsticks"][name]["min"], 0) << name;
    EXPECT_FALSE(entry["quantities"].contains(name)) << name;
  }
}

TEST(Measure, HasYardsticksOfMemoryBesideALargeArenaOnly) {
  Case the_case = make_case();
  the_case.arena->bytes -= 2 * kMiB;
  const Json taken = measure_with("on", the_case).entry["yardsticks"];
  EXPECT_EQ(taken.size(), all_names().size() - 1);
}

TEST(Measure, TheYardsticksMemoryIsNoPartOfTheParentsSize) {
  measure_with("on");  // what the first case of a process leaves
  const Json with = measure_with("on").entry["parent"];
  const Json without = measure_with("off").entry["parent"];
  EXPECT_EQ(with["mappings"], without["mappings"]);
  EXPECT_LT(with["rss_bytes"].get<uint64_t>(),
            without["rss_bytes"].get<uint64_t>() + Yardsticks::kMemoryBytes / 4);
}

TEST(Measure, TakesNoYardsticksWhereTheyAreOff) {
  const Json entry = measure_with("off").entry;
  EXPECT_FALSE(entry.contains("yardsticks"));
  EXPECT_EQ(entry["warmup"], 2);
}

TEST(Measure, TakesNoYardsticksInAPassInWhichNothingIsTimed) {
  struct Nothing : Probe {
    void begin() override {}
    void end() override {}
    void sample_ended(bool) override {}
  } nothing;
  const YardsticksSwitch on("on");
  const Case the_case = make_case();
  const MeasureOptions options = thirty_samples();
  Measurement measurement(the_case, options, 1, &nothing);
  the_case.body(measurement);
  EXPECT_EQ(measurement.plan().kept(), 30u);
  EXPECT_FALSE(measurement.yardsticks().has_value());
}

}  // namespace
}  // namespace forkcost
