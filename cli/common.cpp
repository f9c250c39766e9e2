// What the subcommands share.
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>
#include <system_error>
#include <thread>

#include "base/error.h"
#include "cli.h"

namespace neve::cli {

CLI::Validator at_least(double least, bool fraction) {
  return CLI::Validator(
      [least, fraction](std::string& text) -> std::string {
        double v = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
        const bool number = error == std::errc() && end == text.data() + text.size();
        if (number && v >= least && v <= 1e15 && (fraction || v == double(int64_t(v)))) return "";
        return str("'", text, "' (a ", fraction ? "" : "whole ", "number of at least ", least, " would do)");
      },
      "");
}

Sizes parse_sizes(const std::string& text) {
  Sizes out;
  const char *p = text.data(), *end = p + text.size();
  while (p != end) {
    int64_t v = 0;
    const auto [next, error] = std::from_chars(p, end, v);
    if (error != std::errc() || v < 0 || (next != end && *next != 'x') || next + 1 == end)
      fail(ErrorCode::invalid_argument, "'", text, "' is no list of sizes (e.g. 1x3x224x224)");
    out.push_back(v);
    p = next == end ? end : next + 1;
  }
  return out;
}

std::string sizes_text(const Sizes& s) {
  std::string t;
  for (size_t i = 0; i < s.size(); ++i) t += str(i ? "x" : "", s[i]);
  return t.empty() ? "scalar" : t;
}

std::pair<std::string, std::string> split_pair(const std::string& text, const char* option) {
  const size_t at = text.rfind('=');
  if (at == std::string::npos || at == 0) fail(ErrorCode::invalid_argument, option, ": '", text, "' has no NAME=");
  return {text.substr(0, at), text.substr(at + 1)};
}

namespace {

// Apart by commas outside of parentheses: "batch,3,max(a, b)".
std::vector<std::string> split_axes(const std::string& text) {
  std::vector<std::string> out;
  if (text.empty()) return out;
  out.emplace_back();
  int depth = 0;
  for (const char c : text) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0)
      out.emplace_back();
    else if (c != ' ' || !out.back().empty())
      out.back() += c;
  }
  return out;
}

template <class T>
T number(const std::string& text, const char* option) {
  T v{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    fail(ErrorCode::invalid_argument, option, ": '", text, "' is no number");
  return v;
}

}  // namespace

void add_model(CLI::App& c, ModelOptions& o, const char* what) {
  c.add_option("model", o.model, what)->required();
  c.add_option("--input-shape", o.input_shapes,
               "NAME=AXIS,AXIS,...: 3 fixes an axis, a name opens it (equal names are equal sizes), past+new ties it "
               "to others, ? keeps what the file says")
      ->allow_extra_args(false);
  c.add_option("--input-value", o.input_values, "NAME=NUMBER or NAME=FILE.npy: an input that is the same at every call")
      ->allow_extra_args(false);
  c.add_option("--sequence-length", o.sequence_lengths,
               "NAME=N: elements of an input that is a sequence (0 or 1: an optional)")
      ->allow_extra_args(false);
  c.add_option("--opset", o.opset, "Version of the default operator set, instead of what the file says")
      ->check(at_least(1));
}

Model load_model(const ModelOptions& o) {
  LoadOptions x;
  for (const std::string& s : o.input_shapes) {
    auto [name, axes] = split_pair(s, "--input-shape");
    x.input_shapes[name] = split_axes(axes);
  }
  for (const std::string& s : o.sequence_lengths) {
    auto [name, n] = split_pair(s, "--sequence-length");
    x.sequence_lengths[name] = number<int64_t>(n, "--sequence-length");
  }
  x.opset = o.opset;
  for (const std::string& s : o.input_values) {
    auto [name, text] = split_pair(s, "--input-value");
    if (text.ends_with(".npy")) {
      x.input_values[name] = read_npy(text);
    } else {
      Tensor t = Tensor::empty(DType::f64, {});
      *t.data_as<double>() = number<double>(text, "--input-value");
      x.input_values[name] = std::move(t);
    }
  }
  return load(o.model, x);
}

std::vector<Sizes> sizes_for(const std::vector<PortInfo>& ports, const NamedSizes& named) {
  std::vector<Sizes> out;
  std::map<std::string, int64_t> symbols;
  for (const PortInfo& p : ports) {
    const auto it = named.find(p.name);
    if (it == named.end()) continue;
    if (it->second.size() != p.shape.size())
      fail(ErrorCode::shape_mismatch, "--shape: input '", p.name, "' got ", it->second.size(), " sizes (the model has ",
           p.shape.size(), ": ", p.shape, ")");
    for (size_t a = 0; a < p.shape.size(); ++a) symbols[p.shape[a]] = it->second[a];
  }
  for (const auto& [name, s] : named) {
    bool known = false;
    for (const PortInfo& p : ports) known = known || p.name == name;
    if (!known) {
      std::string names;
      for (const PortInfo& p : ports) names += str(names.empty() ? "" : ", ", "'", p.name, "'");
      fail(ErrorCode::not_found, "--shape: '", name, "' is not an input (the model's inputs: ", names, ")");
    }
  }
  for (const PortInfo& p : ports) {
    const auto it = named.find(p.name);
    if (it != named.end()) {
      out.push_back(it->second);
      continue;
    }
    Sizes s;
    for (const std::string& d : p.shape) {
      int64_t v = 1;
      const auto [end, error] = std::from_chars(d.data(), d.data() + d.size(), v);
      if (error != std::errc() || end != d.data() + d.size()) v = symbols.count(d) ? symbols[d] : 1;
      s.push_back(v);
    }
    out.push_back(std::move(s));
  }
  return out;
}

