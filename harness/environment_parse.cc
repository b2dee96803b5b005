#include "harness/environment_parse.h"

#include <utmpx.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "harness/strings.h"

namespace forkcost {
namespace {

// "key<blanks>: value" of /proc/cpuinfo.
std::optional<std::string> cpuinfo_value(std::string_view cpuinfo, std::string_view key) {
  for (const std::string_view line : split(cpuinfo, '\n')) {
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos && trim(line.substr(0, colon)) == key) {
      return std::string(trim(line.substr(colon + 1)));
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> count_cpu_list(std::string_view list) {
  uint64_t count = 0;
  for (const std::string_view range : split(trim(list), ',')) {
    const size_t dash = range.find('-');
    const auto first = parse_number(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(range.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    count += *last - *first + 1;
  }
  return count == 0 ? std::nullopt : std::optional(count);
}

std::string selected_mode(std::string_view text) {
  const size_t open = text.find('[');
  const size_t close = text.find(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::string(trim(text));
  }
  return std::string(text.substr(open + 1, close - open - 1));
}

std::optional<CpuTimes> parse_cpu_times(std::string_view stat) {
  const std::string_view line = stat.substr(0, stat.find('\n'));
  const std::vector<std::string_view> words = split(line, ' ');
  // cpu user nice system idle iowait irq softirq steal …; guest time is already within user.
  constexpr size_t kIdle = 4, kWait = 5, kSteal = 8;
  if (words.size() <= kSteal || words[0] != "cpu") return std::nullopt;
  CpuTimes times;
  for (size_t i = 1; i <= kSteal; ++i) {
    const auto ticks = parse_number(words[i]);
    if (!ticks) return std::nullopt;
    times.total += *ticks;
    if (i == kSteal) times.steal = *ticks;
    if (i != kIdle && i != kWait && i != kSteal) times.busy += *ticks;
  }
  return times;
}

std::optional<std::string> parse_cpu_model(std::string_view cpuinfo) {
  if (auto model = cpuinfo_value(cpuinfo, "model name")) return model;
  const auto implementer = cpuinfo_value(cpuinfo, "CPU implementer");
  const auto part = cpuinfo_value(cpuinfo, "CPU part");
  if (!implementer || !part) return std::nullopt;
  return "implementer " + *implementer + " part " + *part;
}

std::optional<bool> parse_hypervisor_flag(std::string_view cpuinfo) {
  const auto flags = cpuinfo_value(cpuinfo, "flags");
  if (!flags) return std::nullopt;
  return has_word(*flags, "hypervisor");
}

std::optional<std::string> parse_cgroup_path(std::string_view cgroup, std::string_view controller) {
  for (const std::string_view line : split(cgroup, '\n')) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);  // the path may hold more colons
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const auto names = split(controllers, ',');
    const bool found = controller.empty()
                           ? controllers.empty()
                           : std::find(names.begin(), names.end(), controller) != names.end();
    if (found) return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

std::optional<uint64_t> parse_cgroup_limit(std::string_view text) {
  constexpr uint64_t kUnlimited = uint64_t{1} << 60;
  const auto limit = parse_number(text);
  if (!limit || *limit >= kUnlimited) return std::nullopt;
  return limit;
}

std::optional<double> parse_cpu_quota(std::string_view text) {
  const auto words = split(trim(text), ' ');
  if (words.size() != 2) return std::nullopt;
  const auto quota = parse_number(words[0]);
  const auto period = parse_number(words[1]);
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::string redact_command_line(std::string_view command_line) {
  static constexpr std::array<std::string_view, 9> kPrivate = {
      "host", "ip=", "nfsroot", "passw", "token", "secret", "key=", "credential", "user"};
  std::string result;
  for (const std::string_view word : split(trim(command_line), ' ')) {
    if (!result.empty()) result += ' ';
    const size_t equals = word.find('=');
    const bool is_private =
        equals != std::string_view::npos &&
        std::any_of(kPrivate.begin(), kPrivate.end(), [&](std::string_view name) {
          return word.substr(0, equals + 1).find(name) != std::string_view::npos;
        });
    result += is_private ? std::string(word.substr(0, equals + 1)) + "…" : std::string(word);
  }
  return result;
}

uint64_t count_sessions(std::string_view utmp) {
  uint64_t sessions = 0;
  for (utmpx record{}; utmp.size() >= sizeof record; utmp.remove_prefix(sizeof record)) {
    memcpy(&record, utmp.data(), sizeof record);
    if (record.ut_type == USER_PROCESS) ++sessions;
  }
  return sessions;
}

}  // namespace forkcost
