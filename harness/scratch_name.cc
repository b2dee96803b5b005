#include "harness/scratch_name.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "harness/error.h"
#include "harness/file_descriptor.h"
#include "harness/files.h"
#include "harness/random.h"
#include "harness/strings.h"

namespace forkcost {
namespace {

constexpr std::string_view kPrefix = "forkcost-";
constexpr size_t kPidDigits = 6;  // PID_MAX_LIMIT is 4,194,304
constexpr size_t kStartDigits = 8;
constexpr size_t kRandomDigits = 4;

struct Owner {
  uint32_t pid;
  uint32_t start;
};

std::optional<uint32_t> parse_hex(std::string_view text, size_t digits) {
  uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value, 16);
  if (text.size() != digits || error != std::errc() || rest != end) return std::nullopt;
  return value;
}

std::optional<Owner> parse_name(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const auto parts = split(name.substr(kPrefix.size()), '-');
  if (parts.size() != 3 || !parse_hex(parts[2], kRandomDigits)) return std::nullopt;
  const auto pid = parse_hex(parts[0], kPidDigits);
  const auto start = parse_hex(parts[1], kStartDigits);
  if (!pid || !start) return std::nullopt;
  return Owner{*pid, *start};
}

// Of its start, in ticks since boot; none where there is no such process.
std::optional<uint32_t> start_of(const std::string& pid) {
  const auto stat = read_text_file("/proc/" + pid + "/stat");
  if (!stat) return std::nullopt;
  // pid (name, which may have spaces) state …: it is the 22nd field (proc(5)), the 20th after the
  // name
  const auto fields = split(std::string_view(*stat).substr(stat->rfind(')') + 1), ' ');
  const auto start = fields.size() > 19 ? parse_number(fields[19]) : std::nullopt;
  return start ? std::optional(static_cast<uint32_t>(*start)) : std::nullopt;
}

// In doubt it does.
bool lives(const Owner& owner) {
  if (kill(static_cast<pid_t>(owner.pid), 0) != 0 && errno == ESRCH) return false;
  const auto start = start_of(std::to_string(owner.pid));
  return !start || *start == owner.start;
}

bool is_dead_scratch(const std::filesystem::path& directory) {
  const auto owner = parse_name(directory.filename().string());
  if (!owner) return false;
  const FileDescriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0 || status.st_uid != geteuid()) return false;
  return !lives(*owner) && flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
}

}  // namespace

std::filesystem::path scratch_place() {
  const char* const chosen = std::getenv("TMPDIR");
  const std::string base = chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(base, error);
  if (error) {
    throw Skip(describe_errno("files in " + base, error.value(),
                              "name a directory in TMPDIR that can be written to, on a disk"));
  }
  return real;
}

std::string scratch_name() {
  const auto start = start_of("self");
  if (!start) throw Failure("/proc/self/stat cannot be read: is /proc mounted?");
  return fmt::format("{}{:0{}x}-{:0{}x}-{:0{}x}", kPrefix, getpid(), kPidDigits, *start,
                     kStartDigits, random_number() & 0xffff, kRandomDigits);
}

void remove_dead_scratch(const std::filesystem::path& place) noexcept try {
  std::vector<std::filesystem::path> dead;
  for (const auto& entry : std::filesystem::directory_iterator(place)) {
    if (is_dead_scratch(entry.path())) dead.push_back(entry.path());
  }
  for (const std::filesystem::path& directory : dead) {
    std::error_code ignored;  // the next run tries again
    std::filesystem::remove_all(directory, ignored);
  }
} catch (const std::exception&) {
  return;  // a place that cannot be read; whoever makes files there says so
}

void remove_dead_scratch() noexcept try {
  remove_dead_scratch(scratch_place());
} catch (const std::exception&) {
  return;
}

}  // namespace forkcost
