// The .neve archive of a module: written, and read with every byte taken as hostile.
#include "jit/module_file.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/threads.h"
#include "core/safetensors.h"
#include "ir/text.h"
#include "jit/manifest.h"
#include "jit/print.h"
#include "jit/verified.h"
#include "jit/zip.h"
#include "op/registry.h"

namespace neve::jit {
using nlohmann::json;

namespace {

constexpr int format_version = 4;  // 1: engines only; 2: no form has effects; 3: no result of several kinds
constexpr size_t most_forms = 1024;

std::string_view text_of(std::span<const std::byte> b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

/// Of a manifest without its own digest: keys sorted, no spaces.
std::string digest_of(const json& manifest) {
  return sha256_hex(manifest.dump(-1, ' ', false, json::error_handler_t::replace));
}

/// Whether two handles are names of one tensor.
bool is_one(const Tensor& a, const Tensor& b) {
  return a.storage() == b.storage() && a.byte_offset() == b.byte_offset() && a.dtype() == b.dtype() &&
         a.shape() == b.shape() && a.strides() == b.strides();
}

Tensor plain(const Tensor& t) { return t.detach().contiguous(); }

}  // namespace

LoadedModel loaded_of(const Program& p, const std::string& name) {
  LoadedModel m;
  m.module.format = "captured";
  m.module.path = name;
  m.module.weights = p.weights;
  m.module.methods.emplace("forward", p.graph.clone());
  return m;
}

std::shared_ptr<OptimizedModel> quick_engine(const Program& p, const std::string& name) {
  OptimizeOptions o;
  o.tune = o.gate = false;
  return optimize(loaded_of(p, name), o);
}

// ---- what is saved ----------------------------------------------------------------------------------------------

std::string SavedModule::name_of(const Tensor& t) const {
  for (const SavedTensor& s : tensors)
    if (is_one(s.tensor, t)) return s.name;
  return "";
}

void SavedModule::replace(const std::string& name, const Tensor& with) {
  const auto at = std::find_if(tensors.begin(), tensors.end(), [&](const SavedTensor& t) { return t.name == name; });
  if (at == tensors.end()) fail(ErrorCode::not_found, "jit: the module has no tensor '", name, "'");
  const Tensor old = at->tensor;
  for (SavedTensor& t : tensors)
    if (is_one(t.tensor, old)) t.tensor = with;
  for (auto& [method, forms] : methods)
    for (SavedForm& f : forms) {
      for (capture::Seen& s : f.program.seen)
        if (is_one(s.tensor, old)) s.tensor = with, s.version = with.storage()->version();
      for (capture::State& s : f.program.states)
        if (is_one(s.tensor, old)) s.tensor = with;
    }
}

void SavedModule::add(const std::string& method, SavedForm form) {
  std::map<std::string, std::string> now;  // what the program calls it -> what the file calls it
  const auto named = [&](const Tensor& t, const std::string& wanted) {
    std::string name = name_of(t);
    if (!name.empty()) return name;
    const auto taken = [&](const std::string& n) {
      return std::any_of(tensors.begin(), tensors.end(), [&](const SavedTensor& s) { return s.name == n; });
    };
    name = wanted;
    for (int n = 2; taken(name); ++n) name = str(wanted, "_", n);
    tensors.push_back({name, t, t.requires_grad(), true});
    return name;
  };
  auto weights = std::make_shared<ir::Weights>();
  std::vector<capture::Seen> seen;
  for (capture::Seen& s : form.program.seen) {
    if (s.weight.empty()) {
      if (!name_of(s.tensor).empty()) seen.push_back(s);
      continue;
    }
    const std::string name = named(s.tensor, s.weight);
    now[s.weight] = name;
    weights->emplace(name, plain(s.tensor));
    s.weight = name;
    seen.push_back(s);
  }
  form.program.seen = std::move(seen);
  for (capture::State& s : form.program.states) now["state." + s.name] = s.name = named(s.tensor, s.name);
  for (ir::Node* n = form.program.graph.first(); n; n = n->next) {
    if (!n->is("weight")) continue;
    const std::string name = n->attrs.get_string("name");
    const auto at = now.find(name);
    if (at == now.end()) {  // of a model that became a part of the program: no tensor of the user's
      const Tensor t = form.program.weights->at(name);
      now[name] = named(t, name);
      weights->emplace(now[name], t);
      form.program.seen.push_back({t, now[name], t.storage()->version()});
    }
    n->attrs = n->attrs.with({{"name", now[name]}});
  }
  for (Value v : form.program.graph.inputs())
    if (const auto at = now.find(form.program.graph.name(v)); at != now.end() && at->first.starts_with("state."))
      form.program.graph.set_name(v, "state." + at->second);
  form.program.weights = std::move(weights);
  methods[method].push_back(std::move(form));
}

// ---- structures -------------------------------------------------------------------------------------------------

namespace {

class Structure {
 public:
  explicit Structure(const std::string& where) : where_(where) {}
  size_t count = 0;
  void walk(const json& j, int depth) {
    require(depth < 64, "is deeper than 64");
    require(j.is_object() && !j.empty(), "holds something that is no object");
    if (j.contains("t")) {
      const std::string form = j.value("form", "");  // what the place holds in Python: a tensor, a number, a list
      static const std::set<std::string> forms{"",
                                               "int",
                                               "float",
                                               "bool",
                                               "list",
                                               "list of numbers",
                                               "tuple",
                                               "tuple of numbers",
                                               "optional",
                                               "optional int",
                                               "optional float",
                                               "optional bool"};
      require(forms.count(form) > 0, "is no form of a result");
      require(j.size() == (j.contains("form") ? 2 : 1) && j["t"].is_number_unsigned() && j["t"].get<size_t>() == count,
              "does not number its tensors in order");
      ++count;
    } else if (j.contains("rows")) {
      require(j.size() == 1, "has a list of tuples with more than their form");
      walk(j["rows"], depth + 1);
    } else if (j.contains("switch")) {
      require(j.size() == 2 && j["switch"].is_number_unsigned() && j["switch"].get<size_t>() == count++,
              "does not number its tensors in order");
      require(j.contains("ways") && j["ways"].is_array() && !j["ways"].empty(), "has a switch without ways");
      for (const json& e : j["ways"]) walk(e, depth + 1);
    } else if (j.contains("c")) {
      require(j.size() == 1 && j["c"].is_primitive(), "has a constant that is no number, text or null");
    } else if (j.contains("f")) {
      require(j.size() == 1 && (j["f"] == "nan" || j["f"] == "inf" || j["f"] == "-inf"), "has an unknown number");
    } else if (j.contains("dict")) {
      require(j.size() == 1 && j["dict"].is_array(), "has a dict that is no list");
      for (const json& e : j["dict"]) {
        require(e.is_array() && e.size() == 2 && e[0].is_primitive(), "has a dict whose entries are no pairs");
        walk(e[1], depth + 1);
      }
    } else if (j.contains("list") || j.contains("tuple")) {
      const json& items = j.contains("list") ? j["list"] : j["tuple"];
      require(j.size() == 1 && items.is_array(), "has a list that is none");
      for (const json& e : items) walk(e, depth + 1);
    } else {
      require((j.contains("namedtuple") || j.contains("dataclass")) && j.size() == 3 && j.contains("fields") &&
                  j.contains("items"),
              "holds an unknown kind of object");
      require((j.contains("namedtuple") ? j["namedtuple"] : j["dataclass"]).is_string() && j["fields"].is_array() &&
                  j["items"].is_array() && j["fields"].size() == j["items"].size(),
              "has fields that do not fit");
      for (const json& f : j["fields"]) require(f.is_string(), "has a field without a name");
      for (const json& e : j["items"]) walk(e, depth + 1);
    }
  }

