// The forward pass: h_t = cell(x_t W_x + b, h_{t-1} W_h), y_t = h_t W_o + b_o.
#pragma once

#include "cells/cell.h"
#include "pass.h"

namespace rnn {

// What a forward pass reads beside the problem, and what it writes. Null where there is none.
template <class Stored>
struct ForwardArrays {
  const Stored* pre;                 // of a recurrence alone: x W_x + b_x
  Stored* h;
  State<Stored> last;
  Stored *saved, *y;  // saved: (T, B, kCarried + kSaved, H)
  // Weights that an earlier call packed, slot after slot, in the place of the problem's.
  const OperandOf<Stored>*w_x, *w_h, *w_o;
};

// A chunk's rows are projected into strips, slot after slot; each step adds h_{t-1} W_h to its rows
// of the strips, or to the bias of a slot without an input, and what the cell makes of them is both the
// next step's left operand and, at the end of the chunk, the left operand of y. Between two chunks the
// state lies apart.
template <class Stored, class Cell>
class Forward : public Pass<Stored, Cell> {
 protected:
  using Base = Pass<Stored, Cell>;
  using typename Base::Operand, typename Base::Real;
  using Base::active, Base::caller_row, Base::chunk_rows, Base::clear_padding, Base::each_panel,
      Base::each_step, Base::first, Base::hidden, Base::my_hidden, Base::my_rows, Base::output,
      Base::right_size, Base::rows_size, Base::slot_columns, Base::slot_of, Base::start,
      Base::state_panel, Base::strip_size, Base::W, Base::width;
  using Base::choices_, Base::division_, Base::problem_, Base::recurrent_, Base::schedule_;
  static constexpr Index S = Cell::kSlots, kOwn = S - Cell::kFromX, kFirst = S - Cell::kFromH;
  static constexpr Index kKept = Cell::kCarried + Cell::kSaved;
  static_assert(Cell::kFromX + Cell::kFromH >= S, "a slot without an input has a product");

 public:
  Forward(const Problem<Stored>& problem, const ForwardArrays<Stored>& arrays)
      : Forward(problem, arrays, choose<Cell>(problem.T, problem.B)) {}

  Forward(const Problem<Stored>& problem, const ForwardArrays<Stored>& arrays, Choices choices)
      : Base(problem, choices, /*room=*/true), arrays_(arrays) {
    const Index rows = problem.T * problem.B;
    expect_large_write(arrays.h, rows * problem.H);
    expect_large_write(arrays.saved, rows * kKept * problem.H);
  }

  void run(Index rank) override {
    pack_weights(rank);
    clear_padding(rank, arrays_.h, problem_.H);
    clear_padding(rank, arrays_.y, problem_.O);
    this->copy_empty(rank, problem_.initial, arrays_.last);
    enter(rank, 0, between(rank));
    division_->meet_all();
    for (const Range chunk : schedule_->chunks()) {
      const Index* places = this->places(rank, chunk);
      arrays_.pre ? load_given(rank, chunk, places) : project(rank, chunk, places);
      Rows<Operand> before = between(rank);
      for (Index s = chunk.first; s < chunk.last; ++s) {
        const Rows<Operand> after = states().below(start(rank, s));
        step(rank, s, before, after, places + start(rank, s));
        leave(rank, s, after);
        if (s + 1 < chunk.last) enter(rank, s + 1, after);
        division_->meet_group(rank);
        before = after;
      }
      if (const Index s = chunk.last; s < schedule_->steps()) {
        this->carry(rank, std::min(active(rank, s - 1), active(rank, s)), before, between(rank));
        enter(rank, s, between(rank));
      }
      if (arrays_.y) project_output(rank, chunk, places);
    }
  }

 protected:
  Rows<Operand> x() const { return {x_, chunk_rows() * kStride<Operand>}; }
  Rows<Operand> states() const { return {states_, chunk_rows() * kStride<Operand>}; }
  // The state before a chunk's first step.
  Rows<Operand> between(Index rank) const {
    return Rows<Operand>{between_, problem_.B * kStride<Operand>}.below(first(rank));
  }
  Strips<Real> slots() const { return {slots_, strip_size(chunk_rows())}; }
  Strips<Real> slot(Index s) const { return slot_of(slots(), s); }
  Strips<Real> carried(Index i, Index rank) const {
    return slot_of({carried_, strip_size(problem_.B)}, i).from(first(rank));
  }
  Strips<Real> y() const { return {y_, strip_size(chunk_rows())}; }

