// The backward pass: the derivatives of every slot, last step first, and every gradient from them.
#pragma once

#include "cells/cell.h"
#include "pass.h"

namespace rnn {

// What a backward pass reads beside the problem, and what it writes. Null where there is none: of a
// recurrence alone dh comes in and dslots goes out; of a layer dy comes in, gradients go out.
template <class Stored>
struct BackwardArrays {
  const Stored *h, *saved, *dh, *dy, *dlast;
  Stored *dslots, *dw_x, *dw_h, *db, *dw_o, *db_o, *dx, *dinitial;
};

// Time is cut into chunks, the last one first. A chunk's dh is laid out as strips, in the place of
// its first slot; each step adds what later steps pass back, and the cell makes of it the derivatives
// of its slots: the next step's left operands and, where they are, the right operand of the weight
// gradients, which grow by one product a chunk while all this is in cache.
template <class Stored, class Cell>
class Backward final : public Pass<Stored, Cell> {
  using Base = Pass<Stored, Cell>;
  using typename Base::Real;
  using Base::arena_, Base::choices_, Base::division_, Base::problem_, Base::recurrent_;
  using Base::chunk_rows, Base::each_panel, Base::hidden, Base::input, Base::my_batch,
      Base::my_hidden, Base::output, Base::panels_of, Base::slot_columns, Base::slot_of,
      Base::state_panel, Base::W, Base::width;
  static constexpr Index S = Cell::kSlots, kFirst = S - Cell::kFromH, kC = Cell::kCarried;
  static constexpr Index kKept = kC + Cell::kSaved;

 public:
  Backward(const Problem<Stored>& problem, const BackwardArrays<Stored>& arrays)
      : Backward(problem, arrays, choose<Cell>(problem.T, problem.B)) {}

  Backward(const Problem<Stored>& problem, const BackwardArrays<Stored>& arrays, Choices choices)
      : Base(problem, choices), arrays_(arrays) {
    this->reserve([this](BumpAllocator& memory) { lay_out(memory); });
  }

  void run(Index rank) override {
    pack_weights(rank);
    load_last(rank);
    division_->meet_all();
    for (Index end = problem_.T; end > 0; end = std::max<Index>(end - choices_.chunk, 0)) {
      const Range steps{std::max<Index>(end - choices_.chunk, 0), end};
      whole_layer() ? output_gradient(rank, steps) : load_gradient(rank, steps);
      for (Index t = end; t-- > steps.first;) {
        step(rank, t, t - steps.first);
        division_->meet_group(rank);
      }
      if (whole_layer()) grow_gradients(rank, steps);
      // The first step of a chunk is what the chunk before it in time goes on from.
      if (const Index left = steps.first)
        for (Index i = 0; i < S; ++i)
          this->carry(rank, rows(i, 0), rows(i, std::min(choices_.chunk, left)));
    }
    if (whole_layer()) store_gradients(rank);
    if (arrays_.dinitial) store_initial(rank);
  }

 private:
  bool whole_layer() const { return arrays_.dw_h != nullptr; }
  bool goes_back() const { return problem_.T > 1 || arrays_.dinitial; }  // through W_h

  Index rows_size() const {
    return ceil_div(problem_.H, kDepth) * (chunk_rows() + problem_.B) * kStride<Real>;
  }
  // Of a slot, in step s of a chunk; of the step after its last, too.
  Rows<Real> rows(Index slot, Index s) const {
    return {rows_ + slot * rows_size() + s * problem_.B * kStride<Real>,
            (chunk_rows() + problem_.B) * kStride<Real>};
  }
  Rows<Real> dy_rows() const { return {dy_rows_, chunk_rows() * kStride<Real>}; }
  Strips<Real> dslots() const { return {dslots_, chunk_rows() * W}; }
  Strips<Real> dslot(Index s) const { return slot_of(dslots(), s); }
  Strips<Real> dh() const { return dslot(0); }
  Strips<Real> direct() const { return {direct_, problem_.B * W}; }
  Strips<Real> dcarried(Index i) const { return slot_of({dcarried_, problem_.B * W}, i); }
  Strips<Real> dy() const { return {dy_, chunk_rows() * W}; }
  Strips<Real> dx() const { return {dx_, chunk_rows() * W}; }
  Strips<Real> dw_x() const { return {dw_x_, problem_.I * W}; }
  Strips<Real> dw_h() const { return {dw_h_, problem_.H * W}; }
  Strips<Real> dw_o() const { return {dw_o_, problem_.H * W}; }
  Strips<Real> db() const { return {db_, W}; }
  Strips<Real> db_o() const { return {db_o_, W}; }

