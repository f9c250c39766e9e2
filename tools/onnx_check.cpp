// onnx-check: runs ONNX backend cases (model.onnx + test_data_set_*/input_*.pb, output_*.pb) through the reference,
// each in a process of its own, and says which pass and why others do not.
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
#include "op/reference.h"

namespace fs = std::filesystem;
using namespace neve;

namespace {

struct Options {
  bool symbolic = false, widen = false, print = false, quiet = false, bind = true;
  double rtol = 1e-3, atol = 1e-7;
  std::string filter;
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
std::string run_set(const fs::path& folder, const fs::path& data, const Options& o) {
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
  std::vector<Tensor> in;
  for (Value v : g.inputs()) {
    const auto it = by_name.find(g.name(v));
    if (it == by_name.end()) fail(ErrorCode::not_found, "no data for input '", g.name(v), "'");
    in.push_back(it->second);
  }
  const auto out = ir::run_reference(g, *m.weights, in, 1);
  std::vector<Tensor> want;
  for (const auto& v : c.outputs) want.insert(want.end(), v.tensors.begin(), v.tensors.end());
  if (out.size() != want.size()) return str(out.size(), " results instead of ", want.size());
  for (size_t i = 0; i < out.size(); ++i)
    if (const std::string d = compare(out[i], want[i], o); !d.empty())
      return str("output '", g.output_name(i), "': ", d);
  return "";
}

std::string run_case(const fs::path& folder, const Options& o) {
  try {
    std::vector<fs::path> sets;
    for (const auto& e : fs::directory_iterator(folder))
      if (e.path().filename().string().starts_with("test_data_set")) sets.push_back(e.path());
    std::sort(sets.begin(), sets.end());
    if (sets.empty()) return "no data";
    for (const auto& s : sets)
      if (std::string r = run_set(folder, s, o); !r.empty()) return r;
    return "";
  } catch (const Error& e) {
    return str(to_string(e.code()), ": ", e.message());
  } catch (const std::exception& e) {
    return str("exception: ", e.what());
  }
}

/// In a process of its own: a crash or an endless loop is an answer too.
std::string run_apart(const fs::path& folder, const Options& o) {
  std::fflush(stdout);  // or the child prints it again
  int ends[2];
  if (pipe(ends)) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    alarm(60);
    const std::string r = run_case(folder, o);
    std::fflush(stdout);
    if (!r.empty() && write(ends[1], r.data(), r.size()) < 0) _exit(3);
    _exit(r.empty() ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, size_t(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    return WTERMSIG(status) == SIGALRM ? "more than 60 s" : str("crash: signal ", WTERMSIG(status));
  return text;
}

int usage() {
  std::printf(
      "onnx-check [--symbolic] [--widen] [--no-values] [--print] [--quiet] [--filter TEXT] [--rtol X] [--atol X] "
      "FOLDER...\n"
      "  FOLDER holds model.onnx and test_data_set_*, or folders that do. --symbolic: input sizes are made "
      "symbolic.\n"
      "  --widen: a leading 1 of an input becomes a symbol. --no-values: small inputs that shape the graph are not "
      "given as values.\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  std::vector<fs::path> cases;
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    const auto next = [&] { return i + 1 < argc ? argv[++i] : ""; };
    if (a == "--symbolic")
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
  std::set<std::string> operators;
  for (const auto& c : cases) {
    std::string r = run_apart(c, o);
    std::replace(r.begin(), r.end(), '\n', ' ');
    if (r.empty()) {
      ++passed;
      try {
        for (const auto& op : import::read_onnx_signature((c / "model.onnx").string()).operators) operators.insert(op);
      } catch (const Error&) {
      }
    }
    if (!r.empty() || !o.quiet)
      std::printf("%s %s%s%s\n", r.empty() ? "PASS" : "FAIL", c.filename().c_str(), r.empty() ? "" : ": ", r.c_str());
  }
  std::printf("%zu of %zu cases pass, %zu operators among them\n", passed, cases.size(), operators.size());
  return passed == cases.size() ? 0 : 1;
}
