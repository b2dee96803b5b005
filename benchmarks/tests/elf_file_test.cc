#include "benchmarks/elf_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "benchmarks/library_set.h"
#include "harness/error.h"
#include "harness/files.h"
#include "harness/procfs.h"
#include "harness/scratch.h"
#include "harness/size.h"

namespace forkcost {
namespace {

const std::filesystem::path& own_file() {
  static const auto file = std::filesystem::read_symlink("/proc/self/exe");
  return file;
}

void write_file(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

TEST(ElfFiles, ThisProgramIsRead) {
  const ElfFile elf = read_elf_file(own_file());
  EXPECT_NE(elf.interpreter.find("ld"), std::string::npos);
  EXPECT_TRUE(std::ranges::any_of(
      elf.needed, [](const std::string& name) { return name.starts_with("libc."); }));
  ASSERT_TRUE(elf.text && elf.data);
  const auto here = reinterpret_cast<uintptr_t>(&own_file);
  const auto mappings = read_mappings(getpid());
  const auto mapping = std::ranges::find_if(
      mappings, [&](const Mapping& one) { return one.begin <= here && here < one.end; });
  ASSERT_NE(mapping, mappings.end());
  EXPECT_GE(elf.text->file_bytes + page_size(), mapping->bytes());
  EXPECT_EQ(elf.text->offset / page_size() * page_size(), mapping->offset);
  EXPECT_GE(elf.data->memory_bytes, elf.data->file_bytes);
}

TEST(ElfFiles, ASharedLibraryWithoutRelocationsSaysSo) {
  const ElfFile elf = read_elf_file(text_library());
  EXPECT_EQ(elf.soname, "libfc-000.so");
  EXPECT_EQ(elf.interpreter, "");
  EXPECT_TRUE(elf.needed.empty());
  EXPECT_GE(elf.text_bytes, 4 * kMiB);
  EXPECT_EQ(elf.relocations.relative + elf.relocations.symbolic + elf.relocations.jump_slots, 0u);
}

TEST(ElfFiles, WhatIsMissingOrNoElfFileIsNamed) {
  const ScratchDirectory scratch;
  const auto file = scratch.path() / "text";
  for (const char* const content : {"", "#!/bin/sh\n",
                                    "a text that is longer than the header of an "
                                    "ELF file would be, and that is none"}) {
    write_file(file, content);
    try {
      read_elf_file(file);
      ADD_FAILURE() << "took it: " << content;
    } catch (const Failure& failure) {
      EXPECT_EQ(std::string(failure.what()).find(file.string()), 0u) << failure.what();
    }
  }
  EXPECT_THROW(read_elf_file(scratch.path() / "nothing"), Failure);
  EXPECT_THROW(read_elf_file(scratch.path()), Failure);
}

TEST(ElfFiles, AFileThatWasCutOffIsAFailure) {
  const auto bytes =
      read_text_file(load_libraries({.libraries = 4, .kind = "plt"}).front()).value();
  const ScratchDirectory scratch;
  const auto file = scratch.path() / "cut.so";
  for (size_t length = 0; length < bytes.size(); length += 1 + length / 8) {
    write_file(file, std::string_view(bytes).substr(0, length));
    EXPECT_THROW(read_elf_file(file), Failure) << length;
  }
}

// With the sanitizers this also finds reads outside of the file.
TEST(ElfFiles, ADamagedFileIsReadOrIsAFailure) {
  const ScratchDirectory scratch;
  const auto file = scratch.path() / "damaged.so";
  std::mt19937 random(1);
  size_t failures = 0;
  const auto bytes =
      read_text_file(load_libraries({.libraries = 4, .relocations = 0}).front()).value();
  const uint64_t dynamic =
      read_elf_file(load_libraries({.libraries = 4, .relocations = 0}).front()).data.value().offset;
  for (int i = 0; i < 300; ++i) {
    std::string damaged = bytes;
    // The headers, or the dynamic section.
    const size_t at = random() % 512 + (i % 2 == 0 ? 0 : dynamic);
    damaged[std::min(at, damaged.size() - 1)] = static_cast<char>(random());
    write_file(file, damaged);
    try {
      read_elf_file(file);
    } catch (const Failure&) {
      ++failures;
    }
  }
  EXPECT_GT(failures, 0u);
}

}  // namespace
}  // namespace forkcost
