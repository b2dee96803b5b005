// Which call should start another program, by the size of the process that starts it?
//
// Every path runs the same image (axis image: nolibc, static, dynamic), which stamps its own first
// instruction and the first line of main, then ends. So main_start_ns (call -> main) is comparable
// between paths that hold the caller (vfork, posix_spawn, clone-vm) and paths that do not;
// blocked_ns and blocked_cpu_ns say how long the caller was away. Nanoseconds.
//
// Parent and image share one CPU, so that no figure depends on where the scheduler puts the child;
// system and popen run a shell in between. fork-server asks a small process, forked before the heap
// was there, over a socket: it forks and execs, and says the pid (resumed) and the end (reaped). It
// exists to work beside its client, so it has another CPU: on one its answer would wait for the
// image to end, and left to the scheduler it is now here, now there (seen: blocked 77 to 230 us).
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "benchmarks/image.h"
#include "harness/answer_rows.h"
#include "harness/error.h"
#include "harness/measurement.h"
#include "harness/size.h"

namespace forkcost {
namespace {

void measure_fork(Measurement& m, const Image& image) {
  while (m.next_sample()) {
    m.call();
    const pid_t pid = fork();
    if (pid == 0) exec_image(m.timeline(), image);
    m.resumed(pid);
    m.reap();
  }
}

void measure_vfork(Measurement& m, const Image& image) {
  while (m.next_sample()) {
    m.call();
    const pid_t pid = vfork();
    if (pid == 0) exec_image(m.timeline(), image);
    m.resumed(pid);
    m.reap();
  }
}

void measure_posix_spawn(Measurement& m, const Image& image) {
  while (m.next_sample()) {
    m.call();
    pid_t pid = -1;
    const int error = posix_spawn(&pid, image.path(), nullptr, nullptr, image.arguments(), environ);
    m.resumed(error == 0 ? pid : -1, error);
    m.reap();
  }
}

// Ten file actions and two attributes: what a build tool or a container runtime asks for.
class SpawnRequest {
 public:
  SpawnRequest() {
    require(posix_spawn_file_actions_init(&actions_));
    require(posix_spawnattr_init(&attributes_));
    constexpr int kFirst = 100;  // clear of what is open
    for (int i = 0; i < 3; ++i) {
      require(posix_spawn_file_actions_addopen(&actions_, kFirst + i, "/dev/null", O_RDWR, 0));
      require(posix_spawn_file_actions_adddup2(&actions_, kFirst + i, kFirst + 3 + i));
      require(posix_spawn_file_actions_addclose(&actions_, kFirst + i));
    }
    require(posix_spawn_file_actions_addclose(&actions_, kFirst + 3));
    sigset_t signals;
    sigemptyset(&signals);
    require(posix_spawnattr_setsigmask(&attributes_, &signals));
    sigaddset(&signals, SIGPIPE);
    require(posix_spawnattr_setsigdefault(&attributes_, &signals));
    require(posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  }
  ~SpawnRequest() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnRequest(const SpawnRequest&) = delete;
  SpawnRequest& operator=(const SpawnRequest&) = delete;

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  static void require(int error) {
    if (error != 0) throw_errno("preparing posix_spawn", error);
  }
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

void measure_posix_spawn_actions(Measurement& m, const Image& image) {
  const SpawnRequest request;
  while (m.next_sample()) {
    m.call();
    pid_t pid = -1;
    const int error = posix_spawn(&pid, image.path(), request.actions(), request.attributes(),
                                  image.arguments(), environ);
    m.resumed(error == 0 ? pid : -1, error);
    m.reap();
  }
}

void measure_clone_vm(Measurement& m, const Image& image) {
  struct Context {
    Timeline& timeline;
    const Image& image;
  } context{m.timeline(), image};
  const auto child = [](void* argument) -> int {
    const auto& its = *static_cast<Context*>(argument);
    exec_image(its.timeline, its.image);
  };
  alignas(16) std::array<char, 64 * 1024> stack;
  while (m.next_sample()) {
    m.call();
    const pid_t pid =
        clone(child, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &context);
    m.resumed(pid);
    m.reap();
  }
}

// A copy like fork's; the caller gets a descriptor of the child as well.
void measure_clone3_pidfd(Measurement& m, const Image& image) {
  while (m.next_sample()) {
    int descriptor = -1;
    clone_args arguments{};
    arguments.flags = CLONE_PIDFD;
    arguments.pidfd = reinterpret_cast<uintptr_t>(&descriptor);
    arguments.exit_signal = SIGCHLD;
    m.call();
    const auto pid = static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid == 0) exec_image(m.timeline(), image);
    m.resumed(pid);
    m.reap();
    close(descriptor);
  }
}

void measure_system(Measurement& m, const Image& image) {
  const std::string command = image.command_line();
  while (m.next_sample()) {
    m.call();
    const int status = system(command.c_str());
    m.resumed(status == -1 ? -1 : 0);
    m.reaped(status);
  }
}

void measure_popen(Measurement& m, const Image& image) {
  const std::string command = image.command_line();
  while (m.next_sample()) {
    m.call();
    FILE* const pipe = popen(command.c_str(), "re");
    m.resumed(pipe == nullptr ? -1 : 0);
    m.reaped(pclose(pipe));
  }
}

// The server's side of fork-server: forks and execs for every order, answers with the pid, or errno
// below 0, and when the image ended with its status.
[[noreturn]] void serve(Timeline& timeline, const Image& image, ImageChannel& channel) noexcept {
  channel.become_worker();
  while (channel.next_order()) {
    const pid_t pid = fork();
    if (pid == 0) exec_image(timeline, image);
    int status = 0;
    if (!channel.answer(pid < 0 ? -errno : pid)) break;
    if (pid < 0) continue;
    if (waitpid(pid, &status, 0) != pid || !channel.answer(status)) break;
  }
  _exit(0);
}

void measure_fork_server(Measurement& m, const Image& image) {
  Measurement::drop_arena();  // the server is to be small
  ImageChannel channel;
  // The server inherits this; we go back to our own CPU once it is there.
  const auto& cpus = allowed_cpus();
  const auto other = std::ranges::find_if(cpus, [&](int cpu) { return cpu != m.cpu(); });
  std::optional<CpuBinding> binding;
  binding.emplace(Placement::kSameCpu, other == cpus.end() ? m.cpu() : *other);
  const Child server(fork_worker(m.timeline(), "fork of the server",
                                 [&] { serve(m.timeline(), image, channel); }));
  binding.emplace(Placement::kSameCpu, m.cpu());
  channel.become_master();
  const auto receive = [&] {
    const auto answer = channel.hear();
    if (!answer) throw Failure("the fork server died or did not answer in time");
    return *answer;
  };
  while (m.next_sample()) {
    m.call();
    if (!channel.tell(kGo)) throw Failure("the fork server died");
    const pid_t image_pid = receive();
    if (image_pid < 0) m.resumed(-1, -image_pid);
    m.resumed(0);
    m.reaped(receive());
  }
}

struct Path {
  const char* name;
  void (*body)(Measurement&, const Image&);
  bool child_is_ours;   // it stamps `child` and `exec`
  bool common;          // in the quick preset at every size
  bool beside = false;  // a process of its own makes the child, on another CPU
  bool answers = true;  // a row of the answer; not what differs little from another
};

constexpr std::array<Path, 9> kPaths = {
    {{"fork", measure_fork, true, true},
     {"vfork", measure_vfork, true, true},
     {"posix_spawn", measure_posix_spawn, false, true},
     {"posix_spawn-actions", measure_posix_spawn_actions, false, false, false, false},
     {"clone-vm", measure_clone_vm, true, false, false, false},
     {"clone3-pidfd", measure_clone3_pidfd, true, false, false, false},
     {"system", measure_system, false, false},
     {"popen", measure_popen, false, false},
     {"fork-server", measure_fork_server, true, true, true}}};

Placement placement_of(const Path& path) {
  const bool other = path.beside && allowed_cpus().size() > 1;
  return other ? Placement::kOtherCpu : Placement::kSameCpu;
}

constexpr std::array<const char*, 3> kImages = {"nolibc", "static", "dynamic"};

// nolibc shows the kernel alone and is looked at at every size; dynamic is what users start.
Preset preset_of(const Path& path, std::string_view image, const HeapSize& heap) {
  const bool at_small_or_middle = heap.bytes == 0 || heap.bytes == 256 * kMiB;
  // Populating more takes longer than measuring: standard shows there that the lines go on.
  if (heap.bytes > kGiB && (image != "nolibc" || !path.common || path.beside)) return Preset::kFull;
  if (image == "nolibc" && (path.common || at_small_or_middle)) {
    return std::max(heap.preset,
                    path.common && heap.bytes <= 16 * kMiB ? Preset::kSmoke : Preset::kQuick);
  }
  if (path.common && at_small_or_middle) return std::max(heap.preset, Preset::kQuick);
  if (heap.bytes >= kGiB && !path.common) return Preset::kFull;
  return std::max(heap.preset, Preset::kStandard);
}

// The kernel's part of each way to start a program; of posix_spawn also from a large parent, and
// what users start.
std::vector<std::string_view> core_of(const Path& path, std::string_view image,
                                      const HeapSize& heap) {
  const std::string_view name = path.name;
  const bool spawn = name == "posix_spawn";
  const bool empty = heap.bytes == 0 && (spawn || name == "fork" || name == "vfork");
  const bool large = heap.bytes == 64 * kMiB && spawn;
  const bool core =
      image == "nolibc" ? empty || large : image == "dynamic" && spawn && heap.bytes == 0;
  return core ? std::vector<std::string_view>{"main_start_ns"} : std::vector<std::string_view>();
}

}  // namespace

std::vector<Axis> program_axes() {
  return {};  // all are shared
}

// What a caller chooses between: every path starts the same image from the same heap.
std::vector<AnswerSection> answer_sections() {
  const auto columns = [](const char* group, const char* heap) -> std::vector<AnswerFigure> {
    return {
        {.title = "blocked", .group = group, .axes = {{"heap", heap}}, .quantity = "blocked_ns"},
        {.title = "to main", .group = group, .axes = {{"heap", heap}}, .quantity = "main_start_ns"},
        {.title = "faster",
         .group = group,
         .axes = {{"heap", heap}},
         .quantity = "main_start_ns",
         .reduce = Reduce::kSpeedup,
         .to = {{"path", "fork"}, {"placement", placement_name(Placement::kSameCpu)}}}};
  };
  AnswerSection section{
      .title = "started by",
      .place = 10,
      .layout = Layout::kTable,
      .benchmark = "spawn",
      .axes = {{"image", "nolibc"}, {"backing", backing_name(Backing::kBasePages)}}};
  for (const auto& [group, heap] :
       {std::pair{"empty process", "0"}, {"{heap}", "256MiB"}, {"{heap}", kLargest}}) {
    for (AnswerFigure& column : columns(group, heap)) section.columns.push_back(std::move(column));
  }
  for (const Path& path : kPaths) {
    if (!path.answers) continue;
    section.rows.push_back(
        {.title = path.name,
         .axes = {{"path", path.name}, {"placement", placement_name(placement_of(path))}}});
  }
  return {section};
}

std::vector<Case> register_cases(const std::vector<HeapSize>& heaps) {
  std::vector<Case> cases;
  for (const Path& path : kPaths) {
    const Placement placement = placement_of(path);
    for (const std::string image_name : kImages) {
      for (const HeapSize& heap : heaps) {
        std::vector<forkcost_event> required = {FORKCOST_RESUMED, FORKCOST_MAIN, FORKCOST_EXIT,
                                                FORKCOST_REAPED};
        if (path.child_is_ours) required.insert(required.end(), {FORKCOST_CHILD, FORKCOST_EXEC});
        // Those with libc read the CPU's counter at their entry point, and nothing where that is no
        // clock.
        if (clock_internal::use_counter) required.push_back(FORKCOST_ENTRY);
        if (image_name == "nolibc" || (image_name == "static" && clock_internal::use_counter)) {
          required.push_back(FORKCOST_IMAGE);
        }
        cases.push_back({.benchmark = "spawn",
                         .axes = {{"path", path.name},
                                  {"image", image_name},
                                  {"heap", format_size(heap.bytes)},
                                  {"backing", backing_name(Backing::kBasePages)},
                                  {"placement", placement_name(placement)}},
                         .preset = preset_of(path, image_name, heap),
                         .arena = ArenaSpec{heap.bytes, Backing::kBasePages},
                         .placement = placement,
                         .required = std::move(required),
                         .call = path.name,
                         .core = core_of(path, image_name, heap),
                         .body = [body = path.body, image_name](Measurement& m) {
                           const Image image(image_name, m.timeline());
                           body(m, image);
                         }});
      }
    }
  }
  return cases;
}

}  // namespace forkcost
