// What an ELF file says of itself: whether a program or library is what its name promises.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace forkcost {

// A PT_LOAD: where it lies in the file, and where in memory (as seen from the load address).
struct ElfSegment {
  uint64_t offset = 0;
  uint64_t file_bytes = 0;
  uint64_t address = 0;
  uint64_t memory_bytes = 0;  // beyond file_bytes: .bss
};

// Relocations of the loader's, by kind.
struct ElfRelocations {
  uint64_t relative = 0;    // in DT_RELA
  uint64_t relr_words = 0;  // relative as well, packed in DT_RELR: words that are relocated
  uint64_t symbolic = 0;    // in DT_RELA, with a symbol to look up
  uint64_t indirect = 0;    // IRELATIVE: a function of the file's chooses the address
  uint64_t jump_slots = 0;  // in DT_JMPREL
};

struct ElfFile {
  bool position_independent = false;  // ET_DYN
  std::string interpreter;            // empty: none
  std::string soname;
  std::string runpath;  // DT_RUNPATH, else DT_RPATH
  std::vector<std::string> needed;
  ElfRelocations relocations;
  uint64_t dynamic_symbols = 0;  // but local ones; 0 where there are no section headers
  bool gnu_hash = false;
  bool sysv_hash = false;
  bool bind_now = false;
  bool relro = false;
  uint64_t text_bytes = 0;         // of all executable segments
  std::optional<ElfSegment> text;  // the first executable segment
  std::optional<ElfSegment> data;  // the first writable one
};

// 64-bit files of this machine's byte order. Throws Failure, naming the file, when it cannot be
// read, or is damaged.
ElfFile read_elf_file(const std::filesystem::path& file);

}  // namespace forkcost
