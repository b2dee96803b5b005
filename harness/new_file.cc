#include "harness/new_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "harness/error.h"
#include "harness/random.h"

namespace forkcost {
namespace {

constexpr std::string_view kMark = ".forkcost-";
constexpr size_t kDigits = 16;

std::string temporary_name(const std::string& path) {
  return fmt::format("{}{}{:016x}", path, kMark, random_number());
}

bool is_temporary_name(std::string_view name, std::string_view file) {
  if (!name.starts_with(file)) return false;
  name.remove_prefix(file.size());
  if (!name.starts_with(kMark)) return false;
  name.remove_prefix(kMark.size());
  return name.size() == kDigits &&
         name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A lock that cannot be had for want of support: then nobody gets one, and nothing is removed.
bool lock(int fd) {
  return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

// Those of ours whose writer is dead.
void remove_leftovers(const std::string& path) {
  const std::string file = path.substr(path.rfind('/') + 1);
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(directory_of(path).c_str()),
                                                      &closedir);
  if (!directory) return;  // the creation says why
  while (const dirent* entry = readdir(directory.get())) {
    if (!is_temporary_name(entry->d_name, file)) continue;
    const FileDescriptor fd(openat(dirfd(directory.get()), entry->d_name,
                                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status {};
    if (!fd || fstat(fd.get(), &status) != 0) continue;
    if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || !lock(fd.get())) continue;
    unlinkat(dirfd(directory.get()), entry->d_name, 0);
  }
}

}  // namespace

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void sync_directory(const std::string& directory) {
  const FileDescriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return;
  if (fsync(fd.get()) != 0 && errno != EINVAL && errno != EOPNOTSUPP) {
    throw_errno("syncing directory " + directory, errno, "is the disk full, or broken?");
  }
}

NewFile::NewFile(const std::string& path) : path_(path) {
  remove_leftovers(path_);
  fd_ = FileDescriptor(
      open(directory_of(path_).c_str(), O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0666));
  if (fd_) {
    lock(fd_.get());
  } else {
    create_named();
  }
}

// Again where another NewFile took it for a leftover before it was locked: that one has the lock,
// or removed it already.
void NewFile::create_named() {
  struct stat status {};
  bool taken = false;
  do {
    name_ = temporary_name(path_);
    fd_ =
        FileDescriptor(open(name_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!fd_) {
      error_ = errno;
      name_.clear();
      return;
    }
    taken = !lock(fd_.get()) && errno == EWOULDBLOCK;
  } while (taken || (fstat(fd_.get(), &status) == 0 && status.st_nlink == 0));
}

NewFile::~NewFile() {
  if (!name_.empty()) unlink(name_.c_str());
}

bool NewFile::link() {
  int result = -1;
  if (name_.empty()) {
    result = linkat(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd_.get()).c_str(), AT_FDCWD,
                    path_.c_str(), AT_SYMLINK_FOLLOW);
  } else {
    result = renameat2(AT_FDCWD, name_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE);
    if (result == 0) name_.clear();
    // NFS does not know the flag, but links; ~NewFile takes the other name away.
    if (result != 0 && errno == EINVAL) result = ::link(name_.c_str(), path_.c_str());
  }
  if (result == 0) return true;
  if (errno != EEXIST) throw_errno("giving the new file its name " + path_, errno);
  return false;
}

void NewFile::replace() {
  if (name_.empty()) {
    if (link()) return;
    const std::string name = temporary_name(path_);
    check(linkat(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd_.get()).c_str(), AT_FDCWD,
                 name.c_str(), AT_SYMLINK_FOLLOW),
          "giving a new file the name " + name);
    name_ = name;
  }
  check(rename(name_.c_str(), path_.c_str()), "rename to " + path_);
  name_.clear();
}

}  // namespace forkcost
