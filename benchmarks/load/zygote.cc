// A process with N libraries loaded, made in two ways (axis path):
//   fork-server  a process that has loaded them forks (a zygote). main is where the fork goes on
//   exec         posix_spawn of the program that is linked with them, which loads them itself
// Nanoseconds as in `spawn`: main_start_ns is what a client waits for. As there, the server has a
// CPU of its own where there are two (axis placement): it exists to work beside its client.
//
// Memory is that of one more process which waits in main, while one other lives that has the same
// libraries: the server, or an earlier process. private_dirty_bytes, page_table_bytes, pss_bytes.
#include <spawn.h>

#include <algorithm>
#include <optional>

#include "benchmarks/cache_state.h"
#include "benchmarks/load/fork_server.h"
#include "benchmarks/load/groups.h"
#include "benchmarks/load/out_of_band.h"
#include "benchmarks/loader_run.h"
#include "harness/error.h"

namespace forkcost {
namespace {

constexpr int kMemoryProcesses = 3;

void look_at(Measurement& m, pid_t pid, const LoadPoint& point, OutOfBand& out_of_band) {
  const MemoryUse use = read_memory_use(pid);
  const size_t mapped = read_library_use(pid, point).libraries;
  m.verified({"generated libraries in the process", std::to_string(point.libraries),
              std::to_string(mapped), mapped == point.libraries});
  out_of_band.add(use);
}

void sample_forks(Measurement& m, const LoadPoint& point, const Image& image,
                  char* const* environment) {
  // The server inherits this; we go back to our own CPU once it is there.
  const auto& cpus = allowed_cpus();
  const auto other = std::ranges::find_if(cpus, [&](int cpu) { return cpu != m.cpu(); });
  std::optional<CpuBinding> binding;
  binding.emplace(Placement::kSameCpu, other == cpus.end() ? m.cpu() : *other);
  ForkServer server(m.timeline(), image, environment);
  binding.emplace(Placement::kSameCpu, m.cpu());
  OutOfBand out_of_band;
  for (int i = 0; i < kMemoryProcesses; ++i) {
    look_at(m, server.fork_waiting(), point, out_of_band);
    server.let_go();
  }
  while (m.next_sample()) {
    m.call();
    server.ask();
    server.pid();
    m.resumed(0);
    m.reaped(server.status());
    out_of_band.record(m);
  }
  server.end();
}

void sample_execs(Measurement& m, const LoadPoint& point, const Image& image,
                  char* const* environment, CacheState& cache) {
  WaitingImage other(m.timeline(), image, environment);
  OutOfBand out_of_band;
  for (int i = 0; i < kMemoryProcesses; ++i) {
    WaitingImage waiting(m.timeline(), image, environment);
    look_at(m, waiting.pid(), point, out_of_band);
    waiting.end();
  }
  while (m.next_sample()) {
    cache.before_sample();
    pid_t pid = -1;
    m.call();
    const int error =
        posix_spawn(&pid, image.path(), nullptr, nullptr, image.arguments(), environment);
    m.resumed(error == 0 ? pid : -1, error);
    m.reap();
    cache.after_sample(m);
    out_of_band.record(m);
  }
  other.end();
  cache.verify(m);
}

void measure_zygote(Measurement& m, const LoadPoint& point, bool forks) {
  require_generated(point);
  for (Check& check : verify_load_point(point)) m.verified(std::move(check));
  std::vector<std::filesystem::path> files = load_libraries(point);
  files.push_back(load_program(point));
  CacheState cache(std::move(files), false);
  const Image image(load_program(point), m.timeline());
  const Words environment(plain_environment());
  if (forks) {
    sample_forks(m, point, image, environment.get());
  } else {
    sample_execs(m, point, image, environment.get(), cache);
  }
}

Preset preset_of(size_t libraries) {
  if (libraries == 16) return Preset::kSmoke;
  return libraries == 0 || libraries == 256 ? Preset::kQuick : Preset::kStandard;
}

}  // namespace

void add_zygote_cases(std::vector<Case>& cases) {
  for (const bool forks : {true, false}) {
    const bool beside = forks && allowed_cpus().size() > 1;
    const Placement placement = beside ? Placement::kOtherCpu : Placement::kSameCpu;
    for (const size_t libraries : {0u, 1u, 16u, 64u, 256u}) {
      std::vector<forkcost_event> required = {FORKCOST_RESUMED, FORKCOST_MAIN, FORKCOST_EXIT,
                                              FORKCOST_REAPED};
      if (forks) required.push_back(FORKCOST_CHILD);
      const LoadPoint point{.libraries = libraries};
      cases.push_back({.benchmark = "zygote",
                       .axes = {{"path", forks ? "fork-server" : "exec"},
                                {"libraries", std::to_string(libraries)},
                                {"placement", placement_name(placement)}},
                       .preset = preset_of(libraries),
                       .placement = placement,
                       .required = std::move(required),
                       .primary = "main_start_ns",
                       .primary_cpu = "child_cpu_ns",
                       .body = [=](Measurement& m) { measure_zygote(m, point, forks); }});
    }
  }
}

}  // namespace forkcost
