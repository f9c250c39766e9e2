// The floor under ResNet-50: its 53 convolutions bare through oneDNN, one after the other, each with its own weights.
//
//     build/bin/bench-convs [--batch N,N,...] [--seconds S] [--json FILE]        threads: OMP_NUM_THREADS
//
// Bias, relu and the residual sum are post-ops; layouts are oneDNN's choice, and reorders are not timed: what a whole
// network takes beyond this figure is pooling, the classifier, reorders and overhead. bench/run.py divides the
// network's time by it.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

using dnnl::memory;
using Clock = std::chrono::steady_clock;

struct Layer {
  int in_channels, out_channels, kernel, stride, size;  // size: of the input, square
  bool relu, sum;
};

// torchvision's layout (v1.5): the stride sits in the 3x3 of a block's first bottleneck, and in its shortcut.
std::vector<Layer> resnet50_layers() {
  std::vector<Layer> layers{{3, 64, 7, 2, 224, true, false}};
  struct Stage {
    int width, blocks, stride;
  };
  int channels = 64, size = 56;
  for (const Stage& stage : {Stage{64, 3, 1}, Stage{128, 4, 2}, Stage{256, 6, 2}, Stage{512, 3, 2}}) {
    for (int block = 0; block < stage.blocks; ++block) {
      const int stride = block == 0 ? stage.stride : 1, out = size / stride;
      layers.push_back({channels, stage.width, 1, 1, size, true, false});
      layers.push_back({stage.width, stage.width, 3, stride, size, true, false});
      if (block == 0) layers.push_back({channels, stage.width * 4, 1, stride, size, false, false});
      layers.push_back({stage.width, stage.width * 4, 1, 1, out, true, true});
      channels = stage.width * 4;
      size = out;
    }
  }
  return layers;
}

/// Memory filled with small values of both signs: untouched zero pages and denormals would flatter the figure.
memory filled(const memory::desc& desc, const dnnl::engine& engine) {
  memory m(desc, engine);
  auto* values = static_cast<float*>(m.get_data_handle());
  for (size_t i = 0; i < desc.get_size() / sizeof(float); ++i) values[i] = 0.01f * (float(i % 11) - 5.0f);
  return m;
}

struct Step {
  dnnl::convolution_forward primitive;
  std::unordered_map<int, memory> arguments;
  std::string implementation;
  double flops = 0;
};

Step make_step(const Layer& layer, int batch, const dnnl::engine& engine) {
  const auto any = memory::format_tag::any;
  const auto f32 = memory::data_type::f32;
  const int pad = layer.kernel / 2, out = (layer.size + 2 * pad - layer.kernel) / layer.stride + 1;
  dnnl::post_ops after;
  if (layer.sum) after.append_sum(1.0f);
  if (layer.relu) after.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(after);
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::convolution_forward::primitive_desc desc(
      engine, dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
      {{batch, layer.in_channels, layer.size, layer.size}, f32, any},
      {{layer.out_channels, layer.in_channels, layer.kernel, layer.kernel}, f32, any},
      {{layer.out_channels}, f32, memory::format_tag::a}, {{batch, layer.out_channels, out, out}, f32, any},
      {layer.stride, layer.stride}, {pad, pad}, {pad, pad}, attributes);
  Step step;
  step.primitive = dnnl::convolution_forward(desc);
  step.arguments = {{DNNL_ARG_SRC, filled(desc.src_desc(), engine)},
                    {DNNL_ARG_WEIGHTS, filled(desc.weights_desc(), engine)},
                    {DNNL_ARG_BIAS, filled(desc.bias_desc(), engine)},
                    {DNNL_ARG_DST, filled(desc.dst_desc(), engine)},
                    {DNNL_ARG_SCRATCHPAD, memory(desc.scratchpad_desc(), engine)}};
  step.implementation = desc.impl_info_str();
  step.flops = 2.0 * batch * out * out * layer.out_channels * layer.in_channels * layer.kernel * layer.kernel;
  return step;
}

struct Times {
  double min_ms, median_ms;
  size_t count;
};

Times measure(std::vector<Step>& steps, dnnl::stream& stream, double seconds) {
  const auto run = [&] {
    for (Step& step : steps) step.primitive.execute(stream, step.arguments);
    stream.wait();
  };
  run();
  run();
  std::vector<double> ms;
  const auto start = Clock::now();
  do {
    const auto before = Clock::now();
    run();
    ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - before).count());
  } while (ms.size() < 5 || std::chrono::duration<double>(Clock::now() - start).count() < seconds);
  std::sort(ms.begin(), ms.end());
  return {ms.front(), ms[ms.size() / 2], ms.size()};
}

int usage() {
  std::fputs("usage: bench-convs [--batch N,N,...] [--seconds S] [--json FILE]\n", stderr);
  return 2;
}

std::vector<int> parse_batches(const char* text) {
  std::vector<int> batches;
  for (char* end = nullptr; *text; text = *end == ',' ? end + 1 : end) {
    const long n = std::strtol(text, &end, 10);
    if (end == text || n < 1 || n > 4096 || (*end != ',' && *end != 0)) return {};
    batches.push_back(int(n));
  }
  return batches;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<int> batches{1, 3, 5, 7, 9};
  double seconds = 2.0;
  const char* json = nullptr;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) return usage();
    if (name == "--batch")
      batches = parse_batches(argv[i + 1]);
    else if (name == "--seconds")
      seconds = std::atof(argv[i + 1]);
    else if (name == "--json")
      json = argv[i + 1];
    else
      return usage();
  }
  if (batches.empty() || seconds <= 0) return usage();

  const dnnl_version_t* version = dnnl_version();
  std::printf("oneDNN %d.%d.%d\n", version->major, version->minor, version->patch);
  std::string rows;
  try {
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    dnnl::stream stream(engine);
    for (const int batch : batches) {
      std::vector<Step> steps;
      double flops = 0;
      for (const Layer& layer : resnet50_layers()) {
        steps.push_back(make_step(layer, batch, engine));
        flops += steps.back().flops;
      }
      const Times t = measure(steps, stream, seconds);
      std::printf("batch %d: %zu convolutions, median %.2f ms, min %.2f ms, %.0f GFLOP/s\n", batch, steps.size(),
                  t.median_ms, t.min_ms, flops / t.median_ms / 1e6);
      char row[160];
      std::snprintf(row, sizeof row, R"(%s{"batch": %d, "n": %zu, "min_ms": %.4f, "median_ms": %.4f})",
                    rows.empty() ? "" : ", ", batch, t.count, t.min_ms, t.median_ms);
      rows += row;
    }
  } catch (const dnnl::error& error) {
    std::fprintf(stderr, "bench-convs: oneDNN: %s\n", error.what());
    return 1;
  }
  if (json) {
    FILE* file = std::fopen(json, "w");
    if (!file) {
      std::fprintf(stderr, "bench-convs: cannot write %s: %s\n", json, std::strerror(errno));
      return 1;
    }
    std::fprintf(file, "{\"onednn\": \"%d.%d.%d\", \"runs\": [%s]}\n", version->major, version->minor, version->patch,
                 rows.c_str());
    std::fclose(file);
  }
  return 0;
}
