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

#include "threads/barrier.h"

namespace rnn {

class Standby {
  using Clock = std::chrono::steady_clock;

 public:
  using Task = std::function<void()>;

  // Hands a task to a helper that waits. The core it waits on, if there was one.
  std::optional<int> hand_over(const Task& task) {
    for (Place& place : places_) {
      Task* expected = &waiting_;
      if (place.task.load(std::memory_order_relaxed) != expected) continue;
      auto handed = std::make_unique<Task>(task);
      if (!place.task.compare_exchange_strong(expected, handed.get())) continue;
      handed.release();
      return place.core.load(std::memory_order_relaxed);
    }
    return std::nullopt;
  }

  // What a helper does after its work: take more, until none comes for a while.
  void stay() {
    while (const auto task = next_task()) (*task)();
  }

  // Whether the call that begins now follows one that has just ended.
  bool follows_closely() const { return Clock::now() - last_end_.load() < kStay; }
  void note_end() { last_end_.store(Clock::now()); }

 private:
  // Longer than a caller in Python takes from one call to the next, and not much longer than a thread
  // takes to wake up.
  static constexpr Clock::duration kStay = std::chrono::microseconds(100);

  // Task null: free. `&waiting_`: a helper waits here. Else: its task, until it takes it.
  struct alignas(64) Place {
    std::atomic<Task*> task{nullptr};
    // Where the helper was last seen: before its first note, where another was.
    std::atomic<int> core{0};

    void note(int here) {
      if (core.load(std::memory_order_relaxed) != here) core.store(here, std::memory_order_relaxed);
    }
  };

  std::unique_ptr<Task> next_task() {
    Place* const place = take_place();
    if (!place) return nullptr;
    const auto deadline = Clock::now() + kStay;
    wait_until([&] {
      place->note(current_core());
      return place->task.load() != &waiting_ || Clock::now() > deadline;
    });
    Task* const task = place->task.exchange(nullptr);
    return std::unique_ptr<Task>(task == &waiting_ ? nullptr : task);
  }

  Place* take_place() {
    for (Place& place : places_) {
      Task* expected = nullptr;
      if (place.task.load(std::memory_order_relaxed) != expected) continue;
      if (place.task.compare_exchange_strong(expected, &waiting_)) return &place;
    }
    return nullptr;
  }

  Task waiting_;  // never run: its address is a mark
  std::array<Place, 64> places_{};
  std::atomic<Clock::time_point> last_end_{};
};

// Never destroyed: helpers of a process that exits may still wait.
inline Standby& standby() {
  static Standby& one = *new Standby;
  return one;
}

// Runs `help` on up to so many other threads: on helpers that wait, then on threads of a pool. Whether
// all of them were awake already, and last seen on other cores than the caller.
template <class Pool, class Help>
bool call_helpers(Pool& pool, Index helpers, const Help& help) {
  const auto caller = std::this_thread::get_id();
  const int core = current_core();
  const auto help_elsewhere = [help, core] {
    // On the caller's core it would only take turns with it.
    if (const int here = current_core(); here == core) leave_core(here);
    help();
  };
  const auto help_and_stay = [help_elsewhere, caller, closely = standby().follows_closely()] {
    // A pool that cannot queue a task runs it here and now, in the caller: no helper.
    if (std::this_thread::get_id() == caller) return;
    help_elsewhere();
    if (closely) standby().stay();
  };
  try {
    const Standby::Task task = help_elsewhere;
    Index called = 0, elsewhere = 0;
    for (; called < helpers; ++called) {
      const auto where = standby().hand_over(task);
      if (!where) break;
      elsewhere += *where != core;
    }
    for (; called < helpers; ++called) pool.Schedule(Standby::Task(help_and_stay));
    return elsewhere == helpers;
  } catch (const std::bad_alloc&) {
    // The call goes on with those who were called: they may have begun, and it must wait for them.
    return false;
  }
}

}  // namespace rnn
