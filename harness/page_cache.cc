#include "harness/page_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "harness/error.h"
#include "harness/file_descriptor.h"
#include "harness/procfs.h"
#include "harness/size.h"

namespace forkcost {
namespace {

FileDescriptor open_file(const std::filesystem::path& file) {
  return FileDescriptor(check(open(file.c_str(), O_RDONLY | O_CLOEXEC), file.string()));
}

void let_go(const std::filesystem::path& file) {
  const FileDescriptor descriptor = open_file(file);
  const int error = posix_fadvise(descriptor.get(), 0, 0, POSIX_FADV_DONTNEED);
  if (error != 0) throw_errno("posix_fadvise of " + file.string(), error);
}

}  // namespace

void sync_file(const std::filesystem::path& file) {
  const FileDescriptor descriptor = open_file(file);
  // A file system that cannot write has no dirty pages.
  if (fsync(descriptor.get()) != 0 && errno != EINVAL && errno != EROFS) {
    throw_errno("fsync of " + file.string(), errno);
  }
}

size_t cached_pages(const std::filesystem::path& file) {
  const FileDescriptor descriptor = open_file(file);
  struct stat status {};
  check(fstat(descriptor.get(), &status), file.string());
  if (status.st_size == 0) return 0;
  if (status.st_uid != geteuid() && access(file.c_str(), W_OK) != 0) {
    throw Skip(
        fmt::format("{}: the kernel tells what is in the page cache only to the file's "
                    "owner or who may write it; run as its owner",
                    file.string()));
  }
  const auto size = static_cast<size_t>(status.st_size);
  void* const mapping = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor.get(), 0);
  if (mapping == MAP_FAILED) throw_errno("mmap of " + file.string(), errno);
  std::vector<unsigned char> present((size + page_size() - 1) / page_size());
  const int result = mincore(mapping, size, present.data());
  const int error = errno;
  munmap(mapping, size);
  if (result != 0) throw_errno("mincore of " + file.string(), error);
  return static_cast<size_t>(
      std::ranges::count_if(present, [](unsigned char page) { return (page & 1) != 0; }));
}

void evict(const std::filesystem::path& file) {
  evict(std::vector{file});
}

void evict(const std::vector<std::filesystem::path>& files) {
  for (const std::filesystem::path& file : files) {
    cached_pages(file);  // whoever is not told must not put it out, either
    sync_file(file);     // dirty pages would stay
  }
  // What the kernel reads ahead for whoever used a file last cannot be put out while it is on its
  // way, and counts as cached only once it is there: on a busy disk that takes its time.
  std::vector<std::filesystem::path> left = files;
  for (int attempt = 0; attempt < 9 && !left.empty(); ++attempt) {
    for (const std::filesystem::path& file : left) let_go(file);
    std::this_thread::sleep_for(std::chrono::milliseconds(1 << attempt));
    std::erase_if(left, [](const auto& file) { return cached_pages(file) == 0; });
  }
  if (left.empty()) return;
  throw Skip(
      fmt::format("{}: {} pages stay in the page cache; it takes a file system on a disk "
                  "(not tmpfs), and that nobody else has the file mapped",
                  left.front().string(), cached_pages(left.front())));
}

void fill_cache(const std::filesystem::path& file) {
  const FileDescriptor descriptor = open_file(file);
  std::vector<char> buffer(64 * kKiB);
  while (check(read(descriptor.get(), buffer.data(), buffer.size()), file.string()) > 0) {
  }
}

}  // namespace forkcost
