#include "harness/yardsticks.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "harness/clock.h"
#include "harness/json.h"
#include "harness/procfs.h"
#include "harness/samples.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14
#endif

namespace forkcost {
namespace {

// Of a case's time with them, what they take at most: their memory, the blocks, the warm-up behind
// each.
constexpr double kMostShare = 0.15;
constexpr size_t kLeastBlocks = 2;
constexpr size_t kMostBlocks = 5;

constexpr size_t kPopulatedFirst = 16;  // one part of so many tells how long all will take
constexpr double kTimesMapped = 1.2;    // giving it back takes a fifth of the time

constexpr size_t kLineWords = 64 / sizeof(uint64_t);
constexpr int kLineBits = std::bit_width(Yardsticks::kMemoryBytes / 64) - 1;

// Of a linear congruential generator modulo 2^64 (Knuth's MMIX), whose high bits are the random
// ones.
constexpr uint64_t kFactor = 6364136223846793005u;
constexpr uint64_t kSummand = 1442695040888963407u;

// Four chains, so that the multiplier never waits: a neighbour on the other thread of the core
// takes its turns.
void calculate(uint64_t*, uint64_t& random, size_t steps) {
  std::array<uint64_t, 4> x = {random, ~random, random + kSummand, random - kSummand};
  for (size_t i = 0; i < steps; ++i) {
    for (uint64_t& chain : x) {
      chain = chain * kFactor + kSummand;
      asm volatile("" : "+r"(chain));  // or the compiler finds a shorter way
    }
  }
  random = x[0] ^ x[1] ^ x[2] ^ x[3];
}

// Of lines that stay in the nearest cache. On the stack, which every fork copies anyway.
void increment(uint64_t*, uint64_t&, size_t increments) {
  constexpr size_t kLines = 32;
  alignas(64) std::array<uint64_t, kLines * kLineWords> words{};
  for (size_t i = 0; i < increments; ++i) {
    std::atomic_ref<uint64_t>(words[i % kLines * kLineWords]).fetch_add(1);
  }
}

// What is loaded is 0, which neither compiler nor CPU knows: the next address depends on it.
void load_at_random(uint64_t* words, uint64_t& random, size_t loads) {
  const volatile uint64_t* const memory = words;
  uint64_t x = random;
  for (size_t i = 0; i < loads; ++i) {
    const uint64_t line = x >> (64 - kLineBits);
    x = x * kFactor + kSummand + memory[line * kLineWords];
  }
  random = x;
}

struct Row {
  const char* name;
  const char* title;
  const char* meaning;
  void (*work)(uint64_t* words, uint64_t& random, size_t count);
  size_t count;
  bool needs_memory;
};

constexpr std::array<Row, 3> kRows = {{
    {"arithmetic_ns", "arithmetic",
     "four multiplications and additions that do not wait for each other: the CPU's frequency, and "
     "who shares its core",
     calculate, 50'000, false},
    {"atomic_add_ns", "atomic increment",
     "one atomic increment in the nearest cache: who shares the core", increment, 20'000, false},
    {"random_load_ns", "random load",
     "one load of those that wait for each other, at random from 16 MiB on base pages: shared "
     "caches, memory and page walks",
     load_at_random, 2'000, true},
}};
constexpr size_t kWarmUpShare = 64;  // one part of so many of the work goes before, untimed

double ms_between(uint64_t begin, uint64_t end) {
  return ticks_to_ns(static_cast<double>(end - begin)) / 1e6;
}

double allowance_of(double case_ms) {
  return case_ms * kMostShare / (1 - kMostShare);
}

// That one page table of the lowest level maps.
uintptr_t bytes_of_a_table() {
  return page_size() * (page_size() / sizeof(uint64_t));
}

uintptr_t round_up(uintptr_t bytes, uintptr_t to) {
  return (bytes + to - 1) / to * to;
}

bool populate_part(char* memory, size_t bytes) {
  if (madvise(memory, bytes, MADV_POPULATE_WRITE) == 0) return true;
  if (errno != EINVAL) return false;
  // Before Linux 5.14. Volatile, or the compiler removes stores that nobody reads.
  for (size_t at = 0; at < bytes; at += page_size()) *static_cast<volatile char*>(memory + at) = 0;
  return true;
}

}  // namespace

bool yardsticks_are_on() {
  const char* const wanted = std::getenv("FORKCOST_YARDSTICKS");
  return wanted == nullptr || std::string_view(wanted) != "off";
}

Json describe_yardsticks() {
  Json table = Json::object();
  for (const Row& row : kRows) {
    table[row.name] = {{"unit", "ns"}, {"title", row.title}, {"meaning", row.meaning}};
  }
  return table;
}

YardstickMemory::YardstickMemory(size_t bytes, double other_ms, uint64_t arena_bytes)
    : bytes_(bytes),
      mapped_bytes_(round_up(bytes, bytes_of_a_table()) + bytes_of_a_table()),
      mapped_(mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
  const int64_t begin = thread_cpu_ns();
  if (mapped_ == MAP_FAILED) return;
  words_ = reinterpret_cast<uint64_t*>(
      round_up(reinterpret_cast<uintptr_t>(mapped_), bytes_of_a_table()));
  // EINVAL: a kernel without huge pages, where there is nothing to advise against.
  const bool advised = madvise(mapped_, mapped_bytes_, MADV_DONTFORK) == 0 &&
                       (madvise(mapped_, mapped_bytes_, MADV_NOHUGEPAGE) == 0 || errno == EINVAL);
  if (!advised || !populate(other_ms, arena_bytes)) unmap();
  took_ms_ = static_cast<double>(thread_cpu_ns() - begin) / 1e6;
}

bool YardstickMemory::populate(double other_ms, uint64_t arena_bytes) {
  auto* const memory = reinterpret_cast<char*>(words_);
  const size_t first = bytes_ / kPopulatedFirst;
  const int64_t begin = thread_cpu_ns();
  if (!populate_part(memory, first)) return false;
  // CPU time: who else has the CPU meanwhile shall not decide whether a round has loads.
  const auto first_ms = static_cast<double>(thread_cpu_ns() - begin) / 1e6;
  const double ms_per_byte = first_ms / static_cast<double>(first);
  const double all_ms = ms_per_byte * static_cast<double>(bytes_) * kTimesMapped;
  const double case_ms = other_ms + ms_per_byte * static_cast<double>(arena_bytes);
  return all_ms <= allowance_of(case_ms) && populate_part(memory + first, bytes_ - first);
}

void YardstickMemory::unmap() {
  if (words_ != nullptr) munmap(mapped_, mapped_bytes_);
  words_ = nullptr;
}

size_t affordable_blocks(double allowance_ms, double block_ms, double sample_ms) {
  const double blocks = (allowance_ms + sample_ms) / (block_ms + sample_ms);
  if (blocks < kLeastBlocks) return 0;
  return static_cast<size_t>(std::min<double>(blocks, kMostBlocks));
}

Yardsticks::Yardsticks(const Budget& budget, const YardstickMemory* memory)
    : samples_(budget.samples), memory_(memory), values_(kRows.size()) {
  for (std::vector<double>& values : values_) values.reserve(kMostBlocks);
  const bool has_memory = memory != nullptr && memory->words() != nullptr;
  const double memory_ms = memory != nullptr ? memory->took_ms() * kTimesMapped : 0;
  const uint64_t begin = clock_ticks();
  take();
  blocks_ = affordable_blocks(allowance_of(budget.case_ms - memory_ms) - memory_ms,
                              ms_between(begin, clock_ticks()), budget.sample_ms);
  if (has_memory) blocks_ = std::max(blocks_, kLeastBlocks);  // that is paid for already
  if (empty()) values_.assign(kRows.size(), {});
}

bool Yardsticks::is_due(size_t samples) const {
  return taken_ < blocks_ && samples >= samples_ * taken_ / (blocks_ - 1);
}

void Yardsticks::take() {
  ++taken_;
  uint64_t* const words = memory_ != nullptr ? memory_->words() : nullptr;
  std::array<uint64_t, kRows.size()> ticks{};
  int64_t faults = 0;
  for (size_t i = 0; i < kRows.size(); ++i) {
    const Row& row = kRows[i];
    if (row.needs_memory && words == nullptr) continue;
    row.work(words, random_, row.count / kWarmUpShare);  // what a fork write-protected faults here
    const int64_t faults_before = thread_faults().sum();
    const uint64_t begin = clock_ticks();
    row.work(words, random_, row.count);
    ticks[i] = clock_ticks() - begin;
    faults += thread_faults().sum() - faults_before;
  }
  // Swapped out, or looked at by the NUMA balancer: the kernel's work, of which no yardstick is.
  if (faults != 0) return;
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (ticks[i] == 0) continue;
    values_[i].push_back(ticks_to_ns(static_cast<double>(ticks[i])) /
                         static_cast<double>(kRows[i].count));
  }
}

Json watch_machine(double ms) {
  constexpr double kEver = 1e9;
  const uint64_t begin = clock_ticks();
  Yardsticks yardsticks({.case_ms = kEver, .sample_ms = 0, .samples = 1}, nullptr);
  while (ms_between(begin, clock_ticks()) < ms) yardsticks.take();
  return yardsticks.describe();
}

Json Yardsticks::describe() const {
  Json found = Json::object();
  for (size_t i = 0; i < kRows.size(); ++i) {
    Json described = describe_samples(values_[i], "ns", 0);
    if (!described.is_null()) found[kRows[i].name] = std::move(described);
  }
  return found;
}

}  // namespace forkcost
