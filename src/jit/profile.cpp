// Profiles: every instruction timed, its work counted, held against the machine's peak.
#include "jit/profile.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/interrupt.h"
#include "compile/cost.h"

namespace neve::jit {
using runtime::Program;
using runtime::StepEvent;
using Timing = Session::Timing;
using nlohmann::json;

namespace {

/// Gathers the events of some runs.
class Gathering {
 public:
  void add(const StepEvent& e) {
    const auto [at, fresh] = index_.try_emplace({&e.program, e.instr}, rows_.size());
    if (fresh) rows_.push_back({{}, &e.program.plan(), &e.program.plan().instrs[size_t(e.instr)], {}, 0});
    Row& r = rows_[at->second];
    r.nanoseconds += own_time(e);
    r.timing.threads = std::max(r.timing.threads, e.threads);
    ++r.timing.calls;
    std::vector<Sizes> sizes = sizes_of(e, *r.instr);
    const auto same = std::find_if(r.seen.begin(), r.seen.end(), [&](const Seen& s) { return s.sizes == sizes; });
    if (same != r.seen.end())
      ++same->count;
    else
      r.seen.push_back({std::move(sizes), 1});
  }

  std::vector<Timing> finish(int runs, const MachinePeak& machine) {
    double weights = 0;
    for (Row& r : rows_) {
      describe(r);
      for (const Seen& s : r.seen) count(r, s);
      Timing& t = r.timing;
      t.milliseconds = double(r.nanoseconds) * 1e-6 / runs;
      t.flops /= runs, t.bytes /= runs, t.weight_bytes /= runs;
      weights += t.weight_bytes;
    }
    std::vector<Timing> out;
    for (Row& r : rows_) {
      r.timing.best_milliseconds = best(r.timing, runs, weights, machine);
      out.push_back(std::move(r.timing));
    }
    return out;
  }

 private:
  struct Seen {
    std::vector<Sizes> sizes;  ///< inputs, then outputs
    int64_t count;
  };
  struct Row {
    Timing timing;
    const plan::Plan* plan;
    const plan::Instr* instr;
    std::vector<Seen> seen;
    int64_t nanoseconds;
  };

  // An instruction with regions is told after what ran inside it: that was timed already.
  int64_t own_time(const StepEvent& e) {
    int64_t own = e.nanoseconds;
    while (!recent_.empty() && recent_.back().first >= e.start) {
      own -= recent_.back().second;
      recent_.pop_back();
    }
    if (e.instance && recent_.size() > 1 << 12) recent_.erase(recent_.begin(), recent_.end() - (1 << 11));
    recent_.emplace_back(e.start, e.nanoseconds);
    return std::max<int64_t>(own, 0);
  }

  static std::vector<Sizes> sizes_of(const StepEvent& e, const plan::Instr& instr) {
    std::vector<Sizes> s;
    if (e.instance) {
      for (int32_t v : instr.in) s.push_back(e.program.sizes_of(v, e.instance->steps));
      for (int32_t v : instr.out) s.push_back(e.program.sizes_of(v, e.instance->steps));
      return s;
    }
    for (const auto& tensors : {e.in, e.out})
      for (const Tensor& t : tensors) s.push_back(t.defined() ? t.shape() : Sizes{});
    return s;
  }

  static void describe(Row& r) {
    const plan::Instr& n = *r.instr;
    Timing& t = r.timing;
    t.name = n.name, t.ops = ops_text(n), t.location = n.location;
    t.kernel = n.description.empty() ? n.choice : n.description;
    t.refusals = n.refusals;
    for (const plan::Tactic& x : n.tactics) t.tactics.push_back({x.kernel, x.milliseconds});
    std::stable_sort(t.tactics.begin(), t.tactics.end(),
                     [](const auto& a, const auto& b) { return a.milliseconds < b.milliseconds; });
  }

