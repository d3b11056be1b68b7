// What XLA calls: its buffers as problems, a team from its threads. For one cell and one dtype: the
// compiler's command line includes the cell's header and names it RNN_CELL, and the dtype, as XLA does,
// RNN_DTYPE.
#include "backward.h"
#include "forward.h"
#include "one_step.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace rnn {
namespace {

template <ffi::DataType>
struct StoredAs;
template <>
struct StoredAs<ffi::F32> {
  using type = float;
};
template <>
struct StoredAs<ffi::F64> {
  using type = double;
};
template <>
struct StoredAs<ffi::BF16> {
  using type = Bfloat16;
};
template <>
struct StoredAs<ffi::F16> {
  using type = Float16;
};
template <ffi::DataType type>
using Stored = typename StoredAs<type>::type;

template <ffi::DataType type, std::size_t rank>
using Input = ffi::Buffer<type, rank>;
template <ffi::DataType type, std::size_t rank>
using Output = ffi::Result<ffi::Buffer<type, rank>>;

template <ffi::DataType type, std::size_t rank>
const Stored<type>* data(const Input<type, rank>& buffer) {
  return static_cast<const Stored<type>*>(buffer.untyped_data());
}
template <ffi::DataType type, std::size_t rank>
Stored<type>* data(const Output<type, rank>& buffer) {
  return static_cast<Stored<type>*>(buffer->untyped_data());
}

// h (B, H) and what a cell carries beside it (kCarried, B, H).
template <class H, class Carried>
auto state(const H& h, const Carried& carried) {
  return State{data(h), data(carried)};
}

using Lengths = ffi::Buffer<ffi::S32, 1>;  // (B,), or empty: every sequence is whole
inline const std::int32_t* given(const Lengths& lengths) {
  return lengths.element_count() ? lengths.typed_data() : nullptr;
}

template <class Use>
ffi::Error unless_out_of_memory(Use&& use) {
  try {
    use();
    return ffi::Error::Success();
  } catch (const std::bad_alloc&) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, "native kernel: out of memory");
  }
}

// Helpers of a call that follows closely on another may still be awake.
template <class Number>
Effort effort(const ffi::ThreadPool& pool, const Problem<Number>& problem, Index most_groups,
              Beginning awake) {
  const Beginning beginning = standby().follows_closely() ? awake : kWaking;
  return effort_of<RNN_CELL>(problem, most_groups, pool.num_threads(), beginning);
}

// Runs a pass on as many of XLA's threads as it is worth.
template <class Direction, class Number, class Arrays>
ffi::Error run(ffi::ThreadPool& pool, const Problem<Number>& problem, const Arrays& arrays) {
  return unless_out_of_memory([&] {
    Direction pass(problem, arrays);
    const auto [threads, patience] = effort(pool, problem, pass.most_groups(), kJoining);
    run_team(pool, threads, patience, pass);
  });
}

template <class Number>
ffi::Error run_forward(ffi::ThreadPool& pool, const Problem<Number>& problem,
                       const ForwardArrays<Number>& arrays) {
  using Single = OneStep<Number, RNN_CELL>;
  if (!Single::suits(problem)) return run<Forward<Number, RNN_CELL>>(pool, problem, arrays);
  const Index threads = effort(pool, problem, problem.B, kTakingParts).threads;
  if (threads == 1) return run<Forward<Number, RNN_CELL>>(pool, problem, arrays);
  return unless_out_of_memory([&] {
    Single pass(problem, arrays, threads);
    run_crew(pool, threads, pass);
  });
}

template <ffi::DataType type>
using BackwardPass = Backward<Stored<type>, RNN_CELL>;

template <ffi::DataType type>
ffi::Error recurrence_forward(ffi::ThreadPool pool, bool reverse, Input<type, 3> pre,
                              Input<type, 2> w_h, Input<type, 1> b_h, Input<type, 2> h_0,
                              Input<type, 3> carried_0, Lengths lengths, Output<type, 3> h,
                              Output<type, 2> h_last, Output<type, 3> carried_last,
                              Output<type, 3> saved) {
  Problem<Stored<type>> problem{};
  problem.T = pre.dimensions()[0], problem.B = pre.dimensions()[1];
  problem.H = w_h.dimensions()[0];
  problem.w_h = data(w_h), problem.b_h = data(b_h), problem.initial = state(h_0, carried_0);
  problem.lengths = given(lengths), problem.reverse = reverse;
  ForwardArrays<Stored<type>> arrays{};
  arrays.pre = data(pre), arrays.h = data(h), arrays.last = state(h_last, carried_last);
  if (saved->element_count()) arrays.saved = data(saved);
  return run_forward(pool, problem, arrays);
}

