#include "harness/procfs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "harness/error.h"
#include "harness/file_descriptor.h"
#include "harness/files.h"
#include "harness/strings.h"

namespace forkcost {
namespace {

// Calls visit(line) for every line until it returns false.
template <typename Visit>
void for_each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (!visit(text.substr(0, end))) return;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// "7f00-7f10 rw-p ..." -> its bounds.
std::optional<std::pair<uint64_t, uint64_t>> parse_bounds(std::string_view line) {
  const size_t dash = line.find('-');
  const size_t space = line.find(' ');
  if (dash == std::string_view::npos || space == std::string_view::npos || dash > space) {
    return std::nullopt;
  }
  const auto begin = leading_number(line.substr(0, dash), 16);
  const auto end = leading_number(line.substr(dash + 1, space - dash - 1), 16);
  if (!begin || !end) return std::nullopt;
  return std::pair{*begin, *end};
}

// "7f00-7f10 r-xp 00001000 fe:00 42    /usr/bin/true": nothing for other lines.
std::optional<Mapping> parse_mapping(std::string_view line) {
  const auto bounds = parse_bounds(line);
  if (!bounds) return std::nullopt;
  std::array<std::string_view, 5> words;
  for (std::string_view& word : words) {
    word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
  }
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return Mapping{.begin = bounds->first,
                 .end = bounds->second,
                 .permissions = std::string(words[1]),
                 .offset = leading_number(words[2], 16).value_or(0),
                 .inode = leading_number(words[4]).value_or(0),
                 .path = std::string(line)};
}

}  // namespace

std::optional<uint64_t> find_field(std::string_view text, std::string_view field) {
  std::optional<uint64_t> value;
  for_each_line(text, [&](std::string_view line) {
    if (!line.starts_with(field) || line.substr(field.size(), 1) != ":") return true;
    value = leading_number(line.substr(field.size() + 1));
    return false;
  });
  return value;
}

std::vector<Mapping> parse_mappings(std::string_view text) {
  std::vector<Mapping> mappings;
  for_each_line(text, [&](std::string_view line) {
    if (const auto mapping = parse_mapping(line)) {
      mappings.push_back(*mapping);
    } else if (!mappings.empty()) {
      const size_t colon = line.find(':');
      if (const auto value = leading_number(line.substr(std::min(colon, line.size() - 1) + 1))) {
        mappings.back().fields.emplace(line.substr(0, colon),
                                       *value * (line.ends_with(" kB") ? 1024 : 1));
      }
    }
    return true;
  });
  return mappings;
}

std::vector<Mapping> read_mappings(pid_t pid) {
  const auto text = read_text_file(fmt::format("/proc/{}/smaps", pid));
  if (!text || text->empty()) {
    throw Failure(
        fmt::format("/proc/{}/smaps cannot be read: the process is gone, or not ours", pid));
  }
  return parse_mappings(*text);
}

std::optional<Mapping> find_mapping(std::string_view smaps, uint64_t address) {
  const std::vector<Mapping> mappings = parse_mappings(smaps);
  const auto found = std::ranges::find(mappings, address, &Mapping::begin);
  return found == mappings.end() ? std::nullopt : std::optional(*found);
}

MemoryUse read_memory_use(pid_t pid) {
  const auto rollup = read_text_file(fmt::format("/proc/{}/smaps_rollup", pid));
  if (!rollup && access("/proc/self/smaps_rollup", R_OK) != 0) {
    throw Skip("this kernel has no /proc/PID/smaps_rollup (Linux 4.14 has)");
  }
  const auto status = read_text_file(fmt::format("/proc/{}/status", pid)).value_or("");
  const auto pss = find_field(rollup.value_or(""), "Pss");
  const auto dirty = find_field(rollup.value_or(""), "Private_Dirty");
  const auto tables = find_field(status, "VmPTE");
  if (!pss || !dirty || !tables) {
    throw Failure(fmt::format("/proc/{} does not say its memory: the process is gone", pid));
  }
  return {.pss = *pss * 1024, .private_dirty = *dirty * 1024, .page_tables = *tables * 1024};
}

size_t count_mappings(std::string_view maps) {
  return static_cast<size_t>(std::ranges::count(maps, '\n'));
}

std::optional<std::vector<uint64_t>> read_frames(pid_t pid, uint64_t address, size_t pages) {
  constexpr uint64_t kPresent = uint64_t{1} << 63;
  constexpr uint64_t kFrameMask = (uint64_t{1} << 55) - 1;
  const FileDescriptor file(
      open(fmt::format("/proc/{}/pagemap", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::vector<uint64_t> entries(pages);
  auto* bytes = reinterpret_cast<char*>(entries.data());
  const size_t size = pages * sizeof(uint64_t);
  const auto offset = static_cast<off_t>(address / page_size() * sizeof(uint64_t));
  for (size_t done = 0; done < size;) {
    const ssize_t got =
        pread(file.get(), bytes + done, size - done, offset + static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    done += static_cast<size_t>(got);
  }
  for (uint64_t& entry : entries) {
    const bool present = (entry & kPresent) != 0;
    entry = present ? entry & kFrameMask : 0;
    if (present && entry == 0) return std::nullopt;  // there, but its frame is hidden from us
  }
  return entries;
}

uint64_t page_size() {
  static const auto size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return size;
}

Faults thread_faults() noexcept {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);  // cannot fail
  return {usage.ru_minflt, usage.ru_majflt};
}

Faults children_faults() noexcept {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return {usage.ru_minflt, usage.ru_majflt};
}

}  // namespace forkcost
