// A forward pass of a single step of few rows, in parts that any thread may take.
//
// It is over in about the time that a thread takes to wake up, so nobody waits for one: the caller
// begins, and who comes later takes what is left. Parts are panels of hidden units, from their weights
// to the state, then panels of y. With more rows only some cells gain by it, and lstm loses.
#pragma once

#include "forward.h"
#include "threads/crew.h"

namespace rnn {

template <class Stored, class Cell>
class OneStep final : public Staged, private Forward<Stored, Cell> {
  using Base = Forward<Stored, Cell>;
  using typename Base::Operand, typename Base::Step;
  using Base::arrays_, Base::problem_;
  static constexpr Index kFirst = Cell::kSlots - Cell::kFromH;
  enum Stage { kBeginning, kHidden, kOutput };

 public:
  // Whether a pass is one.
  static bool suits(const Problem<Stored>& problem) {
    return problem.T == 1 && problem.B <= kFewRows && !problem.lengths;
  }

  // For as many threads.
  OneStep(const Problem<Stored>& problem, const ForwardArrays<Stored>& arrays, Index threads)
      : Base(problem, arrays),
        hidden_parts_(count(Base::hidden(), threads)),
        output_parts_(arrays.y ? count(Base::output(), threads) : 0) {
    Base::prepare(1);
    places_ = Base::places(0, step());
  }

  std::vector<Index> parts() const override { return {1, hidden_parts_, output_parts_}; }

  void run(Index stage, Index which) override {
    if (stage == kBeginning) return begin();
    if (stage == kHidden) return advance(part(Base::hidden(), which, hidden_parts_));
    const Range panels = part(Base::output(), which, output_parts_);
    Base::pack_output(panels);
    Base::read_out(rows(), panels);
    store_strips(Base::y(), rows(), panels, Chosen<Stored>{{arrays_.y, problem_.O}, places_});
  }

 private:
  // Enough parts that the last one is soon over, of no fewer panels than a tile of few rows takes,
  // unless a thread would have none.
  Index count(Range panels, Index threads) const {
    constexpr Index parts_a_thread = 8;
    const Index tiles = ceil_div(panels.size(), panels_at_once(problem_.B));
    return std::min(panels.size(), std::clamp(tiles, threads, parts_a_thread * threads));
  }

  Range step() const { return {0, 1}; }
  Range rows() const { return {0, problem_.B}; }
  Rows<Operand> before() const { return Base::between(0); }

  void begin() {
    Base::enter(0, 0, before());
    if (!arrays_.pre) Base::gather_x(0, step(), places_);
  }

  void advance(Range panels) {
    Base::pack_hidden(panels);
    arrays_.pre ? Base::load_slots(rows(), panels, places_) : Base::project(rows(), panels);
    for (Index i = 0; i < Cell::kFromH; ++i)
      product(before().from(0), problem_.B, Base::w_h(i), problem_.H, panels,
              Base::start_of(kFirst + i, 0), Base::slot(kFirst + i));
    const Step now{before(), Base::states(), Base::slots(), Base::carried(0, 0), places_};
    for (Index i = 0; i < problem_.B; ++i) {
      Base::apply_cell(now, panels, i);
      if (!arrays_.last.h) continue;
      for (Index p = panels.first; p < panels.last; ++p) Base::leave_panel(0, now.after, p, i);
    }
  }

  const Index hidden_parts_, output_parts_;
  const Index* places_;
};

}  // namespace rnn
