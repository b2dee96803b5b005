#include "harness/perf_event.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "harness/environment_parse.h"
#include "harness/error.h"
#include "harness/files.h"
#include "harness/procfs.h"

namespace forkcost {
namespace {

constexpr uint64_t kSeccompFilter = 2;  // of the field Seccomp in /proc/PID/status

class RealKernel : public PerfKernel {
 public:
  int open(perf_event_attr attr, pid_t pid, int cpu) override {
    attr.size = sizeof attr;
    const long fd = syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : static_cast<int>(fd);
  }

  void close(int fd) override { ::close(fd); }

  PerfReading read(int fd) override {
    std::array<uint64_t, 3> words{};
    if (::read(fd, words.data(), sizeof words) != sizeof words) {
      throw_errno("reading a counter", errno);
    }
    return {.value = words[0], .enabled_ns = words[1], .running_ns = words[2]};
  }

  void enable_all() override {
    check(prctl(PR_TASK_PERF_EVENTS_ENABLE), "prctl(PR_TASK_PERF_EVENTS_ENABLE)");
  }
  void disable_all() override {
    check(prctl(PR_TASK_PERF_EVENTS_DISABLE), "prctl(PR_TASK_PERF_EVENTS_DISABLE)");
  }

  PerfPolicy policy() const override {
    PerfPolicy policy;
    if (const auto text = read_text_file("/proc/sys/kernel/perf_event_paranoid")) {
      policy.paranoid = std::atoi(text->c_str());
    }
    const std::string status = read_text_file("/proc/self/status").value_or("");
    policy.seccomp_filter = find_field(status, "Seccomp") == kSeccompFilter;
    policy.virtual_machine =
        parse_hypervisor_flag(read_text_file("/proc/cpuinfo").value_or("")).value_or(false) ||
        std::filesystem::exists("/sys/hypervisor/type");
    return policy;
  }
};

// Whether anything may be opened at all: the plainest event there is.
bool opens_plain_event(PerfKernel& kernel) {
  Event plain = software_event("dummy", PERF_COUNT_SW_DUMMY);
  plain.attr.exclude_kernel = 1;
  plain.attr.exclude_hv = 1;
  const int fd = kernel.open(plain.attr, 0, -1);
  if (fd >= 0) kernel.close(fd);
  return fd >= 0;
}

// Whether the kernel drives a PMU of this CPU: whatever it is, it counts cycles.
bool has_pmu(PerfKernel& kernel) {
  perf_event_attr cycles{};
  cycles.type = PERF_TYPE_HARDWARE;
  cycles.config = PERF_COUNT_HW_CPU_CYCLES;
  cycles.exclude_kernel = 1;
  cycles.exclude_hv = 1;
  const int fd = kernel.open(cycles, 0, -1);
  if (fd >= 0) kernel.close(fd);
  return fd != -ENOENT && fd != -EOPNOTSUPP && fd != -ENODEV;
}

std::string why_forbidden(PerfKernel& kernel, int error) {
  const PerfPolicy policy = kernel.policy();
  // With 3 and more nothing opens for users, filter or not.
  if (policy.seccomp_filter && policy.paranoid.value_or(0) < 3 && !opens_plain_event(kernel)) {
    return "forbidden by seccomp: the filter of this container does not let perf_event_open "
           "through; run it with CAP_PERFMON or with a profile that does";
  }
  const std::string remedy =
      "; as root: sysctl kernel.perf_event_paranoid=1, or give the program CAP_PERFMON";
  if (policy.paranoid == 2) return "perf_event_paranoid is 2: user only" + remedy;
  if (policy.paranoid > 2) {  // Debian's and Ubuntu's addition
    return fmt::format("perf_event_paranoid is {}: nothing for users{}", *policy.paranoid, remedy);
  }
  return describe_errno("forbidden: perf_event_open", error,
                        "check the security modules (lockdown, SELinux)");
}

}  // namespace

std::string Event::unit() const {
  const bool clock = is_software() && (attr.config == PERF_COUNT_SW_CPU_CLOCK ||
                                       attr.config == PERF_COUNT_SW_TASK_CLOCK);
  return clock ? "ns" : "1";
}

Event software_event(std::string_view name, perf_sw_ids id) {
  Event event{.name = std::string(name)};
  event.attr.type = PERF_TYPE_SOFTWARE;
  event.attr.config = id;
  return event;
}

PerfKernel& real_perf_kernel() {
  static RealKernel kernel;
  return kernel;
}

std::string why_refused(PerfKernel& kernel, const Event& event, int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return why_forbidden(kernel, error);
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case EOPNOTSUPP:
    case EINVAL:
      if (!event.is_software() && !has_pmu(kernel)) {
        return kernel.policy().virtual_machine ? "no PMU in this virtual machine"
                                               : "no PMU that this kernel knows";
      }
      return describe_errno("event not on this CPU: perf_event_open", error);
    case ENOSYS:
      return "this kernel has no perf events (CONFIG_PERF_EVENTS)";
    case EBUSY:
      return "the PMU is taken by another profiler; end it";
    case EMFILE:
      return describe_errno("perf_event_open", error, "raise ulimit -n");
    default:
      return describe_errno("perf_event_open", error);
  }
}

std::optional<std::string> why_not(PerfKernel& kernel, const Event& event) {
  perf_event_attr attr = event.attr;
  attr.disabled = 1;
  attr.inherit = 1;
  attr.read_format = kReadFormat;
  const int fd = kernel.open(attr, 0, -1);
  if (fd < 0) return why_refused(kernel, event, -fd);
  kernel.close(fd);
  return std::nullopt;
}

}  // namespace forkcost
