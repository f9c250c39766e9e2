// Another runtime, timed in a process of its own: a Python that has it, which waits while Neve runs.
#pragma once
#include <neve/neve.h>
#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

namespace neve::cli {

class Peer {
 public:
  /// Starts the process, which opens the model. `python` empty: $NEVE_PEERS_PYTHON, else python3 in PATH.
  /// @throws Error{not_found | unsupported | io} when there is no such Python, or it lacks onnxruntime, or that refuses
  /// the model.
  Peer(const std::string& python, const std::string& model, int threads);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  const std::string& name() const { return name_; }  ///< "onnxruntime 1.31.1"
  void set_inputs(const std::vector<PortInfo>& ports, const std::vector<Tensor>& in);
  /// Appends the milliseconds of each run; `first` is set at the first call after set_inputs.
  void time_runs(double seconds, double& first, std::vector<double>& ms);

 private:
  void close();
  std::string ask(const std::string& line);

  std::string python_, name_, folder_;
  pid_t pid_ = -1;
  FILE *to_ = nullptr, *from_ = nullptr;
};

}  // namespace neve::cli
