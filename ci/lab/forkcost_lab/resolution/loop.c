// The loop that people write when they have no benchmark: a peer of the suite in resolution.md. It
// does right what such loops get wrong: children leave by _exit and are reaped, every failure ends
// it, memory is really there, in base pages, and copies are counted.
//
//   loop fork|vfork|posix_spawn|cow MIB SECONDS
//
// prints the mean and the median of one operation in ns, and how many there were. cow: of one page.

#define _GNU_SOURCE

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

enum { kMostSamples = 1 << 20 };

static size_t page_size;
static unsigned char* memory;
static size_t memory_size;

static void fail(const char* what) {
  fprintf(stderr, "loop: %s: %s\n", what, strerror(errno));
  exit(3);
}

static double now(void) {
  struct timespec time;
  if (clock_gettime(CLOCK_MONOTONIC, &time) != 0) fail("clock_gettime");
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static long faults(void) {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) fail("getrusage");
  return usage.ru_minflt;
}

static void write_pages(unsigned char value) {
  for (size_t at = 0; at < memory_size; at += page_size)
    ((volatile unsigned char*)memory)[at] = value;
}

static void populate(size_t size) {
  memory_size = size;
  if (size == 0) return;
  memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  // A kernel without huge pages knows no such advice.
  if (madvise(memory, size, MADV_NOHUGEPAGE) != 0 && errno != EINVAL) fail("madvise");
  const long before = faults();
  write_pages(1);
  // A kernel may map a few neighbours of a fault, never most of them in base pages.
  if (faults() - before < (long)(size / page_size / 2)) {
    errno = ENOTSUP;
    fail("the memory is not in base pages");
  }
}

static void reap(pid_t child) {
  int status;
  if (waitpid(child, &status, 0) != child) fail("waitpid");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    errno = ECHILD;
    fail("a child failed");
  }
}

static double time_fork(void) {
  const double begin = now();
  const pid_t child = fork();
  if (child == 0) _exit(0);
  const double end = now();
  if (child < 0) fail("fork");
  reap(child);
  return end - begin;
}

// Not one function with the other, called by a pointer: vfork's child must not return from the
// function that called it.
static double time_vfork(void) {
  const double begin = now();
  const pid_t child = vfork();
  if (child == 0) _exit(0);
  const double end = now();
  if (child < 0) fail("vfork");
  reap(child);
  return end - begin;
}

static double time_spawn(void) {
  char* const words[] = {"/bin/true", NULL};
  pid_t child;
  const double begin = now();
  const int error = posix_spawn(&child, words[0], NULL, NULL, words, environ);
  if (error != 0) {
    errno = error;
    fail("posix_spawn /bin/true");
  }
  reap(child);
  return now() - begin;
}

// The parent copies every page, while the child holds the old ones.
static double time_copies(void) {
  int hold[2];
  if (pipe(hold) != 0) fail("pipe");
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    char byte;
    close(hold[1]);
    _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
  }
  close(hold[0]);
  const long pages = (long)(memory_size / page_size);
  const long faults_before = faults();
  const double begin = now();
  write_pages(2);
  const double end = now();
  if (faults() - faults_before < pages) {
    errno = ENOTSUP;
    fail("not every page was copied by itself");
  }
  close(hold[1]);
  reap(child);
  return (end - begin) / (double)pages;
}

static int by_size(const void* a, const void* b) {
  const double left = *(const double*)a, right = *(const double*)b;
  return (left > right) - (left < right);
}

int main(int argc, char** argv) {
  const double started = now();
  if (argc != 4) {
    fprintf(stderr, "usage: loop fork|vfork|posix_spawn|cow MIB SECONDS\n");
    return 2;
  }
  const size_t mib = strtoul(argv[2], NULL, 10);
  const double seconds = strtod(argv[3], NULL);
  double (*const time_one)(void) = strcmp(argv[1], "fork") == 0          ? time_fork
                                   : strcmp(argv[1], "vfork") == 0       ? time_vfork
                                   : strcmp(argv[1], "posix_spawn") == 0 ? time_spawn
                                   : strcmp(argv[1], "cow") == 0         ? time_copies
                                                                         : NULL;
  if (time_one == NULL || !(seconds > 0) || (time_one == time_copies && mib == 0)) {
    fprintf(stderr, "loop: %s %s %s: fork, vfork, posix_spawn or cow, a size in MiB, and seconds\n",
            argv[1], argv[2], argv[3]);
    return 2;
  }
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  populate(mib << 20);

  // Shared: a private one would be copied by every fork.
  double* samples = mmap(NULL, kMostSamples * sizeof *samples, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (samples == MAP_FAILED) fail("mmap");
  time_one();  // the first one is another: code and tables are cold
  int n = 0;
  double sum = 0;
  while (n < kMostSamples && (n == 0 || now() - started < seconds * 1e9)) {
    samples[n] = time_one();
    sum += samples[n++];
  }
  qsort(samples, (size_t)n, sizeof *samples, by_size);
  printf("%.3f %.3f %d\n", sum / n, samples[(n - 1) / 2], n);
  return fflush(stdout) == 0 ? 0 : 3;
}
