// onnx-check: runs ONNX backend cases (model.onnx + test_data_set_*/input_*.pb, output_*.pb) through the reference or
// compiled, in processes that may crash or hang, and says which pass and why others do not.
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "import/onnx.h"
#include "ir/graph.h"
#include "ir/text.h"
#include "jit/model.h"
#include "kernels/list.h"
#include "op/reference.h"
#include "op/registry.h"

namespace fs = std::filesystem;
using namespace neve;

namespace {

struct Options {
  bool symbolic = false, widen = false, print = false, quiet = false, bind = true, compiled = false,
       each_tactic = false;
  int jobs = 2;
  double rtol = 1e-3, atol = 1e-7;
  std::string filter, tactic;
};

std::string compare(const Tensor& got, const Tensor& want, const Options& o) {
  if (got.dtype() != want.dtype() || got.shape() != want.shape())
    return str(type_text(got), " instead of ", type_text(want));
  const Tensor a = got.contiguous();
  const bool exact = !is_float(want.dtype());
  const bool small = want.dtype() == DType::f16 || want.dtype() == DType::bf16;
  const double rtol = small ? std::max(o.rtol, 1e-2) : o.rtol, atol = small ? std::max(o.atol, 1e-3) : o.atol;
  if (is_complex(want.dtype()))
    return std::memcmp(a.data(), want.data(), size_t(a.bytes())) ? "complex values differ" : "";
  int64_t wrong = 0, first = -1;
  double worst = 0;
  for (int64_t i = 0; i < want.element_count(); ++i) {
    if (exact) {
      if (a.item_int(i) != want.item_int(i)) first = wrong++ ? first : i;
      continue;
    }
    const double x = a.item(i), y = want.item(i);
    if ((std::isnan(x) && std::isnan(y)) || x == y) continue;
    const double d = std::abs(x - y);
    if (!(d <= atol + rtol * std::abs(y))) {
      first = wrong++ ? first : i;
      worst = std::max(worst, d);
    }
  }
  if (!wrong) return "";
  return str(wrong, " of ", want.element_count(), " values differ, first at ", first, ": ", a.item(first),
             " instead of ", want.item(first), exact ? "" : str(" (largest difference ", worst, ")"));
}

// How the ops of a case ran: by a kernel or a loop, or by the reference; and tactics that were forced on it and taken.
struct Ways {
  std::set<std::string> kernels, reference, tactics;
};

// Tactics that some op of an engine has.
std::set<std::string> tactics_of(const jit::OptimizedModel& made) {
  std::set<std::string> names = {"loop", "reference"};
  for (const auto& n : made.nodes)
    for (size_t at = 0; at <= n.ops.size();) {
      const size_t end = std::min(n.ops.find('+', at), n.ops.size());
      if (const OpDef* op = find_op_or_null(n.ops.substr(at, end - at)))
        for (const auto& entry : kernels::kernels_for(*op)) names.insert(std::string(entry.name));
      at = end + 1;
    }
  return names;
}

std::vector<Tensor> run_compiled(const jit::LoadedModel& loaded, const std::map<std::string, Tensor>& by_name,
                                 const Options& o, Ways& ways, std::set<std::string>* possible) {
  OptimizeOptions options;
  options.gate = options.tune = false;  // the case itself is the check; choosing by time is not the subject
  options.threads = 1;
  options.tactic = o.tactic;
  const auto made = jit::optimize(loaded, options);
  if (possible) *possible = tactics_of(*made);
  if (o.print) std::printf("%s\n", ir::print(made->graph).c_str());
  for (const auto& n : made->nodes) {
    if (n.forced == compile::Forced::taken) ways.tactics.insert(o.tactic);
    if (o.print) std::printf("%s: %s by %s\n", n.name.c_str(), n.ops.c_str(), n.kernel.c_str());
    for (size_t at = 0; at <= n.ops.size();) {
      const size_t end = std::min(n.ops.find_first_of("+ ,", at), n.ops.size());
      if (end > at) (n.fallback ? ways.reference : ways.kernels).insert(n.ops.substr(at, end - at));
      at = end + 1;
    }
  }
  std::vector<Tensor> in, out;
  for (const auto& port : made->core->inputs) {
    const auto it = by_name.find(port.name);
    if (it == by_name.end()) fail(ErrorCode::not_found, "no data for input '", port.name, "'");
    in.push_back(it->second);
  }
  runtime::SessionCore session(made->core);
  session.run(in, out);
  std::vector<Tensor> again;
  session.run(in, again);  // from the plan that the first call made
  for (size_t i = 0; i < out.size(); ++i)
    if (out[i].shape() != again[i].shape() || std::memcmp(out[i].data(), again[i].data(), size_t(out[i].bytes())))
      fail(ErrorCode::internal, "the second call gave another result '", made->core->outputs[i].name, "'");
  return out;
}

struct Case {
  std::vector<import::OnnxValue> inputs, outputs;
};

std::vector<import::OnnxValue> read_values(const fs::path& folder, const char* what,
                                           const std::vector<import::OnnxPort>& ports) {
  std::vector<import::OnnxValue> v;
  for (size_t i = 0; fs::exists(folder / str(what, "_", i, ".pb")); ++i) {
    if (i >= ports.size()) fail(ErrorCode::invalid_argument, "more ", what, " files than the model has");
    v.push_back(import::read_onnx_value((folder / str(what, "_", i, ".pb")).string(), ports[i].kind));
  }
  return v;
}

Shape open_shape(const Tensor& t, const std::string& name) {
  Shape s;
  for (int64_t i = 0; i < t.rank(); ++i) s.push_back(Dim::symbol(str(name, "_", i)));
  return s;
}

ir::Module load(const std::string& path, const import::OnnxSignature& signature, const Case& c, const Options& o,
                bool content) {
  import::OnnxOptions options = import::options_for_call(signature, c.inputs, content);
  static const Dim batch = Dim::symbol("batch");
  for (size_t i = 0; i < c.inputs.size() && i < signature.inputs.size(); ++i) {
    const auto& port = signature.inputs[i];
    const auto& tensors = c.inputs[i].tensors;
    if (port.kind != import::OnnxPort::Kind::tensor) {
      for (size_t k = 0; k < tensors.size() && o.symbolic; ++k)
        options.input_shapes[str(port.name, ".", k)] = open_shape(tensors[k], str(port.name, k));
      continue;
    }
    if (!port.shape || options.input_values.contains(port.name)) continue;
    const bool small = tensors[0].rank() <= 1 && tensors[0].element_count() <= 64;
    if (o.symbolic && !(small && (!is_float(tensors[0].dtype()) || tensors[0].rank() == 0)))
      options.input_shapes[port.name] = open_shape(tensors[0], port.name);
    if (!o.widen || port.shape->empty() || port.shape->front() != "1") continue;
    Shape& s = options.input_shapes[port.name];
    for (size_t a = 0; a < port.shape->size(); ++a) {
      const std::string& text = (*port.shape)[a];
      const bool number = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
      s.push_back(a == 0 ? batch : number ? Dim(std::stoll(text)) : Dim::symbol(str(port.name, "_", a)));
    }
  }
  return import::load_onnx(path, options);
}

/// "" when the case passes.
std::string run_set(const fs::path& folder, const fs::path& data, const Options& o, Ways& ways) {
  const std::string path = (folder / "model.onnx").string();
  const auto signature = import::read_onnx_signature(path);
  for (const auto* ports : {&signature.inputs, &signature.outputs})
    for (const auto& p : *ports)
      if (!p.supported)
        return str("unsupported: '", p.name, "' has elements of type ",
                   p.element.empty() ? "that are not tensors" : p.element);
  Case c{read_values(data, "input", signature.inputs), read_values(data, "output", signature.outputs)};
  ir::Module m;
  try {
    m = load(path, signature, c, o, false);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::corrupt_file || !o.bind) throw;
    m = load(path, signature, c, o, true);  // what shapes the graph is given as a value
  }
  const ir::Graph& g = m.methods.at("forward");
  if (o.print) std::printf("%s\n", ir::print(g).c_str());
  std::map<std::string, Tensor> by_name;
  for (size_t i = 0; i < c.inputs.size(); ++i)
    for (size_t k = 0; k < c.inputs[i].tensors.size(); ++k)
      by_name[signature.inputs[i].kind == import::OnnxPort::Kind::tensor ? signature.inputs[i].name
                                                                         : str(signature.inputs[i].name, ".", k)] =
          c.inputs[i].tensors[k];
  std::vector<std::string> names;
  for (size_t i = 0; i < g.outputs().size(); ++i) names.push_back(g.output_name(i));
  std::vector<Tensor> want;
  for (const auto& v : c.outputs) want.insert(want.end(), v.tensors.begin(), v.tensors.end());
  const auto difference = [&](const std::vector<Tensor>& out) -> std::string {
    if (out.size() != want.size()) return str(out.size(), " results instead of ", want.size());
    for (size_t i = 0; i < out.size(); ++i)
      if (const std::string d = compare(out[i], want[i], o); !d.empty()) return str("output '", names[i], "': ", d);
    return "";
  };
  if (!o.compiled) {
    std::vector<Tensor> in;
    for (Value v : g.inputs()) {
      const auto it = by_name.find(g.name(v));
      if (it == by_name.end()) fail(ErrorCode::not_found, "no data for input '", g.name(v), "'");
      in.push_back(it->second);
    }
    return difference(ir::run_reference(g, *m.weights, in, 1));
  }
  const jit::LoadedModel loaded{std::move(m), {}};
  std::set<std::string> possible;
  const std::string words = difference(run_compiled(loaded, by_name, o, ways, &possible));
  if (!words.empty() || !o.each_tactic) return words;
  Options forced = o;
  for (const std::string& name : possible)
    for (int variant = 0; variant < 16; ++variant) {
      const bool one = name == "loop" || name == "reference";
      forced.tactic = one ? name : str(name, ".", variant);
      try {
        const std::string wrong = difference(run_compiled(loaded, by_name, forced, ways, nullptr));
        if (!wrong.empty()) return str("tactic ", forced.tactic, ": ", wrong);
      } catch (const Error& e) {
        return str("tactic ", forced.tactic, ": ", to_string(e.code()), ": ", e.message());
      }
      if (one || !ways.tactics.count(forced.tactic)) break;  // there are no more
    }
  return "";
}

