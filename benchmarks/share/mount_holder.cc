#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <string>

#include "benchmarks/share/files.h"
#include "harness/error.h"

namespace forkcost {
namespace {

[[noreturn]] void hold_mounts(MountChannel& channel, const char* file, const char* const* points,
                              size_t count) noexcept {
  channel.become_worker();
  const auto give_up = [&](bool doing_namespace) {
    _exit(channel.answer({.error = errno, .doing_namespace = doing_namespace}) ? 0 : 66);
  };
  // Who is not root has the right to mount in a user namespace.
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) give_up(true);
  // Else our mounts would show up in everybody's namespace.
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) give_up(true);
  for (size_t i = 0; i < count; ++i) {
    if (mount(file, points[i], nullptr, MS_BIND, nullptr) != 0) give_up(false);
  }
  if (!channel.answer({})) _exit(66);
  channel.next_order();  // there is none: it is let go
  _exit(0);
}

}  // namespace

MountHolder::MountHolder(Timeline& timeline, const std::filesystem::path& file,
                         const std::vector<std::filesystem::path>& points) {
  std::vector<const char*> names;
  for (const auto& point : points) names.push_back(point.c_str());
  timeline.reset();
  child_ = std::make_unique<Child>(
      fork_worker(timeline, "fork of the process that holds the mounts",
                  [&] { hold_mounts(channel_, file.c_str(), names.data(), names.size()); }));
  channel_.become_master();
  const auto answer = channel_.hear();
  if (!answer) {
    child_->reap(timeline);  // says why
    throw Failure("the process that holds the mounts ended");
  }
  if (answer->error == 0) return;
  const char* const doing =
      answer->doing_namespace ? "a mount namespace of our own" : "a bind mount in one of our own";
  if (answer->doing_namespace || answer->error == EPERM || answer->error == EACCES) {
    throw Skip(describe_errno(doing, answer->error,
                              "bind mounts take root (CAP_SYS_ADMIN), or a kernel that lets users "
                              "have namespaces: look at user.max_user_namespaces, "
                              "kernel.unprivileged_userns_clone and the seccomp filter"));
  }
  throw_errno(doing, answer->error);
}

std::filesystem::path MountHolder::inside(const std::filesystem::path& path) const {
  return "/proc/" + std::to_string(child_->pid()) + "/root" + path.string();
}

}  // namespace forkcost