 private:
  void require(bool ok, const char* what) const {
    if (!ok) fail(ErrorCode::corrupt_file, where_, " ", what);
  }
  const std::string& where_;
};

}  // namespace

size_t check_structure(const std::string& text, const std::string& where) {
  const json j = json::parse(text, nullptr, false);
  Structure s(where);
  s.walk(j, 0);
  return s.count;
}

namespace {
void collect_constants(const json& j, std::vector<std::string>& out) {
  if (j.is_object()) {
    if (j.contains("c")) return out.push_back(j["c"].dump());
    if (j.contains("f")) return out.push_back(j["f"].get<std::string>());
    for (const char* kind : {"list", "tuple", "items"})
      if (j.contains(kind))
        for (const json& e : j[kind]) collect_constants(e, out);
    if (j.contains("dict"))
      for (const json& e : j["dict"]) collect_constants(e[1], out);
  }
}
}  // namespace

std::vector<std::string> constants_of(const std::string& text) {
  check_structure(text, "jit: a structure");
  std::vector<std::string> out;
  collect_constants(json::parse(text), out);
  return out;
}
std::string number_text(double v) {
  return std::isnan(v) ? "nan" : std::isinf(v) && v > 0 ? "inf" : std::isinf(v) ? "-inf" : json(v).dump();
}
std::string string_text(const std::string& s) { return json(s).dump(-1, ' ', false, json::error_handler_t::replace); }

// ---- writing ----------------------------------------------------------------------------------------------------

namespace {

json form_to_json(const SavedModule& m, const SavedForm& f, size_t number) {
  json states = json::array(), weights = json::array(), constants = json::array();
  for (const capture::State& s : f.program.states) states.push_back(s.name);
  for (const capture::Seen& s : f.program.seen) {
    if (s.weight.empty())
      constants.push_back(m.name_of(s.tensor));
    else
      weights.push_back(s.weight);
  }
  json passed = json::array();
  for (const auto& [k, i] : f.passed) passed.push_back({k, i});
  json j = {{"graph", str("graphs/", number, ".nir")},
            {"arguments", f.arguments},
            {"results", f.results},
            {"mode", f.mode},
            {"autocast", f.autocast},
            {"draws", f.draws},
            {"own_generator", f.own_generator},
            {"passed", std::move(passed)},
            {"changed_inputs", f.program.changed_inputs},
            {"guards", f.program.guards},
            {"states", std::move(states)},
            {"weights", std::move(weights)},
            {"constants", std::move(constants)},
            {"golden", f.golden.size()}};
  if (f.effects()) j["effects"] = {{"prints", f.prints}, {"counted", f.counted}};
  return j;
}

}  // namespace

void save_module(const SavedModule& m, const std::string& path) {
  ir::Weights stored, golden;
  json tensors = json::array();
  std::set<std::string> names;
  for (const SavedTensor& t : m.tensors) {
    check(names.insert(t.name).second, "jit.save: two tensors are called '", t.name, "'");
    const std::string key = m.name_of(t.tensor);
    stored.emplace(key, plain(t.tensor));
    tensors.push_back({{"name", t.name},
                       {"tensor", key},
                       {"parameter", t.parameter},
                       {"trainable", t.tensor.requires_grad()},
                       {"persistent", t.persistent}});
  }
  std::map<std::string, std::string> members;
  json methods = json::object();
  size_t number = 0;
  int least_version = 2;  // the oldest readers that can have it
  for (const auto& [method, forms] : m.methods)
    for (const SavedForm& f : forms) {
      least_version = std::max(least_version, f.results.find("\"switch\"") != std::string::npos ||
                                                      f.results.find("\"rows\"") != std::string::npos
                                                  ? 4
                                              : f.effects() > 0 ? 3
                                                                : 2);
      methods[method].push_back(form_to_json(m, f, number));
      members[str("graphs/", number, ".nir")] = ir::print(f.program.graph, "forward");
      for (size_t k = 0; k < f.golden.size(); ++k) {
        const auto& [in, out] = f.golden[k];
        for (size_t i = 0; i < in.size(); ++i) golden[str(number, ".", k, ".in.", i)] = plain(in[i]);
        for (size_t i = 0; i < out.size(); ++i) golden[str(number, ".", k, ".out.", i)] = plain(out[i]);
      }
      ++number;
    }
  members["weights.safetensors"] = write_safetensors(stored, 64);
  members["golden/samples.safetensors"] = write_safetensors(golden, 64);
  json digests = json::object(), versions = json::object();
  for (const auto& [name, bytes] : members) digests[name] = sha256_hex(bytes);
  for (const OpDef* op : all_ops())
    if (op->info.version != 1) versions[std::string(op->info.name)] = op->info.version;
  json manifest = {{"format", "neve"},
                   {"format_version", least_version},
                   {"kind", "module"},
                   {"neve", version()},
                   {"op_versions", versions},
                   {"type", m.type},
                   {"training", m.training},
                   {"properties", m.properties},
                   {"tensors", std::move(tensors)},
                   {"methods", std::move(methods)},
                   {"signatures", m.signatures},
                   {"sha256", std::move(digests)}};
  manifest["manifest_sha256"] = digest_of(manifest);
  AtomicFile file(path);
  ZipWriter zip(file);
  zip.add("manifest.json", manifest.dump(1, ' ', false, json::error_handler_t::replace));
  for (const auto& [name, bytes] : members) zip.add(name, bytes);
  zip.finish();
  file.commit();
}

// ---- reading ----------------------------------------------------------------------------------------------------

namespace {

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path), zip_(MappedFile::open(path)) {}

