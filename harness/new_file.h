// A file that gets its name when it is whole.
#pragma once

#include <string>

#include "harness/file_descriptor.h"

namespace forkcost {

std::string directory_of(const std::string& path);

// Without this a new name may be lost in a power cut. A directory that cannot be opened for reading
// or synced (some network file systems) still holds the file. Throws Failure.
void sync_directory(const std::string& directory);

// A new file for `path`. Killed before link() or replace(), it leaves nothing, as it has no name
// (O_TMPFILE). Where a name cannot be avoided, because the file system has no nameless files or
// because `path` is to be replaced, that is `path`.forkcost-<16 hexadecimal digits>. It is locked
// (flock) as long as this lives, so the next NewFile for `path` tells what a kill left and removes
// it.
class NewFile {
 public:
  explicit NewFile(const std::string& path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  int error() const { return error_; }  // errno of a failed creation, or 0
  int fd() const { return fd_.get(); }

  // Gives it its name; false if there is a file of that name. Throws Failure.
  bool link();
  // The same, in place of what has the name. Throws Failure.
  void replace();
  // The descriptor, still locked, of the file that has got its name.
  FileDescriptor take() { return std::move(fd_); }

 private:
  void create_named();

  std::string path_;
  std::string name_;  // while it has another name than `path`
  FileDescriptor fd_;
  int error_ = 0;
};

}  // namespace forkcost
