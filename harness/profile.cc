#include "harness/profile.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <optional>

#include "harness/counters.h"
#include "harness/error.h"
#include "harness/json.h"
#include "harness/size.h"
#include "harness/symbols.h"

namespace forkcost {
namespace {

// 10 kHz, and some 12 kHz at 2.5 GHz. No round numbers, which could keep step with what is sampled.
constexpr uint64_t kClockPeriodNs = 100'003;
constexpr uint64_t kEventPeriod = 200'003;
// Of each CPU: 26 s of samples, or what may be mapped; users may have 512 KiB
// (kernel.perf_event_mlock_kb).
constexpr size_t kMostRingBytes = 8 * kMiB;
constexpr size_t kLeastRingBytes = 64 * kKiB;
// The kernel samples no more often by its clocks (perf_swevent_start_hrtimer).
constexpr uint64_t kLeastClockPeriodNs = 10'000;

uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

std::string image_name(const std::string& path) {
  if (path.starts_with("//") || path.empty()) return "anonymous memory";
  return path.starts_with('[') ? path : std::filesystem::path(path).filename().string();
}

}  // namespace

FamilySamples::FamilySamples(pid_t parent, const std::vector<Mapping>& mappings) {
  auto images = std::make_shared<Images>();
  for (const Mapping& mapping : mappings) {
    if (mapping.permissions.find('x') == std::string::npos) continue;
    (*images)[mapping.begin] = {mapping.end, image_name(mapping.path)};
  }
  processes_[parent] = std::move(images);
}

void FamilySamples::add_mapping(const PerfRecord& record) {
  std::shared_ptr<const Images>& images = processes_[record.pid];
  auto changed = std::make_shared<Images>(*images);
  (*changed)[record.address] = {record.address + record.length, image_name(record.file)};
  images = std::move(changed);
}

void FamilySamples::add_sample(const PerfRecord& record) {
  switch (record.misc & PERF_RECORD_MISC_CPUMODE_MASK) {
    case PERF_RECORD_MISC_KERNEL:
      ++kernel_[record.address];
      return;
    case PERF_RECORD_MISC_USER:
      break;
    default:
      ++images_["hypervisor"];
      return;
  }
  const Images& images = *processes_.at(record.pid);
  const auto after = images.upper_bound(record.address);
  const bool known = after != images.begin() && record.address < std::prev(after)->second.end;
  ++images_[known ? std::prev(after)->second.name : "unknown"];
}

void FamilySamples::add(std::vector<PerfRecord> records, const std::vector<Window>& windows) {
  std::ranges::stable_sort(records, {}, &PerfRecord::time_ns);
  for (const PerfRecord& record : records) {
    const bool ours = processes_.contains(record.pid);
    switch (record.type) {
      case PERF_RECORD_SAMPLE: {
        const bool inside = std::ranges::any_of(windows, [&](const Window& window) {
          return window.first <= record.time_ns && record.time_ns <= window.second;
        });
        if (ours && inside) add_sample(record);
        break;
      }
      case PERF_RECORD_FORK:
        if (record.pid == record.parent) break;  // a thread
        if (const auto parent = processes_.find(record.parent); parent != processes_.end()) {
          processes_[record.pid] = parent->second;
        } else {
          processes_.erase(record.pid);  // the number of one that was ours, used again
        }
        break;
      case PERF_RECORD_COMM:
        if (ours && (record.misc & PERF_RECORD_MISC_COMM_EXEC) != 0) {
          processes_[record.pid] = std::make_shared<Images>();
        }
        break;
      case PERF_RECORD_MMAP2:
        if (ours) add_mapping(record);
        break;
      case PERF_RECORD_LOST:
        lost_ += record.lost;
        break;
      case PERF_RECORD_THROTTLE:
        ++throttled_;
        break;
      default:
        break;
    }
  }
}

// One CPU's event with its mapped buffer, as large a one as may be had.
struct Profile::Ring {
  Ring(PerfKernel& the_kernel, int the_fd) : kernel(the_kernel), fd(the_fd) {
    for (size = kMostRingBytes; size >= kLeastRingBytes; size /= 2) {
      memory = mmap(nullptr, page_size() + size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (memory != MAP_FAILED) {
        buffer.emplace(memory, size);
        return;
      }
    }
    const int error = errno;
    kernel.close(fd);
    throw Skip(describe_errno("mapping the buffer of a sampling event", error,
                              "raise kernel.perf_event_mlock_kb or ulimit -l"));
  }
  ~Ring() {
    munmap(memory, page_size() + size);
    kernel.close(fd);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  PerfKernel& kernel;
  int fd;
  size_t size = 0;
  void* memory = MAP_FAILED;
  std::optional<RingBuffer> buffer;
};

Profile::Profile(PerfKernel& kernel, const Event& event)
    : kernel_(kernel), event_(event), samples_(getpid(), read_mappings(getpid())) {
  require_period(event);
  perf_event_attr& attr = event_.attr;
  if (attr.sample_period == 0) {
    attr.sample_period = event_.unit() == "ns" ? kClockPeriodNs : kEventPeriod;
  }
  attr.sample_type = kSampleType;
  attr.sample_id_all = 1;
  attr.task = 1;
  attr.mmap = 1;
  attr.mmap2 = 1;
  attr.comm = 1;
  attr.comm_exec = 1;
  attr.use_clockid = 1;
  attr.clockid = CLOCK_MONOTONIC;
  int error = open(attr);
  if (error == -EACCES || error == -EPERM) {
    all_cpus_ = false;
    attr.inherit = 1;
    error = open(attr);
  }
  if (error != 0) throw Skip(why_refused(kernel, event_, -error));
}

Profile::~Profile() = default;

int Profile::open(perf_event_attr attr) {
  rings_.clear();
  const auto cpus = static_cast<int>(sysconf(_SC_NPROCESSORS_CONF));
  for (int cpu = 0; cpu < cpus; ++cpu) {
    const int fd = kernel_.open(attr, all_cpus_ ? -1 : 0, cpu);
    if (fd == -ENODEV) continue;  // this CPU is off
    if (fd < 0) return fd;
    rings_.push_back(std::make_unique<Ring>(kernel_, fd));
  }
  return rings_.empty() ? -ENODEV : 0;
}

void Profile::begin() {
  // What came before the operation, which may be long, must not take its room.
  drain({});
  windows_.emplace_back(monotonic_ns(), 0);
}

void Profile::end() {
  windows_.back().second = monotonic_ns();
}

void Profile::sample_ended(bool kept) {
  if (!kept) windows_.clear();
  drain(windows_);
  (was_full_ ? left_out_ : operations_) += windows_.size();
  windows_.clear();
  was_full_ = false;
}

void Profile::drain(const std::vector<FamilySamples::Window>& windows) {
  std::vector<PerfRecord> records;
  for (const auto& ring : rings_) was_full_ |= ring->buffer->drain(records);
  using Windows = std::vector<FamilySamples::Window>;
  samples_.add(std::move(records), was_full_ ? Windows{} : windows);
}

Json Profile::describe() const {
  const KernelSymbols symbols = read_kernel_symbols();
  using Function = std::pair<std::string, std::string>;  // name, module
  std::map<Function, uint64_t> functions;
  uint64_t total = 0;
  for (const auto& [address, count] : samples_.kernel()) {
    const auto found = symbols.find(address);
    const Function function =
        found ? Function(found->name, found->module) : Function("unknown", "");
    functions[function] += count;
    total += count;
  }
  Json kernel = Json::array(), user = Json::array();
  for (const auto& [function, count] : functions) {
    kernel.push_back({{"name", function.first}, {"samples", count}});
    if (!function.second.empty()) kernel.back()["module"] = function.second;
  }
  for (const auto& [image, count] : samples_.images()) {
    user.push_back({{"name", image}, {"samples", count}});
    total += count;
  }
  const auto by_samples = [](const Json& a, const Json& b) {
    return a["samples"].get<uint64_t>() > b["samples"].get<uint64_t>();
  };
  std::stable_sort(kernel.begin(), kernel.end(), by_samples);
  std::stable_sort(user.begin(), user.end(), by_samples);
  Json out = {{"event", event_.name},
              {"period", static_cast<uint64_t>(event_.attr.sample_period)},
              {"unit", event_.unit()},
              {"scope", all_cpus_ ? "cpus" : "family"},
              {"operations", operations_},
              {"operations_left_out", left_out_},
              {"samples", total},
              {"lost", samples_.lost()},
              {"throttled", samples_.throttled()},
              {"functions", std::move(kernel)},
              {"images", std::move(user)}};
  if (all_cpus_) {
    out["child_end_sampled"] = true;
  } else if (const auto counted = child_end_is_counted(kernel_)) {
    out["child_end_sampled"] = *counted;
  }
  return out;
}

void require_period(const Event& event) {
  if (event.attr.freq) {
    throw UsageError(event.name + ": give the period, not the frequency: NAME:period=200003");
  }
  if (event.unit() == "ns" && event.attr.sample_period != 0 &&
      event.attr.sample_period < kLeastClockPeriodNs) {
    throw UsageError(fmt::format("{}: the kernel samples by its clocks every {} ns at most",
                                 event.name, kLeastClockPeriodNs));
  }
}

Event default_profile_event(PerfKernel& kernel) {
  Event cycles{.name = "cycles"};
  cycles.attr.type = PERF_TYPE_HARDWARE;
  cycles.attr.config = PERF_COUNT_HW_CPU_CYCLES;
  if (!why_not(kernel, cycles)) return cycles;
  return software_event("cpu-clock", PERF_COUNT_SW_CPU_CLOCK);
}

}  // namespace forkcost
