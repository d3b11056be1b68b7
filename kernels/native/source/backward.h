// The backward pass: dz_t = (dy_t W_ho^T + dz_{t+1} W_hh^T) act'(h_t), and every gradient from it.
#pragma once

#include <optional>

#include "activation.h"
#include "arena.h"
#include "layer.h"
#include "recurrent.h"

namespace rnn {

// What a backward pass reads beside the layer, and what it writes. Null where there is none: of a
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
class Backward final : public Work {
  using Real = RealOf<Stored>;
  static constexpr Index W = kPanel<Real>;

 public:
  Backward(const Layer<Stored>& layer, const BackwardArrays<Stored>& arrays)
      : Backward(layer, arrays, choose(layer.T, layer.B, kActivation == Activation::kRelu)) {}

  Backward(const Layer<Stored>& layer, const BackwardArrays<Stored>& arrays, Choices choices)
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
    if (whole_layer()) clear_gradients(rank);
    team_->meet_all();
    for (Index end = layer_.T; end > 0; end = std::max<Index>(end - choices_.chunk, 0)) {
      const Range steps{std::max<Index>(end - choices_.chunk, 0), end};
      whole_layer() ? read_back(rank, steps) : load_dh(rank, steps);
      for (Index t = end; t-- > steps.first;) {
        step(rank, t, t - steps.first);
        team_->meet_group(rank);
      }
      if (whole_layer()) grow_gradients(rank, steps);
      carry(rank, steps.first);
    }
    if (whole_layer()) store_gradients(rank);
  }

 private:
  bool whole_layer() const { return arrays_.dw_hh != nullptr; }

  Range hidden() const { return {0, ceil_div(layer_.H, W)}; }
  Range input() const { return {0, ceil_div(layer_.I, W)}; }
  Range output() const { return {0, ceil_div(layer_.O, W)}; }
  Range my_hidden(Index rank) const { return team_->among_members(rank, hidden()); }
  Range my_batch(Index rank) const { return team_->rows(rank, layer_.B); }
  Index chunk_rows() const { return choices_.chunk * layer_.B; }

  Rows<Real> dz_rows(Index s) const {  // of step s of a chunk; of the step after its last, too
    return {dz_rows_ + s * layer_.B * kStride<Real>, (chunk_rows() + layer_.B) * kStride<Real>};
  }
  Rows<Real> dy_rows() const { return {dy_rows_, chunk_rows() * kStride<Real>}; }
  Strips<Real> dz() const { return {dz_, chunk_rows() * W}; }
  Strips<Real> dy() const { return {dy_, chunk_rows() * W}; }
  Strips<Real> dx() const { return {dx_, chunk_rows() * W}; }
  Strips<Real> dw_xh() const { return {dw_xh_, layer_.I * W}; }
  Strips<Real> dw_hh() const { return {dw_hh_, layer_.H * W}; }
  Strips<Real> dw_ho() const { return {dw_ho_, layer_.H * W}; }
  Strips<Real> db_h() const { return {db_h_, W}; }
  Strips<Real> db_o() const { return {db_o_, W}; }

  void deal(Dealer& dealer) {
    const Index H = hidden().last * W, O = output().last * W, I = input().last * W;
    const Index M = chunk_rows();
    w_hh_ = dealer.deal<Real>(layer_.H * H);
    dz_ = dealer.deal<Real>(M * H);
    dz_rows_ = dealer.deal<Real>(ceil_div(layer_.H, kDepth) * (M + layer_.B) * kStride<Real>);
    if (whole_layer()) {
      w_ho_ = dealer.deal<Real>(layer_.O * H);
      dy_ = dealer.deal<Real>(M * O);
      dy_rows_ = dealer.deal<Real>(ceil_div(layer_.O, kDepth) * M * kStride<Real>);
      dw_xh_ = dealer.deal<Real>(layer_.I * H);
      dw_hh_ = dealer.deal<Real>(layer_.H * H);
      db_h_ = dealer.deal<Real>(H);
      dw_ho_ = dealer.deal<Real>(layer_.H * O);
      db_o_ = dealer.deal<Real>(O);
      if (kConverts<Stored>) {
        x_ = dealer.deal<Real>(M * layer_.I);
        h_ = dealer.deal<Real>(M * layer_.H);
        before_ = dealer.deal<Real>(layer_.B * layer_.H);
      }
    }
    if (arrays_.dx) {
      w_xh_ = dealer.deal<Real>(layer_.H * I);
      dx_ = dealer.deal<Real>(M * I);
    }
  }