template <ffi::DataType type>
ffi::Error recurrence_backward(ffi::ThreadPool pool, bool reverse, Input<type, 3> dh,
                               Input<type, 2> dh_last, Input<type, 3> dcarried_last,
                               Input<type, 3> h, Input<type, 3> saved, Input<type, 2> w_h,
                               Input<type, 2> h_0, Input<type, 3> carried_0, Lengths lengths,
                               Output<type, 3> dpre, Output<type, 2> dw_h, Output<type, 1> db_h,
                               Output<type, 2> dh_0, Output<type, 3> dcarried_0) {
  Problem<Stored<type>> problem{};
  problem.T = h.dimensions()[0], problem.B = h.dimensions()[1], problem.H = h.dimensions()[2];
  problem.w_h = data(w_h), problem.initial = state(h_0, carried_0);
  problem.lengths = given(lengths), problem.reverse = reverse;
  BackwardArrays<Stored<type>> arrays{};
  arrays.h = data(h), arrays.saved = data(saved), arrays.dh = data(dh);
  arrays.dlast = state(dh_last, dcarried_last), arrays.dpre = data(dpre);
  arrays.dinitial = state(dh_0, dcarried_0);
  arrays.dw_h = data(dw_h), arrays.db = data(db_h);
  return run<BackwardPass<type>>(pool, problem, arrays);
}

// A layer without its weights.
template <ffi::DataType type>
Problem<Stored<type>> layer(Input<type, 3> x, Input<type, 2> h_0, Input<type, 3> carried_0,
                            Lengths lengths, bool reverse) {
  Problem<Stored<type>> problem{};
  problem.T = x.dimensions()[0], problem.B = x.dimensions()[1], problem.I = x.dimensions()[2];
  problem.H = h_0.dimensions()[1];
  problem.x = data(x), problem.initial = state(h_0, carried_0);
  problem.lengths = given(lengths), problem.reverse = reverse;
  return problem;
}

template <ffi::DataType type>
void set_weights(Problem<Stored<type>>& problem, Input<type, 2> w_x, Input<type, 2> w_h,
                 Input<type, 2> w_o) {
  problem.w_x = data(w_x), problem.w_h = data(w_h), problem.w_o = data(w_o);
  problem.O = w_o.dimensions()[1];
}

// A layer's forward pass, however its weights lie.
template <ffi::DataType type>
ffi::Error run_layer(ffi::ThreadPool& pool, Problem<Stored<type>> problem,
                     ForwardArrays<Stored<type>> arrays, Input<type, 1> b, Input<type, 1> b_o,
                     Output<type, 3> y, Output<type, 2> h_last, Output<type, 3> carried_last,
                     Output<type, 3> h) {
  problem.b_x = data(b), problem.b_h = data(b) + RNN_CELL::kFromX * problem.H;
  problem.b_o = data(b_o);
  arrays.last = state(h_last, carried_last);
  if (y->element_count()) arrays.y = data(y);
  if (h->element_count()) arrays.h = data(h);
  return run_forward(pool, problem, arrays);
}

template <ffi::DataType type>
ffi::Error layer_forward(ffi::ThreadPool pool, bool reverse, Input<type, 2> w_x,
                         Input<type, 2> w_h, Input<type, 1> b, Input<type, 2> w_o,
                         Input<type, 1> b_o, Input<type, 3> x, Input<type, 2> h_0,
                         Input<type, 3> carried_0, Lengths lengths, Output<type, 3> y,
                         Output<type, 2> h_last, Output<type, 3> carried_last, Output<type, 3> h,
                         Output<type, 3> saved) {
  Problem<Stored<type>> problem = layer<type>(x, h_0, carried_0, lengths, reverse);
  set_weights<type>(problem, w_x, w_h, w_o);
  ForwardArrays<Stored<type>> arrays{};
  if (saved->element_count()) arrays.saved = data(saved);
  return run_layer<type>(pool, problem, arrays, b, b_o, y, h_last, carried_last, h);
}

// What `kernels.native.packing` lays weights out as: panels of numbers that products multiply.
template <ffi::DataType type>
inline constexpr ffi::DataType kOperand =
    std::is_same_v<OperandOf<Stored<type>>, Stored<type>> ? type : ffi::F32;

