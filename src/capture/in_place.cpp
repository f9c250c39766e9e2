// Changes in place: what they change with it, and what shows them.
#include <algorithm>

#include "capture/capture.h"
#include "capture/keys.h"
#include "eager/autograd.h"
#include "op/reference.h"
#include "op/registry.h"

namespace neve::capture {
namespace {

using eager::call1;

Tensor ints(std::initializer_list<int64_t> v) {
  return Tensor::of_ints(DType::i64, {int64_t(v.size())}, std::span<const int64_t>(v.begin(), v.size()));
}

Tensor flat(const Tensor& t) { return call1("reshape", {t, ints({-1})}); }

Tensor in_shape(const Tensor& t, const Tensor& shape) { return call1("reshape", {t, shape}, {{"allowzero", true}}); }

// The number of each element, in the shape of t.
Tensor numbers_of(const Tensor& t) {
  const Tensor shape = call1("shape", {t});
  const Tensor count = call1("reduce_prod", {shape}, {{"keepdims", false}, {"axes", std::vector<int64_t>{0}}});
  return in_shape(call1("range", {Tensor::scalar_int(DType::i64, 0), count, Tensor::scalar_int(DType::i64, 1)}), shape);
}

// Places as indices of scatter_nd.
Tensor column(const Tensor& places) { return call1("unsqueeze", {places}, {{"axes", std::vector<int64_t>{1}}}); }

Tensor is_place(const Tensor& places) { return call1("less", {Tensor::scalar_int(DType::i64, -1), places}); }

Tensor or_else(const Tensor& places, const Tensor& other) { return call1("where", {is_place(places), places, other}); }

// The elements of what t may show; where it is partial, and then those of t: places_in says where t's are.
Tensor memory(const Tensor& root, const Tensor& t, bool partial) {
  return partial ? call1("concat", {flat(root), flat(t)}, {{"axis", int64_t(0)}}) : flat(root);
}

Tensor places_in(const CapturedValue::MayShow& m, const Tensor& t) {
  if (!m.partial) return m.places;
  return or_else(m.places, call1("add", {call1("shape", {flat(m.root)}), flat(numbers_of(t))}));
}

// That something is done for one tensor; not once more for it while that goes on.
struct Following {
  std::set<const CapturedValue*>& of;
  const CapturedValue* c;
  ~Following() { of.erase(c); }
};

// The same view of something else.
Tensor viewed(const CapturedValue& c, const Tensor& of) {
  std::vector<Tensor> operands{of};
  operands.insert(operands.end(), c.others.begin(), c.others.end());
  return eager::stager()->view(*c.view, c.attrs, operands);
}

std::string_view view_name(const CapturedValue& c) { return c.view ? c.view->info.name : ""; }

// Whether eager execution makes a view or a copy here depends on what is not known.
bool is_unclear(const CapturedValue& c) {
  const std::string_view how = view_name(c);
  if (how != "reshape" && how != "flatten") return how.empty() || how == "split";
  // A view of a tensor whose elements lie in order; it lies so where only reshapes were taken.
  for (const CapturedValue* b = c.base.get(); b->base; b = b->base.get()) {
    const std::string_view before = view_name(*b);
    if (before != "reshape" && before != "flatten" && before != "squeeze" && before != "unsqueeze") return true;
  }
  return false;
}

std::string place() { return here().empty() ? "" : "\n  at " + here(); }

}  // namespace

bool Capture::is_stale(const CapturedValue& c) {
  return c.base && (c.base->version != c.base_version || is_stale(*c.base));
}

// A view of what was changed since it was taken shows the change.
void Capture::refresh(const Tensor& t) {
  const std::shared_ptr<CapturedValue> c = t.body_pointer()->captured;
  if (is_unclear(*c))
    fail(ErrorCode::unsupported, "capture: ", describe(t),
         " may or may not share memory with a tensor that was changed in place after it was taken (take it again, or "
         "clone() it first)",
         place());
  const Value now = value_of(viewed(*c, handle_of(c->base)));
  change(c, now);
  c->base_version = c->base->version;
}

Tensor Capture::handle_of(const std::shared_ptr<CapturedValue>& c) {
  Tensor t = wrap(value_in(*c, frames_.size() - 1));  // its type is that of its value now
  t.body_pointer()->captured = c;
  return t;
}

std::shared_ptr<CapturedValue> Capture::captured_of(const Tensor& t) {
  return t.is_captured() ? t.body_pointer()->captured : lift(t).now;
}

// The first way where the flag holds, always without one; else the second.
Tensor Capture::where(const Tensor& flag, std::span<const Body, 2> ways) {
  return flag.defined() ? branch(flag, ways, false)[0] : ways[0]({})[0];
}

// Where the elements of a view are in what it shows in the end.
Tensor Capture::places_of(const std::shared_ptr<CapturedValue>& c) {
  return viewed(*c, c->base->base ? places_of(c->base) : numbers_of(handle_of(c->base)));
}

std::vector<Capture::MayShow> Capture::relations(const Tensor& t) {
  std::shared_ptr<CapturedValue> c = captured_of(t);
  if (!c->base) {
    std::vector<MayShow> out{{t, {}, {}}};
    out.insert(out.end(), c->may_show.begin(), c->may_show.end());
    return out;
  }
  bool unclear = false;
  std::shared_ptr<CapturedValue> root = c;
  for (; root->base; root = root->base) unclear = unclear || is_unclear(*root) || view_name(*root) == "expand";
  const Tensor places = unclear ? Tensor{} : flat(places_of(c));
  std::vector<MayShow> out{{handle_of(root), {}, places, unclear}};
  for (const MayShow& m : root->may_show) {
    out.push_back({m.root, m.flag, places, unclear || m.unclear, 0, m.partial, m.repeated});
    if (!m.places.defined() || out.back().unclear) continue;
    const Body bodies[2] = {[&](std::span<const Tensor>) {
                              return std::vector<Tensor>{call1("gather", {m.places, places}, {{"axis", int64_t(0)}})};
                            },
                            [&](std::span<const Tensor>) { return std::vector<Tensor>{call1("identity", {places})}; }};
    out.back().places = where(m.flag, bodies);
  }
  return out;
}

// What two tensors show of one: for each element of the user its place in the owner, or -1.
CapturedValue::MayShow Capture::common(const Tensor& root, const MayShow& owner, const MayShow& user) {
  const Body made = [&](std::span<const Tensor>) {
    const Tensor every = flat(numbers_of(root)), none = Tensor::scalar_int(DType::i64, -1);
    const Tensor count = call1("shape", {every});  // one place more than there are: of what is elsewhere
    const auto places = [&](const MayShow& m) {
      return !m.places.defined() ? every : m.partial ? or_else(m.places, count) : m.places;
    };
    const Tensor of_owner = places(owner);
    const Tensor table = call1("expand", {none, call1("add", {count, ints({1})})});
    const Tensor filled = call1("scatter_nd", {table, column(of_owner), numbers_of(of_owner)});
    Tensor y = call1("gather", {filled, places(user)}, {{"axis", int64_t(0)}});
    // What the owner has elsewhere is in the last place too.
    if (owner.partial && user.partial) y = call1("where", {is_place(user.places), y, none});
    return std::vector<Tensor>{y};
  };
  MayShow m;
  m.partial = true, m.unclear = owner.unclear || user.unclear;
  m.flag = !owner.flag.defined()  ? user.flag
           : !user.flag.defined() ? owner.flag
                                  : call1("and", {owner.flag, user.flag});
  if (m.unclear) return m;
  const Body empty = [](std::span<const Tensor>) { return std::vector<Tensor>{call1("identity", {ints({})})}; };
  const Body bodies[2] = {made, empty};
  m.places = where(m.flag, bodies);
  return m;
}

// Several ways in which t may show a tensor, as one.
CapturedValue::MayShow Capture::united(std::span<const MayShow> all, const Tensor& t) {
  const Tensor every = flat(numbers_of(t)), none = Tensor::scalar_int(DType::i64, -1);
  MayShow m;
  m.partial = true;
  m.places = call1("expand", {none, call1("shape", {every})});
  bool always = false;
  for (const MayShow& one : all) {
    m.unclear = m.unclear || one.unclear, m.repeated = m.repeated || one.repeated;
    if (m.unclear) continue;
    const Tensor before = m.places;
    const Body bodies[2] = {[&](std::span<const Tensor>) {
                              const Tensor p = one.places.defined() ? one.places : every;
                              return std::vector<Tensor>{call1("where", {is_place(p), p, before})};
                            },
                            [&](std::span<const Tensor>) { return std::vector<Tensor>{call1("identity", {before})}; }};
    m.places = where(one.flag, bodies);
    always = always || !one.flag.defined();
    m.flag = m.flag.defined() && one.flag.defined() ? call1("or", {m.flag, one.flag}) : one.flag;
  }
  if (always) m.flag = {};
  return m;
}

// A result of a branch or loop whose memory was changed through another name shows that.
void Capture::refresh_shown(const Tensor& t) {
  const std::shared_ptr<CapturedValue> c = t.body_pointer()->captured;
  if (!refreshed_.insert(c.get()).second) return;
  const Following guard{refreshed_, c.get()};
  for (size_t i = 0; i < c->may_show.size(); ++i) {
    const MayShow m = c->may_show[i];
    if (captured_of(m.root)->version == m.version) continue;
    if (m.unclear)
      fail(ErrorCode::unsupported, "capture: ", describe(t),
           " may show another tensor after a branch or loop, and that was changed in place since (clone() it)",
           place());
    Tensor now = wrap(value_in(*c, frames_.size() - 1));
    const TensorType a = graph().type(value_of(m.root)), b = graph().type(value_of(now));
    if (a.dtype != b.dtype || (!m.places.defined() && a.rank() != b.rank())) continue;  // another tensor in every case
    const Body bodies[2] = {
        [&](std::span<const Tensor>) {
          const Tensor y = m.places.defined() ? call1("gather", {memory(m.root, now, m.partial), places_in(m, now)},
                                                      {{"axis", int64_t(0)}})
                                              : m.root;
          return std::vector<Tensor>{!m.places.defined() && a.shape == b.shape ? call1("identity", {y})
                                                                               : in_shape(y, call1("shape", {now}))};
        },
        [&](std::span<const Tensor>) { return std::vector<Tensor>{call1("identity", {now})}; }};
    change(c, value_of(where(m.flag, bodies)));  // first: it keeps how things were outside of a region
    c->may_show[i].version = captured_of(m.root)->version;
  }
}

// Those of the written elements of a tensor that are in what it shows, by their numbers there. Undefined: all of them,
// or nobody asks.
Tensor Capture::written_in(const MayShow& m, const Tensor& written) {
  if (!written.defined() || captured_of(m.root)->may_show.empty()) return {};
  const Body nothing = [](std::span<const Tensor>) { return std::vector<Tensor>{call1("identity", {ints({})})}; };
  const Body bodies[2] = {
      [&](std::span<const Tensor>) {
        if (!m.places.defined()) return std::vector<Tensor>{call1("identity", {written})};
        const Tensor p = call1("gather", {m.places, written}, {{"axis", int64_t(0)}});
        if (!m.partial) return std::vector<Tensor>{p};
        // Elements that are elsewhere: in the place of one that is not, where nothing is new for a second time.
        const Tensor last = call1("reduce_max", {call1("concat", {p, ints({-1})}, {{"axis", int64_t(0)}})},
                                  {{"keepdims", false}, {"axes", std::vector<int64_t>{0}}});
        const Body either[2] = {[&](std::span<const Tensor>) { return std::vector<Tensor>{or_else(p, last)}; },
                                nothing};
        return std::vector<Tensor>{where(is_place(last), either)};
      },
      nothing};
  return where(m.flag, bodies);
}

// What x may show is changed with it, where it shows that. written: the numbers of the elements that are new;
// undefined: all of them.
void Capture::change_shown(const Tensor& x, const char* op, const Tensor& written) {
  const std::shared_ptr<CapturedValue> c = x.body_pointer()->captured;
  if (!changed_.insert(c.get()).second) return;
  const Following guard{changed_, c.get()};
  for (const MayShow& m : std::vector<MayShow>(c->may_show)) {
    if (changed_.count(captured_of(m.root).get())) continue;  // where the change came from
    const Tensor now = wrap(value_in(*c, frames_.size() - 1));
    const TensorType a = graph().type(value_of(m.root)), b = graph().type(value_of(now));
    if (a.dtype != b.dtype || (!m.places.defined() && a.rank() != b.rank())) continue;  // another tensor in every case
    const Body bodies[2] = {
        [&](std::span<const Tensor>) {
          if (m.places.defined()) {
            Tensor places = places_in(m, now), values = flat(now);
            if (m.partial && written.defined()) {  // others of its elements may be in the same places
              places = call1("gather", {places, written}, {{"axis", int64_t(0)}});
              values = call1("gather", {values, written}, {{"axis", int64_t(0)}});
            }
            const Tensor y = call1("scatter_nd", {memory(m.root, now, m.partial), column(places), values});
            const Tensor own = m.partial ? call1("gather", {y, flat(numbers_of(m.root))}, {{"axis", int64_t(0)}}) : y;
            return std::vector<Tensor>{in_shape(own, call1("shape", {m.root}))};
          }
          // Where they are one tensor, their sizes are the same, whatever is known of them.
          return std::vector<Tensor>{a.shape == b.shape ? call1("identity", {now})
                                                        : in_shape(now, call1("shape", {m.root}))};
        },
        [&](std::span<const Tensor>) { return std::vector<Tensor>{call1("identity", {m.root})}; }};
    assign(m.root, where(m.flag, bodies), op, written_in(m, written));
  }
  for (MayShow& m : c->may_show)
    if (!m.partial || !written.defined()) m.version = captured_of(m.root)->version;
}

void Capture::require_own(const Tensor& x, const char* op) {
  const CapturedValue& c = *x.body_pointer()->captured;
  met_listed_ = met_listed_ || c.listed;
  if (c.listed)
    fail(ErrorCode::unsupported, op, ": ", describe(x),
         " is changed in place, and is in a list whose length tensors decide (append a clone() of it)", place());
  if (c.shared || std::any_of(c.may_show.begin(), c.may_show.end(), [](const MayShow& m) { return m.unclear; }))
    fail(ErrorCode::unsupported, op, ": ", describe(x),
         " is changed in place, and may show another tensor after a branch or loop (clone() it first)", place());
}

void Capture::note_listed(const Tensor& t) {
  if (!t.is_captured()) return;
  std::shared_ptr<CapturedValue> c = t.body_pointer()->captured;
  c->listed = true;
  while (c->base) c = c->base;
  c->listed = true;
  for (const MayShow& m : c->may_show) captured_of(m.root)->listed = true;
}

void Capture::relate_rows(const Tensor& whole, std::span<const Tensor> parts, std::span<const Part> kinds) {
  const Tensor none = Tensor::scalar_int(DType::i64, -1);
  const auto elsewhere = [&](const Tensor& t) { return call1("expand", {none, call1("shape", {flat(t)})}); };
  const auto extended = [&](const MayShow& m, size_t part) -> Tensor {
    std::vector<Tensor> pieces;
    for (size_t i = 0; i < parts.size(); ++i)
      pieces.push_back(i != part ? elsewhere(parts[i]) : m.places.defined() ? m.places : flat(numbers_of(m.root)));
    Tensor y = pieces[0];
    for (size_t i = 1; i < pieces.size(); ++i) y = call1("concat", {y, pieces[i]}, {{"axis", int64_t(0)}});
    return y;
  };
  std::vector<std::pair<const CapturedValue*, std::vector<MayShow>>> found;  // by what is shown
  CapturedValue& made = *whole.body_pointer()->captured;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (kinds[i] == Part::separate) continue;
    const std::vector<MayShow> all = relations(parts[i]);
    made.shared = made.shared || captured_of(parts[i])->shared;
    for (MayShow m : all) {
      if (!m.unclear) {
        const Body bodies[2] = {
            [&](std::span<const Tensor>) { return std::vector<Tensor>{call1("identity", {extended(m, i)})}; },
            [&](std::span<const Tensor>) { return std::vector<Tensor>{call1("identity", {ints({})})}; }};
        m.places = where(m.flag, bodies);
        m.partial = true;
      }
      const CapturedValue* root = captured_of(m.root).get();
      auto at = std::find_if(found.begin(), found.end(), [&](const auto& f) { return f.first == root; });
      if (at == found.end()) at = found.insert(at, {root, {}});
      at->second.push_back(std::move(m));
    }
  }
  for (const auto& [root, ways] : found) {
    MayShow m = ways.size() > 1 ? united(ways, whole) : ways[0];
    m.root = ways[0].root, m.repeated = m.repeated || ways.size() > 1;
    m.version = captured_of(m.root)->version;
    made.may_show.push_back(std::move(m));
  }
}

