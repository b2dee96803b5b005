#include "benchmarks/share/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "benchmarks/image.h"
#include "harness/error.h"
#include "harness/files.h"
#include "harness/memory.h"
#include "harness/page_cache.h"
#include "harness/size.h"

namespace forkcost {
namespace {

constexpr uint64_t kProcessBytes = 4 * kMiB;  // more than one process takes beside the file
constexpr const char* kLargerPlace = "name a larger place in TMPDIR";

// Every page another content, so that nothing can merge them.
void write_data(const std::filesystem::path& path, uint64_t bytes) {
  const FileDescriptor file(
      check(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), path.string()));
  std::vector<uint64_t> words(kMiB / sizeof(uint64_t));
  uint64_t next = 0;
  for (uint64_t written = 0; written < bytes;) {
    for (uint64_t& word : words) word = ++next;
    check_write(file.get(), {reinterpret_cast<const char*>(words.data()), kMiB}, path.string(),
                kLargerPlace);
    written += kMiB;
  }
  check(fsync(file.get()), path.string(), kLargerPlace);  // dirty pages would count as private
}

// Without the name that is another one in every round.
std::string place_of(const std::filesystem::path& scratch_file) {
  return scratch_file.parent_path().parent_path();
}

void reflink(const std::filesystem::path& from, const std::filesystem::path& to) {
  const FileDescriptor source(check(open(from.c_str(), O_RDONLY | O_CLOEXEC), from.string()));
  const FileDescriptor target(
      check(open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700), to.string()));
  if (ioctl(target.get(), FICLONE, source.get()) != 0) {
    switch (errno) {
      case EOPNOTSUPP:
      case ENOTTY:
      case ENOSYS:
      case EINVAL:
      case EXDEV:
        throw Skip(describe_errno("a reflink (FICLONE) in " + place_of(to), errno,
                                  "name a directory on Btrfs or XFS in TMPDIR"));
      default:
        throw_errno("a reflink (FICLONE) of " + from.string(), errno, kLargerPlace);
    }
  }
  check(fsync(target.get()), to.string(), kLargerPlace);
}

void hard_link(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (link(from.c_str(), to.c_str()) == 0) return;
  if (errno == EPERM || errno == EOPNOTSUPP) {
    throw Skip(describe_errno("a hard link in " + place_of(to), errno,
                              "its file system has none: name another directory in TMPDIR"));
  }
  throw_errno("link of " + to.string(), errno);
}

void make_path(Relation relation, const std::filesystem::path& from,
               const std::filesystem::path& to) {
  switch (relation) {
    case Relation::kCopies:
      return duplicate_file(from, to);
    case Relation::kHardLinks:
      return hard_link(from, to);
    case Relation::kSymlinks:
      check(symlink(from.c_str(), to.c_str()), to.string());
      return;
    case Relation::kReflinks:
      return reflink(from, to);
    default:  // the place for a mount
      FileDescriptor(
          check(open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), to.string()));
  }
}

}  // namespace

const char* relation_name(Relation relation) {
  static constexpr std::array<const char*, 7> kNames = {
      "one-inode", "copies", "hard-links", "symlinks", "bind-mounts", "reflinks", "forks"};
  return kNames.at(static_cast<size_t>(relation));
}

bool has_inode_each(Relation relation) {
  return relation == Relation::kCopies || relation == Relation::kReflinks;
}

Files::Files(Timeline& timeline, Relation relation, Content content, size_t processes) {
  const bool data = content == Content::kData;
  const uint64_t bytes =
      (data ? kDataBytes : 2 * kMiB) * (has_inode_each(relation) ? processes + 1 : 1);
  scratch_.require_space(bytes);
  if (!data) scratch_.require_executable();
  require_memory(bytes + processes * kProcessBytes,
                 fmt::format("files of {} and {} processes", format_size(bytes), processes));
  make_first(content);
  make_paths(timeline, relation, processes);
  try {
    evict(inodes_);
  } catch (const Skip&) {
    return;  // tmpfs and its like: they are in memory in any case
  }
}

size_t Files::cached() const {
  size_t pages = 0;
  for (const std::filesystem::path& file : inodes_) pages += cached_pages(file);
  return pages;
}

const std::filesystem::path& Files::of(size_t process) const {
  return paths_.at(std::min(process, paths_.size() - 1));
}

// A file of our own in any case: what the build made may be mapped by somebody else.
void Files::make_first(Content content) {
  const std::filesystem::path first = scratch_.path() / "first";
  if (content == Content::kData) {
    write_data(first, kDataBytes);
  } else {
    const char* const name = content == Content::kLibrary ? "libresident.so" : "resident";
    duplicate_file(image_directory() / name, first);
  }
  inodes_.push_back(first);
}

// Every process has a link, mount or reflink, the first one too.
void Files::make_paths(Timeline& timeline, Relation relation, size_t processes) {
  const std::filesystem::path first = inodes_.front();
  if (relation == Relation::kReflinks) inodes_.clear();
  if (relation == Relation::kOneInode || relation == Relation::kForks ||
      relation == Relation::kCopies) {
    paths_.push_back(first);
    if (relation != Relation::kCopies) return;
  }
  while (paths_.size() < processes) {
    const std::filesystem::path path = scratch_.path() / std::to_string(paths_.size());
    make_path(relation, first, path);
    paths_.push_back(path);
    if (has_inode_each(relation)) inodes_.push_back(path);
  }
  if (relation != Relation::kBindMounts) return;
  mounts_.emplace(timeline, first, paths_);
  for (std::filesystem::path& path : paths_) path = mounts_->inside(path);
}

}  // namespace forkcost
