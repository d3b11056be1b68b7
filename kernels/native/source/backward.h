// The backward pass: the derivatives of every slot, last step first, and every gradient from them.
#pragma once

#include "cells/cell.h"
#include "pass.h"

namespace rnn {

// What a backward pass reads beside the problem, and what it writes. Null where there is none. Of a
// recurrence alone dh comes in; dw_h goes out, dpre of the slots that x fills, db of the others.
// Of a layer dy comes in, or dh where nothing is read out, and every gradient goes out.
template <class Stored>
struct BackwardArrays {
  const Stored *h, *saved, *dh, *dy;
  State<const Stored> dlast;
  Stored *dpre, *dw_x, *dw_h, *db, *dw_o, *db_o, *dx;
  State<Stored> dinitial;
};

// The last chunk comes first. Its dh is laid out as strips; each step adds what later steps pass back,
// and the cell makes of it the derivatives of its slots: the next step's left operands and, as they
// lie or in a copy of 16-bit numbers, the right operand of the weight gradients, which grow by one
// product a chunk while all this is in cache. Each group has its own sums of those, so that it meets
// no other before the end. What passes to the chunk before lies apart.
template <class Stored, class Cell>
class Backward final : public Pass<Stored, Cell> {
  using Base = Pass<Stored, Cell>;
  using typename Base::Operand, typename Base::Real;
  using Base::active, Base::caller_row, Base::chunk_rows, Base::clear_padding, Base::each_panel,
      Base::each_step, Base::first, Base::hidden, Base::input, Base::my_hidden, Base::my_rows,
      Base::output, Base::panels_of, Base::right_size, Base::rows_size, Base::slot_columns,
      Base::slot_of, Base::start, Base::state_panel, Base::strip_size, Base::W, Base::width;
  using Base::chunk_, Base::division_, Base::problem_, Base::recurrent_, Base::schedule_;
  static constexpr Index S = Cell::kSlots, kFirst = S - Cell::kFromH, kC = Cell::kCarried;
  static constexpr Index kKept = kC + Cell::kSaved;
  static constexpr bool kCopiesRows = kGroup<Operand> > 1;

 public:
  Backward(const Problem<Stored>& problem, const BackwardArrays<Stored>& arrays)
      : Backward(problem, arrays, choose<Cell>(problem.T, problem.B)) {}

  Backward(const Problem<Stored>& problem, const BackwardArrays<Stored>& arrays, Choices choices)
      : Base(problem, choices, /*room=*/false), arrays_(arrays) {
    const Index rows = problem.T * problem.B;
    expect_large_write(arrays.dpre, rows * Cell::kFromX * problem.H);
    expect_large_write(arrays.dx, rows * problem.I);
  }

  // Each group's sums, I + H rows of weights, are written, read and added once. Fewer groups have
  // more members, who read what each other made of the rows of the pass.
  Index most_groups() const override {
    constexpr Index worth = 4;
    const Index rows = problem_.T * problem_.B;
    return worth * rows / std::max<Index>(problem_.I + problem_.H, 1);
  }

  void run(Index rank) override {
    pack_weights(rank);
    clear_padding(rank, arrays_.dpre, Cell::kFromX * problem_.H);
    clear_padding(rank, arrays_.dx, problem_.I);
    this->copy_empty(rank, arrays_.dlast, arrays_.dinitial);
    division_->meet_all();
    const std::vector<Range>& chunks = schedule_->chunks();
    for (auto chunk = chunks.rbegin(); chunk != chunks.rend(); ++chunk) {
      const Index* places = this->places(rank, *chunk);
      const Index* before = this->places_before(rank, *chunk);
      arrays_.dy ? output_gradient(rank, *chunk, places) : load_gradient(rank, *chunk, places);
      for (Index s = chunk->last; s-- > chunk->first;) {
        step(rank, s, s + 1 == chunk->last, places, before);
        division_->meet_group(rank);
        if (arrays_.dinitial.h) store_initial(rank, s);
      }
      if (chunk->first)
        for (Index i = 0; i < S; ++i)
          this->carry(rank, active(rank, chunk->first),
                      rows(i).below(start(rank, chunk->first)), between(i, rank));
      grow_gradients(rank, *chunk, places, before, chunk == chunks.rbegin());
    }
    division_->meet_all();
    if (!at_once()) store_weights(rank);
    store_biases(rank);
  }

 private:
  bool is_layer() const { return arrays_.dw_x; }  // and no recurrence alone
  bool goes_back() const { return problem_.T > 1 || arrays_.dinitial.h; }  // through W_h

