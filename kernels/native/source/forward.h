// The forward pass: h_t = act(x_t W_xh + b_h + h_{t-1} W_hh), y_t = h_t W_ho + b_o.
#pragma once

#include <optional>

#include "activation.h"
#include "arena.h"
#include "layer.h"
#include "recurrent.h"

namespace rnn {

// What a forward pass reads beside the layer, and what it writes. Null where there is none.
template <class Stored>
struct ForwardArrays {
  const Stored* z;  // of a recurrence alone: x W_xh + b_h
  Stored *h, *h_last, *y;
};

// Time is cut into chunks. A chunk's rows, numbered as in x, are projected into strips; each step
// adds h_{t-1} W_hh to its rows of the strips, and what act makes of them is both the next step's
// left operand and, at the end of the chunk, the left operand of y.
template <class Stored, Activation kActivation>
class Forward final : public Work {
  using Real = RealOf<Stored>;
  static constexpr Index W = kPanel<Real>;

 public:
  Forward(const Layer<Stored>& layer, const ForwardArrays<Stored>& arrays)
      : Forward(layer, arrays, choose(layer.T, layer.B, kActivation == Activation::kRelu)) {}

  Forward(const Layer<Stored>& layer, const ForwardArrays<Stored>& arrays, Choices choices)
      : layer_(layer), arrays_(arrays), choices_(choices) {
    Dealer counting;
    deal(counting);
    Dealer dealing(arena_->reserve(counting.used()));
    deal(dealing);
  }

  void prepare(Index size) override {
    team_.emplace(choices_.divide<Real>(size, layer_.B, layer_.H));
    recurrent_.prepare(layer_.H, choices_.skip_zeros, size);
  }

  void run(Index rank) override {
    pack_weights(rank);
    load_state(rank);
    team_->meet_all();
    for (Index t = 0; t < layer_.T; t += choices_.chunk) {
      const Range steps{t, std::min(t + choices_.chunk, layer_.T)};
      arrays_.z ? load_z(rank, steps) : project(rank, steps);
      for (Index s = 0; s < steps.size(); ++s) {
        step(rank, t + s, s);
        team_->meet_group(rank);
      }
      if (arrays_.y) read_out(rank, steps);
      carry(rank, steps.size());
    }
    if (arrays_.h_last) store_last(rank);
  }

 private:
  Range hidden() const { return {0, ceil_div(layer_.H, W)}; }
  Range output() const { return {0, ceil_div(layer_.O, W)}; }
  Range my_hidden(Index rank) const { return team_->among_members(rank, hidden()); }
  Range my_batch(Index rank) const { return team_->rows(rank, layer_.B); }
  Index chunk_rows() const { return choices_.chunk * layer_.B; }

  Rows<Real> x() const { return {x_, chunk_rows() * kStride<Real>}; }
  Rows<Real> state(Index s) const {  // before step s of a chunk; after it, s + 1
    return {states_ + s * layer_.B * kStride<Real>, (chunk_rows() + layer_.B) * kStride<Real>};
  }
  Strips<Real> z() const { return {z_, chunk_rows() * W}; }
  Strips<Real> y() const { return {y_, chunk_rows() * W}; }

  void deal(Dealer& dealer) {
    const Index H = hidden().last * W, O = output().last * W, M = chunk_rows();
    w_hh_ = dealer.deal<Real>(layer_.H * H);
    z_ = dealer.deal<Real>(M * H);
    states_ = dealer.deal<Real>(ceil_div(layer_.H, kDepth) * (M + layer_.B) * kStride<Real>);
    if (!arrays_.z) {
      w_xh_ = dealer.deal<Real>(layer_.I * H);
      b_h_ = dealer.deal<Real>(H);
      x_ = dealer.deal<Real>(ceil_div(layer_.I, kDepth) * M * kStride<Real>);
    }
    if (arrays_.y) {
      w_ho_ = dealer.deal<Real>(layer_.H * O);
      b_o_ = dealer.deal<Real>(O);
      y_ = dealer.deal<Real>(M * O);
    }
  }

  // Whole panels of the caller's matrix also do as they are.
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
    const Range hidden_share = team_->among_all(rank, hidden());
    pack_weight(layer_.w_hh, layer_.H, layer_.H, hidden_share, w_hh_);
    recurrent_.inspect(w_hh(), hidden_share);
    if (!arrays_.z) {
      pack_weight(layer_.w_xh, layer_.I, layer_.H, hidden_share, w_xh_);
      pack(layer_.b_h, 1, layer_.H, hidden_share, b_h_);
    }
    if (arrays_.y) {
      const Range output_share = team_->among_all(rank, output());
      pack_weight(layer_.w_ho, layer_.H, layer_.O, output_share, w_ho_);
      pack(layer_.b_o, 1, layer_.O, output_share, b_o_);
    }
  }

