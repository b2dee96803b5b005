// Shared libraries.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "benchmarks/claims/observe.h"
#include "benchmarks/image.h"
#include "harness/error.h"
#include "harness/files.h"
#include "harness/page_cache.h"
#include "harness/scratch.h"
#include "harness/size.h"
#include "harness/touch.h"

namespace forkcost {
namespace {

constexpr uint64_t kFileBytes = 4 * kMiB;

// A file of our own that nobody else maps, on the disk.
class LibraryFile {
 public:
  LibraryFile() : path_(scratch_.path() / "library") {
    scratch_.require_executable();
    scratch_.require_space(kFileBytes);
    const FileDescriptor file(
        check(open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0755), path_.string()));
    const std::string block(kMiB, 'x');
    for (uint64_t done = 0; done < kFileBytes; done += block.size()) {
      check_write(file.get(), block, path_.string(), "name a larger place in TMPDIR");
    }
    check(fsync(file.get()), path_.string());
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  ScratchDirectory scratch_;
  std::filesystem::path path_;
};

// As evict(), of a file that the sample before may still be reading: what its last touches asked
// the disk for comes in later (seen: 512 pages after evict() found none). Reading waits for it.
void evict_when_read(const std::filesystem::path& file) {
  fill_cache(file);
  evict(file);
}

// A file mapped as the loader maps a library's text.
class TextMapping {
 public:
  explicit TextMapping(const std::filesystem::path& path) {
    const FileDescriptor file(check(open(path.c_str(), O_RDONLY | O_CLOEXEC), path.string()));
    settle_thread();
    const Faults before = thread_faults();
    memory_ = mmap(nullptr, kFileBytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, file.get(), 0);
    faults_ = thread_faults() - before;
    if (memory_ == MAP_FAILED) throw_errno("mmap of " + path.string(), errno);
  }
  ~TextMapping() { munmap(memory_, kFileBytes); }
  TextMapping(const TextMapping&) = delete;
  TextMapping& operator=(const TextMapping&) = delete;

  Pages pages() const { return {static_cast<char*>(memory_), kFileBytes / page_size()}; }
  Faults faults() const { return faults_; }  // of the call itself
  uint64_t resident_pages() const {
    return resident_bytes(mapping_at(getpid(), pages().address())) / page_size();
  }

 private:
  void* memory_;
  Faults faults_;
};

// A file that is not in the page cache is mapped. What is in memory after that, and what after one
// byte was read?
void observe_mmap(Measurement& m) {
  const LibraryFile file;
  while (m.next_sample()) {
    const Sample sample(m);
    evict_when_read(file.path());
    const TextMapping text(file.path());
    record_count(m, "pages", text.pages().count);
    record_count(m, "faults_at_map", text.faults().minor);
    record_count(m, "major_faults_at_map", text.faults().major);
    record_count(m, "resident_after_map", text.resident_pages());
    record_count(m, "cached_after_map", cached_pages(file.path()));
    const Pages first{text.pages().base, 1};
    record_count(m, "faults_at_touch", touch(first, Access::kRead).sum());
    record_count(m, "resident_after_touch", text.resident_pages());
  }
}

// A file that is in the page cache is mapped, and `touched` pages of it are read. How many faults
// does it take, and how many pages are mapped then? It came into the page cache as a library does,
// by the faults of a process that maps it. What was written or read in large blocks lies there in
// large folios, of which a fault may map all (seen on 6.18: 256 pages in place of 16).
void observe_lazy(Measurement& m, size_t touched, Pattern pattern) {
  const LibraryFile file;
  evict(file.path());
  touch(TextMapping(file.path()).pages(), Access::kRead);
  const size_t pages = kFileBytes / page_size();
  std::vector<uint32_t> order = touch_order(pattern, pages);
  order.resize(touched);
  while (m.next_sample()) {
    const Sample sample(m);
    m.require_equal("pages in the page cache", std::to_string(pages),
                    std::to_string(cached_pages(file.path())));
    const TextMapping text(file.path());
    const Faults faults = touch(text.pages(), Access::kRead, order);
    record_count(m, "pages", pages);
    record_count(m, "touched", order.size());
    record_count(m, "faults", faults.sum());
    record_count(m, "resident_pages", text.resident_pages());
  }
}

// A program and a library of which nobody else has a copy: evicting them really makes them cold.
struct OwnProgram {
  ScratchDirectory scratch;
  std::string program = copy_image("dynamic", scratch);
  std::string library = copy_image("libsections.so", scratch);
  std::vector<char*> environment;

