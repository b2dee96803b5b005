#include "benchmarks/claims/observe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "benchmarks/image.h"
#include "harness/error.h"
#include "harness/file_descriptor.h"
#include "harness/touch.h"

namespace forkcost {
Case make_case(Claim claim) {
  std::vector<std::pair<std::string, std::string>> axes = {{"id", claim.id}};
  std::ranges::move(claim.axes, std::back_inserter(axes));
  return {.benchmark = "claim",
          .axes = std::move(axes),
          .preset = claim.preset,
          .arena = claim.arena,
          .populate = claim.populate,
          .needs = claim.needs,
          .primary = "sample_ns",
          .primary_cpu = "sample_ns",
          .body = std::move(claim.observe)};
}

Sample::Sample(Measurement& m) : m_(m) {
  Arena& arena = m.arena();
  arena.restore();
  if (arena.spec().backing != Backing::kBasePages) {
    for (const Check& check : arena.verify()) {
      if (!check.ok) m.verified(check);
    }
  }
  began_ = clock_ticks();
}

Sample::~Sample() {
  m_.record("sample_ns", ticks_to_ns(static_cast<double>(clock_ticks() - began_)));
}

void record_count(Measurement& m, const std::string& quantity, std::optional<uint64_t> count) {
  if (count) m.record(quantity, static_cast<double>(*count));
}

void record_bytes(Measurement& m, const std::string& quantity, uint64_t bytes) {
  m.record(quantity, static_cast<double>(bytes));
}

Pages pages_of(const Arena& arena) {
  return {arena.base(), arena.spec().bytes / page_size()};
}

Faults touch(const Pages& pages, Access access, size_t stride) {
  return count_touches(pages.base, pages.count / stride, stride * page_size(), nullptr, access);
}

Faults touch(const Pages& pages, Access access, std::span<const uint32_t> order) {
  return count_touches(pages.base, order.size(), page_size(), order.data(), access);
}

Frames frames_of(pid_t pid, const Pages& pages) {
  return read_frames(pid, pages.address(), pages.count);
}

std::optional<uint64_t> equal_frames(const Frames& a, const Frames& b) {
  if (!a || !b) return std::nullopt;
  uint64_t equal = 0;
  for (size_t i = 0; i < std::min(a->size(), b->size()); ++i) {
    equal += (*a)[i] != 0 && (*a)[i] == (*b)[i];
  }
  return equal;
}

std::optional<uint64_t> new_frames(const Frames& before, const Frames& after) {
  if (!before || !after) return std::nullopt;
  uint64_t fresh = 0;
  for (size_t i = 0; i < std::min(before->size(), after->size()); ++i) {
    fresh += (*after)[i] != 0 && (*after)[i] != (*before)[i];
  }
  return fresh;
}

std::optional<uint64_t> frames_mapped_twice(const Frames& frames) {
  if (!frames) return std::nullopt;
  const FileDescriptor counts(open("/proc/kpagecount", O_RDONLY | O_CLOEXEC));
  if (!counts) return std::nullopt;
  uint64_t twice = 0;
  for (const uint64_t frame : *frames) {
    uint64_t count = 0;
    const auto offset = static_cast<off_t>(frame * sizeof count);
    if (frame == 0) continue;
    if (pread(counts.get(), &count, sizeof count, offset) != sizeof count) return std::nullopt;
    twice += count > 1;
  }
  return twice;
}

std::string copy_image(const std::string& name, const ScratchDirectory& scratch) {
  const std::filesystem::path original = image_directory() / name;
  scratch.require_executable();
  scratch.require_space(std::filesystem::file_size(original));
  duplicate_file(original, scratch.path() / name);
  return scratch.path() / name;
}

Frames page_cache_frames(const std::filesystem::path& file) {
  const FileDescriptor descriptor(check(open(file.c_str(), O_RDONLY | O_CLOEXEC), file.string()));
  struct stat status {};
  check(fstat(descriptor.get(), &status), file.string());
  const auto size = static_cast<size_t>(status.st_size);
  void* const memory = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor.get(), 0);
  if (memory == MAP_FAILED) throw_errno("mmap of " + file.string(), errno);
  const Pages pages{static_cast<char*>(memory), (size + page_size() - 1) / page_size()};
  // Else a touch of what is cached could start to read what follows it.
  madvise(memory, size, MADV_RANDOM);
  std::vector<unsigned char> cached(pages.count);
  const int result = mincore(memory, size, cached.data());
  const int error = errno;
  if (result == 0) {
    for (size_t i = 0; i < pages.count; ++i) {
      if ((cached[i] & 1) != 0) touch_page(pages.base + i * page_size(), Access::kRead);
    }
  }
  Frames frames = frames_of(getpid(), pages);
  munmap(memory, size);
  if (result != 0) throw_errno("mincore of " + file.string(), error);
  return frames;
}

std::vector<Mapping> text_of(pid_t pid) {
  std::vector<Mapping> mappings = read_mappings(pid);
  std::erase_if(mappings, [](const Mapping& mapping) {
    return mapping.inode == 0 || mapping.permissions.find('x') == std::string::npos;
  });
  return mappings;
}

Frames frames_of(pid_t pid, const Mapping& mapping) {
  return read_frames(pid, mapping.begin, mapping.bytes() / page_size());
}

TextOfFile text_of_file(const Frames& cache, pid_t pid, const std::string& file) {
  TextOfFile text;
  for (const Mapping& mapping : text_of(pid)) {
    if (mapping.path != file) continue;
    text.pages += resident_bytes(mapping) / page_size();
    const Frames frames = frames_of(pid, mapping);
    if (!cache || !frames) {
      text.new_frames = std::nullopt;
      continue;
    }
    const auto first = cache->begin() + static_cast<ptrdiff_t>(mapping.offset / page_size());
    const auto fresh = new_frames(std::vector(first, cache->end()), frames);
    if (text.new_frames) *text.new_frames += *fresh;
  }
  if (text.pages == 0) {
    throw Failure(fmt::format("process {} has no page of the text of {}", pid, file));
  }
  return text;
}

Mapping mapping_at(pid_t pid, uint64_t address) {
  for (Mapping& mapping : read_mappings(pid)) {
    if (mapping.begin <= address && address < mapping.end) return std::move(mapping);
  }
  throw Failure(fmt::format("process {} has nothing mapped at {:#x}", pid, address));
}

uint64_t resident_bytes(const Mapping& mapping) {
  return mapping.field("Rss") + mapping.field("Shared_Hugetlb") + mapping.field("Private_Hugetlb");
}

uint64_t shared_bytes(const Mapping& mapping) {
  return mapping.field("Shared_Clean") + mapping.field("Shared_Dirty") +
         mapping.field("Shared_Hugetlb");
}

uint64_t private_bytes(const Mapping& mapping) {
  return mapping.field("Private_Clean") + private_dirty_bytes(mapping);
}

uint64_t private_dirty_bytes(const Mapping& mapping) {
  return mapping.field("Private_Dirty") + mapping.field("Private_Hugetlb");
}

}  // namespace forkcost