// Puts new elements of a view in their places in what it is a view of: the places are found by taking the same view of
// the numbers of all elements.
void Capture::write_view(const Tensor& view, const Tensor& value, const Tensor& written) {
  const std::shared_ptr<CapturedValue> c = view.body_pointer()->captured;
  if (is_unclear(*c) || view_name(*c) == "expand")
    fail(
        ErrorCode::unsupported, "in place: ", describe(view), " may or may not share memory with the tensor that '",
        view_name(*c),
        "' took it from; changing it in place is not captured (assign through the tensor itself, x[...] = ..., or work "
        "on a clone())",
        place());
  const Tensor base = handle_of(c->base);
  const Tensor places = flat(viewed(*c, numbers_of(base)));
  const Tensor y = call1("scatter_nd", {flat(base), column(places), flat(value)});
  const Tensor of_base = written.defined() ? call1("gather", {places, written}, {{"axis", int64_t(0)}}) : places;
  assign(base, in_shape(y, call1("shape", {base})), "in place", of_base);
  c->base_version = c->base->version;
}

// A value in the place of one of another type: equal by proof or by what the graph then requires.
Value Capture::equal_types(Value v, const TensorType& as, const char* op) {
  const TensorType t = graph().type(v);
  if (t.dtype != as.dtype || t.rank() != as.rank())
    fail(ErrorCode::shape_mismatch, op, ": ", t, " in the place of ", as,
         " (an operation in place cannot change the type)");
  for (size_t a = 0; a < as.shape.size(); ++a) {
    const Proof p = equal(t.shape[a], as.shape[a]);
    if (p == Proof::no)
      fail(ErrorCode::shape_mismatch, op, ": ", t, " in the place of ", as,
           " (an operation in place cannot change the shape)");
    if (p == Proof::unknown)
      graph().add_constraint({Constraint::equal, t.shape[a], as.shape[a], str(op, " in place: axis ", a)});
  }
  return v;
}