template <ffi::DataType type>
ffi::Error packed_forward(ffi::ThreadPool pool, bool reverse, Input<type, 3> x,
                          Input<kOperand<type>, 2> w_x, Input<kOperand<type>, 2> w_h,
                          Input<type, 1> b, Input<kOperand<type>, 2> w_o, Input<type, 1> b_o,
                          Input<type, 2> h_0, Input<type, 3> carried_0, Lengths lengths,
                          Output<type, 3> y, Output<type, 2> h_last, Output<type, 3> carried_last,
                          Output<type, 3> h) {
  Problem<Stored<type>> problem = layer<type>(x, h_0, carried_0, lengths, reverse);
  problem.O = b_o.dimensions()[0];
  ForwardArrays<Stored<type>> arrays{};
  arrays.w_x = data(w_x), arrays.w_h = data(w_h), arrays.w_o = data(w_o);
  return run_layer<type>(pool, problem, arrays, b, b_o, y, h_last, carried_last, h);
}

template <ffi::DataType type>
ffi::Error layer_backward(ffi::ThreadPool pool, bool reverse, Input<type, 2> w_x,
                          Input<type, 2> w_h, Input<type, 2> w_o, Input<type, 3> x,
                          Input<type, 2> h_0, Input<type, 3> carried_0, Lengths lengths,
                          Input<type, 3> h, Input<type, 3> saved, Input<type, 3> dy,
                          Input<type, 2> dh_last, Input<type, 3> dcarried_last,
                          Output<type, 2> dw_x, Output<type, 2> dw_h, Output<type, 1> db,
                          Output<type, 2> dw_o, Output<type, 1> db_o, Output<type, 3> dh_0,
                          Output<type, 3> dcarried_0, Output<type, 3> dx) {
  Problem<Stored<type>> problem = layer<type>(x, h_0, carried_0, lengths, reverse);
  set_weights<type>(problem, w_x, w_h, w_o);
  BackwardArrays<Stored<type>> arrays{};
  arrays.h = data(h), arrays.saved = data(saved);
  arrays.dlast = state(dh_last, dcarried_last);
  if (dy.element_count()) (problem.O ? arrays.dy : arrays.dh) = data(dy);
  arrays.dw_x = data(dw_x), arrays.dw_h = data(dw_h), arrays.db = data(db);
  arrays.dw_o = data(dw_o), arrays.db_o = data(db_o);
  if (dh_0->element_count()) arrays.dinitial = state(dh_0, dcarried_0);
  if (dx->element_count()) arrays.dx = data(dx);
  return run<BackwardPass<type>>(pool, problem, arrays);
}

// A handler's binding, from its signature: the threads, the direction, buffers in and out.
template <class Buffer>
struct Bind {
  template <class Binding>
  static auto to(Binding&& binding) {
    return std::move(binding).template Arg<Buffer>();
  }
};
template <class Buffer>
struct Bind<ffi::Result<Buffer>> {
  template <class Binding>
  static auto to(Binding&& binding) {
    return std::move(binding).template Ret<Buffer>();
  }
};

template <class Last, class Binding>
auto bind_all(Binding&& binding) {
  return Bind<Last>::to(std::move(binding));
}
template <class First, class Second, class... Rest, class Binding>
auto bind_all(Binding&& binding) {
  return bind_all<Second, Rest...>(Bind<First>::to(std::move(binding)));
}

template <class... Buffers>
auto bind(ffi::Error (*)(ffi::ThreadPool, bool, Buffers...)) {
  return bind_all<Buffers...>(ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Attr<bool>("reverse"));
}

}  // namespace
}  // namespace rnn

#define RNN_EXPORT(handler)                                                             \
  extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* handler(             \
      XLA_FFI_CallFrame*);                                                              \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(handler, rnn::handler<ffi::RNN_DTYPE>,                  \
                                rnn::bind(&rnn::handler<ffi::RNN_DTYPE>))

RNN_EXPORT(recurrence_forward);
RNN_EXPORT(recurrence_backward);
RNN_EXPORT(layer_forward);
RNN_EXPORT(layer_backward);
RNN_EXPORT(packed_forward);

// Of packed weights: the columns of a panel, the rows of a group, the bytes of a number.
using StoredHere = rnn::Stored<ffi::RNN_DTYPE>;
using OperandHere = rnn::OperandOf<StoredHere>;
extern "C" __attribute__((visibility("default"))) const int layout[];
const int layout[] = {int(rnn::kPanel<StoredHere>), int(rnn::kGroup<OperandHere>),
                      int(sizeof(OperandHere))};
