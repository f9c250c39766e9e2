// neve inspect
#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "cli.h"

namespace neve::cli {
namespace {

struct InspectOptions : ModelOptions {
  std::string html;
  bool graph = false, plan = false;
};

void print_ports(const char* title, const std::vector<PortInfo>& ports) {
  std::printf("%s:\n", title);
  for (const PortInfo& p : ports) {
    std::string shape;
    for (const std::string& d : p.shape) shape += (shape.empty() ? "" : ", ") + d;
    std::printf("  %s: %s[%s]\n", p.name.c_str(), to_string(p.dtype).c_str(), shape.c_str());
  }
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
  c->add_option("--html", o->html, "Write the report as a page");
  c->callback([o] { inspect(*o); });
}

}  // namespace neve::cli
