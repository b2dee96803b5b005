/* The first process of a kernel that forkcost-boot boots: mounts what a program expects, runs the
   one command of the job, sends its status and its files over the console, and powers off.

   The job is /.forkcost-boot/job, strings that each end in NUL: a key, the number of arguments, the
   command and its arguments, the files to send. Everything for the host is a line that begins with
   @@KEY, and the key is in no output by accident. Static, so that it says what is wrong with an
   initramfs that has no libraries. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "sha256.h"

enum { MAX_VARIABLES = 32 }; /* no kernel passes more (MAX_INIT_ENVS) */

static const char job_file[] = "/.forkcost-boot/job";
static const char* key = "";

static void send_bytes(const char* from, size_t size) {
  while (size > 0) {
    const ssize_t written = write(STDOUT_FILENO, from, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return; /* nobody to tell; the host misses the end */
    from += written;
    size -= (size_t)written;
  }
}

/* A line for the host. It begins one, whatever the command has left on the console. */
__attribute__((format(printf, 1, 2))) static void tell(const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  char line[1152];
  const int size = snprintf(line, sizeof line, "\n@@%s %s\n", key, text);
  send_bytes(line, (size_t)size);
}

static _Noreturn void power_off(void) {
  tcdrain(STDOUT_FILENO);
  reboot(RB_POWER_OFF);
  /* A kernel that cannot power off may be able to restart, which ends QEMU as well. */
  reboot(RB_AUTOBOOT);
  for (;;) pause();
}

/* The job cannot be done in this guest. */
static _Noreturn void give_up(const char* what, const char* name) {
  tell("cannot %s %s: %s", what, name, strerror(errno));
  power_off();
}

static void mount_at(const char* type, const char* at, const char* options) {
  if (mkdir(at, 0755) != 0 && errno != EEXIST) give_up("make the directory", at);
  if (mount(type, at, type, 0, options) != 0 && errno != EBUSY) give_up("mount", at);
}

static void mount_all(void) {
  mount_at("devtmpfs", "/dev", "mode=0755");
  mount_at("proc", "/proc", NULL);
  mount_at("sysfs", "/sys", NULL);
  mount_at("tmpfs", "/tmp", "mode=1777");
  mount_at("tmpfs", "/dev/shm", "mode=1777");
  /* For what wants a disk; the initramfs is as near as there is. */
  if ((mkdir("/var", 0755) != 0 && errno != EEXIST) ||
      (mkdir("/var/tmp", 0755) != 0 && errno != EEXIST) || chmod("/var/tmp", 01777) != 0) {
    give_up("make the directory", "/var/tmp");
  }
  /* Not every kernel has ptys, and hardly a command wants one. */
  if (mkdir("/dev/pts", 0755) == 0) mount("devpts", "/dev/pts", "devpts", 0, "ptmxmode=0666");
}

/* Descriptors 0 to 2. The kernel opens /dev/console for us, if the initramfs has it. */
static void open_console(void) {
  const int console = open("/dev/console", O_RDWR | O_NOCTTY);
  if (console < 0) power_off();
  for (int fd = 0; fd < 3; ++fd) {
    if (dup2(console, fd) < 0) power_off();
  }
  if (console > 2) close(console);
  /* As it is: no CR before LF. */
  struct termios settings;
  if (tcgetattr(STDOUT_FILENO, &settings) == 0) {
    cfmakeraw(&settings);
    tcsetattr(STDOUT_FILENO, TCSANOW, &settings);
  }
}

/* The whole file and a NUL; never freed. */
static char* read_job(size_t* size) {
  const int fd = open(job_file, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) give_up("read", job_file);
  char* const text = malloc((size_t)status.st_size + 1);
  if (text == NULL) give_up("read", job_file);
  size_t have = 0;
  ssize_t got = 0;
  while ((got = read(fd, text + have, (size_t)status.st_size - have)) > 0) have += (size_t)got;
  if (got < 0) give_up("read", job_file);
  close(fd);
  text[have] = '\0';
  *size = have;
  return text;
}

/* The command's environment: of what the kernel's command line sets, only variables of ours. */
static void clean_environment(void) {
  static char* fixed[] = {"HOME=/", "TERM=dumb",
                          "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"};
  static char* all[MAX_VARIABLES + 1];
  size_t count = 0;
  while (count < sizeof fixed / sizeof *fixed) {
    all[count] = fixed[count];
    ++count;
  }
  for (char** given = environ; *given != NULL && count < MAX_VARIABLES; ++given) {
    if (strncmp(*given, "FORKCOST_", strlen("FORKCOST_")) == 0) all[count++] = *given;
  }
  environ = all;
}

/* Runs the command and tells how it ended. Orphans of the command are reaped on the way. */
static void run(char** command) {
  int failed[2];
  if (pipe2(failed, O_CLOEXEC) != 0) give_up("make a pipe for", command[0]);
  const pid_t pid = fork();
  if (pid < 0) give_up("fork for", command[0]);
  if (pid == 0) {
    const int null = open("/dev/null", O_RDONLY);
    if (null >= 0) dup2(null, STDIN_FILENO);
    if (null > 2) close(null);
    setsid();
    clean_environment();
    execvp(command[0], command);
    const int error = errno;
    if (write(failed[1], &error, sizeof error) < 0) _exit(126);
    _exit(127);
  }
  close(failed[1]);
  int error = 0;
  const ssize_t got = read(failed[0], &error, sizeof error);
  close(failed[0]);

  int status = 0;
  for (pid_t ended = 0; ended != pid;) {
    ended = wait(&status);
    if (ended < 0 && errno != EINTR) give_up("wait for", command[0]);
  }
  if (got == (ssize_t)sizeof error) {
    tell("unstarted %s", strerror(error));
  } else if (WIFSIGNALED(status)) {
    tell("signal %d", WTERMSIG(status));
  } else {
    tell("status %d", WEXITSTATUS(status));
  }
}

/* In base64, 57 bytes a line, between its number and its checksum. */
static void send_file(size_t number, const char* name) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  FILE* const file = fopen(name, "re");
  struct stat status;
  if (file == NULL || fstat(fileno(file), &status) != 0) {
    tell("missing %zu %s", number, strerror(errno));
    return;
  }
  if (!S_ISREG(status.st_mode)) {
    tell("missing %zu %s", number, "it is no plain file");
    return;
  }
  tell("file %zu", number);
  struct sha256 sum;
  sha256_begin(&sum);
  unsigned char in[57];
  size_t size = 0;
  while ((size = fread(in, 1, sizeof in, file)) > 0) {
    sha256_add(&sum, in, size);
    char out[77], *to = out;
    memset(in + size, 0, sizeof in - size);
    for (size_t i = 0; i < size; i += 3) {
      const unsigned bits = (unsigned)in[i] << 16 | (unsigned)in[i + 1] << 8 | in[i + 2];
      *to++ = digits[bits >> 18];
      *to++ = digits[bits >> 12 & 63];
      *to++ = i + 1 < size ? digits[bits >> 6 & 63] : '=';
      *to++ = i + 2 < size ? digits[bits & 63] : '=';
    }
    *to++ = '\n';
    send_bytes(out, (size_t)(to - out));
  }
  if (ferror(file)) {
    tell("missing %zu %s", number, strerror(errno));
  } else {
    const uint64_t bytes = sum.bytes;
    char hex[65];
    sha256_end(&sum, hex);
    tell("sent %zu %llu %s", number, (unsigned long long)bytes, hex);
  }
  fclose(file);
}

int main(void) {
  open_console();
  size_t size = 0;
  char* at = read_job(&size);
  const char* const end = at + size;
  key = at;
  at += strlen(at) + 1;
  const unsigned long arguments = at < end ? strtoul(at, NULL, 10) : 0;
  char** const command = calloc(arguments + 1, sizeof *command);
  if (arguments == 0 || command == NULL) {
    errno = EINVAL;
    give_up("understand", job_file);
  }
  at += strlen(at) + 1;
  for (unsigned long i = 0; i < arguments && at < end; ++i, at += strlen(at) + 1) command[i] = at;

  mount_all();
  tell("start");
  run(command);
  /* From here on only what is sent may stand on the console. The kernel may be one without printk.
   */
  enum { kConsoleOff = 6 };
  klogctl(kConsoleOff, NULL, 0);
  for (size_t number = 0; at < end; ++number, at += strlen(at) + 1) send_file(number, at);
  tell("end");
  power_off();
}
