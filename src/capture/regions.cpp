// Branches and loops of a capture: what goes in, what comes out, and which results show the memory of others.
#include <algorithm>

#include "capture/capture.h"
#include "eager/autograd.h"
#include "op/regions.h"
#include "op/registry.h"

namespace neve::capture {

// A result, or what a loop carries, that may show the memory of a tensor from outside (root) or of another result.
struct Capture::Link {
  size_t result = 0;
  std::shared_ptr<CapturedValue> root;  ///< null: of the result `owner`
  Tensor handle;                        ///< of the root
  size_t owner = 0, number = 0;         ///< number: of those with the same result and the same root or owner
  bool placed = false, unclear = false, partial = false, repeated = false;
  Value flag, places;  ///< at one end: invalid for always, for all of it

  bool same(const Link& o) const {
    return result == o.result && root == o.root && (root || owner == o.owner) && number == o.number;
  }
  size_t values() const { return placed && !unclear ? 2 : 1; }
};

// What a way of a branch, or a pass of a loop, ends with.
struct Capture::Ending {
  Values values;
  std::vector<Link> links;
  std::set<size_t> shared, listed;

  const Link* find(const Link& l) const {
    const auto it = std::find_if(links.begin(), links.end(), [&](const Link& x) { return x.same(l); });
    return it == links.end() ? nullptr : &*it;
  }
  void add(Link l) {
    for (const Link& x : links) l.number += x.result == l.result && x.root == l.root && (l.root || x.owner == l.owner);
    links.push_back(std::move(l));
  }
  // Takes over what it does not have yet; whether there was any.
  bool learn(const Ending& of) {
    bool more = false;
    for (const Link& l : of.links) {
      const auto it = std::find_if(links.begin(), links.end(), [&](const Link& x) { return x.same(l); });
      if (it == links.end()) {
        links.push_back(l);
        more = true;
        continue;
      }
      more = more || (l.placed && !it->placed) || (l.unclear && !it->unclear) || (l.partial && !it->partial) ||
             (l.repeated && !it->repeated);
      it->partial = it->partial || l.partial;
      it->repeated = it->repeated || l.repeated;
      it->placed = it->placed || l.placed;
      it->unclear = it->unclear || l.unclear;
    }
    for (size_t k : of.shared) more = shared.insert(k).second || more;
    for (size_t k : of.listed) more = listed.insert(k).second || more;
    return more;
  }
};

Capture::Change Capture::Change::of(const std::shared_ptr<CapturedValue>& c) {
  Change x{c, c->frame, c->value, c->version, c->base_version, {}};
  for (const MayShow& m : c->may_show) x.shown.push_back(m.version);
  return x;
}

void Capture::Change::restore() const {
  what->frame = frame, what->value = value, what->version = version, what->base_version = base_version;
  for (size_t i = 0; i < shown.size(); ++i) what->may_show[i].version = shown[i];
}

// Whether it is from outside of the region that is being made.
bool Capture::is_outer(const CapturedValue& c) const {
  return std::any_of(frames_.begin(), frames_.end() - 1, [&](const Frame& f) { return f.serial == c.born; });
}

Capture::Ending Capture::ending_of(std::span<const Tensor> results, bool outside, std::span<const size_t> last) {
  Ending end;
  for (const Tensor& t : results) end.values.push_back(value_of(t));
  std::vector<std::vector<MayShow>> all(results.size());
  std::map<const CapturedValue*, size_t> owners;
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].dtype() == DType::boolean && results[i].rank() == 0) continue;  // a flag
    all[i] = relations(results[i]);
    if (!all[i][0].places.defined() && !all[i][0].unclear) owners.emplace(captured_of(all[i][0].root).get(), i);
  }
  const auto link = [&](size_t i, const MayShow& m) {
    Link l;
    l.result = i, l.placed = m.places.defined(), l.unclear = m.unclear, l.partial = m.partial;
    l.repeated = m.repeated;
    if (m.flag.defined()) l.flag = value_of(m.flag);
    if (m.places.defined()) l.places = value_of(m.places);
    return l;
  };
  Between between;
  std::map<const CapturedValue*, Users> users;
  for (size_t i = 0; i < results.size(); ++i)
    for (const MayShow& m : all[i]) {
      const std::shared_ptr<CapturedValue> root = captured_of(m.root);
      if (root->listed) end.listed.insert(i);
      if (root->shared) end.shared.insert(i);
      if (outside || is_outer(*root)) {
        Link l = link(i, m);
        l.root = root, l.handle = m.root;
        end.add(l);
      } else if (const auto owner = owners.find(root.get()); owner == owners.end()) {
        if (std::find(last.begin(), last.end(), i) == last.end()) users[root.get()].emplace_back(i, m);
      } else if (owner->second != i) {
        between[{i, owner->second}].push_back(m);
      }
    }
  for (const auto& [root, of] : users) {
    relate(of, between, end.shared);
    for (const auto& [i, m] : of)  // its own elements share memory, which nothing says any more
      if (m.repeated) end.shared.insert(i);
  }
  for (const auto& [pair, ways] : between) {
    const bool unite =
        ways.size() > 1 && std::any_of(ways.begin(), ways.end(), [](const MayShow& m) { return m.partial; });
    const std::vector<MayShow> all_ways = unite ? std::vector{united(ways, results[pair.first])} : ways;
    for (const MayShow& m : all_ways) {
      Link l = link(pair.first, m);
      l.owner = pair.second;
      end.add(l);
    }
  }
  return end;
}

