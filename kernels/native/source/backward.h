// The backward pass: dz_t = (dy_t W_ho^T + dz_{t+1} W_hh^T) act'(h_t), and every gradient from it.
#pragma once

#include "cells/elman.h"
#include "pass.h"

namespace rnn {

// What a backward pass reads beside the problem, and what it writes. Null where there is none: of a
// recurrence alone dh comes in and dz goes out; of a layer dy and dh_last come in, gradients go out.
template <class Stored>
struct BackwardArrays {
  const Stored *h, *dh, *dy, *dh_last;
  Stored *dz, *dw_xh, *dw_hh, *db_h, *dw_ho, *db_o, *dx, *dh0;
};

// Time is cut into chunks, the last one first. A chunk's dh is laid out as strips; each step adds
// dz_{t+1} W_hh^T to its rows and makes them dz_t: the next step's left operand and, where it is,
// the right operand of the weight gradients, which grow by one product a chunk while dz is in cache.
template <class Stored, Activation kActivation>
class Backward final : public Pass<Stored> {
  using Base = Pass<Stored>;
  using typename Base::Real;
  using Base::arena_, Base::choices_, Base::division_, Base::problem_, Base::recurrent_;
  using Base::chunk_rows, Base::each_panel, Base::hidden, Base::input, Base::my_batch,
      Base::my_hidden, Base::output, Base::W;

 public:
  Backward(const Problem<Stored>& problem, const BackwardArrays<Stored>& arrays)
      : Backward(problem, arrays, choose(problem.T, problem.B, kActivation == Activation::kRelu)) {}

  Backward(const Problem<Stored>& problem, const BackwardArrays<Stored>& arrays, Choices choices)
      : Base(problem, choices), arrays_(arrays) {
    this->reserve([this](BumpAllocator& memory) { lay_out(memory); });
  }

  void run(Index rank) override {
    pack_weights(rank);
    if (whole_layer()) clear_gradients(rank);
    division_->meet_all();
    for (Index end = problem_.T; end > 0; end = std::max<Index>(end - choices_.chunk, 0)) {
      const Range steps{std::max<Index>(end - choices_.chunk, 0), end};
      whole_layer() ? output_gradient(rank, steps)
                    : this->load_chunk(rank, arrays_.dh, steps, dz());
      for (Index t = end; t-- > steps.first;) {
        step(rank, t, t - steps.first);
        division_->meet_group(rank);
      }
      if (whole_layer()) grow_gradients(rank, steps);
      // The first dz of a chunk is what the chunk before it in time goes on from.
      const Index left = steps.first;
      if (left) this->carry(rank, dz_rows(0), dz_rows(std::min(choices_.chunk, left)));
    }
    if (whole_layer()) store_gradients(rank);
  }

 private:
  bool whole_layer() const { return arrays_.dw_hh != nullptr; }

  Rows<Real> dz_rows(Index s) const {  // of step s of a chunk; of the step after its last, too
    return {dz_rows_ + s * problem_.B * kStride<Real>, (chunk_rows() + problem_.B) * kStride<Real>};
  }
  Rows<Real> dy_rows() const { return {dy_rows_, chunk_rows() * kStride<Real>}; }
  Strips<Real> dz() const { return {dz_, chunk_rows() * W}; }
  Strips<Real> dy() const { return {dy_, chunk_rows() * W}; }
  Strips<Real> dx() const { return {dx_, chunk_rows() * W}; }
  Strips<Real> dw_xh() const { return {dw_xh_, problem_.I * W}; }
  Strips<Real> dw_hh() const { return {dw_hh_, problem_.H * W}; }
  Strips<Real> dw_ho() const { return {dw_ho_, problem_.H * W}; }
  Strips<Real> db_h() const { return {db_h_, W}; }
  Strips<Real> db_o() const { return {db_o_, W}; }

