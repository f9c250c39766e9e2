// neve-opt: runs passes over a graph in text form and prints what they leave.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/error.h"
#include "compile/compile.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "passes/pass.h"

namespace {

constexpr const char* usage = R"(usage: neve-opt [--pass NAME[,NAME...]]... [--verify] [--stop-after N] [--list] [FILE]
  Reads a graph in text form from FILE (or standard input), runs the passes in the order given, prints the graph.
  --pass NAMES     passes by name, in order; may be given several times
  --verify         checks the graph after reading and after every pass
  --stop-after N   at most N changes over all passes, for finding the one that is wrong by halving (remove_dead and
                   fuse_loops run whole, and not at all once N changes were made)
  --list           prints the names of the passes with what they do
)";

struct Options {
  std::vector<std::string> passes;
  bool verify = false, list = false, help = false;
  int64_t stop_after = std::numeric_limits<int64_t>::max();
  std::string file;
};

[[noreturn]] void bad(const std::string& what) { neve::fail(neve::ErrorCode::invalid_argument, "neve-opt: ", what); }

Options parse_options(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    auto value = [&] {
      if (i + 1 >= argc) bad(a + " needs a value");
      return std::string(argv[++i]);
    };
    if (a == "--pass") {
      std::istringstream names(value());
      for (std::string name; std::getline(names, name, ',');) o.passes.push_back(name);
    } else if (a == "--stop-after") {
      const std::string n = value();
      if (n.empty() || n.size() > 18 || n.find_first_not_of("0123456789") != std::string::npos)
        bad("--stop-after takes a number of changes, not '" + n + "'");
      o.stop_after = std::stoll(n);
    } else if (a == "--verify") {
      o.verify = true;
    } else if (a == "--list") {
      o.list = true;
    } else if (a == "--help" || a == "-h") {
      o.help = true;
    } else if (a.size() > 1 && a[0] == '-') {
      bad("unknown option '" + a + "' (--help lists them)");
    } else if (!o.file.empty()) {
      bad("two files were given: '" + o.file + "' and '" + a + "'");
    } else {
      o.file = a;
    }
  }
  return o;
}

std::string read_text(const std::string& file) {
  std::ostringstream text;
  if (file.empty() || file == "-") {
    text << std::cin.rdbuf();
  } else {
    std::ifstream in(file, std::ios::binary);
    if (!in) neve::fail(neve::ErrorCode::io, "neve-opt: cannot read '", file, "': ", std::strerror(errno));
    text << in.rdbuf();
  }
  return std::move(text).str();
}

int64_t run_pass(neve::ir::Graph& g, const std::string& name, int64_t room) {
  if (name == "fuse_loops") return room > 0 ? neve::compile::fuse_loops(g, 1, {}) : 0;
  const neve::passes::Pass& pass = neve::passes::find_pass(name);
  if (room <= 0) return 0;
  neve::passes::PassContext context;
  context.rewrite.stop_after = room;
  return pass.run(g, context);
}

void run(const Options& o) {
  for (const std::string& name : o.passes)
    if (name != "fuse_loops") neve::passes::find_pass(name);  // before anything is read
  std::string name;
  neve::ir::Graph g = neve::ir::parse(read_text(o.file), &name);
  if (o.verify) neve::ir::verify(g, neve::ir::Level::fused);
  int64_t room = o.stop_after;
  for (const std::string& pass : o.passes) {
    room -= run_pass(g, pass, room);
    if (o.verify) neve::ir::verify(g, neve::ir::Level::fused);
  }
  std::fputs(neve::ir::print(g, name).c_str(), stdout);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options o = parse_options(argc, argv);
    if (o.help) return std::fputs(usage, stdout) < 0;
    if (o.list) {
      for (const neve::passes::Pass& p : neve::passes::all_passes())
        std::printf("%-20.*s %.*s\n", int(p.name.size()), p.name.data(), int(p.doc.size()), p.doc.data());
      std::printf("%-20s %s\n", "fuse_loops", "Elementwise, reducing and data-moving ops into loop nests.");
      return 0;
    }
    run(o);
  } catch (const neve::Error& e) {
    std::fprintf(stderr, "%s\n", e.message().c_str());
    return e.code() == neve::ErrorCode::invalid_argument ? 2 : 1;
  }
  return 0;
}
