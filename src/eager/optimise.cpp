// Updates of parameters, element by element in one pass; the compiler vectorises the loops.
#include "eager/optimise.h"

#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/threads.h"
#include "eager/autograd.h"
#include "eager/execute.h"

namespace neve::eager {
namespace {

constexpr int64_t grain = 16384;

void check_all(const char* call, std::span<const Updated> parameters, bool first, bool second, bool third) {
  for (const Updated& u : parameters) {
    auto fits = [&](const Tensor& t, const char* what) {
      if (!t.defined() || t.dtype() != u.parameter.dtype() || t.shape() != u.parameter.shape() || !t.is_contiguous())
        fail(ErrorCode::invalid_argument, call, ": the ", what, " of a parameter of ", type_text(u.parameter), " is ",
             t.defined() ? type_text(t) : std::string("missing"), " (a contiguous tensor of its type is needed)");
    };
    if (u.parameter.dtype() != DType::f32 && u.parameter.dtype() != DType::f64)
      fail(ErrorCode::type_mismatch, call, ": a parameter of ", type_text(u.parameter), " (f32 or f64)");
    if (!u.parameter.storage()->writable())
      fail(ErrorCode::invalid_argument, call, ": a parameter of ", type_text(u.parameter), " is read-only");
    fits(u.parameter, "parameter");
    fits(u.gradient, "gradient");
    if (first) fits(u.first, "state");
    if (second) fits(u.second, "state");
    if (third) fits(u.third, "state");
  }
}

// f(p, g, a, b, c, n) on pieces of every parameter; state that is undefined is a null pointer.
template <class F>
void each(std::span<const Updated> parameters, F f) {
  for (const Updated& u : parameters) {
    auto run = [&]<class T>(T) {
      T *p = u.parameter.data_as<T>(), *g = u.gradient.data_as<T>();
      T* state[3] = {u.first.defined() ? u.first.data_as<T>() : nullptr,
                     u.second.defined() ? u.second.data_as<T>() : nullptr,
                     u.third.defined() ? u.third.data_as<T>() : nullptr};
      parallel_for(u.parameter.element_count(), grain, threads(), [&](int64_t begin, int64_t end, int) {
        auto at = [&](T* x) { return x ? x + begin : nullptr; };
        f(p + begin, static_cast<const T*>(g + begin), at(state[0]), at(state[1]), at(state[2]), end - begin);
      });
    };
    if (u.parameter.dtype() == DType::f32)
      run(float{});
    else
      run(double{});
    u.parameter.storage()->bump();
    u.parameter.storage()->changed_by("an optimiser's step", current_place());
    for (const Tensor* t : {&u.first, &u.second, &u.third})
      if (t->defined()) t->storage()->bump();
  }
}

}  // namespace

void sgd(std::span<const Updated> parameters, const SgdOptions& o) {
  check_all("sgd", parameters, o.momentum != 0, false, false);
  each(parameters, [&]<class T>(T* __restrict p, const T* __restrict g, T* __restrict m, T*, T*, int64_t n) {
    const T lr = T(o.lr), decay = T(o.weight_decay), momentum = T(o.momentum), keep = T(1 - o.dampening),
            sign = o.maximize ? T(-1) : T(1);
    if (momentum == T(0)) {
      for (int64_t i = 0; i < n; ++i) p[i] -= lr * (sign * g[i] + decay * p[i]);
      return;
    }
    for (int64_t i = 0; i < n; ++i) {
      const T d = sign * g[i] + decay * p[i];
      m[i] = o.first_step ? d : momentum * m[i] + keep * d;
      p[i] -= lr * (o.nesterov ? d + momentum * m[i] : m[i]);
    }
  });
}

void adam(std::span<const Updated> parameters, const AdamOptions& o) {
  check_all("adam", parameters, true, true, o.amsgrad);
  const double correction1 = 1 - std::pow(o.beta1, double(o.step)), correction2 = 1 - std::pow(o.beta2, double(o.step));
  each(parameters, [&]<class T>(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict v,
                                T* __restrict largest, int64_t n) {
    const T beta1 = T(o.beta1), beta2 = T(o.beta2), rest1 = T(1 - o.beta1), rest2 = T(1 - o.beta2),
            step = T(o.lr / correction1), root = T(1 / std::sqrt(correction2)), epsilon = T(o.epsilon),
            shrink = T(o.decoupled ? 1 - o.lr * o.weight_decay : 1), decay = T(o.decoupled ? 0 : o.weight_decay),
            sign = o.maximize ? T(-1) : T(1);
    auto body = [&](int64_t i) {
      const T q = p[i] * shrink, d = sign * g[i] + decay * q;
      m[i] = beta1 * m[i] + rest1 * d;
      v[i] = beta2 * v[i] + rest2 * d * d;
      return q;
    };
    if (!o.amsgrad) {
      for (int64_t i = 0; i < n; ++i) {
        const T q = body(i);
        p[i] = q - step * m[i] / (std::sqrt(v[i]) * root + epsilon);
      }
    } else {
      for (int64_t i = 0; i < n; ++i) {
        const T q = body(i);
        largest[i] = v[i] > largest[i] ? v[i] : largest[i];
        p[i] = q - step * m[i] / (std::sqrt(largest[i]) * root + epsilon);
      }
    }
  });
}

void rmsprop(std::span<const Updated> parameters, const RmspropOptions& o) {
  check_all("rmsprop", parameters, true, o.momentum != 0, o.centered);
  each(parameters, [&]<class T>(T* __restrict p, const T* __restrict g, T* __restrict v, T* __restrict b,
                                T* __restrict mean, int64_t n) {
    const T lr = T(o.lr), alpha = T(o.alpha), rest = T(1 - o.alpha), epsilon = T(o.epsilon), decay = T(o.weight_decay),
            momentum = T(o.momentum), sign = o.maximize ? T(-1) : T(1);
    for (int64_t i = 0; i < n; ++i) {
      const T d = sign * g[i] + decay * p[i];
      v[i] = alpha * v[i] + rest * d * d;
      T average = v[i];
      if (o.centered) {
        mean[i] = alpha * mean[i] + rest * d;
        average -= mean[i] * mean[i];
      }
      T update = d / (std::sqrt(average) + epsilon);
      if (b) update = b[i] = momentum * b[i] + update;
      p[i] -= lr * update;
    }
  });
}

void adagrad(std::span<const Updated> parameters, const AdagradOptions& o) {
  check_all("adagrad", parameters, true, false, false);
  each(parameters, [&]<class T>(T* __restrict p, const T* __restrict g, T* __restrict s, T*, T*, int64_t n) {
    const T lr = T(o.lr / (1 + double(o.step - 1) * o.lr_decay)), decay = T(o.weight_decay), epsilon = T(o.epsilon),
            sign = o.maximize ? T(-1) : T(1);
    for (int64_t i = 0; i < n; ++i) {
      const T d = sign * g[i] + decay * p[i];
      s[i] += d * d;
      p[i] -= lr * d / (std::sqrt(s[i]) + epsilon);
    }
  });
}

void lamb(std::span<const Updated> parameters, const LambOptions& o) {
  check_all("lamb", parameters, true, true, false);
  const double c1 = o.bias_correction ? 1 - std::pow(o.beta1, double(o.step)) : 1,
               c2 = o.bias_correction ? 1 - std::pow(o.beta2, double(o.step)) : 1;
  for (const Updated& u : parameters) {
    // The update is formed twice, for its norm and to be taken: cheaper than to keep it.
    const int parts = threads();
    std::vector<double> p2(size_t(parts), 0.0), u2(size_t(parts), 0.0);
    auto run = [&]<class T>(T) {
      T *p = u.parameter.data_as<T>(), *g = u.gradient.data_as<T>(), *m = u.first.data_as<T>(),
        *v = u.second.data_as<T>();
      const T beta1 = T(o.beta1), beta2 = T(o.beta2), rest1 = T(1 - o.beta1), rest2 = T(1 - o.beta2), i1 = T(1 / c1),
              i2 = T(1 / c2), epsilon = T(o.epsilon), decay = T(o.weight_decay);
      auto update = [&](int64_t i) { return m[i] * i1 / (std::sqrt(v[i] * i2) + epsilon) + decay * p[i]; };
      parallel_for(u.parameter.element_count(), grain, parts, [&](int64_t begin, int64_t end, int part) {
        double sp = 0, su = 0;
        for (int64_t i = begin; i < end; ++i) {
          m[i] = beta1 * m[i] + rest1 * g[i];
          v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
          const T d = update(i);
          sp += double(p[i]) * double(p[i]);
          su += double(d) * double(d);
        }
        p2[size_t(part)] += sp;
        u2[size_t(part)] += su;
      });
      double np = 0, nu = 0;
      for (int k = 0; k < parts; ++k) np += p2[size_t(k)], nu += u2[size_t(k)];
      const double trust = np > 0 && nu > 0 ? std::sqrt(np / nu) : 1;
      const T step = T(o.lr * trust);
      parallel_for(u.parameter.element_count(), grain, parts, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) p[i] -= step * update(i);
      });
    };
    if (u.parameter.dtype() == DType::f32)
      run(float{});
    else
      run(double{});
    for (const Tensor* t : {&u.parameter, &u.first, &u.second}) t->storage()->bump();
    u.parameter.storage()->changed_by("an optimiser's step", current_place());
  }
}

