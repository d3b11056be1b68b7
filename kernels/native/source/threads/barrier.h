// Where the threads of a team wait for each other.
#pragma once

#include <sched.h>

#include <atomic>
#include <thread>

#include "math/vector.h"

namespace rnn {

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // yield is over at once
#endif
}

// Whether it was met before patience ended: about the time that the system takes to switch threads.
template <class Condition>
bool spin_until(Condition&& met) {
  for (int spins = 0; spins < 512; ++spins, relax())
    if (met()) return true;
  return false;
}

// Lets others run meanwhile: the thread that we wait for may need this very core.
template <class Condition>
void yield_until(Condition&& met) {
  while (!met()) std::this_thread::yield();
}

template <class Condition>
void wait_until(Condition&& met) {
  if (!spin_until(met)) yield_until(met);
}

#if defined(__linux__)
inline int current_core() { return sched_getcpu(); }

// Barring a thread from its core moves it at once, to any other that it may use. It may use all of
// them again afterwards, but as its own choice: it does not follow a cpuset that grows.
inline void leave_core(int core) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed)) return;
  cpu_set_t others = allowed;
  CPU_CLR(core, &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others)) return;
  sched_setaffinity(0, sizeof allowed, &allowed);
}
#else
inline int current_core() { return 0; }
inline void leave_core(int) {}
#endif

// Where `size` threads wait for each other. The last to come leaves its core if another waits there
// too: a system that balances its cores only now and then lets two take turns on one, a step each,
// for milliseconds, while another core idles. Of more than two only the latest note is seen.
class Barrier {
 public:
  explicit Barrier(Index size = 1) : size_(size) {}
  Barrier(const Barrier& other) : size_(other.size_) {}

  void wait() {
    if (size_ == 1) return;
    const Index generation = generation_.load(std::memory_order_relaxed);
    const auto met = [&] { return generation_.load(std::memory_order_acquire) != generation; };
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
      const bool crowded = is_crowded(generation);
      if (crowded) calm_until_ = generation + kCalm;
      arrived_.store(0, std::memory_order_relaxed);
      generation_.store(generation + 1, std::memory_order_release);
      if (crowded) leave_core(current_core());
    } else if (!spin_until(met)) {
      Index noted = -1;  // again where the system moves who waits
      yield_until([&] {
        const Index here = place(generation);
        if (here != noted) waiting_.store(noted = here, std::memory_order_relaxed);
        return met();
      });
    }
  }

 private:
  // Meetings after leaving a core until the next: where another process holds one, it does not help.
  static constexpr Index kCalm = 16;

  // When and where a thread waits: a late note is not taken for one of the next meeting.
  static Index place(Index generation) { return (generation << 16) + current_core(); }

  bool is_crowded(Index generation) const {
    const Index noted = waiting_.load(std::memory_order_relaxed);
    const bool now = noted >> 16 == generation && generation >= calm_until_;
    return now && noted == place(generation);
  }

  const Index size_;
  Index calm_until_ = 0;  // only the last to come reads and writes it
  alignas(64) std::atomic<Index> arrived_{0};
  alignas(64) std::atomic<Index> generation_{0};
  std::atomic<Index> waiting_{-1};
};

}  // namespace rnn
