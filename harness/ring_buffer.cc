#include "harness/ring_buffer.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace forkcost {
namespace {

// Reads fields one after the other; what is not there any more is 0.
class Fields {
 public:
  Fields(const std::byte* bytes, size_t size) : at_(bytes), end_(bytes + size) {}

  template <typename T>
  T take() {
    T value{};
    if (static_cast<size_t>(end_ - at_) >= sizeof value) {
      memcpy(&value, at_, sizeof value);
      at_ += sizeof value;
    } else {
      at_ = end_;
    }
    return value;
  }
  pid_t take_pid() { return static_cast<pid_t>(take<uint32_t>()); }
  std::string take_text() {
    const auto* const text = reinterpret_cast<const char*>(at_);
    return {text, strnlen(text, static_cast<size_t>(end_ - at_))};
  }

 private:
  const std::byte* at_;
  const std::byte* end_;
};

constexpr size_t kLargestRecord = 4096 + 128;  // MMAP2 with the longest path
// With sample_id_all: process and thread, then the time, at the end of each record but SAMPLE.
constexpr size_t kTrailerBytes = 2 * sizeof(uint32_t) + sizeof(uint64_t);

}  // namespace

PerfRecord parse_record(const std::byte* bytes, size_t size) {
  Fields fields(bytes, size);
  const auto header = fields.take<perf_event_header>();
  PerfRecord record{.type = header.type, .misc = header.misc};
  if (record.type != PERF_RECORD_SAMPLE && size >= kTrailerBytes) {
    memcpy(&record.time_ns, bytes + size - sizeof(uint64_t), sizeof(uint64_t));
  }
  switch (record.type) {
    case PERF_RECORD_SAMPLE:
      record.address = fields.take<uint64_t>();
      record.pid = fields.take_pid();
      fields.take_pid();  // the thread
      record.time_ns = fields.take<uint64_t>();
      break;
    case PERF_RECORD_FORK:
      record.pid = fields.take_pid();
      record.parent = fields.take_pid();
      break;
    case PERF_RECORD_COMM:
      record.pid = fields.take_pid();
      break;
    case PERF_RECORD_MMAP2:
      record.pid = fields.take_pid();
      fields.take_pid();  // the thread
      record.address = fields.take<uint64_t>();
      record.length = fields.take<uint64_t>();
      fields.take<uint64_t>();  // offset in the file
      fields.take<uint64_t>();  // device, or build id
      fields.take<uint64_t>();  // inode
      fields.take<uint64_t>();  // its generation
      fields.take<uint64_t>();  // protection and flags
      record.file = fields.take_text();
      break;
    case PERF_RECORD_LOST:
      fields.take<uint64_t>();  // of which event
      record.lost = fields.take<uint64_t>();
      break;
    default:
      break;
  }
  return record;
}

RingBuffer::RingBuffer(void* memory, size_t data_bytes)
    : control_(*static_cast<perf_event_mmap_page*>(memory)),
      data_(static_cast<const std::byte*>(memory) + control_.data_offset),
      size_(data_bytes) {}

bool RingBuffer::drain(std::vector<PerfRecord>& records) {
  // The kernel stores data_head after the records that it covers; we store data_tail after we read.
  const std::atomic_ref<decltype(control_.data_head)> head_ref(control_.data_head);
  const std::atomic_ref<decltype(control_.data_tail)> tail_ref(control_.data_tail);
  const uint64_t head = head_ref.load(std::memory_order_acquire);
  uint64_t tail = control_.data_tail;
  const bool full = head - tail + kLargestRecord > size_;
  while (tail + sizeof(perf_event_header) <= head) {
    const size_t begin = tail % size_;
    perf_event_header header;
    memcpy(&header, data_ + begin, sizeof header);  // records are aligned: the header never wraps
    if (header.size < sizeof header || tail + header.size > head) break;
    record_.resize(header.size);
    const size_t before_end = std::min<size_t>(header.size, size_ - begin);
    memcpy(record_.data(), data_ + begin, before_end);
    memcpy(record_.data() + before_end, data_, header.size - before_end);
    records.push_back(parse_record(record_.data(), record_.size()));
    tail += header.size;
  }
  tail_ref.store(tail, std::memory_order_release);
  return full;
}

}  // namespace forkcost
