#include "benchmarks/exec/target.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/memfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "benchmarks/elf_file.h"
#include "harness/error.h"
#include "harness/files.h"
#include "harness/procfs.h"
#include "harness/size.h"

namespace forkcost {
namespace {

constexpr std::array<ImageKind, 11> kKinds = {
    {{.name = "nolibc", .program = "nolibc"},
     {.name = "static", .program = "static", .libc = true},
     {.name = "static-pie", .program = "static-pie", .libc = true, .movable = true},
     {.name = "dynamic-nopie", .program = "dynamic-nopie", .libc = true, .loaded = true},
     {.name = "dynamic", .program = "dynamic", .libc = true, .loaded = true, .movable = true},
     {.name = "script", .program = "nolibc", .scripts = 1},
     {.name = "script-2", .program = "nolibc", .scripts = 2},
     {.name = "memfd", .program = "nolibc", .memfd = true},
     {.name = "text-1MiB", .program = "text-1MiB", .text_bytes = kMiB},
     {.name = "text-16MiB", .program = "text-16MiB", .text_bytes = 16 * kMiB},
     {.name = "text-64MiB", .program = "text-64MiB", .text_bytes = 64 * kMiB}}};

constexpr const char* kMemfdName = "forkcost-image";

// As the kernel counts them: with the zero at the end of each.
uint64_t bytes_of(char* const* words) {
  uint64_t bytes = 0;
  for (; *words != nullptr; ++words) bytes += strlen(*words) + 1;
  return bytes;
}

size_t count_of(char* const* words) {
  size_t count = 0;
  while (words[count] != nullptr) ++count;
  return count;
}

// Strings that take `bytes` together: 1 KiB each, and the last one what is left, below 2 KiB.
std::vector<std::string> padding(uint64_t bytes) {
  std::vector<std::string> words;
  while (bytes > 0) {
    const uint64_t size = bytes < 2 * kKiB ? bytes : kKiB;
    words.push_back(fmt::format("FORKCOST_{}=", words.size()));
    words.back().resize(size - 1, 'x');
    bytes -= size;
  }
  return words;
}

// A script that `interpreter` runs. On the disk when this returns, so that it can be evicted.
void write_script(const std::filesystem::path& file, const std::filesystem::path& interpreter) {
  constexpr size_t kFirstLine = 255;  // of what the kernel reads of a script, one is the line's end
  const std::string line = fmt::format("#!{}", interpreter.string());
  if (line.size() > kFirstLine) {
    throw Skip(fmt::format(
        "shebang line is {} bytes, the kernel's limit is {}; use a shorter TMPDIR, or install "
        "forkcost in a directory with a shorter path",
        line.size(), kFirstLine));
  }
  if (line.find_first_of(" \t\n") != std::string::npos) {
    throw Skip(fmt::format("{}: a script's interpreter ends at the first space in its path",
                           interpreter.string()));
  }
  const FileDescriptor descriptor(
      check(open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700), file.string()));
  check_write(descriptor.get(), line + "\n", file.string(), "name a larger place in TMPDIR");
  check(fsync(descriptor.get()), file.string());
}

// Throws Skip unless the kernel takes so much.
void require_argument_space(uint64_t bytes) {
  rlimit stack{};
  check(getrlimit(RLIMIT_STACK, &stack), "getrlimit(RLIMIT_STACK)");
  constexpr uint64_t kAlways = 128 * kKiB;
  if (bytes <= std::max<uint64_t>(stack.rlim_cur / 4, kAlways)) return;
  throw Skip(
      fmt::format("arguments and environment of {} bytes (with the pointers to them) may take a "
                  "quarter of the stack's limit, which is {}: ulimit -s {}",
                  bytes, format_size(stack.rlim_cur), bytes * 4 / kKiB + 1));
}

// Throws Skip unless we may have an image of so much text in our memory, and read it; the kernel
// ends an image that may not.
void require_address_space(uint64_t text_bytes) {
  rlimit space{};
  check(getrlimit(RLIMIT_AS, &space), "getrlimit(RLIMIT_AS)");
  const uint64_t needed = 4 * text_bytes + 64 * kMiB;
  if (text_bytes == 0 || space.rlim_cur >= needed) return;
  throw Skip(
      fmt::format("the limit on address space is {}, and an image of {} takes more: "
                  "ulimit -v {}",
                  format_size(space.rlim_cur), format_size(text_bytes), needed / kKiB));
}

// What it says of no file at all, unless it is forbidden.
void require_execveat() {
  std::array<char*, 1> none = {nullptr};
  syscall(SYS_execveat, -1, "", none.data(), none.data(), AT_EMPTY_PATH);
  if (errno != EBADF) throw_creation_failed("execveat", errno);
}

std::string read_of(pid_t pid, const char* file) {
  const std::string path = fmt::format("/proc/{}/{}", pid, file);
  const auto text = read_text_file(path);
  if (!text) throw Failure(path + ": cannot be read");
  return *text;
}

// Of the kernel's auxiliary vector, as /proc/PID/auxv has it; 0 where there is none.
uint64_t auxiliary(std::string_view vector, uint64_t type) {
  for (; vector.size() >= sizeof(Elf64_auxv_t); vector.remove_prefix(sizeof(Elf64_auxv_t))) {
    Elf64_auxv_t entry;
    memcpy(&entry, vector.data(), sizeof entry);
    if (entry.a_type == type) return entry.a_un.a_val;
  }
  return 0;
}

}  // namespace

