// Tensors by name as bytes: the safetensors format, written and read.
#pragma once
#include <neve/tensor.h>

#include <map>
#include <memory>
#include <span>
#include <string>

namespace neve {

/// @param alignment  of every tensor inside the data. Above 1 there are gaps between tensors, which other readers
/// refuse;
///     at 1 there are none, and the widest dtypes come first, so that elements are aligned nevertheless.
std::string write_safetensors(const std::map<std::string, Tensor, std::less<>>& tensors, uint64_t alignment = 1);

/// Tensors that view `bytes`, which `owner` keeps alive; they are read-only. Every byte is taken as hostile.
/// @param where  begins the message of an error
/// @throws Error{corrupt_file}
std::map<std::string, Tensor, std::less<>> read_safetensors(std::span<const std::byte> bytes,
                                                            const std::shared_ptr<const void>& owner,
                                                            const std::string& where);

}  // namespace neve
