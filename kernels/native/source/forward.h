// The forward pass: h_t = cell(x_t W_x + b, h_{t-1} W_h), y_t = h_t W_o + b_o.
#pragma once

#include "cells/cell.h"
#include "pass.h"

namespace rnn {

// What a forward pass reads beside the problem, and what it writes. Null where there is none.
template <class Stored>
struct ForwardArrays {
  const Stored* pre;                 // of a recurrence alone: x W_x + b_x
  Stored *h, *last, *saved, *y;  // saved: (T, B, kCarried + kSaved, H)
};

// Time is cut into chunks. A chunk's rows, numbered as in x, are projected into strips, slot after
// slot; each step adds h_{t-1} W_h to its rows of the strips, and what the cell makes of them is both
// the next step's left operand and, at the end of the chunk, the left operand of y.
template <class Stored, class Cell>
class Forward final : public Pass<Stored, Cell> {
  using Base = Pass<Stored, Cell>;
  using typename Base::Real;
  using Base::arena_, Base::choices_, Base::division_, Base::problem_, Base::recurrent_;
  using Base::chunk_rows, Base::each_panel, Base::hidden, Base::my_batch, Base::my_hidden,
      Base::output, Base::slot_columns, Base::slot_of, Base::state_panel, Base::W, Base::width;
  static constexpr Index S = Cell::kSlots, kOwn = S - Cell::kFromX, kFirst = S - Cell::kFromH;
  static constexpr Index kKept = Cell::kCarried + Cell::kSaved;

 public:
  Forward(const Problem<Stored>& problem, const ForwardArrays<Stored>& arrays)
      : Forward(problem, arrays, choose<Cell>(problem.T, problem.B)) {}

  Forward(const Problem<Stored>& problem, const ForwardArrays<Stored>& arrays, Choices choices)
      : Base(problem, choices), arrays_(arrays) {
    this->reserve([this](BumpAllocator& memory) { lay_out(memory); });
    const std::size_t states = std::size_t(problem.T) * problem.B * problem.H * sizeof(Stored);
    if (arrays.h) expect_large_write(arrays.h, states);
    if (arrays.saved) expect_large_write(arrays.saved, kKept * states);
  }

  void run(Index rank) override {
    pack_weights(rank);
    load_state(rank);
    division_->meet_all();
    for (Index t = 0; t < problem_.T; t += choices_.chunk) {
      const Range steps{t, std::min(t + choices_.chunk, problem_.T)};
      arrays_.pre ? load_given(rank, steps) : project(rank, steps);
      for (Index s = 0; s < steps.size(); ++s) {
        step(rank, t + s, s);
        division_->meet_group(rank);
      }
      if (arrays_.y) project_output(rank, steps);
      this->carry(rank, state(steps.size()), state(0));
    }
    if (arrays_.last) store_last(rank);
  }

 private:
  Rows<Real> x() const { return {x_, chunk_rows() * kStride<Real>}; }
  Rows<Real> state(Index s) const {  // h before step s of a chunk; after it, s + 1
    return {states_ + s * problem_.B * kStride<Real>,
            (chunk_rows() + problem_.B) * kStride<Real>};
  }
  Strips<Real> slots() const { return {slots_, chunk_rows() * W}; }
  Strips<Real> slot(Index s) const { return slot_of(slots(), s); }
  Strips<Real> carried(Index i) const { return slot_of({carried_, problem_.B * W}, i); }
  Strips<Real> y() const { return {y_, chunk_rows() * W}; }

  void lay_out(BumpAllocator& memory) {
    const Index H = hidden().last * W, O = output().last * W, M = chunk_rows();
    w_h_ = memory.allocate<Real>(Cell::kFromH * problem_.H * H);
    slots_ = memory.allocate<Real>(S * M * H);
    states_ = memory.allocate<Real>(ceil_div(problem_.H, kDepth) * (M + problem_.B) *
                                    kStride<Real>);
    carried_ = memory.allocate<Real>(Cell::kCarried * problem_.B * H);
    biases_ = memory.allocate<Real>(S * H);
    if (!arrays_.pre) {
      w_x_ = memory.allocate<Real>(Cell::kFromX * problem_.I * H);
      x_ = memory.allocate<Real>(ceil_div(problem_.I, kDepth) * M * kStride<Real>);
    }
    if (arrays_.y) {
      w_o_ = memory.allocate<Real>(problem_.H * O);
      b_o_ = memory.allocate<Real>(O);
      y_ = memory.allocate<Real>(M * O);
    }
  }

