#include "harness/warnings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "harness/size.h"

namespace forkcost {
namespace {

using nlohmann::json;

// Page orders beyond this one are not handed out by the kernel's page allocator.
constexpr uint64_t kMaxOrder = 13;  // arm64 with 64k pages; 10 on x86
constexpr double kStealLimit = 0.01;
constexpr double kBusyLimit = 0.1;
constexpr double kLoadLimit = 0.3;  // per CPU
constexpr uint64_t kLittleMemory = 512 * kMiB;
constexpr uint64_t kFewProcesses = 1024;
constexpr unsigned kCapSysAdmin = 21, kCapPerfmon = 38;

class Judge {
 public:
  Judge(const json& environment, uint64_t wanted_bytes)
      : environment_(environment), wanted_bytes_(wanted_bytes) {}

  std::vector<Warning> judge() {
    judge_build();
    judge_neighbours();
    judge_frequency();
    judge_memory();
    judge_pages();
    judge_rights();
    judge_limits();
    judge_loader();
    return std::move(warnings_);
  }

 private:
  // The value at "/machine/governor"; null where it is absent.
  const json& at(const char* pointer) const {
    static const json kNull;
    const json::json_pointer path(pointer);
    return environment_.contains(path) ? environment_.at(path) : kNull;
  }
  uint64_t number(const char* pointer, uint64_t otherwise = 0) const {
    const json& value = at(pointer);
    return value.is_number_integer() ? value.get<uint64_t>() : otherwise;
  }
  double real(const char* pointer) const {
    const json& value = at(pointer);
    return value.is_number() ? value.get<double>() : 0;
  }
  std::string text(const char* pointer) const {
    const json& value = at(pointer);
    return value.is_string() ? value.get<std::string>() : "";
  }
  bool has_capability(unsigned bit) const {
    return (std::strtoull(text("/process/capabilities").c_str(), nullptr, 16) >> bit & 1) != 0;
  }
  template <typename... Args>
  void warn(const char* id, std::string remedy, fmt::format_string<Args...> format,
            Args&&... args) {
    warnings_.push_back({id, fmt::format(format, std::forward<Args>(args)...), std::move(remedy)});
  }

  void judge_build() {
    const std::string type = text("/software/build_type");
    if (!type.empty() && type != "Release" && type != "RelWithDebInfo") {
      warn("build", "cmake --preset release && cmake --build --preset release",
           "the suite was built as {}: its own part of every figure is larger", type);
    }
  }

  void judge_neighbours() {
    if (const double steal = real("/load/steal_share"); steal > kStealLimit) {
      warn("steal", "run when the host is quieter, or on a machine of your own",
           "the hypervisor takes {:.0f}% of the CPU time from this machine", 100 * steal);
    }
    const std::string hypervisor = text("/machine/hypervisor");
    if (!hypervisor.empty() && hypervisor != "none") {
      warn("hypervisor",
           "compare only runs of the same machine, with rounds of both sides interleaved",
           "a virtual machine ({}): timings change with the neighbours on its host", hypervisor);
    }
    const double busy = real("/load/busy_share");
    const json& averages = at("/load/loadavg");
    const double load = averages.is_array() && !averages.empty() ? averages[0].get<double>() : 0;
    const auto cpus = static_cast<double>(number("/machine/cpus_online", 1));
    if (busy > kBusyLimit) {
      warn("busy", "stop other work; top -o %CPU shows it",
           "other processes keep the CPUs {:.0f}% busy", 100 * busy);
    } else if (load > kLoadLimit * cpus) {
      warn("busy", "stop other work, or wait a minute; top -o %CPU shows it",
           "others have worked here in the last minute: load average {:.2f} on {:.0f} CPUs", load,
           cpus);
    }
    if (const uint64_t users = number("/load/users"); users > 1) {
      warn("users", "ask the others to wait; who shows them", "{} users are logged in", users);
    }
  }

  void judge_frequency() {
    const std::string governor = text("/machine/governor");
    if (!governor.empty() && governor != "performance") {
      warn("governor", "sudo cpupower frequency-set -g performance",
           "the CPU frequency governor is {}: the clock speed follows the load", governor);
    }
    if (at("/machine/turbo") == json(true)) {
      const bool intel = text("/machine/cpu_model").find("Intel") != std::string::npos;
      warn("turbo",
           intel ? "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo"
                 : "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost",
           "turbo is on: the clock speed depends on temperature and on what other cores do");
    }
    if (number("/machine/cpus_allowed", 2) == 1) {
      warn("one-cpu", "give it two CPUs: taskset -c 0,1 …, or a larger machine",
           "only one CPU may be used: cases with the child on another CPU are skipped");
    }
    const double quota = real("/process/cgroup_cpu_limit");
    if (quota > 0) {
      warn("cpu-quota", "run outside the limit: docker run without --cpus, CPUQuota= empty",
           "the cgroup may use {:.2g} CPUs: beyond that it is stopped for up to 100 ms at a time",
           quota);
    }
  }

