// The loops of the reference. Neighbouring axes that all tensors walk alike are joined first.
#include "op/loops.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/threads.h"
#include "core/half.h"
#include "op/scalar_runner.h"

namespace neve {
namespace {

constexpr int64_t grain = 8192;    // elements worth a thread
constexpr int64_t short_row = 48;  // rows below it are gathered into blocks

// The loop nest over an output: sizes, and for each operand its strides (0 where it is broadcast).
struct Nest {
  std::vector<int64_t> size;
  std::vector<std::vector<int64_t>> stride;  // [operand][axis]
};

Nest make_nest(std::span<const Tensor> in, const Sizes& shape) {
  Nest nest;
  nest.stride.resize(in.size());
  std::vector<Sizes> full(in.size(), Sizes(shape.size(), 0));
  for (size_t i = 0; i < in.size(); ++i) {
    const Sizes& s = in[i].shape();
    const Sizes strides = contiguous_strides(s);
    for (size_t d = 0; d < s.size(); ++d)
      if (s[d] != 1) full[i][d + shape.size() - s.size()] = strides[d];
  }
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 1) continue;
    bool join = !nest.size.empty();
    for (size_t i = 0; i < in.size(); ++i) join = join && nest.stride[i].back() == full[i][d] * shape[d];
    if (join) {
      nest.size.back() *= shape[d];
      for (size_t i = 0; i < in.size(); ++i) nest.stride[i].back() = full[i][d];
    } else {
      nest.size.push_back(shape[d]);
      for (size_t i = 0; i < in.size(); ++i) nest.stride[i].push_back(full[i][d]);
    }
  }
  if (nest.size.empty()) {
    nest.size.push_back(1);
    for (auto& s : nest.stride) s.push_back(0);
  }
  return nest;
}

template <class T>
void gather_elements(const Nest& nest, const std::vector<int64_t>& stride, const T* from, T* to, int64_t begin,
                     int64_t end) {
  std::vector<int64_t> index(nest.size.size());
  int64_t offset = 0;
  for (size_t d = nest.size.size(), rest = size_t(begin); d-- > 0;) {
    index[d] = int64_t(rest) % nest.size[d];
    rest /= size_t(nest.size[d]);
    offset += index[d] * stride[d];
  }
  for (int64_t k = begin; k < end; ++k) {
    *to++ = from[offset];
    for (size_t d = nest.size.size(); d-- > 0;) {
      offset += stride[d];
      if (++index[d] < nest.size[d]) break;
      offset -= stride[d] * nest.size[d];
      index[d] = 0;
    }
  }
}
void gather(const Nest& nest, size_t operand, const Tensor& t, std::byte* to, int64_t begin, int64_t end) {
  const auto& stride = nest.stride[operand];
  switch (size_of(t.dtype())) {
    case 1:
      return gather_elements(nest, stride, t.data_as<uint8_t>(), reinterpret_cast<uint8_t*>(to), begin, end);
    case 2:
      return gather_elements(nest, stride, t.data_as<uint16_t>(), reinterpret_cast<uint16_t*>(to), begin, end);
    case 4:
      return gather_elements(nest, stride, t.data_as<uint32_t>(), reinterpret_cast<uint32_t*>(to), begin, end);
    default:
      return gather_elements(nest, stride, t.data_as<uint64_t>(), reinterpret_cast<uint64_t*>(to), begin, end);
  }
}

// Short rows: operands are gathered into blocks, so that the cost of a run is spread.
void run_gathered(ScalarRunner& runner, const Nest& nest, std::span<const Tensor> in, std::span<const Tensor> out,
                  int64_t begin, int64_t end) {
  constexpr int64_t block = 512;
  std::vector<uint64_t> memory(in.size() * block);
  std::vector<const void*> from(in.size());
  const std::vector<int64_t> stride(in.size(), 1);
  std::vector<void*> to(out.size());
  for (int64_t at = begin; at < end; at += block) {
    const int64_t n = std::min(block, end - at);
    for (size_t i = 0; i < in.size(); ++i) {
      from[i] = memory.data() + i * block;
      gather(nest, i, in[i], reinterpret_cast<std::byte*>(memory.data() + i * block), at, at + n);
    }
    for (size_t k = 0; k < out.size(); ++k) to[k] = out[k].data() + at * size_of(out[k].dtype());
    runner.run(n, from, stride, to);
  }
}

