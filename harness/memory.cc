#include "harness/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "harness/environment_parse.h"
#include "harness/error.h"
#include "harness/procfs.h"
#include "harness/size.h"
#include "harness/strings.h"

namespace forkcost {
namespace {

constexpr uint64_t kLeastReserve = 16 * kMiB;
constexpr uint64_t kMostReserve = 256 * kMiB;
constexpr uint64_t kReserveShare = 16;  // one part of so many

// The files of one version of memory cgroups.
struct CgroupFiles {
  std::string mount;
  std::string path;  // of this process
  const char* limits[2];
  const char* usage;
  const char* idle_cache;  // line of memory.stat, of the whole subtree
};

std::optional<CgroupFiles> find_cgroup(const SystemFiles& files) {
  const auto cgroup = files.raw("/proc/self/cgroup");
  if (!cgroup) return std::nullopt;
  if (const auto path = parse_cgroup_path(*cgroup, "memory")) {
    return CgroupFiles{"/sys/fs/cgroup/memory",
                       *path,
                       {"memory.limit_in_bytes", nullptr},
                       "memory.usage_in_bytes",
                       "total_inactive_file"};
  }
  const auto path = parse_cgroup_path(*cgroup, "");
  if (!path) return std::nullopt;
  // Where other controllers are of version 1, version 2 has its mount beside theirs.
  const std::string beside = "/sys/fs/cgroup/unified";
  const bool is_hybrid = files.raw(beside + "/cgroup.controllers").has_value();
  // Above memory.high nobody is killed, but everybody is slowed down to a crawl.
  return CgroupFiles{is_hybrid ? beside : "/sys/fs/cgroup",
                     *path,
                     {"memory.max", "memory.high"},
                     "memory.current",
                     "inactive_file"};
}

// "inactive_file 4096" among other lines.
uint64_t find_statistic(std::string_view stat, std::string_view name) {
  for (const std::string_view line : split(stat, '\n')) {
    if (line.starts_with(name) && line.substr(name.size()).starts_with(' ')) {
      return parse_number(trim(line.substr(name.size()))).value_or(0);
    }
  }
  return 0;
}

void apply_level(const SystemFiles& files, const CgroupFiles& cgroup, const std::string& directory,
                 Memory& memory) {
  const auto used = files.number(directory + "/" + cgroup.usage);
  if (!used) return;  // no such controller here
  const std::string stat = files.raw(directory + "/memory.stat").value_or("");
  const uint64_t idle = std::min(find_statistic(stat, cgroup.idle_cache), *used);
  for (const char* const file : cgroup.limits) {
    if (file == nullptr) continue;
    const auto text = files.text(directory + "/" + file);
    const auto limit = text ? parse_cgroup_limit(*text) : std::nullopt;
    if (!limit) continue;
    memory.total = std::min(memory.total, *limit);
    const uint64_t taken = *used - idle;
    memory.available = std::min(memory.available, *limit > taken ? *limit - taken : 0);
  }
}

}  // namespace

Memory read_memory(const SystemFiles& files) {
  const std::string meminfo = files.raw("/proc/meminfo").value_or("");
  const auto bytes_of = [&](const char* field) {
    const auto kib = find_field(meminfo, field);
    return kib ? *kib * kKiB : UINT64_MAX;
  };
  Memory memory{.total = bytes_of("MemTotal"), .available = bytes_of("MemAvailable")};
  const auto cgroup = find_cgroup(files);
  if (!cgroup) return memory;
  // Limits hold at every level. In a container the path may lead out of what is mounted there.
  std::string path = cgroup->path;
  for (;;) {
    while (path.ends_with('/')) path.pop_back();
    apply_level(files, *cgroup, cgroup->mount + path, memory);
    if (path.empty()) return memory;
    path.erase(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

uint64_t memory_reserve(uint64_t total_bytes) {
  return std::clamp(total_bytes / kReserveShare, kLeastReserve, kMostReserve);
}

uint64_t spare_memory(uint64_t needed_bytes) {
  const Memory memory = read_memory();
  const uint64_t taken = memory_reserve(memory.total) + needed_bytes;
  return memory.available > taken ? memory.available - taken : 0;
}

void require_memory(uint64_t bytes, const std::string& what) {
  const Memory memory = read_memory();
  const uint64_t reserve = memory_reserve(memory.total);
  if (memory.available > reserve && bytes <= memory.available - reserve) return;
  const auto in_mib = [](uint64_t size) { return (size + kMiB - 1) / kMiB; };
  throw Skip(
      fmt::format("needs {} MiB of memory ({}) and {} MiB in reserve, {} MiB are available; free "
                  "memory, raise the cgroup's limit, or use --max-heap",
                  in_mib(bytes), what, in_mib(reserve), memory.available / kMiB));
}

}  // namespace forkcost
