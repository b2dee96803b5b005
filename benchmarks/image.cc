#include "benchmarks/image.h"

#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "harness/error.h"

namespace forkcost {

const std::filesystem::path& image_directory() {
  static const std::filesystem::path directory =
      std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "libexec" /
      "forkcost";
  return directory;
}

Image::Image(const std::string& name, const Timeline& timeline,
             std::vector<std::string> arguments) {
  words_.push_back(image_directory() / name);
  std::ranges::move(arguments, std::back_inserter(words_));
  words_.push_back(std::to_string(timeline.descriptor()));
  words_.emplace_back(clock_info().source == ClockSource::kVdso ? "syscall" : "counter");
  if (access(path(), X_OK) != 0) {
    throw_errno(words_.front(), errno,
                "build or install the whole suite: the images lie in libexec/forkcost beside bin");
  }
  for (std::string& word : words_) pointers_.push_back(word.data());
  pointers_.push_back(nullptr);
}

std::string Image::command_line() const {
  std::string line;
  for (const std::string& word : words_) line += (line.empty() ? "'" : " '") + word + "'";
  return line;
}

void exec_image(Timeline& timeline, const Image& image) noexcept {
  timeline.stamp(FORKCOST_CHILD);
  timeline.stamp(FORKCOST_EXEC);
  execve(image.path(), image.arguments(), environ);
  fail_child(timeline, "execve of the image", errno);
}

void give_order(Timeline& timeline, forkcost_order order, const ImageChannel& channel, int gate) {
  forkcost_timeline_page& page = timeline.page();
  page.room[FORKCOST_ORDER] = order;
  page.room[FORKCOST_CHANNEL] = channel.worker();
  page.room[FORKCOST_GATE] = gate;
}

StartedImage start_image(Timeline& timeline, const Image& image, forkcost_order order,
                         char* const* environment, int gate) {
  StartedImage started;
  timeline.reset();
  give_order(timeline, order, started.channel, gate);
  pid_t pid = -1;
  timeline.stamp(FORKCOST_CALL);
  const int error =
      posix_spawn(&pid, image.path(), nullptr, nullptr, image.arguments(), environment);
  timeline.stamp(FORKCOST_RESUMED);
  if (error != 0) throw_creation_failed(std::string("posix_spawn of ") + image.path(), error);
  started.child = std::make_unique<Child>(pid);
  started.channel.become_master();
  if (started.channel.hear()) return started;
  started.child->reap(timeline);  // says why, if it is dead
  throw Failure(std::string(image.path()) + ": ended before it could be looked at");
}

WaitingImage::WaitingImage(Timeline& timeline, const Image& image, char* const* environment)
    : timeline_(timeline), started_(start_image(timeline, image, FORKCOST_WAIT, environment)) {}

void WaitingImage::end() {
  started_.channel.close();
  started_.child->reap(timeline_);
}

}  // namespace forkcost
