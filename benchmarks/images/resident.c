/* An image that holds something in memory, every page of it touched, and stays until it is let go.
   Usage: IMAGE text|library|file PATH [ORDERS] TIMELINE-DESCRIPTOR counter|syscall

   text: its own text (PATH is ignored); library: the text of the library PATH, by dlopen; file: all
   of PATH, mapped shared for reading. Step 0 of the timeline is the mapping and the touching.

   ORDERS is a socket: for every byte that comes on it the image forks, until it closes. The fork
   touches everything again (fork does not copy the page tables of file mappings), says its pid, and
   stays until it is let go. Here it is this process that stamps `call`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/timeline_page.h"

static struct forkcost_timeline_page* page;
static int use_counter;
/* What is held. */
static uintptr_t begin, end;

static uint64_t now(void) {
  if (use_counter) return forkcost_counter();
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

__attribute__((noreturn)) static void fail(const char* doing, int error) {
  page->child_errno = error;
  strncpy(page->child_failed_at, doing, sizeof page->child_failed_at - 1);
  _exit(67);
}

__attribute__((noreturn)) static void leave(void) {
  page->ticks[FORKCOST_EXIT] = now();
  _exit(0);
}

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

/* From here on the page is somebody else's: it may be made ready for the next image. */
__attribute__((noreturn)) static void stay(int socket) {
  char byte;
  while (read(socket, &byte, 1) < 0 && errno == EINTR) {
  }
  leave();
}

__attribute__((noreturn)) static void stay_as_fork(int socket, int orders) {
  page->ticks[FORKCOST_CHILD] = now();
  page->ticks[FORKCOST_MAIN] = page->ticks[FORKCOST_CHILD];
  page->steps[0].begin = now();
  touch_all();
  page->steps[0].end = now();
  const int32_t answer = getpid();
  if (write(orders, &answer, sizeof answer) != sizeof answer) _exit(66);
  close(orders); /* else nobody would notice when the first process dies */
  stay(socket);
}

__attribute__((noreturn)) static void serve(int socket, int orders) {
  char byte;
  while (read(orders, &byte, 1) == 1) {
    page->ticks[FORKCOST_CALL] = now();
    const pid_t pid = fork();
    if (pid == 0) stay_as_fork(socket, orders);
    const int32_t error = -errno;
    if (pid < 0 && write(orders, &error, sizeof error) != sizeof error) break;
  }
  int status = 0, worst = 0;
  while (wait(&status) > 0) worst |= status;
  if (worst != 0) fail("waiting for its forks, one of which was killed", ECHILD);
  leave();
}

int main(int argc, char** argv) {
  use_counter = argc > 1 && argv[argc - 1][0] == 'c';
  const uint64_t main_ticks = now();
  if (argc != 5 && argc != 6) return 64;
  page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[argc - 2]), 0);
  if (page == MAP_FAILED) return 65;
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
  if (page->image_order == FORKCOST_END) leave();
  const int socket = page->image_socket;
  const char ready = 1;
  if (write(socket, &ready, 1) != 1) return 66;
  if (argc == 6) serve(socket, atoi(argv[3]));
  stay(socket);
}
