// Helpers that stay awake for the next call.
//
// A step of few rows is over in less time than a sleeping thread takes to wake up. So where calls
// follow each other closely, a helper does not go back to its pool at once: it waits a little, and
// the next call hands its work over.
//
// A forked child inherits the places of helpers, but not the helpers: what it hands over there is
// never run. No call depends on it, for none waits long for a helper that has not begun.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "threads/barrier.h"

namespace rnn {

// What a call lets other threads help with.
class Job {
 public:
  virtual ~Job() = default;
  virtual void help() = 0;
};

// A request to help with a job. It keeps the job alive: the helper may begin after the call has ended.
struct Task {
  std::shared_ptr<Job> job;
  int core;  // the caller's

  void run() const {
    // On the caller's core it would only take turns with it.
    if (const int here = current_core(); here == core) leave_core(here);
    job->help();
  }
};

class Standby {
  using Clock = std::chrono::steady_clock;

 public:
  // Hands a task to a helper that waits. The core it waits on, if there was one. Allocates nothing:
  // what one thread allocates and another frees costs both of them.
  std::optional<int> hand_over(const Task& task) {
    for (Place& place : places_) {
      if (!place.moves(kWaiting, kFilling)) continue;
      place.task = task;
      const int core = place.core.load(std::memory_order_relaxed);
      place.state.store(kFull, std::memory_order_release);
      return core;
    }
    return std::nullopt;
  }

  // What a helper does after its work: take more, until none comes for a while.
  void stay() {
    while (const auto task = next_task()) task->run();
  }

  // Whether the call that begins now follows one that has just ended.
  bool follows_closely() const { return Clock::now() - last_end_.load() < kStay; }
  void note_end() { last_end_.store(Clock::now()); }

 private:
  // Longer than a caller in Python takes from one call to the next, and not much longer than a thread
  // takes to wake up.
  static constexpr Clock::duration kStay = std::chrono::microseconds(100);

  // A helper waits at a place; a caller puts a task there.
  enum State { kFree, kWaiting, kFilling, kFull };
  struct alignas(64) Place {
    std::atomic<State> state{kFree};
    // Where the helper was last seen: before its first note, where another was.
    std::atomic<int> core{0};
    Task task;

    bool moves(State from, State to) {
      return state.load(std::memory_order_relaxed) == from && state.compare_exchange_strong(from, to);
    }
    void note(int here) {
      if (core.load(std::memory_order_relaxed) != here) core.store(here, std::memory_order_relaxed);
    }
  };

  std::optional<Task> next_task() {
    Place* const place = take_place();
    if (!place) return std::nullopt;
    const auto deadline = Clock::now() + kStay;
    const auto full = [&] { return place->state.load(std::memory_order_acquire) == kFull; };
    wait_until([&] {
      place->note(current_core());
      return full() || Clock::now() > deadline;
    });
    if (place->moves(kWaiting, kFree)) return std::nullopt;
    wait_until(full);  // a caller has begun to fill it
    std::optional<Task> task(std::move(place->task));
    place->state.store(kFree, std::memory_order_release);
    return task;
  }

  Place* take_place() {
    for (Place& place : places_)
      if (place.moves(kFree, kWaiting)) return &place;
    return nullptr;
  }

  std::array<Place, 64> places_{};
  std::atomic<Clock::time_point> last_end_{};
};

// Never destroyed: helpers of a process that exits may still wait.
inline Standby& standby() {
  static Standby& one = *new Standby;
  return one;
}

// Lets up to so many other threads help: helpers that wait, then threads of a pool. Whether all of them
// were awake already, and last seen on other cores than the caller.
template <class Pool>
bool call_helpers(Pool& pool, Index helpers, const std::shared_ptr<Job>& job) {
  const Task task{job, current_core()};
  Index called = 0, elsewhere = 0;
  for (; called < helpers; ++called) {
    const auto where = standby().hand_over(task);
    if (!where) break;
    elsewhere += *where != task.core;
  }
  if (called == helpers) return elsewhere == helpers;
  const auto help_and_stay = [task, caller = std::this_thread::get_id(),
                              closely = standby().follows_closely()] {
    // A pool that cannot queue a task runs it here and now, in the caller: no helper.
    if (std::this_thread::get_id() == caller) return;
    task.run();
    if (closely) standby().stay();
  };
  try {
    for (; called < helpers; ++called) pool.Schedule(std::function<void()>(help_and_stay));
  } catch (const std::bad_alloc&) {
    // The call goes on with those who were called: they may have begun, and it must wait for them.
  }
  return false;
}

}  // namespace rnn
