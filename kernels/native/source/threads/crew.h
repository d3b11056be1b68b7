// Work in parts that threads take one after the other. Nobody waits for a thread that starts late: it
// takes what is left.
//
// It suits a pass that is over in about the time that a thread takes to wake up. `team.h` is for
// passes whose threads meet again and again.
#pragma once

#include <atomic>
#include <deque>
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
class Crew {
 public:
  Crew(Staged& work, Index most) : work_(work), most_(most) {
    for (const Index parts : work.parts()) stages_.emplace_back(parts, most);
  }

  // What a helper does: take parts while there are some.
  void help() { take_parts(helpers_.fetch_add(1) + 1); }

  // What the caller does, until all is done. The system may have put a helper on the caller's core,
  // where it would wait for the caller to end: unless helpers were last seen elsewhere, the caller
  // yields once, and the helper moves away.
  void lead(bool helpers_elsewhere) {
    if (!helpers_elsewhere) std::this_thread::yield();
    take_parts(0);
  }

 private:
  struct Share {
    alignas(64) std::atomic<Index> next;
    Index end;
  };
  struct Stage {
    Stage(Index parts, Index most) : parts(parts), shares(most) {
      for (Index i = 0; i < most; ++i) {
        const Range share = part({0, parts}, i, most);
        shares[i].next = share.first, shares[i].end = share.last;
      }
    }

    const Index parts;
    std::vector<Share> shares;
    alignas(64) std::atomic<Index> done{0};
  };

  void take_parts(Index rank) {
    Index s = 0;
    for (Stage& stage : stages_) {
      for (Index i = 0; i < most_; ++i) {
        Share& share = stage.shares[(rank + i) % most_];
        for (Index part; (part = share.next.fetch_add(1)) < share.end;) {
          work_.run(s, part);
          stage.done.fetch_add(1, std::memory_order_release);
        }
      }
      wait_until([&] { return stage.done.load(std::memory_order_acquire) == stage.parts; });
      ++s;
    }
  }

  Staged& work_;
  const Index most_;
  std::deque<Stage> stages_;
  std::atomic<Index> helpers_{0};
};

// Runs `work` on up to `most` threads of a pool (anything with Schedule), the caller among them.
template <class Pool>
void run_crew(Pool& pool, Index most, Staged& work) {
  auto crew = std::make_shared<Crew>(work, most);
  const bool elsewhere = call_helpers(pool, most - 1, [crew] { crew->help(); });
  crew->lead(elsewhere);
  standby().note_end();
}

}  // namespace rnn