std::vector<Tensor> random_inputs(const std::vector<PortInfo>& ports, const std::vector<Sizes>& sizes) {
  std::vector<Tensor> out;
  std::mt19937_64 random(1);
  for (size_t i = 0; i < ports.size(); ++i) {
    const Tensor f = Tensor::empty(DType::f32, sizes[i]);
    float* p = f.data_as<float>();
    for (int64_t k = 0; k < f.element_count(); ++k) {
      const double u = double(random() >> 11) * 0x1.0p-53;
      p[k] = is_float(ports[i].dtype) ? float(2 * u - 1) : float(int(u * 2));
    }
    out.push_back(f.to(ports[i].dtype));
  }
  return out;
}

NamedSizes parse_shape(const std::string& text) {
  NamedSizes out;
  size_t at = 0;
  while (at <= text.size()) {
    const size_t end = std::min(text.find(';', at), text.size());
    const auto [name, sizes] = split_pair(text.substr(at, end - at), "--shape");
    out[name] = parse_sizes(sizes);
    at = end + 1;
  }
  return out;
}

void add_tactic(CLI::App& c, std::string& name) {
  c.add_option("--tactic", name,
               "A kernel (native.winograd4, loop, reference) that is taken wherever it accepts; NAME.1 is its second "
               "variant only");
}

std::string tactic_text(const Engine& engine) {
  const auto report = nlohmann::json::parse(engine.report_json());
  if (!report["partition"].contains("tactic")) return "";
  const auto& t = report["partition"]["tactic"];
  const std::string name = t["name"].get<std::string>();
  if (t["taken"].empty() && t["refused"].empty())
    return str("tactic ", name, ": no instruction is of an op that it has\n");
  std::string text = str("tactic ", name, ": taken ", t["taken"].size(), " times, refused ", t["refused"].size(), "\n");
  for (const auto& n : t["refused"])
    text += str("  ", n["op"].get<std::string>(), " ", n["name"].get<std::string>(), " (",
                n["reason"].get<std::string>(), ")\n");
  return text;
}

Engine engine_for(const Model& model, int threads, const std::vector<Range>& ranges, bool quiet,
                  const std::string& tactic) {
  if (model.has_engine() && !tactic.empty())
    fail(ErrorCode::unsupported, "--tactic ", tactic, ": the kernels of an archive were chosen when it was made (the ",
         "model that it was made from would do)");
  if (model.has_engine()) return model.engine();
  OptimizeOptions o;
  o.tactic = tactic;
  o.threads = threads;
  o.ranges = ranges;
  o.gate = false;
  o.progress = progress_bar(quiet);
  return optimize(model, o);
}

namespace {
std::atomic<int> seen{0};

// Threads that compute take no signals: oneDNN's f32 products let the stack pointer point into the heap while they run,
// and what the system writes there for a handler destroys what lies below. A thread that does nothing else takes them.
void wait_for_signals(sigset_t signals) {
  int number = 0;
  if (sigwait(&signals, &number) != 0) return;
  seen = number;
  // Whoever stops a group of processes may reach each of them twice: what follows at once is the same request.
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  while (std::chrono::steady_clock::now() < end) {
    const timespec moment{0, 50'000'000};
    sigtimedwait(&signals, nullptr, &moment);
  }
  std::signal(SIGINT, SIG_DFL);  // the next one ends the program at once
  std::signal(SIGTERM, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  for (;;) pause();
}
}  // namespace

void watch_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // threads made from here on inherit it
  try {
    std::thread(wait_for_signals, signals).detach();
  } catch (const std::system_error&) {  // no more threads may be made: signals end the program
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  }
}

int signal_seen() { return seen; }

std::function<bool(double, const std::string&)> progress_bar(bool quiet) {
  const bool show = !quiet && isatty(2);
  const auto start = std::chrono::steady_clock::now();
  return [show, start](double done, const std::string& phase) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (show && seconds > 1) {
      std::fprintf(stderr, "\r%3d %% %-40.40s", int(100 * done), phase.c_str());
      if (done >= 1) std::fprintf(stderr, "\r%46s\r", "");
      std::fflush(stderr);
    }
    return !signal_seen();
  };
}

}  // namespace neve::cli