// Results that show parts of a tensor that is no result show parts of each other.
void Capture::relate(const Users& users, Between& between, std::set<size_t>& shared) {
  constexpr size_t most = 8;
  std::set<size_t> different;
  for (const auto& [i, m] : users) different.insert(i);
  if (different.size() < 2) return;
  if (different.size() > most) {
    shared.insert(different.begin(), different.end());
    return;
  }
  for (size_t a = 0; a < users.size(); ++a)
    for (size_t b = a + 1; b < users.size(); ++b) {
      const auto& [i, first] = users[a];
      const auto& [j, second] = users[b];
      if (i == j) continue;
      if (first.unclear || second.unclear) {
        shared.insert({i, j});
      } else if (between.count({i, j})) {  // never both ways
        between[{i, j}].push_back(common(first.root, second, first));
      } else {
        between[{j, i}].push_back(common(first.root, first, second));
      }
    }
}

namespace {

Value flag_value(ir::Graph& g, bool b) { return g.constant(Tensor::scalar_int(DType::boolean, b)); }

Value count_of(ir::Graph& g, Value v, bool keepdims) {
  return g.call("reduce_prod", {g.call("shape", {v})}, {{"keepdims", keepdims}, {"axes", std::vector<int64_t>{0}}});
}

// The numbers 0, 1, ... of the elements of v.
Value numbers(ir::Graph& g, Value v) {
  return g.call("range", {g.constant(Tensor::scalar_int(DType::i64, 0)), count_of(g, v, false),
                          g.constant(Tensor::scalar_int(DType::i64, 1))});
}

// As many places as v has elements, never read: a loop begins with the types of its first pass.
Value no_places(ir::Graph& g, Value v) {
  return g.call("expand", {g.constant(Tensor::scalar_int(DType::i64, 0)), count_of(g, v, true)});
}

// Puts the nodes of a graph that is not needed any more into another, with their regions. map: values, as they are
// there.
void move_nodes(ir::Graph& from, ir::Graph& to, std::map<uint32_t, Value>& map) {
  for (ir::Node* n = from.first(); n; n = n->next) {
    to.location = n->loc;
    Values in;
    for (Value v : n->in) in.push_back(v.valid() ? map.at(v.id) : Value{});
    std::vector<TensorType> types;
    for (Value v : n->out) types.push_back(from.type(v));
    const Values out = to.emit_typed(*n->op, n->attrs, in, std::move(types), std::move(n->regions))->out;
    for (size_t k = 0; k < out.size(); ++k) {
      to.set_facts(out[k], from.facts(n->out[k]));
      to.set_name(out[k], from.name(n->out[k]));
      map[n->out[k].id] = out[k];
    }
  }
}

}  // namespace