  // Of a slot, the rows of a chunk; and of the first step of the chunk behind it.
  Rows<Operand> rows(Index slot) const {
    return {rows_ + slot * rows_size(chunk_rows(), problem_.H), chunk_rows() * kStride<Operand>};
  }
  Rows<Operand> between(Index slot, Index rank) const {
    const Rows<Operand> of_all{between_ + slot * rows_size(problem_.B, problem_.H),
                               problem_.B * kStride<Operand>};
    return of_all.below(first(rank));
  }
  Rows<Operand> dy_rows() const { return {dy_rows_, chunk_rows() * kStride<Operand>}; }
  Strips<Real> dh() const { return {dh_, strip_size(chunk_rows())}; }
  // Of a group's rows, what reaches the state before past the product.
  Strips<Real> direct(Index rank) const {
    return Strips<Real>{direct_, strip_size(problem_.B)}.from(first(rank));
  }
  Strips<Real> dcarried(Index i, Index rank) const {
    return slot_of({dcarried_, strip_size(problem_.B)}, i).from(first(rank));
  }
  Strips<Real> dinitial(Index rank) const {
    return Strips<Real>{dinitial_, strip_size(problem_.B)}.from(first(rank));
  }
  Strips<Real> dx() const { return {dx_, strip_size(chunk_rows())}; }
  // What a group has added up of a gradient, of so many rows and panels.
  Strips<Real> sums(Real* all, Index group, Index rows, Range panels) const {
    return {all + group * panels.last * rows * W, rows * W};
  }
  Strips<Real> dw_x(Index group) const {
    return sums(dw_x_, group, problem_.I, panels_of(Cell::kFromX));
  }
  Strips<Real> dw_h(Index group) const {
    return sums(dw_h_, group, problem_.H, panels_of(Cell::kFromH));
  }
  Strips<Real> dw_o(Index group) const { return sums(dw_o_, group, problem_.H, output()); }
  Strips<Real> db(Index group) const { return sums(db_, group, 1, panels_of(S)); }
  Strips<Real> db_o(Index group) const { return sums(db_o_, group, 1, output()); }

  // Where a rank's group has its rows of a right operand, or of columns, of so many columns: behind
  // those of the groups before it, each filled up. And how many numbers all groups have there.
  Operand* rows_of_group(Operand* all, Index rank, Index columns) const {
    const Index before = right_size(chunk_ * first(rank), columns);
    return all + before + division_->group(rank) * right_size(1, columns);
  }
  Index rows_of_groups(Index columns) const {
    return right_size(chunk_rows(), columns) + division_->groups() * right_size(1, columns);
  }

  void lay_out(BumpAllocator& memory) override {
    const Index H = hidden().last * W, O = output().last * W, I = input().last * W;
    const Index M = chunk_rows(), groups = division_->groups();
    const Index strip = strip_size(M), strip_of_step = strip_size(problem_.B);
    w_h_ = memory.allocate<Operand>(Cell::kFromH * right_size(problem_.H, H));
    dh_ = memory.allocate<Real>(strip * hidden().last);
    rows_ = memory.allocate<Operand>(S * rows_size(M, problem_.H));
    between_ = memory.allocate<Operand>(S * rows_size(problem_.B, problem_.H));
    dinitial_ = memory.allocate<Real>(arrays_.dinitial.h ? strip_of_step * hidden().last : 0);
    direct_ = memory.allocate<Real>(Cell::kDirect ? strip_of_step * hidden().last : 0);
    dcarried_ = memory.allocate<Real>(kC * strip_of_step * hidden().last);
    rows_right_ = memory.allocate<Operand>(kCopiesRows ? rows_of_groups(S * H) : 0);
    dw_h_ = memory.allocate<Real>(groups * Cell::kFromH * problem_.H * H);
    db_ = memory.allocate<Real>(groups * S * H);
    h_ = memory.allocate<Operand>(rows_of_groups(problem_.H));
    if (is_layer()) {
      w_o_ = memory.allocate<Operand>(right_size(problem_.O, H));
      dy_rows_ = memory.allocate<Operand>(rows_size(M, problem_.O));
      dy_right_ = memory.allocate<Operand>(kCopiesRows ? rows_of_groups(O) : 0);
      dw_x_ = memory.allocate<Real>(groups * Cell::kFromX * problem_.I * H);
      dw_o_ = memory.allocate<Real>(groups * problem_.H * O);
      db_o_ = memory.allocate<Real>(groups * O);
      x_ = memory.allocate<Operand>(rows_of_groups(problem_.I));
    }
    if (arrays_.dx) {
      w_x_ = memory.allocate<Operand>(Cell::kFromX * right_size(problem_.H, I));
      dx_ = memory.allocate<Real>(strip * input().last);
    }
  }

