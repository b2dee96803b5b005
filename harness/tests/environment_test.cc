#include "harness/environment.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <utmpx.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "harness/environment_parse.h"
#include "harness/warnings.h"

namespace forkcost {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

TEST(EnvironmentParse, CountsCpuLists) {
  EXPECT_EQ(count_cpu_list("0"), 1U);
  EXPECT_EQ(count_cpu_list("0-3,8,10-11\n"), 7U);
  for (const char* text : {"", "a", "3-1", "0-"}) EXPECT_EQ(count_cpu_list(text), std::nullopt);
}

TEST(EnvironmentParse, FindsTheSelectedMode) {
  EXPECT_EQ(selected_mode("always [madvise] never\n"), "madvise");
  EXPECT_EQ(selected_mode("1\n"), "1");
  EXPECT_EQ(selected_mode("] ["), "] [");
}

TEST(EnvironmentParse, AddsUpCpuTimes) {
  const auto times = parse_cpu_times("cpu  10 2 30 400 50 6 7 8 9 0\ncpu0 1 2\n");
  ASSERT_TRUE(times);
  EXPECT_EQ(times->busy, 10U + 2 + 30 + 6 + 7);
  EXPECT_EQ(times->steal, 8U);
  EXPECT_EQ(times->total, 513U);  // guest time is within user
  EXPECT_FALSE(parse_cpu_times(""));
  EXPECT_FALSE(parse_cpu_times("cpu 1 2 3\n"));
  EXPECT_FALSE(parse_cpu_times("cpu 1 2 3 4 5 6 7 x\n"));
}

TEST(EnvironmentParse, NamesTheCpu) {
  EXPECT_EQ(parse_cpu_model("processor\t: 0\nmodel name\t: A: B\n"), "A: B");
  EXPECT_EQ(parse_cpu_model("CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"),
            "implementer 0x41 part 0xd0c");
  EXPECT_EQ(parse_cpu_model(""), std::nullopt);
  EXPECT_EQ(parse_hypervisor_flag("flags\t\t: fpu hypervisor lm\n"), true);
  EXPECT_EQ(parse_hypervisor_flag("flags\t\t: fpu nohypervisor\n"), false);
  EXPECT_EQ(parse_hypervisor_flag("Features\t: fp asimd\n"), std::nullopt);
}

TEST(EnvironmentParse, FindsTheCgroup) {
  const char* hybrid = "4:memory:/a:b/c\n2:cpu,cpuacct:/x\n0::/y\n";
  EXPECT_EQ(parse_cgroup_path(hybrid, "memory"), "/a:b/c");
  EXPECT_EQ(parse_cgroup_path(hybrid, "cpu"), "/x");
  EXPECT_EQ(parse_cgroup_path(hybrid, "pids"), std::nullopt);
  EXPECT_EQ(parse_cgroup_path(hybrid, ""), "/y");
  EXPECT_EQ(parse_cgroup_path("nonsense\n", ""), std::nullopt);
}

TEST(EnvironmentParse, KnowsWhatIsNoLimit) {
  EXPECT_EQ(parse_cgroup_limit("1048576\n"), 1048576U);
  EXPECT_EQ(parse_cgroup_limit("max\n"), std::nullopt);
  EXPECT_EQ(parse_cgroup_limit("9223372036854771712\n"), std::nullopt);
  EXPECT_EQ(parse_cpu_quota("150000 100000\n"), 1.5);
  EXPECT_EQ(parse_cpu_quota("max 100000\n"), std::nullopt);
  EXPECT_EQ(parse_cpu_quota("-1 100000\n"), std::nullopt);
  EXPECT_EQ(parse_cpu_quota("1 0\n"), std::nullopt);
}

TEST(EnvironmentParse, LeavesNamesAndSecretsOut) {
  EXPECT_EQ(
      redact_command_line("quiet root=/dev/vda1 ip=10.0.0.2::box:eth0 systemd.hostname=box nokaslr "
                          "luks.key=abc mitigations=off\n"),
      "quiet root=/dev/vda1 ip=… systemd.hostname=… nokaslr luks.key=… mitigations=off");
}

TEST(EnvironmentParse, CountsSessions) {
  std::string utmp;
  for (const short type : {short{USER_PROCESS}, short{DEAD_PROCESS}, short{USER_PROCESS}}) {
    utmpx record{};
    record.ut_type = type;
    utmp.append(reinterpret_cast<const char*>(&record), sizeof record);
  }
  EXPECT_EQ(count_sessions(utmp), 2U);
  EXPECT_EQ(count_sessions(utmp + "torn"), 2U);
  EXPECT_EQ(count_sessions(""), 0U);
}

// A /proc and /sys of our own.
class EnvironmentTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "environment-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  void put(const std::string& path, const std::string& text) const {
    const fs::path file = root_ + path;
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    ASSERT_TRUE(fs::exists(file));
  }
  json describe() const { return describe_environment(std::chrono::milliseconds(0), root_); }

  std::string root_;
};

