// The tape follows changes in place: a change of a view is a change of its base, and other views are parts of that.
#include "eager/write.h"

#include <mutex>

#include "eager/autograd.h"

namespace neve::eager {
namespace {

/// Where a view lies among the elements of its base; offsets and strides in elements.
struct Region {
  DType dtype;
  Sizes base_shape, base_strides, shape, strides;
  int64_t base_offset = 0, offset = 0, extent = 0;

  Region(const Tensor& base, const Tensor& view)
      : dtype(base.dtype()),
        base_shape(base.shape()),
        base_strides(base.strides()),
        shape(view.shape()),
        strides(view.strides()) {
    int64_t low = 0, high = 0;
    for (size_t i = 0; i < base_shape.size(); ++i) {
      const int64_t reach = (base_shape[i] - 1) * base_strides[i];
      (reach < 0 ? low : high) += reach;
    }
    base_offset = -low;
    offset = view.element_count() ? (view.byte_offset() - base.byte_offset()) / size_of(dtype) - low : 0;
    extent = base.element_count() ? high - low + 1 : 0;
  }
  Tensor base_of(const std::shared_ptr<Storage>& s) const {
    return Tensor::view(s, dtype, base_shape, base_strides, extent ? base_offset * size_of(dtype) : 0);
  }
  Tensor view_of(const std::shared_ptr<Storage>& s) const {
    return Tensor::view(s, dtype, shape, strides, offset * size_of(dtype));
  }
  /// Bytes laid out as those of the base, zeros.
  std::shared_ptr<Storage> zeros() const { return Tensor::zeros(dtype, {extent}).storage(); }
};

bool shows_twice(const Sizes& shape, const Sizes& strides) {
  bool twice = false;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return false;
    twice = twice || (strides[i] == 0 && shape[i] > 1);
  }
  return twice;
}

Tensor put(const Tensor& g, const Region& r);

// The part of a gradient of the base that belongs to the view.
Tensor take(const Tensor& g, const Region& r) {
  const auto bytes = r.zeros();
  r.base_of(bytes).copy_from(g.detach());
  return linear("view", std::span(&g, 1), {r.view_of(bytes).clone()},
                [r](std::span<const Tensor> d) { return std::vector<Tensor>{put(d[0], r)}; })[0];
}

// A gradient of the view as one of the base: zeros elsewhere; elements that are shown more than once get the sum.
Tensor put(const Tensor& g, const Region& r) {
  const auto bytes = r.zeros();
  Tensor part = g;
  Region once = r;
  std::vector<int64_t> repeated;
  for (size_t i = 0; i < r.shape.size(); ++i)
    if (r.strides[i] == 0 && r.shape[i] > 1) repeated.push_back(int64_t(i)), once.shape[i] = 1;
  if (!repeated.empty()) part = call1("reduce_sum", {g.detach()}, {{"axes", repeated}, {"keepdims", true}});
  once.view_of(bytes).copy_from(part.detach());
  return linear("view", std::span(&g, 1), {r.base_of(bytes).contiguous()},
                [r](std::span<const Tensor> d) { return std::vector<Tensor>{take(d[0], r)}; })[0];
}

// A gradient of the base with zeros in the place of the view: what was there before the change has no influence.
Tensor clear(const Tensor& g, const Region& r) {
  const auto bytes = r.zeros();
  r.base_of(bytes).copy_from(g.detach());
  r.view_of(bytes).copy_from(Tensor::zeros(r.dtype, r.shape));
  return linear("view", std::span(&g, 1), {r.base_of(bytes).contiguous()},
                [r](std::span<const Tensor> d) { return std::vector<Tensor>{clear(d[0], r)}; })[0];
}

void set_view(const Tensor& y, const Tensor& x) {
  TensorBody& view = *y.body_pointer();
  TensorBody& from = *x.body_pointer();
  if (view.base) return;
  if (!is_grad_enabled() || from.unrecorded_view || from.dtype != view.dtype) {
    view.unrecorded_view = true;
    return;
  }
  TensorBody* base = from.base ? from.base : &from;
  base->references.fetch_add(1, std::memory_order_relaxed);
  view.base = base;
  view.seen.store(view.storage->version(), std::memory_order_relaxed);
}

[[noreturn]] void refuse_leaf(const char* op, const Tensor& x, const Tensor& root) {
  fail(ErrorCode::invalid_argument, op, ": ", type_text(x), " is ",
       x.is(root) ? std::string() : "a view of " + type_text(root) + ", ",
       "a leaf that asks for gradients and cannot be changed in place (NoGrad / no_grad() allows it, for updates)");
}

bool is_asking_leaf(const Tensor& t) {
  const AutogradMeta* m = find_meta(t);
  return m && m->requires_grad && !m->node;
}

}  // namespace