  Right<Real> w_xh() const { return right(layer_.w_xh, w_xh_, layer_.I, layer_.H); }
  Right<Real> w_hh() const { return right(layer_.w_hh, w_hh_, layer_.H, layer_.H); }
  Right<Real> w_ho() const { return right(layer_.w_ho, w_ho_, layer_.H, layer_.O); }

  void load_state(Index rank) {
    const Range mine = team_->among_all(rank, {0, layer_.B});
    for (Index b = mine.first; b < mine.last; ++b)
      scatter(layer_.h0 + b * layer_.H, layer_.H, state(0), b);
  }

  void load_z(Index rank, Range steps) {
    const Stored* given = arrays_.z + steps.first * layer_.B * layer_.H;
    team_->each_run(rank, steps.size(), layer_.B, [&](Range run) {
      load_strips(given, layer_.H, run, my_hidden(rank), z());
    });
    team_->meet_group(rank);
  }

  // z = x W_xh + b_h
  void project(Index rank, Range steps) {
    const Stored* given = layer_.x + steps.first * layer_.B * layer_.I;
    team_->each_run(rank, steps.size(), layer_.B, [&](Range run) {
      const Range mine = team_->among_members(rank, run);
      for (Index row = mine.first; row < mine.last; ++row)
        scatter(given + row * layer_.I, layer_.I, x(), row);
    });
    team_->meet_group(rank);
    team_->each_run(rank, steps.size(), layer_.B, [&](Range run) {
      fill_strips(b_h_, run, my_hidden(rank), z());
      add_product(x().from(run.first), run.size(), w_xh(), layer_.I,
                  my_hidden(rank), z().from(run.first));
    });
  }

  // Step t, the s-th of its chunk.
  void step(Index rank, Index t, Index s) {
    const Range batch = my_batch(rank), panels = my_hidden(rank);
    const Strips<Real> z_t = z().from(s * layer_.B);
    recurrent_.add(rank, state(s), batch, w_hh(), panels, z_t);
    for (Index p = panels.first; p < panels.last; ++p)
      for (Index b = batch.first; b < batch.last; ++b)
        keep(z_t.at(p, b), p, state(s + 1).at(b, p * W), t * layer_.B + b);
  }

  // A panel of a row of h, from its pre-activation.
  void keep(const Real* pre, Index p, Real* h, Index row) {
    constexpr Index L = kLanes<Real>;
    for (Index i = 0; i < W; i += L) store(h + i, activate<kActivation, Real>(load(pre + i)));
    round<Stored>(h, W);
    if (arrays_.h)
      narrow_panel(h, width_of<Real>(p, layer_.H), arrays_.h + row * layer_.H + p * W);
  }

  // y = h W_ho + b_o
  void read_out(Index rank, Range steps) {
    Stored* wanted = arrays_.y + steps.first * layer_.B * layer_.O;
    team_->each_run(rank, steps.size(), layer_.B, [&](Range run) {
      const Range mine = team_->among_members(rank, run);
      fill_strips(b_o_, mine, output(), y());
      add_product(state(1).from(mine.first), mine.size(), w_ho(), layer_.H,
                  output(), y().from(mine.first));
      store_strips(y(), layer_.O, mine, output(), wanted);
    });
  }

  // The last state of a chunk is the first of the next.
  void carry(Index rank, Index steps) {
    const Range batch = my_batch(rank), panels = my_hidden(rank);
    for (Index b = batch.first; b < batch.last; ++b)
      for (Index p = panels.first; p < panels.last; ++p)
        std::copy_n(state(steps).at(b, p * W), W, state(0).at(b, p * W));
  }

  void store_last(Index rank) {
    const Range batch = my_batch(rank), panels = my_hidden(rank);
    for (Index b = batch.first; b < batch.last; ++b)
      for (Index p = panels.first; p < panels.last; ++p)
        narrow_panel(state(0).at(b, p * W), width_of<Real>(p, layer_.H),
                     arrays_.h_last + b * layer_.H + p * W);
  }

  const Layer<Stored> layer_;
  const ForwardArrays<Stored> arrays_;
  const Choices choices_;
  Borrowed arena_;
  std::optional<Division> team_;
  RecurrentProduct<Real> recurrent_;
  Real *w_xh_, *w_hh_, *w_ho_, *b_h_, *b_o_, *x_, *z_, *states_, *y_;
};

}  // namespace rnn