  void lay_out(BumpAllocator& memory) override {
    const Index H = hidden().last * W, O = output().last * W, M = chunk_rows();
    w_h_ = memory.allocate<Operand>(arrays_.w_h ? 0 : Cell::kFromH * right_size(problem_.H, H));
    slots_ = memory.allocate<Real>(S * strip_size(M) * hidden().last);
    states_ = memory.allocate<Operand>(rows_size(M, problem_.H));
    between_ = memory.allocate<Operand>(rows_size(problem_.B, problem_.H));
    carried_ = memory.allocate<Real>(Cell::kCarried * strip_size(problem_.B) * hidden().last);
    biases_ = memory.allocate<Real>(S * H);
    if (!arrays_.pre) {
      w_x_ = memory.allocate<Operand>(arrays_.w_x ? 0 : Cell::kFromX * right_size(problem_.I, H));
      x_ = memory.allocate<Operand>(rows_size(M, problem_.I));
    }
    if (arrays_.y) {
      w_o_ = memory.allocate<Operand>(arrays_.w_o ? 0 : right_size(problem_.H, O));
      b_o_ = memory.allocate<Real>(O);
      y_ = memory.allocate<Real>(strip_size(M) * output().last);
    }
  }

  // The caller's matrix needs no packing if it is made of whole panels.
  bool as_given(Index columns) const {
    return !kConverts<Stored> && !choices_.pack && columns % W == 0;
  }

  // Into memory of this call: that of the slots before this one comes first.
  void pack_weight(Given<const Stored> given, Index slot, Index K, Range panels, Operand* to) {
    if (!arrays_.w_h && !as_given(given.N))
      pack(given, K, panels, to + slot * right_size(K, ceil_div(given.N, W) * W));
  }

  Right<Operand> right(Given<const Stored> given, Index slot, Index K, const Operand* came_packed,
                       const Operand* own) const {
    if constexpr (!kConverts<Stored>)
      if (!came_packed && as_given(given.N)) return {given.data, given.stride, W};
    return packed((came_packed ? came_packed : own) + slot * right_size(K, ceil_div(given.N, W) * W),
                  K);
  }

  void pack_weights(Index rank) {
    const Range mine = division_->among_all(rank, hidden());
    pack_hidden(mine);
    for (Index i = 0; i < Cell::kFromH; ++i) recurrent_.inspect(w_h(i), mine);
    if (arrays_.y) pack_output(division_->among_all(rank, output()));
  }

  // What these panels of hidden units take, and those of y.
  void pack_hidden(Range panels) {
    for (Index i = 0; i < Cell::kFromH; ++i) pack_weight(given_w_h(i), i, problem_.H, panels, w_h_);
    for (Index i = 0; i < kOwn; ++i)
      pack(Given(problem_.b_h + i * problem_.H, problem_.H), 1, panels, bias(Cell::kFromX + i));
    if (arrays_.pre) return;
    for (Index i = 0; i < Cell::kFromX; ++i) {
      pack_weight(given_w_x(i), i, problem_.I, panels, w_x_);
      pack(Given(problem_.b_x + i * problem_.H, problem_.H), 1, panels, bias(i));
    }
  }

  void pack_output(Range panels) {
    pack_weight(given_w_o(), 0, problem_.H, panels, w_o_);
    pack(Given(problem_.b_o, problem_.O), 1, panels, b_o_);
  }

