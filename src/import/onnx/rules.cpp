// The rule table, joined from its families.
#include "import/onnx/rules.h"

#include <map>

namespace neve::import {

std::span<const Rule> all_rules() {
  static const std::vector<Rule> rules = [] {
    std::vector<Rule> r;
    for (const auto& family : {elementwise_rules(), reduction_rules(), tensor_rules(), network_rules(), quant_rules(),
                               control_rules(), contrib_rules()})
      r.insert(r.end(), family.begin(), family.end());
    return r;
  }();
  return rules;
}

const Rule* find_rule(std::string_view domain, std::string_view name) {
  static const auto index = [] {
    std::map<std::pair<std::string_view, std::string_view>, const Rule*> m;
    for (const Rule& r : all_rules()) m[{r.domain, r.name}] = &r;
    return m;
  }();
  const auto it = index.find({domain, name});
  return it == index.end() ? nullptr : it->second;
}

}  // namespace neve::import
