// Text of the kernel's files in, value out: nothing here touches the system.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace forkcost {

// "0-3,8" -> 5.
std::optional<uint64_t> count_cpu_list(std::string_view list);

// "always [madvise] never" -> "madvise"; text without brackets is returned as it is.
std::string selected_mode(std::string_view text);

// The first line of /proc/stat, in ticks.
struct CpuTimes {
  uint64_t busy = 0;
  uint64_t steal = 0;
  uint64_t total = 0;
};
std::optional<CpuTimes> parse_cpu_times(std::string_view stat);

// The line "name : value" of /proc/cpuinfo; on ARM, where there is no name, implementer and part.
std::optional<std::string> parse_cpu_model(std::string_view cpuinfo);
// Whether a hypervisor says that it is there; none where cpuinfo has no `flags` (not x86).
std::optional<bool> parse_hypervisor_flag(std::string_view cpuinfo);

// Our path in the hierarchy of `controller` by /proc/self/cgroup; "" asks for version 2.
std::optional<std::string> parse_cgroup_path(std::string_view cgroup, std::string_view controller);

// A limit of a cgroup: none for "max", and for the huge number that version 1 writes instead.
std::optional<uint64_t> parse_cgroup_limit(std::string_view text);
// CPUs' worth of time: "150000 100000" -> 1.5; none for "max 100000" and for a quota of -1.
std::optional<double> parse_cpu_quota(std::string_view text);

// The command line without values that name a host, an address or a secret.
std::string redact_command_line(std::string_view command_line);

// Sessions of users in the contents of utmp.
uint64_t count_sessions(std::string_view utmp);

}  // namespace forkcost
