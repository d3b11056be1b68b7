// The forward pass: h_t = act(x_t W_xh + b_h + h_{t-1} W_hh), y_t = h_t W_ho + b_o.
#pragma once

#include "cells/elman.h"
#include "pass.h"

namespace rnn {

// What a forward pass reads beside the problem, and what it writes. Null where there is none.
template <class Stored>
struct ForwardArrays {
  const Stored* z;  // of a recurrence alone: x W_xh + b_h
  Stored *h, *h_last, *y;
};

// Time is cut into chunks. A chunk's rows, numbered as in x, are projected into strips; each step
// adds h_{t-1} W_hh to its rows of the strips, and what act makes of them is both the next step's
// left operand and, at the end of the chunk, the left operand of y.
template <class Stored, Activation kActivation>
class Forward final : public Pass<Stored> {
  using Base = Pass<Stored>;
  using typename Base::Real;
  using Base::arena_, Base::choices_, Base::division_, Base::problem_, Base::recurrent_;
  using Base::chunk_rows, Base::each_panel, Base::hidden, Base::my_batch, Base::my_hidden,
      Base::output, Base::W;

 public:
  Forward(const Problem<Stored>& problem, const ForwardArrays<Stored>& arrays)
      : Forward(problem, arrays, choose(problem.T, problem.B, kActivation == Activation::kRelu)) {}

  Forward(const Problem<Stored>& problem, const ForwardArrays<Stored>& arrays, Choices choices)
      : Base(problem, choices), arrays_(arrays) {
    this->reserve([this](BumpAllocator& memory) { lay_out(memory); });
  }

  void run(Index rank) override {
    pack_weights(rank);
    load_state(rank);
    division_->meet_all();
    for (Index t = 0; t < problem_.T; t += choices_.chunk) {
      const Range steps{t, std::min(t + choices_.chunk, problem_.T)};
      arrays_.z ? this->load_chunk(rank, arrays_.z, steps, z()) : project(rank, steps);
      for (Index s = 0; s < steps.size(); ++s) {
        step(rank, t + s, s);
        division_->meet_group(rank);
      }
      if (arrays_.y) project_output(rank, steps);
      this->carry(rank, state(steps.size()), state(0));
    }
    if (arrays_.h_last) store_last(rank);
  }

 private:
  Rows<Real> x() const { return {x_, chunk_rows() * kStride<Real>}; }
  Rows<Real> state(Index s) const {  // before step s of a chunk; after it, s + 1
    return {states_ + s * problem_.B * kStride<Real>,
            (chunk_rows() + problem_.B) * kStride<Real>};
  }
  Strips<Real> z() const { return {z_, chunk_rows() * W}; }
  Strips<Real> y() const { return {y_, chunk_rows() * W}; }

  void lay_out(BumpAllocator& memory) {
    const Index H = hidden().last * W, O = output().last * W, M = chunk_rows();
    w_hh_ = memory.allocate<Real>(problem_.H * H);
    z_ = memory.allocate<Real>(M * H);
    states_ = memory.allocate<Real>(ceil_div(problem_.H, kDepth) * (M + problem_.B) *
                                    kStride<Real>);
    if (!arrays_.z) {
      w_xh_ = memory.allocate<Real>(problem_.I * H);
      b_h_ = memory.allocate<Real>(H);
      x_ = memory.allocate<Real>(ceil_div(problem_.I, kDepth) * M * kStride<Real>);
    }
    if (arrays_.y) {
      w_ho_ = memory.allocate<Real>(problem_.H * O);
      b_o_ = memory.allocate<Real>(O);
      y_ = memory.allocate<Real>(M * O);
    }
  }

  // The caller's matrix needs no packing if it is made of whole panels.
  bool as_given(Index columns) const {
    return !kConverts<Stored> && !choices_.pack && columns % W == 0;
  }

  void pack_weight(const Stored* given, Index K, Index columns, Range panels, Real* to) {
    if (!as_given(columns)) pack(given, K, columns, panels, to);
  }

  Right<Real> right(const Stored* given, const Real* packed_panels, Index K, Index columns) const {
    if constexpr (!kConverts<Stored>)
      if (as_given(columns)) return {given, columns, W};
    return packed(packed_panels, K);
  }