  void lay_out(BumpAllocator& memory) {
    const Index H = hidden().last * W, O = output().last * W, I = input().last * W;
    const Index M = chunk_rows();
    w_hh_ = memory.allocate<Real>(problem_.H * H);
    dz_ = memory.allocate<Real>(M * H);
    dz_rows_ = memory.allocate<Real>(ceil_div(problem_.H, kDepth) * (M + problem_.B) *
                                     kStride<Real>);
    if (whole_layer()) {
      w_ho_ = memory.allocate<Real>(problem_.O * H);
      dy_ = memory.allocate<Real>(M * O);
      dy_rows_ = memory.allocate<Real>(ceil_div(problem_.O, kDepth) * M * kStride<Real>);
      dw_xh_ = memory.allocate<Real>(problem_.I * H);
      dw_hh_ = memory.allocate<Real>(problem_.H * H);
      db_h_ = memory.allocate<Real>(H);
      dw_ho_ = memory.allocate<Real>(problem_.H * O);
      db_o_ = memory.allocate<Real>(O);
      if (kConverts<Stored>) {
        x_ = memory.allocate<Real>(M * problem_.I);
        h_ = memory.allocate<Real>(M * problem_.H);
        before_ = memory.allocate<Real>(problem_.B * problem_.H);
      }
    }
    if (arrays_.dx) {
      w_xh_ = memory.allocate<Real>(problem_.H * I);
      dx_ = memory.allocate<Real>(M * I);
    }
  }

  void pack_weights(Index rank) {
    const Range hidden_share = division_->among_all(rank, hidden());
    pack_transposed(problem_.w_hh, problem_.H, problem_.H, hidden_share, w_hh_);
    recurrent_.inspect(packed(w_hh_, problem_.H), hidden_share);
    if (whole_layer()) pack_transposed(problem_.w_ho, problem_.O, problem_.H, hidden_share, w_ho_);
    if (arrays_.dx)
      pack_transposed(problem_.w_xh, problem_.H, problem_.I,
                      division_->among_all(rank, input()), w_xh_);
  }

  // dh = dy W_ho^T, and in the last step what flows into the last state from outside.
  void output_gradient(Index rank, Range steps) {
    const Stored* given = arrays_.dy + steps.first * problem_.B * problem_.O;
    division_->each_run(rank, steps.size(), problem_.B, [&](Range run) {
      const Range mine = division_->among_members(rank, run);
      load_strips(given, problem_.O, mine, output(), dy());
      for (Index row = mine.first; row < mine.last; ++row)
        scatter(given + row * problem_.O, problem_.O, dy_rows(), row);
      clear_strips(dz(), run, my_hidden(rank));
    });
    if (steps.last == problem_.T)
      load_strips(arrays_.dh_last, problem_.H, my_batch(rank), my_hidden(rank),
                  dz().from((steps.size() - 1) * problem_.B));
    division_->meet_group(rank);
    division_->each_run(rank, steps.size(), problem_.B, [&](Range run) {
      add_product(dy_rows().from(run.first), run.size(), packed(w_ho_, problem_.O), problem_.O,
                  my_hidden(rank), dz().from(run.first));
    });
  }

  // Step t, the s-th of its chunk.
  void step(Index rank, Index t, Index s) {
    const Strips<Real> dz_t = dz().from(s * problem_.B);
    if (t + 1 < problem_.T)
      recurrent_.add(rank, dz_rows(s + 1), my_batch(rank), packed(w_hh_, problem_.H),
                     my_hidden(rank), dz_t);
    each_panel(rank, [&](Index p, Index b) {
      apply_cell(dz_t.at(p, b), p, dz_rows(s).at(b, p * W), t * problem_.B + b);
    });
  }

  // A panel of a row of dz, from what flows into h.
  void apply_cell(Real* upstream, Index p, Real* as_left, Index row) {
    constexpr Index L = kLanes<Real>;
    const Index width = width_of<Real>(p, problem_.H), column = row * problem_.H + p * W;
    alignas(kVectorBytes) Real h[W];
    widen_panel(arrays_.h + column, width, h);
    for (Index i = 0; i < W; i += L)
      store(upstream + i, slope<kActivation, Real>(load(upstream + i), load(h + i)));
    round<Stored>(upstream, W);
    std::copy_n(upstream, W, as_left);
    if (arrays_.dz) narrow_panel(upstream, width, arrays_.dz + column);
  }

