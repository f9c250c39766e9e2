// neve-gen FOLDER: writes the generated pages that are committed, docs/ops/*.md, into FOLDER. Runs in the root of the
// repository.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "op/registry.h"

namespace {

using neve::AttrInfo;
using neve::AttrValue;
using neve::OpDef;

std::map<std::string, std::vector<const OpDef*>, std::less<>>& families() {
  static std::map<std::string, std::vector<const OpDef*>, std::less<>> all;
  return all;
}

const char* kind_name(const AttrValue& v) {
  static constexpr const char* names[] = {"bool",   "int",     "float", "string", "ints",
                                          "floats", "strings", "dtype", "tensor"};
  static_assert(std::variant_size_v<AttrValue> == std::size(names));
  return names[v.index()];
}

const char* meaning(const OpDef& op) {
  if (op.is_composite()) return "composite: lowered to other ops where no kernel takes it";
  if (op.is_elementwise()) return "elementwise, with NumPy's broadcasting";
  if (op.reduce) return "reduction";
  return "primitive";
}

// Text inside a table: a bar would end the cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

// The first sentence of the family's file, which says what it holds.
std::string opening(const std::string& family) {
  std::ifstream file("src/ops/" + family + ".cpp");
  std::string line, text;
  while (std::getline(file, line) && line.starts_with("//"))
    text += (text.empty() ? "" : " ") + line.substr(std::min<size_t>(3, line.size()));
  if (text.empty())
    neve::fail(neve::ErrorCode::not_found, "neve-gen: src/ops/", family,
               ".cpp is not here (run it in the root of the repository)");
  return text;
}

void write_ports(std::string& page, const char* title, const neve::Ports& ports) {
  for (const neve::Port& p : ports) {
    page += neve::str("| ", title, " | `", p.name, "` | ",
                      p.arity == neve::Arity::optional   ? "optional"
                      : p.arity == neve::Arity::variadic ? "any number"
                                                         : "",
                      " | ", cell(p.doc), " |\n");
  }
}

void write_op(std::string& page, const OpDef& op) {
  const neve::OpInfo& i = op.info;
  page += neve::str("\n## ", i.name, "\n\n", i.summary, "\n\n");
  page += neve::str("Source: ", i.source, ". Kind: ", meaning(op), ".");
  if (op.grad) page += " Has a gradient.";
  if (i.regions) page += neve::str(" Regions: ", i.regions, ".");
  if (i.random) page += " Random: never folded or merged.";
  if (i.version != 1) page += neve::str(" Version ", i.version, ".");
  if (!i.public_name.empty()) page += neve::str(" Public name: `", i.public_name, "`.");
  page += "\n\n| | name | | |\n|---|---|---|---|\n";
  write_ports(page, "input", i.inputs);
  write_ports(page, "output", i.outputs);
  const neve::Attrs defaults = op.defaults();
  for (const AttrInfo& a : op.attrs) {
    const AttrValue v = a.get(defaults.object());
    const auto* tensor = std::get_if<neve::Tensor>(&v);
    const std::string text = tensor && !tensor->defined() ? "" : neve::str(", `", cell(to_string(v)), "`");
    page += neve::str("| attribute | `", a.name, "` | ", kind_name(v), text, " | ", cell(a.doc), " |\n");
  }
}

void write_pages(const std::string& folder) {
  neve::for_each_op([](std::string_view family, const OpDef* op) { families()[std::string(family)].push_back(op); });
  constexpr const char* note = "<!-- Made by ./dev gen from src/ops. Do not edit. -->\n\n";
  std::string index = std::string(note) +
                      "# Ops\n\nEvery op of the IR, by the file of `src/ops` that holds it. Attributes show their kind "
                      "and default.\n\n";
  size_t count = 0;
  std::filesystem::create_directories(folder + "/docs/ops");
  for (const auto& [family, ops] : families()) {
    std::string page = neve::str(note, "# ", family, "\n\n", opening(family), "\n");
    index += neve::str("- [", family, "](", family, ".md): ");
    for (const OpDef* op : ops) {
      write_op(page, *op);
      index += neve::str(op == ops.front() ? "" : ", ", "`", op->info.name, "`");
    }
    index += "\n";
    count += ops.size();
    neve::write_file(neve::str(folder, "/docs/ops/", family, ".md"), page);
  }
  index += neve::str("\n", count, " ops.\n");
  neve::write_file(folder + "/docs/ops/README.md", index);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') return std::fprintf(stderr, "usage: neve-gen FOLDER\n"), 2;
  try {
    write_pages(argv[1]);
  } catch (const std::exception& e) {
    return std::fprintf(stderr, "%s\n", e.what()), 1;
  }
}
