// The ring buffer of a sampling event: records out of the kernel, in plain form.
#pragma once

#include <linux/perf_event.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace forkcost {

// One record of an event with kSampleType and sample_id_all. What a field means depends on `type`.
struct PerfRecord {
  uint32_t type = 0;      // PERF_RECORD_SAMPLE, _FORK, _MMAP2, _COMM, _LOST, _THROTTLE
  uint16_t misc = 0;      // the CPU's mode; that a COMM is an exec
  uint64_t time_ns = 0;   // CLOCK_MONOTONIC
  pid_t pid = 0;          // of the process that was sampled, was made, mapped, or exec'ed
  pid_t parent = 0;       // FORK
  uint64_t address = 0;   // SAMPLE: of the instruction; MMAP2: where the mapping begins
  uint64_t length = 0;    // MMAP2: of the mapping, in bytes
  uint64_t lost = 0;      // LOST: how many records
  std::string file = {};  // MMAP2
};

constexpr uint64_t kSampleType = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME;

// A mapped ring: the control page, then a power of two of data pages.
class RingBuffer {
 public:
  // `memory` stays its owner's.
  RingBuffer(void* memory, size_t data_bytes);

  // Appends what the kernel has written since, and lets it write there again. Whether it was full:
  // then what came last is lost.
  bool drain(std::vector<PerfRecord>& records);

 private:
  perf_event_mmap_page& control_;
  const std::byte* data_;
  size_t size_;
  std::vector<std::byte> record_;
};

// The record whose bytes these are, header included. Of types that nobody asks for only `type`.
PerfRecord parse_record(const std::byte* bytes, size_t size);

}  // namespace forkcost