  OwnProgram() : preload_("LD_PRELOAD=" + library) {
    if (library.find_first_of(" :") != std::string::npos) {
      throw Skip(library +
                 ": LD_PRELOAD ends a name at a space or colon; name a place in TMPDIR "
                 "that has none");
    }
    for (char** word = environ; *word != nullptr; ++word) {
      if (strncmp(*word, "LD_PRELOAD=", 11) != 0) environment.push_back(*word);
    }
    environment.push_back(preload_.data());
    environment.push_back(nullptr);
  }

 private:
  std::string preload_;
};

enum class State : uint8_t { kColdFirst, kWarmFirst, kSecond };

bool maps(pid_t pid, const std::string& file) {
  for (const Mapping& mapping : read_mappings(pid)) {
    if (mapping.path == file) return true;
  }
  return false;
}

// A process loads a library and reads all of its text: as the first one after the files were put
// out of the page cache, as the first one when they are in it, or while another one runs.
void observe_second(Measurement& m, State state) {
  const OwnProgram own;
  const Image image(own.program, m.timeline());
  const auto start = [&] {
    return std::make_unique<WaitingImage>(m.timeline(), image, own.environment.data());
  };
  while (m.next_sample()) {
    const Sample sample(m);
    if (state == State::kColdFirst) {
      evict_when_read(own.program);
      evict_when_read(own.library);
    }
    const std::unique_ptr<WaitingImage> first = state == State::kSecond ? start() : nullptr;
    const Frames program = page_cache_frames(own.program);
    const Frames library = page_cache_frames(own.library);
    const Faults before = children_faults();
    const std::unique_ptr<WaitingImage> process = start();
    const auto main_start = ticks_between(m.timeline().page(), FORKCOST_CALL, FORKCOST_MAIN);
    m.require_equal("the process has its library", "yes",
                    maps(process->pid(), own.library) ? "yes" : "no");
    const TextOfFile of_program = text_of_file(program, process->pid(), own.program);
    const TextOfFile of_library = text_of_file(library, process->pid(), own.library);
    process->end();
    const Faults faults = children_faults() - before;
    if (main_start) m.record("main_start_ns", ticks_to_ns(static_cast<double>(*main_start)));
    record_count(m, "child_minor_faults", faults.minor);
    record_count(m, "child_major_faults", faults.major);
    record_count(m, "pages", of_program.pages + of_library.pages);
    if (of_program.new_frames && of_library.new_frames) {
      record_count(m, "new_frames", *of_program.new_frames + *of_library.new_frames);
    }
    if (first) first->end();
  }
}

}  // namespace

void add_library_claims(std::vector<Case>& cases) {
  cases.push_back(make_case({.id = "lib-mmap", .observe = observe_mmap}));
  const auto add_lazy = [&](const char* name, size_t touched, Pattern pattern) {
    cases.push_back(make_case({.id = "lib-lazy",
                               .axes = {{"pattern", name}},
                               .observe = [=](auto& m) { observe_lazy(m, touched, pattern); }}));
  };
  const size_t pages = kFileBytes / page_size();
  add_lazy("one", 1, Pattern::kSequential);
  add_lazy("sequential", pages, Pattern::kSequential);
  add_lazy("random", pages / 64, Pattern::kRandom);  // few: so that not all comes in anyway
  const auto add_second = [&](const char* name, State state) {
    cases.push_back(make_case({.id = "lib-second",
                               .axes = {{"state", name}},
                               .observe = [=](auto& m) { observe_second(m, state); }}));
  };
  add_second("cold-first", State::kColdFirst);
  add_second("warm-first", State::kWarmFirst);
  add_second("second", State::kSecond);
}

}  // namespace forkcost
