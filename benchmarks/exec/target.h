// What one case of bench_exec execs: its files, made where they have to be, its arguments, its
// environment, and the PATH that leads to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "benchmarks/image.h"
#include "benchmarks/loader_run.h"
#include "harness/arena.h"
#include "harness/file_descriptor.h"
#include "harness/scratch.h"
#include "harness/timeline.h"

namespace forkcost {

// A kind of image, by what the kernel and the loader have to do for it.
struct ImageKind {
  const char* name;      // in case names
  const char* program;   // the image of ours that runs in the end
  int scripts = 0;       // whose interpreter is the one before; the first one's is the program
  bool memfd = false;    // run from memory, by its descriptor
  bool libc = false;     // else it has only what it brings itself
  bool loaded = false;   // by the dynamic loader
  bool movable = false;  // position-independent: linked as a shared object is
  uint64_t text_bytes = 0;
};

std::span<const ImageKind> image_kinds();

// PATH of this process, put back when this goes away: posix_spawnp searches the caller's.
class SearchPath {
 public:
  explicit SearchPath(const std::string& value);
  ~SearchPath();
  SearchPath(const SearchPath&) = delete;
  SearchPath& operator=(const SearchPath&) = delete;

 private:
  std::optional<std::string> before_;
};

class Target {
 public:
  // `argument_bytes`: of all arguments and the whole environment together, half in each; 0: only
  // what is needed. `path_directories`: that do not have the image and stand in PATH before the one
  // that has it; 0: PATH is not used. Throws Skip, Failure.
  Target(const ImageKind& kind, uint64_t argument_bytes, size_t path_directories,
         const Timeline& timeline);
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  const ImageKind& kind() const { return kind_; }
  const Image& image() const { return *image_; }
  char* const* environment() const { return environment_->get(); }
  // To be searched for in PATH, where there are directories.
  const std::string& name() const { return name_; }
  int memfd() const { return memfd_.get(); }
  // Whose pages the page cache has for this image alone, so that they can be put out: not libc's
  // and the loader's, which every process maps, and none of a memfd.
  const std::vector<std::filesystem::path>& files() const { return files_; }

  // Runs it once, in a process that waits, and says whether it is what its case's name says. Throws
  // Failure when it cannot be run.
  std::vector<Check> verify(Timeline& timeline) const;

 private:
  struct Checks;

  ScratchDirectory& scratch();
  void write_scripts();
  void make_memfd();
  void make_directories(size_t count);
  void lay_out_words(uint64_t bytes, const Timeline& timeline);
  void verify_words(Checks& checks, const std::string& arguments,
                    const std::string& surroundings) const;

  const ImageKind& kind_;
  std::optional<ScratchDirectory> scratch_;
  std::filesystem::path program_;
  std::filesystem::path path_;                // what is given to exec
  std::vector<std::filesystem::path> files_;  // the program, then the scripts
  std::vector<std::filesystem::path> directories_;
  std::string name_;
  FileDescriptor memfd_;
  std::optional<Image> image_;
  std::optional<Words> environment_;
  std::optional<SearchPath> search_path_;
};

}  // namespace forkcost
