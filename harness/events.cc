#include "harness/events.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/error.h"
#include "harness/file_descriptor.h"
#include "harness/spawn.h"
#include "harness/strings.h"

namespace forkcost {
namespace {

constexpr const char* kRemedy = "install the whole suite: forkcost-events lies beside the programs";

std::string program() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "forkcost-events";
}

// What `forkcost-events encode NAMES` prints.
std::string run_encoder(const std::vector<std::string>& names) {
  std::vector<std::string> words = {program(), "encode", "--"};
  words.insert(words.end(), names.begin(), names.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  std::array<int, 2> ends{};
  check(pipe2(ends.data(), O_CLOEXEC), "pipe", "raise ulimit -n");
  const FileDescriptor out(ends[0]);
  FileDescriptor in(ends[1]);
  const Redirection output(in.get(), STDOUT_FILENO);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, arguments[0], output.get(), nullptr, arguments.data(), environ);
  if (error != 0) throw_errno(words[0], error, kRemedy);
  in.reset();

  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = read(out.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
  const int status = wait_for_end(pid);
  if (status != 0) {
    throw Failure(fmt::format("{} ended by {} {}", words[0],
                              WIFEXITED(status) ? "exit status" : "signal",
                              WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status)));
  }
  return text;
}

Event parse_event(const nlohmann::json& json) {
  Event event{.name = json.at("name")};
  event.attr.type = json.at("type");
  event.attr.config = json.at("config");
  event.attr.config1 = json.at("config1");
  event.attr.config2 = json.at("config2");
  event.attr.sample_period = json.at("sample_period");
  event.attr.freq = json.at("freq").get<bool>();
  event.attr.exclude_user = json.at("exclude_user").get<bool>();
  event.attr.exclude_kernel = json.at("exclude_kernel").get<bool>();
  event.attr.exclude_hv = json.at("exclude_hv").get<bool>();
  event.attr.exclude_guest = json.at("exclude_guest").get<bool>();
  event.attr.exclude_host = json.at("exclude_host").get<bool>();
  event.attr.precise_ip = json.at("precise_ip").get<uint32_t>() & 3U;
  if (!event.is_software()) return event;
  // A fault that the kernel takes while it copies for us, and every context switch, happen in the
  // kernel: without it they are not counted, and the figure would be too low, not absent.
  if (event.attr.exclude_kernel || event.attr.exclude_user) {
    throw UsageError(fmt::format(
        "{}: a software event of one mode leaves out faults inside system calls, and context "
        "switches; write it without its modifier",
        event.name));
  }
  event.attr.exclude_hv = 0;
  return event;
}

std::vector<Event> encode(const std::vector<std::string>& names, bool all) {
  std::vector<Event> events;
  const nlohmann::json answers = nlohmann::json::parse(run_encoder(names));
  for (const nlohmann::json& answer : answers) {
    if (answer.contains("error")) {
      if (all) throw UsageError(answer["error"].get<std::string>());
      continue;
    }
    events.push_back(parse_event(answer));
  }
  return events;
}

}  // namespace

std::vector<Event> encode_events(const std::string& list) {
  std::vector<std::string> names;
  std::set<std::string_view> seen;
  for (const std::string_view part : split(list, ',')) {
    const std::string_view name = trim(part);
    if (!seen.insert(name).second) throw UsageError(fmt::format("{} is there twice", name));
    names.emplace_back(name);
  }
  if (names.empty()) throw UsageError(fmt::format("'{}' names no event", list));
  return encode(names, true);
}

std::vector<Event> encode_known_events(const std::vector<std::string>& names) {
  return encode(names, false);
}

void list_events(const std::string& pattern) {
  const std::string path = program();
  std::vector<const char*> arguments = {path.c_str(), "list"};
  if (!pattern.empty()) arguments.push_back(pattern.c_str());
  arguments.push_back(nullptr);
  execv(path.c_str(), const_cast<char* const*>(arguments.data()));
  throw_errno(path, errno, kRemedy);
}

}  // namespace forkcost