  Operand* packed_w_h(Index i) const {
    return w_h_ + i * right_size(problem_.H, hidden().last * W);
  }
  Operand* packed_w_x(Index i) const {
    return w_x_ + i * right_size(problem_.H, input().last * W);
  }

  // Transposed: of a slot's H rows each.
  void pack_weights(Index rank) {
    const Range mine = division_->among_all(rank, hidden());
    for (Index i = 0; i < Cell::kFromH && goes_back(); ++i) {
      pack_transposed(slot_columns(problem_.w_h, i, Cell::kFromH), problem_.H, mine, packed_w_h(i));
      recurrent_.inspect(packed(packed_w_h(i), problem_.H), mine);
    }
    if (arrays_.dy)
      pack_transposed(Given(problem_.w_o, problem_.O), problem_.H, mine, w_o_);
    if (arrays_.dx)
      for (Index i = 0; i < Cell::kFromX; ++i)
        pack_transposed(slot_columns(problem_.w_x, i, Cell::kFromX), problem_.I,
                        division_->among_all(rank, input()), packed_w_x(i));
  }

  // dh = dy W_o^T
  void output_gradient(Index rank, Range chunk, const Index* places) {
    const Chosen<const Stored> given{{arrays_.dy, problem_.O}, places};
    const Range rows = my_rows(rank, chunk), mine = division_->among_members(rank, rows);
    for (Index row = mine.first; row < mine.last; ++row)
      scatter(given.at(row, 0), problem_.O, dy_rows(), row);
    division_->meet_group(rank);
    product(dy_rows().from(rows.first), rows.size(), packed(w_o_, problem_.O), problem_.O,
            my_hidden(rank), zeros<Real>(), dh().from(rows.first));
  }

  void load_gradient(Index rank, Range chunk, const Index* places) {
    if (arrays_.dh)
      this->load_chunk(rank, Given(arrays_.dh, problem_.H), places, chunk, dh());
    else
      clear_strips(dh(), my_rows(rank, chunk), my_hidden(rank));
    division_->meet_group(rank);
  }

  // strips += what the first `count` of these rows of all slots pass back through W_h.
  template <class RowsOf>
  void add_back(Index rank, const RowsOf& rows_of, Index count, Strips<Real> strips) {
    for (Index i = 0; i < Cell::kFromH; ++i)
      recurrent_.multiply(rank, rows_of(kFirst + i), count, packed(packed_w_h(i), problem_.H),
                          my_hidden(rank), strips, strips);
  }

  // Of a group's rows in one step: where their derivatives lie, of the first part and slot; the
  // caller's rows, and those of the state before.
  struct Step {
    Strips<Real> dh, direct, dcarried;
    Rows<Operand> rows;
    const Index *places, *before;
  };

  void step(Index rank, Index s, bool last_of_chunk, const Index* places, const Index* before) {
    const Index later = active(rank, s + 1), rows_now = active(rank, s), at = start(rank, s);
    const auto rows_later = [&](Index slot) {
      return last_of_chunk ? between(slot, rank) : rows(slot).below(start(rank, s + 1));
    };
    add_back(rank, rows_later, std::min(later, rows_now), dh().from(at));
    const Step now{dh().from(at), direct(rank), dcarried(0, rank), rows(0).below(at),
                   places + at, before + at};
    each_panel(rank, {later, rows_now}, [&](Index p, Index i) {
      add_last(now, p, i, caller_row(rank, i));
    });
    each_panel(rank, {0, rows_now}, [&](Index p, Index i) { apply_cell(now, p, i); });
  }

  // What flows into a row's last state from outside.
  void add_last(const Step& now, Index p, Index i, Index b) {
    alignas(kVectorBytes) Real last[W];
    read_panel(state_panel(arrays_.dlast, 0, b, p), width(p), last);
    for (Index lane = 0; lane < W; ++lane) now.dh.at(p, i)[lane] += last[lane];
    if (Cell::kDirect) std::fill_n(now.direct.at(p, i), W, Real(0));
    for (Index j = 0; j < kC; ++j)
      read_panel(state_panel(arrays_.dlast, 1 + j, b, p), width(p),
                  slot_of(now.dcarried, j).at(p, i));
  }