// What was checked, in the making.
struct Target::Checks {
  std::vector<Check> all;
  template <typename Expected, typename Observed>
  void expect(const char* what, const Expected& expected, const Observed& observed) {
    const std::string wanted = fmt::format("{}", expected);
    const std::string seen = fmt::format("{}", observed);
    all.push_back({what, wanted, seen, wanted == seen});
  }
};

std::span<const ImageKind> image_kinds() {
  return kKinds;
}

SearchPath::SearchPath(const std::string& value) {
  if (const char* const before = getenv("PATH")) before_ = before;
  check(setenv("PATH", value.c_str(), 1), "setenv(PATH)");
}

SearchPath::~SearchPath() {
  if (before_) {
    setenv("PATH", before_->c_str(), 1);
  } else {
    unsetenv("PATH");
  }
}

Target::Target(const ImageKind& kind, uint64_t argument_bytes, size_t path_directories,
               const Timeline& timeline)
    : kind_(kind),
      program_(std::filesystem::canonical(Image(kind.program, timeline).path())),
      path_(program_) {
  require_address_space(kind.text_bytes);
  if (kind.memfd) {
    make_memfd();
  } else {
    files_.push_back(program_);
  }
  if (kind.scripts > 0) write_scripts();
  lay_out_words(argument_bytes, timeline);
  if (path_directories > 0) make_directories(path_directories);
}

ScratchDirectory& Target::scratch() {
  if (!scratch_) {
    scratch_.emplace();
    scratch_->require_space(kMiB);  // a few blocks, however large they are
  }
  return *scratch_;
}

void Target::write_scripts() {
  const std::filesystem::path& directory = scratch().path();
  scratch_->require_executable();
  for (int level = 1; level <= kind_.scripts; ++level) {
    const std::filesystem::path script = directory / fmt::format("script-{}", level);
    write_script(script, path_);
    files_.push_back(script);
    path_ = script;
  }
}

void Target::make_memfd() {
#ifdef MFD_EXEC
  int descriptor = memfd_create(kMemfdName, MFD_CLOEXEC | MFD_EXEC);
  if (descriptor < 0 && errno == EINVAL) descriptor = memfd_create(kMemfdName, MFD_CLOEXEC);
#else
  const int descriptor = memfd_create(kMemfdName, MFD_CLOEXEC);
#endif
  if (descriptor < 0 && errno == EACCES) {
    throw Skip("memfd_create: this machine forbids executable memfds: sysctl vm.memfd_noexec=0");
  }
  if (descriptor < 0) throw_creation_failed("memfd_create", errno);
  memfd_ = FileDescriptor(descriptor);
  require_execveat();
  const auto content = read_text_file(program_);
  if (!content) throw Failure(program_.string() + ": cannot be read");
  check_write(memfd_.get(), *content, "the memfd");
  path_ = fmt::format("/proc/self/fd/{}", memfd_.get());
}