  SavedModule read() {
    const std::string_view text = text_of(zip_.get("manifest.json"));
    json manifest = parse_manifest(text);
    require(manifest.is_object() && manifest.value("format", "") == "neve" &&
                !has_fraction(manifest.value("format_version", json())),
            "its manifest is not one of a .neve archive");
    const auto found = manifest.value("format_version", int64_t(0));
    if (found > format_version)
      fail(ErrorCode::unsupported, "load: '", path_, "' has format version ", found, " (this Neve reads up to ",
           format_version, "; a newer one wrote it)");
    require(manifest.value("kind", "") == "module", "it holds an engine, no module (neve.load reads it)");
    require(!has_fraction(manifest), "a number in its manifest is no whole number");
    const std::string own = manifest.at("manifest_sha256");
    manifest.erase("manifest_sha256");
    require(digest_of(manifest) == own, "its manifest is not as it was written (its SHA-256 differs)");
    check_digests(manifest.at("sha256"));
    m_.type = manifest.at("type");
    m_.training = manifest.at("training");
    m_.properties = manifest.at("properties");
    check_versions(manifest.at("op_versions"));
    read_tensors(manifest.at("tensors"));
    golden_ = read_safetensors(zip_.get("golden/samples.safetensors"), zip_.file(),
                               str("load: '", path_, "': golden samples"));
    size_t count = 0;
    const json& methods = manifest.at("methods");
    require(methods.is_object() && !methods.empty(), "it has no method");
    for (const auto& [method, forms] : methods.items()) {
      require(forms.is_array() && !forms.empty(), str("its method '", method, "' has no form"));
      for (const json& f : forms) {
        require(++count <= most_forms, str("it has more than ", most_forms, " forms"));
        form_ = str("method '", method, "' form ", m_.methods[method].size());
        m_.methods[method].push_back(read_form(f, count - 1));
      }
    }
    form_ = "";
    if (manifest.contains("signatures"))
      for (const auto& [method, parameters] : manifest["signatures"].items()) {
        require(m_.methods.count(method) && parameters.is_string(), "it has the signature of a method that it has not");
        m_.signatures[method] = parameters;
      }
    const KeyParts mark = verified_parts(sha256_hex(text));
    if (!is_verified(mark)) {
      self_test();
      remember_verified(mark);
    }
    return std::move(m_);
  }

