// How a team divides the work of a pass, and how large a team is worth it.
#pragma once

#include <unistd.h>

#include <chrono>
#include <vector>

#include "math/product.h"
#include "problem.h"
#include "threads/barrier.h"

namespace rnn {

inline Index cache_bytes() {
  static const long found = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return found > 0 ? found : Index(512) << 10;
}
// A quarter of the cache that cores share: others may use the rest.
inline Index shared_cache_bytes() {
  static const long found = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return found > 0 ? found / 4 : 0;
}

// A team is some groups of members. A group takes some rows of the batch through all of time, and
// meets no other group on the way. Its members share the rows and divide the hidden units, which
// costs a barrier a step, but each then needs only its part of W_h, which stays in its cache.
class Division {
 public:
  Division(Index size, Index groups)
      : size_(size), groups_(groups), members_(size / groups), everyone_(size),
        barriers_(groups > 1 && members_ > 1 ? groups : 0, Barrier(members_)) {}

  Index groups() const { return groups_; }
  Index members() const { return members_; }  // of a group
  Index group(Index rank) const { return rank / members_; }
  Index member(Index rank) const { return rank % members_; }

  // A group's positions in the batch, its members' shares of what they divide, and of what all do.
  Range positions(Index group, Index B) const { return part({0, B}, group, groups_); }
  Range among_members(Index rank, Range whole) const {
    return part(whole, member(rank), members_);
  }
  Range among_all(Index rank, Range whole) const { return part(whole, rank, size_); }

  void meet_group(Index rank) {
    if (members_ == 1) return;
    groups_ == 1 ? everyone_.wait() : barriers_[group(rank)].wait();
  }
  void meet_all() { everyone_.wait(); }

 private:
  Index size_, groups_, members_;
  Barrier everyone_;
  // One a group. None where one group is everyone, or a group is one thread.
  std::vector<Barrier> barriers_;
};

// As many groups as have rows enough to read all of W_h in each step: half a register tile where it
// fits a core's cache beside all else, a whole one where it comes from the shared cache. The rest are
// members. A single step has few meetings to save, so there all are members of one group, unless W_h
// fits a core's cache. There are at most `most` groups.
template <class Operand, class Cell>
Index groups_of(Index size, Index most, Index T, Index B, Index H) {
  const Index bytes = Cell::kFromH * H * H * Index(sizeof(Operand));
  const Index rows = bytes <= cache_bytes() / 2               ? kMostRows / 2
                     : T > 1 && bytes <= shared_cache_bytes() ? kMostRows
                                                              : B;
  Index groups = std::clamp<Index>(most, 1, size);
  while (groups > 1 && (size % groups || B / groups < rows)) --groups;
  return groups;
}

// How many steps, in each of which a group has so many rows, make a chunk: rows enough for a product to
// pay for its accumulators, few enough to stay in a core's cache.
inline Index steps_together(Index T, Index rows) {
  constexpr Index together = 200;
  return std::clamp<Index>(together / rows, 1, T);
}

// What a pass decides from its sizes. The study overrides it, to show what each decision is worth.
struct Choices {
  Index groups;     // 0: by the rule, once the team's size is known
  bool pack;        // weights, into panels
  bool skip_zeros;  // of a single row of states, where the cell makes them

  template <class Operand, class Cell>
  Division divide(Index size, Index most, Index T, Index B, Index H) const {
    const Index by_rule = groups_of<Operand, Cell>(size, most, T, B, H);
    return Division(size, groups ? std::min(groups, size) : by_rule);
  }
};

template <class Cell>
Choices choose(Index T, Index B) {
  constexpr Index worth_packing = 64;    // rows: fewer read a weight too seldom
  constexpr Index worth_inspecting = 4;  // steps: each reads W_h once, as the inspection does
  const bool sparse = Cell::kMakesZeros && B == 1 && T >= worth_inspecting;
  return {0, T * B > worth_packing, sparse};
}

// How many threads a pass is worth, and how long it is worth waiting for them.
struct Effort {
  Index threads;
  std::chrono::nanoseconds patience;
};

// How a helper begins: the operations that one thread does in about that time.
enum Beginning : Index {
  kWaking = 2000000,      // it sleeps, and is woken up
  kJoining = 200000,      // it is awake, and joins a team, which waits for it
  kTakingParts = 120000,  // it is awake, and takes parts of what others have begun
};

// Of a pass that is divided among at most `most_groups`.
template <class Cell, class Stored>
Effort effort_of(const Problem<Stored>& problem, Index most_groups, Index available,
                 Beginning beginning) {
  constexpr double meeting = 3e4;  // operations of one thread in about the time of a barrier
  const double step = 2.0 * Cell::kFromH * problem.B * problem.H * problem.H;
  const Index terms = Cell::kFromX * problem.I + Cell::kFromH * problem.H + problem.O;
  const double all = 2.0 * problem.T * problem.B * problem.H * terms;
  const Index worth = Index(all / beginning);
  Index threads = std::clamp<Index>(worth, 1, std::max<Index>(available, 1));
  const auto meets = [&] {
    return groups_of<OperandOf<Stored>, Cell>(threads, most_groups, problem.T, problem.B,
                                              problem.H) < threads;
  };
  while (threads > 1 && meets() && step / double(threads) < meeting) --threads;
  constexpr double slow = 50;  // operations a nanosecond, of one thread
  const auto alone = std::chrono::nanoseconds(std::int64_t(all / slow));
  return {threads, alone / 8};
}

}  // namespace rnn
