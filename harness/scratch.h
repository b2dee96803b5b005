// Files that a case makes, and that never outlive it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "harness/caretaker.h"

namespace forkcost {

// A directory of our own in $TMPDIR, else in /var/tmp, which unlike /tmp lies on a disk. Throws
// Skip where none can be made. It goes away with this, also when we are killed; only if its
// caretaker is killed with us does it stay until the next one is made there (scratch_name.h).
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Throws Skip unless files of so many bytes fit, with the figure.
  void require_space(uint64_t bytes) const;
  // Throws Skip where its file system is mounted noexec.
  void require_executable() const;

 private:
  std::filesystem::path path_;
  std::optional<Caretaker> cleaner_;
};

// A copy that shares nothing with `from` but what the file system shares by itself; on the disk
// when this returns, so that it can be evicted. Throws Failure.
void duplicate_file(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace forkcost