std::string run_case(const fs::path& folder, const Options& o, Ways& ways) {
  try {
    std::vector<fs::path> sets;
    for (const auto& e : fs::directory_iterator(folder))
      if (e.path().filename().string().starts_with("test_data_set")) sets.push_back(e.path());
    std::sort(sets.begin(), sets.end());
    if (sets.empty()) return "no data";
    for (const auto& s : sets)
      if (std::string r = run_set(folder, s, o, ways); !r.empty()) return r;
    return "";
  } catch (const Error& e) {
    return str(to_string(e.code()), ": ", e.message());
  } catch (const std::exception& e) {
    return str("exception: ", e.what());
  }
}

struct Answer {
  std::string words;  ///< "": passed
  Ways ways;
};

/// A process that runs cases one after the other: a crash or an endless loop costs one case and is its answer.
class Worker {
 public:
  Worker(const std::vector<fs::path>& cases, size_t first, size_t step, const Options& o)
      : cases_(cases), next_(first), step_(step), options_(o) {
    start();
  }
  int fd() const { return fd_; }
  bool done() const { return next_ >= cases_.size(); }
  /// Reads what has come; stores answers.
  void receive(std::vector<Answer>& answers) {
    char buffer[65536];
    const ssize_t n = read(fd_, buffer, sizeof buffer);
    if (n > 0) {
      text_.append(buffer, size_t(n));
      for (size_t end; (end = text_.find('\n')) != text_.npos; text_.erase(0, end + 1))
        take(text_.substr(0, end), answers);
      return;
    }
    int status = 0;
    close(fd_);
    waitpid(child_, &status, 0);
    if (done()) return;
    answers[next_].words = !WIFSIGNALED(status)          ? "the process ended"
                           : WTERMSIG(status) == SIGALRM ? "more than 60 s"
                                                         : str("crash: signal ", WTERMSIG(status));
    next_ += step_;
    if (!done()) start();
  }