  // Everyone adds a chunk's products to some rows of every gradient. Between two steps of a chunk
  // h_{t-1} is h itself, a step earlier; before its first step it is another chunk's, or h0.
  void grow_gradients(Index rank, Range steps) {
    const Index B = problem_.B, H = problem_.H, I = problem_.I, first = steps.first * B;
    const Index M = steps.size() * B;
    const Real* x = as_real(rank, problem_.x + first * I, M * I, x_);
    const Real* h = as_real(rank, arrays_.h + first * H, M * H, h_);
    const Real* before = as_real(
        rank, steps.first ? arrays_.h + (first - B) * H : problem_.h0, B * H, before_);
    division_->meet_all();
    add_outer(rank, x, I, dz(), M, hidden(), dw_xh());
    add_outer(rank, before, H, dz(), B, hidden(), dw_hh());
    add_outer(rank, h, H, dz().from(B), M - B, hidden(), dw_hh());
    add_outer(rank, h, H, dy(), M, output(), dw_ho());
    add_rows(rank, dz(), M, hidden(), db_h());
    add_rows(rank, dy(), M, output(), db_o());
    if (arrays_.dx) store_dx(rank, first, M);
    division_->meet_all();
  }

  // Numbers of the caller's, to compute with: themselves, or everyone's conversion of a share.
  const Real* as_real(Index rank, const Stored* from, Index n, Real* converted) {
    if constexpr (kConverts<Stored>) {
      const Range mine = division_->among_all(rank, {0, n});
      widen(from + mine.first, mine.size(), converted + mine.first);
      return converted;
    } else {
      return from;
    }
  }

  // c += a^T b, for a of M rows and N columns: a rank's share of the N rows of c.
  void add_outer(Index rank, const Real* a, Index N, Strips<Real> b, Index M, Range panels,
                 Strips<Real> c) {
    const Range mine = division_->among_all(rank, {0, N});
    const Left<Real, Read::kColumns> transposed{a + mine.first, N};
    if (mine.size())
      add_product(transposed, mine.size(), b.as_right(), M, panels, c.from(mine.first));
  }

  // sums += every row, for a rank's share of the panels.
  void add_rows(Index rank, Strips<Real> strips, Index M, Range panels, Strips<Real> sums) {
    const Range mine = division_->among_all(rank, panels);
    for (Index p = mine.first; p < mine.last; ++p)
      for (Index row = 0; row < M; ++row)
        for (Index i = 0; i < W; ++i) sums.at(p, 0)[i] += strips.at(p, row)[i];
  }

  // dx = dz W_xh^T
  void store_dx(Index rank, Index first, Index M) {
    const Range mine = division_->among_all(rank, {0, M});
    clear_strips(dx(), mine, input());
    add_product(dz_rows(0).from(mine.first), mine.size(), packed(w_xh_, problem_.H), problem_.H,
                input(), dx().from(mine.first));
    store_strips(dx(), problem_.I, mine, input(), arrays_.dx + first * problem_.I);
  }

  void clear_gradients(Index rank) {
    each_gradient(rank, [](Strips<Real> strips, Index, Range rows, Range panels, Stored*) {
      clear_strips(strips, rows, panels);
    });
  }

  void store_gradients(Index rank) {
    each_gradient(rank, [](Strips<Real> strips, Index N, Range rows, Range panels, Stored* to) {
      store_strips(strips, N, rows, panels, to);
    });
    const Range batch = my_batch(rank), panels = my_hidden(rank);  // dh0 = dz_0 W_hh^T
    clear_strips(dz(), batch, panels);
    add_product(dz_rows(0).from(batch.first), batch.size(), packed(w_hh_, problem_.H), problem_.H,
                panels, dz().from(batch.first));
    store_strips(dz(), problem_.H, batch, panels, arrays_.dh0);
  }

  // Of each gradient what this rank adds up.
  template <class Use>
  void each_gradient(Index rank, Use&& use) {
    const Range I = division_->among_all(rank, {0, problem_.I}), one{0, 1};
    const Range H = division_->among_all(rank, {0, problem_.H});
    use(dw_xh(), problem_.H, I, hidden(), arrays_.dw_xh);
    use(dw_hh(), problem_.H, H, hidden(), arrays_.dw_hh);
    use(dw_ho(), problem_.O, H, output(), arrays_.dw_ho);
    use(db_h(), problem_.H, one, division_->among_all(rank, hidden()), arrays_.db_h);
    use(db_o(), problem_.O, one, division_->among_all(rank, output()), arrays_.db_o);
  }

  const BackwardArrays<Stored> arrays_;
  Real *w_xh_, *w_hh_, *w_ho_, *dz_, *dz_rows_, *dy_, *dy_rows_, *dx_, *x_, *h_, *before_;
  Real *dw_xh_, *dw_hh_, *db_h_, *dw_ho_, *db_o_;
};

}  // namespace rnn