double total_norm(std::span<const Tensor> tensors) {
  double sum = 0;
  for (const Tensor& given : tensors) {
    if (!given.defined()) continue;
    const Tensor t = given.detach().contiguous();
    std::vector<double> part(size_t(threads()), 0.0);
    auto run = [&]<class T>(T) {
      const T* x = t.data_as<T>();
      parallel_for(t.element_count(), grain, threads(), [&](int64_t begin, int64_t end, int k) {
        double s = 0;
        for (int64_t i = begin; i < end; ++i) s += double(x[i]) * double(x[i]);
        part[size_t(k)] += s;
      });
    };
    if (t.dtype() == DType::f32)
      run(float{});
    else if (t.dtype() == DType::f64)
      run(double{});
    else
      return total_norm(std::vector<Tensor>{t.to(DType::f32)});
    for (double s : part) sum += s;
  }
  return std::sqrt(sum);
}

void scale(std::span<const Tensor> tensors, double factor) {
  for (const Tensor& t : tensors) {
    if (!t.defined()) continue;
    if (!t.is_contiguous() || (t.dtype() != DType::f32 && t.dtype() != DType::f64))
      fail(ErrorCode::invalid_argument, "scale: ", type_text(t), " (contiguous, f32 or f64)");
    auto run = [&]<class T>(T) {
      T* x = t.data_as<T>();
      const T f = T(factor);
      parallel_for(t.element_count(), grain, threads(), [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) x[i] *= f;
      });
    };
    if (t.dtype() == DType::f32)
      run(float{});
    else
      run(double{});
    t.storage()->bump();
  }
}

}  // namespace neve::eager
