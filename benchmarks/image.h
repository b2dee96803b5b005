// The programs that get exec'ed: where they lie, and how they are called.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/images/orders.h"
#include "harness/channel.h"
#include "harness/child.h"
#include "harness/timeline.h"

extern char** environ;  // NOLINT: POSIX declares it nowhere

namespace forkcost {

// Where images and generated libraries lie: ../libexec/forkcost as seen from the bench binaries.
const std::filesystem::path& image_directory();

// One image with its arguments, laid out before anything is forked: a child of vfork must not
// allocate.
class Image {
 public:
  // `name`: of an image of ours, or the path of a file that is one. `arguments` come between
  // argv[0] and the two that every image needs. Throws Failure if it is not there.
  Image(const std::string& name, const Timeline& timeline, std::vector<std::string> arguments = {});
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  const char* path() const { return words_.front().c_str(); }
  char* const* arguments() const { return pointers_.data(); }
  std::string command_line() const;  // for a shell

 private:
  std::vector<std::string> words_;  // argv
  std::vector<char*> pointers_;
};

// In the child: becomes the image, stamping its own start and the exec. Safe after vfork.
[[noreturn]] void exec_image(Timeline& timeline, const Image& image) noexcept;

// To an image that stays.
using ImageChannel = Channel<forkcost_order_byte, forkcost_answer>;

// Any order will do: its arrival is what it says.
inline constexpr forkcost_order_byte kGo = 1;

// An image that has begun its main and said so. It ends when this goes away, or when we die.
struct StartedImage {
  std::unique_ptr<Child> child;
  ImageChannel channel{
      WorkerIs::kProgram};  // destroyed before the child is: it ends by itself then
};

// Leaves an order in the timeline for the image that is exec'ed next.
void give_order(Timeline& timeline, forkcost_order order, const ImageChannel& channel,
                int gate = -1);

// Starts it by posix_spawn with this order, stamping call and resumed into `timeline`, which is
// reset first; it has stamped main and does what was ordered when this returns. `gate`: the end of
// a channel on which the children of one that serves wait. Throws Failure.
StartedImage start_image(Timeline& timeline, const Image& image, forkcost_order order,
                         char* const* environment, int gate = -1);

// An image that stays when its main has begun, so that its memory can be looked at.
class WaitingImage {
 public:
  WaitingImage(Timeline& timeline, const Image& image, char* const* environment = environ);
  WaitingImage(const WaitingImage&) = delete;
  WaitingImage& operator=(const WaitingImage&) = delete;

  pid_t pid() const { return started_.child->pid(); }
  void end();  // lets it end and waits for it; throws Failure unless it left by _exit(0)

 private:
  Timeline& timeline_;
  StartedImage started_;
};

}  // namespace forkcost
