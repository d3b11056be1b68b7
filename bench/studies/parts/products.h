// The products of a pass alone: the same tiles in the same order, each thread those of its rows and to
// sums of its own, with nothing between them. What a pass takes beyond that is not multiplying.
#pragma once

#include <algorithm>

#include "arena.h"
#include "math/product.h"
#include "threads/division.h"
#include "threads/team.h"

template <class Cell>
class Products : public rnn::Work {
 protected:
  using Index = rnn::Index;

 public:
  Products(Index T, Index B, Index I, Index H, Index O, Index threads)
      : T_(T), B_(B), I_(I), H_(H), O_(O), size_(threads),
        chunk_(rnn::steps_together(T, rnn::ceil_div(B, threads))) {
    rnn::BumpAllocator counting;
    lay_out(counting);
    rnn::BumpAllocator allocator(arena_->reserve(counting.used()));
    lay_out(allocator);
    std::fill(w_x_, end_, 0.01f);  // no number that a processor is slow with
  }

  void prepare(Index) final {}

 protected:
  static constexpr Index X = Cell::kFromX, R = Cell::kFromH, S = Cell::kSlots;
  static constexpr Index W = rnn::kPanel<float>;
  using Rows = rnn::Rows<float>;
  using Strips = rnn::Strips<float>;
  using From = rnn::From<float>;

  // How many panels so many columns have, of each of some slots.
  static rnn::Range panels(Index columns, Index slots = 1) {
    return {0, slots * rnn::ceil_div(columns, W)};
  }
  Index all_rows() const { return chunk_ * B_; }
  Index rows(Index rank) const { return share(rank, B_).size(); }  // in a step
  rnn::Range share(Index rank, Index of) const { return rnn::part({0, of}, rank, size_); }

  static Index strip(Index rows) { return (rows | 1) * W; }  // as far apart as in a pass

  // A rank's rows of a chunk, one step behind the other.
  Rows left(float* data, Index rank) const {
    return Rows{data, all_rows() * rnn::kStride<float>}.below(chunk_ * share(rank, B_).first);
  }
  Strips strips(float* data, Index rank) const {
    return Strips{data, strip(all_rows())}.from(chunk_ * share(rank, B_).first);
  }

  const Index T_, B_, I_, H_, O_, size_, chunk_;
  float *w_x_, *w_h_, *w_o_, *x_, *h_, *dslots_, *dy_, *slots_, *y_, *dw_x_, *dw_h_, *dw_o_, *end_;

 private:
  void lay_out(rnn::BumpAllocator& memory) {
    const Index H = panels(H_).last * W, O = panels(O_).last * W, M = all_rows();
    const auto make = [&](Index n) { return memory.allocate<float>(n); };
    const auto by_rows = [&](Index K, Index slots = 1) {
      return make(slots * rnn::ceil_div(K, rnn::kDepth) * M * rnn::kStride<float>);
    };
    w_x_ = make(X * I_ * H), w_h_ = make(R * H_ * H), w_o_ = make(std::max(H_ * O, O_ * H));
    x_ = by_rows(I_), h_ = by_rows(H_), dslots_ = by_rows(H_, S), dy_ = by_rows(O_);
    slots_ = make(S * strip(M) * H / W), y_ = make(strip(M) * O / W);
    dw_x_ = make(size_ * X * I_ * H), dw_h_ = make(size_ * R * H_ * H), dw_o_ = make(size_ * H_ * O);
    end_ = make(1);
  }

  rnn::ArenaLease arena_;
};

// x W_x of a chunk, h W_h of its steps, h W_o of the chunk.
template <class Cell>
class ForwardProducts final : public Products<Cell> {
 public:
  using Products<Cell>::Products;

  void run(rnn::Index rank) override {
    using P = Products<Cell>;
    const auto x = this->left(P::x_, rank), h = this->left(P::h_, rank);
    const auto slots = this->strips(P::slots_, rank), y = this->strips(P::y_, rank);
    const auto zeros = rnn::zeros<float>();
    for (rnn::Index t = 0; t < P::T_; t += P::chunk_) {
      const rnn::Index steps = std::min(P::chunk_, P::T_ - t), rows = P::rows(rank);
      rnn::product(x.from(0), steps * rows, rnn::packed(P::w_x_, P::I_), P::I_,
                   P::panels(P::H_, P::X), zeros, slots);
      for (rnn::Index s = 0; s < steps; ++s) {
        const auto sums = slots.from(s * rows);
        rnn::product(h.from(s * rows), rows, rnn::packed(P::w_h_, P::H_), P::H_,
                     P::panels(P::H_, P::R), typename P::From(sums), sums);
      }
      rnn::product(h.from(0), steps * rows, rnn::packed(P::w_o_, P::H_), P::H_, P::panels(P::O_),
                   zeros, y);
    }
  }
};

// dy W_o^T of a chunk, dslots W_h^T of its steps, and what the chunk adds to each weight's gradient.
template <class Cell>
class BackwardProducts final : public Products<Cell> {
  using Index = rnn::Index;
  using P = Products<Cell>;
  using typename P::Rows;

 public:
  using Products<Cell>::Products;

  void run(Index rank) override {
    const auto dy = this->left(P::dy_, rank), x = this->left(P::x_, rank), h = this->left(P::h_, rank);
    const auto dh = this->strips(P::slots_, rank);
    for (Index t = 0; t < P::T_; t += P::chunk_) {
      const Index steps = std::min(P::chunk_, P::T_ - t), rows = P::rows(rank), M = steps * rows;
      rnn::product(dy.from(0), M, rnn::packed(P::w_o_, P::O_), P::O_, P::panels(P::H_),
                   rnn::zeros<float>(), dh);
      for (Index s = t ? 0 : 1; s < steps; ++s)  // the first step's would go to the initial state
        for (Index i = 0; i < P::R; ++i) {
          const auto sums = dh.from(s * rows);
          const float* const w = P::w_h_ + i * P::H_ * P::panels(P::H_).last * P::W;
          rnn::product(dslots(rank, P::S - P::R + i).from(s * rows), rows, rnn::packed(w, P::H_),
                       P::H_, P::panels(P::H_), typename P::From(sums), sums);
        }
      for (Index i = 0; i < P::X; ++i)
        grow(x, P::I_, M, dslots(rank, i), P::H_, P::dw_x_, rank * P::X + i);
      for (Index i = 0; i < P::R; ++i)
        grow(h, P::H_, M, dslots(rank, P::S - P::R + i), P::H_, P::dw_h_, rank * P::R + i);
      grow(h, P::H_, M, dy, P::O_, P::dw_o_, rank);
    }
  }

 private:
  Rows dslots(Index rank, Index slot) const {
    const Index blocks = rnn::ceil_div(P::H_, rnn::kDepth);
    return this->left(P::dslots_ + slot * blocks * this->all_rows() * rnn::kStride<float>, rank);
  }

  // `left` (M, N), as columns, times a rank's rows of a chunk, to the sums at this place.
  void grow(Rows left, Index N, Index M, Rows right, Index columns, float* gradient, Index place) {
    constexpr Index in_a_block = rnn::kDepth / P::W;
    const Index all = P::panels(columns).last;
    const rnn::Columns<float> as_columns{{0, N}, left.data, M};
    for (Index p = 0; p < all; p += in_a_block) {
      const rnn::Range panels{0, std::min(in_a_block, all - p)};
      const auto sums = typename P::Strips{gradient, N * P::W}.beside(place * all + p);
      rnn::outer_product(as_columns, right.as_right(p * P::W), M, panels, typename P::From(sums), sums);
    }
  }
};
