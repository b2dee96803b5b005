#include "harness/scratch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <system_error>
#include <vector>

#include "harness/error.h"
#include "harness/files.h"
#include "harness/scratch_name.h"
#include "harness/size.h"

namespace forkcost {
namespace {

constexpr const char* kRemedy = "name a directory in TMPDIR that can be written to, on a disk";

std::filesystem::path choose_path() {
  const std::filesystem::path place = scratch_place();
  remove_dead_scratch(place);
  return place / scratch_name();
}

}  // namespace

ScratchDirectory::ScratchDirectory() : path_(choose_path()) {
  int error = 0;
  cleaner_.emplace(path_.string(), error);
  if (error == 0) return;
  throw Skip(
      describe_errno("making a directory in " + path_.parent_path().string(), error, kRemedy));
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;  // what cannot be removed by us, rm names no better
  std::filesystem::remove_all(path_, ignored);
}

void ScratchDirectory::require_executable() const {
  struct statvfs system {};
  check(statvfs(path_.c_str(), &system), path_.string());
  if ((system.f_flag & ST_NOEXEC) == 0) return;
  throw Skip(path_.parent_path().string() +
             " is on a file system that is mounted noexec: name another place in TMPDIR");
}

void ScratchDirectory::require_space(uint64_t bytes) const {
  struct statvfs space {};
  check(statvfs(path_.c_str(), &space), path_.string());
  const uint64_t free = uint64_t{space.f_bavail} * space.f_frsize;
  if (free / 10 * 9 < bytes) {  // leave something to the others
    throw Skip(fmt::format("needs {} of files, and {} has {} free: name a larger place in TMPDIR",
                           format_size(bytes), path_.parent_path().string(),
                           format_size(free / kMiB * kMiB)));
  }
}

void duplicate_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  const FileDescriptor source(check(open(from.c_str(), O_RDONLY | O_CLOEXEC), from.string()));
  struct stat status {};
  check(fstat(source.get(), &status), from.string());
  const FileDescriptor target(
      check(open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, status.st_mode & 0777),
            to.string()));
  // Not copy_file_range, nor std::filesystem::copy_file: they may make a reflink of it.
  std::vector<char> buffer(kMiB);
  for (;;) {
    const ssize_t got = check(read(source.get(), buffer.data(), buffer.size()), from.string());
    if (got == 0) break;
    check_write(target.get(), {buffer.data(), static_cast<size_t>(got)}, to.string(),
                "name a larger place in TMPDIR");
  }
  check(fsync(target.get()), to.string());
}

}  // namespace forkcost