// The flags and places of `links`, as a way that ends so has them, or a loop that begins so.
Values Capture::values_of(std::span<const Link> links, const Ending& end, ir::Graph& g, bool begins) {
  Values out;
  for (const Link& l : links) {
    const Link* here = end.find(l);
    out.push_back(!here ? flag_value(g, false) : here->flag.valid() ? here->flag : flag_value(g, true));
    if (l.values() == 1) continue;
    if (here)
      out.push_back(here->places.valid() ? here->places : numbers(g, end.values[l.result]));
    else
      out.push_back(begins ? no_places(g, end.values[l.result]) : g.constant(Tensor::of_ints(DType::i64, {0}, {})));
  }
  return out;
}

// Says of results what they may show; `made`: the results, then the flags and places of the links.
void Capture::attach(const Ending& links, std::span<const Tensor> made, size_t own) {
  size_t at = own;
  for (const Link& l : links.links) {
    MayShow m;
    m.root = l.root ? l.handle : made[l.owner];
    m.flag = made[at];
    if (l.values() == 2) m.places = made[at + 1];
    m.unclear = l.unclear, m.partial = l.partial, m.repeated = l.repeated;
    m.version = captured_of(m.root)->version;
    at += l.values();
    made[l.result].body_pointer()->captured->may_show.push_back(std::move(m));
  }
  for (size_t i : links.shared) made[i].body_pointer()->captured->shared = true;
  for (size_t i : links.listed) made[i].body_pointer()->captured->listed = true;
}

// Runs a body in a frame of its own. `own`: values of its parameters, of which the last stand for `carried`, tensors
// from outside. `end` sees the results while the frame is open; after it, what was changed of outer tensors is as
// before.
std::vector<Tensor> Capture::run_body(const Body& body, ir::Graph& g, std::span<const Value> own,
                                      std::span<const std::shared_ptr<CapturedValue>> carried,
                                      FunctionRef<void(std::vector<Tensor>&)> end) {
  frames_.emplace_back();
  struct Close {
    Capture& c;
    ~Close() { c.pop(); }
  } close{*this};
  Frame& f = top();
  f.serial = next_id();
  f.graph = &g;
  const size_t first_carried = own.size() - carried.size();
  std::vector<Tensor> parameters;
  for (size_t i = 0; i < first_carried; ++i) parameters.push_back(wrap(own[i]));
  for (size_t i = 0; i < carried.size(); ++i) {
    change(carried[i], own[first_carried + i]);
    note_sources(frames_.size() - 1, own[first_carried + i]);
  }
  std::vector<Tensor> results = body(parameters);
  end(results);
  return results;
}

void Capture::push(Frame f) { frames_.push_back(std::move(f)); }

Capture::Frame Capture::pop() {
  Frame f = std::move(frames_.back());
  frames_.pop_back();
  for (const Change& x : f.changes) x.restore();
  return f;
}

void Capture::probe(std::span<const Tensor> like, std::span<const Axis> open, const Body& body) {
  ir::Graph scratch;
  scratch.location = graph().location;
  Values own;
  for (size_t i = 0; i < like.size(); ++i) {
    TensorType t = type(like[i]);
    for (const auto& [k, axis] : open)
      if (k == i && axis < t.shape.size()) t.shape[axis] = Dim::symbol("loop");
    own.push_back(scratch.add_input("", t));
  }
  run_body(body, scratch, own, {}, [](std::vector<Tensor>&) {});
}

std::shared_ptr<Capture::Branch> Capture::open(const Body& body) {
  auto branch = std::make_shared<Branch>();
  branch->graph = std::make_unique<ir::Graph>();
  branch->graph->location = graph().location;
  Frame f;
  f.serial = next_id();
  f.graph = branch->graph.get();
  const size_t depth = frames_.size();
  push(std::move(f));
  try {
    body({});
  } catch (...) {
    while (frames_.size() > depth) pop();
    throw;
  }
  for (const Change& x : top().changes) branch->after.push_back(Change::of(x.what));
  branch->frame = pop();
  return branch;
}