  void lay_out(BumpAllocator& memory) {
    const Index H = hidden().last * W, O = output().last * W, I = input().last * W;
    const Index M = chunk_rows();
    w_h_ = memory.allocate<Real>(Cell::kFromH * problem_.H * H);
    dslots_ = memory.allocate<Real>(S * M * H);
    rows_ = memory.allocate<Real>(S * rows_size());
    direct_ = memory.allocate<Real>(Cell::kDirect ? problem_.B * H : 0);
    dcarried_ = memory.allocate<Real>(kC * problem_.B * H);
    if (whole_layer()) {
      w_o_ = memory.allocate<Real>(problem_.O * H);
      dy_ = memory.allocate<Real>(M * O);
      dy_rows_ = memory.allocate<Real>(ceil_div(problem_.O, kDepth) * M * kStride<Real>);
      dw_x_ = memory.allocate<Real>(Cell::kFromX * problem_.I * H);
      dw_h_ = memory.allocate<Real>(Cell::kFromH * problem_.H * H);
      db_ = memory.allocate<Real>(S * H);
      dw_o_ = memory.allocate<Real>(problem_.H * O);
      db_o_ = memory.allocate<Real>(O);
      x_ = memory.allocate<Real>(M * problem_.I);
      h_ = memory.allocate<Real>(M * problem_.H);
    }
    if (arrays_.dx) {
      w_x_ = memory.allocate<Real>(Cell::kFromX * problem_.H * I);
      dx_ = memory.allocate<Real>(M * I);
    }
  }

  Real* packed_w_h(Index i) const { return w_h_ + i * problem_.H * hidden().last * W; }
  Real* packed_w_x(Index i) const { return w_x_ + i * problem_.H * input().last * W; }

  // Transposed: of a slot's H rows each.
  void pack_weights(Index rank) {
    const Range mine = division_->among_all(rank, hidden());
    for (Index i = 0; i < Cell::kFromH && goes_back(); ++i) {
      pack_transposed(slot_columns(problem_.w_h, i, Cell::kFromH), problem_.H, mine, packed_w_h(i));
      recurrent_.inspect(packed(packed_w_h(i), problem_.H), mine);
    }
    if (whole_layer())
      pack_transposed(Given(problem_.w_o, problem_.O), problem_.H, mine, w_o_);
    if (arrays_.dx)
      for (Index i = 0; i < Cell::kFromX; ++i)
        pack_transposed(slot_columns(problem_.w_x, i, Cell::kFromX), problem_.I,
                        division_->among_all(rank, input()), packed_w_x(i));
  }

  // What flows into the last state from outside, beside h.
  void load_last(Index rank) {
    each_panel(rank, [&](Index p, Index b) {
      if (Cell::kDirect) std::fill_n(direct().at(p, b), W, Real(0));
      for (Index i = 0; i < kC; ++i)
        widen_panel(state_panel(arrays_.dlast, 1 + i, b, p), width(p), dcarried(i).at(p, b));
    });
  }

  // dh = dy W_o^T, and in the last step what flows into the last h from outside.
  void output_gradient(Index rank, Range steps) {
    const Given<const Stored> given(arrays_.dy + steps.first * problem_.B * problem_.O, problem_.O);
    division_->each_run(rank, steps.size(), problem_.B, [&](Range run) {
      const Range mine = division_->among_members(rank, run);
      load_strips(given, mine, output(), dy());
      for (Index row = mine.first; row < mine.last; ++row)
        scatter(given.at(row, 0), problem_.O, dy_rows(), row);
      clear_strips(dh(), run, my_hidden(rank));
    });
    add_last(rank, steps);
    division_->meet_group(rank);
    division_->each_run(rank, steps.size(), problem_.B, [&](Range run) {
      add_product(dy_rows().from(run.first), run.size(), packed(w_o_, problem_.O), problem_.O,
                  my_hidden(rank), dh().from(run.first));
    });
  }

  void load_gradient(Index rank, Range steps) {
    this->load_chunk(rank, Given(arrays_.dh, problem_.H), steps, dh());
    add_last(rank, steps);
    division_->meet_group(rank);
  }

  void add_last(Index rank, Range steps) {
    if (steps.last < problem_.T) return;
    const Strips<Real> to = dh().from((steps.size() - 1) * problem_.B);
    alignas(kVectorBytes) Real last[W];
    each_panel(rank, [&](Index p, Index b) {
      widen_panel(state_panel(arrays_.dlast, 0, b, p), width(p), last);
      for (Index i = 0; i < W; ++i) to.at(p, b)[i] += last[i];
    });
  }

