#include "harness/placement.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/error.h"

namespace forkcost {
namespace {

// A set for every CPU number that Linux can have; cpu_set_t ends at 1,024.
struct CpuSet {
  static constexpr int kCpus = 8192;
  cpu_set_t* set = CPU_ALLOC(kCpus);
  size_t size = CPU_ALLOC_SIZE(kCpus);
  CpuSet() { CPU_ZERO_S(size, set); }
  ~CpuSet() { CPU_FREE(set); }
  CpuSet(const CpuSet&) = delete;
  CpuSet& operator=(const CpuSet&) = delete;
};

void bind_to(const std::vector<int>& cpus) {
  const CpuSet wanted;
  for (const int cpu : cpus) CPU_SET_S(static_cast<size_t>(cpu), wanted.size, wanted.set);
  check(sched_setaffinity(0, wanted.size, wanted.set), "sched_setaffinity",
        "name an allowed CPU with --cpu");
}

}  // namespace

std::string placement_name(Placement placement) {
  switch (placement) {
    case Placement::kSameCpu:
      return "same-cpu";
    case Placement::kOtherCpu:
      return "other-cpu";
    case Placement::kFree:
      break;
  }
  return "free";
}

int current_cpu_number() {
#if defined(__x86_64__)
  uint32_t low, high, aux;
  __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
  return static_cast<int>(aux & 0xfff);  // Linux puts node << 12 | cpu there
#else
  unsigned cpu = 0;
  return syscall(SYS_getcpu, &cpu, nullptr, nullptr) == 0 ? static_cast<int>(cpu) : -1;
#endif
}

const std::vector<int>& allowed_cpus() {
  static const std::vector<int> cpus = [] {
    const CpuSet allowed;
    check(sched_getaffinity(0, allowed.size, allowed.set), "sched_getaffinity");
    std::vector<int> found;
    for (int cpu = 0; cpu < CpuSet::kCpus; ++cpu) {
      if (CPU_ISSET_S(static_cast<size_t>(cpu), allowed.size, allowed.set)) found.push_back(cpu);
    }
    return found;
  }();
  return cpus;
}

CpuBinding::CpuBinding(Placement placement, int cpu) {
  const std::vector<int>& allowed = allowed_cpus();
  if (placement == Placement::kOtherCpu && allowed.size() < 2) {
    throw Skip("placement other-cpu needs two CPUs, one is allowed; check taskset and the cpuset");
  }
  bind_to(placement == Placement::kSameCpu ? std::vector<int>{cpu} : allowed);
}

CpuBinding::~CpuBinding() {
  try {
    bind_to(allowed_cpus());
  } catch (const Failure&) {
    // The cpuset shrank while we ran; the next case binds anew and reports it.
  }
}

}  // namespace forkcost
