#include "benchmarks/elf_file.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <map>

#include "harness/error.h"
#include "harness/file_descriptor.h"

// Of 2022; older systems' <elf.h> has not got them.
#ifndef DT_RELR
#define DT_RELR 36
#define DT_RELRSZ 35
#endif

namespace forkcost {
namespace {

// A file's bytes, mapped: of a text of 64 MiB only the headers are looked at, and a copy of it was
// more than a board of 128 MiB has.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& file) {
    const FileDescriptor descriptor(check(open(file.c_str(), O_RDONLY | O_CLOEXEC), file.string()));
    struct stat status {};
    check(fstat(descriptor.get(), &status), file.string());
    size_ = static_cast<size_t>(status.st_size);
    if (size_ == 0) return;
    memory_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
    if (memory_ == MAP_FAILED) throw_errno("mmap of " + file.string(), errno);
  }
  ~MappedFile() {
    if (size_ > 0) munmap(memory_, size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {static_cast<const char*>(memory_), size_}; }

 private:
  void* memory_ = nullptr;
  size_t size_ = 0;
};

// The file's bytes, never read beyond their end.
class Reader {
 public:
  explicit Reader(const std::filesystem::path& file) : file_(file), mapped_(file) {
    header_ = at<Elf64_Ehdr>(0);
    constexpr unsigned char kData =
        std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
    if (memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0) damaged("it is not an ELF file");
    if (header_.e_ident[EI_CLASS] != ELFCLASS64 || header_.e_ident[EI_DATA] != kData) {
      damaged("it is not a 64-bit ELF file of this machine's byte order");
    }
    read_segments();
    read_dynamic();
  }

  const Elf64_Ehdr& header() const { return header_; }
  const std::vector<Elf64_Phdr>& segments() const { return segments_; }
  const std::vector<Elf64_Dyn>& dynamic() const { return dynamic_; }

  [[noreturn]] void damaged(const std::string& reason) const {
    throw Failure(file_.string() + ": " + reason + "; build or install it again");
  }

  template <typename T>
  T at(uint64_t offset) const {
    T value;
    memcpy(&value, piece(offset, sizeof value).data(), sizeof value);
    return value;
  }

  std::string_view piece(uint64_t offset, uint64_t bytes) const {
    const std::string_view all = mapped_.bytes();
    if (offset > all.size() || bytes > all.size() - offset) {
      damaged("it ends before what its headers say");
    }
    return all.substr(offset, bytes);
  }

  // Of the entry that comes last, as the loader takes it; 0 when there is none.
  uint64_t tag(int64_t wanted) const {
    const auto entry = tags_.find(wanted);
    return entry == tags_.end() ? 0 : entry->second;
  }
  bool has(int64_t wanted) const { return tags_.contains(wanted); }

  // What the loader would see at `address`.
  std::string_view memory(uint64_t address, uint64_t bytes) const {
    for (const Elf64_Phdr& segment : segments_) {
      if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
      const uint64_t within = address - segment.p_vaddr;
      if (within <= segment.p_filesz && bytes <= segment.p_filesz - within &&
          segment.p_offset <= UINT64_MAX - within) {
        return piece(segment.p_offset + within, bytes);
      }
    }
    damaged("a table of its dynamic section lies outside of its segments");
  }

  // The entries of a table in memory; none when its size is 0.
  template <typename T>
  std::vector<T> table(uint64_t address, uint64_t bytes) const {
    if (bytes == 0) return {};
    if (bytes % sizeof(T) != 0) damaged("a table of its dynamic section has half an entry");
    const std::string_view found = memory(address, bytes);
    std::vector<T> entries(bytes / sizeof(T));
    memcpy(entries.data(), found.data(), bytes);
    return entries;
  }

  std::string text(uint64_t index) const {
    const std::string_view all = memory(tag(DT_STRTAB), tag(DT_STRSZ));
    const size_t end = all.find('\0', index);
    if (index >= all.size() || end == std::string_view::npos) {
      damaged("a name lies outside of its string table");
    }
    return std::string(all.substr(index, end - index));
  }

 private:
  void read_segments() {
    if (header_.e_phnum > 0 && header_.e_phentsize != sizeof(Elf64_Phdr)) {
      damaged("its program headers have another size than ELF's");
    }
    for (uint64_t i = 0; i < header_.e_phnum; ++i) {
      const uint64_t offset = i * sizeof(Elf64_Phdr);
      if (header_.e_phoff > UINT64_MAX - offset) damaged("its program headers lie outside of it");
      segments_.push_back(at<Elf64_Phdr>(header_.e_phoff + offset));
    }
  }

  void read_dynamic() {
    for (const Elf64_Phdr& segment : segments_) {
      if (segment.p_type != PT_DYNAMIC) continue;
      const std::string_view bytes = piece(segment.p_offset, segment.p_filesz);
      for (size_t i = 0; i + sizeof(Elf64_Dyn) <= bytes.size(); i += sizeof(Elf64_Dyn)) {
        Elf64_Dyn entry;
        memcpy(&entry, bytes.data() + i, sizeof entry);
        if (entry.d_tag == DT_NULL) return;
        dynamic_.push_back(entry);
        tags_[entry.d_tag] = entry.d_un.d_val;
      }
    }
  }