std::vector<Tensor> Capture::close(const Tensor& condition, std::span<const std::shared_ptr<Branch>> branches,
                                   std::span<const Body> ends, bool follow, std::span<const size_t> last) {
  locate();
  const OpDef& op = find_op("if");
  std::vector<std::shared_ptr<CapturedValue>> changed;
  for (const auto& b : branches)
    for (const Change& x : b->frame.changes)
      if (std::find(changed.begin(), changed.end(), x.what) == changed.end()) changed.push_back(x.what);
  std::vector<Ending> endings;
  std::vector<Values> after;  // of what was changed
  Ending links;
  Values taken;
  for (size_t k = 0; k < branches.size(); ++k) {
    Branch& b = *branches[k];
    const size_t depth = frames_.size();
    push(std::move(b.frame));
    for (const Change& x : b.after) x.restore();
    try {
      const std::vector<Tensor> results = ends[k]({});
      if (follow) {
        endings.push_back(ending_of(results, false, last));
      } else {
        endings.emplace_back();
        for (const Tensor& t : results) endings[k].values.push_back(value_of(t));
      }
      after.emplace_back();
      for (const auto& c : changed) after[k].push_back(value_in(*c, frames_.size() - 1));
    } catch (...) {
      while (frames_.size() > depth) pop();
      throw;
    }
    b.frame = pop();
    links.learn(endings[k]);
  }
  std::vector<Values> results;
  for (size_t k = 0; k < branches.size(); ++k) {
    Values out = endings[k].values;
    for (Value v : values_of(links.links, endings[k], *branches[k]->graph)) out.push_back(v);
    out.insert(out.end(), after[k].begin(), after[k].end());
    results.push_back(std::move(out));
    for (Value v : branches[k]->frame.taken)
      if (std::find(taken.begin(), taken.end(), v) == taken.end()) taken.push_back(v);
  }
  std::vector<std::unique_ptr<ir::Graph>> regions;
  for (size_t k = 0; k < branches.size(); ++k) {
    Branch& b = *branches[k];
    auto region = std::make_unique<ir::Graph>();
    std::map<uint32_t, Value> map;
    for (Value v : taken) {
      const Value in = region->add_input("", graph().type(v), graph().facts(v));
      for (size_t i = 0; i < b.frame.taken.size(); ++i)
        if (b.frame.taken[i] == v) map[b.graph->inputs()[i].id] = in;
    }
    move_nodes(*b.graph, *region, map);
    for (Value v : results[k]) region->add_output("", map.at(v.id));
    region->constraints = b.graph->constraints;
    regions.push_back(std::move(region));
  }
  Values in{value_of(condition)};
  in.insert(in.end(), taken.begin(), taken.end());
  const Values out = graph().emit_node(op, op.defaults(), in, std::move(regions))->out;
  return results_of(out, endings[0].values.size(), changed, links);
}

// Results of a region: its own, then flags and places, then what it changed.
std::vector<Tensor> Capture::results_of(std::span<const Value> out, size_t own,
                                        std::span<const std::shared_ptr<CapturedValue>> changed, const Ending& links) {
  std::vector<Tensor> made;
  const size_t first_changed = out.size() - changed.size();
  for (size_t k = 0; k < first_changed; ++k) made.push_back(wrap(out[k]));
  for (size_t k = 0; k < changed.size(); ++k) {
    note_sources(frames_.size() - 1, out[first_changed + k]);
    change(changed[k], out[first_changed + k]);
  }
  attach(links, made, own);
  made.resize(own);
  return made;
}

std::vector<Tensor> Capture::branch(const Tensor& condition, std::span<const Body> bodies, bool follow) {
  std::vector<std::shared_ptr<Branch>> ways;
  std::vector<std::vector<Tensor>> results(bodies.size());
  std::vector<Body> ends;
  for (size_t k = 0; k < bodies.size(); ++k) {
    ways.push_back(open([&](std::span<const Tensor> none) {
      results[k] = bodies[k](none);
      return std::vector<Tensor>{};
    }));
    ends.emplace_back([&results, k](std::span<const Tensor>) { return results[k]; });
  }
  return close(condition, ways, ends, follow);
}

