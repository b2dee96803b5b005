// The image `loading`, which loads libraries itself.
#pragma once

#include <string>

#include "benchmarks/image.h"
#include "benchmarks/images/loading.h"
#include "benchmarks/library_set.h"
#include "benchmarks/loader_run.h"
#include "harness/measurement.h"

namespace forkcost {

class LoadingImage {
 public:
  // `time`: first, second, namespace, calls (images/loading.c). `point`: where its libraries lie,
  // and how many of them. Throws Skip and Failure as require_generated().
  LoadingImage(Measurement& m, const LoadPoint& point, const std::string& mode,
               const std::string& scope, const std::string& time);
  ~LoadingImage();
  LoadingImage(const LoadingImage&) = delete;
  LoadingImage& operator=(const LoadingImage&) = delete;

  // In one more process, which ends. Throws Failure unless it did all of it.
  void run();
  // What that one has told.
  const forkcost_loading& told() const { return *told_; }

  const Image& image() const { return *image_; }
  char* const* environment() const { return environment_.get(); }

 private:
  Measurement& m_;
  FileDescriptor results_;
  forkcost_loading* told_ = nullptr;
  Words environment_;
  std::optional<Image> image_;
};

}  // namespace forkcost
