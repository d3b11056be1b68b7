// What both passes share: sizes, scratch memory, the division of the work, the walk over panels.
#pragma once

#include <optional>

#include "arena.h"
#include "math/pack.h"
#include "recurrent.h"
#include "threads/division.h"
#include "threads/team.h"

namespace rnn {

template <class Stored>
class Pass : public Work {
 public:
  void prepare(Index size) final {
    division_.emplace(choices_.divide<Real>(size, problem_.B, problem_.H));
    recurrent_.prepare(problem_.H, choices_.skip_zeros, size);
  }

 protected:
  using Real = RealOf<Stored>;
  static constexpr Index W = kPanel<Real>;

  Pass(const Problem<Stored>& problem, Choices choices) : problem_(problem), choices_(choices) {}

  // Lays out scratch memory twice: to count it, then in an arena of that size.
  template <class Layout>
  void reserve(Layout&& layout) {
    BumpAllocator counting;
    layout(counting);
    BumpAllocator allocator(arena_->reserve(counting.used()));
    layout(allocator);
  }

  Range hidden() const { return {0, ceil_div(problem_.H, W)}; }
  Range input() const { return {0, ceil_div(problem_.I, W)}; }
  Range output() const { return {0, ceil_div(problem_.O, W)}; }
  Range my_hidden(Index rank) const { return division_->among_members(rank, hidden()); }
  Range my_batch(Index rank) const { return division_->rows(rank, problem_.B); }
  Index chunk_rows() const { return choices_.chunk * problem_.B; }

  // A rank's panels of the rows of one step.
  template <class Use>
  void each_panel(Index rank, Use&& use) const {
    const Range batch = my_batch(rank), panels = my_hidden(rank);
    for (Index p = panels.first; p < panels.last; ++p)
      for (Index b = batch.first; b < batch.last; ++b) use(p, b);
  }

  // The steps of a chunk from a sequence (T, B, H), as strips.
  void load_chunk(Index rank, const Stored* sequence, Range steps, Strips<Real> to) {
    const Stored* first = sequence + steps.first * problem_.B * problem_.H;
    division_->each_run(rank, steps.size(), problem_.B, [&](Range run) {
      load_strips(first, problem_.H, run, my_hidden(rank), to);
    });
    division_->meet_group(rank);
  }

  // The state that one chunk ends with is the one that the next begins with.
  void carry(Index rank, Rows<Real> from, Rows<Real> to) {
    each_panel(rank, [&](Index p, Index b) { std::copy_n(from.at(b, p * W), W, to.at(b, p * W)); });
  }

  const Problem<Stored> problem_;
  const Choices choices_;
  ArenaLease arena_;
  std::optional<Division> division_;
  RecurrentProduct<Real> recurrent_;
};

}  // namespace rnn