// written: as for change_shown.
void Capture::assign(const Tensor& x, const Tensor& value, const char* op, const Tensor& written) {
  locate();
  const Value v = value_of(value);
  if (x.is_captured()) {
    value_of(x);
    require_own(x, op);
    if (x.body_pointer()->captured->base) write_view(x, value, written);
    change(x.body_pointer()->captured, equal_types(v, type(x), op));
    change_shown(x, op, written);
    return;
  }
  const bool before = lifted_at_.count(key_of(x)) > 0;
  Lifted& l = lift(x);
  if (before && !l.weight && !l.buffer)
    fail(
        ErrorCode::unsupported, op, ": ", type_text(x),
        " was used as a constant of the program before it is changed in place (make it a buffer of a module, or return "
        "its new value)",
        here().empty() ? "" : "\n  at " + here());
  for (const Lifted& other : lifted_)
    if (&other != &l && other.tensor.storage() == x.storage())
      fail(ErrorCode::unsupported, op, ": ", type_text(x), " shares its memory with '", other.name,
           "', which the program uses too (clone() one of them)");
  change(l.now, equal_types(v, type_of(l.tensor), op));
  changed_count_ += !l.changed;
  l.changed = true;
}

void Capture::change(const std::shared_ptr<CapturedValue>& c, Value v) {
  if (c->frame != top().serial) {
    Frame& f = top();
    if (std::none_of(f.changes.begin(), f.changes.end(), [&](const Change& x) { return x.what == c; }))
      f.changes.push_back(Change::of(c));
  }
  c->frame = top().serial;
  c->value = v;
  c->version = next_id();  // never one that it had: regions put versions back
}

}  // namespace neve::capture
