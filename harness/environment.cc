#include "harness/environment.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <forkcost_version.h>
#include <gnu/libc-version.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "harness/environment_parse.h"
#include "harness/procfs.h"
#include "harness/size.h"
#include "harness/strings.h"
#include "harness/system_files.h"

namespace forkcost {
namespace {

using nlohmann::json;

template <typename T>
void set(json& object, const char* key, const std::optional<T>& value) {
  if (value) object[key] = *value;
}

void set_object(json& object, const char* key, json value) {
  if (!value.empty()) object[key] = std::move(value);
}

json describe_kernel(const SystemFiles& files) {
  json kernel = json::object();
  set(kernel, "release", files.text("/proc/sys/kernel/osrelease"));
  set(kernel, "version", files.text("/proc/sys/kernel/version"));
  // Of two runs: did the machine restart between them?
  set(kernel, "boot_id", files.text("/proc/sys/kernel/random/boot_id"));
  if (const auto line = files.text("/proc/cmdline")) {
    kernel["command_line"] = redact_command_line(*line);
  }
  return kernel;
}

// The twelve letters by which a hypervisor names itself, as the name that people know.
std::string hypervisor_signature() {
#if defined(__x86_64__) || defined(__i386__)
  std::array<uint32_t, 4> registers{};
  __cpuid(0x40000000, registers[0], registers[1], registers[2], registers[3]);
  std::array<char, 13> letters{};
  memcpy(letters.data(), &registers[1], 12);
  const std::string_view signature(letters.data());
  using Name = std::pair<std::string_view, std::string_view>;
  static constexpr std::array<Name, 8> kNames = {{{"KVMKVMKVM", "KVM"},
                                                  {"Linux KVM Hv", "KVM"},
                                                  {"TCGTCGTCGTCG", "QEMU TCG"},
                                                  {"VMwareVMware", "VMware"},
                                                  {"Microsoft Hv", "Hyper-V"},
                                                  {"XenVMMXenVMM", "Xen"},
                                                  {"VBoxVBoxVBox", "VirtualBox"},
                                                  {"bhyve bhyve ", "bhyve"}}};
  for (const auto& [letters_of, name] : kNames) {
    if (signature == letters_of) return std::string(name);
  }
  if (!signature.empty()) return std::string(signature);
#endif
  return "unknown";
}

// "none" only where the processor says so; elsewhere (ARM) what the firmware tells.
std::optional<std::string> hypervisor(const SystemFiles& files, std::string_view cpuinfo) {
  const auto flag = parse_hypervisor_flag(cpuinfo);
  if (flag) {
    if (!*flag) return "none";
    return files.is_real() ? hypervisor_signature() : "unknown";
  }
  if (auto type = files.text("/sys/hypervisor/type")) return type;
  const std::string tree = files.raw("/proc/device-tree/compatible").value_or("");
  if (tree.find("dummy-virt") != std::string::npos) return "virtual machine";
  const auto vendor = files.text("/sys/class/dmi/id/sys_vendor");
  const auto product = files.text("/sys/class/dmi/id/product_name");
  if (!vendor) return std::nullopt;
  if (*vendor == "QEMU" || vendor->starts_with("VMware")) return vendor;
  if (*vendor == "Amazon EC2" && product && product->find("metal") == std::string::npos) {
    return "Nitro";
  }
  if (product && (*product == "Google Compute Engine" || *product == "Virtual Machine" ||
                  product->find("KVM") != std::string::npos)) {
    return product;
  }
  return std::nullopt;
}

std::optional<std::string> governor(const SystemFiles& files) {
  std::set<std::string> governors;
  for (const std::string& policy : files.names("/sys/devices/system/cpu/cpufreq")) {
    const auto name = files.text("/sys/devices/system/cpu/cpufreq/" + policy + "/scaling_governor");
    if (name) governors.insert(*name);
  }
  if (governors.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(governors, ","));
}

std::optional<bool> turbo(const SystemFiles& files) {
  if (const auto off = files.number("/sys/devices/system/cpu/intel_pstate/no_turbo")) {
    return *off == 0;
  }
  if (const auto on = files.number("/sys/devices/system/cpu/cpufreq/boost")) return *on != 0;
  return std::nullopt;
}

std::optional<uint64_t> bytes_of_field(std::string_view meminfo, std::string_view field) {
  const auto kib = find_field(meminfo, field);
  return kib ? std::optional(*kib * kKiB) : std::nullopt;
}

json describe_machine(const SystemFiles& files, std::string_view meminfo) {
  json machine = json::object();
  utsname names{};
  if (uname(&names) == 0) machine["architecture"] = names.machine;
  const std::string cpuinfo = files.raw("/proc/cpuinfo").value_or("");
  set(machine, "cpu_model", parse_cpu_model(cpuinfo));
  if (const auto online = files.text("/sys/devices/system/cpu/online")) {
    set(machine, "cpus_online", count_cpu_list(*online));
  }
  const std::string status = files.raw("/proc/self/status").value_or("");
  constexpr std::string_view kAllowed = "\nCpus_allowed_list:";
  if (const size_t at = status.find(kAllowed); at != std::string::npos) {
    const std::string_view rest = std::string_view(status).substr(at + kAllowed.size());
    set(machine, "cpus_allowed", count_cpu_list(rest.substr(0, rest.find('\n'))));
  }
  set(machine, "hypervisor", hypervisor(files, cpuinfo));
  set(machine, "memory_bytes", bytes_of_field(meminfo, "MemTotal"));
  machine["page_size"] = page_size();
  json mitigations = json::object();
  const std::string vulnerabilities = "/sys/devices/system/cpu/vulnerabilities";
  for (const std::string& name : files.names(vulnerabilities)) {
    set(mitigations, name.c_str(), files.text(vulnerabilities + "/" + name));
  }
  set_object(machine, "mitigations", std::move(mitigations));
  set(machine, "governor", governor(files));
  set(machine, "turbo", turbo(files));
  return machine;
}

// "hugepages-2048kB" -> "2MiB".
std::optional<std::string> page_size_of_name(std::string_view name) {
  constexpr std::string_view kPrefix = "hugepages-", kSuffix = "kB";
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(kSuffix.size());
  const auto kib = parse_number(name);
  return kib ? std::optional(format_size(*kib * kKiB)) : std::nullopt;
}

// What DAMON does unasked with memory that it finds in use or not: "pageout" puts out pages that
// were not used for a while, of programs and libraries too, and /proc/vmstat counts none of it.
json damon_actions(const SystemFiles& files) {
  const std::string root = "/sys/kernel/mm/damon/admin/kdamonds";
  std::set<std::string> actions;
  for (const std::string& kdamond : files.names(root)) {
    const std::string daemon = root + "/" + kdamond;
    if (files.text(daemon + "/state") != "on") continue;
    for (const std::string& context : files.names(daemon + "/contexts")) {
      const std::string schemes = daemon + "/contexts/" + context + "/schemes";
      for (const std::string& scheme : files.names(schemes)) {
        const auto action = files.text(schemes + "/" + scheme + "/action");
        if (action && *action != "stat") actions.insert(*action);
      }
    }
  }
  return actions;
}

json describe_memory(const SystemFiles& files, std::string_view meminfo) {
  json memory = json::object();
  const std::string thp = "/sys/kernel/mm/transparent_hugepage";
  set(memory, "thp_enabled", files.mode(thp + "/enabled"));
  set(memory, "thp_defrag", files.mode(thp + "/defrag"));
  json mthp = json::object();
  for (const std::string& name : files.names(thp)) {
    const auto mode = files.mode(thp + "/" + name + "/enabled");
    const auto size = page_size_of_name(name);
    if (size && mode) mthp[*size] = *mode;
  }
  set_object(memory, "mthp", std::move(mthp));
  set(memory, "overcommit_memory", files.number("/proc/sys/vm/overcommit_memory"));
  set(memory, "overcommit_ratio", files.number("/proc/sys/vm/overcommit_ratio"));
  set(memory, "ksm", files.number("/sys/kernel/mm/ksm/run"));
  if (json actions = damon_actions(files); !actions.empty()) memory["damon"] = std::move(actions);
  json free = json::object();
  for (const std::string& name : files.names("/sys/kernel/mm/hugepages")) {
    const auto pages = files.number("/sys/kernel/mm/hugepages/" + name + "/free_hugepages");
    const auto size = page_size_of_name(name);
    if (size && pages) free[*size] = *pages;
  }
  set_object(memory, "hugepages_free", std::move(free));
  set(memory, "numa_balancing", files.number("/proc/sys/kernel/numa_balancing"));
  const auto swap = bytes_of_field(meminfo, "SwapTotal");
  const auto swap_free = bytes_of_field(meminfo, "SwapFree");
  set(memory, "swap_bytes", swap);
  if (swap && swap_free && *swap >= *swap_free) memory["swap_used_bytes"] = *swap - *swap_free;
  // Only an order that some device set is a number that fits an int; the default is UINT_MAX.
  const auto order = files.number("/sys/module/page_reporting/parameters/page_reporting_order");
  if (order && *order <= INT32_MAX) memory["page_reporting_order"] = *order;
  set(memory, "available_bytes", bytes_of_field(meminfo, "MemAvailable"));
  return memory;
}

// A limit holds for everything below it: the smallest from our cgroup up to the root. In a
// container without a cgroup namespace our path does not exist below the mount; then only the
// mount's own files are there.
template <typename Read>
auto smallest_limit(const std::string& mount, std::string path, Read read) {
  decltype(read(mount)) smallest;
  while (true) {
    while (path.ends_with('/')) path.pop_back();
    const auto limit = read(mount + path);
    if (limit && (!smallest || *limit < *smallest)) smallest = limit;
    if (path.empty()) return smallest;
    path.erase(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

void describe_cgroup(const SystemFiles& files, json& process) {
  const auto cgroup = files.raw("/proc/self/cgroup");
  if (!cgroup) return;
  // The path itself may name a user or a job: how deep we are is what costs.
  const auto depth = [](std::string_view path) { return split(path, '/').size(); };
  // A file of version 2, else of version 1's controller.
  const auto read_limit = [&](const char* controller, const std::string& v2_file,
                              const std::string& v1_file) -> std::optional<uint64_t> {
    const auto reader = [&](const std::string& file) {
      return [&files, file](const std::string& directory) {
        const auto text = files.text(directory + "/" + file);
        return text ? parse_cgroup_limit(*text) : std::nullopt;
      };
    };
    if (const auto path = parse_cgroup_path(*cgroup, controller)) {
      return smallest_limit(std::string("/sys/fs/cgroup/") + controller, *path, reader(v1_file));
    }
    const auto path = parse_cgroup_path(*cgroup, "");
    return path ? smallest_limit("/sys/fs/cgroup", *path, reader(v2_file)) : std::nullopt;
  };
  set(process, "cgroup_memory_limit_bytes",
      read_limit("memory", "memory.max", "memory.limit_in_bytes"));
  set(process, "cgroup_pids_limit", read_limit("pids", "pids.max", "pids.max"));

  if (const auto path = parse_cgroup_path(*cgroup, "cpu")) {
    set(process, "cgroup_cpu_limit",
        smallest_limit("/sys/fs/cgroup/cpu", *path, [&](const std::string& directory) {
          return parse_cpu_quota(files.text(directory + "/cpu.cfs_quota_us").value_or("") + " " +
                                 files.text(directory + "/cpu.cfs_period_us").value_or(""));
        }));
  } else if (const auto unified = parse_cgroup_path(*cgroup, "")) {
    set(process, "cgroup_cpu_limit",
        smallest_limit("/sys/fs/cgroup", *unified, [&](const std::string& directory) {
          return parse_cpu_quota(files.text(directory + "/cpu.max").value_or(""));
        }));
  }
  if (const auto path = parse_cgroup_path(*cgroup, "memory")) {
    process["cgroup"] = fmt::format("v1, memory at depth {}", depth(*path));
  } else if (const auto unified = parse_cgroup_path(*cgroup, "")) {
    process["cgroup"] = fmt::format("v2, depth {}", depth(*unified));
  }
}

json resource_limit(int resource) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) return nullptr;
  if (limit.rlim_cur == RLIM_INFINITY) return "unlimited";
  return limit.rlim_cur;
}

// Whether the kernel tells us page frame numbers: without the right every frame reads as 0.
bool can_read_frames() {
  int touched = 1;  // its page is present
  const auto address = reinterpret_cast<uintptr_t>(&touched) & ~(page_size() - 1);
  const auto frames = read_frames(getpid(), address, 1);
  return frames && !frames->empty() && frames->front() != 0;
}

std::optional<std::string> container(const SystemFiles& files) {
  if (auto name = files.text("/run/systemd/container")) return name;
  if (files.exists("/.dockerenv")) return "docker";
  if (files.exists("/run/.containerenv")) return "podman";
  return std::nullopt;
}

std::string seccomp_mode(uint64_t mode) {
  static constexpr std::array<const char*, 3> kModes = {"none", "strict", "filter"};
  return mode < kModes.size() ? kModes[mode] : std::to_string(mode);
}

// Names only: what they say is nobody's business.
json loader_variables() {
  json names = json::array();
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view name = std::string_view(*variable).substr(0, strcspn(*variable, "="));
    if (name.starts_with("LD_") || name == "GLIBC_TUNABLES") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

json describe_process(const SystemFiles& files) {
  json process = json::object();
  const bool fixed = (personality(0xffffffff) & ADDR_NO_RANDOMIZE) != 0;
  if (fixed) {
    process["aslr"] = 0;
  } else {
    set(process, "aslr", files.number("/proc/sys/kernel/randomize_va_space"));
  }
  const std::string status = files.raw("/proc/self/status").value_or("");
  if (const auto mode = find_field(status, "Seccomp")) process["seccomp"] = seccomp_mode(*mode);
  constexpr std::string_view kCapabilities = "\nCapEff:";
  if (const size_t at = status.find(kCapabilities); at != std::string::npos) {
    const std::string_view rest = std::string_view(status).substr(at + kCapabilities.size());
    process["capabilities"] = std::string(trim(rest.substr(0, rest.find('\n'))));
  }
  set(process, "lsm", files.text("/sys/kernel/security/lsm"));
  set(process, "container", container(files));
  describe_cgroup(files, process);
  process["uid"] = getuid();
  for (const auto& [key, resource] : {std::pair{"rlimit_nproc", static_cast<int>(RLIMIT_NPROC)},
                                      std::pair{"rlimit_as", static_cast<int>(RLIMIT_AS)}}) {
    if (json limit = resource_limit(resource); !limit.is_null()) process[key] = std::move(limit);
  }
  // -1 is a value of it: allow everything.
  if (const auto paranoid = files.text("/proc/sys/kernel/perf_event_paranoid")) {
    process["perf_event_paranoid"] = std::atoi(paranoid->c_str());
  }
  process["pagemap_frames"] = can_read_frames();
  process["loader_variables"] = loader_variables();
  return process;
}

json describe_software() {
  json software = json::object();
  software["libc"] = fmt::format("glibc {}", gnu_get_libc_version());
#if defined(__clang__)
  software["compiler"] = fmt::format("clang {}", __clang_version__);
#else
  software["compiler"] = fmt::format("gcc {}", __VERSION__);
#endif
  std::string build_type = FORKCOST_BUILD_TYPE;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  build_type += "+sanitizers";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  build_type += "+sanitizers";
#endif
#endif
  software["build_type"] = build_type;
  software["google_benchmark"] = FORKCOST_GOOGLE_BENCHMARK;
  return software;
}

std::optional<CpuTimes> cpu_times(const SystemFiles& files) {
  return parse_cpu_times(files.raw("/proc/stat").value_or(""));
}

json describe_load(const SystemFiles& files, std::chrono::milliseconds watch) {
  json load = json::object();
  json averages = json::array();
  const std::string text = files.text("/proc/loadavg").value_or("");
  for (const std::string_view word : split(text, ' ')) {
    if (averages.size() < 3) averages.push_back(std::atof(std::string(word).c_str()));
  }
  set_object(load, "loadavg", std::move(averages));
  if (const auto utmp = files.raw("/run/utmp")) {
    load["users"] = count_sessions(*utmp);
  } else if (files.exists("/run/systemd/sessions")) {  // distributions without utmp
    const auto names = files.names("/run/systemd/sessions");
    load["users"] = std::count_if(names.begin(), names.end(),
                                  [](const std::string& name) { return !name.ends_with(".ref"); });
  }
  const auto before = watch.count() > 0 ? cpu_times(files) : std::nullopt;
  if (!before) return load;
  std::this_thread::sleep_for(watch);
  const auto after = cpu_times(files);
  if (!after || after->total <= before->total) return load;
  const auto total = static_cast<double>(after->total - before->total);
  load["steal_share"] = static_cast<double>(after->steal - before->steal) / total;
  load["busy_share"] = static_cast<double>(after->busy - before->busy) / total;
  return load;
}

}  // namespace

json describe_environment(std::chrono::milliseconds watch, const std::string& root) {
  const SystemFiles files(root);
  const std::string meminfo = files.raw("/proc/meminfo").value_or("");
  json environment = json::object();
  environment["kernel"] = describe_kernel(files);
  environment["machine"] = describe_machine(files, meminfo);
  environment["memory"] = describe_memory(files, meminfo);
  environment["process"] = describe_process(files);
  environment["software"] = describe_software();
  environment["load"] = describe_load(files, watch);
  return environment;
}

json describe_suite() {
  return {{"version", FORKCOST_VERSION}, {"revision", FORKCOST_REVISION}};
}

}  // namespace forkcost
