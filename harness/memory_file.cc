#include "harness/memory_file.h"

#include <fmt/format.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/files.h"

#ifndef MFD_NOEXEC_SEAL  // since Linux 6.3
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace forkcost {
namespace {

// vm.memfd_noexec=2 refuses one that could be run; an older kernel does not know the flag.
int create(const char* name) {
  const int fd = memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
  return fd < 0 && errno == EINVAL ? memfd_create(name, MFD_CLOEXEC) : fd;
}

}  // namespace

MemoryFile::MemoryFile(const char* name)
    : fd_(check(create(name), "memfd_create", "raise ulimit -n")) {}

std::string MemoryFile::path() const {
  return fmt::format("/proc/{}/fd/{}", getpid(), fd_.get());
}

std::string MemoryFile::text() const {
  const auto text = read_text_file(path());
  if (!text) throw_errno("reading " + path(), errno, "is /proc mounted?");
  return *text;
}

void MemoryFile::clear() {
  check(ftruncate(fd_.get(), 0), "emptying " + path());
}

}  // namespace forkcost