void Target::lay_out_words(uint64_t bytes, const Timeline& timeline) {
  std::vector<std::string> environment = plain_environment();
  image_.emplace(path_, timeline);
  if (bytes > 0) {
    const uint64_t arguments = bytes / 2 - bytes_of(image_->arguments());
    image_.emplace(path_, timeline, padding(arguments));
    uint64_t left = bytes / 2;
    for (const std::string& word : environment) left -= word.size() + 1;
    std::ranges::move(padding(left), std::back_inserter(environment));
  }
  environment_.emplace(std::move(environment));
  if (bytes > 0) {
    const size_t words = count_of(image_->arguments()) + count_of(environment_->get());
    constexpr uint64_t kNames = 4 * kKiB;  // what the kernel puts beside them: paths
    require_argument_space(bytes + words * sizeof(char*) + kNames);
  }
}

void Target::make_directories(size_t count) {
  std::string path;
  for (size_t i = 1; i <= count; ++i) {
    directories_.push_back(scratch().path() / fmt::format("directory-{:02}", i));
    check(mkdir(directories_.back().c_str(), 0700), directories_.back().string());
    path += directories_.back().string() + ":";
  }
  directories_.push_back(path_.parent_path());
  for (const std::filesystem::path& directory : directories_) {
    if (directory.string().find(':') == std::string::npos) continue;
    throw Skip(
        fmt::format("{}: a colon would make two directories of PATH of it; install forkcost "
                    "to, or name in TMPDIR, a directory without one",
                    directory.parent_path().string()));
  }
  name_ = path_.filename();
  search_path_.emplace(path + directories_.back().string());
}

std::vector<Check> Target::verify(Timeline& timeline) const {
  WaitingImage waiting(timeline, *image_, environment());
  const std::string arguments = read_of(waiting.pid(), "cmdline");
  const std::string surroundings = read_of(waiting.pid(), "environ");
  const std::string vector = read_of(waiting.pid(), "auxv");
  const std::vector<Mapping> mappings = read_mappings(waiting.pid());
  std::error_code error;
  const std::filesystem::path running =
      std::filesystem::read_symlink(fmt::format("/proc/{}/exe", waiting.pid()), error);
  if (error) throw Failure("/proc/PID/exe of the image: " + error.message());
  waiting.end();

  uint64_t text_bytes = 0;
  for (const Mapping& mapping : mappings) {
    if (mapping.path == running && mapping.permissions[2] == 'x') text_bytes += mapping.bytes();
  }
  Checks checks;
  const std::string memory = fmt::format("/memfd:{} (deleted)", kMemfdName);
  checks.expect("program that runs", kind_.memfd ? memory : program_.string(), running.string());
  checks.expect("position-independent", kind_.movable,
                read_elf_file(program_).position_independent);
  checks.expect("run by a loader", kind_.loaded, auxiliary(vector, AT_BASE) != 0);
  const uint64_t least = std::max(kind_.text_bytes, page_size());
  checks.all.push_back({"bytes of text mapped", fmt::format("at least {}", least),
                        fmt::format("{}", text_bytes), text_bytes >= least});
  verify_words(checks, arguments, surroundings);
  if (!directories_.empty()) {
    const auto lack = std::ranges::count_if(directories_, [&](const auto& directory) {
      return access((directory / name_).c_str(), F_OK) != 0 && errno == ENOENT;
    });
    checks.expect("directories of PATH without the image", directories_.size() - 1, lack);
  }
  return checks.all;
}

void Target::verify_words(Checks& checks, const std::string& arguments,
                          const std::string& surroundings) const {
  // A script is run as `interpreter script its-arguments`.
  const auto started_with = std::ranges::count(arguments, '\0');
  const auto given = static_cast<ptrdiff_t>(count_of(image_->arguments()));
  checks.expect("interpreters before the image", kind_.scripts, started_with - given);
  uint64_t bytes = bytes_of(image_->arguments()) + bytes_of(environment());
  for (int i = 0; i < kind_.scripts; ++i) {
    bytes += files_[static_cast<size_t>(i)].string().size() + 1;
  }
  checks.expect("bytes of arguments and environment", bytes,
                arguments.size() + surroundings.size());
}

}  // namespace forkcost