// Long rows: each is one run, or a part of one when elements [begin, end) cut it.
void run_rows(ScalarRunner& runner, const Nest& nest, std::span<const Tensor> in, std::span<const Tensor> out,
              int64_t begin, int64_t end) {
  const size_t last = nest.size.size() - 1;
  std::vector<const void*> from(in.size());
  std::vector<int64_t> stride(in.size());
  std::vector<void*> to(out.size());
  for (size_t i = 0; i < in.size(); ++i) stride[i] = nest.stride[i][last];
  for (int64_t at = begin; at < end;) {
    const int64_t column = at % nest.size[last], n = std::min(nest.size[last] - column, end - at);
    for (size_t i = 0; i < in.size(); ++i) {
      int64_t offset = column * stride[i];
      for (int64_t d = int64_t(last) - 1, rest = at / nest.size[last]; d >= 0; --d) {
        offset += rest % nest.size[size_t(d)] * nest.stride[i][size_t(d)];
        rest /= nest.size[size_t(d)];
      }
      from[i] = in[i].data() + offset * size_of(in[i].dtype());
    }
    for (size_t k = 0; k < out.size(); ++k) to[k] = out[k].data() + at * size_of(out[k].dtype());
    runner.run(n, from, stride, to);
    at += n;
  }
}

// ---- reductions ----
struct ReduceNest {
  std::vector<int64_t> size, stride;  // stride in the accumulators; 0: reduced
};

template <class A>
A plus(A a, A b) {
  if constexpr (std::is_integral_v<A>)
    return A(uint64_t(a) + uint64_t(b));  // wraps
  else
    return a + b;
}
template <class A>
A times(A a, A b) {
  if constexpr (std::is_integral_v<A>)
    return A(uint64_t(a) * uint64_t(b));
  else
    return a * b;
}

// Elements [0, n) of x into one accumulator (stride 0) or into n of them.
template <class A, class T, class Load>
void reduce_row(ReduceKind kind, A* acc, int64_t stride, const T* x, int64_t n, Load load) {
  const auto each = [&](auto combine) {
    if (stride) {
      for (int64_t i = 0; i < n; ++i) acc[i] = combine(acc[i], A(load(x[i])));
    } else {
      A a = acc[0];
      for (int64_t i = 0; i < n; ++i) a = combine(a, A(load(x[i])));
      acc[0] = a;
    }
  };
  switch (kind) {
    case ReduceKind::sum:
      return each(plus<A>);
    case ReduceKind::prod:
      return each(times<A>);
    case ReduceKind::max:
      return each([](A a, A b) { return a > b || a != a ? a : b; });
    case ReduceKind::min:
      return each([](A a, A b) { return a < b || a != a ? a : b; });
  }
}

// x[begin, end) of the outermost axis into acc.
template <class A, class T, class Load>
void reduce_part(const ReduceNest& nest, ReduceKind kind, A* acc, const T* x, int64_t begin, int64_t end, Load load) {
  const size_t last = nest.size.size() - 1;
  if (last == 0) return reduce_row(kind, acc + begin * nest.stride[0], nest.stride[0], x + begin, end - begin, load);
  std::vector<int64_t> index(nest.size.size(), 0);
  int64_t rows = 1;
  for (size_t d = 1; d < last; ++d) rows *= nest.size[d];
  x += begin * rows * nest.size[last];
  index[0] = begin;
  int64_t offset = begin * nest.stride[0];
  for (int64_t r = 0; r < (end - begin) * rows; ++r, x += nest.size[last]) {
    reduce_row(kind, acc + offset, nest.stride[last], x, nest.size[last], load);
    for (size_t d = last; d-- > 0;) {
      offset += nest.stride[d];
      if (++index[d] < nest.size[d] || d == 0) break;
      offset -= nest.stride[d] * nest.size[d];
      index[d] = 0;
    }
  }
}

template <class A>
A start_value(ReduceKind kind, DType t) {
  using L = std::numeric_limits<A>;
  if (kind == ReduceKind::sum) return 0;
  if (kind == ReduceKind::prod) return 1;
  const bool max = kind == ReduceKind::max;
  if constexpr (std::is_floating_point_v<A>) return max ? -L::infinity() : L::infinity();
  if (t == DType::boolean) return max ? 0 : 1;
  if (t == DType::u64 || t == DType::i64) return max ? L::min() : L::max();
  const unsigned bits = unsigned(size_of(t)) * 8;
  if (is_unsigned_int(t)) return max ? A(0) : A((uint64_t(1) << bits) - 1);
  const auto half = int64_t(1) << (bits - 1);
  return max ? A(-half) : A(half - 1);
}

