#include "benchmarks/load/loading_image.h"

#include <spawn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "harness/error.h"

namespace forkcost {

LoadingImage::LoadingImage(Measurement& m, const LoadPoint& point, const std::string& mode,
                           const std::string& scope, const std::string& time)
    : m_(m),
      results_(check(memfd_create("forkcost-loading", 0), "memfd_create",  // the image maps it
                     "raise ulimit -n")),
      environment_(plain_environment()) {
  image_.emplace("loading", m.timeline(),
                 std::vector<std::string>{std::to_string(results_.get()), mode, scope, time,
                                          std::to_string(point.libraries),
                                          load_libraries(point).front().parent_path()});
  check(ftruncate(results_.get(), sizeof *told_), "ftruncate of the results");
  void* const memory = mmap(nullptr, sizeof *told_, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_POPULATE, results_.get(), 0);
  if (memory == MAP_FAILED) throw_errno("mmap of the results", errno, "look at ulimit -v");
  told_ = static_cast<forkcost_loading*>(memory);
}

LoadingImage::~LoadingImage() {
  munmap(told_, sizeof *told_);
}

void LoadingImage::run() {
  memset(told_, 0, sizeof *told_);
  pid_t pid = -1;
  m_.call();
  const int error =
      posix_spawn(&pid, image_->path(), nullptr, nullptr, image_->arguments(), environment_.get());
  m_.resumed(error == 0 ? pid : -1, error);
  m_.reap();
}

}  // namespace forkcost
