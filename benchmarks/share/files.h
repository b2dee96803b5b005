// The same thing under as many names as there are processes, or in as many files.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "harness/channel.h"
#include "harness/child.h"
#include "harness/scratch.h"

namespace forkcost {

enum class Relation : uint8_t {
  kOneInode,    // one file, one name
  kCopies,      // a file each
  kHardLinks,   // one file, a name each
  kSymlinks,    // one file, a symbolic link each
  kBindMounts,  // one file, a mount each
  kReflinks,    // a file each, which share their blocks on the disk
  kForks        // one file, one exec: the other processes are forks of the first
};

const char* relation_name(Relation relation);
// Whether every process has an inode of its own.
bool has_inode_each(Relation relation);

// Why it cannot hold the mounts; 0: it does.
struct MountAnswer {
  int error = 0;
  bool doing_namespace = false;
};
using MountChannel = Channel<char, MountAnswer>;

// A file mounted on others, in a mount namespace that nobody but a process of ours is in: nothing
// stays mounted when it ends, and it ends with us.
class MountHolder {
 public:
  // Throws Skip where we may not mount.
  MountHolder(Timeline& timeline, const std::filesystem::path& file,
              const std::vector<std::filesystem::path>& points);

  // What `path` is in that namespace.
  std::filesystem::path inside(const std::filesystem::path& path) const;

 private:
  std::unique_ptr<Child> child_;
  MountChannel channel_;  // its closing ends the process
};

// The files of one case; they go away with this.
class Files {
 public:
  enum class Content : uint8_t { kImage, kLibrary, kData };
  static constexpr uint64_t kDataBytes = uint64_t{64} << 20;

  // They are out of the page cache where the file system lets go of them. Throws Skip, also where
  // what is to be run or loaded would lie on a file system mounted noexec.
  Files(Timeline& timeline, Relation relation, Content content, size_t processes);

  const std::filesystem::path& of(size_t process) const;
  // One name of every distinct inode.
  const std::vector<std::filesystem::path>& inodes() const { return inodes_; }
  const std::filesystem::path& directory() const { return scratch_.path(); }
  // Pages of all distinct inodes together that are in the page cache.
  size_t cached() const;

 private:
  void make_first(Content content);
  void make_paths(Timeline& timeline, Relation relation, size_t processes);

  ScratchDirectory scratch_;
  std::vector<std::filesystem::path> paths_;
  std::vector<std::filesystem::path> inodes_;
  std::optional<MountHolder> mounts_;
};

}  // namespace forkcost