template <class A, class T, class Load, class Store>
void reduce_typed(const ReduceNest& nest, ReduceKind kind, const Tensor& x, const Tensor& y, int threads, Load load,
                  Store store) {
  std::vector<A> acc(size_t(y.element_count()), start_value<A>(kind, x.dtype()));
  if (x.element_count()) {
    const int64_t each = x.element_count() / nest.size[0];
    // Parts of a kept outermost axis have accumulators of their own.
    parallel_for(nest.size[0], nest.stride[0] ? std::max<int64_t>(1, grain / each) : nest.size[0], threads,
                 [&](int64_t b, int64_t e, int) { reduce_part(nest, kind, acc.data(), x.data_as<T>(), b, e, load); });
  }
  for (size_t i = 0; i < acc.size(); ++i) y.data_as<T>()[i] = T(store(acc[i]));
}

}  // namespace

void run_elementwise(const ScalarProgram& p, std::span<const Tensor> in, std::span<const Tensor> out, int threads) {
  const int64_t n = out[0].element_count();
  if (n == 0) return;
  ScalarRunner first(p);  // what it refuses it refuses here, not in a thread
  const Nest nest = make_nest(in, out[0].shape());
  const bool gathered = nest.size.size() > 1 && nest.size.back() < short_row;
  const auto run = [&](ScalarRunner& runner, int64_t begin, int64_t end) {
    gathered ? run_gathered(runner, nest, in, out, begin, end) : run_rows(runner, nest, in, out, begin, end);
  };
  parallel_for(n, grain, threads, [&](int64_t begin, int64_t end, int part) {
    if (part == 0) return run(first, begin, end);
    ScalarRunner runner(p);
    run(runner, begin, end);
  });
}

void run_reduce(ReduceKind kind, const Tensor& x, const std::vector<bool>& reduced, const Tensor& y, int threads) {
  ReduceNest nest;
  std::vector<bool> kinds;
  for (size_t d = 0; d < reduced.size(); ++d) {
    if (x.shape()[d] == 1) continue;
    if (!kinds.empty() && kinds.back() == reduced[d]) {
      nest.size.back() *= x.shape()[d];
    } else {
      kinds.push_back(reduced[d]);
      nest.size.push_back(x.shape()[d]);
    }
  }
  if (kinds.empty()) {
    kinds.push_back(true);
    nest.size.push_back(1);
  }
  nest.stride.assign(kinds.size(), 0);
  for (size_t d = kinds.size(), stride = 1; d-- > 0;)
    if (!kinds[d]) {
      nest.stride[d] = int64_t(stride);
      stride *= size_t(nest.size[d]);
    }
  const auto same = [](auto v) { return v; };
  const auto run = [&]<class A, class T>(A, T, auto load, auto store) {
    reduce_typed<A, T>(nest, kind, x, y, threads, load, store);
  };
  switch (x.dtype()) {
    case DType::f64:
      return run(double(), double(), same, same);
    case DType::f32:
      return run(double(), float(), same, same);
    case DType::bf16:
      return run(double(), uint16_t(), bf16_to_float, [](double v) { return float_to_bf16(float(v)); });
    case DType::f16:
      return run(double(), uint16_t(), half_to_float, [](double v) { return float_to_half(float(v)); });
    case DType::u64:
      return run(uint64_t(), uint64_t(), same, same);
    case DType::i64:
      return run(int64_t(), int64_t(), same, same);
    case DType::i32:
      return run(int64_t(), int32_t(), same, same);
    case DType::i16:
      return run(int64_t(), int16_t(), same, same);
    case DType::i8:
      return run(int64_t(), int8_t(), same, same);
    case DType::u8:
      return run(int64_t(), uint8_t(), same, same);
    case DType::u16:
      return run(int64_t(), uint16_t(), same, same);
    case DType::u32:
      return run(int64_t(), uint32_t(), same, same);
    case DType::boolean:
      return run(int64_t(), uint8_t(), [](uint8_t v) { return v != 0; }, [](int64_t v) { return v != 0; });
    default:
      fail(ErrorCode::unsupported, "reduce: dtype ", x.dtype(), " (complex numbers cannot be reduced yet)");
  }
}

}  // namespace neve