 private:
  void start() {
    std::fflush(stdout);  // or the child prints it again
    int ends[2];
    if (pipe(ends)) fail(ErrorCode::io, "onnx-check: no pipe");
    child_ = fork();
    if (child_ == 0) {
      close(ends[0]);
      for (size_t i = next_; i < cases_.size(); i += step_) {
        alarm(60);
        Ways ways;
        std::string line = run_case(cases_[i], options_, ways);
        std::replace(line.begin(), line.end(), '\n', ' ');
        std::replace(line.begin(), line.end(), '\t', ' ');
        for (const auto* set : {&ways.kernels, &ways.reference, &ways.tactics}) {
          line += '\t';
          for (const auto& op : *set) line += op + " ";
        }
        line += '\n';
        std::fflush(stdout);
        if (write(ends[1], line.data(), line.size()) < 0) _exit(3);
      }
      _exit(0);
    }
    close(ends[1]);
    fd_ = ends[0];
    text_.clear();
  }
  void take(const std::string& line, std::vector<Answer>& answers) {
    Answer& a = answers[next_];
    next_ += step_;
    const size_t first = line.find('\t'), second = line.find('\t', first + 1), third = line.find('\t', second + 1);
    a.words = line.substr(0, first);
    const auto split = [](const std::string& s, std::set<std::string>& to) {
      for (size_t at = 0, end; (end = s.find(' ', at)) != s.npos; at = end + 1) to.insert(s.substr(at, end - at));
    };
    split(line.substr(first + 1, second - first - 1), a.ways.kernels);
    split(line.substr(second + 1, third - second - 1), a.ways.reference);
    split(line.substr(third + 1), a.ways.tactics);
  }

  const std::vector<fs::path>& cases_;
  size_t next_, step_;
  const Options& options_;
  pid_t child_ = 0;
  int fd_ = -1;
  std::string text_;
};

