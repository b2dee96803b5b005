#include "benchmarks/exec/loader.h"

#include <spawn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "harness/error.h"

namespace forkcost {
namespace {

// What the image, run with these strings, writes to standard error.
std::string errors_of(const Image& image, char* const* environment, Timeline& timeline) {
  const FileDescriptor output(check(memfd_create("forkcost-loader", MFD_CLOEXEC), "memfd_create"));
  posix_spawn_file_actions_t actions;
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0) throw_errno("preparing posix_spawn", error);
  error = posix_spawn_file_actions_adddup2(&actions, output.get(), STDERR_FILENO);
  timeline.reset();
  pid_t pid = -1;
  timeline.stamp(FORKCOST_CALL);
  if (error == 0) {
    error = posix_spawn(&pid, image.path(), &actions, nullptr, image.arguments(), environment);
  }
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw_errno(std::string("posix_spawn of ") + image.path(), error);
  Child(pid).reap(timeline);
  std::string text(64 * 1024, '\0');
  const ssize_t length =
      check(pread(output.get(), text.data(), text.size(), 0), "the loader's words");
  text.resize(static_cast<size_t>(length));
  return text;
}

}  // namespace

LoaderAccount::LoaderAccount(const Target& target, Timeline& timeline)
    : target_(target), timeline_(timeline) {
  // Few arguments: they would take their time between call and entry.
  const Target plain(target.kind(), 0, 0, timeline);
  ask(plain);  // libc and the loader may be cold
  const LoadStatistics said = ask(plain);
  const auto whole = ticks_between(timeline_.page(), FORKCOST_CALL, FORKCOST_ENTRY);
  lacks_a_digit_ = whole && may_lack_a_digit(said, static_cast<uint64_t>(*whole));
}

std::optional<double> LoaderAccount::start_ns() {
  LoadStatistics said = ask(target_);
  if (lacks_a_digit_) append_digit(said);
  if (!said.total_ticks) return std::nullopt;
  return ticks_to_ns(static_cast<double>(*said.total_ticks));
}

LoadStatistics LoaderAccount::ask(const Target& target) {
  if (!target.kind().loaded || !clock_internal::use_counter) return {};
  const Words environment = target.environment_with("LD_DEBUG=statistics");
  return parse_load_statistics(errors_of(target.image(), environment.get(), timeline_));
}

}  // namespace forkcost