  Given<const Stored> given_w_x(Index i) const { return slot_columns(problem_.w_x, i, Cell::kFromX); }
  Given<const Stored> given_w_h(Index i) const { return slot_columns(problem_.w_h, i, Cell::kFromH); }
  Given<const Stored> given_w_o() const { return {problem_.w_o, problem_.O}; }
  Real* bias(Index slot) const { return biases_ + slot * hidden().last * W; }
  Right<Operand> w_x(Index i) const {
    return right(given_w_x(i), i, problem_.I, arrays_.w_x, w_x_);
  }
  Right<Operand> w_h(Index i) const {
    return right(given_w_h(i), i, problem_.H, arrays_.w_h, w_h_);
  }
  Right<Operand> w_o() const { return right(given_w_o(), 0, problem_.H, arrays_.w_o, w_o_); }

  // Rows whose first step is this one bring the initial state: their share of it.
  void enter(Index rank, Index step, Rows<Operand> before) {
    each_panel(rank, {active(rank, step - 1), active(rank, step)}, [&](Index p, Index i) {
      const Index b = caller_row(rank, i);
      read_panel(state_panel(problem_.initial, 0, b, p), width(p), before.at(i, p * W));
      for (Index j = 0; j < Cell::kCarried; ++j)
        read_panel(state_panel(problem_.initial, 1 + j, b, p), width(p), carried(j, rank).at(p, i));
    });
  }

  // Rows whose last step this was leave their state.
  void leave(Index rank, Index step, Rows<Operand> after) {
    if (!arrays_.last.h) return;
    each_panel(rank, {active(rank, step + 1), active(rank, step)},
               [&](Index p, Index i) { leave_panel(rank, after, p, i); });
  }

  void leave_panel(Index rank, Rows<Operand> after, Index p, Index i) {
    const Index b = caller_row(rank, i);
    write_panel(after.at(i, p * W), width(p), state_panel(arrays_.last, 0, b, p));
    for (Index j = 0; j < Cell::kCarried; ++j)
      write_panel(carried(j, rank).at(p, i), width(p), state_panel(arrays_.last, 1 + j, b, p));
  }

  // What the sums of a slot start from, of a step's rows: what x made of it, or its bias.
  From<Real> start_of(Index i, Index at) const {
    return i < Cell::kFromX ? From<Real>(slot(i).from(at)) : every_row(bias(i));
  }

  // Slots that x fills, as the caller projected them.
  void load_given(Index rank, Range chunk, const Index* places) {
    each_step(division_->group(rank), chunk,
              [&](Index, Range rows) { load_slots(rows, my_hidden(rank), places); });
    division_->meet_group(rank);
  }

  void load_slots(Range rows, Range panels, const Index* places) {
    for (Index i = 0; i < Cell::kFromX; ++i) {
      const Given<const Stored> given = slot_columns(arrays_.pre, i, Cell::kFromX);
      load_strips(Chosen<const Stored>{given, places}, rows, panels, slot(i));
    }
  }

  void project(Index rank, Range chunk, const Index* places) {
    gather_x(rank, chunk, places);
    division_->meet_group(rank);
    project(my_rows(rank, chunk), my_hidden(rank));
  }

  // A rank's share of the rows of x.
  void gather_x(Index rank, Range chunk, const Index* places) {
    each_step(division_->group(rank), chunk, [&](Index, Range rows) {
      const Range mine = division_->among_members(rank, rows);
      for (Index row = mine.first; row < mine.last; ++row)
        scatter(problem_.x + places[row] * problem_.I, problem_.I, x(), row);
    });
  }

  // Slots that x fills: x W_x + b.
  void project(Range rows, Range panels) {
    for (Index i = 0; i < Cell::kFromX; ++i) {
      product(x().from(rows.first), rows.size(), w_x(i), problem_.I, panels, every_row(bias(i)),
              slot(i).from(rows.first));
    }
  }

  // Of a group's rows in one step: where their state and its parts lie, and the caller's rows.
  struct Step {
    Rows<Operand> before, after;
    Strips<Real> slots, carried;  // of the first slot and part
    const Index* places;
  };

  void step(Index rank, Index s, Rows<Operand> before, Rows<Operand> after, const Index* places) {
    const Index rows = active(rank, s), at = start(rank, s);
    for (Index i = 0; i < Cell::kFromH; ++i)
      recurrent_.multiply(rank, before, rows, w_h(i), my_hidden(rank), start_of(kFirst + i, at),
                          slot(kFirst + i).from(at));
    const Step now{before, after, slots().from(at), carried(0, rank), places};
    for (Index i = 0; i < rows; ++i) apply_cell(now, my_hidden(rank), i);
  }