 private:
  [[noreturn]] void corrupt(const std::string& what) const {
    fail(ErrorCode::corrupt_file, "load: '", path_, "': ", what);
  }
  void require(bool ok, const std::string& what) const {
    if (!ok) corrupt(form_.empty() ? what : str(form_, ": ", what));
  }

  void check_digests(const json& digests) {
    for (const auto& [name, digest] : digests.items())
      require(sha256_hex(text_of(zip_.get(name))) == digest.get<std::string>(),
              str("member '", name, "' is not what the manifest says (its SHA-256 differs)"));
    for (const std::string& name : zip_.names())
      require(name == "manifest.json" || digests.contains(name), str("member '", name, "' is not in the manifest"));
  }

  void check_versions(const json& versions) const {
    for (const auto& [name, v] : versions.items()) {
      const auto all = all_ops();
      const auto at = std::find_if(all.begin(), all.end(), [&](const OpDef* op) { return op->info.name == name; });
      if (at != all.end() && v.get<int64_t>() > (*at)->info.version)
        fail(ErrorCode::unsupported, "load: '", path_, "' has version ", v.get<int64_t>(), " of op ", name,
             " (this Neve knows ", (*at)->info.version, "; a newer one wrote it)");
    }
  }

  void read_tensors(const json& list) {
    const auto stored =
        read_safetensors(zip_.get("weights.safetensors"), zip_.file(), str("load: '", path_, "': weights"));
    std::map<std::string, Tensor> made;
    for (const json& j : list) {
      const std::string name = j.at("name"), key = j.at("tensor");
      require(!name.empty() && name.size() < 4096, "a tensor has no name");
      const auto at = stored.find(key);
      require(at != stored.end(), str("tensor '", name, "' has no bytes"));
      Tensor& t = made[key];
      const bool first = !t.defined();
      if (first) t = at->second.clone();
      if (j.at("trainable").get<bool>()) {
        require(is_float(t.dtype()), str("tensor '", name, "' is trained, and is ", to_string(t.dtype())));
        if (first) t.set_requires_grad();
      }
      require(by_name_.emplace(name, t).second, str("two tensors are called '", name, "'"));
      m_.tensors.push_back({name, t, j.at("parameter"), j.at("persistent")});
    }
    require(made.size() == stored.size(), "its weights hold tensors that nothing names");
  }

