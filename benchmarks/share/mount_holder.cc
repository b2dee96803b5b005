#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "benchmarks/share/files.h"
#include "harness/error.h"

namespace forkcost {
namespace {

struct Answer {
  int error = 0;
  bool doing_namespace = false;
};

[[noreturn]] void hold_mounts(Timeline& timeline, int socket, pid_t parent, const char* file,
                              const char* const* points, size_t count) noexcept {
  die_with_parent(timeline, parent);
  Answer answer;
  const auto give_up = [&](bool doing_namespace) {
    answer = {.error = errno, .doing_namespace = doing_namespace};
    _exit(write(socket, &answer, sizeof answer) == sizeof answer ? 0 : 66);
  };
  // Who is not root has the right to mount in a user namespace.
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) give_up(true);
  // Else our mounts would show up in everybody's namespace.
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) give_up(true);
  for (size_t i = 0; i < count; ++i) {
    if (mount(file, points[i], nullptr, MS_BIND, nullptr) != 0) give_up(false);
  }
  if (write(socket, &answer, sizeof answer) != sizeof answer) _exit(66);
  char byte;
  while (read(socket, &byte, 1) < 0 && errno == EINTR) {
  }
  _exit(0);
}

}  // namespace

MountHolder::MountHolder(Timeline& timeline, const std::filesystem::path& file,
                         const std::vector<std::filesystem::path>& points) {
  std::array<int, 2> sockets{};
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()), "socketpair",
        "raise ulimit -n");
  alive_ = FileDescriptor(sockets[0]);
  FileDescriptor theirs(sockets[1]);
  std::vector<const char*> names;
  for (const auto& point : points) names.push_back(point.c_str());
  timeline.reset();
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) throw_creation_failed("fork of the process that holds the mounts", errno);
  if (pid == 0) {
    close(sockets[0]);
    hold_mounts(timeline, theirs.get(), parent, file.c_str(), names.data(), names.size());
  }
  child_ = std::make_unique<Child>(pid);
  theirs.reset();
  Answer answer;
  if (read(alive_.get(), &answer, sizeof answer) != sizeof answer) {
    child_->reap(timeline);  // says why
    throw Failure("the process that holds the mounts ended");
  }
  if (answer.error == 0) return;
  const char* const doing =
      answer.doing_namespace ? "a mount namespace of our own" : "a bind mount in one of our own";
  if (answer.doing_namespace || answer.error == EPERM || answer.error == EACCES) {
    throw Skip(describe_errno(doing, answer.error,
                              "bind mounts take root (CAP_SYS_ADMIN), or a kernel that lets users "
                              "have namespaces: look at user.max_user_namespaces, "
                              "kernel.unprivileged_userns_clone and the seccomp filter"));
  }
  throw_errno(doing, answer.error);
}

std::filesystem::path MountHolder::inside(const std::filesystem::path& path) const {
  return "/proc/" + std::to_string(child_->pid()) + "/root" + path.string();
}

}  // namespace forkcost
