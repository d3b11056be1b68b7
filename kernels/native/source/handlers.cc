// What XLA calls: its buffers as problems, a team from its threads.
#include "backward.h"
#include "forward.h"
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
template <ffi::DataType type>
using Stored = typename StoredAs<type>::type;

template <ffi::DataType type, std::size_t rank>
using Input = ffi::Buffer<type, rank>;
template <ffi::DataType type, std::size_t rank>
using Output = ffi::Result<ffi::Buffer<type, rank>>;

template <ffi::DataType type, std::size_t rank>
Stored<type>* data(const Input<type, rank>& buffer) {
  return static_cast<Stored<type>*>(buffer.untyped_data());
}
template <ffi::DataType type, std::size_t rank>
Stored<type>* data(const Output<type, rank>& buffer) {
  return static_cast<Stored<type>*>(buffer->untyped_data());
}

// Runs a pass on as many of XLA's threads as it is worth.
template <class Direction, class Number, class Arrays>
ffi::Error run(ffi::ThreadPool& pool, const Problem<Number>& problem, const Arrays& arrays) {
  try {
    Direction pass(problem, arrays);
    const Effort effort = effort_of(problem, pool.num_threads());
    run_team(pool, effort.threads, effort.patience, pass);
    return ffi::Error::Success();
  } catch (const std::bad_alloc&) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, "native kernel: out of memory");
  }
}

template <class Number>
ffi::Error forward(ffi::ThreadPool& pool, bool relu, const Problem<Number>& problem,
                   const ForwardArrays<Number>& arrays) {
  return relu ? run<Forward<Number, Activation::kRelu>>(pool, problem, arrays)
              : run<Forward<Number, Activation::kTanh>>(pool, problem, arrays);
}

template <class Number>
ffi::Error backward(ffi::ThreadPool& pool, bool relu, const Problem<Number>& problem,
                    const BackwardArrays<Number>& arrays) {
  return relu ? run<Backward<Number, Activation::kRelu>>(pool, problem, arrays)
              : run<Backward<Number, Activation::kTanh>>(pool, problem, arrays);
}

template <ffi::DataType type>
ffi::Error recurrence_forward(ffi::ThreadPool pool, bool relu, Input<type, 3> z,
                              Input<type, 2> w_hh, Input<type, 2> h0, Output<type, 3> h) {
  const auto T = z.dimensions()[0], B = z.dimensions()[1], H = z.dimensions()[2];
  Problem<Stored<type>> problem{};
  problem.T = T, problem.B = B, problem.H = H;
  problem.w_hh = data(w_hh), problem.h0 = data(h0);
  ForwardArrays<Stored<type>> arrays{};
  arrays.z = data(z), arrays.h = data(h);
  return forward(pool, relu, problem, arrays);
}

template <ffi::DataType type>
ffi::Error recurrence_backward(ffi::ThreadPool pool, bool relu, Input<type, 3> dh,
                               Input<type, 3> h, Input<type, 2> w_hh, Output<type, 3> dz) {
  const auto T = h.dimensions()[0], B = h.dimensions()[1], H = h.dimensions()[2];
  Problem<Stored<type>> problem{};
  problem.T = T, problem.B = B, problem.H = H;
  problem.w_hh = data(w_hh);
  BackwardArrays<Stored<type>> arrays{};
  arrays.h = data(h), arrays.dh = data(dh), arrays.dz = data(dz);
  return backward(pool, relu, problem, arrays);
}

template <ffi::DataType type>
Problem<Stored<type>> layer(Input<type, 3> x, Input<type, 2> w_xh, Input<type, 2> w_hh,
                            Input<type, 2> w_ho, Input<type, 2> h0) {
  const auto T = x.dimensions()[0], B = x.dimensions()[1], I = x.dimensions()[2];
  Problem<Stored<type>> problem{};
  problem.T = T, problem.B = B, problem.I = I;
  problem.H = w_ho.dimensions()[0], problem.O = w_ho.dimensions()[1];
  problem.x = data(x), problem.w_xh = data(w_xh), problem.w_hh = data(w_hh);
  problem.w_ho = data(w_ho), problem.h0 = data(h0);
  return problem;
}

template <ffi::DataType type>
ffi::Error layer_forward(ffi::ThreadPool pool, bool relu, Input<type, 2> w_xh,
                         Input<type, 2> w_hh, Input<type, 1> b_h, Input<type, 2> w_ho,
                         Input<type, 1> b_o, Input<type, 3> x, Input<type, 2> h0,
                         Output<type, 3> y, Output<type, 2> h_last, Output<type, 3> h) {
  Problem<Stored<type>> problem = layer<type>(x, w_xh, w_hh, w_ho, h0);
  problem.b_h = data(b_h), problem.b_o = data(b_o);
  ForwardArrays<Stored<type>> arrays{};
  arrays.y = data(y), arrays.h_last = data(h_last);
  if (h->element_count()) arrays.h = data(h);
  return forward(pool, relu, problem, arrays);
}

template <ffi::DataType type>
ffi::Error layer_backward(ffi::ThreadPool pool, bool relu, Input<type, 2> w_xh,
                          Input<type, 2> w_hh, Input<type, 2> w_ho, Input<type, 3> x,
                          Input<type, 2> h0, Input<type, 3> h, Input<type, 3> dy,
                          Input<type, 2> dh_last, Output<type, 2> dw_xh,
                          Output<type, 2> dw_hh, Output<type, 1> db_h,
                          Output<type, 2> dw_ho, Output<type, 1> db_o, Output<type, 2> dh0,
                          Output<type, 3> dx) {
  const Problem<Stored<type>> problem = layer<type>(x, w_xh, w_hh, w_ho, h0);
  BackwardArrays<Stored<type>> arrays{};
  arrays.h = data(h), arrays.dy = data(dy), arrays.dh_last = data(dh_last);
  arrays.dw_xh = data(dw_xh), arrays.dw_hh = data(dw_hh), arrays.db_h = data(db_h);
  arrays.dw_ho = data(dw_ho), arrays.db_o = data(db_o), arrays.dh0 = data(dh0);
  if (dx->element_count()) arrays.dx = data(dx);
  return backward(pool, relu, problem, arrays);
}

// A handler's binding, from its signature: the threads, the activation, buffers in and out.
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
  return bind_all<Buffers...>(ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().template Attr<bool>("relu"));
}

}  // namespace
}  // namespace rnn

#define RNN_EXPORT_AS(handler, name, type)                                              \
  extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* handler##_##name(    \
      XLA_FFI_CallFrame*);                                                              \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(handler##_##name, rnn::handler<type>, rnn::bind(&rnn::handler<type>))
#define RNN_EXPORT(handler)                    \
  RNN_EXPORT_AS(handler, float32, ffi::F32);   \
  RNN_EXPORT_AS(handler, float64, ffi::F64);   \
  RNN_EXPORT_AS(handler, bfloat16, ffi::BF16)

RNN_EXPORT(recurrence_forward);
RNN_EXPORT(recurrence_backward);
RNN_EXPORT(layer_forward);
RNN_EXPORT(layer_backward);