  const Tensor& tensor(const json& name) const {
    const auto at = by_name_.find(name.get<std::string>());
    require(at != by_name_.end(), str("it has no tensor '", name.get<std::string>(), "'"));
    return at->second;
  }

  void check_weights(const ir::Graph& g, const ir::Weights& weights) const {
    for (const ir::Node* n = g.first(); n; n = n->next) {
      for (const auto& r : n->regions) check_weights(*r, weights);
      if (!n->is("weight")) continue;
      const std::string name = n->attrs.get_string("name");
      const auto at = weights.find(name);
      require(at != weights.end(), str("its graph names weight '", name, "', which it does not list"));
      require(g.type(n->out[0]) == TensorType{at->second.dtype(), to_shape(at->second)},
              str("weight '", name, "' has another type in the graph"));
    }
  }
  static Shape to_shape(const Tensor& t) { return Shape(t.shape().begin(), t.shape().end()); }

  SavedForm read_form(const json& j, size_t number) {
    SavedForm f;
    Program& p = f.program;
    p.graph = ir::parse(text_of(zip_.get(j.at("graph").get<std::string>())));
    f.arguments = j.at("arguments"), f.results = j.at("results");
    f.mode = j.at("mode"), f.autocast = j.at("autocast");
    require(f.mode.empty() || f.mode == "train" || f.mode == "eval", "its mode is neither train nor eval");
    f.draws = j.at("draws").get<std::vector<int64_t>>();
    f.own_generator = j.at("own_generator").get<std::vector<bool>>();
    require(f.own_generator.size() == f.draws.size(), "its generators do not fit its draws");
    if (j.contains("effects")) {
      const json& e = j["effects"];
      f.prints = e.at("prints"), f.counted = e.at("counted").get<std::vector<size_t>>();
      if (!f.prints.empty()) prints_of(f.prints, str("load: '", path_, "': ", form_));
      for (size_t n = 0; n < f.counted.size(); ++n)
        require(f.counted[n] < f.draws.size() && (n == 0 || f.counted[n] > f.counted[n - 1]),
                "it counts the numbers of a generator that it has not");
    }
    for (size_t n = 0; n < f.draws.size(); ++n) {
      const bool counted = std::find(f.counted.begin(), f.counted.end(), n) != f.counted.end();
      require(counted ? f.draws[n] == 0 : f.draws[n] > 0 && f.draws[n] < (int64_t(1) << 40),
              "it draws an impossible count of numbers");
    }
    p.changed_inputs = j.at("changed_inputs").get<std::vector<size_t>>();
    p.guards = j.at("guards").get<std::vector<std::pair<std::string, std::string>>>();
    p.weights = std::make_shared<ir::Weights>();
    for (const json& name : j.at("weights")) {
      const Tensor& t = tensor(name);
      p.weights->emplace(name.get<std::string>(), t.detach());
      p.seen.push_back({t, name.get<std::string>(), t.storage()->version()});
    }
    for (const json& name : j.at("constants")) p.seen.push_back({tensor(name), "", tensor(name).storage()->version()});
    check_weights(p.graph, *p.weights);
    check_ports(f, j.at("states"), j.at("passed"));
    read_golden(f, j.at("golden"), number);
    return f;
  }