  void pack_weights(Index rank) {
    const Range hidden_share = team_->among_all(rank, hidden());
    pack_transposed(layer_.w_hh, layer_.H, layer_.H, hidden_share, w_hh_);
    recurrent_.inspect(packed(w_hh_, layer_.H), hidden_share);
    if (whole_layer()) pack_transposed(layer_.w_ho, layer_.O, layer_.H, hidden_share, w_ho_);
    if (arrays_.dx)
      pack_transposed(layer_.w_xh, layer_.H, layer_.I, team_->among_all(rank, input()), w_xh_);
  }

  void load_dh(Index rank, Range steps) {
    const Stored* given = arrays_.dh + steps.first * layer_.B * layer_.H;
    team_->each_run(rank, steps.size(), layer_.B, [&](Range run) {
      load_strips(given, layer_.H, run, my_hidden(rank), dz());
    });
    team_->meet_group(rank);
  }

  // dh = dy W_ho^T, and in the last step what flows into the last state from outside.
  void read_back(Index rank, Range steps) {
    const Stored* given = arrays_.dy + steps.first * layer_.B * layer_.O;
    team_->each_run(rank, steps.size(), layer_.B, [&](Range run) {
      const Range mine = team_->among_members(rank, run);
      load_strips(given, layer_.O, mine, output(), dy());
      for (Index row = mine.first; row < mine.last; ++row)
        scatter(given + row * layer_.O, layer_.O, dy_rows(), row);
      clear_strips(dz(), run, my_hidden(rank));
    });
    if (steps.last == layer_.T)
      load_strips(arrays_.dh_last, layer_.H, my_batch(rank), my_hidden(rank),
                  dz().from((steps.size() - 1) * layer_.B));
    team_->meet_group(rank);
    team_->each_run(rank, steps.size(), layer_.B, [&](Range run) {
      add_product(dy_rows().from(run.first), run.size(), packed(w_ho_, layer_.O), layer_.O,
                  my_hidden(rank), dz().from(run.first));
    });
  }

  // Step t, the s-th of its chunk.
  void step(Index rank, Index t, Index s) {
    const Range batch = my_batch(rank), panels = my_hidden(rank);
    const Strips<Real> dz_t = dz().from(s * layer_.B);
    if (t + 1 < layer_.T)
      recurrent_.add(rank, dz_rows(s + 1), batch, packed(w_hh_, layer_.H), panels, dz_t);
    for (Index p = panels.first; p < panels.last; ++p)
      for (Index b = batch.first; b < batch.last; ++b)
        keep(dz_t.at(p, b), p, dz_rows(s).at(b, p * W), t * layer_.B + b);
  }

  // A panel of a row of dz, from what flows into h.
  void keep(Real* upstream, Index p, Real* as_left, Index row) {
    constexpr Index L = kLanes<Real>;
    const Index width = width_of<Real>(p, layer_.H), column = row * layer_.H + p * W;
    alignas(kVectorBytes) Real h[W];
    widen_panel(arrays_.h + column, width, h);
    for (Index i = 0; i < W; i += L)
      store(upstream + i, slope<kActivation, Real>(load(upstream + i), load(h + i)));
    round<Stored>(upstream, W);
    std::copy_n(upstream, W, as_left);
    if (arrays_.dz) narrow_panel(upstream, width, arrays_.dz + column);
  }

  // The first dz of a chunk is what the chunk before it in time goes on from.
  void carry(Index rank, Index steps_left) {
    if (!steps_left) return;
    const Rows<Real> last = dz_rows(std::min(choices_.chunk, steps_left));
    const Range batch = my_batch(rank), panels = my_hidden(rank);
    for (Index b = batch.first; b < batch.last; ++b)
      for (Index p = panels.first; p < panels.last; ++p)
        std::copy_n(dz_rows(0).at(b, p * W), W, last.at(b, p * W));
  }

