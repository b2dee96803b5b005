/* Starts another image as an unrelated process would: from a session of its own, through a process
   that was exec'ed for nothing else. Stays until the image ended, and ends like it.
   Usage: launcher IMAGE ARGUMENT… */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  const pid_t starter = getppid();
  /* Whoever kills the one that started us means the image, too. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != starter) return 65;
  setsid();
  const pid_t self = getpid();
  const pid_t pid = fork();
  if (pid < 0) return 66;
  if (pid == 0) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == self) execv(argv[1], argv + 1);
    _exit(127);
  }
  /* Else the image would not be the only one that holds its sockets. */
  for (int descriptor = 3; descriptor < 64; ++descriptor) close(descriptor);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
