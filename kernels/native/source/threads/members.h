// Who takes part in a call: helpers join until the caller closes, and it waits for those who did.
#pragma once

#include <atomic>
#include <thread>

#include "threads/barrier.h"

namespace rnn {

class Members {
 public:
  Members() : caller_(std::this_thread::get_id()) {}

  // A helper's: whether it may take part, and as which.
  bool join(Index* rank) {
    // A pool that cannot queue a task runs it here and now, in the caller: no helper.
    if (std::this_thread::get_id() == caller_) return false;
    Index seen = joined_.load();
    do
      if (seen < 0) return false;
    while (!joined_.compare_exchange_weak(seen, seen + 1));
    *rank = seen + 1;
    return true;
  }
  void leave() { left_.fetch_add(1, std::memory_order_release); }

  // The caller's: how many have joined, and no more after this.
  Index joined() const { return joined_.load(); }
  Index close() { return joined_.exchange(-1); }
  void wait_for(Index joined) {
    wait_until([&] { return left_.load(std::memory_order_acquire) == joined; });
  }

 private:
  const std::thread::id caller_;
  std::atomic<Index> joined_{0};  // -1: closed
  std::atomic<Index> left_{0};
};

}  // namespace rnn