  // Everyone adds a chunk's products to some rows of every gradient. Between two steps of a chunk
  // h_{t-1} is h itself, a step earlier; before its first step it is another chunk's, or h0.
  void grow_gradients(Index rank, Range steps) {
    const Index B = layer_.B, H = layer_.H, I = layer_.I, first = steps.first * B;
    const Index M = steps.size() * B;
    const Real* x = as_real(rank, layer_.x + first * I, M * I, x_);
    const Real* h = as_real(rank, arrays_.h + first * H, M * H, h_);
    const Real* before = as_real(
        rank, steps.first ? arrays_.h + (first - B) * H : layer_.h0, B * H, before_);
    team_->meet_all();
    add_outer(rank, x, I, dz(), M, hidden(), dw_xh());
    add_outer(rank, before, H, dz(), B, hidden(), dw_hh());
    add_outer(rank, h, H, dz().from(B), M - B, hidden(), dw_hh());
    add_outer(rank, h, H, dy(), M, output(), dw_ho());
    add_rows(rank, dz(), M, hidden(), db_h());
    add_rows(rank, dy(), M, output(), db_o());
    if (arrays_.dx) store_dx(rank, first, M);
    team_->meet_all();
  }

  // Numbers of the caller's, to compute with: themselves, or everyone's conversion of a share.
  const Real* as_real(Index rank, const Stored* from, Index n, Real* converted) {
    if constexpr (kConverts<Stored>) {
      const Range mine = team_->among_all(rank, {0, n});
      widen(from + mine.first, mine.size(), converted + mine.first);
      return converted;
    } else {
      return from;
    }
  }

  // c += a^T b, for a of M rows and N columns: a rank's share of the N rows of c.
  void add_outer(Index rank, const Real* a, Index N, Strips<Real> b, Index M, Range panels,
                 Strips<Real> c) {
    const Range mine = team_->among_all(rank, {0, N});
    const Left<Real, Read::kColumns> transposed{a + mine.first, N};
    if (mine.size())
      add_product(transposed, mine.size(), b.as_right(), M, panels, c.from(mine.first));
  }

  // sums += every row, for a rank's share of the panels.
  void add_rows(Index rank, Strips<Real> strips, Index M, Range panels, Strips<Real> sums) {
    const Range mine = team_->among_all(rank, panels);
    for (Index p = mine.first; p < mine.last; ++p)
      for (Index row = 0; row < M; ++row)
        for (Index i = 0; i < W; ++i) sums.at(p, 0)[i] += strips.at(p, row)[i];
  }

  // dx = dz W_xh^T
  void store_dx(Index rank, Index first, Index M) {
    const Range mine = team_->among_all(rank, {0, M});
    clear_strips(dx(), mine, input());
    add_product(dz_rows(0).from(mine.first), mine.size(), packed(w_xh_, layer_.H), layer_.H,
                input(), dx().from(mine.first));
    store_strips(dx(), layer_.I, mine, input(), arrays_.dx + first * layer_.I);
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
    add_product(dz_rows(0).from(batch.first), batch.size(), packed(w_hh_, layer_.H), layer_.H,
                panels, dz().from(batch.first));
    store_strips(dz(), layer_.H, batch, panels, arrays_.dh0);
  }

  // Of each gradient what this rank adds up.
  template <class Use>
  void each_gradient(Index rank, Use&& use) {
    const Range I = team_->among_all(rank, {0, layer_.I}), one{0, 1};
    const Range H = team_->among_all(rank, {0, layer_.H});
    use(dw_xh(), layer_.H, I, hidden(), arrays_.dw_xh);
    use(dw_hh(), layer_.H, H, hidden(), arrays_.dw_hh);
    use(dw_ho(), layer_.O, H, output(), arrays_.dw_ho);
    use(db_h(), layer_.H, one, team_->among_all(rank, hidden()), arrays_.db_h);
    use(db_o(), layer_.O, one, team_->among_all(rank, output()), arrays_.db_o);
  }

  const Layer<Stored> layer_;
  const BackwardArrays<Stored> arrays_;
  const Choices choices_;
  Borrowed arena_;
  std::optional<Division> team_;
  RecurrentProduct<Real> recurrent_;
  Real *w_xh_, *w_hh_, *w_ho_, *dz_, *dz_rows_, *dy_, *dy_rows_, *dx_, *x_, *h_, *before_;
  Real *dw_xh_, *dw_hh_, *db_h_, *dw_ho_, *db_o_;
};

}  // namespace rnn