std::vector<Tensor> Capture::loop(std::span<const Tensor> fixed, const Body& body, std::span<const Axis> open,
                                  std::span<const size_t> last) {
  const OpDef& op = find_op("loop");
  locate();
  struct Carried {
    TensorType type;
    std::vector<bool> widened;  // axes
  };
  const auto initially = [&](Value v) {
    Carried c{graph().type(v), {}};
    c.widened.resize(c.type.shape.size());
    return c;
  };
  Values start;
  for (const Tensor& t : fixed) start.push_back(value_of(t));
  std::vector<Carried> own, outer;  // of `changed`
  for (Value v : std::span(start).subspan(2)) own.push_back(initially(v));
  for (const auto& [k, axis] : open)
    if (k < own.size() && axis < own[k].widened.size() && !own[k].widened[axis]) {
      own[k].type.shape[axis] = Dim::symbol("loop");
      own[k].widened[axis] = true;
    }
  std::vector<std::shared_ptr<CapturedValue>> changed;  // of outer tensors, by the body
  const Ending initial = ending_of(fixed.subspan(2), true);
  Ending links;
  links.learn(initial);
  // The body is run until it does nothing that is not known: what its results show, what it changes, which sizes.
  std::unique_ptr<ir::Graph> region;
  Values taken;
  for (bool more = true; more;) {
    region = std::make_unique<ir::Graph>();
    region->location = graph().location;
    Values parameters{region->add_input("", {DType::i64, {}}), region->add_input("", {DType::boolean, {}})};
    for (const Carried& c : own) parameters.push_back(region->add_input("", c.type));
    for (const Link& l : links.links) {
      parameters.push_back(region->add_input("", {DType::boolean, {}}));
      if (l.values() == 2) parameters.push_back(region->add_input("", {DType::i64, {Dim::symbol("shown")}}));
    }
    for (const Carried& c : outer) parameters.push_back(region->add_input("", c.type));
    // What a pass begins with: its parameters show what those before it did.
    const auto begin = [&](std::span<const Tensor> p) {
      attach(links, p.subspan(2), own.size());
      return body(p.first(2 + own.size()));
    };
    const std::vector<std::shared_ptr<CapturedValue>> carried = changed;
    run_body(begin, *region, parameters, carried, [&](std::vector<Tensor>& results) {
      region->add_output("", value_of(results[0]));
      const Ending end = ending_of(std::span(results).subspan(1), false, last);
      more = links.learn(end);
      for (size_t i = 0; i < own.size(); ++i)
        more = widen(op, i, own[i].type, region->type(end.values[i]), own[i].widened) || more;
      for (size_t i = 0; i < carried.size(); ++i) {
        const Value after = value_in(*carried[i], frames_.size() - 1);
        more = widen(op, own.size() + i, outer[i].type, region->type(after), outer[i].widened) || more;
      }
      for (const Change& x : top().changes)
        if (std::find(changed.begin(), changed.end(), x.what) == changed.end()) {
          changed.push_back(x.what);
          more = true;
        }
      taken = top().taken;
      if (more) return;
      Values out = end.values;
      for (Value v : values_of(links.links, end, *region)) out.push_back(v);
      for (const auto& c : changed) out.push_back(value_in(*c, frames_.size() - 1));
      for (Value v : out) region->add_output("", v);
    });
    for (size_t i = outer.size(); i < changed.size(); ++i)
      outer.push_back(initially(value_in(*changed[i], frames_.size() - 1)));
  }
  Values in = start;
  const Values shown = values_of(links.links, initial, graph(), true);
  in.insert(in.end(), shown.begin(), shown.end());
  for (const auto& c : changed) in.push_back(value_in(*c, frames_.size() - 1));
  in.insert(in.end(), taken.begin(), taken.end());
  const Attrs attrs = op.defaults().with({{"carried", int64_t(own.size() + shown.size() + changed.size())}});
  std::vector<std::unique_ptr<ir::Graph>> regions;
  regions.push_back(std::move(region));
  const Values out = graph().emit_node(op, attrs, in, std::move(regions))->out;
  return results_of(out, own.size(), changed, links);
}

}  // namespace neve::capture