  // strips += what the slots of step s of the chunk pass back through W_h.
  void add_back(Index rank, Index s, Strips<Real> strips) {
    for (Index i = 0; i < Cell::kFromH; ++i)
      recurrent_.add(rank, rows(kFirst + i, s), my_batch(rank), packed(packed_w_h(i), problem_.H),
                     my_hidden(rank), strips);
  }

  // Step t, the s-th of its chunk.
  void step(Index rank, Index t, Index s) {
    if (t + 1 < problem_.T) add_back(rank, s + 1, dh().from(s * problem_.B));
    each_panel(rank, [&](Index p, Index b) { apply_cell(t, s, p, b); });
  }

  // A panel of a row of every slot's derivative, from what flows into h.
  void apply_cell(Index t, Index s, Index p, Index b) {
    constexpr Index L = kLanes<Real>;
    const Index row = t * problem_.B + b, in_chunk = s * problem_.B + b;
    alignas(kVectorBytes) Real h[W], h_before[W], saved[at_least_one(kKept)][W];
    alignas(kVectorBytes) Real before[at_least_one(kC)][W];
    widen_panel(arrays_.h + row * problem_.H + p * W, width(p), h);
    if (Cell::kDirect) widen_panel(state_before(t, p, b), width(p), h_before);
    for (Index i = 0; i < kKept; ++i) widen_panel(saved_panel(row, i, p), width(p), saved[i]);
    for (Index i = 0; i < kC; ++i) widen_panel(carried_before(t, i, p, b), width(p), before[i]);
    for (Index lane = 0; lane < W; lane += L) {
      Back<Cell, Real> back;
      back.dh = load(dh().at(p, in_chunk) + lane), back.h = load(h + lane);
      if (Cell::kDirect) {
        back.dh += load(direct().at(p, b) + lane);
        back.h_before = load(h_before + lane);
      }
      for (Index i = 0; i < kC; ++i) {
        back.carried[i] = load(saved[i] + lane), back.carried_before[i] = load(before[i] + lane);
        back.dcarried[i] = load(dcarried(i).at(p, b) + lane);
      }
      for (Index i = 0; i < Cell::kSaved; ++i) back.saved[i] = load(saved[kC + i] + lane);
      Cell::template step_back<Real>(back);
      for (Index i = 0; i < S; ++i) store(dslot(i).at(p, in_chunk) + lane, back.dslots[i]);
      for (Index i = 0; i < kC; ++i) store(dcarried(i).at(p, b) + lane, back.dcarried[i]);
      if (Cell::kDirect) store(direct().at(p, b) + lane, back.direct);
    }
    for (Index i = 0; i < S; ++i) {
      Real* made = dslot(i).at(p, in_chunk);
      round<Stored>(made, W);
      std::copy_n(made, W, rows(i, s).at(b, p * W));
      if (arrays_.dslots)
        narrow_panel(made, width(p), arrays_.dslots + (row * S + i) * problem_.H + p * W);
    }
  }

  const Stored* saved_panel(Index row, Index i, Index p) const {
    return arrays_.saved + (row * kKept + i) * problem_.H + p * W;
  }
  const Stored* state_before(Index t, Index p, Index b) const {
    if (t == 0) return state_panel(problem_.initial, 0, b, p);
    return arrays_.h + ((t - 1) * problem_.B + b) * problem_.H + p * W;
  }
  const Stored* carried_before(Index t, Index i, Index p, Index b) const {
    if (t == 0) return state_panel(problem_.initial, 1 + i, b, p);
    return saved_panel((t - 1) * problem_.B + b, i, p);
  }

  // Everyone adds a chunk's products to some rows of every gradient. Between two steps of a chunk
  // h_{t-1} is h itself, a step earlier; before its first step it is another chunk's, or the initial.
  void grow_gradients(Index rank, Range steps) {
    const Index B = problem_.B, H = problem_.H, I = problem_.I, first = steps.first * B;
    const Index M = steps.size() * B;
    const Range from_x = panels_of(Cell::kFromX), from_h = panels_of(Cell::kFromH);
    const Stored* before = steps.first ? arrays_.h + (first - B) * H : problem_.initial;
    division_->meet_all();
    const bool fresh = steps.last == problem_.T;
    const Columns<Real> x = my_columns(rank, Given(problem_.x + first * I, I), M, x_);
    add_outer_product(x, dslots().as_right(), M, from_x, dw_x(), fresh);
    const Columns<Real> h_before = my_columns(rank, Given(before, H), B, h_);
    add_outer_product(h_before, dslot(kFirst).as_right(), B, from_h, dw_h(), fresh);
    const Columns<Real> h = my_columns(rank, Given(arrays_.h + first * H, H), M, h_);
    add_outer_product(h, dslot(kFirst).from(B).as_right(), M - B, from_h, dw_h(), false);
    add_outer_product(h, dy().as_right(), M, output(), dw_o(), fresh);
    add_rows(rank, dslots(), M, panels_of(S), db(), fresh);
    add_rows(rank, dy(), M, output(), db_o(), fresh);
    if (arrays_.dx) store_dx(rank, first, M);
    division_->meet_all();
  }

