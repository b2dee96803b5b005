#include "benchmarks/loader_run.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>

#include "harness/error.h"
#include "harness/spawn.h"

namespace forkcost {
namespace {

constexpr std::array<const char*, 2> kEnvironment = {"LANG=C", "PATH=/usr/bin:/bin"};

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 64 * 1024> block;
  for (;;) {
    const ssize_t got =
        check(pread(descriptor, block.data(), block.size(), static_cast<off_t>(text.size())),
              "the loader's words");
    if (got == 0) return text;
    text.append(block.data(), static_cast<size_t>(got));
  }
}

// What the image, run with these strings, writes to standard error.
std::string errors_of(const Image& image, char* const* environment, Timeline& timeline) {
  const FileDescriptor output(
      check(memfd_create("forkcost-loader", MFD_CLOEXEC), "memfd_create", "raise ulimit -n"));
  const Redirection errors(output.get(), STDERR_FILENO);
  timeline.reset();
  pid_t pid = -1;
  timeline.stamp(FORKCOST_CALL);
  const int error =
      posix_spawn(&pid, image.path(), errors.get(), nullptr, image.arguments(), environment);
  if (error != 0) throw_creation_failed(std::string("posix_spawn of ") + image.path(), error);
  Child(pid).reap(timeline);
  return read_all(output.get());
}

}  // namespace

Words::Words(std::vector<std::string> words) : words_(std::move(words)) {
  for (std::string& word : words_) pointers_.push_back(word.data());
  pointers_.push_back(nullptr);
}

std::vector<std::string> plain_environment() {
  return {kEnvironment.begin(), kEnvironment.end()};
}

std::string loader_says(const std::string& topic, const Image& image, char* const* environment,
                        Timeline& timeline) {
  std::vector<std::string> words = {"LD_DEBUG=" + topic};
  for (; *environment != nullptr; ++environment) words.emplace_back(*environment);
  return errors_of(image, Words(std::move(words)).get(), timeline);
}

LoaderAccount::LoaderAccount(const Image& plain, char* const* environment, Timeline& timeline)
    : timeline_(timeline) {
  constexpr int kProcesses = 5;
  ask_once(plain, environment);  // libc and the loader may be cold
  lacks_a_digit_ = true;
  for (int i = 0; i < kProcesses && lacks_a_digit_; ++i) {
    lacks_a_digit_ = ask_once(plain, environment).may_lack_a_digit;
  }
}

LoadStatistics LoaderAccount::ask(const Image& image, char* const* environment) {
  Answer answer = ask_once(image, environment);
  if (!lacks_a_digit_) return answer.said;
  if (!answer.may_lack_a_digit) {  // with one more it would be longer than call -> entry
    throw Skip(
        "the loader's account of its time is a tenth of what passed in some processes and more in "
        "others; try it with the CPUs idle",
        Skip::kByChance);
  }
  append_digit(answer.said);
  return answer.said;
}

LoaderAccount::Answer LoaderAccount::ask_once(const Image& image, char* const* environment) {
  Answer answer;
  answer.said = parse_load_statistics(loader_says("statistics", image, environment, timeline_));
  const auto whole = ticks_between(timeline_.page(), FORKCOST_CALL, FORKCOST_ENTRY);
  answer.may_lack_a_digit = whole && may_lack_a_digit(answer.said, static_cast<uint64_t>(*whole));
  return answer;
}

std::optional<double> loader_ticks_to_ns(std::optional<uint64_t> ticks) {
  if (!ticks || !clock_internal::use_counter) return std::nullopt;
  return ticks_to_ns(static_cast<double>(*ticks));
}

}  // namespace forkcost
