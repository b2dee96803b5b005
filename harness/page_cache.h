// What the page cache holds of a file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

namespace forkcost {

// Pages of the file that are in the page cache, by mincore. Throws Failure when it cannot be read,
// Skip where the kernel does not tell us: only a file's owner, or who may write it, is told (else
// mincore says that all are there).
size_t cached_pages(const std::filesystem::path& file);

// Puts the file out of the page cache. Throws Skip where pages stay: a file system that has no
// other place for them (tmpfs), or somebody who maps the file. As cached_pages() where the kernel
// does not tell us; the file is left as it was then.
void evict(const std::filesystem::path& file);
// All of them, waiting once.
void evict(const std::vector<std::filesystem::path>& files);

// Writes what is dirty of the file to its disk: dirty pages that a process maps count as its
// private dirty memory, though it only reads them. Throws Failure.
void sync_file(const std::filesystem::path& file);

// Reads the whole file, so that it is in the page cache. Throws Failure when it cannot be read.
void fill_cache(const std::filesystem::path& file);

}  // namespace forkcost