  // The caller's matrix needs no packing if it is made of whole panels.
  bool as_given(Index columns) const {
    return !kConverts<Stored> && !choices_.pack && columns % W == 0;
  }

  void pack_weight(Given<const Stored> given, Index K, Range panels, Real* to) {
    if (!as_given(given.N)) pack(given, K, panels, to);
  }

  Right<Real> right(Given<const Stored> given, const Real* packed_panels, Index K) const {
    if constexpr (!kConverts<Stored>)
      if (as_given(given.N)) return {given.data, given.stride, W};
    return packed(packed_panels, K);
  }

  void pack_weights(Index rank) {
    const Range mine = division_->among_all(rank, hidden());
    for (Index i = 0; i < Cell::kFromH; ++i) {
      pack_weight(given_w_h(i), problem_.H, mine, packed_w_h(i));
      recurrent_.inspect(w_h(i), mine);
    }
    for (Index i = 0; i < kOwn; ++i)
      pack(Given(problem_.b_h + i * problem_.H, problem_.H), 1, mine, bias(Cell::kFromX + i));
    if (!arrays_.pre)
      for (Index i = 0; i < Cell::kFromX; ++i) {
        pack_weight(given_w_x(i), problem_.I, mine, packed_w_x(i));
        pack(Given(problem_.b_x + i * problem_.H, problem_.H), 1, mine, bias(i));
      }
    if (arrays_.y) {
      const Range share = division_->among_all(rank, output());
      pack_weight(given_w_o(), problem_.H, share, w_o_);
      pack(Given(problem_.b_o, problem_.O), 1, share, b_o_);
    }
  }

  Given<const Stored> given_w_x(Index i) const { return slot_columns(problem_.w_x, i, Cell::kFromX); }
  Given<const Stored> given_w_h(Index i) const { return slot_columns(problem_.w_h, i, Cell::kFromH); }
  Given<const Stored> given_w_o() const { return {problem_.w_o, problem_.O}; }
  Real* packed_w_x(Index i) const { return w_x_ + i * problem_.I * hidden().last * W; }
  Real* packed_w_h(Index i) const { return w_h_ + i * problem_.H * hidden().last * W; }
  Real* bias(Index slot) const { return biases_ + slot * hidden().last * W; }
  Right<Real> w_x(Index i) const { return right(given_w_x(i), packed_w_x(i), problem_.I); }
  Right<Real> w_h(Index i) const { return right(given_w_h(i), packed_w_h(i), problem_.H); }
  Right<Real> w_o() const { return right(given_w_o(), w_o_, problem_.H); }

  void load_state(Index rank) {
    const Range mine = division_->among_all(rank, {0, problem_.B});
    for (Index b = mine.first; b < mine.last; ++b)
      scatter(problem_.initial + b * problem_.H, problem_.H, state(0), b);
    for (Index i = 0; i < Cell::kCarried; ++i)
      each_panel(rank, [&](Index p, Index b) {
        widen_panel(state_panel(problem_.initial, 1 + i, b, p), width(p), carried(i).at(p, b));
      });
  }

  // Slots that x fills, as the caller projected them; the others' biases.
  void load_given(Index rank, Range steps) {
    for (Index i = 0; i < Cell::kFromX; ++i)
      this->load_chunk(rank, slot_columns(arrays_.pre, i, Cell::kFromX), steps, slot(i));
    division_->each_run(rank, steps.size(), problem_.B, [&](Range run) { fill_own(rank, run); });
    division_->meet_group(rank);
  }

  void fill_own(Index rank, Range run) {
    for (Index i = Cell::kFromX; i < S; ++i) fill_strips(bias(i), run, my_hidden(rank), slot(i));
  }

