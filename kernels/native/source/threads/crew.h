// Work in parts that whoever comes takes one after the other: nobody waits for a thread that starts
// late, and one that does finds what is left.
//
// It suits a pass that is over in about the time that a thread takes to wake up. `team.h` is for
// passes whose threads meet again and again.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "threads/barrier.h"
#include "threads/members.h"

namespace rnn {

// Stages one after the other, the parts of one in any order.
class Staged {
 public:
  virtual ~Staged() = default;
  virtual std::vector<Index> parts() const = 0;  // of each stage
  virtual void run(Index stage, Index part) = 0;
};

// Shared with helpers, and outlives the call if one of them starts too late.
class Crew {
 public:
  explicit Crew(Staged& work) : work_(work), stages_(work.parts().size()) {
    const std::vector<Index> parts = work.parts();
    for (std::size_t s = 0; s < parts.size(); ++s) stages_[s].parts = parts[s];
  }

  // What a helper does: take parts while there are some.
  void help() {
    Index rank;
    if (!members_.join(&rank)) return;
    take_parts();
    members_.leave();
  }

  // What the caller does, until all is done.
  void lead() {
    take_parts();
    members_.wait_for(members_.close());
  }

 private:
  struct Stage {
    Index parts = 0;
    alignas(64) std::atomic<Index> next{0};
    alignas(64) std::atomic<Index> done{0};
  };

  void take_parts() {
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      Stage& stage = stages_[s];
      for (Index part; (part = stage.next.fetch_add(1)) < stage.parts;) {
        work_.run(Index(s), part);
        stage.done.fetch_add(1, std::memory_order_release);
      }
      wait_until([&] { return stage.done.load(std::memory_order_acquire) == stage.parts; });
    }
  }

  Staged& work_;
  std::vector<Stage> stages_;
  Members members_;
};

// Runs `work` on up to `most` threads of a pool (anything with Schedule), the caller among them.
template <class Pool>
void run_crew(Pool& pool, Index most, Staged& work) {
  auto crew = std::make_shared<Crew>(work);
  for (Index i = 1; i < most; ++i) pool.Schedule([crew] { crew->help(); });
  crew->lead();
}

}  // namespace rnn
