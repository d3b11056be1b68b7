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

// The last chunk comes first. Its dh is laid out as strips, in the place of its first slot; each step
// adds what later steps pass back, and the cell makes of it the derivatives of its slots: the next
// step's left operands and, where they are or in a copy of 16-bit numbers, the right operand of the
// weight gradients, which grow by one product a chunk while all this is in cache. Each group has its
// own sums of those, so that it meets no other before the end. What passes to the chunk before lies
// apart.
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
  static constexpr bool kCopiesStrips = !std::is_same_v<Operand, Real>;

 public:
  Backward(const Problem<Stored>& problem, const BackwardArrays<Stored>& arrays)
      : Backward(problem, arrays, choose<Cell>(problem.T, problem.B)) {}

  Backward(const Problem<Stored>& problem, const BackwardArrays<Stored>& arrays, Choices choices)
      : Base(problem, choices, /*room=*/false), arrays_(arrays) {}

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
  Strips<Real> dslots() const { return {dslots_, strip_size(chunk_rows())}; }
  Strips<Real> dslot(Index s) const { return slot_of(dslots(), s); }
  Strips<Real> dh() const { return dslot(0); }
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
  Strips<Real> dy() const { return {dy_, strip_size(chunk_rows())}; }
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
    dslots_ = memory.allocate<Real>(S * strip * hidden().last);
    rows_ = memory.allocate<Operand>(S * rows_size(M, problem_.H));
    between_ = memory.allocate<Operand>(S * rows_size(problem_.B, problem_.H));
    dinitial_ = memory.allocate<Real>(arrays_.dinitial.h ? strip_of_step * hidden().last : 0);
    direct_ = memory.allocate<Real>(Cell::kDirect ? strip_of_step * hidden().last : 0);
    dcarried_ = memory.allocate<Real>(kC * strip_of_step * hidden().last);
    dslots_right_ = memory.allocate<Operand>(kCopiesStrips ? rows_of_groups(S * H) : 0);
    dw_h_ = memory.allocate<Real>(groups * Cell::kFromH * problem_.H * H);
    db_ = memory.allocate<Real>(groups * S * H);
    h_ = memory.allocate<Operand>(rows_of_groups(problem_.H));
    if (is_layer()) {
      w_o_ = memory.allocate<Operand>(right_size(problem_.O, H));
      dy_ = memory.allocate<Real>(strip * output().last);
      dy_rows_ = memory.allocate<Operand>(rows_size(M, problem_.O));
      dy_right_ = memory.allocate<Operand>(kCopiesStrips ? rows_of_groups(O) : 0);
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
    load_strips(given, mine, output(), dy());
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
      recurrent_.add(rank, rows_of(kFirst + i), count, packed(packed_w_h(i), problem_.H),
                     my_hidden(rank), strips);
  }

  // Of a group's rows in one step: where their derivatives lie, of the first slot and part; the
  // caller's rows, and those of the state before.
  struct Step {
    Strips<Real> dslots, direct, dcarried;
    Rows<Operand> rows;
    const Index *places, *before;
  };

  void step(Index rank, Index s, bool last_of_chunk, const Index* places, const Index* before) {
    const Index later = active(rank, s + 1), rows_now = active(rank, s), at = start(rank, s);
    const auto rows_later = [&](Index slot) {
      return last_of_chunk ? between(slot, rank) : rows(slot).below(start(rank, s + 1));
    };
    add_back(rank, rows_later, std::min(later, rows_now), dh().from(at));
    const Step now{dslots().from(at), direct(rank), dcarried(0, rank), rows(0).below(at),
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
    for (Index lane = 0; lane < W; ++lane) now.dslots.at(p, i)[lane] += last[lane];
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
    read_panel(arrays_.h + place * problem_.H + p * W, width(p), h);
    if (Cell::kDirect) read_panel(h_before_at(place_before, p * W), width(p), h_before);
    for (Index j = 0; j < kKept; ++j) read_panel(saved_panel(place, j, p), width(p), saved[j]);
    for (Index j = 0; j < kC; ++j)
      read_panel(carried_before(place_before, j, p), width(p), before[j]);
    for (Index lane = 0; lane < W; lane += L) {
      Back<Cell, Real> back;
      back.dh = load(now.dslots.at(p, i) + lane), back.h = load(h + lane);
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
      for (Index j = 0; j < S; ++j) store(slot_of(now.dslots, j).at(p, i) + lane, back.dslots[j]);
      for (Index j = 0; j < kC; ++j)
        store(slot_of(now.dcarried, j).at(p, i) + lane, back.dcarried[j]);
      if (Cell::kDirect) store(now.direct.at(p, i) + lane, back.direct);
    }
    for (Index j = 0; j < S; ++j) {
      Real* made = slot_of(now.dslots, j).at(p, i);
      round<Stored>(made, W);
      convert(made, W, now.rows.at(i, p * W) + j * rows_size(chunk_rows(), problem_.H));
      if (arrays_.dpre && j < Cell::kFromX)
        write_panel(made, width(p), arrays_.dpre + (place * Cell::kFromX + j) * problem_.H + p * W);
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

  // The members of a group add the products of its rows to some rows of every gradient each.
  void grow_gradients(Index rank, Range chunk, const Index* places, const Index* before,
                      bool fresh) {
    const Range mine = my_rows(rank, chunk);
    const Index I = problem_.I, H = problem_.H, M = mine.size(), group = division_->group(rank);
    const Range from_x = panels_of(Cell::kFromX), from_h = panels_of(Cell::kFromH);
    const Strips<Real> of_slots = dslots().from(mine.first);
    const Strips<Real> of_y = arrays_.dy ? dy().from(mine.first) : Strips<Real>{};
    const Right<Operand> slots = as_right(rank, of_slots, M, panels_of(S), dslots_right_);
    const Right<Operand> dy_right =
        arrays_.dy ? as_right(rank, of_y, M, output(), dy_right_) : Right<Operand>{};
    if (kCopiesStrips) division_->meet_group(rank);
    const auto grow = [&](const Columns<Operand>& left, Right<Operand> right, Range panels,
                          Strips<Real> sums, const Gradient& gradient) {
      if (at_once()) return store_product(left, right, M, panels, sums, gradient);
      outer_product(left, right, M, panels, fresh ? zeros<Real>() : From<Real>(sums), sums);
    };
    if (is_layer())
      grow(my_columns(rank, Chosen<const Stored>{{problem_.x, I}, places + mine.first}, M, x_), slots,
           from_x, dw_x(group), of_w_x());
    const Columns<Operand> h_before =
        my_columns(rank, StatesBefore{*this, before + mine.first, H}, M, h_);
    grow(h_before, slots.from(kFirst * this->slot_panels()), from_h, dw_h(group), of_w_h());
    add_rows(rank, of_slots, M, biases(), db(group), fresh);
    if (arrays_.dy) {
      const Columns<Operand> h =
          my_columns(rank, Chosen<const Stored>{{arrays_.h, H}, places + mine.first}, M, h_);
      grow(h, dy_right, output(), dw_o(group), of_w_o());
      add_rows(rank, of_y, M, output(), db_o(group), fresh);
    }
    if (arrays_.dx) store_dx(rank, mine, places);
    division_->meet_group(rank);
  }

  // The caller's gradient of a weight, of some slots of so many columns.
  struct Gradient {
    Stored* data;
    Index slots, columns;

    Given<Stored> of_slot(Index i) const { return {data + i * columns, columns, slots * columns}; }
    Index panels_of_slot() const { return ceil_div(columns, W); }
  };
  Gradient of_w_x() const { return {arrays_.dw_x, Cell::kFromX, problem_.H}; }
  Gradient of_w_h() const { return {arrays_.dw_h, Cell::kFromH, problem_.H}; }
  Gradient of_w_o() const { return {arrays_.dw_o, 1, problem_.O}; }

  // Whether a gradient is one product, which needs no sums.
  bool at_once() const { return division_->groups() == 1 && schedule_->chunks().size() == 1; }

  // Panel by panel, each stored while it is in cache.
  void store_product(const Columns<Operand>& left, Right<Operand> right, Index M, Range panels,
                     Strips<Real> memory, const Gradient& gradient) const {
    const Strips<Real> one{memory.data, 0};
    for (Index p = panels.first; p < panels.last; ++p) {
      outer_product(left, right, M, {p, p + 1}, zeros<Real>(), one);
      const Index panel = p % gradient.panels_of_slot();
      store_strips(one, left.which, {panel, panel + 1},
                   gradient.of_slot(p / gradient.panels_of_slot()));
    }
  }

  // The slots that have a bias here, and their panels.
  Index first_bias() const { return is_layer() ? 0 : Cell::kFromX; }
  Range biases() const { return {panels_of(first_bias()).last, panels_of(S).last}; }

  // The first M rows of strips as a right operand. Where they are no operand as they lie, the members
  // of a group make a share of a copy each.
  Right<Operand> as_right(Index rank, Strips<Real> strips, Index M, Range panels,
                          Operand* memory) const {
    if constexpr (kCopiesStrips) {
      Operand* const copy = rows_of_group(memory, rank, panels.last * W);
      pack_strips(strips, M, division_->among_members(rank, panels), copy);
      return packed(copy, M);
    } else {
      return strips.as_right();
    }
  }

  // A member's share of a matrix's columns, in its part of memory for a chunk of them.
  template <class Matrix>
  Columns<Operand> my_columns(Index rank, const Matrix& matrix, Index M, Operand* memory) {
    const Range mine = division_->among_members(rank, {0, matrix.N});
    Operand* const of_mine = rows_of_group(memory, rank, matrix.N) + right_size(M, mine.first);
    const Columns<Operand> columns{mine, of_mine, M};
    pack_columns(matrix, M, columns);
    return columns;
  }

  // sums += every row, for a member's share of the panels; from 0 on if fresh.
  void add_rows(Index rank, Strips<Real> strips, Index M, Range panels, Strips<Real> sums,
                bool fresh) {
    const Range mine = division_->among_members(rank, panels);
    if (fresh) clear_strips(sums, {0, 1}, mine);
    for (Index p = mine.first; p < mine.last; ++p)
      for (Index row = 0; row < M; ++row)
        for (Index i = 0; i < W; ++i) sums.at(p, 0)[i] += strips.at(p, row)[i];
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
      store_sum([&](Index g) { return slot_of(dw_x(g), i); }, I, hidden(), of_w_x().of_slot(i));
    for (Index i = 0; i < Cell::kFromH; ++i)
      store_sum([&](Index g) { return slot_of(dw_h(g), i); }, H, hidden(), of_w_h().of_slot(i));
    if (arrays_.dy)
      store_sum([&](Index g) { return dw_o(g); }, H, output(), of_w_o().of_slot(0));
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
  Operand *w_x_, *w_h_, *w_o_, *rows_, *between_, *dy_rows_, *x_, *h_, *dslots_right_, *dy_right_;
  Real *dslots_, *direct_, *dcarried_, *dinitial_, *dy_, *dx_;
  Real *dw_x_, *dw_h_, *db_, *dw_o_, *db_o_;
};

}  // namespace rnn
