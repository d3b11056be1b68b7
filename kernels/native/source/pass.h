// What both passes share: sizes, scratch memory, the division of the work, the walk over panels.
#pragma once

#include <optional>

#include "arena.h"
#include "math/pack.h"
#include "recurrent.h"
#include "threads/division.h"
#include "threads/schedule.h"
#include "threads/team.h"

namespace rnn {

template <class Stored, class Cell>
class Pass : public Work {
 public:
  // As many as have a row, or fewer where each group takes memory of its own.
  virtual Index most_groups() const { return problem_.B; }

  void prepare(Index size) final {
    division_.emplace(
        choices_.template divide<Operand, Cell>(size, most_groups(), problem_.T, problem_.B,
                                                problem_.H));
    chunk_ = steps_together(problem_.T, ceil_div(problem_.B, division_->groups()));
    schedule_.emplace(problem_, *division_, chunk_, room_);
    reserve();
    places_.resize(2 * division_->members() * chunk_rows());
    recurrent_.prepare(problem_.H, choices_.skip_zeros, size);
  }

 protected:
  using Real = RealOf<Stored>;
  using Operand = OperandOf<Stored>;
  static constexpr Index W = kPanel<Real>;

  Pass(const Problem<Stored>& problem, Choices choices, bool room)
      : problem_(problem), choices_(choices), room_(room) {}

  // Scratch memory, of a team's groups.
  virtual void lay_out(BumpAllocator& memory) = 0;

  // How many numbers the rows of a left operand take, read by rows.
  static constexpr Index rows_size(Index M, Index K) {
    return ceil_div(K, kDepth) * M * kStride<Operand>;
  }
  // From one strip of so many rows to the next: an odd number of rows, or the panels of a row would
  // share few cache sets.
  static constexpr Index strip_size(Index rows) { return (rows | 1) * W; }
  // And the panels of a right operand of K rows.
  static constexpr Index right_size(Index K, Index columns) {
    return whole_groups<Operand>(K) * columns;
  }

  Range hidden() const { return {0, ceil_div(problem_.H, W)}; }
  Range input() const { return {0, ceil_div(problem_.I, W)}; }
  Range output() const { return {0, ceil_div(problem_.O, W)}; }
  Range my_hidden(Index rank) const { return division_->among_members(rank, hidden()); }
  Index chunk_rows() const { return chunk_ * problem_.B; }  // of all groups

  // A rank's group: its first position in the batch, and how many rows a step has.
  Index first(Index rank) const { return schedule_->first(division_->group(rank)); }
  Index active(Index rank, Index step) const {
    return schedule_->active(division_->group(rank), step);
  }
  // Where the rows of a step start in its chunk.
  Index start(Index rank, Index step) const {
    return schedule_->start(division_->group(rank), step);
  }
  // All rows of its group in a chunk, of which some may be there for others to enter.
  Range my_rows(Index rank, Range chunk) const {
    return schedule_->rows(division_->group(rank), chunk);
  }
  Index caller_row(Index rank, Index i) const { return schedule_->row(first(rank) + i); }

  // A rank's panels of some rows of its group: a row is read and written in order of memory.
  template <class Use>
  void each_panel(Index rank, Range rows, Use&& use) const {
    const Range panels = my_hidden(rank);
    for (Index i = rows.first; i < rows.last; ++i)
      for (Index p = panels.first; p < panels.last; ++p) use(p, i);
  }

  // The runs of a group's rows in a chunk, a step each.
  template <class Use>
  void each_step(Index group, Range chunk, Use&& use) const {
    for (Index step = chunk.first; step < chunk.last; ++step) {
      const Index at = schedule_->start(group, step);
      use(step, Range{at, at + schedule_->active(group, step)});
    }
  }

  // Of every row of its group in a chunk that of the caller, who counts (T, B); and of the state before.
  const Index* places(Index rank, Range chunk) { return note(rank, chunk, 0, &Pass::place); }
  const Index* places_before(Index rank, Range chunk) {
    return note(rank, chunk, 1, &Pass::place_before);
  }