  // A panel of a row of every slot's derivative, from what flows into h.
  void apply_cell(const Step& now, Index p, Index i) {
    constexpr Index L = kLanes<Real>;
    const Index place = now.places[i], place_before = now.before[i];
    alignas(kVectorBytes) Real h[W], h_before[W], saved[at_least_one(kKept)][W];
    alignas(kVectorBytes) Real before[at_least_one(kC)][W];
    Operand* made[S];
    for (Index j = 0; j < S; ++j)
      made[j] = now.rows.at(i, p * W) + j * rows_size(chunk_rows(), problem_.H);
    read_panel(arrays_.h + place * problem_.H + p * W, width(p), h);
    if (Cell::kDirect) read_panel(h_before_at(place_before, p * W), width(p), h_before);
    for (Index j = 0; j < kKept; ++j) read_panel(saved_panel(place, j, p), width(p), saved[j]);
    for (Index j = 0; j < kC; ++j)
      read_panel(carried_before(place_before, j, p), width(p), before[j]);
    for (Index lane = 0; lane < W; lane += L) {
      Back<Cell, Real> back;
      back.dh = load(now.dh.at(p, i) + lane), back.h = load(h + lane);
      if (Cell::kDirect) {
        back.dh += load(now.direct.at(p, i) + lane);
        back.h_before = load(h_before + lane);
      }
      for (Index j = 0; j < kC; ++j) {
        back.carried[j] = load(saved[j] + lane), back.carried_before[j] = load(before[j] + lane);
        back.dcarried[j] = load(slot_of(now.dcarried, j).at(p, i) + lane);
      }
      for (Index j = 0; j < Cell::kSaved; ++j) back.saved[j] = load(saved[kC + j] + lane);
      Cell::template step_back<Real>(back);
      for (Index j = 0; j < S; ++j) store(made[j] + lane, back.dslots[j]);
      for (Index j = 0; j < kC; ++j)
        store(slot_of(now.dcarried, j).at(p, i) + lane, back.dcarried[j]);
      if (Cell::kDirect) store(now.direct.at(p, i) + lane, back.direct);
    }
    for (Index j = 0; j < S; ++j) {
      if constexpr (std::is_same_v<Operand, Real>) round<Stored>(made[j], W);
      if (arrays_.dpre && j < Cell::kFromX)
        write_panel(made[j], width(p), arrays_.dpre + (place * Cell::kFromX + j) * problem_.H + p * W);
    }
  }

  const Stored* saved_panel(Index place, Index i, Index p) const {
    return arrays_.saved + (place * kKept + i) * problem_.H + p * W;
  }

  // Of the state before a step, whose place may be that of an initial state.
  const Stored* h_before_at(Index place, Index column) const {
    return column + (place < 0 ? problem_.initial.h + (-1 - place) * problem_.H
                               : arrays_.h + place * problem_.H);
  }
  const Stored* carried_before(Index place, Index i, Index p) const {
    return place < 0 ? state_panel(problem_.initial, 1 + i, -1 - place, p)
                     : saved_panel(place, i, p);
  }
  struct StatesBefore {
    const Backward& pass;
    const Index* places;
    Index N;

    const Stored* at(Index row, Index column) const {
      return pass.h_before_at(places[row], column);
    }
  };

  // A group's rows of some slots, or of dy, in a chunk: as they lie or, of 16-bit numbers, in a copy
  // they are the right operands of gradients.
  struct RightRows {
    Rows<Operand> rows;  // of the first slot
    Index to_next_slot, panels;
    Right<Operand> copies;

    Rows<Operand> slot(Index i) const { return {rows.data + i * to_next_slot, rows.step}; }
    // The panels of a slot that lie beside each other, from this one on.
    Right<Operand> from(Index i, Index panel) const {
      return kCopiesRows ? copies.from(i * panels + panel) : slot(i).as_right(panel * W);
    }
  };

  // The members of a group make a share of each copy.
  RightRows right_rows(Index rank, Rows<Operand> rows, Index slots, Range panels, Index M,
                       Operand* memory) const {
    RightRows made{rows, rows_size(chunk_rows(), problem_.H), panels.last, {}};
    if constexpr (kCopiesRows) {
      Operand* const copies = rows_of_group(memory, rank, slots * panels.last * W);
      for (Index i = 0; i < slots; ++i)
        pack_rows(made.slot(i), M, division_->among_members(rank, panels),
                  copies + i * right_size(M, panels.last * W));
      made.copies = packed(copies, M);
    }
    return made;
  }