  std::filesystem::path file_;
  MappedFile mapped_;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Phdr> segments_;
  std::vector<Elf64_Dyn> dynamic_;
  std::map<int64_t, uint64_t> tags_;
};

// Types of relocations without a symbol.
struct Types {
  uint32_t relative, indirect;
};

Types types_of(const Reader& reader) {
  switch (reader.header().e_machine) {
    case EM_X86_64:
      return {R_X86_64_RELATIVE, R_X86_64_IRELATIVE};
    case EM_AARCH64:
      return {R_AARCH64_RELATIVE, R_AARCH64_IRELATIVE};
    default:
      reader.damaged("its relocations are those of a machine that is neither x86_64 nor aarch64");
  }
}

// An even entry is the address of one word; an odd one a map of the 63 words that follow.
void count_relr(const Reader& reader, ElfRelocations& found) {
  for (const uint64_t entry : reader.table<uint64_t>(reader.tag(DT_RELR), reader.tag(DT_RELRSZ))) {
    found.relr_words += (entry & 1) == 0 ? 1 : static_cast<uint64_t>(std::popcount(entry >> 1));
  }
}

ElfRelocations count_relocations(const Reader& reader) {
  ElfRelocations found;
  if (reader.tag(DT_RELASZ) + reader.tag(DT_PLTRELSZ) + reader.tag(DT_RELRSZ) == 0) return found;
  const auto [relative, indirect] = types_of(reader);
  const auto count = [&, &relative = relative, &indirect = indirect](
                         uint64_t address, uint64_t bytes, uint64_t& with_symbol) {
    for (const Elf64_Rela& one : reader.table<Elf64_Rela>(address, bytes)) {
      const uint64_t type = ELF64_R_TYPE(one.r_info);
      if (type == relative)
        ++found.relative;
      else if (type == indirect)
        ++found.indirect;
      else if (type != 0)
        ++with_symbol;
    }
  };
  const uint64_t plt = reader.tag(DT_JMPREL);
  const uint64_t rela = reader.tag(DT_RELA);
  uint64_t rela_bytes = reader.tag(DT_RELASZ);
  // Some linkers count the PLT's into DT_RELASZ, too.
  if (plt >= rela && plt - rela < rela_bytes && reader.tag(DT_PLTRELSZ) > 0) {
    rela_bytes = plt - rela;
  }
  count(rela, rela_bytes, found.symbolic);
  count(plt, reader.tag(DT_PLTRELSZ), found.jump_slots);
  count_relr(reader, found);
  return found;
}

void describe_segments(const Reader& reader, ElfFile& elf) {
  for (const Elf64_Phdr& segment : reader.segments()) {
    if (segment.p_type == PT_GNU_RELRO) elf.relro = true;
    if (segment.p_type == PT_INTERP) {
      const std::string_view path = reader.piece(segment.p_offset, segment.p_filesz);
      elf.interpreter = path.substr(0, path.find('\0'));
    }
    if (segment.p_type != PT_LOAD) continue;
    reader.piece(segment.p_offset, segment.p_filesz);  // it is all there
    const ElfSegment place{segment.p_offset, segment.p_filesz, segment.p_vaddr, segment.p_memsz};
    if ((segment.p_flags & PF_X) != 0) {
      elf.text_bytes += segment.p_filesz;
      if (!elf.text) elf.text = place;
    }
    if ((segment.p_flags & PF_W) != 0 && !elf.data) elf.data = place;
  }
}

uint64_t count_symbols(const Reader& reader) {
  const Elf64_Ehdr& header = reader.header();
  if (header.e_shentsize != sizeof(Elf64_Shdr)) return 0;
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    const uint64_t offset = i * sizeof(Elf64_Shdr);
    if (header.e_shoff > UINT64_MAX - offset) reader.damaged("its sections lie outside of it");
    const auto section = reader.at<Elf64_Shdr>(header.e_shoff + offset);
    if (section.sh_type != SHT_DYNSYM) continue;
    // The local ones come first, and nobody looks them up: an empty one, and on aarch64 sections.
    const uint64_t symbols = section.sh_size / sizeof(Elf64_Sym);
    return symbols > section.sh_info ? symbols - section.sh_info : 0;
  }
  return 0;
}

}  // namespace

ElfFile read_elf_file(const std::filesystem::path& file) {
  const Reader reader(file);
  ElfFile elf;
  elf.position_independent = reader.header().e_type == ET_DYN;
  describe_segments(reader, elf);
  for (const Elf64_Dyn& entry : reader.dynamic()) {
    if (entry.d_tag == DT_NEEDED) elf.needed.push_back(reader.text(entry.d_un.d_val));
  }
  if (reader.has(DT_SONAME)) elf.soname = reader.text(reader.tag(DT_SONAME));
  if (reader.has(DT_RUNPATH))
    elf.runpath = reader.text(reader.tag(DT_RUNPATH));
  else if (reader.has(DT_RPATH))
    elf.runpath = reader.text(reader.tag(DT_RPATH));
  elf.relocations = count_relocations(reader);
  elf.dynamic_symbols = count_symbols(reader);
  elf.gnu_hash = reader.has(DT_GNU_HASH);
  elf.sysv_hash = reader.has(DT_HASH);
  elf.bind_now = reader.has(DT_BIND_NOW) || (reader.tag(DT_FLAGS) & DF_BIND_NOW) != 0 ||
                 (reader.tag(DT_FLAGS_1) & DF_1_NOW) != 0;
  return elf;
}

}  // namespace forkcost
