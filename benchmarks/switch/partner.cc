#include "benchmarks/switch/partner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>

#include <atomic>
#include <sstream>
#include <system_error>
#include <vector>

#include "harness/error.h"
#include "harness/files.h"
#include "harness/procfs.h"
#include "harness/touch.h"

namespace forkcost {
namespace {

volatile int word_of_ours = 0;
std::atomic<forkcost_turns*> watched = nullptr;

// A partner that died will never wake us.
void on_child_end(int) {
  forkcost_turns* const turns = watched;
  if (turns == nullptr) return;
  __atomic_store_n(&turns->stop, 1U, __ATOMIC_RELEASE);
  __atomic_store_n(&turns->turn, static_cast<uint32_t>(FORKCOST_FIRST), __ATOMIC_RELEASE);
}

[[noreturn]] void be_forked_partner(Timeline& timeline, forkcost_turns& turns,
                                    const Image* image) noexcept {
  if (turns.by_pipe != 0) {
    close(turns.from[FORKCOST_FIRST]);
    close(turns.to[FORKCOST_FIRST]);
  }
  if (image != nullptr) exec_image(timeline, *image);
  settle_thread();
  word_of_ours = 1;
  forkcost_be_partner(&turns);
  _exit(0);
}

}  // namespace

const char* between_name(Between between) {
  static constexpr std::array<const char*, 3> kNames = {"threads", "forked", "exec"};
  return kNames.at(static_cast<size_t>(between));
}

ThreadState read_thread_state(pid_t process, pid_t thread) {
  const std::string directory = fmt::format("/proc/{}/task/{}/", process, thread);
  const auto status = read_text_file(directory + "status").value_or("");
  const auto voluntary = find_field(status, "voluntary_ctxt_switches");
  const auto involuntary = find_field(status, "nonvoluntary_ctxt_switches");
  const std::string stat = read_text_file(directory + "stat").value_or("");
  // Behind the name, which may hold anything, come the fields from the third on.
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  constexpr int kProcessor = 39;  // proc(5)
  std::string cpu;
  for (int field = 3; field <= kProcessor; ++field) fields >> cpu;
  if (!voluntary || !involuntary || !fields) {
    throw Failure(directory + " cannot be read: the partner is gone, or not ours");
  }
  return {.switches = static_cast<int64_t>(*voluntary + *involuntary), .cpu = std::stoi(cpu)};
}

SignalHandler::SignalHandler(int signal, void (*handler)(int)) : signal_(signal) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_NOCLDSTOP;
  check(sigaction(signal, &action, &before_), "sigaction");
}

SignalHandler::~SignalHandler() {
  sigaction(signal_, &before_, nullptr);
}

SharedTurns::SharedTurns(const TurnSpec& spec)
    : descriptor_(check(memfd_create("forkcost-turns", 0), "memfd_create")) {
  check(ftruncate(descriptor_.get(), sizeof *turns_), "ftruncate of the turns");
  void* const memory = mmap(nullptr, sizeof *turns_, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_POPULATE, descriptor_.get(), 0);
  if (memory == MAP_FAILED) throw_errno("mmap of the turns", errno);
  turns_ = static_cast<forkcost_turns*>(memory);
  turns_->pages = spec.pages;
  turns_->by_pipe = spec.by_pipe;
  watched = turns_;
}

SharedTurns::~SharedTurns() {
  watched = nullptr;
  munmap(turns_, sizeof *turns_);
}

Partner::Partner(Timeline& timeline, const TurnSpec& spec)
    : timeline_(timeline),
      turns_(spec),
      on_pipe_(SIGPIPE, SIG_IGN),  // EPIPE says that it is gone
      on_child_(SIGCHLD, on_child_end) {
  word_of_ours = 0;
  if (spec.by_pipe) open_pipes();
  if (spec.between == Between::kThreads) {
    start_thread();
  } else {
    start_process(spec.between);
  }
}

void Partner::open_pipes() {
  for (size_t i = 0; i < pipes_.size(); i += 2) {
    std::array<int, 2> ends{};
    check(pipe2(ends.data(), 0), "pipe2", "raise ulimit -n");
    pipes_[i] = FileDescriptor(ends[0]);
    pipes_[i + 1] = FileDescriptor(ends[1]);
  }
  turns().from[FORKCOST_PARTNER] = pipes_[0].get();
  turns().to[FORKCOST_FIRST] = pipes_[1].get();
  turns().from[FORKCOST_FIRST] = pipes_[2].get();
  turns().to[FORKCOST_PARTNER] = pipes_[3].get();
}

void Partner::start_thread() {
  try {
    thread_ = std::thread([turns = turns_.get()] {
      word_of_ours = 1;
      forkcost_be_partner(turns);
    });
  } catch (const std::system_error& error) {
    throw_creation_failed("a thread", error.code().value());
  }
}

void Partner::start_process(Between between) {
  std::unique_ptr<const Image> image;
  if (between == Between::kExec) {
    image = std::make_unique<Image>("partner", timeline_,
                                    std::vector{std::to_string(turns_.descriptor())});
  }
  child_ = std::make_unique<Child>(fork_worker(timeline_, "fork of the partner", [&] {
    be_forked_partner(timeline_, turns(), image.get());
  }));
  pipes_[0].reset();  // else we would not notice when it dies
  pipes_[3].reset();
}

Partner::~Partner() {
  stop();
}

pid_t Partner::process() const {
  return child_ ? child_->pid() : getpid();
}

bool Partner::shares_our_memory() const {
  return word_of_ours == 1;
}

void Partner::stop() {
  __atomic_store_n(&turns().stop, 1U, __ATOMIC_RELEASE);
  forkcost_give_turn(&turns(), FORKCOST_FIRST);
  if (thread_.joinable()) thread_.join();
}

void Partner::end() {
  stop();
  if (child_) child_->reap(timeline_);
}

}  // namespace forkcost