  void pack_weights(Index rank) {
    const Range hidden_share = division_->among_all(rank, hidden());
    pack_weight(problem_.w_hh, problem_.H, problem_.H, hidden_share, w_hh_);
    recurrent_.inspect(w_hh(), hidden_share);
    if (!arrays_.z) {
      pack_weight(problem_.w_xh, problem_.I, problem_.H, hidden_share, w_xh_);
      pack(problem_.b_h, 1, problem_.H, hidden_share, b_h_);
    }
    if (arrays_.y) {
      const Range output_share = division_->among_all(rank, output());
      pack_weight(problem_.w_ho, problem_.H, problem_.O, output_share, w_ho_);
      pack(problem_.b_o, 1, problem_.O, output_share, b_o_);
    }
  }

  Right<Real> w_xh() const { return right(problem_.w_xh, w_xh_, problem_.I, problem_.H); }
  Right<Real> w_hh() const { return right(problem_.w_hh, w_hh_, problem_.H, problem_.H); }
  Right<Real> w_ho() const { return right(problem_.w_ho, w_ho_, problem_.H, problem_.O); }

  void load_state(Index rank) {
    const Range mine = division_->among_all(rank, {0, problem_.B});
    for (Index b = mine.first; b < mine.last; ++b)
      scatter(problem_.h0 + b * problem_.H, problem_.H, state(0), b);
  }

  // z = x W_xh + b_h
  void project(Index rank, Range steps) {
    const Stored* given = problem_.x + steps.first * problem_.B * problem_.I;
    division_->each_run(rank, steps.size(), problem_.B, [&](Range run) {
      const Range mine = division_->among_members(rank, run);
      for (Index row = mine.first; row < mine.last; ++row)
        scatter(given + row * problem_.I, problem_.I, x(), row);
    });
    division_->meet_group(rank);
    division_->each_run(rank, steps.size(), problem_.B, [&](Range run) {
      fill_strips(b_h_, run, my_hidden(rank), z());
      add_product(x().from(run.first), run.size(), w_xh(), problem_.I,
                  my_hidden(rank), z().from(run.first));
    });
  }

  // Step t, the s-th of its chunk.
  void step(Index rank, Index t, Index s) {
    const Strips<Real> z_t = z().from(s * problem_.B);
    recurrent_.add(rank, state(s), my_batch(rank), w_hh(), my_hidden(rank), z_t);
    each_panel(rank, [&](Index p, Index b) {
      apply_cell(z_t.at(p, b), p, state(s + 1).at(b, p * W), t * problem_.B + b);
    });
  }

  // A panel of a row of h, from its pre-activation.
  void apply_cell(const Real* pre, Index p, Real* h, Index row) {
    constexpr Index L = kLanes<Real>;
    for (Index i = 0; i < W; i += L) store(h + i, activate<kActivation, Real>(load(pre + i)));
    round<Stored>(h, W);
    if (arrays_.h)
      narrow_panel(h, width_of<Real>(p, problem_.H), arrays_.h + row * problem_.H + p * W);
  }

  // y = h W_ho + b_o
  void project_output(Index rank, Range steps) {
    Stored* to = arrays_.y + steps.first * problem_.B * problem_.O;
    division_->each_run(rank, steps.size(), problem_.B, [&](Range run) {
      const Range mine = division_->among_members(rank, run);
      fill_strips(b_o_, mine, output(), y());
      add_product(state(1).from(mine.first), mine.size(), w_ho(), problem_.H,
                  output(), y().from(mine.first));
      store_strips(y(), problem_.O, mine, output(), to);
    });
  }

  void store_last(Index rank) {
    each_panel(rank, [&](Index p, Index b) {
      narrow_panel(state(0).at(b, p * W), width_of<Real>(p, problem_.H),
                   arrays_.h_last + b * problem_.H + p * W);
    });
  }

  const ForwardArrays<Stored> arrays_;
  Real *w_xh_, *w_hh_, *w_ho_, *b_h_, *b_o_, *x_, *z_, *states_, *y_;
};

}  // namespace rnn
