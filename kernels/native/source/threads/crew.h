// Work in parts that threads take one after the other. Nobody waits for a thread that starts late: it
// takes what is left.
//
// It suits a pass that is over in about the time that a thread takes to wake up. `team.h` is for
// passes whose threads meet again and again.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "math/product.h"
#include "threads/standby.h"

namespace rnn {

// Stages one after the other, the parts of one in any order.
class Staged {
 public:
  virtual ~Staged() = default;
  virtual std::vector<Index> parts() const = 0;  // of each stage
  virtual void run(Index stage, Index part) = 0;
};

// Shared with helpers, and outlives the call if one of them starts too late: it then finds no part, and
// does not touch the work. Each of up to `most` threads has parts of its own, which lie beside each
// other, and then takes from the others'.
class Crew final : public Job {
 public:
  Crew(Staged& work, Index most)
      : work_(work), most_(most), parts_(work.parts()), counters_(parts_.size() * (most + 1)) {
    for (Index s = 0; s < stages(); ++s)
      for (Index i = 0; i < most; ++i) next(s, i) = share(s, i).first;
  }

  // What a helper does: take parts while there are some.
  void help() override { take_parts(helpers_.fetch_add(1) + 1); }

  // What the caller does, until all is done. The system may have put a helper on the caller's core,
  // where it would wait for the caller to end: unless helpers were last seen elsewhere, the caller
  // yields once, and the helper moves away.
  void lead(bool helpers_elsewhere) {
    if (!helpers_elsewhere) std::this_thread::yield();
    take_parts(0);
  }

 private:
  struct alignas(64) Counter {
    std::atomic<Index> value{0};
  };

  Index stages() const { return Index(parts_.size()); }
  // A thread's own parts of a stage, the next of them that nobody has taken, and how many are done.
  Range share(Index stage, Index i) const { return part({0, parts_[stage]}, i, most_); }
  std::atomic<Index>& next(Index stage, Index i) { return counter(stage, i); }
  std::atomic<Index>& done(Index stage) { return counter(stage, most_); }
  std::atomic<Index>& counter(Index stage, Index i) {
    return counters_[stage * (most_ + 1) + i].value;
  }

  void take_parts(Index rank) {
    for (Index s = 0; s < stages(); ++s) {
      for (Index i = 0; i < most_; ++i) take_share(s, (rank + i) % most_);
      wait_until([&] { return done(s).load(std::memory_order_acquire) == parts_[s]; });
    }
  }

  void take_share(Index stage, Index i) {
    const Index last = share(stage, i).last;
    for (Index part; (part = next(stage, i).fetch_add(1)) < last;) {
      work_.run(stage, part);
      done(stage).fetch_add(1, std::memory_order_release);
    }
  }

  Staged& work_;
  const Index most_;
  const std::vector<Index> parts_;
  std::vector<Counter> counters_;
  std::atomic<Index> helpers_{0};
};

// Runs `work` on up to `most` threads of a pool (anything with Schedule), the caller among them.
template <class Pool>
void run_crew(Pool& pool, Index most, Staged& work) {
  auto crew = std::make_shared<Crew>(work, most);
  const bool elsewhere = call_helpers(pool, most - 1, crew);
  crew->lead(elsewhere);
  standby().note_end();
}

}  // namespace rnn