  // A rank's share of a matrix's columns, in its part of memory for a chunk of them.
  Columns<Real> my_columns(Index rank, Given<const Stored> matrix, Index M, Real* memory) {
    const Range mine = division_->among_all(rank, {0, matrix.N});
    const Columns<Real> columns{mine, memory + mine.first * chunk_rows(), M};
    pack_columns(matrix, M, columns);
    return columns;
  }

  // sums += every row, for a rank's share of the panels; from 0 on if fresh.
  void add_rows(Index rank, Strips<Real> strips, Index M, Range panels, Strips<Real> sums,
                bool fresh) {
    const Range mine = division_->among_all(rank, panels);
    if (fresh) clear_strips(sums, {0, 1}, mine);
    for (Index p = mine.first; p < mine.last; ++p)
      for (Index row = 0; row < M; ++row)
        for (Index i = 0; i < W; ++i) sums.at(p, 0)[i] += strips.at(p, row)[i];
  }

  // dx sums every slot's derivative times W_x^T.
  void store_dx(Index rank, Index first, Index M) {
    const Range mine = division_->among_all(rank, {0, M});
    clear_strips(dx(), mine, input());
    for (Index i = 0; i < Cell::kFromX; ++i)
      add_product(rows(i, 0).from(mine.first), mine.size(), packed(packed_w_x(i), problem_.H),
                  problem_.H, input(), dx().from(mine.first));
    store_strips(dx(), mine, input(), Given(arrays_.dx + first * problem_.I, problem_.I));
  }

  // Of each gradient what this rank added up, a slot after the other.
  void store_gradients(Index rank) {
    const Range I = division_->among_all(rank, {0, problem_.I}), one{0, 1};
    const Range H = division_->among_all(rank, {0, problem_.H});
    for (Index i = 0; i < Cell::kFromX; ++i)
      store_strips(slot_of(dw_x(), i), I, hidden(), slot_columns(arrays_.dw_x, i, Cell::kFromX));
    for (Index i = 0; i < Cell::kFromH; ++i)
      store_strips(slot_of(dw_h(), i), H, hidden(), slot_columns(arrays_.dw_h, i, Cell::kFromH));
    store_strips(dw_o(), H, output(), Given(arrays_.dw_o, problem_.O));
    for (Index i = 0; i < S; ++i) {
      const Index base = i * hidden().last;  // as `add_rows` divides the panels of all slots
      const Range all = division_->among_all(rank, panels_of(S));
      const Range mine{std::clamp<Index>(all.first - base, 0, hidden().last),
                       std::clamp<Index>(all.last - base, 0, hidden().last)};
      store_strips(slot_of(db(), i), one, mine, slot_columns(arrays_.db, i, S));
    }
    store_strips(db_o(), one, division_->among_all(rank, output()), Given(arrays_.db_o, problem_.O));
  }

  // The derivative of the initial state.
  void store_initial(Index rank) {
    const Range batch = my_batch(rank), panels = my_hidden(rank);
    clear_strips(dh(), batch, panels);
    add_back(rank, 0, dh());
    each_panel(rank, [&](Index p, Index b) {
      if (Cell::kDirect)
        for (Index i = 0; i < W; ++i) dh().at(p, b)[i] += direct().at(p, b)[i];
      narrow_panel(dh().at(p, b), width(p), state_panel(arrays_.dinitial, 0, b, p));
      for (Index i = 0; i < kC; ++i)
        narrow_panel(dcarried(i).at(p, b), width(p), state_panel(arrays_.dinitial, 1 + i, b, p));
    });
  }

  const BackwardArrays<Stored> arrays_;
  Real *w_x_, *w_h_, *w_o_, *dslots_, *rows_, *direct_, *dcarried_, *dy_, *dy_rows_, *dx_;
  Real *x_, *h_, *dw_x_, *dw_h_, *db_, *dw_o_, *db_o_;
};

}  // namespace rnn