  Index place(Index group, Index step, Index i) const {
    return schedule_->time(step) * problem_.B + schedule_->row(schedule_->first(group) + i);
  }
  // -1 - b for an initial state.
  Index place_before(Index group, Index step, Index i) const {
    if (i < schedule_->active(group, step - 1)) return place(group, step - 1, i);
    return -1 - schedule_->row(schedule_->first(group) + i);
  }

  const Index* note(Index rank, Range chunk, Index which,
                    Index (Pass::*place_of)(Index, Index, Index) const) {
    Index* to = places_.data() + (2 * division_->member(rank) + which) * chunk_rows();
    const Index mine = division_->group(rank);
    each_step(mine, chunk, [&](Index step, Range rows) {
      for (Index i = 0; i < rows.size(); ++i)
        to[rows.first + i] = (this->*place_of)(mine, step, i);
    });
    return to;
  }

  // 0 in the padding of a sequence (T, B, N) of the caller's.
  void clear_padding(Index rank, Stored* sequence, Index N) const {
    if (!problem_.lengths || !sequence) return;
    const Range mine = division_->among_all(rank, {0, problem_.B});
    for (Index t = 0; t < problem_.T; ++t)
      for (Index b = mine.first; b < mine.last; ++b)
        if (t >= problem_.lengths[b])
          std::fill_n(sequence + (t * problem_.B + b) * N, N, Stored{});
  }

  // Strips of consecutive slots are one matrix, of as many panels as all of them have.
  Index slot_panels() const { return hidden().last; }
  Range panels_of(Index slots) const { return {0, slots * slot_panels()}; }
  Strips<Real> slot_of(Strips<Real> slots, Index s) const {
    return slots.beside(s * slot_panels());
  }

  // The columns of one slot among those of several, in a matrix of the caller's.
  template <class Number>
  Given<Number> slot_columns(Number* matrix, Index slot, Index slots) const {
    return {matrix + slot * problem_.H, problem_.H, slots * problem_.H};
  }

  // A state of the caller's, or its derivative, of sequences of no step: it passes through.
  void copy_empty(Index rank, State<const Stored> from, State<Stored> to) const {
    if (!problem_.lengths || !to.h) return;
    const Range mine = division_->among_all(rank, {0, problem_.B});
    for (Index b = mine.first; b < mine.last; ++b)
      for (Index i = 0; i < 1 + Cell::kCarried && !problem_.lengths[b]; ++i)
        std::copy_n(state_panel(from, i, b, 0), problem_.H, state_panel(to, i, b, 0));
  }

  // A slot of the rows of a chunk, from a sequence (T, B, slots H), as strips.
  void load_chunk(Index rank, Given<const Stored> sequence, const Index* places, Range chunk,
                  Strips<Real> to) {
    each_step(division_->group(rank), chunk, [&](Index, Range rows) {
      load_strips(Chosen<const Stored>{sequence, places}, rows, my_hidden(rank), to);
    });
  }

  // A panel of h, or of what is carried, of a state that the caller holds.
  template <class Number>
  Number* state_panel(State<Number> state, Index which, Index b, Index p) const {
    Number* const part = which ? state.carried + (which - 1) * problem_.B * problem_.H : state.h;
    return part + b * problem_.H + p * W;
  }
  Index width(Index p) const { return width_of<Real>(p, problem_.H); }

  // A rank's panels of some rows, to where the next chunk reads them.
  void carry(Index rank, Index rows, Rows<Operand> from, Rows<Operand> to) {
    each_panel(rank, {0, rows},
               [&](Index p, Index i) { std::copy_n(from.at(i, p * W), W, to.at(i, p * W)); });
  }

  const Problem<Stored> problem_;
  const Choices choices_;
  const bool room_;
  Index chunk_ = 0;  // how many steps make one
  std::optional<Division> division_;
  std::optional<Schedule> schedule_;
  std::vector<Index> places_;
  RecurrentProduct<Operand> recurrent_;

 private:
  ArenaLease arena_;

  // Lays out scratch memory twice: to count it, then in an arena of that size.
  void reserve() {
    BumpAllocator counting;
    lay_out(counting);
    BumpAllocator allocator(arena_->reserve(counting.used()));
    lay_out(allocator);
  }
};

}  // namespace rnn