  // The members of a group add the products of its rows to some rows of every gradient each.
  void grow_gradients(Index rank, Range chunk, const Index* places, const Index* before,
                      bool fresh) {
    const Range mine = my_rows(rank, chunk);
    const Index I = problem_.I, H = problem_.H, M = mine.size(), group = division_->group(rank);
    const RightRows slots = right_rows(rank, rows(0).below(mine.first), S, hidden(), M, rows_right_);
    const RightRows of_y =
        arrays_.dy ? right_rows(rank, dy_rows().below(mine.first), 1, output(), M, dy_right_)
                   : RightRows{};
    if (kCopiesRows) division_->meet_group(rank);
    if (is_layer()) {
      const Columns<Operand> x =
          my_columns(rank, Chosen<const Stored>{{problem_.x, I}, places + mine.first}, M, x_);
      for (Index i = 0; i < Cell::kFromX; ++i)
        grow(x, slots, i, {dw_x(group), i, of_w_x(i)}, fresh);
    }
    const Columns<Operand> h_before =
        my_columns(rank, StatesBefore{*this, before + mine.first, H}, M, h_);
    for (Index i = 0; i < Cell::kFromH; ++i)
      grow(h_before, slots, kFirst + i, {dw_h(group), i, of_w_h(i)}, fresh);
    for (Index i = first_bias(); i < S; ++i)
      add_rows(slots.slot(i), M, my_hidden(rank), slot_of(db(group), i), fresh);
    if (arrays_.dy) {
      const Columns<Operand> h =
          my_columns(rank, Chosen<const Stored>{{arrays_.h, H}, places + mine.first}, M, h_);
      grow(h, of_y, 0, {dw_o(group), 0, of_w_o()}, fresh);
      add_rows(of_y.slot(0), M, division_->among_members(rank, output()), db_o(group), fresh);
    }
    if (arrays_.dx) store_dx(rank, mine, places);
    division_->meet_group(rank);
  }

  // A slot's part of a weight's gradient: among the sums of all slots, and as the caller holds it.
  struct Gradient {
    Strips<Real> sums;
    Index slot;
    Given<Stored> to;
  };
  Given<Stored> of_w_x(Index i) const { return slot_columns(arrays_.dw_x, i, Cell::kFromX); }
  Given<Stored> of_w_h(Index i) const { return slot_columns(arrays_.dw_h, i, Cell::kFromH); }
  Given<Stored> of_w_o() const { return {arrays_.dw_o, problem_.O}; }

  // A chunk's share of a gradient: what it multiplies, transposed, times the rows of a slot.
  void grow(const Columns<Operand>& left, const RightRows& right, Index slot,
            const Gradient& gradient, bool fresh) const {
    constexpr Index in_a_block = kDepth / W;
    for (Index p = 0; p < right.panels; p += in_a_block) {
      const Range panels{p, std::min(p + in_a_block, right.panels)};
      if (at_once()) {
        store_product(left, right.from(slot, p), panels, gradient);
      } else {
        const Strips<Real> sums = slot_of(gradient.sums, gradient.slot).beside(p);
        outer_product(left, right.from(slot, p), left.M, {0, panels.size()},
                      fresh ? zeros<Real>() : From<Real>(sums), sums);
      }
    }
  }

  // Whether a gradient is one product, which needs no sums.
  bool at_once() const { return division_->groups() == 1 && schedule_->chunks().size() == 1; }

  // Panel by panel, from the first of `right` on, each stored while it is in cache.
  void store_product(const Columns<Operand>& left, Right<Operand> right, Range panels,
                     const Gradient& gradient) const {
    const Strips<Real> one{gradient.sums.data, 0};
    for (Index p = panels.first; p < panels.last; ++p) {
      outer_product(left, right.from(p - panels.first), left.M, {0, 1}, zeros<Real>(), one);
      store_strips(one, left.which, {p, p + 1}, gradient.to);
    }
  }

  // The first slot that has a bias here.
  Index first_bias() const { return is_layer() ? 0 : Cell::kFromX; }

  // A member's share of a matrix's columns, in its part of memory for a chunk of them.
  template <class Matrix>
  Columns<Operand> my_columns(Index rank, const Matrix& matrix, Index M, Operand* memory) {
    const Range mine = division_->among_members(rank, {0, matrix.N});
    Operand* const of_mine = rows_of_group(memory, rank, matrix.N) + right_size(M, mine.first);
    const Columns<Operand> columns{mine, of_mine, M};
    pack_columns(matrix, M, columns);
    return columns;
  }