  // Slots that x fills: x W_x + b.
  void project(Index rank, Range steps) {
    const Stored* given = problem_.x + steps.first * problem_.B * problem_.I;
    division_->each_run(rank, steps.size(), problem_.B, [&](Range run) {
      const Range mine = division_->among_members(rank, run);
      for (Index row = mine.first; row < mine.last; ++row)
        scatter(given + row * problem_.I, problem_.I, x(), row);
    });
    division_->meet_group(rank);
    division_->each_run(rank, steps.size(), problem_.B, [&](Range run) {
      for (Index i = 0; i < Cell::kFromX; ++i) {
        fill_strips(bias(i), run, my_hidden(rank), slot(i));
        add_product(x().from(run.first), run.size(), w_x(i), problem_.I, my_hidden(rank),
                    slot(i).from(run.first));
      }
      fill_own(rank, run);
    });
  }

  // Step t, the s-th of its chunk.
  void step(Index rank, Index t, Index s) {
    for (Index i = 0; i < Cell::kFromH; ++i)
      recurrent_.add(rank, state(s), my_batch(rank), w_h(i), my_hidden(rank),
                     slot(kFirst + i).from(s * problem_.B));
    each_panel(rank, [&](Index p, Index b) { apply_cell(s, p, b, t * problem_.B + b); });
  }

  // A panel of a row of the state, from its slots.
  void apply_cell(Index s, Index p, Index b, Index row) {
    constexpr Index L = kLanes<Real>;
    Real *h = state(s + 1).at(b, p * W), *kept_carried[at_least_one(Cell::kCarried)];
    const Real* before = state(s).at(b, p * W);
    alignas(kVectorBytes) Real saved[at_least_one(Cell::kSaved)][W];
    for (Index i = 0; i < Cell::kCarried; ++i) kept_carried[i] = carried(i).at(p, b);
    for (Index lane = 0; lane < W; lane += L) {
      Ahead<Cell, Real> ahead;
      for (Index i = 0; i < S; ++i)
        ahead.slots[i] = load(slot(i).at(p, s * problem_.B + b) + lane);
      ahead.h = load(before + lane);
      for (Index i = 0; i < Cell::kCarried; ++i) ahead.carried[i] = load(kept_carried[i] + lane);
      Cell::template step<Real>(ahead);
      store(h + lane, ahead.h);
      for (Index i = 0; i < Cell::kCarried; ++i) store(kept_carried[i] + lane, ahead.carried[i]);
      for (Index i = 0; i < Cell::kSaved; ++i) store(saved[i] + lane, ahead.saved[i]);
    }
    round<Stored>(h, W);
    for (Index i = 0; i < Cell::kCarried; ++i) round<Stored>(kept_carried[i], W);
    if (arrays_.h) narrow_panel(h, width(p), arrays_.h + row * problem_.H + p * W);
    if (!arrays_.saved) return;
    Stored* to = arrays_.saved + row * kKept * problem_.H + p * W;
    for (Index i = 0; i < Cell::kCarried; ++i, to += problem_.H)
      narrow_panel(kept_carried[i], width(p), to);
    for (Index i = 0; i < Cell::kSaved; ++i, to += problem_.H) narrow_panel(saved[i], width(p), to);
  }

  // y = h W_o + b_o
  void project_output(Index rank, Range steps) {
    const Given<Stored> to(arrays_.y + steps.first * problem_.B * problem_.O, problem_.O);
    division_->each_run(rank, steps.size(), problem_.B, [&](Range run) {
      const Range mine = division_->among_members(rank, run);
      fill_strips(b_o_, mine, output(), y());
      add_product(state(1).from(mine.first), mine.size(), w_o(), problem_.H,
                  output(), y().from(mine.first));
      store_strips(y(), mine, output(), to);
    });
  }

  void store_last(Index rank) {
    each_panel(rank, [&](Index p, Index b) {
      narrow_panel(state(0).at(b, p * W), width(p), state_panel(arrays_.last, 0, b, p));
      for (Index i = 0; i < Cell::kCarried; ++i)
        narrow_panel(carried(i).at(p, b), width(p), state_panel(arrays_.last, 1 + i, b, p));
    });
  }

  const ForwardArrays<Stored> arrays_;
  Real *w_x_, *w_h_, *w_o_, *biases_, *b_o_, *x_, *slots_, *states_, *carried_, *y_;
};

}  // namespace rnn