TEST_F(EnvironmentTest, AnEmptyTreeGivesNoValueAndNoError) {
  const json environment = describe_environment(std::chrono::milliseconds(1), root_);
  EXPECT_TRUE(environment["kernel"].empty());
  EXPECT_TRUE(environment["memory"].empty());
  EXPECT_TRUE(environment["load"].empty());
  EXPECT_FALSE(environment["machine"].contains("cpu_model"));
  EXPECT_FALSE(environment["machine"].contains("hypervisor"));
  EXPECT_FALSE(environment["process"].contains("cgroup"));
}

TEST_F(EnvironmentTest, ReadsTheMachine) {
  put("/proc/sys/kernel/osrelease", "6.12.1\n");
  put("/proc/sys/kernel/random/boot_id", "0f3c1e64-0000-4000-8000-000000000001\n");
  put("/proc/cpuinfo", "model name\t: Some CPU\nflags\t: fpu\n");
  put("/proc/meminfo",
      "MemTotal: 2048 kB\nMemAvailable: 1024 kB\nSwapTotal: 100 kB\n"
      "SwapFree: 60 kB\n");
  put("/proc/self/status",
      "Name:\tx\nCapEff:\t000000000000000f\nSeccomp:\t2\n"
      "Cpus_allowed_list:\t1-2\n");
  put("/sys/devices/system/cpu/online", "0-7\n");
  put("/sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI\n");
  put("/sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "powersave\n");
  put("/sys/devices/system/cpu/cpufreq/policy1/scaling_governor", "performance\n");
  put("/sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
  const json environment = describe();
  EXPECT_EQ(environment["kernel"]["release"], "6.12.1");
  EXPECT_EQ(environment["kernel"]["boot_id"], "0f3c1e64-0000-4000-8000-000000000001");
  const json& machine = environment["machine"];
  EXPECT_EQ(machine["cpu_model"], "Some CPU");
  EXPECT_EQ(machine["hypervisor"], "none");
  EXPECT_EQ(machine["cpus_online"], 8);
  EXPECT_EQ(machine["cpus_allowed"], 2);
  EXPECT_EQ(machine["memory_bytes"], 2097152);
  EXPECT_EQ(machine["mitigations"], json({{"meltdown", "Mitigation: PTI"}}));
  EXPECT_EQ(machine["governor"], "performance,powersave");
  EXPECT_EQ(machine["turbo"], true);
  EXPECT_EQ(environment["memory"]["available_bytes"], 1048576);
  EXPECT_EQ(environment["memory"]["swap_bytes"], 102400);
  EXPECT_EQ(environment["memory"]["swap_used_bytes"], 40960);
  EXPECT_EQ(environment["process"]["seccomp"], "filter");
  EXPECT_EQ(environment["process"]["capabilities"], "000000000000000f");
}

TEST_F(EnvironmentTest, NamesWhatDamonDoesWhereItRuns) {
  const std::string kdamonds = "/sys/kernel/mm/damon/admin/kdamonds";
  put(kdamonds + "/nr_kdamonds", "2\n");
  for (const std::string kdamond : {"0", "1"}) {
    const std::string schemes = kdamonds + "/" + kdamond + "/contexts/0/schemes";
    put(schemes + "/nr_schemes", "2\n");
    put(schemes + "/0/action", "stat\n");
    put(schemes + "/1/action", kdamond == "0" ? "pageout\n" : "cold\n");
  }
  put(kdamonds + "/0/state", "on\n");
  put(kdamonds + "/1/state", "off\n");
  EXPECT_EQ(describe()["memory"]["damon"], json({"pageout"}));
  put(kdamonds + "/0/state", "off\n");
  EXPECT_FALSE(describe()["memory"].contains("damon"));
}

TEST_F(EnvironmentTest, NamesWhatTheLoaderIsTold) {
  setenv("LD_BIND_NOW", "a secret", 1);
  const json environment = describe();
  unsetenv("LD_BIND_NOW");
  const auto names = environment["process"]["loader_variables"].get<std::vector<std::string>>();
  EXPECT_EQ(std::ranges::count(names, "LD_BIND_NOW"), 1);
  EXPECT_EQ(environment.dump().find("a secret"), std::string::npos);
}

TEST_F(EnvironmentTest, ReadsHugePages) {
  const std::string thp = "/sys/kernel/mm/transparent_hugepage";
  put(thp + "/enabled", "always [madvise] never\n");
  put(thp + "/hugepages-64kB/enabled", "always inherit madvise [never]\n");
  put("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "3\n");
  put("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "0\n");
  put("/sys/module/page_reporting/parameters/page_reporting_order", "9\n");
  const json memory = describe()["memory"];
  EXPECT_EQ(memory["thp_enabled"], "madvise");
  EXPECT_EQ(memory["mthp"], json({{"64KiB", "never"}}));
  EXPECT_EQ(memory["hugepages_free"], json({{"2MiB", 3}, {"1GiB", 0}}));
  EXPECT_EQ(memory["page_reporting_order"], 9);
  // UINT_MAX: no device reports pages.
  put("/sys/module/page_reporting/parameters/page_reporting_order", "4294967295\n");
  EXPECT_FALSE(describe()["memory"].contains("page_reporting_order"));
}

TEST_F(EnvironmentTest, ALimitOfCgroup2HoldsForAllBelow) {
  put("/proc/self/cgroup", "0::/a/b/c\n");
  put("/sys/fs/cgroup/a/b/c/memory.max", "max\n");
  put("/sys/fs/cgroup/a/b/memory.max", "4000000\n");
  put("/sys/fs/cgroup/a/memory.max", "3000000\n");
  put("/sys/fs/cgroup/a/b/c/pids.max", "100\n");
  put("/sys/fs/cgroup/a/cpu.max", "50000 100000\n");
  const json process = describe()["process"];
  EXPECT_EQ(process["cgroup"], "v2, depth 3");
  EXPECT_EQ(process["cgroup_memory_limit_bytes"], 3000000);
  EXPECT_EQ(process["cgroup_pids_limit"], 100);
  EXPECT_EQ(process["cgroup_cpu_limit"], 0.5);
}

// In a container the path of version 1 is that of the host, and our limits lie at the mount.
TEST_F(EnvironmentTest, ALimitOfCgroup1IsFoundInAContainer) {
  put("/proc/self/cgroup", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n3:pids:/docker/abc\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "7000000\n");
  put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  put("/.dockerenv", "");
  const json process = describe()["process"];
  EXPECT_EQ(process["cgroup"], "v1, memory at depth 2");
  EXPECT_EQ(process["cgroup_memory_limit_bytes"], 7000000);
  EXPECT_EQ(process["cgroup_cpu_limit"], 2.0);
  EXPECT_EQ(process["container"], "docker");
  EXPECT_FALSE(process.contains("cgroup_pids_limit"));
}

TEST_F(EnvironmentTest, UnderstandsVirtualArmMachines) {
  put("/proc/cpuinfo", "Features\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n");
  EXPECT_FALSE(describe()["machine"].contains("hypervisor"));
  put("/sys/class/dmi/id/sys_vendor", "Amazon EC2\n");
  put("/sys/class/dmi/id/product_name", "m6g.metal\n");
  EXPECT_FALSE(describe()["machine"].contains("hypervisor"));
  put("/sys/class/dmi/id/product_name", "m6g.large\n");
  EXPECT_EQ(describe()["machine"]["hypervisor"], "Nitro");
}

TEST(RealEnvironment, HasWhatEveryLinuxHas) {
  const json environment = describe_environment(std::chrono::milliseconds(20));
  EXPECT_FALSE(environment["kernel"]["release"].get<std::string>().empty());
  EXPECT_EQ(environment["machine"]["page_size"], sysconf(_SC_PAGESIZE));
  EXPECT_GE(environment["machine"]["cpus_allowed"], 1);
  EXPECT_EQ(environment["load"]["loadavg"].size(), 3U);
  EXPECT_TRUE(environment["process"]["pagemap_frames"].is_boolean());
  EXPECT_TRUE(environment["software"]["libc"].get<std::string>().starts_with("glibc 2."));
  EXPECT_FALSE(describe_environment()["load"].contains("steal_share")) << "nobody watched";
  EXPECT_FALSE(describe_suite()["version"].get<std::string>().empty());
}

// A machine on which there is nothing to complain about.
json quiet_machine() {
  return {
      {"machine",
       {{"cpus_online", 4},
        {"cpus_allowed", 4},
        {"hypervisor", "none"},
        {"governor", "performance"},
        {"turbo", false},
        {"cpu_model", "Intel X"}}},
      {"memory",
       {{"thp_enabled", "madvise"},
        {"ksm", 0},
        {"numa_balancing", 0},
        {"swap_used_bytes", 0},
        {"available_bytes", 8000000000},
        {"hugepages_free", {{"2MiB", 64}, {"1GiB", 0}}}}},
      {"process",
       {{"capabilities", "000001ffffffffff"},
        {"seccomp", "filter"},
        {"perf_event_paranoid", 4},
        {"pagemap_frames", true},
        {"uid", 0},
        {"rlimit_nproc", 100},
        {"rlimit_as", "unlimited"}}},
      {"software", {{"build_type", "Release"}}},
      {"load",
       {{"loadavg", {0.1, 0.2, 0.3}}, {"users", 1}, {"steal_share", 0.0}, {"busy_share", 0.01}}}};
}

std::vector<std::string> ids(const json& environment, uint64_t wanted = 0) {
  std::vector<std::string> result;
  for (const Warning& warning : find_warnings(environment, wanted)) {
    EXPECT_FALSE(warning.message.empty());
    EXPECT_FALSE(warning.remedy.empty()) << warning.id;
    result.push_back(warning.id);
  }
  return result;
}

TEST(Warnings, AreNoneForAQuietMachineOrAnUnknownOne) {
  EXPECT_EQ(ids(quiet_machine()), std::vector<std::string>{});
  EXPECT_EQ(ids(json::object()), std::vector<std::string>{});
}

TEST(Warnings, EachHasItsCause) {
  struct Cause {
    const char* pointer;
    json value;
    const char* id;
  };
  const std::vector<Cause> causes = {
      {"/load/steal_share", 0.05, "steal"},
      {"/load/busy_share", 0.5, "busy"},
      {"/load/loadavg", {1.3, 0, 0}, "busy"},
      {"/load/users", 2, "users"},
      {"/machine/hypervisor", "KVM", "hypervisor"},
      {"/machine/governor", "powersave", "governor"},
      {"/machine/turbo", true, "turbo"},
      {"/machine/cpus_allowed", 1, "one-cpu"},
      {"/memory/thp_enabled", "always", "thp-always"},
      {"/memory/ksm", 1, "ksm"},
      {"/memory/damon", {"pageout"}, "damon"},
      {"/memory/numa_balancing", 1, "numa-balancing"},
      {"/memory/swap_used_bytes", 4096, "swap"},
      {"/memory/available_bytes", 1000000, "memory"},
      {"/memory/hugepages_free", {{"2MiB", 0}}, "hugetlb"},
      {"/memory/page_reporting_order", 9, "page-reporting"},
      {"/process/cgroup_memory_limit_bytes", 1000000, "cgroup-memory"},
      {"/process/cgroup_pids_limit", 100, "pids-limit"},
      {"/process/cgroup_cpu_limit", 1.5, "cpu-quota"},
      {"/process/pagemap_frames", false, "pagemap"},
      {"/process/rlimit_as", 1000000, "address-space"},
      {"/process/loader_variables", {"LD_PRELOAD"}, "loader-variables"},
      {"/process/uid", 1000, "nproc"},
      {"/software/build_type", "Debug", "build"},
      {"/software/build_type", "Release+sanitizers", "build"}};
  for (const Cause& cause : causes) {
    json environment = quiet_machine();
    environment[json::json_pointer(cause.pointer)] = cause.value;
    EXPECT_EQ(ids(environment), std::vector<std::string>{cause.id}) << cause.pointer;
  }
}

TEST(Warnings, PerfNeedsARightOrALowLevel) {
  json environment = quiet_machine();
  environment["process"]["capabilities"] = "0000000000000000";
  EXPECT_EQ(ids(environment), (std::vector<std::string>{"perf-paranoid", "perf-seccomp"}));
  environment["process"]["perf_event_paranoid"] = 1;
  environment["process"]["seccomp"] = "none";
  EXPECT_EQ(ids(environment), std::vector<std::string>{});
  environment["process"]["perf_event_paranoid"] = -1;
  EXPECT_EQ(ids(environment), std::vector<std::string>{});
  environment["process"]["perf_event_paranoid"] = 2;
  environment["process"]["capabilities"] = "0000004000000000";  // CAP_PERFMON
  EXPECT_EQ(ids(environment), std::vector<std::string>{});
}

TEST(Warnings, MemoryIsJudgedByTheLargestArena) {
  EXPECT_EQ(ids(quiet_machine(), 7'000'000'000), std::vector<std::string>{});
  EXPECT_EQ(ids(quiet_machine(), 9'000'000'000), std::vector<std::string>{"memory"});
}

TEST(Warnings, JsonHasTheKeysOfTheFormat) {
  EXPECT_EQ(to_json({{"a", "b", "c"}}),
            json::parse(R"([{"id": "a", "message": "b", "remedy": "c"}])"));
}

}  // namespace
}  // namespace forkcost