std::vector<Answer> run_all(const std::vector<fs::path>& cases, const Options& o) {
  std::vector<Answer> answers(cases.size());
  std::vector<Worker> workers;
  const size_t n = std::min(cases.size(), size_t(std::max(o.jobs, 1)));
  for (size_t i = 0; i < n; ++i) workers.emplace_back(cases, i, n, o);
  for (;;) {
    std::vector<pollfd> waiting;
    std::vector<Worker*> of;
    for (Worker& w : workers)
      if (!w.done()) waiting.push_back({w.fd(), POLLIN, 0}), of.push_back(&w);
    if (waiting.empty()) return answers;
    if (poll(waiting.data(), waiting.size(), -1) < 0) continue;
    for (size_t i = 0; i < waiting.size(); ++i)
      if (waiting[i].revents) of[i]->receive(answers);
  }
}

int usage() {
  std::printf(
      "onnx-check [--compiled] [--tactic NAME] [--each-tactic] [--symbolic] [--widen] [--no-values] [--print] "
      "[--quiet] [--filter TEXT] [--rtol X] "
      "[--atol X] "
      "[--jobs N] FOLDER...\n"
      "  FOLDER holds model.onnx and test_data_set_*, or folders that do. --symbolic: input sizes are made "
      "symbolic.\n"
      "  --widen: a leading 1 of an input becomes a symbol. --no-values: small inputs that shape the graph are not "
      "given as values.\n"
      "  --compiled: through optimize and an engine, instead of the reference. --tactic NAME: with this kernel "
      "wherever "
      "it accepts.\n  --each-tactic: again with each kernel forced that an op of the case has.\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  std::vector<fs::path> cases;
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    const auto next = [&] { return i + 1 < argc ? argv[++i] : ""; };
    if (a == "--compiled")
      o.compiled = true;
    else if (a == "--each-tactic")
      o.compiled = o.each_tactic = true;
    else if (a == "--tactic")
      o.compiled = true, o.tactic = next();
    else if (a == "--jobs")
      o.jobs = std::atoi(next());
    else if (a == "--symbolic")
      o.symbolic = true;
    else if (a == "--widen")
      o.widen = true;
    else if (a == "--no-values")
      o.bind = false;
    else if (a == "--print")
      o.print = true;
    else if (a == "--quiet")
      o.quiet = true;
    else if (a == "--filter")
      o.filter = next();
    else if (a == "--rtol")
      o.rtol = std::atof(next());
    else if (a == "--atol")
      o.atol = std::atof(next());
    else if (a.starts_with("--"))
      return usage();
    else if (fs::exists(fs::path(a) / "model.onnx"))
      cases.push_back(a);
    else if (fs::is_directory(a)) {
      std::vector<fs::path> found;
      for (const auto& e : fs::directory_iterator(a))
        if (fs::exists(e.path() / "model.onnx") && e.path().string().find(o.filter) != std::string::npos)
          found.push_back(e.path());
      std::sort(found.begin(), found.end());
      cases.insert(cases.end(), found.begin(), found.end());
    } else {
      std::fprintf(stderr, "onnx-check: %s is not a folder with a case\n", a.c_str());
      return 2;
    }
  }
  if (cases.empty()) return usage();
  size_t passed = 0;
  std::set<std::string> operators, kernels, reference;
  std::map<std::string, size_t> tactics;
  const std::vector<Answer> answers = run_all(cases, o);
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string& r = answers[i].words;
    for (const std::string& t : answers[i].ways.tactics) ++tactics[t];
    if (r.empty()) {
      ++passed;
      kernels.insert(answers[i].ways.kernels.begin(), answers[i].ways.kernels.end());
      reference.insert(answers[i].ways.reference.begin(), answers[i].ways.reference.end());
      try {
        for (const auto& op : import::read_onnx_signature((cases[i] / "model.onnx").string()).operators)
          operators.insert(op);
      } catch (const Error&) {
      }
    }
    if (!r.empty() || !o.quiet)
      std::printf("%s %s/%s%s%s\n", r.empty() ? "PASS" : "FAIL", cases[i].parent_path().filename().c_str(),
                  cases[i].filename().c_str(), r.empty() ? "" : ": ", r.c_str());
  }
  std::printf("%zu of %zu cases pass, %zu operators among them\n", passed, cases.size(), operators.size());
  if (o.compiled) {
    for (const auto* set : {&kernels, &reference}) {
      std::printf(set == &kernels ? "run by kernels or loops:" : "run by the reference:");
      for (const auto& op : *set) std::printf(" %s", op.c_str());
      std::printf("\n");
    }
  }
  for (const auto& [name, count] : tactics) std::printf("tactic %s taken in %zu cases\n", name.c_str(), count);
  return passed == cases.size() ? 0 : 1;
}
