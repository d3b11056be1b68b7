// The threads of one call.
//
// XLA may run several handlers at once on the threads that helpers would come from, so that a
// helper may start late or never. A call therefore waits a bounded time, closes its team and runs
// with the helpers that have joined; a later one returns at once. From then on all of a team is
// running, and may meet at barriers. There are no threads of our own: nothing to fork, nothing to
// join at exit.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>

#include "threads/standby.h"

namespace rnn {

// A team's work: what is prepared once its size is known, and what each member then does.
class Work {
 public:
  virtual ~Work() = default;
  virtual void prepare(Index size) = 0;
  virtual void run(Index rank) = 0;
};

// Shared with helpers, and outlives the call if one of them starts too late.
class Team final : public Job {
 public:
  // What a helper does: join unless closed, wait for the start, work.
  void help() override {
    Index seen = joined_.load();
    do
      if (seen < 0) return;
    while (!joined_.compare_exchange_weak(seen, seen + 1));
    wait_until([&] { return started_.load(std::memory_order_acquire); });
    if (work_) work_->run(seen + 1);
    left_.fetch_add(1, std::memory_order_release);
  }

  // What the caller does: wait a while for helpers, work, wait for those who joined. Passes on what
  // preparing the work throws, after the helpers have been let go.
  void lead(Work& work, Index helpers, std::chrono::nanoseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    wait_until([&] {
      return joined_.load() == helpers || std::chrono::steady_clock::now() > deadline;
    });
    const Index joined = joined_.exchange(-1);
    std::exception_ptr failure;
    try {
      work.prepare(joined + 1);
      work_ = &work;
    } catch (...) {
      failure = std::current_exception();
    }
    started_.store(true, std::memory_order_release);
    if (!failure) work.run(0);
    wait_until([&] { return left_.load(std::memory_order_acquire) == joined; });
    if (failure) std::rethrow_exception(failure);
  }

 private:
  Work* work_ = nullptr;
  std::atomic<Index> joined_{0};  // -1: closed
  std::atomic<bool> started_{false};
  std::atomic<Index> left_{0};
};

// Runs `work` on up to `most` threads of a pool (anything with Schedule), the caller among them.
template <class Pool>
void run_team(Pool& pool, Index most, std::chrono::nanoseconds patience, Work& work) {
  auto team = std::make_shared<Team>();
  call_helpers(pool, most - 1, team);
  team->lead(work, most - 1, patience);
  standby().note_end();
}

}  // namespace rnn
