#include "harness/scratch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

#include "harness/error.h"
#include "harness/size.h"

namespace forkcost {
namespace {

// Waits until its standard input ends, that is until we close the pipe or are dead, and removes the
// directory. A session of its own: Ctrl-C, and whoever kills our group, mean us and not it. A
// program of its own, not a fork of us that stays: it would share our memory, and be in every
// figure about it.
constexpr const char* kCleaner = "trap '' INT TERM HUP; read -r _; rm -rf -- \"$1\"";

[[noreturn]] void become_cleaner(int input, const char* directory) noexcept {
  setsid();
  const int null = open("/dev/null", O_RDWR);
  // Whoever reads our output would wait for the cleaner's end, too.
  const bool ready = dup2(input, 0) == 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2;
  syscall(SYS_close_range, 3, ~0U, 0);  // what is not closed on exec; else they stay open, no harm
  if (ready) execl("/bin/sh", "sh", "-c", kCleaner, "forkcost-cleaner", directory, nullptr);
  _exit(127);
}

std::filesystem::path make_directory() {
  const char* const chosen = std::getenv("TMPDIR");
  const std::string base = chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
  std::string pattern = base + "/forkcost-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) {
    throw_errno("making a directory in " + base, errno,
                "name one in TMPDIR that can be written to, on a disk");
  }
  return pattern;
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
  std::array<int, 2> ends{};
  check(pipe2(ends.data(), O_CLOEXEC), "pipe2");
  const FileDescriptor input(ends[0]);
  alive_ = FileDescriptor(ends[1]);
  path_ = make_directory();
  cleaner_ = fork();
  if (cleaner_ == 0) become_cleaner(input.get(), path_.c_str());
  if (cleaner_ < 0) {
    const int error = errno;
    rmdir(path_.c_str());
    throw_errno("fork of the process that removes scratch files", error);
  }
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;  // what cannot be removed by us, rm names no better
  std::filesystem::remove_all(path_, ignored);
  alive_.reset();
  while (waitpid(cleaner_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void ScratchDirectory::require_space(uint64_t bytes) const {
  struct statvfs space {};
  check(statvfs(path_.c_str(), &space), path_.string());
  const uint64_t free = uint64_t{space.f_bavail} * space.f_frsize;
  if (free / 10 * 9 < bytes) {  // leave something to the others
    throw Skip(fmt::format("needs {} of files, and {} has {} free: name a larger place in TMPDIR",
                           format_size(bytes), path_.string(), format_size(free / kMiB * kMiB)));
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
    for (ssize_t done = 0; done < got;) {
      done += check(write(target.get(), buffer.data() + done, static_cast<size_t>(got - done)),
                    to.string(), "name a larger place in TMPDIR");
    }
  }
  check(fsync(target.get()), to.string());
}

}  // namespace forkcost
