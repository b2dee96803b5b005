// The programs that get exec'ed: where they lie, and how they are called.
#pragma once

#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>

#include "harness/child.h"
#include "harness/error.h"
#include "harness/timeline.h"

extern char** environ;  // NOLINT: POSIX declares it nowhere

namespace forkcost {

// One image with its arguments, laid out before anything is forked: a child of vfork must not
// allocate.
class Image {
 public:
  Image(const std::string& name, const Timeline& timeline)
      : path_(directory() / name),
        descriptor_(std::to_string(timeline.descriptor())),
        clock_(clock_info().source == ClockSource::kVdso ? "syscall" : "counter"),
        arguments_{path_.data(), descriptor_.data(), clock_.data(), nullptr} {
    if (access(path(), X_OK) != 0) {
      throw Failure(describe_errno(path_, errno,
                                   "build or install the whole suite: the images lie "
                                   "in libexec/forkcost beside bin"));
    }
  }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  const char* path() const { return path_.c_str(); }
  char* const* arguments() const { return arguments_.data(); }
  std::string command_line() const { return "'" + path_ + "' " + descriptor_ + " " + clock_; }

 private:
  static std::filesystem::path directory() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "libexec" /
           "forkcost";
  }

  std::string path_;
  std::string descriptor_;
  std::string clock_;
  std::array<char*, 4> arguments_;
};

// In the child: becomes the image, stamping its own start and the exec. Safe after vfork.
[[noreturn]] inline void exec_image(Timeline& timeline, const Image& image) noexcept {
  timeline.stamp(FORKCOST_CHILD);
  timeline.stamp(FORKCOST_EXEC);
  execve(image.path(), image.arguments(), environ);
  fail_child(timeline, "execve of the image", errno);
}

}  // namespace forkcost