  // sums += every row, for these panels; from 0 on if fresh.
  void add_rows(Rows<Operand> rows, Index M, Range panels, Strips<Real> sums, bool fresh) const {
    constexpr Index L = kLanes<Real>;
    for (Index p = panels.first; p < panels.last; ++p)
      for (Index lane = 0; lane < W; lane += L) {
        Vector<Real> sum = fresh ? Vector<Real>{} : load(sums.at(p, 0) + lane);
        for (Index row = 0; row < M; ++row) sum += load(rows.at(row, p * W) + lane);
        store(sums.at(p, 0) + lane, sum);
      }
  }

  // dx sums every slot's derivative times W_x^T.
  void store_dx(Index rank, Range rows_of_chunk, const Index* places) {
    const Range mine = division_->among_members(rank, rows_of_chunk);
    const Strips<Real> sums = dx().from(mine.first);
    for (Index i = 0; i < Cell::kFromX; ++i)
      product(rows(i).from(mine.first), mine.size(), packed(packed_w_x(i), problem_.H), problem_.H,
              input(), i ? From<Real>(sums) : zeros<Real>(), sums);
    store_strips(dx(), mine, input(), Chosen<Stored>{{arrays_.dx, problem_.I}, places});
  }

  // Everyone stores some rows of the sums, a slot after the other.
  void store_weights(Index rank) const {
    const Range I = division_->among_all(rank, {0, problem_.I});
    const Range H = division_->among_all(rank, {0, problem_.H});
    for (Index i = 0; i < Cell::kFromX && is_layer(); ++i)
      store_sum([&](Index g) { return slot_of(dw_x(g), i); }, I, hidden(), of_w_x(i));
    for (Index i = 0; i < Cell::kFromH; ++i)
      store_sum([&](Index g) { return slot_of(dw_h(g), i); }, H, hidden(), of_w_h(i));
    if (arrays_.dy)
      store_sum([&](Index g) { return dw_o(g); }, H, output(), of_w_o());
  }

  void store_biases(Index rank) const {
    const Range one{0, 1};
    for (Index i = first_bias(); i < S; ++i)
      store_sum([&](Index g) { return slot_of(db(g), i); }, one,
                division_->among_all(rank, hidden()),
                slot_columns(arrays_.db, i - first_bias(), S - first_bias()));
    if (!arrays_.dy) return;
    store_sum([&](Index g) { return db_o(g); }, one, division_->among_all(rank, output()),
              Given(arrays_.db_o, problem_.O));
  }

  // Of a gradient these rows and panels: the sum over all groups.
  template <class SumsOf>
  void store_sum(const SumsOf& sums_of, Range rows, Range panels, Given<Stored> to) const {
    const Strips<Real> sum = sums_of(0);
    for (Index g = 1; g < division_->groups(); ++g) add_strips(sums_of(g), rows, panels, sum);
    store_strips(sum, rows, panels, to);
  }

  // The derivative of the initial state, of rows whose first step this is.
  void store_initial(Index rank, Index s) {
    const Index from = active(rank, s - 1), to = active(rank, s);
    if (from >= to) return;
    clear_strips(dinitial(rank), {from, to}, my_hidden(rank));
    const auto of_step = [&](Index slot) { return rows(slot).below(start(rank, s) + from); };
    add_back(rank, of_step, to - from, dinitial(rank).from(from));
    each_panel(rank, {from, to}, [&](Index p, Index i) {
      const Index b = caller_row(rank, i);
      Real* dh = dinitial(rank).at(p, i);
      if (Cell::kDirect)
        for (Index lane = 0; lane < W; ++lane) dh[lane] += direct(rank).at(p, i)[lane];
      write_panel(dh, width(p), state_panel(arrays_.dinitial, 0, b, p));
      for (Index j = 0; j < kC; ++j)
        write_panel(dcarried(j, rank).at(p, i), width(p),
                     state_panel(arrays_.dinitial, 1 + j, b, p));
    });
  }

  const BackwardArrays<Stored> arrays_;
  Operand *w_x_, *w_h_, *w_o_, *rows_, *between_, *dy_rows_, *x_, *h_, *rows_right_, *dy_right_;
  Real *dh_, *direct_, *dcarried_, *dinitial_, *dx_;
  Real *dw_x_, *dw_h_, *db_, *dw_o_, *db_o_;
};

}  // namespace rnn
