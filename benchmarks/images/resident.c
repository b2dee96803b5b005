/* An image that holds something in memory, every page of it touched, and stays until it is let go.
   Usage: IMAGE text|library|file PATH [ORDERS] TIMELINE-DESCRIPTOR counter|syscall

   text: its own text (PATH is ignored); library: the text of the library PATH, by dlopen; file: all
   of PATH, mapped shared for reading. Step 0 of the timeline is the mapping and the touching.

   ORDERS is a channel: for every order that comes on it the image forks, until it closes. The fork
   touches everything again (fork does not copy the page tables of file mappings), says its pid, and
   stays until it is let go. Here it is this process that stamps `call`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "benchmarks/images/with_libc.h"

/* What is held. */
static uintptr_t begin, end;

static void touch_all(void) {
  const uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE);
  for (uintptr_t address = begin; address < end; address += size) {
    (void)*(const volatile char*)address;
  }
}

/* The executable segment that `begin` lies in. */
static int find_text(struct dl_phdr_info* info, size_t size, void* data) {
  (void)size;
  (void)data;
  const uintptr_t mask = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)* segment = &info->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0) continue;
    const uintptr_t first = info->dlpi_addr + segment->p_vaddr;
    if (begin < first || begin >= first + segment->p_memsz) continue;
    begin = first & ~mask;
    end = first + segment->p_memsz;
    return 1;
  }
  return 0;
}

extern const char forkcost_resident_text[];

static void hold_text(const void* somewhere) {
  begin = (uintptr_t)somewhere;
  if (dl_iterate_phdr(find_text, NULL) == 0) fail("finding the segment with the text", ENOEXEC);
}

static void hold_library(const char* path) {
  void* const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    const int error = errno != 0 ? errno : ELIBACC;
    const char* why = dlerror();
    const size_t length = strlen(path);
    if (why != NULL && strncmp(why, path, length) == 0) why += length; /* there is not much room */
    char doing[sizeof page->child_failed_at];
    snprintf(doing, sizeof doing, "dlopen of the library%s", why != NULL ? why : "");
    fail(doing, error);
  }
  const void* const text = dlsym(library, "forkcost_resident_text");
  if (text == NULL) fail("dlsym of the library's text", ELIBBAD);
  hold_text(text);
}

static void hold_file(const char* path) {
  struct stat status;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &status) != 0) fail("open of the file", errno);
  void* const memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) fail("mmap of the file", errno);
  close(file);
  begin = (uintptr_t)memory;
  end = begin + (uintptr_t)status.st_size;
}

/* Until it is let go. From here on the page is somebody else's: it may be made ready for the next
   image. */
__attribute__((noreturn)) static void stay(int channel) {
  forkcost_next_order(channel);
  leave();
}

__attribute__((noreturn)) static void stay_as_fork(int channel, int orders) {
  page->ticks[FORKCOST_CHILD] = now();
  page->ticks[FORKCOST_MAIN] = page->ticks[FORKCOST_CHILD];
  page->steps[0].begin = now();
  touch_all();
  page->steps[0].end = now();
  if (!forkcost_say(orders, getpid())) _exit(66);
  close(orders); /* else nobody would notice when the first process dies */
  stay(channel);
}

__attribute__((noreturn)) static void serve(int channel, int orders) {
  while (forkcost_next_order(orders)) {
    page->ticks[FORKCOST_CALL] = now();
    const pid_t pid = fork();
    if (pid == 0) stay_as_fork(channel, orders);
    if (pid < 0 && !forkcost_say(orders, -errno)) break;
  }
  int status = 0, worst = 0;
  while (wait(&status) > 0) worst |= status;
  if (worst != 0) fail("waiting for its forks, one of which was killed", ECHILD);
  leave();
}

int main(int argc, char** argv) {
  choose_clock(argc, argv);
  const uint64_t main_ticks = now();
  if (argc != 5 && argc != 6) return 64;
  page = map_shared(argv[argc - 2], sizeof *page, 0);
  page->ticks[FORKCOST_MAIN] = main_ticks;
  page->steps[0].begin = now();
  switch (argv[1][0]) {
    case 't':
      hold_text(forkcost_resident_text);
      break;
    case 'l':
      hold_library(argv[2]);
      break;
    default:
      hold_file(argv[2]);
  }
  touch_all();
  page->steps[0].end = now();
  if (page->room[FORKCOST_ORDER] == FORKCOST_END) leave();
  const int channel = page->room[FORKCOST_CHANNEL];
  if (!forkcost_say(channel, 0)) return 66;
  if (argc == 6) serve(channel, atoi(argv[3]));
  stay(channel);
}
