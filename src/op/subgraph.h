// A piece of a graph as plain data: what kernels are asked with, what a plan stores, what the reference can run.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/tensor_type.h"
#include "op/attrs.h"

namespace neve {

struct Subgraph;

struct SubgraphNode {
  const OpDef* op = nullptr;
  Attrs attrs;
  std::vector<int32_t> in;  ///< value numbers; -1: absent
  std::vector<int32_t> out;
  std::vector<std::shared_ptr<const Subgraph>> regions;
  std::string name;  ///< source name, for reports and errors
};

/// Where an input of a subgraph comes from.
enum class InputRole : uint8_t {
  activation,  ///< other at every call
  weight,      ///< the same for every call until the weights change; may be packed
  constant,    ///< known now: see `constants`
};

struct Subgraph {
  std::vector<TensorType> types;  ///< by value number
  std::vector<Facts> facts;       ///< by value number; may be shorter
  std::vector<int32_t> inputs, outputs;
  std::vector<InputRole> roles;     ///< per input
  std::vector<Tensor> constants;    ///< per input; defined where the role is constant
  std::vector<SubgraphNode> nodes;  ///< in topological order

  int32_t add_value(TensorType t) {
    types.push_back(std::move(t));
    return int32_t(types.size()) - 1;
  }
};

}  // namespace neve