  // Inputs: the caller's, buffers, keys and counters. Outputs: results, changed inputs, buffers.
  void check_ports(SavedForm& f, const json& states, const json& passed) const {
    Program& p = f.program;
    const ir::Graph& g = p.graph;
    const size_t arguments =
        check_structure(f.arguments, str("load: '", path_, "': ", form_, ": its arguments' structure"));
    const size_t results = check_structure(f.results, str("load: '", path_, "': ", form_, ": its results' structure"));
    require(g.inputs().size() == arguments + states.size() + 2 * f.draws.size(),
            "its graph takes another number of inputs than its arguments, buffers and draws");
    require(g.outputs().size() == results + f.effects() + p.changed_inputs.size() + states.size(),
            "its graph has another number of outputs than its results and buffers");
    for (size_t k = 0; k < f.effects(); ++k) {
      const bool log = k == 0 && !f.prints.empty();
      const TensorType& t = g.type(g.outputs()[results + k]);
      require(t.dtype == (log ? DType::f64 : DType::i64) && t.rank() == (log ? 1 : 0), "an effect has another type");
    }
    std::map<std::string, size_t> inputs;
    for (size_t i = 0; i < g.inputs().size(); ++i)
      require(inputs.emplace(g.name(g.inputs()[i]), i).second || i < arguments, "two of its inputs have one name");
    const auto own = [&](const std::string& name, const TensorType& type) {
      const auto at = inputs.find(name);
      require(at != inputs.end() && at->second >= arguments, str("its graph has no input '", name, "'"));
      require(g.type(g.inputs()[at->second]) == type, str("input '", name, "' of its graph has another type"));
      return at->second;
    };
    const size_t first_changed = results + f.effects();
    size_t output = first_changed + p.changed_inputs.size();
    for (const json& name : states) {
      const Tensor& t = tensor(name);
      const TensorType type{t.dtype(), to_shape(t)};
      const size_t input = own("state." + name.get<std::string>(), type);
      require(g.type(g.outputs()[output]) == type, "a buffer gets another type");
      p.states.push_back({t, name.get<std::string>(), input, output++});
    }
    for (size_t n = 0; n < f.draws.size(); ++n)
      for (const char* what : {".key", ".counter"}) own(str("random.", n, what), {DType::i64, {1}});
    for (size_t k = 0; k < p.changed_inputs.size(); ++k) {
      require(p.changed_inputs[k] < arguments, "it changes an input that it has not");
      const TensorType &a = g.type(g.inputs()[p.changed_inputs[k]]), &b = g.type(g.outputs()[first_changed + k]);
      require(a.dtype == b.dtype && a.rank() == b.rank(), "an input that it changes gets another type");
    }
    for (const json& e : passed) {
      require(e.is_array() && e.size() == 2 && e[0].get<size_t>() < results && e[1].get<size_t>() < arguments,
              "it passes on what it has not");
      f.passed[e[0].get<size_t>()] = e[1].get<size_t>();
    }
  }