  static void count(Row& r, const Seen& s) {
    const plan::Instr& n = *r.instr;
    compile::Cost c;
    const std::span sizes(s.sizes);
    if (n.choice == "reorder") {
      // Row-major or blocked, the elements are the same; padding is not counted.
      double elements = 1;
      for (int64_t d : s.sizes.at(0)) elements *= double(d);
      c.bytes = 2 * elements * double(size_of(r.plan->values[size_t(n.in[0])].dtype));
    } else if (n.kind == plan::Instr::control || !n.graph) {
      c.exact = false;
    } else {
      c = compile::cost_of(*n.graph, sizes.first(n.in.size()), sizes.subspan(n.in.size()));
    }
    Timing& t = r.timing;
    t.flops += c.flops * double(s.count);
    t.bytes += c.bytes * double(s.count);
    t.weight_bytes += c.weight_bytes * double(s.count);
    t.exact = t.exact && c.exact;
  }

  // Weights come from where all of the model's fit, activations from where those of this instruction fit.
  static double best(const Timing& t, int runs, double weights, const MachinePeak& m) {
    const double calls = std::max(1.0, double(t.calls) / runs), moved = t.bytes - t.weight_bytes;
    const double memory = t.weight_bytes / m.bandwidth(weights) + moved / m.bandwidth(moved / calls);
    return 1e3 * std::max(t.flops / (m.gflops * 1e9), memory);
  }

  std::vector<Row> rows_;
  std::map<std::pair<const Program*, int32_t>, size_t> index_;
  std::vector<std::pair<int64_t, int64_t>> recent_;  // start and length of what no later event has taken up
};

/// Observes a session while it lives.
class Observing {
 public:
  Observing(runtime::SessionCore& session, runtime::StepObserver o) : session_(session) {
    session.observe(std::move(o));
  }
  ~Observing() { session_.observe({}); }
  Observing(const Observing&) = delete;
  Observing& operator=(const Observing&) = delete;

 private:
  runtime::SessionCore& session_;
};

json json_of(const std::vector<Timing>& timings) {
  json all = json::array();
  for (const Timing& t : timings) {
    json tactics = json::array();
    for (const auto& x : t.tactics) tactics.push_back({{"kernel", x.kernel}, {"ms", x.milliseconds}});
    all.push_back({{"name", t.name},
                   {"ops", t.ops},
                   {"kernel", t.kernel},
                   {"location", t.location},
                   {"ms", t.milliseconds},
                   {"calls", t.calls},
                   {"threads", t.threads},
                   {"flops", t.flops},
                   {"bytes", t.bytes},
                   {"weight_bytes", t.weight_bytes},
                   {"best_ms", t.best_milliseconds},
                   {"exact", t.exact},
                   {"margin", t.margin()},
                   {"tactics", std::move(tactics)},
                   {"refusals", t.refusals}});
  }
  return all;
}

}  // namespace

std::string ops_text(const plan::Instr& instr) {
  std::string s;
  if (instr.graph)
    for (const SubgraphNode& m : instr.graph->nodes) s += str(s.empty() ? "" : "+", m.op->info.name);
  return s.empty() ? instr.choice : s;
}

std::vector<Timing> profile(runtime::SessionCore& session, std::span<const Tensor> in, int runs) {
  if (runs < 1) fail(ErrorCode::invalid_argument, "profile: ", runs, " runs (1 or more)");
  const MachinePeak machine = machine_peak(session.engine().threads);
  std::vector<Tensor> out;
  session.run(in, out);
  Gathering g;
  const Observing observing(session, [&](const StepEvent& e) {
    check_interrupt();
    g.add(e);
  });
  for (int r = 0; r < runs; ++r) session.run(in, out);
  return g.finish(runs, machine);
}

std::string roofline_json(const std::vector<Timing>& timings, const MachinePeak& m, const std::string& sizes) {
  double ms = 0, best = 0;
  for (const Timing& t : timings) ms += t.milliseconds, best += t.best_milliseconds;
  const json j = {{"sizes", sizes},
                  {"ms", ms},
                  {"best_ms", best},
                  {"machine", json::parse(to_json(m))},
                  {"nodes", json_of(timings)}};
  return j.dump(1, ' ', false, json::error_handler_t::replace);
}

}  // namespace neve::jit

namespace neve {
std::string to_json(const std::vector<Session::Timing>& timings) {
  return jit::json_of(timings).dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
}
}  // namespace neve
