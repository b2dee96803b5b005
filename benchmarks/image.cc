#include "benchmarks/image.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
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

StartedImage start_image(Timeline& timeline, const Image& image, forkcost_order order,
                         char* const* environment, int gate) {
  std::array<int, 2> sockets{};
  check(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets.data()), "socketpair", "raise ulimit -n");
  StartedImage started{.child = nullptr, .socket = FileDescriptor(sockets[0])};
  FileDescriptor theirs(sockets[1]);
  // An image that held our end of another's socket would keep that one alive.
  check(fcntl(started.socket.get(), F_SETFD, FD_CLOEXEC), "fcntl(FD_CLOEXEC)");
  timeline.reset();
  forkcost_timeline_page& page = timeline.page();
  page.image_order = order;
  page.image_socket = theirs.get();
  page.image_gate = gate;
  pid_t pid = -1;
  timeline.stamp(FORKCOST_CALL);
  const int error =
      posix_spawn(&pid, image.path(), nullptr, nullptr, image.arguments(), environment);
  timeline.stamp(FORKCOST_RESUMED);
  if (error != 0) throw_creation_failed(std::string("posix_spawn of ") + image.path(), error);
  started.child = std::make_unique<Child>(pid);
  theirs.reset();  // else we would not notice when it dies
  char ready = 0;
  ssize_t got = 0;
  while ((got = read(started.socket.get(), &ready, 1)) < 0 && errno == EINTR) {
  }
  if (got == 1) return started;
  started.child->reap(timeline);  // says why, if it is dead
  throw Failure(std::string(image.path()) + ": ended before it could be looked at");
}

WaitingImage::WaitingImage(Timeline& timeline, const Image& image, char* const* environment)
    : timeline_(timeline), started_(start_image(timeline, image, FORKCOST_WAIT, environment)) {}

void WaitingImage::end() {
  started_.socket.reset();
  started_.child->reap(timeline_);
}

}  // namespace forkcost
