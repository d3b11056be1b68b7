// A forward pass of a single step, in parts that any thread may take.
//
// It is over in about the time that a thread takes to wake up, so nobody waits for one: the caller
// begins, and who comes later takes what is left. Parts are panels of hidden units of some rows, then
// panels of y.
#pragma once

#include "forward.h"
#include "threads/crew.h"

namespace rnn {

template <class Stored, class Cell>
class OneStep final : public Staged, private Forward<Stored, Cell> {
  using Base = Forward<Stored, Cell>;
  using typename Base::Operand, typename Base::Real, typename Base::Step;
  using Base::arrays_, Base::problem_;
  static constexpr Index kFirst = Cell::kSlots - Cell::kFromH;
  enum Stage { kBeginning, kHidden, kOutput };

  // Some panels of some rows.
  struct Part {
    Range panels, rows;
  };
  // Every panel of every row, cut into parts.
  struct Parts {
    Range panels;
    Index rows, cuts, row_cuts;

    Part operator[](Index i) const {
      return {part(panels, i % cuts, cuts), part({0, rows}, i / cuts, row_cuts)};
    }
  };

 public:
  // Whether a pass is one: its weights need no packing, which would be a stage of its own.
  static bool suits(const Problem<Stored>& problem, const ForwardArrays<Stored>& arrays) {
    const Choices choices = choose<Cell>(problem.T, problem.B);
    const auto as_it_lies = [&](const Operand* packed, Index columns) {
      return packed || Base::as_given(choices, columns);
    };
    return problem.T == 1 && !problem.lengths && as_it_lies(arrays.w_h, problem.H) &&
           (!arrays.y || as_it_lies(arrays.w_o, problem.O));
  }

  // For as many threads.
  OneStep(const Problem<Stored>& problem, const ForwardArrays<Stored>& arrays, Index threads)
      : Base(problem, arrays),
        hidden_(cut(Base::hidden(), threads)),
        output_(cut(arrays.y ? Base::output() : Range{0, 0}, threads)) {
    Base::prepare(1);
    places_ = Base::places(0, chunk());
  }

  std::vector<Index> parts() const override {
    return {1, hidden_.cuts * hidden_.row_cuts, output_.cuts * output_.row_cuts};
  }

  void run(Index stage, Index part) override {
    if (stage == kBeginning) return begin();
    if (stage == kHidden) return advance(hidden_[part]);
    const auto [panels, rows] = output_[part];
    Base::read_out(rows, panels);
    store_strips(Base::y(), rows, panels, Chosen<Stored>{{arrays_.y, problem_.O}, places_});
  }

 private:
  // Enough parts that the last one is soon over, of as many panels as a tile of so few rows takes.
  Parts cut(Range panels, Index threads) const {
    constexpr Index parts_a_thread = 8;
    const Index B = problem_.B, cuts = ceil_div(panels.size(), panels_at_once(B));
    const Index most = std::max<Index>(1, B / kMostRows);
    const Index wanted = ceil_div(parts_a_thread * threads, std::max<Index>(1, cuts));
    return {panels, B, cuts, std::min(wanted, most)};
  }

  Range chunk() const { return {0, 1}; }
  Rows<Operand> before() const { return Base::between(0); }

  void begin() {
    Base::pack_weights(0);  // their biases
    Base::enter(0, 0, before());
    if (!arrays_.pre) Base::gather_x(0, chunk(), places_);
  }

  void advance(Part part) {
    const auto [panels, rows] = part;
    if (arrays_.pre) {
      Base::load_slots(rows, panels, places_);
      Base::fill_own(rows, panels);
    } else {
      Base::project(rows, panels);
    }
    for (Index i = 0; i < Cell::kFromH; ++i)
      add_product(before().from(rows.first), rows.size(), Base::w_h(i), problem_.H, panels,
                  Base::slot(kFirst + i).from(rows.first));
    const Step now{before(), Base::states(), Base::slots(), Base::carried(0, 0), places_};
    for (Index p = panels.first; p < panels.last; ++p)
      for (Index i = rows.first; i < rows.last; ++i) {
        Base::apply_cell(now, p, i);
        if (arrays_.last) Base::leave_panel(0, now.after, p, i);
      }
  }

  const Parts hidden_, output_;
  const Index* places_;
};

}  // namespace rnn