  void read_golden(SavedForm& f, const json& count, size_t number) const {
    const ir::Graph& g = f.program.graph;
    const auto get = [&](const std::string& name, const TensorType& type) {
      const auto at = golden_.find(name);
      require(at != golden_.end(), "a golden sample is missing");
      require(at->second.dtype() == type.dtype && at->second.rank() == type.rank(), "a golden sample has another type");
      return at->second;
    };
    require(count.get<size_t>() <= 64, "it has more than 64 golden samples");
    for (size_t k = 0; k < count.get<size_t>(); ++k) {
      auto& [in, out] = f.golden.emplace_back();
      for (size_t i = 0; i < g.inputs().size(); ++i)
        in.push_back(get(str(number, ".", k, ".in.", i), g.type(g.inputs()[i])));
      for (size_t i = 0; i < g.outputs().size(); ++i)
        out.push_back(get(str(number, ".", k, ".out.", i), g.type(g.outputs()[i])));
    }
  }

  void self_test() const {
    for (const auto& [method, forms] : m_.methods)
      for (const SavedForm& f : forms) {
        if (f.golden.empty()) continue;
        runtime::SessionCore session(quick_engine(f.program, method)->core);
        for (const auto& [in, out] : f.golden) {
          std::vector<Tensor> y;
          session.run(in, y);
          for (size_t i = 0; i < y.size(); ++i) {
            const OutputVerdict v = compare(y[i], out[i], {1e-3, 1e-5}, true);
            if (!v.ok)
              fail(ErrorCode::internal, "load: '", path_, "': the self-test fails on this machine: output ", i,
                   " of method '", method, "' differs by ", v.max_difference, " at element ", v.worst_index, ": ",
                   v.got, " for ", v.expected, " (at most ", v.allowed, " is allowed)");
          }
        }
      }
  }

  std::string path_, form_;
  ZipReader zip_;
  SavedModule m_;
  std::map<std::string, Tensor> by_name_;
  std::map<std::string, Tensor, std::less<>> golden_;
};

}  // namespace

SavedModule load_module(const std::string& path) {
  Reader reader(path);
  try {
    return reader.read();
  } catch (const json::exception& e) {
    fail(ErrorCode::corrupt_file, "load: '", path, "': its manifest is not as it should be: ", e.what());
  }
}

LoadedModel load_as_model(const std::string& path) {
  const SavedModule m = load_module(path);
  auto at = m.methods.find("forward");
  if (at == m.methods.end() && m.methods.size() == 1) at = m.methods.begin();
  if (at == m.methods.end())
    fail(ErrorCode::unsupported, "load: '", path,
         "' has several methods, none of them 'forward' (jit.load gives them)");
  const SavedForm* form = nullptr;
  for (const SavedForm& f : at->second)
    if (!form || (form->mode == "train" && f.mode != "train")) form = &f;
  if (!form->program.states.empty() || !form->draws.empty() || form->effects())
    fail(ErrorCode::unsupported, "load: '", path, "': method '", at->first,
         "' changes buffers, draws random numbers or prints (jit.load gives the module; save it in evaluation mode for "
         "engines)");
  LoadedModel made = loaded_of(form->program, path);
  made.module.format = "neve";
  return made;
}

bool is_module_archive(const std::string& path) {
  if (!is_archive(path)) return false;
  const ZipReader zip(MappedFile::open(path));
  const json manifest = parse_manifest(text_of(zip.get("manifest.json")));
  return manifest.is_object() && manifest.contains("kind") && manifest["kind"] == "module";
}

}  // namespace neve::jit
