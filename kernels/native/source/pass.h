// What both passes share: sizes, scratch memory, the division of the work, the walk over panels.
#pragma once

#include <optional>

#include "arena.h"
#include "math/pack.h"
#include "recurrent.h"
#include "threads/division.h"
#include "threads/team.h"

namespace rnn {

template <class Stored, class Cell>
class Pass : public Work {
 public:
  void prepare(Index size) final {
    division_.emplace(choices_.template divide<Real, Cell>(size, problem_.B, problem_.H));
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

  // Strips of consecutive slots are one matrix, of as many panels as all of them have.
  Index slot_panels() const { return hidden().last; }
  Range panels_of(Index slots) const { return {0, slots * slot_panels()}; }
  Strips<Real> slot_of(Strips<Real> slots, Index s) const {
    return {slots.data + s * slot_panels() * slots.panel, slots.panel};
  }

  // The columns of one slot among those of several, in a matrix of the caller's.
  template <class Number>
  Given<Number> slot_columns(Number* matrix, Index slot, Index slots) const {
    return {matrix + slot * problem_.H, problem_.H, slots * problem_.H};
  }

  // A slot of the steps of a chunk, from a sequence (T, B, slots H), as strips.
  void load_chunk(Index rank, Given<const Stored> sequence, Range steps, Strips<Real> to) {
    const Given<const Stored> first = sequence.from(steps.first * problem_.B);
    division_->each_run(rank, steps.size(), problem_.B,
                        [&](Range run) { load_strips(first, run, my_hidden(rank), to); });
  }

  // A panel of a state that the caller holds (1 + kCarried, B, H).
  template <class Number>
  Number* state_panel(Number* states, Index which, Index b, Index p) const {
    return states + (which * problem_.B + b) * problem_.H + p * W;
  }
  Index width(Index p) const { return width_of<Real>(p, problem_.H); }

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
