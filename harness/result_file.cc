#include "harness/result_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>

#include "harness/error.h"
#include "harness/file_descriptor.h"
#include "harness/new_file.h"

namespace forkcost {
namespace {

// A pipe, a terminal, /dev/stdout: nothing to rename over. Whatever lies in /dev or /proc counts,
// because /dev/stdout looks like a regular file when it is redirected to one, and a rename would
// replace the link itself. /dev/shm is a directory for files, on some boards the only writable one.
bool is_special(const std::string& path) {
  const bool is_in_memory = path.starts_with("/dev/shm/");
  if (!is_in_memory && (path.starts_with("/dev/") || path.starts_with("/proc/"))) return true;
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

// Where a symbolic link leads, so that the link stays and its target is replaced.
std::string resolve(const std::string& path) {
  const std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), &free);
  return real ? real.get() : path;
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
      return "choose a directory that you may write to";
    case EFBIG:
      return "raise the limit with ulimit -f unlimited";
    default:
      return "write to another file";
  }
}

[[noreturn]] void fail(const std::string& what, int error) {
  throw_errno(what, error, remedy_for(error));
}

void write_all(int fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("writing " + path, errno);
    text.remove_prefix(static_cast<size_t>(written));
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
  if (const NewFile probe(resolve(path)); probe.error() != 0) refuse(probe.error());
}

void write_atomically(const std::string& path, std::string_view text) {
  if (is_special(path)) {
    const FileDescriptor fd(open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    if (!fd) fail("opening " + path, errno);
    write_all(fd.get(), path, text);
    return;
  }
  const std::string target = resolve(path);
  NewFile file(target);
  if (file.error() != 0) fail("creating a file beside " + path, file.error());
  write_all(file.fd(), path, text);
  if (fsync(file.fd()) != 0) fail("syncing " + path, errno);
  file.replace();
  sync_directory(directory_of(target));
}

}  // namespace forkcost
