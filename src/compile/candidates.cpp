// Asking the kernels, timing those that accept.
#include "compile/candidates.h"

#include <algorithm>

#include "compile/timing.h"
#include "loop/analyse.h"
#include "op/reference.h"

namespace neve::compile {
using kernels::Entry;
using kernels::Request;

namespace {

std::string op_names(const Subgraph& g) {
  std::string s;
  for (const SubgraphNode& n : g.nodes) s += str(s.empty() ? "" : "+", n.op->info.name);
  return s;
}

bool disabled(const Options& options, std::string_view entry) {
  if (options.disabled_kernels.count(entry)) return true;
  const size_t dot = entry.find('.');
  return dot != std::string_view::npos && options.disabled_kernels.count(entry.substr(0, dot));
}

// An op of the piece that the user disabled, or null.
const OpDef* disabled_op(const Options& options, const Subgraph& g) {
  for (const SubgraphNode& n : g.nodes)
    if (options.disabled_ops.count(n.op->info.name)) return n.op;
  return nullptr;
}

// The piece with its composites replaced by what they are made of.
std::shared_ptr<const Subgraph> lowered(const Subgraph& g) {
  if (std::none_of(g.nodes.begin(), g.nodes.end(), [](const SubgraphNode& n) { return n.op->is_composite(); }))
    return nullptr;
  ir::Graph out;
  std::vector<Value> value(g.types.size());
  for (size_t i = 0; i < g.inputs.size(); ++i) {
    const size_t v = size_t(g.inputs[i]);
    value[v] = out.add_input("", g.types[v], v < g.facts.size() ? g.facts[v] : Facts{});
  }
  std::function<Values(const OpDef&, const Attrs&, const Values&)> emit = [&](const OpDef& op, const Attrs& attrs,
                                                                              const Values& in) -> Values {
    return op.lower ? op.lower(attrs.object(), out, in) : out.emit(op, attrs, in);
  };
  for (const SubgraphNode& n : g.nodes) {
    if (!n.regions.empty()) return nullptr;
    Values in;
    for (int32_t v : n.in) in.push_back(v < 0 ? Value{} : value[size_t(v)]);
    const Values results = emit(*n.op, n.attrs, in);
    for (size_t k = 0; k < n.out.size(); ++k) value[size_t(n.out[k])] = results[k];
  }
  for (int32_t v : g.outputs) out.add_output("", value[size_t(v)]);
  // A lowering may itself use composites.
  for (int round = 0; round < 8; ++round) {
    bool changed = false;
    for (ir::Node* n : out.nodes()) {
      if (!n->op->lower) continue;
      out.insert_before(n);
      const Values results = n->op->lower(n->attrs.object(), out, n->in);
      for (size_t k = 0; k < results.size(); ++k) out.replace(n->out[k], results[k]);
      out.erase(n);
      changed = true;
    }
    out.insert_before(nullptr);
    if (!changed) break;
  }
  out.erase_dead();
  auto s = std::make_shared<Subgraph>(to_subgraph(out));
  s->roles = g.roles;
  s->constants = g.constants;
  return s;
}

/// Where an input arrives in another order than row-major, the loop reads and writes in that order: all values of its
/// shape do, and where it is no more than an order, those that have the same sizes here under other names, and those
/// that are longer or shorter along one axis (the parts of a concatenation).
LoopLayout offered_layouts(const Request& request, const Subgraph& g) {
  const Layout* special = nullptr;
  Shape shape;
  Sizes sizes;
  const auto sizes_of = [&](int32_t v) { return request.sizes[size_t(v)]; };
  for (size_t i = 0; i < g.inputs.size() && !special; ++i)
    if (g.roles[i] == InputRole::activation && !request.offered[i].plain()) {
      special = &request.offered[i];
      shape = g.types[size_t(g.inputs[i])].shape;
      sizes = sizes_of(request.graph->inputs[i]);
    }
  // `here`: the value's number in the piece as asked for, which may have been lowered to `g`.
  auto layout_for = [&](int32_t v, int32_t here) {
    if (!special) return Layout{};
    if (g.types[size_t(v)].shape == shape) return *special;
    const Sizes own = sizes_of(here);
    if (!special->blocks.empty() || own.size() != sizes.size()) return Layout{};
    int others = 0;
    for (size_t a = 0; a < own.size(); ++a) others += own[a] != sizes[a];
    return others <= 1 ? *special : Layout{};
  };
  LoopLayout l;
  for (size_t i = 0; i < g.inputs.size(); ++i)
    l.inputs.push_back(g.roles[i] == InputRole::activation ? layout_for(g.inputs[i], request.graph->inputs[i])
                                                           : Layout{});
  for (size_t k = 0; k < g.outputs.size(); ++k)
    l.outputs.push_back(layout_for(g.outputs[k], request.graph->outputs[k]));
  return l;
}

Candidate loop_candidate(const Request& request, std::string& refusal) {
  Candidate c;
  std::shared_ptr<const Subgraph> graph;
  const Subgraph* g = request.graph;
  try {
    graph = lowered(*g);
  } catch (const Error& e) {
    refusal = str("loop: the composite could not be lowered: ", e.message());
    return c;
  }
  if (graph) g = graph.get();
  LoopAnalysis analysis;
  LoopLayout layouts;
  if (!request.plain_only) {
    layouts = offered_layouts(request, *g);
    analysis = make_loop_nest(*g, layouts);
  }
  if (!analysis.nest) {
    layouts = {};
    analysis = make_loop_nest(*g);
  }
  if (!analysis.nest) {
    refusal = "loop: " + analysis.refusal;
    return c;
  }
  // Only now is the code generator's library opened: many networks of convolutions never need it.
  std::string why;
  CodeProvider* provider = loop_code_provider(&why);
  if (!provider) {
    refusal = "loop: " + why;
    return c;
  }
  c.nest = std::make_shared<const LoopNest>(std::move(*analysis.nest));
  try {
    c.kernel = kernels::make_loop_kernel(c.nest, std::move(analysis.values), provider->compile(*c.nest),
                                         std::move(layouts.inputs), std::move(layouts.outputs));
  } catch (const Error& e) {
    refusal = "loop: " + e.message();
    c.nest = nullptr;
    return c;
  }
  c.entry = "loop";
  c.graph = graph;
  return c;
}

Candidate library_candidate(const Entry& entry, int variant, std::shared_ptr<const kernels::Kernel> kernel) {
  Candidate c;
  c.kernel = std::move(kernel);
  c.entry = std::string(entry.name);
  c.variant = variant;
  return c;
}

constexpr int most_variants = 16;

/// Where times are known and none will be taken: the fastest candidate that accepts. The others need not be made, which
/// takes most of an archive's loading. No kernel where nothing is known.
Candidate known_best(const Request& request, const Options& options) {
  struct Known {
    const Entry* entry;  ///< null: a loop nest
    int variant;
    double milliseconds;
  };
  const TacticKeys keys(request);
  std::vector<Known> known;
  for (const Entry& entry : kernels::kernels_for(*kernels::anchor(*request.graph).op)) {
    if (entry.name == "reference" || disabled(options, entry.name)) continue;
    for (int variant = 0; variant < most_variants; ++variant) {
      const auto ms = options.tactics->find(keys.of(entry.name, variant));
      if (!ms) break;  // an entry's variants were all timed, or none
      known.push_back({&entry, variant, *ms});
    }
  }
  if (!disabled(options, "loop"))
    if (const auto ms = options.tactics->find(keys.of("loop", 0))) known.push_back({nullptr, 0, *ms});
  std::stable_sort(known.begin(), known.end(),
                   [](const Known& a, const Known& b) { return a.milliseconds < b.milliseconds; });
  for (const Known& k : known) {
    Candidate c;
    std::string refusal;
    if (!k.entry)
      c = loop_candidate(request, refusal);
    else if (auto kernel = k.entry->accept(request, k.variant))
      c = library_candidate(*k.entry, k.variant, kernel.value);
    if (!c.kernel) continue;
    for (const Known& other : known)  // those that were not made have no description
      c.tactics.push_back(
          &other == &k
              ? plan::Tactic{str(c.entry, ".", c.variant, " ", c.kernel->description()), k.milliseconds}
              : plan::Tactic{str(other.entry ? other.entry->name : "loop", ".", other.variant), other.milliseconds});
    c.cached = 1;  // those that were made
    return c;
  }
  return {};
}

KernelToTime to_time(const Candidate& c, const Request& request, const std::function<int64_t(Dim)>& guess) {
  std::vector<int64_t> values;
  for (Dim d : c.kernel->shape_values()) values.push_back(guess(d));
  return {c.kernel.get(), &request, std::move(values)};
}

// Their times, from the cache or measured; 1e30 where one is not known and nothing may be timed. Those that are not
// known run in turns.
std::vector<double> times_of(std::vector<Candidate>& candidates, const TacticKeys& keys, const Request& request,
                             const Options& options, const std::function<int64_t(Dim)>& guess) {
  std::vector<double> times(candidates.size(), 1e30);
  std::vector<KernelToTime> unknown;
  std::vector<size_t> which;
  for (size_t i = 0; i < candidates.size(); ++i) {
    Candidate& c = candidates[i];
    if (const auto ms = options.tactics->find(keys.of(c.entry, c.variant))) {
      times[i] = *ms;
      ++c.cached;
    } else if (!options.tactics->frozen() && !CacheTrace::current()) {  // else looking only: nothing is timed
      unknown.push_back(to_time(c, request, guess));
      which.push_back(i);
    }
  }
  const std::vector<double> measured = time_kernels(unknown);
  for (size_t k = 0; k < which.size(); ++k) {
    Candidate& c = candidates[which[k]];
    times[which[k]] = measured[k];
    options.tactics->put(keys.of(c.entry, c.variant), measured[k]);
    ++c.timed;
  }
  return times;
}

// Of several that accept the fastest at the sizes tuned for; the first where nothing is timed.
Candidate fastest(std::vector<Candidate> accepted, const Request& request, const Options& options,
                  const std::function<int64_t(Dim)>& guess) {
  size_t best = 0;
  std::vector<plan::Tactic> tactics;
  size_t timed = 0, cached = 0;
  if (accepted.size() > 1) {
    const std::vector<double> times = times_of(accepted, TacticKeys(request), request, options, guess);
    for (size_t i = 0; i < accepted.size(); ++i) {
      const Candidate& c = accepted[i];
      timed += c.timed, cached += c.cached;
      tactics.push_back({str(c.entry, ".", c.variant, " ", c.kernel->description()), times[i]});
      if (times[i] < times[best]) best = i;
    }
  }
  Candidate c = std::move(accepted[best]);
  c.ops = op_names(*request.graph);
  c.tactics = std::move(tactics);
  c.timed = timed, c.cached = cached;
  return c;
}

// The variants of an entry that accept; the first one's reason where none does.
std::vector<Candidate> variants_of(const Entry& entry, const Request& request, int most, std::string& refusal) {
  std::vector<Candidate> accepted;
  for (int variant = 0; variant < most; ++variant) {
    auto kernel = entry.accept(request, variant);
    if (!kernel) {
      if (variant == 0) refusal = str(entry.name, ": ", kernel.reason);
      break;
    }
    accepted.push_back(library_candidate(entry, variant, kernel.value));
  }
  return accepted;
}

// The tactic that the user forces. No kernel where it is not of the piece's op, or refuses (`refusal` says why).
Candidate forced_candidate(const Request& request, const Options& options, const std::function<int64_t(Dim)>& guess,
                           std::string& refusal) {
  Candidate c;
  if (options.tactic.empty()) return c;
  if (options.tactic == "reference") {
    c = reference_candidate(*request.graph);
    c.keep = true;
  } else if (options.tactic == "loop") {
    c = loop_candidate(request, refusal);
    c.ops = op_names(*request.graph);
  }
  for (const Entry& entry : kernels::kernels_for(*kernels::anchor(*request.graph).op)) {
    if (c.kernel || entry.name != options.tactic) continue;
    const int only = options.tactic_variant;
    std::vector<Candidate> accepted = variants_of(entry, request,
                                                  only >= 0         ? only + 1
                                                  : options.tactics ? most_variants
                                                                    : 1,
                                                  refusal);
    if (only >= 0 && !accepted.empty()) {
      if (int(accepted.size()) <= only) refusal = str(entry.name, ": there are ", accepted.size(), " variants of it");
      accepted.erase(accepted.begin(), accepted.begin() + std::min(only, int(accepted.size())));
    }
    if (!accepted.empty()) c = fastest(std::move(accepted), request, options, guess);
  }
  if (c.kernel) c.forced = Forced::taken;
  return c;
}

// Every entry in order, then a loop nest, then the reference.
Candidate usual_candidate(const Request& request, const Options& options, const std::function<int64_t(Dim)>& guess) {
  std::vector<Candidate> accepted;
  std::vector<std::string> refusals;
  // A trace wants to know of every candidate.
  const bool frozen = options.tactics && options.tactics->frozen() && !CacheTrace::current();
  if (frozen)
    if (Candidate c = known_best(request, options); c.kernel) {
      c.ops = op_names(*request.graph);
      return c;
    }
  const bool choose = options.tactics && !frozen;
  for (const Entry& entry : kernels::kernels_for(*kernels::anchor(*request.graph).op)) {
    if (entry.name == "reference") continue;
    if (disabled(options, entry.name)) {
      refusals.push_back(str(entry.name, ": disabled by the user"));
      continue;
    }
    std::string refusal;
    std::vector<Candidate> variants = variants_of(entry, request, choose ? most_variants : 1, refusal);
    if (variants.empty()) refusals.push_back(refusal);
    std::move(variants.begin(), variants.end(), std::back_inserter(accepted));
    if (!accepted.empty() && !choose) break;
  }
  if ((accepted.empty() || choose) && !disabled(options, "loop")) {
    std::string refusal;
    Candidate c = loop_candidate(request, refusal);
    if (c.kernel)
      accepted.push_back(std::move(c));
    else
      refusals.push_back(refusal);
  }
  if (accepted.empty()) {
    Candidate c = reference_candidate(*request.graph);
    c.refusals = std::move(refusals);
    return c;
  }
  Candidate c = fastest(std::move(accepted), request, options, guess);
  c.refusals = std::move(refusals);
  return c;
}

}  // namespace

Candidate reference_candidate(const Subgraph& graph) {
  Candidate c;
  c.kernel = kernels::make_reference(graph);
  c.entry = "reference";
  c.ops = op_names(graph);
  return c;
}

Candidate candidate_of(std::string_view entry, const Request& request, const Options& options) {
  const Entry* e = kernels::find_entry(entry);
  if (!e || disabled(options, entry) || disabled_op(options, *request.graph)) return {};
  auto kernel = e->accept(request, 0);
  if (!kernel) return {};
  Candidate c = library_candidate(*e, 0, kernel.value);
  c.ops = op_names(*request.graph);
  return c;
}

std::optional<ChainTimes> chain_times(Candidate& chain, const Request& request, const std::vector<Link>& links,
                                      const Options& options, const std::function<int64_t(Dim)>& guess) {
  TacticCache& cache = *options.tactics;
  const std::string key = TacticKeys(request).of(chain.entry, chain.variant);
  const auto key_of = [](const Link& l) { return TacticKeys(l.request).of(l.candidate.entry, l.candidate.variant); };
  std::optional<double> together = cache.find(key);
  std::vector<std::optional<double>> known;
  bool all = bool(together);
  double apart = 0;
  for (const Link& l : links) {
    known.push_back(cache.find(key_of(l)));
    all = all && known.back();
    if (known.back()) apart += *known.back();
  }
  if (all) {
    ++chain.cached;
    return ChainTimes{*together, apart};
  }
  if (cache.frozen() || CacheTrace::current()) return {};
  std::vector<KernelToTime> timed = {to_time(chain, request, guess)};
  for (const Link& l : links) timed.push_back(to_time(l.candidate, l.request, guess));
  const std::vector<double> now = time_kernels(timed);
  double apart_now = 0;
  apart = 0;
  for (size_t i = 0; i < links.size(); ++i) {
    if (!known[i]) cache.put(key_of(links[i]), *(known[i] = now[i + 1]));
    apart += *known[i], apart_now += now[i + 1];
  }
  // As it would have been when the others were timed.
  together = now[0] > 1e29 ? now[0] : now[0] * apart / apart_now;
  cache.put(key, *together);
  ++chain.timed;
  return ChainTimes{*together, apart};
}

Candidate choose_kernel(const Request& request, const ir::Node&, const Options& options,
                        const std::function<int64_t(Dim)>& guess) {
  if (const OpDef* op = disabled_op(options, *request.graph)) {
    Candidate c = reference_candidate(*request.graph);
    c.refusals.push_back(str("op '", op->info.name, "' was disabled by the user"));
    c.keep = true;
    return c;
  }
  std::string refusal;
  if (Candidate c = forced_candidate(request, options, guess, refusal); c.kernel) return c;
  Candidate c = usual_candidate(request, options, guess);
  if (!refusal.empty()) {
    std::erase(c.refusals, refusal);
    c.refusals.insert(c.refusals.begin(), refusal);
    c.forced = Forced::refused;
  }
  return c;
}

}  // namespace neve::compile