  void judge_memory() {
    const uint64_t available = number("/memory/available_bytes", UINT64_MAX);
    const uint64_t needed = std::max(wanted_bytes_, kLittleMemory);
    if (available < needed) {
      warn("memory", "free some memory, or leave large heaps out: --max-heap 256MiB",
           "only {} MiB of memory are available, {} MiB are wanted: large heaps will be skipped",
           available / kMiB, needed / kMiB);
    }
    const uint64_t limit = number("/process/cgroup_memory_limit_bytes", UINT64_MAX);
    if (limit < needed) {
      warn("cgroup-memory", "raise the cgroup's limit (docker run --memory=…), or use --max-heap",
           "the memory cgroup allows {} MiB, {} MiB are wanted: large heaps will be skipped",
           limit / kMiB, needed / kMiB);
    }
    if (const uint64_t used = number("/memory/swap_used_bytes"); used > 0) {
      warn("swap", "sudo swapoff -a && sudo swapon -a",
           "{} MiB are in swap: a page that has to be read back takes milliseconds", used / kMiB);
    }
    if (number("/memory/numa_balancing") != 0) {
      warn("numa-balancing", "sudo sysctl kernel.numa_balancing=0",
           "NUMA balancing is on: it unmaps pages to see who uses them, which adds faults");
    }
    if (number("/memory/ksm") == 1) {
      warn("ksm", "echo 0 | sudo tee /sys/kernel/mm/ksm/run",
           "KSM runs: it merges equal pages, and every write to one of them copies");
    }
    if (const json& actions = at("/memory/damon"); actions.is_array() && !actions.empty()) {
      warn("damon", "echo off | sudo tee /sys/kernel/mm/damon/admin/kdamonds/*/state",
           "DAMON acts on memory ({}): pages that were not used for seconds may be put out, and "
           "what was warm is read again",
           fmt::join(actions.get<std::vector<std::string>>(), ", "));
    }
    if (number("/memory/page_reporting_order", UINT64_MAX) <= kMaxOrder) {
      warn("page-reporting",
           "compare minima; or turn free page reporting off in the machine's balloon device",
           "free page reporting is on: memory freed here goes back to the host, so that a fresh "
           "page "
           "may include a fault there (11 instead of 2 µs were seen per copied page)");
    }
  }

  void judge_pages() {
    if (text("/memory/thp_enabled") == "always") {
      warn(
          "thp-always", "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
          "transparent huge pages are on for everything: 4k cases switch them off for their arena, "
          "but stacks and libraries of what is started may get them");
    }
    const json& free = at("/memory/hugepages_free");
    const bool none = free.is_object() && std::all_of(free.begin(), free.end(),
                                                      [](const json& pages) { return pages == 0; });
    if (none) {
      warn("hugetlb", "sudo sysctl vm.nr_hugepages=512",
           "no huge pages are reserved: cases on huge pages of the pool will be skipped");
    }
  }

  void judge_rights() {
    const bool admin = has_capability(kCapSysAdmin);
    if (at("/process/pagemap_frames") == json(false)) {
      warn("pagemap", "run it with sudo",
           "page frame numbers cannot be read: which pages were copied is checked less closely");
    }
    if (admin || has_capability(kCapPerfmon)) return;
    if (const json& level = at("/process/perf_event_paranoid"); level.is_number() && level > 1) {
      warn("perf-paranoid", "sudo sysctl kernel.perf_event_paranoid=1",
           "perf_event_paranoid is {}: kernel events cannot be counted (times are not affected)",
           level.get<int>());
    }
    if (text("/process/seccomp") == "filter") {
      warn("perf-seccomp", "docker run --cap-add=PERFMON, or --security-opt seccomp=unconfined",
           "a seccomp filter is on: it adds to every system call, and may forbid perf_event_open");
    }
  }

  void judge_limits() {
    const uint64_t processes = number("/process/rlimit_nproc", UINT64_MAX);
    if (processes < kFewProcesses && number("/process/uid") != 0) {
      warn("nproc", "ulimit -u 4096", "this user may have {} processes: many at once will fail",
           processes);
    }
    const uint64_t pids = number("/process/cgroup_pids_limit", UINT64_MAX);
    if (pids < kFewProcesses) {
      warn("pids-limit", "raise the cgroup's limit (docker run --pids-limit=4096)",
           "the cgroup may have {} processes: many at once will fail", pids);
    }
    if (const uint64_t space = number("/process/rlimit_as", UINT64_MAX);
        space < std::max(2 * wanted_bytes_, kLittleMemory)) {
      warn("address-space", "ulimit -v unlimited",
           "the address space is limited to {} MiB: large heaps will be skipped", space / kMiB);
    }
  }

  void judge_loader() {
    const json& set = at("/process/loader_variables");
    if (!set.is_array() || set.empty()) return;
    const std::string names =
        fmt::format("{}", fmt::join(set.get<std::vector<std::string>>(), " "));
    warn("loader-variables", "unset " + names,
         "{} in the environment: what they ask for is in the start of every dynamic program that "
         "gets this environment, and in the size of the process that forks",
         names);
  }

  const json& environment_;
  const uint64_t wanted_bytes_;
  std::vector<Warning> warnings_;
};

}  // namespace

std::vector<Warning> find_warnings(const json& environment, uint64_t wanted_bytes) {
  return Judge(environment, wanted_bytes).judge();
}

json to_json(const std::vector<Warning>& warnings) {
  json list = json::array();
  for (const Warning& warning : warnings) {
    list.push_back({{"id", warning.id}, {"message", warning.message}, {"remedy", warning.remedy}});
  }
  return list;
}

}  // namespace forkcost
