// Memory of 64 KiB pages.
#pragma once

#include "benchmarks/claims/observe.h"

namespace forkcost {

// Private anonymous memory in 64 KiB pages, mapped by page table entries, populated and verified
// frame by frame. Arena has no such backing: nothing but /proc/kpageflags tells such pages from
// others.
class MediumPages {
 public:
  MediumPages();  // throws Skip where this machine has none, or does not let us verify them
  ~MediumPages();
  MediumPages(const MediumPages&) = delete;
  MediumPages& operator=(const MediumPages&) = delete;

  Pages pages() const;
  // How many of them are in a 64 KiB page now, by /proc/kpageflags, from the first one on.
  size_t verified() const;

 private:
  char* reserved_;
  size_t reserved_bytes_;
};

}  // namespace forkcost
