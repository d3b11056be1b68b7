// One thread of a team to a core.
#pragma once

#include <sched.h>

#include <array>
#include <atomic>
#include <cstdint>

namespace rnn {

// A thread that was asleep often wakes up on the core of the thread that woke it, and the scheduler
// takes milliseconds to part them: longer than most calls. So each thread of a team claims its core,
// and one that finds it taken moves to another. Nothing is pinned: its affinity is as before.
class Cores {
 public:
  void claim() {
    cpu_set_t allowed, free;
    if (take(sched_getcpu()) || sched_getaffinity(0, sizeof allowed, &allowed)) return;
    CPU_ZERO(&free);
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &allowed) && !taken(core)) CPU_SET(core, &free);
    if (!CPU_COUNT(&free) || sched_setaffinity(0, sizeof free, &free)) return;
    take(sched_getcpu());
    sched_setaffinity(0, sizeof allowed, &allowed);
  }

 private:
  static std::uint64_t bit(int core) { return std::uint64_t(1) << core % 64; }
  bool taken(int core) const { return taken_[core / 64] & bit(core); }
  // Whether it was free until now; a core of unknown number always is.
  bool take(int core) {
    return core < 0 || core >= CPU_SETSIZE || !(taken_[core / 64].fetch_or(bit(core)) & bit(core));
  }

  std::array<std::atomic<std::uint64_t>, CPU_SETSIZE / 64> taken_{};
};

}  // namespace rnn