  // These panels of a row of the state, from its slots.
  void apply_cell(const Step& now, Range panels, Index i) {
    if constexpr (Cell::kGates)
      for (Index p = panels.first; p < panels.last; ++p) make_gates(now, p, i);
    for (Index p = panels.first; p < panels.last; ++p) make_state(now, p, i);
  }

  void make_gates(const Step& now, Index p, Index i) {
    for (Index lane = 0; lane < W; lane += kLanes<Real>) {
      Vector<Real> slots[S];
      for (Index j = 0; j < S; ++j) slots[j] = load(slot_of(now.slots, j).at(p, i) + lane);
      Cell::template gates<Real>(slots);
      for (Index j = 0; j < S; ++j) store(slot_of(now.slots, j).at(p, i) + lane, slots[j]);
    }
  }

  void make_state(const Step& now, Index p, Index i) {
    constexpr Index L = kLanes<Real>;
    const Index place = now.places[i];
    Operand* h = now.after.at(i, p * W);
    Real* kept_carried[at_least_one(Cell::kCarried)];
    const Operand* before = now.before.at(i, p * W);
    alignas(kVectorBytes) Real saved[at_least_one(Cell::kSaved)][W];
    for (Index j = 0; j < Cell::kCarried; ++j) kept_carried[j] = slot_of(now.carried, j).at(p, i);
    for (Index lane = 0; lane < W; lane += L) {
      Ahead<Cell, Real> ahead;
      for (Index j = 0; j < S; ++j) ahead.slots[j] = load(slot_of(now.slots, j).at(p, i) + lane);
      ahead.h = load(before + lane);
      for (Index j = 0; j < Cell::kCarried; ++j) ahead.carried[j] = load(kept_carried[j] + lane);
      Cell::template step<Real>(ahead);
      store(h + lane, ahead.h);
      for (Index j = 0; j < Cell::kCarried; ++j) store(kept_carried[j] + lane, ahead.carried[j]);
      for (Index j = 0; j < Cell::kSaved; ++j) store(saved[j] + lane, ahead.saved[j]);
    }
    if constexpr (std::is_same_v<Operand, Real>)
      round<Stored>(h, W);
    else if (width(p) % kGroup<Operand>)
      h[width(p)] = {};  // of the last group: what x makes of it may be NaN, which 0 does not silence
    for (Index j = 0; j < Cell::kCarried; ++j) round<Stored>(kept_carried[j], W);
    if (arrays_.h) write_panel(h, width(p), arrays_.h + place * problem_.H + p * W);
    if (!arrays_.saved) return;
    Stored* kept = arrays_.saved + place * kKept * problem_.H + p * W;
    for (Index j = 0; j < Cell::kCarried; ++j, kept += problem_.H)
      write_panel(kept_carried[j], width(p), kept);
    for (Index j = 0; j < Cell::kSaved; ++j, kept += problem_.H)
      write_panel(saved[j], width(p), kept);
  }

  // y = h W_o + b_o
  void read_out(Range rows, Range panels) {
    product(states().from(rows.first), rows.size(), w_o(), problem_.H, panels, every_row(b_o_),
            y().from(rows.first));
  }

  void project_output(Index rank, Range chunk, const Index* places) {
    const Range rows = division_->among_members(rank, my_rows(rank, chunk));
    read_out(rows, output());
    const Chosen<Stored> to{{arrays_.y, problem_.O}, places};
    each_step(division_->group(rank), chunk, [&](Index, Range of_step) {
      const Range mine{std::max(rows.first, of_step.first), std::min(rows.last, of_step.last)};
      store_strips(y(), mine, output(), to);
    });
  }

  const ForwardArrays<Stored> arrays_;
  Operand *w_x_, *w_h_, *w_o_, *x_, *states_, *between_;
  Real *biases_, *b_o_, *slots_, *carried_, *y_;
};

}  // namespace rnn
