// Which CPU parent and child run on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace forkcost {

enum class Placement : uint8_t {
  kSameCpu,   // both on one CPU
  kOtherCpu,  // the child starts on another CPU than its parent: the kernel chooses, we check
  kFree       // wherever the kernel likes
};

std::string placement_name(Placement placement);

// The CPU that we are on, asked of the CPU or the kernel. Not sched_getcpu(): glibc reads the
// thread's rseq area, which after vfork is the parent's and says where that was (seen: right for
// none of 437 children that ran elsewhere).
int current_cpu_number();

// CPUs that we may use (at start-up, before any binding), ascending.
const std::vector<int>& allowed_cpus();

// The calling thread's affinity, put back when this goes away. `cpu` is the CPU of kSameCpu.
// Throws Skip for kOtherCpu where there is but one CPU.
class CpuBinding {
 public:
  CpuBinding(Placement placement, int cpu);
  ~CpuBinding();
  CpuBinding(const CpuBinding&) = delete;
  CpuBinding& operator=(const CpuBinding&) = delete;
};

}  // namespace forkcost
