#include "harness/profile.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>

#include "harness/error.h"
#include "harness/ring_buffer.h"
#include "harness/symbols.h"
#include "harness/tests/fake_perf_kernel.h"

namespace forkcost {
namespace {

constexpr pid_t kParent = 100;
constexpr pid_t kChild = 200;
constexpr pid_t kUnrelated = 300;
constexpr uint16_t kKernel = PERF_RECORD_MISC_KERNEL;
constexpr uint16_t kUser = PERF_RECORD_MISC_USER;

PerfRecord sample(uint64_t time, pid_t pid, uint16_t mode, uint64_t address) {
  return {
      .type = PERF_RECORD_SAMPLE, .misc = mode, .time_ns = time, .pid = pid, .address = address};
}
PerfRecord forked(uint64_t time, pid_t parent, pid_t child) {
  return {.type = PERF_RECORD_FORK, .time_ns = time, .pid = child, .parent = parent};
}
PerfRecord execed(uint64_t time, pid_t pid) {
  return {
      .type = PERF_RECORD_COMM, .misc = PERF_RECORD_MISC_COMM_EXEC, .time_ns = time, .pid = pid};
}
PerfRecord mapped(uint64_t time, pid_t pid, uint64_t address, const char* file) {
  return {.type = PERF_RECORD_MMAP2,
          .time_ns = time,
          .pid = pid,
          .address = address,
          .length = 100,
          .file = file};
}

FamilySamples make_family() {
  return {kParent,
          {{.begin = 1000, .end = 1100, .permissions = "r-xp", .path = "/bin/bench"},
           {.begin = 2000, .end = 2100, .permissions = "rw-p", .path = "/bin/bench"}}};
}

using Images = std::map<std::string, uint64_t>;
const std::vector<FamilySamples::Window> kAlways = {{0, 1'000'000}};

TEST(FamilySamples, AreThoseOfTheParentAndWhatItForked) {
  FamilySamples family = make_family();
  family.add(
      {sample(1, kParent, kKernel, 7), sample(2, kChild, kKernel, 7), forked(3, kParent, kChild),
       sample(4, kChild, kKernel, 8), forked(5, kChild, kChild + 1),
       sample(6, kChild + 1, kKernel, 9), sample(7, kUnrelated, kKernel, 7)},
      kAlways);
  EXPECT_EQ(family.kernel(), (std::map<uint64_t, uint64_t>{{7, 1}, {8, 1}, {9, 1}}));
}

TEST(FamilySamples, AreInTheirOrderOfTime) {
  FamilySamples family = make_family();
  family.add({sample(4, kChild, kKernel, 8), forked(3, kParent, kChild)}, kAlways);  // of two CPUs
  EXPECT_EQ(family.kernel().size(), 1U);
}

TEST(FamilySamples, LeaveOutWhatIsOutsideTheWindows) {
  FamilySamples family = make_family();
  family.add({sample(9, kParent, kKernel, 1), sample(10, kParent, kKernel, 2),
              sample(20, kParent, kKernel, 3), sample(21, kParent, kKernel, 4),
              sample(30, kParent, kKernel, 5)},
             {{10, 20}, {30, 40}});
  EXPECT_EQ(family.kernel(), (std::map<uint64_t, uint64_t>{{2, 1}, {3, 1}, {5, 1}}));
}

TEST(FamilySamples, ForgetANumberThatAnUnrelatedProcessHasNow) {
  FamilySamples family = make_family();
  family.add(
      {forked(1, kParent, kChild), forked(2, kUnrelated, kChild), sample(3, kChild, kKernel, 7)},
      kAlways);
  EXPECT_TRUE(family.kernel().empty());
}

TEST(FamilySamples, KeepUserCodeByImage) {
  FamilySamples family = make_family();
  family.add(
      {sample(1, kParent, kUser, 1000), sample(1, kParent, kUser, 1099),
       sample(1, kParent, kUser, 1100),  // behind its end
       forked(2, kParent, kChild), sample(3, kChild, kUser, 1050),
       mapped(4, kChild, 5000, "/lib/x.so"), sample(5, kChild, kUser, 5001),
       sample(5, kParent, kUser, 5001), execed(6, kChild), mapped(7, kChild, 1000, "/bin/image"),
       mapped(7, kChild, 7000, "//anon"), sample(8, kChild, kUser, 1050),
       sample(8, kChild, kUser, 7001), sample(9, kParent, kUser, 1050)},
      kAlways);
  EXPECT_EQ(
      family.images(),
      (Images{{"bench", 4}, {"x.so", 1}, {"image", 1}, {"anonymous memory", 1}, {"unknown", 2}}));
}

TEST(FamilySamples, CountWhatWasLost) {
  FamilySamples family = make_family();
  family.add({{.type = PERF_RECORD_LOST, .lost = 5},
              {.type = PERF_RECORD_LOST, .lost = 6},
              {.type = PERF_RECORD_THROTTLE}},
             kAlways);
  EXPECT_EQ(family.lost(), 11U);
  EXPECT_EQ(family.throttled(), 1U);
}

// A ring of 64 bytes of data behind its control page.
struct SmallRing {
  static constexpr size_t kControl = 4096;
  static constexpr size_t kData = 64;
  alignas(8) std::array<std::byte, kControl + kData> memory{};

