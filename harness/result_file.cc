#include "harness/result_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "harness/error.h"
#include "harness/file_descriptor.h"

namespace forkcost {
namespace {

// A pipe, a terminal, /dev/stdout: nothing to rename over. Whatever lies in /dev or /proc counts,
// because /dev/stdout looks like a regular file when it is redirected to one, and a rename would
// replace the link itself.
bool is_special(const std::string& path) {
  if (path.starts_with("/dev/") || path.starts_with("/proc/")) return true;
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

// Where a symbolic link leads, so that the link stays and its target is replaced.
std::string resolve(const std::string& path) {
  const std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), &free);
  return real ? real.get() : path;
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

const char* remedy_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "free some space there, or write to another file system";
    case ENOENT:
      return "make the directory first";
    case EACCES:
    case EPERM:
    case EROFS:
      return "write to a directory that is yours";
    case EFBIG:
      return "raise the limit with ulimit -f unlimited";
    default:
      return "write to another file";
  }
}

[[noreturn]] void fail(const std::string& what, int error) {
  throw_errno(what, error, remedy_for(error));
}

// A new file beside `path` that is gone again unless it was renamed.
class TemporaryFile {
 public:
  // The name differs between processes of several containers too, which may have the same pid.
  explicit TemporaryFile(const std::string& path)
      : name_(fmt::format("{}.tmp-{}-{}", path, getpid(),
                          std::chrono::steady_clock::now().time_since_epoch().count())),
        fd_(open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {
    if (!fd_) {
      error_ = errno;
      name_.clear();
    }
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!name_.empty()) unlink(name_.c_str());
  }

  int error() const { return error_; }  // errno of a failed creation, or 0
  int fd() const { return fd_.get(); }
  void rename_to(const std::string& path) {
    check(rename(name_.c_str(), path.c_str()), "rename to " + path);
    name_.clear();
  }

 private:
  std::string name_;
  FileDescriptor fd_;
  int error_ = 0;
};

void write_all(int fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("writing " + path, errno);
    text.remove_prefix(static_cast<size_t>(written));
  }
}

// Without this the name itself may be lost in a power cut. A directory that cannot be opened for
// reading or synced (some network file systems) still holds the file.
void sync_directory(const std::string& directory) {
  const FileDescriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return;
  if (fsync(fd.get()) != 0 && errno != EINVAL && errno != EOPNOTSUPP) {
    fail("syncing directory " + directory, errno);
  }
}

}  // namespace

void require_writable(const std::string& path) {
  const auto refuse = [&](int error) {
    throw UsageError(describe_errno("cannot write " + path, error, remedy_for(error)));
  };
  struct stat status {};
  if (path.empty()) throw UsageError("the name of the output file is empty");
  if (stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) refuse(EISDIR);
  if (is_special(path)) {
    if (access(path.c_str(), W_OK) != 0) refuse(errno);
    return;
  }
  if (const TemporaryFile probe(resolve(path)); probe.error() != 0) refuse(probe.error());
}

void write_atomically(const std::string& path, std::string_view text) {
  if (is_special(path)) {
    const FileDescriptor fd(open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    if (!fd) fail("opening " + path, errno);
    write_all(fd.get(), path, text);
    return;
  }
  const std::string target = resolve(path);
  TemporaryFile file(target);
  if (file.error() != 0) fail("creating a file beside " + path, file.error());
  write_all(file.fd(), path, text);
  if (fsync(file.fd()) != 0) fail("syncing " + path, errno);
  file.rename_to(target);
  sync_directory(directory_of(target));
}

}  // namespace forkcost