void mark_views(std::span<const Tensor> in, std::span<const Tensor> out) {
  for (const Tensor& y : out) {
    if (!y.defined()) continue;
    for (const Tensor& x : in) {
      if (!x.defined() || x.is(y) || x.storage() != y.storage()) continue;
      set_view(y, x);
      break;
    }
  }
}

void refresh_view(const Tensor& t) {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  TensorBody& b = *t.body_pointer();
  const uint64_t version = b.storage->version();
  if (b.seen.load(std::memory_order_relaxed) == version) return;
  const Tensor base = Tensor::of_body(b.base);
  if (needs_gradient(base)) {
    if (is_asking_leaf(t))
      fail(ErrorCode::invalid_argument, "backward: ", type_text(t),
           ", a leaf that asks for gradients, is a view of a tensor that was changed in place by a recorded operation "
           "(detach().clone() it before it becomes a leaf)");
    const Region r(base, t);
    set_history(t,
                linear_node("view", {gradient_edge(base)},
                            [r](std::span<const Tensor> g) { return std::vector<Tensor>{put(g[0], r)}; }),
                0);
  }
  b.seen.store(version, std::memory_order_relaxed);
}

void write(const Tensor& x, const Tensor& target, const Tensor& value, bool replaces, const char* op) {
  TensorBody& body = *x.body_pointer();
  const Tensor root = body.base ? Tensor::of_body(body.base) : x;
  if (shows_twice(target.shape(), target.strides()))
    fail(ErrorCode::invalid_argument, op, ": ", type_text(target), " with strides ", target.strides(),
         " shows elements more than once and cannot be changed in place (clone() first)");
  const bool recorded = is_grad_enabled() && (needs_gradient(x) || needs_gradient(root) || needs_gradient(value));
  Edge before, change;
  if (recorded) {
    if (is_asking_leaf(root)) refuse_leaf(op, x, root);
    if (is_asking_leaf(x)) refuse_leaf(op, x, x);
    if (body.unrecorded_view)
      fail(ErrorCode::invalid_argument, op, ": ", type_text(x),
           " shares memory with another tensor in a way that is not recorded (a view made with recording off, or a "
           "result of a function of one's own), and cannot be changed in place by a recorded operation (clone() it)");
    before = gradient_edge(root);
    change = gradient_edge(value);
  }
  if (target.element_count()) {
    const uint64_t version = target.storage()->version();
    target.detach().copy_from(value.detach());
    if (target.storage()->version() == version) target.storage()->bump();  // copied onto itself: still a change
    target.storage()->changed_by(op, current_place());
  }
  if (!recorded) return;
  if (replaces && change.node && x.is(root) && target.is(x)) {
    set_history(x, change.node, change.index);
    return;
  }
  const Region r(root, target);
  set_history(
      root,
      linear_node(op, {before, change},
                  [r](std::span<const Tensor> g) { return std::vector<Tensor>{clear(g[0], r), take(g[0], r)}; }),
      0);
  needs_gradient(x);
}

}  // namespace neve::eager