  SmallRing() { control().data_offset = kControl; }
  perf_event_mmap_page& control() {
    return *reinterpret_cast<perf_event_mmap_page*>(memory.data());
  }
  // As the kernel writes: around the end if need be.
  void write(const std::vector<std::byte>& record) {
    for (const std::byte byte : record) {
      memory[kControl + control().data_head % kData] = byte;
      ++control().data_head;
    }
  }
};

std::vector<std::byte> raw_sample(uint64_t address, uint32_t pid, uint64_t time) {
  struct {
    perf_event_header header;
    uint64_t address;
    uint32_t pid, thread;
    uint64_t time;
  } record = {{PERF_RECORD_SAMPLE, kKernel, sizeof record}, address, pid, pid, time};
  std::vector<std::byte> bytes(sizeof record);
  memcpy(bytes.data(), &record, sizeof record);
  return bytes;
}

TEST(RingBuffer, GivesEachRecordOnceAndAroundTheEnd) {
  SmallRing ring;
  RingBuffer buffer(ring.memory.data(), SmallRing::kData);
  std::vector<PerfRecord> records;
  for (uint64_t i = 1; i <= 5; ++i) {  // 32 bytes each: the third is back at the beginning
    ring.write(raw_sample(i, 42, 10 * i));
    buffer.drain(records);
  }
  ASSERT_EQ(records.size(), 5U);
  for (uint64_t i = 1; i <= 5; ++i) {
    EXPECT_EQ(records[i - 1].address, i);
    EXPECT_EQ(records[i - 1].pid, 42);
    EXPECT_EQ(records[i - 1].time_ns, 10 * i);
  }
  EXPECT_EQ(ring.control().data_tail, ring.control().data_head);
  buffer.drain(records);
  EXPECT_EQ(records.size(), 5U);
}

TEST(RingBuffer, SaysWhetherItWasFull) {
  // Room for the largest record and no more: one with a record has none left for it.
  constexpr size_t kData = 8192;
  std::vector<uint64_t> memory((SmallRing::kControl + kData) / sizeof(uint64_t));
  auto& control = *reinterpret_cast<perf_event_mmap_page*>(memory.data());
  control.data_offset = SmallRing::kControl;
  RingBuffer buffer(memory.data(), kData);
  std::vector<PerfRecord> records;
  EXPECT_FALSE(buffer.drain(records));
  control.data_head = kData - 64;  // 8,128 bytes of records that say they are empty
  EXPECT_TRUE(buffer.drain(records));
}

TEST(RingBuffer, GivesARecordThatWrapsInOnePiece) {
  SmallRing ring;
  ring.control().data_head = ring.control().data_tail = 48;
  ring.write(raw_sample(0x1122334455667788, 42, 7));
  std::vector<PerfRecord> records;
  RingBuffer(ring.memory.data(), SmallRing::kData).drain(records);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].address, 0x1122334455667788U);
  EXPECT_EQ(records[0].time_ns, 7U);
}

TEST(ParseRecord, ReadsAMapping) {
  struct {
    perf_event_header header;
    uint32_t pid, thread;
    uint64_t address, length, offset, device, inode, generation;
    uint32_t protection, flags;
    char file[16];
    uint32_t trailer_pid, trailer_thread;
    uint64_t time;
  } raw = {{PERF_RECORD_MMAP2, 0, sizeof raw},
           42,
           43,
           4096,
           8192,
           0,
           0,
           0,
           0,
           5,
           2,
           "/lib/x.so",
           42,
           43,
           99};
  std::array<std::byte, sizeof raw> bytes{};
  memcpy(bytes.data(), &raw, sizeof raw);
  const PerfRecord record = parse_record(bytes.data(), bytes.size());
  EXPECT_EQ(record.pid, 42);
  EXPECT_EQ(record.address, 4096U);
  EXPECT_EQ(record.length, 8192U);
  EXPECT_EQ(record.file, "/lib/x.so");
  EXPECT_EQ(record.time_ns, 99U);
}

