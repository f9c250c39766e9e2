// The subcommands, and what they share.
#pragma once
#include <neve/neve.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace neve::cli {

void add_optimize(CLI::App& app, int& status);
void add_run(CLI::App& app, int& status);
void add_bench(CLI::App& app, int& status);
void add_inspect(CLI::App& app, int& status);
void add_cache(CLI::App& app, int& status);

/// A whole number (or, with `fraction`, any) of at least `least`, refused in words otherwise.
CLI::Validator at_least(double least, bool fraction = false);

/// Options that neve optimize and neve cache why-miss have in common, and what they say.
struct CommonOptions {
  std::vector<std::string> ranges, passes, ops, kernels;
  std::string tactic;
  int min_region = 1, threads = 0;
};
void add_common(CLI::App& command, CommonOptions& o);
void apply(const CommonOptions& o, OptimizeOptions& x);
/// --tactic, for every subcommand that makes an engine.
void add_tactic(CLI::App& command, std::string& name);
/// Where a forced tactic was taken and where it refused, from the engine's report; nothing where none is forced.
std::string tactic_text(const Engine& engine);

/// Which model, and what its file leaves unsaid: the same options for every subcommand that reads one.
struct ModelOptions {
  std::string model;
  std::vector<std::string> input_shapes, input_values, sequence_lengths;
  int64_t opset = 0;
};
void add_model(CLI::App& command, ModelOptions& o, const char* what = "The model (.onnx) or archive (.neve)");
Model load_model(const ModelOptions& o);

/// Reads and writes .npy; reads the members of .npz. @throws Error{corrupt_file | unsupported | io}
Tensor read_npy(const std::string& path);
NamedTensors read_npz(const std::string& path);
void write_npy(const std::string& path, const Tensor& t);
/// A folder of NAME.npy (one sample) or of such folders, or one .npz. @throws Error
std::vector<NamedTensors> read_samples(const std::string& path);
/// "1x3x224x224" -> sizes
Sizes parse_sizes(const std::string& text);
std::string sizes_text(const Sizes& s);
/// "x=1x3x224x224;mask=1x16", as one --shape says it. @throws Error{invalid_argument}
NamedSizes parse_shape(const std::string& text);
/// Inputs with sizes for every dim: what `named` gives, else what the model states, else 1.
std::vector<Sizes> sizes_for(const std::vector<PortInfo>& ports, const NamedSizes& named);
/// Seeded values that suit the dtype.
std::vector<Tensor> random_inputs(const std::vector<PortInfo>& ports, const std::vector<Sizes>& sizes);
/// NAME=VALUE; the name ends at the last '='. @throws Error{invalid_argument}
std::pair<std::string, std::string> split_pair(const std::string& text, const char* option);
/// The engine of a file: the archive's, or one made now for the sizes that the model states.
/// @throws Error{unsupported} for a tactic and an archive, whose kernels are chosen
Engine engine_for(const Model& model, int threads, const std::vector<Range>& ranges, bool quiet,
                  const std::string& tactic = "");
/// From now on Ctrl-C and SIGTERM stop the work where it next asks (check_interrupt), so that nothing half written
/// stays; a second one ends the process there and then.
void watch_signals();
/// The signal that came, or 0.
int signal_seen();
/// A bar on a terminal, and the signals: what OptimizeOptions::progress wants.
std::function<bool(double, const std::string&)> progress_bar(bool quiet);

}  // namespace neve::cli
