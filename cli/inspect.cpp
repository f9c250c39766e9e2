// neve inspect
#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "cli.h"
#include "profile.h"

namespace neve::cli {
namespace {

struct InspectOptions : ModelOptions {
  std::string html, shape;
  bool graph = false, plan = false, roofline = false, measure = false;
  int threads = 0;
};

void print_ports(const char* title, const std::vector<PortInfo>& ports) {
  std::printf("%s:\n", title);
  for (const PortInfo& p : ports) {
    std::string shape;
    for (const std::string& d : p.shape) shape += (shape.empty() ? "" : ", ") + d;
    std::printf("  %s: %s[%s]\n", p.name.c_str(), to_string(p.dtype).c_str(), shape.c_str());
  }
}

// Engine of the file, or one for just these sizes; its instructions against the machine.
void roofline(const InspectOptions& o, const Model& m) {
  NamedSizes named;
  if (!o.shape.empty()) named = parse_shape(o.shape);
  const std::vector<Sizes> sizes = sizes_for(m.inputs(), named);
  NamedSizes at;
  for (size_t i = 0; i < sizes.size(); ++i) at[m.inputs()[i].name] = sizes[i];
  const Engine engine = engine_for(m, o.threads, {Range{at, at}}, false);
  if (o.measure) machine_peak(engine.threads(), true);
  const bool first_point = m.has_engine() && o.shape.empty();
  std::string text;
  for (const auto& [name, s] : at) text += str(text.empty() ? "" : ";", name, "=", sizes_text(s));
  std::printf("roofline at %s:\n", first_point ? "the first tuned point" : text.c_str());
  print_roofline(engine.profile(first_point ? NamedSizes{} : at), machine_peak(engine.threads()));
}

void inspect(const InspectOptions& o) {
  const Model m = load_model(o);
  if (o.graph) {
    std::fputs((m.has_engine() ? m.engine().graph_text() : m.graph_text()).c_str(), stdout);
  } else {
    std::printf("%s: %s\n", o.model.c_str(), m.format().c_str());
    print_ports("inputs", m.inputs());
    print_ports("outputs", m.outputs());
    for (const std::string& w : m.warnings()) std::printf("warning: %s\n", w.c_str());
  }
  if (o.plan) {
    if (!m.has_engine())
      fail(ErrorCode::not_found, "inspect: '", o.model, "' has no plan yet (neve optimize makes one)");
    std::fputs(m.engine().plan_text().c_str(), stdout);
  }
  if (o.roofline) roofline(o, m);
  if (!o.html.empty()) {
    if (!m.has_engine())
      fail(ErrorCode::not_found, "inspect: '", o.model, "' has no report yet (neve optimize makes one)");
    write_file(o.html, m.engine().report_html());
  }
}

}  // namespace

void add_inspect(CLI::App& app, int&) {
  auto o = std::make_shared<InspectOptions>();
  CLI::App* c = app.add_subcommand("inspect", "Show inputs, outputs, graph, plan or report of a model or archive");
  add_model(*c, *o);
  c->add_flag("--graph", o->graph, "Print the graph");
  c->add_flag("--plan", o->plan, "Print the instructions and their kernels");
  c->add_flag("--roofline", o->roofline,
              "Print work, bytes and the best possible time of every instruction on this machine (runs the model)");
  c->add_option("--shape", o->shape, "--roofline at these sizes: NAME=1x3x224x224[;NAME=...]");
  c->add_option("--threads", o->threads, "--roofline of a model: threads (0: affinity and quota)")->check(at_least(0));
  c->add_flag("--measure-machine", o->measure, "Measure the machine's peak anew instead of taking it from the cache");
  c->add_option("--html", o->html, "Write the report as a page");
  c->callback([o] { inspect(*o); });
}

}  // namespace neve::cli