TEST(ParseRecord, OneThatIsCutOffHasZeroesForWhatIsMissing) {
  const auto whole = raw_sample(7, 42, 9);
  const PerfRecord record = parse_record(whole.data(), sizeof(perf_event_header) + 4);
  EXPECT_EQ(record.type, static_cast<uint32_t>(PERF_RECORD_SAMPLE));
  EXPECT_EQ(record.address, 0U);
}

TEST(KernelSymbols, FindTheFunctionThatBeginsBefore) {
  const KernelSymbols symbols(
      "0000000000000000 A nothing\n"
      "ffffffff81000100 T second\n"
      "ffffffff81000000 T first\n"
      "ffffffff81000180 d data\n"
      "ffffffff81000100 t its_alias\n"
      "ffffffffc0000000 t in_module\t[nf_tables]\n");
  using Function = KernelSymbols::Function;
  EXPECT_EQ(symbols.size(), 3U);
  EXPECT_EQ(symbols.find(0xffffffff80ffffff), std::nullopt);
  EXPECT_EQ(symbols.find(0xffffffff81000000), (Function{"first", ""}));
  EXPECT_EQ(symbols.find(0xffffffff810000ff), (Function{"first", ""}));
  EXPECT_EQ(symbols.find(0xffffffff81000200), (Function{"second", ""}));
  EXPECT_EQ(symbols.find(0xffffffffc0000010), (Function{"in_module", "nf_tables"}));
}

TEST(KernelSymbols, HiddenAddressesAreNone) {
  EXPECT_EQ(KernelSymbols("0000000000000000 T a\n0000000000000000 T b\n").size(), 0U);
}

TEST(Profile, SaysWhichSettingForbidsTheKernel) {
  FakePerfKernel kernel;
  kernel.on_open = [](const auto& attr) { return attr.exclude_kernel ? 0 : -EACCES; };
  kernel.the_policy.paranoid = 2;
  try {
    const Profile profile(kernel, software_event("cpu-clock", PERF_COUNT_SW_CPU_CLOCK));
    FAIL();
  } catch (const Skip& skip) {
    EXPECT_TRUE(std::string(skip.what()).starts_with("perf_event_paranoid is 2"));
  }
  EXPECT_TRUE(kernel.opened.empty());
}

TEST(Profile, RefusesAFrequencyAndAPeriodThatTheKernelWouldNotKeep) {
  Event event = software_event("cpu-clock", PERF_COUNT_SW_CPU_CLOCK);
  event.attr.freq = 1;
  EXPECT_THROW(require_period(event), UsageError);
  event.attr.freq = 0;
  event.attr.sample_period = 9999;
  EXPECT_THROW(require_period(event), UsageError);
  event.attr.sample_period = 10'000;
  EXPECT_NO_THROW(require_period(event));
}

TEST(Profile, SamplesWhatRunsInsideAnOperation) {
  std::optional<Profile> profile;
  nlohmann::json out;
  try {
    profile.emplace(real_perf_kernel(), software_event("cpu-clock", PERF_COUNT_SW_CPU_CLOCK));
    profile->begin();
    for (int i = 0; i < 200'000; ++i) getppid();
    profile->end();
    profile->sample_ended(true);
    for (int i = 0; i < 200'000; ++i) getppid();
    profile->sample_ended(true);
    out = profile->describe();
  } catch (const Skip& skip) {
    GTEST_SKIP() << skip.what();
  }
  EXPECT_EQ(out["operations"], 1);
  EXPECT_GT(out["samples"], 0);
  const auto sum = [&](const char* list) {
    return std::accumulate(out[list].begin(), out[list].end(), uint64_t{0},
                           [](uint64_t total, const nlohmann::json& item) {
                             return total + item["samples"].get<uint64_t>();
                           });
  };
  EXPECT_EQ(sum("functions") + sum("images"), out["samples"].get<uint64_t>());
  EXPECT_GT(sum("functions"), 0U);
}

}  // namespace
}  // namespace forkcost
