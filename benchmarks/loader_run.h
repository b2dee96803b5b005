// Programs that are run with an environment of our own, and what the dynamic loader says of its
// work when it is asked (glibc's LD_DEBUG).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "benchmarks/image.h"
#include "benchmarks/load_statistics.h"
#include "harness/timeline.h"

namespace forkcost {

// Strings as exec takes them.
class Words {
 public:
  explicit Words(std::vector<std::string> words);
  Words(const Words&) = delete;
  Words& operator=(const Words&) = delete;
  char* const* get() const { return pointers_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

// Ours and not the user's: its size and the loader's variables in it (LD_*) are in the figure.
std::vector<std::string> plain_environment();

// What the loader says to LD_DEBUG=`topic` in a process of its own that runs the image. Resets the
// timeline. Throws Failure when the image cannot be run.
std::string loader_says(const std::string& topic, const Image& image, char* const* environment,
                        Timeline& timeline);

// LD_DEBUG=statistics, mended where this loader loses a digit of its times.
class LoaderAccount {
 public:
  // Learns from `plain`, in several processes, whether it does: a single one may have had to wait.
  // Few arguments: they would take their time between call and entry. Its files are in the page
  // cache.
  LoaderAccount(const Image& plain, char* const* environment, Timeline& timeline);

  // Of one more process. Throws Skip, by chance, when its times show that we learned wrong.
  LoadStatistics ask(const Image& image, char* const* environment);

 private:
  struct Answer {
    LoadStatistics said;
    bool may_lack_a_digit = false;
  };
  Answer ask_once(const Image& image, char* const* environment);

  Timeline& timeline_;
  bool lacks_a_digit_ = false;
};

// None where there are no ticks, or where the counter is not our clock: they have no length then.
std::optional<double> loader_ticks_to_ns(std::optional<uint64_t> ticks);

}  // namespace forkcost
