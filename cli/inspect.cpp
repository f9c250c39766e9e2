// neve inspect, neve cache
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "cli.h"

namespace neve::cli {
namespace {
namespace fs = std::filesystem;

struct InspectOptions {
  std::string model, html;
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
  const Model m = load(o.model);
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

struct File {
  fs::path path;
  uintmax_t bytes;
  fs::file_time_type time;
};

std::vector<File> cache_files() {
  const std::string folder = cache_directory();
  std::vector<File> out;
  if (folder.empty()) return out;
  for (const auto& e : fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied))
    if (e.is_regular_file()) out.push_back({e.path(), e.file_size(), e.last_write_time()});
  std::sort(out.begin(), out.end(), [](const File& a, const File& b) { return a.time > b.time; });
  return out;
}

void cache(const std::string& what, int64_t keep_mb, int& status) {
  const auto files = cache_files();
  uintmax_t total = 0;
  for (const File& f : files) total += f.bytes;
  if (what == "ls") {
    for (const File& f : files) std::printf("%10ju  %s\n", f.bytes, f.path.c_str());
    std::printf("%10ju  bytes in %zu files in %s\n", total, files.size(), cache_directory().c_str());
  } else if (what == "verify") {
    size_t bad = 0;
    for (const File& f : files) {
      const std::string content = read_file(f.path.string());
      const bool json = f.path.extension() == ".json";
      const bool sound = !json || (content.size() > 1 && content.front() == '{' && content.back() == '}');
      if (!sound) {
        std::printf("damaged: %s\n", f.path.c_str());
        ++bad;
      }
    }
    std::printf("%zu files, %zu damaged%s\n", files.size(), bad, bad ? " (safe to delete)" : "");
    status = bad ? 1 : 0;
  } else if (what == "gc") {
    uintmax_t kept = 0, freed = 0;
    for (const File& f : files) {
      if (kept + f.bytes <= uintmax_t(keep_mb) << 20) {
        kept += f.bytes;
        continue;
      }
      std::error_code e;
      if (fs::remove(f.path, e)) freed += f.bytes;
    }
    std::printf("%ju bytes freed, %ju kept\n", freed, kept);
  }
}

}  // namespace

void add_inspect(CLI::App& app, int&) {
  auto o = std::make_shared<InspectOptions>();
  CLI::App* c = app.add_subcommand("inspect", "Show inputs, outputs, graph, plan or report of a model or archive");
  c->add_option("model", o->model, "The model (.onnx) or archive (.neve)")->required();
  c->add_flag("--graph", o->graph, "Print the graph");
  c->add_flag("--plan", o->plan, "Print the instructions and their kernels");
  c->add_option("--html", o->html, "Write the report as a page");
  c->callback([o] { inspect(*o); });
}

void add_cache(CLI::App& app, int& status) {
  CLI::App* c = app.add_subcommand("cache", "The cache of kernel times and loop code");
  c->require_subcommand(1);
  auto keep = std::make_shared<int64_t>(256);
  c->add_subcommand("ls", "List the files")->callback([&status] { cache("ls", 0, status); });
  c->add_subcommand("verify", "Check the files")->callback([&status] { cache("verify", 0, status); });
  CLI::App* gc = c->add_subcommand("gc", "Delete the oldest files");
  gc->add_option("--keep-mb", *keep, "Megabytes to keep")->check(CLI::NonNegativeNumber);
  gc->callback([keep, &status] { cache("gc", *keep, status); });
}

}  // namespace neve::cli
